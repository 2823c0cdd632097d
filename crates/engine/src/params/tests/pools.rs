use super::{input, output};
use crate::codes::{DataType, Direct};
use crate::model::Property;
use crate::params::{
    ParamError, Predecessor, incoming_var_pool, local_params, merge_global_params, merge_var_pool,
    parse_properties, write_properties, write_var_pool,
};
use crate::time::Millis;

fn parse(text: &str) -> Result<Vec<Property>, ParamError> {
    parse_properties(Some(text), "a list")
}

#[test]
fn reading_is_lenient_and_writing_is_exact() {
    let text = r#"[{"prop":"k","direct":"OUT","type":"INTEGER","value":"1"},{"prop":null,"direct":null,"type":null,"value":null}]"#;
    let list = parse(text).unwrap();
    assert_eq!(list[0].direct, Some(Direct::Out));
    assert_eq!(list[0].data_type, Some(DataType::Integer));
    assert_eq!(list[1], Property::default());
    assert_eq!(write_properties(&list), text);

    let odd =
        parse(r#"[null,{"value":5,"direct":"SIDEWAYS","type":"COLOUR","more":{}},{"value":true}]"#).unwrap();
    assert_eq!(
        odd[0],
        Property {
            value: Some("5".to_owned()),
            ..Property::default()
        }
    );
    assert_eq!(odd[1].value.as_deref(), Some("true"));

    for empty in [None, Some(""), Some("  "), Some("null"), Some("[]")] {
        assert_eq!(parse_properties(empty, "a list"), Ok(Vec::new()), "{empty:?}");
    }
    for bad in [
        "{",
        "{}",
        "5",
        "[5]",
        r#"[{"value":{}}]"#,
        r#"[{"prop":[]}]"#,
        "[",
        "\u{0}",
    ] {
        let error = parse(bad).unwrap_err().to_string();
        assert!(
            error.starts_with("a list is no JSON list of parameters: "),
            "{bad}: {error}"
        );
    }
}

#[test]
fn global_params_are_overridden_by_start_parameters() {
    let globals = write_properties(&[input("b", "${a}"), input("a", "1"), output("c", "3")]);
    let merged = merge_global_params(
        Some(&globals),
        &[input("a", "2"), input("a", "3"), Property::default()],
    );
    let list = parse(&merged.unwrap()).unwrap();
    assert_eq!(
        list,
        [
            Property::default(),
            input("a", "3"),
            input("b", "${a}"),
            output("c", "3")
        ]
    );
    assert_eq!(merge_global_params(None, &[]).as_deref(), Ok("[]"));
    assert!(merge_global_params(Some("{}"), &[]).is_err());
}

#[test]
fn local_params_come_out_of_the_task_parameters() {
    let text = r#"{"rawScript":"x","localParams":[{"prop":"a","direct":"IN","type":"VARCHAR","value":"1"}]}"#;
    assert_eq!(local_params(Some(text)), Ok(vec![input("a", "1")]));
    // What follows the object is not looked at.
    assert_eq!(local_params(Some(&format!("{text},"))), Ok(vec![input("a", "1")]));
    for none in [
        None,
        Some(""),
        Some("{}"),
        Some(r#"{"localParams":null}"#),
        Some("null"),
    ] {
        assert_eq!(local_params(none), Ok(Vec::new()), "{none:?}");
    }
    assert!(local_params(Some(r#"{"localParams":{}}"#)).is_err());
    assert!(local_params(Some("{")).is_err());
}

#[test]
fn one_pool_passes_and_several_are_merged() {
    let one = vec![input("a", "1"), output("a", "2")];
    assert_eq!(merge_var_pool([one.clone()]), one);
    assert_eq!(merge_var_pool(Vec::<Vec<Property>>::new()), []);
    let merged = merge_var_pool([
        vec![output("a", "1"), output("b", "1"), input("c", "1")],
        vec![output("b", ""), output("d", "2")],
        vec![],
    ]);
    assert_eq!(
        merged,
        [output("a", "1"), output("b", ""), output("d", "2")],
        "the last wins, empty or not"
    );
    assert_eq!(merge_var_pool([vec![input("a", "1")], vec![]]), []);
    assert_eq!(write_var_pool(&[]), None);
    assert_eq!(parse(&write_var_pool(&merged).unwrap()).unwrap(), merged);
}

#[test]
fn the_predecessor_that_ended_last_wins() {
    let pools: Vec<String> = ["first", "second", "unended"]
        .iter()
        .map(|value| write_properties(&[output("a", value)]))
        .collect();
    let predecessor = |id, end: Option<i64>, pool: usize| Predecessor {
        task_instance_id: id,
        end_time: end.map(Millis),
        var_pool: Some(&pools[pool]),
    };
    let blank = Predecessor {
        task_instance_id: 9,
        end_time: Some(Millis(99)),
        var_pool: Some(" "),
    };
    let value = |list: &[Predecessor<'_>]| incoming_var_pool(list).unwrap().remove(0).value.unwrap();
    assert_eq!(
        value(&[predecessor(1, Some(20), 1), predecessor(2, Some(10), 0), blank]),
        "second"
    );
    assert_eq!(
        value(&[predecessor(1, None, 2), predecessor(2, Some(10), 0)]),
        "unended"
    );
    assert_eq!(
        value(&[predecessor(2, Some(10), 1), predecessor(1, Some(10), 0)]),
        "second",
        "by id"
    );
    assert_eq!(incoming_var_pool(&[blank]), Ok(Vec::new()));

    let text = write_properties(&[input("a", "1")]);
    let single = Predecessor {
        task_instance_id: 1,
        end_time: None,
        var_pool: Some(&text),
    };
    assert_eq!(
        incoming_var_pool(&[single, blank]),
        Ok(vec![input("a", "1")]),
        "a blank pool does not count"
    );
    let broken = Predecessor {
        var_pool: Some("{"),
        ..single
    };
    assert!(incoming_var_pool(&[single, broken]).is_err());
}

proptest::proptest! {
    #[test]
    fn lists_survive_a_round_trip(names in proptest::collection::vec(("\\PC{0,6}", "\\PC{0,6}"), 0..6)) {
        let list: Vec<Property> = names.iter().map(|(name, value)| output(name, value)).collect();
        proptest::prop_assert_eq!(parse(&write_properties(&list)), Ok(list));
    }

    #[test]
    fn a_merge_keeps_each_name_once(pools in proptest::collection::vec(
        proptest::collection::vec(("[a-d]", "[0-9]"), 0..4), 2..5))
    {
        let pools: Vec<Vec<Property>> = pools
            .iter()
            .map(|pool| pool.iter().map(|(name, value)| output(name, value)).collect())
            .collect();
        let merged = merge_var_pool(pools.clone());
        for property in &merged {
            proptest::prop_assert_eq!(merged.iter().filter(|other| other.prop == property.prop).count(), 1);
            let last = pools.iter().flatten().rfind(|other| other.prop == property.prop);
            proptest::prop_assert_eq!(last, Some(property));
        }
        let names: std::collections::BTreeSet<_> = pools.iter().flatten().map(|one| &one.prop).collect();
        proptest::prop_assert_eq!(names.len(), merged.len());
    }
}
