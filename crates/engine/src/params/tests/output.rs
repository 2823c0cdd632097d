use crate::params::limits::{OUTPUT_EXPRESSION_LEN_MAX, OUTPUT_NAMES_MAX, OUTPUT_ROWS_MAX};
use crate::params::output::OutputParser;

/// Lines of a task, and what they set.
type Case = (&'static [&'static str], Vec<(String, String)>);

fn values(lines: &[&str]) -> Vec<(String, String)> {
    let mut parser = OutputParser::new();
    for line in lines {
        parser.line(line);
    }
    parser.into_values().into_iter().collect()
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[test]
fn expressions_anywhere_in_the_output() {
    let table: [Case; 12] = [
        (&["${setValue(a=1)}"], vec![pair("a", "1")]),
        (&["x #{setValue(a=1)} y"], vec![pair("a", "1")]),
        (
            &["${setValue(a=1)}${setValue(b=2)} ${setValue(c=3)}"],
            vec![pair("a", "1"), pair("b", "2"), pair("c", "3")],
        ),
        (&["${setValue(a=1)}", "${setValue(a=2)}"], vec![pair("a", "2")]),
        (&["${setValue(a=k=v)}"], vec![pair("a", "k=v")]),
        (&["${setValue(a=)}"], vec![pair("a", "")]),
        (&["${setValue(=1)}"], vec![pair("", "1")]),
        (
            &["${setValue(a=[", "  1", "", "])}rest"],
            vec![pair("a", "[\n  1\n\n]")],
        ),
        (
            &["${setValue(a=1", "2)}${setValue(b=3)}"],
            vec![pair("a", "1\n2"), pair("b", "3")],
        ),
        (&["${setValue(a={\"k\":(1)}", "2)}"], vec![pair("a", "{\"k\":(1")]),
        (&["#{setValue(a=1)} ${setValue(b=2)}"], vec![pair("b", "2")]),
        (
            &[
                "${setValue(no)}",
                "${setValue()}",
                "$setValue(a=1)",
                "setValue(a=1)}",
                "${setvalue(a=1)}",
            ],
            vec![],
        ),
    ];
    for (lines, expected) in table {
        assert_eq!(values(lines), expected, "{lines:?}");
    }
}

#[test]
fn an_expression_without_an_end_is_given_up() {
    let mut parser = OutputParser::new();
    parser.line("${setValue(a=0");
    for _ in 0..OUTPUT_ROWS_MAX {
        parser.line("more");
    }
    assert_eq!(parser.dropped(), 0, "as many rows as are allowed");
    parser.line("swallowed ${setValue(b=1)}");
    assert_eq!(parser.dropped(), 1);
    parser.line("${setValue(c=1)}");
    assert_eq!(parser.values().keys().collect::<Vec<_>>(), ["c"]);
}

#[test]
fn the_last_allowed_row_may_end_it() {
    let mut parser = OutputParser::new();
    parser.line("${setValue(a=0");
    for _ in 1..OUTPUT_ROWS_MAX {
        parser.line("");
    }
    parser.line("end)}");
    assert_eq!(parser.values()["a"].lines().count(), OUTPUT_ROWS_MAX + 1);
}

#[test]
fn memory_is_bounded() {
    let mut parser = OutputParser::new();
    let long = "x".repeat(OUTPUT_EXPRESSION_LEN_MAX);
    parser.line(&format!("${{setValue(a={long})}}${{setValue(b=1)}}"));
    assert_eq!(
        (parser.values().len(), parser.dropped()),
        (1, 1),
        "what follows it counts"
    );
    parser.line("${setValue(c=");
    parser.line(&long);
    parser.line(")}");
    assert_eq!((parser.values().len(), parser.dropped()), (1, 2));
    for index in 0..=OUTPUT_NAMES_MAX {
        parser.line(&format!("${{setValue(n{index}=1)}}"));
    }
    assert_eq!(parser.values().len(), OUTPUT_NAMES_MAX);
    parser.line("${setValue(n0=2)}");
    assert_eq!(parser.values()["n0"], "2", "a known name may still change");
}

proptest::proptest! {
    #[test]
    fn any_output_is_taken(lines in proptest::collection::vec("[${}()#a=setVlu ]{0,30}|\\$\\{setValue\\([a-c]=|\\)\\}.*", 0..20)) {
        let mut parser = OutputParser::new();
        for line in &lines {
            parser.line(line);
        }
        proptest::prop_assert!(parser.values().len() + parser.dropped() <= lines.len() * 31);
    }

    #[test]
    fn what_is_set_is_found(name in "[a-z.]{1,8}", value in "[a-z0-9=\\n]{0,20}", before in "[a-z ]{0,5}") {
        let mut parser = OutputParser::new();
        for line in format!("{before}${{setValue({name}={value})}}").split('\n') {
            parser.line(line);
        }
        proptest::prop_assert_eq!(parser.values().get(&name), Some(&value));
    }
}
