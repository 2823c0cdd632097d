//! `LogicFakeTask`: a shell script that runs inside the master, for conformance tests. What it runs and what it puts out.

use super::{LogicError, members};
use crate::codes::Direct;
use crate::model::Property;
use crate::params::{local_params, merge_var_pool, parse_properties, substitute};
use crate::time::Millis;
use crate::zone::Zone;
use serde_json::Value;
use std::collections::BTreeMap;

const NEEDS: &str = "LogicFakeTask needs shellScript, a text that is not empty";

/// What the parameters of one task say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FakeTask {
    shell_script: String,
    local_params: Vec<Property>,
    var_pool: Vec<Property>,
}

impl FakeTask {
    pub fn parse(task_params: Option<&str>) -> Result<Self, LogicError> {
        let members = members(task_params, NEEDS)?;
        let script = members.get("shellScript").and_then(Value::as_str);
        let script = script.filter(|script| !script.is_empty());
        let var_pool = match members.get("varPool") {
            None | Some(Value::Null) => Vec::new(),
            Some(list) => parse_properties(Some(&list.to_string()), "varPool of the task parameters")?,
        };
        Ok(Self {
            shell_script: script.ok_or(LogicError::NoParams { needs: NEEDS })?.to_owned(),
            local_params: local_params(task_params)?,
            var_pool,
        })
    }

    /// What the shell is given: the environment as it is, then the script with its placeholders replaced.
    pub fn script(
        &self,
        environment: Option<&str>,
        prepared: &BTreeMap<String, Property>,
        now: Millis,
        zone: &Zone,
    ) -> Result<String, LogicError> {
        let script = substitute(&self.shell_script, prepared, now, zone)?;
        Ok(match environment {
            Some(environment) => format!("{environment}\n{script}"),
            None => script,
        })
    }

    /// What a success reports: the OUT parameters, each with the value that the output has set, over the task's own pool.
    #[must_use]
    pub fn put_out(&self, values: &BTreeMap<String, String>) -> Vec<Property> {
        let set = |property: &Property| {
            let value = property.prop.as_ref().and_then(|name| values.get(name));
            Property {
                value: value.or(property.value.as_ref()).cloned(),
                ..property.clone()
            }
        };
        let outputs = self.local_params.iter();
        let outputs = outputs.filter(|property| property.direct == Some(Direct::Out));
        merge_var_pool([self.var_pool.clone(), outputs.map(set).collect()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> FakeTask {
        FakeTask::parse(Some(text)).unwrap()
    }

    fn names(pool: &[Property]) -> Vec<(String, String)> {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        pool.iter()
            .map(|one| (text(&one.prop), text(&one.value)))
            .collect()
    }

    #[test]
    fn known_names_and_times_are_replaced_and_the_environment_is_not() {
        let task = parse(r#"{"shellScript":"echo ${a} ${unknown} $[yyyy]","localParams":null}"#);
        let known = Property {
            prop: Some("a".to_owned()),
            value: Some("1".to_owned()),
            ..Property::default()
        };
        let prepared = BTreeMap::from([("a".to_owned(), known)]);
        let now = Millis(1_767_225_600_000);
        let script = task.script(Some("export X=${a}"), &prepared, now, &Zone::UTC);
        assert_eq!(script.unwrap(), "export X=${a}\necho 1 ${unknown} 2026");
    }

    #[test]
    fn outputs_go_over_the_own_pool_and_inputs_stay() {
        let task = parse(
            r#"{"shellScript":"x","varPool":[{"prop":"a","direct":"OUT","type":"VARCHAR","value":"old"}],
            "localParams":[{"prop":"a","direct":"OUT","type":"VARCHAR","value":"default"},
            {"prop":"i","direct":"IN","type":"VARCHAR","value":"in"},
            {"prop":"b","direct":"OUT","type":"VARCHAR","value":"kept"}]}"#,
        );
        let values = BTreeMap::from([
            ("a".to_owned(), "new".to_owned()),
            ("i".to_owned(), "no".to_owned()),
            ("other".to_owned(), "no".to_owned()),
        ]);
        let pool = task.put_out(&values);
        let expected = [("a", "new"), ("b", "kept")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(names(&pool), expected);
    }

    #[test]
    fn parameters_that_cannot_be_used_are_refused_without_their_text() {
        for broken in [None, Some(""), Some("{}"), Some(r#"{"shellScript":""}"#)] {
            let error = FakeTask::parse(broken).unwrap_err();
            assert_eq!(error, LogicError::NoParams { needs: NEEDS });
        }
        let error = FakeTask::parse(Some(r#"{"shellScript":hunter2}"#)).unwrap_err();
        assert!(matches!(error, LogicError::Malformed { .. }), "{error}");
        assert!(!error.to_string().contains("hunter2"));
    }
}
