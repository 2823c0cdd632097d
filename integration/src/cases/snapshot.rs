//! The rows of one moment, and how they are shown to people.

use super::matchers::Row;
use orca_engine::codes::{TaskState, WorkflowState};
use serde_json::Value;
use std::fmt::Write;

/// Rows that an error shows at most; a schedule that runs away makes many.
const SHOWN_MAX: usize = 40;

/// Instances, tasks and alerts as one read saw them, in ascending order of id.
#[derive(Clone, Debug, Default)]
pub(super) struct Snapshot {
    pub(super) workflow_instances: Vec<Row>,
    pub(super) task_instances: Vec<Row>,
    pub(super) alerts: Vec<Row>,
}

impl Snapshot {
    #[must_use]
    pub(super) fn instance(&self, id: i32) -> Option<&Row> {
        self.workflow_instances
            .iter()
            .find(|row| integer(row, "id") == Some(i64::from(id)))
    }

    /// Puts the row into its place: over the row of its id, or between those around it.
    pub(super) fn apply(&mut self, is_task: bool, row: Row) {
        let rows = if is_task {
            &mut self.task_instances
        } else {
            &mut self.workflow_instances
        };
        let id = integer(&row, "id");
        match rows.binary_search_by_key(&id, |known| integer(known, "id")) {
            Ok(at) => rows[at] = row,
            Err(at) => rows.insert(at, row),
        }
    }

    /// A few lines for a report.
    #[must_use]
    pub(super) fn describe(&self) -> String {
        let mut text = String::new();
        for row in self.workflow_instances.iter().take(SHOWN_MAX) {
            let state = named(row, |code| {
                WorkflowState::try_from(code).ok().map(WorkflowState::name)
            });
            let _ = writeln!(
                text,
                "instance {} {} {state} host {} run_times {} start {} end {}",
                show(row, "id"),
                show(row, "name"),
                show(row, "host"),
                show(row, "run_times"),
                show(row, "start_time"),
                show(row, "end_time"),
            );
        }
        for row in self.task_instances.iter().take(SHOWN_MAX) {
            let state = named(row, |code| TaskState::try_from(code).ok().map(TaskState::name));
            let _ = writeln!(
                text,
                "task {} {} of {} {state} flag {} host {} retry_times {} start {} end {} var_pool {}",
                show(row, "id"),
                show(row, "name"),
                show(row, "workflow_instance_id"),
                show(row, "flag"),
                show(row, "host"),
                show(row, "retry_times"),
                show(row, "start_time"),
                show(row, "end_time"),
                show(row, "var_pool"),
            );
        }
        for row in self.alerts.iter().take(SHOWN_MAX) {
            let _ = writeln!(
                text,
                "alert {} type {} of instance {}",
                show(row, "title"),
                show(row, "alert_type"),
                show(row, "workflow_instance_id"),
            );
        }
        if text.is_empty() {
            text.push_str("no instances, tasks or alerts\n");
        }
        text
    }
}

#[must_use]
pub(super) fn integer(row: &Row, column: &str) -> Option<i64> {
    row.get(column).and_then(Value::as_i64)
}

#[must_use]
pub(super) fn text<'a>(row: &'a Row, column: &str) -> Option<&'a str> {
    row.get(column).and_then(Value::as_str)
}

fn show(row: &Row, column: &str) -> String {
    match row.get(column) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

fn named(row: &Row, name: impl Fn(i32) -> Option<&'static str>) -> String {
    let code = integer(row, "state").and_then(|code| i32::try_from(code).ok());
    match code.and_then(name) {
        Some(name) => name.to_owned(),
        None => format!("state {}", show(row, "state")),
    }
}
