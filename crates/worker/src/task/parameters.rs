//! The parameters of a SHELL or PYTHON task (`ShellParameters`, `PythonParameters`).
//!
//! Read as leniently as the Java worker reads them: unknown keys are ignored, a missing list is an empty one, and an
//! unknown direction or type of a parameter is none.

use orca_engine::codes::{DataType, Direct};
use orca_engine::model::Property;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptParameters {
    pub raw_script: String,
    pub local_params: Vec<Property>,
    /// Resource files the task asks for; this worker has no resource storage and does not fetch them.
    pub resource_names: Vec<String>,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParametersError {
    #[error("the task has no parameters; it needs a JSON object with rawScript")]
    Missing,
    #[error("the task parameters are no JSON object: {reason}")]
    Malformed { reason: String },
    #[error("the task parameters have no rawScript, or an empty one; write the script into it")]
    NoScript,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    #[serde(default)]
    raw_script: Option<String>,
    #[serde(default)]
    local_params: Option<Vec<Value>>,
    #[serde(default)]
    resource_list: Option<Vec<Value>>,
}

impl ScriptParameters {
    pub fn parse(task_params: Option<&str>) -> Result<Self, ParametersError> {
        let text = task_params
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .ok_or(ParametersError::Missing)?;
        // The position only: serde's message may quote the text, and the text may hold secrets.
        let raw: Raw = serde_json::from_str(text).map_err(|error| ParametersError::Malformed {
            reason: format!("line {}, column {}", error.line(), error.column()),
        })?;
        let raw_script = raw
            .raw_script
            .filter(|script| !script.is_empty())
            .ok_or(ParametersError::NoScript)?;
        Ok(Self {
            raw_script: raw_script.replace("\r\n", "\n"),
            local_params: raw
                .local_params
                .unwrap_or_default()
                .iter()
                .map(property)
                .collect(),
            resource_names: raw
                .resource_list
                .unwrap_or_default()
                .iter()
                .map(resource_name)
                .collect(),
        })
    }

    /// The task's output: every OUT parameter, with the value the task set or else the one it was defined with.
    /// Values for other names are dropped; of two parameters with one name the last counts.
    #[must_use]
    pub fn var_pool(&self, values: &BTreeMap<String, String>) -> Vec<Property> {
        let mut pool: Vec<Property> = Vec::new();
        let outputs = self
            .local_params
            .iter()
            .filter(|property| property.direct == Some(Direct::Out));
        for property in outputs {
            let mut property = property.clone();
            if let Some(value) = property.prop.as_ref().and_then(|name| values.get(name)) {
                property.value = Some(value.clone());
            }
            pool.retain(|earlier| earlier.prop != property.prop);
            pool.push(property);
        }
        pool
    }
}

fn property(value: &Value) -> Property {
    let text = |key: &str| match value.get(key) {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text.clone()),
        Some(other) => Some(other.to_string()),
    };
    let named = |key: &str| value.get(key).cloned().unwrap_or(Value::Null);
    Property {
        prop: text("prop"),
        direct: serde_json::from_value::<Direct>(named("direct")).ok(),
        data_type: serde_json::from_value::<DataType>(named("type")).ok(),
        value: text("value"),
    }
}

fn resource_name(value: &Value) -> String {
    value
        .get("resourceName")
        .and_then(Value::as_str)
        .unwrap_or("(without a name)")
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn out(name: &str, value: &str) -> Property {
        Property {
            prop: Some(name.to_owned()),
            direct: Some(Direct::Out),
            data_type: Some(DataType::Varchar),
            value: Some(value.to_owned()),
        }
    }

    #[test]
    fn the_shape_the_java_api_stores_is_read() {
        let text = r#"{"resourceList":[{"resourceName":"file:/a.sh"}],"localParams":[{"prop":"n","direct":"OUT",
            "type":"VARCHAR","value":""},{"prop":"x","direct":"SIDEWAYS","type":"ODD","value":7}],
            "rawScript":"echo a\r\necho b","conditionResult":{}}"#;
        let parameters = ScriptParameters::parse(Some(text)).unwrap();
        assert_eq!(parameters.raw_script, "echo a\necho b");
        assert_eq!(parameters.resource_names, ["file:/a.sh"]);
        assert_eq!(parameters.local_params[0], out("n", ""));
        assert_eq!(parameters.local_params[1].direct, None);
        assert_eq!(parameters.local_params[1].data_type, None);
        assert_eq!(parameters.local_params[1].value.as_deref(), Some("7"));
    }

    #[test]
    fn lists_may_be_absent_or_null() {
        let parameters = ScriptParameters::parse(Some(r#"{"rawScript":"x","localParams":null}"#)).unwrap();
        assert!(parameters.local_params.is_empty() && parameters.resource_names.is_empty());
    }

    #[test]
    fn what_cannot_be_run_is_refused_with_what_to_do() {
        assert_eq!(ScriptParameters::parse(None), Err(ParametersError::Missing));
        assert_eq!(ScriptParameters::parse(Some("  ")), Err(ParametersError::Missing));
        assert_eq!(
            ScriptParameters::parse(Some("{}")),
            Err(ParametersError::NoScript)
        );
        assert_eq!(
            ScriptParameters::parse(Some(r#"{"rawScript":""}"#)),
            Err(ParametersError::NoScript)
        );
        for broken in [
            "7",
            "{\"rawScript\":",
            "{\"rawScript\":{\"password\":\"hunter2\"}}",
        ] {
            let error = ScriptParameters::parse(Some(broken)).unwrap_err();
            assert!(
                matches!(error, ParametersError::Malformed { .. }),
                "{broken}: {error}"
            );
            assert!(!error.to_string().contains("hunter2"));
        }
    }

    #[test]
    fn only_declared_outputs_leave_and_a_name_leaves_once() {
        let text = r#"{"rawScript":"x","localParams":[{"prop":"a","direct":"OUT","type":"VARCHAR","value":"old"},
            {"prop":"i","direct":"IN","type":"VARCHAR","value":"in"},
            {"prop":"b","direct":"OUT","type":"VARCHAR","value":"kept"},
            {"prop":"a","direct":"OUT","type":"VARCHAR","value":"second"}]}"#;
        let parameters = ScriptParameters::parse(Some(text)).unwrap();
        let values = BTreeMap::from([
            ("a".to_owned(), "new".to_owned()),
            ("i".to_owned(), "no".to_owned()),
            ("unknown".to_owned(), "no".to_owned()),
        ]);
        assert_eq!(parameters.var_pool(&values), [out("b", "kept"), out("a", "new")]);
        assert_eq!(
            parameters.var_pool(&BTreeMap::new()),
            [out("b", "kept"), out("a", "second")]
        );
    }
}
