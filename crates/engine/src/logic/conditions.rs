//! CONDITIONS: which of two branches follows, from the states of the tasks before.

use super::{LogicError, Relation, array, members};
use crate::codes::TaskState;
use serde_json::{Map, Value};

const NEEDS: &str =
    "CONDITIONS needs dependence, with dependTaskList, and conditionResult, with successNode and failedNode";

/// What was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub succeeded: bool,
    /// The row's parameters with the decision in them: from there the graph goes on, in any master.
    pub task_params: String,
    /// For the task log: what was compared.
    pub reasons: Vec<String>,
}

/// `state_of` gives the state of the valid row of a task code; a task without a row (skipped, forbidden, not reached) has none. A forced success
/// is no SUCCESS, as in the reference.
pub fn decide(
    task_params: Option<&str>,
    state_of: impl Fn(i64) -> Option<TaskState>,
) -> Result<Decision, LogicError> {
    let mut members = members(task_params, NEEDS)?;
    let mut reasons = Vec::new();
    let succeeded = {
        let dependence = object(&members, "dependence")?;
        let groups = array(dependence.get("dependTaskList"));
        if groups.is_empty() {
            return Err(LogicError::NoParams { needs: NEEDS });
        }
        let results = groups.iter().map(|group| {
            let items = array(group.get("dependItemList")).iter();
            let items = items.map(|item| matches(item, &state_of, &mut reasons)).collect();
            Relation::of(group.get("relation")).holds(items)
        });
        let results = results.collect();
        Relation::of(dependence.get("relation")).holds(results)
    };
    match members.get_mut("conditionResult").and_then(Value::as_object_mut) {
        Some(result) => result.insert("conditionSuccess".to_owned(), Value::Bool(succeeded)),
        None => return Err(LogicError::NoParams { needs: NEEDS }),
    };
    Ok(Decision {
        succeeded,
        task_params: Value::Object(members).to_string(),
        reasons,
    })
}

fn object<'a>(members: &'a Map<String, Value>, name: &str) -> Result<&'a Map<String, Value>, LogicError> {
    let found = members.get(name).and_then(Value::as_object);
    found.ok_or(LogicError::NoParams { needs: NEEDS })
}

fn matches(item: &Value, state_of: &impl Fn(i64) -> Option<TaskState>, reasons: &mut Vec<String>) -> bool {
    let code = item["depTaskCode"].as_i64().unwrap_or_default();
    let wanted = item["status"].as_str().unwrap_or_default();
    let state = state_of(code);
    let matches = state.is_some_and(|state| state.name() == wanted);
    let is = state.map_or("not run", TaskState::name);
    reasons.push(format!("task {code} is {is}, wanted is {wanted}: {matches}"));
    matches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(outer: &str, groups: &str) -> String {
        format!(
            r#"{{"localParams":[],"dependence":{{"relation":"{outer}","dependTaskList":[{groups}]}},
            "conditionResult":{{"successNode":[3],"failedNode":[4]}}}}"#
        )
    }

    fn group(relation: &str, items: &[(i64, &str)]) -> String {
        let items: Vec<String> = items
            .iter()
            .map(|(code, status)| format!(r#"{{"depTaskCode":{code},"status":"{status}"}}"#))
            .collect();
        format!(
            r#"{{"relation":"{relation}","dependItemList":[{}]}}"#,
            items.join(",")
        )
    }

    /// 1 has succeeded, 2 has failed, 5 was forced, the others have not run.
    fn states(code: i64) -> Option<TaskState> {
        match code {
            1 => Some(TaskState::Success),
            2 => Some(TaskState::Failure),
            5 => Some(TaskState::ForcedSuccess),
            _ => None,
        }
    }

    fn result(outer: &str, groups: &[String]) -> bool {
        let decision = decide(Some(&params(outer, &groups.join(","))), states).unwrap();
        let written: Value = serde_json::from_str(&decision.task_params).unwrap();
        assert_eq!(written["conditionResult"]["conditionSuccess"], decision.succeeded);
        assert_eq!(written["conditionResult"]["failedNode"][0], 4);
        decision.succeeded
    }

    #[test]
    fn an_item_compares_the_state_and_a_task_without_a_row_matches_nothing() {
        let one = |code, status| result("AND", &[group("AND", &[(code, status)])]);
        assert!(one(1, "SUCCESS") && one(2, "FAILURE"));
        assert!(!one(1, "FAILURE") && !one(2, "SUCCESS"));
        assert!(!one(9, "SUCCESS") && !one(9, "FAILURE") && !one(5, "SUCCESS"));
    }

    #[test]
    fn relations_combine_items_and_groups() {
        let (good, bad) = ((1, "SUCCESS"), (1, "FAILURE"));
        assert!(!result("AND", &[group("AND", &[good, bad])]));
        assert!(result("AND", &[group("OR", &[good, bad])]));
        assert!(!result("AND", &[group("OR", &[bad]), group("AND", &[good])]));
        assert!(result("OR", &[group("OR", &[bad]), group("AND", &[good])]));
        assert!(!result("OR", &[group("OR", &[bad]), group("AND", &[bad])]));
    }

    #[test]
    fn parameters_without_what_is_needed_are_refused() {
        for broken in [
            "{}",
            r#"{"dependence":{"dependTaskList":[]},"conditionResult":{}}"#,
            r#"{"dependence":{"dependTaskList":[{}]}}"#,
            "[]",
        ] {
            assert!(decide(Some(broken), states).is_err(), "{broken}");
        }
        // What follows the object is ignored, as by the reference's reader.
        assert!(
            decide(
                Some(&format!("{},", params("AND", &group("AND", &[(1, "SUCCESS")])))),
                states
            )
            .is_ok()
        );
    }
}
