//! SWITCH: the first branch whose condition is true, else the default one.

use super::script::is_true;
use super::{LogicError, array, members};
use crate::codes::DataType;
use crate::model::Property;
use serde_json::Value;
use std::collections::BTreeMap;

const NEEDS: &str = "SWITCH needs switchResult, with dependTaskList and nextNode";

/// What was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub next_branch: i64,
    /// The row's parameters with the decision in them: from there the graph goes on, in any master.
    pub task_params: String,
    /// For the task log: what became of each condition. Without the values of parameters, which may be secret.
    pub reasons: Vec<String>,
}

/// Why there is no branch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SwitchError {
    #[error(transparent)]
    Params(#[from] LogicError),
    #[error(
        "no condition is true and the default branch is empty, please check the switch task configuration"
    )]
    NoDefault,
    #[error("the branch(code={code}) is not in the workflow, please check the switch task configuration")]
    NotInWorkflow { code: i64 },
}

/// `prepared`: the task's parameters; `var_pool`: its row's pool, which goes over them.
pub fn decide(
    task_params: Option<&str>,
    prepared: &BTreeMap<String, Property>,
    var_pool: &[Property],
    is_in_workflow: impl Fn(i64) -> bool,
) -> Result<Decision, SwitchError> {
    let mut members = members(task_params, NEEDS)?;
    let result = members.get("switchResult").and_then(Value::as_object);
    let result = result.ok_or(LogicError::NoParams { needs: NEEDS })?;
    let mut values = prepared.clone();
    for property in var_pool {
        if let Some(name) = &property.prop {
            values.insert(name.clone(), property.clone());
        }
    }
    let mut reasons = Vec::new();
    let chosen = array(result.get("dependTaskList")).iter().find_map(|case| {
        let condition = case["condition"].as_str().unwrap_or_default();
        let matched = matches(condition, &values, &mut reasons);
        matched.then(|| case["nextNode"].as_i64()).flatten()
    });
    let default = || result.get("nextNode").and_then(Value::as_i64);
    let next_branch = chosen.or_else(default).ok_or(SwitchError::NoDefault)?;
    if !is_in_workflow(next_branch) {
        return Err(SwitchError::NotInWorkflow { code: next_branch });
    }
    members.insert("nextBranch".to_owned(), Value::from(next_branch));
    Ok(Decision {
        next_branch,
        task_params: Value::Object(members).to_string(),
        reasons,
    })
}

fn matches(condition: &str, values: &BTreeMap<String, Property>, reasons: &mut Vec<String>) -> bool {
    let found = substituted(condition, values)
        .ok_or_else(|| "a parameter in it has no type".to_owned())
        .and_then(|text| is_true(&text).map_err(|error| error.to_string()));
    let matched = found.as_ref().is_ok_and(|matched| *matched);
    let why = match found {
        Ok(matched) => matched.to_string(),
        Err(reason) => format!("not true, because of {reason}"),
    };
    reasons.push(format!("{condition}: {why}"));
    matched
}

/// `${name}` becomes the value as JavaScript writes it: a number or a truth value as it is, anything else between quotes that are not escaped.
/// `None` where a name is known and its parameter has no type, which the reference cannot write either.
fn substituted(condition: &str, values: &BTreeMap<String, Property>) -> Option<String> {
    let condition = condition.replace('\'', "\"");
    let mut text = condition.clone();
    let mut rest = condition.as_str();
    while let Some((_, after)) = rest.split_once("${") {
        let Some((name, after)) = after.split_once('}') else {
            break;
        };
        rest = after;
        if let Some(property) = values.get(name) {
            text = text.replace(&format!("${{{name}}}"), &written(property)?);
        }
    }
    Some(text)
}

fn written(property: &Property) -> Option<String> {
    let value = property.value.as_deref().unwrap_or("null");
    Some(match property.data_type? {
        DataType::Integer => value.parse::<i32>().ok()?.to_string(),
        DataType::Long => value.parse::<i64>().ok()?.to_string(),
        DataType::Float | DataType::Double => {
            let number = value.trim().parse::<f64>().ok();
            number.filter(|number| number.is_finite())?.to_string()
        }
        DataType::Boolean => value.eq_ignore_ascii_case("true").to_string(),
        _ => format!("\"{value}\""),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn property(name: &str, data_type: Option<DataType>, value: &str) -> Property {
        Property {
            prop: Some(name.to_owned()),
            data_type,
            value: Some(value.to_owned()),
            ..Property::default()
        }
    }

    fn prepared() -> BTreeMap<String, Property> {
        [
            property("rows", Some(DataType::Integer), "42"),
            property("name", Some(DataType::Varchar), "orca"),
            property("ratio", Some(DataType::Double), "0.5"),
            property("flag", Some(DataType::Boolean), "true"),
            property("odd", Some(DataType::Integer), "many"),
            property("system.datetime", None, "20260101000000"),
        ]
        .into_iter()
        .map(|one| (one.prop.clone().unwrap_or_default(), one))
        .collect()
    }

    fn choose(conditions: &[(&str, i64)], default: Option<i64>) -> Result<Decision, SwitchError> {
        let cases: Vec<Value> = conditions
            .iter()
            .map(|(condition, next)| serde_json::json!({"condition": condition, "nextNode": next}))
            .collect();
        let params = serde_json::json!({"switchResult": {"dependTaskList": cases, "nextNode": default}});
        let pool = [
            property("late", Some(DataType::Varchar), "pool"),
            property("name", Some(DataType::Varchar), "pool"),
        ];
        let none: &[Property] = &[];
        let pool = if conditions.iter().any(|(text, _)| text.contains("late")) {
            &pool
        } else {
            none
        };
        decide(Some(&params.to_string()), &prepared(), pool, |code| code < 10)
    }

    fn holds(condition: &str) -> bool {
        choose(&[(condition, 2)], Some(3)).unwrap().next_branch == 2
    }

    #[test]
    fn parameters_are_written_by_their_type() {
        assert!(holds("${rows} > 41 && ${rows} === 42"));
        assert!(holds("${name} == 'orca'") && holds("${ratio} == 0.5") && holds("${flag} === true"));
        assert!(
            holds("${late} == 'pool' && ${name} == 'pool'"),
            "the pool goes over the parameters"
        );
        // The quotes around the placeholder stay, so this is no expression, as in the reference.
        assert!(!holds("'${name}' == 'orca'"));
        assert!(!holds("${unknown} == 1") && !holds("${odd} == 1") && !holds("${system.datetime} == 1"));
    }

    #[test]
    fn the_first_that_is_true_wins_and_the_default_stands_in() {
        let cases = [("1 == 2", 2), ("true", 4), ("true", 5)];
        let decision = choose(&cases, Some(3)).unwrap();
        assert_eq!(decision.next_branch, 4);
        let written: Value = serde_json::from_str(&decision.task_params).unwrap();
        assert_eq!(written["nextBranch"], 4);
        assert_eq!(written["switchResult"]["nextNode"], 3);
        assert_eq!(choose(&cases[..1], Some(3)).unwrap().next_branch, 3);
        assert_eq!(choose(&[], Some(3)).unwrap().next_branch, 3);
        assert_eq!(choose(&cases[..1], None), Err(SwitchError::NoDefault));
        assert_eq!(
            choose(&[("true", 70)], Some(3)),
            Err(SwitchError::NotInWorkflow { code: 70 })
        );
    }

    #[test]
    fn an_endless_loop_is_not_true_and_says_so() {
        let decision = choose(&[("while (true) {}", 2)], Some(3)).unwrap();
        assert_eq!(decision.next_branch, 3);
        assert!(
            decision.reasons[0].contains("endless loop"),
            "{:?}",
            decision.reasons
        );
    }

    #[test]
    fn values_are_not_in_the_reasons() {
        let decision = choose(&[("${name} == 1", 2)], Some(3)).unwrap();
        assert!(!decision.reasons[0].contains("orca"));
    }
}
