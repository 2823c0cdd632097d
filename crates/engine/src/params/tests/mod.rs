//! Tables recorded from the Java classes of 3.4.2, and properties that hold for any input.

mod expressions;
mod output;
mod placeholders;
mod pools;
mod prepare;

use crate::codes::{DataType, Direct};
use crate::model::Property;
use crate::time::Millis;
use std::collections::BTreeMap;

/// 2022-08-26 13:05:07 UTC, a Friday.
const BASE: Millis = Millis(1_661_519_107_000);

fn property(name: &str, direct: Direct, value: &str) -> Property {
    Property {
        prop: Some(name.to_owned()),
        direct: Some(direct),
        data_type: Some(DataType::Varchar),
        value: Some(value.to_owned()),
    }
}

fn input(name: &str, value: &str) -> Property {
    property(name, Direct::In, value)
}

fn output(name: &str, value: &str) -> Property {
    property(name, Direct::Out, value)
}

fn map(entries: &[(&str, &str)]) -> BTreeMap<String, Property> {
    entries
        .iter()
        .map(|(name, value)| ((*name).to_owned(), input(name, value)))
        .collect()
}
