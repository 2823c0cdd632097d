//! Lists of parameters in their stored form: reading is as lenient as the reference's JSON mapper, writing is exact.

use super::ParamError;
use crate::codes::{DataType, Direct};
use crate::model::Property;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Read a stored list. Absent text is an empty list; null entries are dropped; unknown members are ignored, unknown enum
/// names read as null, scalars as text. `what` names the source in the error.
pub fn parse_properties(text: Option<&str>, what: &'static str) -> Result<Vec<Property>, ParamError> {
    let text = text.unwrap_or_default();
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let value: Value = serde_json::from_str(text).map_err(|error| ParamError::NotAList {
        what,
        reason: error.to_string(),
    })?;
    properties_of(&value, what)
}

/// The list as the reference writes it: all four members, nulls included.
#[must_use]
pub fn write_properties(properties: &[Property]) -> String {
    serde_json::to_string(properties).expect("strings and enums always serialise")
}

/// `localParams` of a task's parameters. Text without that member, and absent text, have none.
pub fn local_params(task_params: Option<&str>) -> Result<Vec<Property>, ParamError> {
    const WHAT: &str = "localParams of the task parameters";
    let text = task_params.unwrap_or_default();
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let value = first_value(text).map_err(|error| ParamError::NotAList {
        what: WHAT,
        reason: error.to_string(),
    })?;
    value
        .get("localParams")
        .map_or(Ok(Vec::new()), |list| properties_of(list, WHAT))
}

/// The JSON value that the text begins with. What follows it is ignored, as by the reference's reader; stored task parameters have
/// a comma there at times.
pub(crate) fn first_value(text: &str) -> Result<Value, serde_json::Error> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter();
    values.next().unwrap_or(Ok(Value::Null))
}

/// `global_params` of an instance: the definition's, overridden by the start parameters of the same name. Placeholders stay
/// as they are. The order is that of the names, a null name first.
pub fn merge_global_params(
    definition: Option<&str>,
    start_params: &[Property],
) -> Result<String, ParamError> {
    let globals = parse_properties(definition, "globalParams of the workflow definition")?;
    let by_name: BTreeMap<Option<String>, Property> = globals
        .into_iter()
        .chain(start_params.iter().cloned())
        .map(|property| (property.prop.clone(), property))
        .collect();
    Ok(write_properties(&by_name.into_values().collect::<Vec<_>>()))
}

fn properties_of(value: &Value, what: &'static str) -> Result<Vec<Property>, ParamError> {
    let entries = match value {
        Value::Null => return Ok(Vec::new()),
        Value::Array(entries) => entries,
        _ => {
            return Err(ParamError::NotAList {
                what,
                reason: "it is not a list".to_owned(),
            });
        }
    };
    let mut properties = Vec::with_capacity(entries.len());
    for (index, entry) in entries.iter().enumerate() {
        match entry {
            Value::Null => {}
            Value::Object(members) => {
                properties.push(property_of(members).map_err(|member| ParamError::NotAList {
                    what,
                    reason: format!("entry {index}: {member} is not a text"),
                })?)
            }
            _ => {
                return Err(ParamError::NotAList {
                    what,
                    reason: format!("entry {index} is not an object"),
                });
            }
        }
    }
    Ok(properties)
}

fn property_of(members: &Map<String, Value>) -> Result<Property, &'static str> {
    Ok(Property {
        prop: text_member(members, "prop")?,
        direct: members
            .get("direct")
            .and_then(Value::as_str)
            .and_then(direct_named),
        data_type: members
            .get("type")
            .and_then(Value::as_str)
            .and_then(data_type_named),
        value: text_member(members, "value")?,
    })
}

fn text_member(members: &Map<String, Value>, member: &'static str) -> Result<Option<String>, &'static str> {
    match members.get(member) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(scalar @ (Value::Number(_) | Value::Bool(_))) => Ok(Some(scalar.to_string())),
        Some(Value::Array(_) | Value::Object(_)) => Err(member),
    }
}

fn direct_named(name: &str) -> Option<Direct> {
    match name {
        "IN" => Some(Direct::In),
        "OUT" => Some(Direct::Out),
        _ => None,
    }
}

fn data_type_named(name: &str) -> Option<DataType> {
    serde_json::from_value(Value::String(name.to_owned())).ok()
}
