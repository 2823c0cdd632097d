//! What cannot be run, in one place: a task type that is switched off. Such a task fails with the reason; it never runs in a way nobody asked for.

use super::{Draft, NodeId, Rules};
use crate::logic::LogicType;
use crate::model::TaskDefinition;
use serde_json::Value;

/// A task that decides, from the results before it, which tasks follow: it lets a failed predecessor pass.
pub(super) fn is_condition(task: &TaskDefinition) -> bool {
    LogicType::of(&task.task_type) == Some(LogicType::Conditions)
}

/// Why the task cannot be run.
pub(super) fn unsupported(task: &TaskDefinition, rules: &Rules) -> Option<String> {
    let is_fake = LogicType::of(&task.task_type) == Some(LogicType::Fake);
    (is_fake && !rules.fake_task_enabled).then(|| {
        "task type LogicFakeTask is for tests and switched off; orca.fake-task.enabled=true switches it on".to_owned()
    })
}

impl Draft<'_> {
    /// Nodes that the branch chosen by a finished CONDITIONS or SWITCH task leaves out (`SuccessorFlowAdjuster`). Such a
    /// row comes from another master; codes outside this run are left alone.
    pub(super) fn left_out_by(&mut self, node: NodeId) -> Vec<NodeId> {
        let conditions = match LogicType::of(&self.definition(node).task_type) {
            Some(LogicType::Conditions) => true,
            Some(LogicType::Switch) => false,
            Some(LogicType::SubWorkflow | LogicType::Dependent | LogicType::Fake) | None => {
                return Vec::new();
            }
        };
        let text = self
            .node(node)
            .task()
            .and_then(|row| row.task_params.clone())
            .unwrap_or_else(|| "".into());
        let params: Value = serde_json::from_str(&text).unwrap_or_default();
        let left_out = if conditions {
            condition_left_out(&params)
        } else {
            switch_left_out(&params)
        };
        let Some(codes) = left_out else {
            self.note(
                node,
                "its row does not say which branch it chose; no branch is left out".to_owned(),
            );
            return Vec::new();
        };
        codes
            .into_iter()
            .filter_map(|code| self.base.graph.node_of_code(code))
            .collect()
    }
}

/// The codes of the branch that the condition did not choose.
fn condition_left_out(params: &Value) -> Option<Vec<i64>> {
    let result = &params["conditionResult"];
    // A dry run decides nothing, which the reference reads as a condition that does not hold.
    let succeeded = result.as_object()?.get("conditionSuccess");
    let branch = if succeeded.and_then(Value::as_bool).unwrap_or(false) {
        "failedNode"
    } else {
        "successNode"
    };
    Some(
        result[branch]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_i64)
            .collect(),
    )
}

/// The codes of every branch but the chosen one.
fn switch_left_out(params: &Value) -> Option<Vec<i64>> {
    let result = params["switchResult"].as_object()?;
    let chosen = params["nextBranch"].as_i64();
    let cases = result
        .get("dependTaskList")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let targets = cases.map(|case| &case["nextNode"]).chain(result.get("nextNode"));
    Some(
        targets
            .filter_map(Value::as_i64)
            .filter(|&code| Some(code) != chosen)
            .collect(),
    )
}
