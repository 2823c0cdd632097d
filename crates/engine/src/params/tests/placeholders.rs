use super::{BASE, input, map};
use crate::model::Property;
use crate::params::limits::{PLACEHOLDER_DEPTH_MAX, RESOLVED_LEN_MAX};
use crate::params::{ParamError, substitute};
use crate::time::Millis;
use crate::zone::Zone;
use std::collections::BTreeMap;

fn resolve(text: &str, entries: &[(&str, &str)]) -> Result<String, ParamError> {
    substitute(text, &map(entries), BASE, &Zone::UTC)
}

#[test]
fn names_are_replaced_inside_out_and_values_again() {
    let entries = [
        ("a", "1"),
        ("i", "2"),
        ("x2", "two"),
        ("b", "<${a}>"),
        ("c", "${b}${b}"),
        ("name", "a"),
        ("empty", ""),
    ];
    for (text, expected) in [
        ("${a}", "1"),
        ("-${a}-${i}-", "-1-2-"),
        ("${x${i}}", "two"),
        ("${c}", "<1><1>"),
        ("${${name}}", "1"),
        ("$${a}", "$1"),
        ("${empty}|", "|"),
        ("${unknown}", "${unknown}"),
        ("${x${a}}", "${x${a}}"),
        ("${unknown}${a}", "${unknown}1"),
        ("${ a }", "${ a }"),
        ("!{a}", "!{a}"),
        ("#{a}", "#{a}"),
        ("${a", "${a"),
        ("${a{b}", "${a{b}"),
        ("${a{}}", "${a{}}"),
        ("a}${a}}", "a}1}"),
        ("${}", "${}"),
        ("", ""),
        ("日${a}本", "日1本"),
    ] {
        assert_eq!(resolve(text, &entries).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn a_value_that_leads_back_to_itself_is_named() {
    for (entries, name) in [
        (vec![("a", "${a}")], "a"),
        (vec![("a", "${b}"), ("b", "x${a}")], "a"),
        (vec![("a", "${b}"), ("b", "${c}"), ("c", "${b}")], "b"),
    ] {
        let error = resolve("${a}", &entries).unwrap_err();
        assert_eq!(
            error,
            ParamError::Circular {
                name: name.to_owned()
            }
        );
        assert_eq!(
            error.to_string(),
            format!("Circular placeholder reference '{name}' in property definitions")
        );
    }
    assert_eq!(
        resolve("${a}${a}", &[("a", "1")]).as_deref(),
        Ok("11"),
        "twice is not a circle"
    );
}

#[test]
fn time_expressions_come_after_names() {
    let entries = [
        ("n", "7"),
        ("f", "yyyy"),
        ("d", "$[yyyyMMdd-${n}]"),
        ("bad", "$[nope]"),
    ];
    for (text, expected) in [
        ("$[yyyyMMdd]", "20220826"),
        ("a$[yyyy]b$[MM]c", "a2022b08c"),
        ("$[yyyyMMdd-${n}]", "20220819"),
        ("$[${f}]", "2022"),
        ("${d}", "20220819"),
        ("${bad}", "$[nope]"),
        ("$[yyyy", "$[yyyy"),
        ("$[]", "$[]"),
        ("$[a$[yyyy]]", "$[a2022]"),
        ("$[$yyyy]", "$[$yyyy]"),
        ("$[123]", "$[123]"),
        ("$[yyyy\\MM]", "202208"),
    ] {
        assert_eq!(resolve(text, &entries).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn the_base_is_system_datetime_or_now() {
    let text = "$[yyyyMMddHHmmss]";
    assert_eq!(
        resolve(text, &[]).as_deref(),
        Ok("20220826130507"),
        "no parameter at all"
    );
    assert_eq!(resolve(text, &[("a", "1")]).as_deref(), Ok("20220826130507"));
    assert_eq!(
        resolve(text, &[("system.datetime", "20240229010203")]).as_deref(),
        Ok("20240229010203")
    );
    assert_eq!(
        resolve(text, &[("system.datetime", "soon")]).as_deref(),
        Ok(text),
        "no date, no expression"
    );
    let null = BTreeMap::from([(
        "system.datetime".to_owned(),
        Property {
            value: None,
            ..input("system.datetime", "")
        },
    )]);
    assert_eq!(
        substitute(text, &null, BASE, &Zone::UTC).as_deref(),
        Ok("20220826130507")
    );
    let shanghai = Zone::parse("Asia/Shanghai").unwrap();
    let params = map(&[("system.datetime", "20240229010203")]);
    assert_eq!(
        substitute("$[timestamp(yyyyMMddHHmmss)]", &params, Millis(0), &shanghai).as_deref(),
        Ok("1709139723"),
        "the parameter is wall time in the zone"
    );
}

#[test]
fn a_value_of_null_is_an_unknown_name() {
    let params = BTreeMap::from([(
        "a".to_owned(),
        Property {
            value: None,
            ..input("a", "")
        },
    )]);
    assert_eq!(
        substitute("${a}", &params, BASE, &Zone::UTC).as_deref(),
        Ok("${a}")
    );
}

#[test]
fn expansion_has_bounds() {
    let chain: Vec<(String, String)> = (0..200)
        .map(|link| (format!("a{link}"), format!("${{a{}}}", link + 1)))
        .collect();
    let entries: Vec<(&str, &str)> = chain
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert!(matches!(
        resolve("${a0}", &entries),
        Err(ParamError::TooDeep { .. })
    ));
    let from = format!("${{a{}}}", 200 - PLACEHOLDER_DEPTH_MAX + 1);
    assert_eq!(
        resolve(&from, &entries).as_deref(),
        Ok("${a200}"),
        "up to the bound it works"
    );

    let doubling: Vec<(String, String)> = (0..60)
        .map(|link| (format!("a{link}"), format!("${{a{0}}}${{a{0}}}", link + 1)))
        .collect();
    let mut entries: Vec<(&str, &str)> = doubling
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    entries.push(("a60", ""));
    assert!(matches!(
        resolve("${a0}", &entries),
        Err(ParamError::TooManyReplacements { .. })
    ));

    let long = "x".repeat(1 << 20);
    let text = "${a}".repeat((RESOLVED_LEN_MAX >> 20) + 1);
    assert!(matches!(
        resolve(&text, &[("a", &long)]),
        Err(ParamError::TooLong { .. })
    ));
}

proptest::proptest! {
    #[test]
    fn text_without_dollars_is_left_alone(text in "[^$]{0,64}") {
        proptest::prop_assert_eq!(resolve(&text, &[("a", "1")]), Ok(text));
    }

    #[test]
    fn any_text_and_any_values_are_answered(
        text in "[${}\\[\\]aby1 ]{0,40}",
        a in "[${}\\[\\]aby1 ]{0,20}",
        b in "[${}\\[\\]aby1 ]{0,20}",
    ) {
        let once = resolve(&text, &[("a", &a), ("b", &b)]);
        proptest::prop_assert_eq!(&once, &resolve(&text, &[("b", &b), ("a", &a)]));
    }

    #[test]
    fn plain_values_arrive_unchanged(values in proptest::collection::vec("[a-z0-9 {}]{0,8}", 1..6)) {
        let names: Vec<String> = (0..values.len()).map(|index| format!("n{index}")).collect();
        let entries: Vec<(&str, &str)> =
            names.iter().zip(&values).map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let text: String = names.iter().map(|name| format!("${{{name}}},")).collect();
        let expected: String = values.iter().map(|value| format!("{value},")).collect();
        proptest::prop_assert_eq!(resolve(&text, &entries), Ok(expected));
    }
}
