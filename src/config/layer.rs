//! One layer of the configuration: values by uniform name, all from one place.
//!
//! Guarantees: a key that no part of Orca or of the Java servers knows is reported with the nearest known one; values never appear in those reports.

use super::accepted::{REMOVED, UNUSED, find};
use super::names::{self, uniform};
use super::section::{Problem, Text};
use config::{Map, Source, Value, ValueKind};
use std::collections::BTreeMap;

/// What the whole configuration knows: uniform name to documented name.
pub(crate) struct Known {
    pub(crate) keys: BTreeMap<String, &'static str>,
}

/// The values of one place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layer {
    values: BTreeMap<String, Value>,
}

/// What is to be said about the keys of a layer.
#[derive(Default)]
pub(crate) struct Remarks {
    pub(crate) problems: Vec<Problem>,
    pub(crate) warnings: Vec<String>,
}

impl Layer {
    pub(crate) fn insert(&mut self, key: &str, text: &str, origin: &str) {
        self.values
            .insert(uniform(key), Value::new(Some(&origin.to_owned()), text));
    }

    pub(crate) fn get(&self, uniform_key: &str) -> Option<String> {
        self.values
            .get(uniform_key)
            .and_then(|value| text_of(&value.kind))
            .map(|text| match text {
                Text::One(text) => text,
                Text::Many(items) => items.join(","),
            })
    }

    /// Takes the leaves of a table. Keys that are a section in Orca must not have a value themselves.
    pub(crate) fn from_table(
        table: Map<String, Value>,
        known: &Known,
        origin: &str,
        remarks: &mut Remarks,
    ) -> Self {
        let mut leaves = Vec::new();
        flatten("", table, &mut leaves);
        leaves.sort_by(|(left, _), (right, _)| left.cmp(right));
        let mut layer = Self::default();
        for (key, value) in leaves {
            let name = uniform(&key);
            if known.is_section(&name) {
                if !matches!(value.kind, ValueKind::Nil) {
                    let text =
                        "has keys below it and cannot have a value itself; check the indentation".to_owned();
                    remarks.problems.push(Problem {
                        origin: Some(origin.to_owned()),
                        key,
                        text,
                    });
                }
                continue;
            }
            known.remark(&key, origin, remarks);
            if layer.values.insert(name, value).is_some() {
                remarks.warnings.push(format!(
                    "{origin}: {key} is written twice, in different spellings"
                ));
            }
        }
        layer
    }
}

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, config::ConfigError> {
        Ok(self.values.clone().into_iter().collect())
    }
}

impl Known {
    fn is_section(&self, name: &str) -> bool {
        let below = format!("{name}.");
        self.keys
            .range(below.clone()..)
            .next()
            .is_some_and(|(key, _)| key.starts_with(&below))
    }

    /// Says what is to be said about one key that somebody wrote.
    pub(crate) fn remark(&self, key: &str, origin: &str, remarks: &mut Remarks) {
        let name = uniform(key);
        if self.keys.contains_key(&name) || find(&name, UNUSED).is_some() {
            return;
        }
        let advice = match find(&name, REMOVED) {
            Some((_, note)) => format!("is a key of an older release and has no effect: {note}"),
            None => match names::nearest(key, &self.keys) {
                Some(nearest) => format!("is not a known key and has no effect; did you mean {nearest}?"),
                None => "is not a known key and has no effect".to_owned(),
            },
        };
        remarks.warnings.push(format!("{origin}: {key} {advice}"));
    }
}

/// The leaves of a table: keys joined with dots.
pub(crate) fn flatten(prefix: &str, table: Map<String, Value>, leaves: &mut Vec<(String, Value)>) {
    for (key, value) in table {
        let key = super::section::join(prefix, &key);
        match value.kind {
            ValueKind::Table(inner) => flatten(&key, inner, leaves),
            _ => leaves.push((key, value)),
        }
    }
}

/// The text of a leaf; nothing for what has no text, like a list of tables.
pub(crate) fn text_of(kind: &ValueKind) -> Option<Text> {
    match kind {
        ValueKind::Array(items) => {
            let items: Option<Vec<_>> = items.iter().map(|item| scalar(&item.kind)).collect();
            items.map(Text::Many)
        }
        kind => scalar(kind).map(Text::One),
    }
}

fn scalar(kind: &ValueKind) -> Option<String> {
    match kind {
        ValueKind::Nil => Some(String::new()),
        ValueKind::Boolean(value) => Some(value.to_string()),
        ValueKind::I64(value) => Some(value.to_string()),
        ValueKind::I128(value) => Some(value.to_string()),
        ValueKind::U64(value) => Some(value.to_string()),
        ValueKind::U128(value) => Some(value.to_string()),
        ValueKind::Float(value) => Some(value.to_string()),
        ValueKind::String(text) => Some(text.clone()),
        ValueKind::Table(_) | ValueKind::Array(_) => None,
    }
}
