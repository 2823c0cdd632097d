//! Parameters: `param` of a workflow, `input_params`, `output_params` and the older `local_params` of a task.

use super::nearest::suggestion;
use super::node::{Entry, Node, Value};
use super::problem::Position;
use super::section::Section;
use orca_engine::codes::{DataType, Direct};
use orca_engine::model::Property;

const DATA_TYPES: &[(&str, DataType)] = &[
    ("VARCHAR", DataType::Varchar),
    ("INTEGER", DataType::Integer),
    ("LONG", DataType::Long),
    ("FLOAT", DataType::Float),
    ("DOUBLE", DataType::Double),
    ("DATE", DataType::Date),
    ("TIME", DataType::Time),
    ("TIMESTAMP", DataType::Timestamp),
    ("BOOLEAN", DataType::Boolean),
    ("LIST", DataType::List),
    ("FILE", DataType::File),
];

/// The parameters of a workflow: all VARCHAR, all going in.
pub(super) fn workflow(section: &Section<'_>, name: &str) -> Vec<Property> {
    let read = |entry: &Entry, key: &str| {
        let value = filled(section, &entry.value, key)?;
        Some(property(&entry.key, Direct::In, DataType::Varchar, value))
    };
    entries(section, name)
        .iter()
        .filter_map(|entry| read(entry, &format!("{name}.{}", entry.key)))
        .collect()
}

/// The parameters of a task, in the order PyDolphinScheduler writes them: older form, in, out.
pub(super) fn task(section: &Section<'_>) -> Vec<Property> {
    let mut all = older_form(section);
    for (name, direct) in [("input_params", Direct::In), ("output_params", Direct::Out)] {
        for entry in entries(section, name) {
            let key = format!("{name}.{}", entry.key);
            if let Some(value) = filled(section, &entry.value, &key) {
                let (data_type, value) = typed(section, &entry.value, &key, value);
                all.push(property(&entry.key, direct, data_type, value));
            }
        }
    }
    all
}

fn property(name: &str, direct: Direct, data_type: DataType, value: String) -> Property {
    Property {
        prop: Some(name.to_owned()),
        direct: Some(direct),
        data_type: Some(data_type),
        value: Some(value),
    }
}

/// The `name: value` pairs below a key.
fn entries<'a>(section: &Section<'a>, name: &str) -> &'a [Entry] {
    let Some(node) = section.node(name) else {
        return &[];
    };
    let Value::Map(entries) = &node.value else {
        section.wrong(
            node.at,
            name,
            format!("expected parameters as `name: value`, found {}", node.kind()),
        );
        return &[];
    };
    for entry in entries.iter().filter(|entry| entry.key.is_empty()) {
        section.wrong(entry.at, name, "a parameter has no name; write `name: value`");
    }
    entries
}

fn filled(section: &Section<'_>, node: &Node, key: &str) -> Option<String> {
    if node.is_null() {
        return Some(String::new());
    }
    let Value::Scalar { text, .. } = &node.value else {
        let text = format!(
            "expected a single value, found {}; write lists and mappings as a quoted JSON text",
            node.kind()
        );
        section.wrong(node.at, key, text);
        return None;
    };
    section
        .placeholders
        .fill(text)
        .map_err(|reason| section.wrong(node.at, key, reason))
        .ok()
}

/// `TYPE(value)` names the type; else it follows from how the value is written.
fn typed(section: &Section<'_>, node: &Node, key: &str, value: String) -> (DataType, String) {
    if let Some((word, inner)) = type_call(&value) {
        if let Some((_, data_type)) = DATA_TYPES.iter().find(|(known, _)| *known == word) {
            return (*data_type, inner.to_owned());
        }
        let is_meant = word.chars().all(|character| character.is_ascii_uppercase());
        if is_meant {
            refuse_type(section, node.at, key, word);
        }
    }
    (inferred(node), value)
}

/// `TYPE(value)` at the beginning of a text: one word, brackets.
fn type_call(value: &str) -> Option<(&str, &str)> {
    let (word, rest) = value.split_once('(')?;
    let (inner, _) = rest.split_once(')')?;
    let word = word.trim_end();
    let is_word = !word.is_empty() && word.chars().all(|character| character.is_ascii_alphabetic());
    is_word.then(|| (word, inner.trim_end()))
}

fn refuse_type(section: &Section<'_>, at: Position, key: &str, word: &str) {
    let advice = suggestion(word, DATA_TYPES.iter().map(|(known, _)| *known), "the types");
    section.wrong(
        at,
        key,
        format!(
            "unknown parameter type {word}; {advice} Write VARCHAR(...) around a text that looks like one"
        ),
    );
}

fn inferred(node: &Node) -> DataType {
    let Value::Scalar { text, quoted: false } = &node.value else {
        return DataType::Varchar;
    };
    let is_truth = matches!(
        text.as_str(),
        "true" | "True" | "TRUE" | "false" | "False" | "FALSE"
    );
    let looks_like_number =
        text.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '-' | '+' | '.'));
    match text.parse::<f64>() {
        _ if is_truth => DataType::Boolean,
        _ if text.parse::<i64>().is_ok() => DataType::Integer,
        Ok(number) if looks_like_number && number.is_finite() => DataType::Float,
        _ => DataType::Varchar,
    }
}

/// `local_params`: a list of mappings with `prop`, `direct`, `type` and `value`.
fn older_form(section: &Section<'_>) -> Vec<Property> {
    let Some(node) = section.node("local_params") else {
        return Vec::new();
    };
    let Value::List(items) = &node.value else {
        let text = format!(
            "expected a list of parameters, found {}; or use input_params and output_params",
            node.kind()
        );
        section.wrong(node.at, "local_params", text);
        return Vec::new();
    };
    let read = |(index, item)| {
        let path = section.key(&format!("local_params[{index}]"));
        let expected = "a mapping with prop, direct, type and value";
        let part = Section::of(item, &path, section.placeholders, section.problems, expected)?;
        part.refuse_unknown_keys(&["prop", "direct", "type", "value"], "the keys of a parameter");
        let name = part
            .required("prop", "name the parameter")
            .and_then(|_| part.text("prop"))?;
        let direct = part
            .choice("direct", &[("IN", Direct::In), ("OUT", Direct::Out)])
            .unwrap_or(Direct::In);
        let data_type = part.choice("type", DATA_TYPES).unwrap_or(DataType::Varchar);
        let value = part.text("value").map(|text| text.value).unwrap_or_default();
        Some(property(&name.value, direct, data_type, value))
    };
    items.iter().enumerate().filter_map(read).collect()
}
