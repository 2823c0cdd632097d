//! What a machine shows of itself to an operator: a small copy that can be written as JSON.

use super::{Counts, NodeId, WorkflowMachine};
use crate::codes::{TaskState, WorkflowState};
use crate::limits::VIEW_TASKS_MAX;
use serde::Serialize;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MachineView {
    pub workflow_instance_id: i32,
    pub name: String,
    pub state: WorkflowState,
    pub started: bool,
    pub retired: bool,
    pub counts: Counts,
    /// Active tasks that have a row, at most [`VIEW_TASKS_MAX`].
    pub active_tasks: Vec<TaskView>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TaskView {
    pub task_instance_id: i32,
    pub name: String,
    pub state: TaskState,
    /// Where it stands beyond its row.
    pub stage: &'static str,
    pub host: Option<String>,
    pub retry_times: i32,
    pub dispatch_failures: u32,
    pub kill_wanted: bool,
}

impl WorkflowMachine {
    #[must_use]
    pub fn observe(&self) -> MachineView {
        MachineView {
            workflow_instance_id: self.instance.id,
            name: self.instance.name.clone(),
            state: self.instance.state,
            started: self.started,
            retired: self.retired,
            counts: self.counts,
            active_tasks: self
                .active
                .iter()
                .filter_map(|&node| self.view_task(node))
                .take(VIEW_TASKS_MAX)
                .collect(),
        }
    }

    fn view_task(&self, node: NodeId) -> Option<TaskView> {
        let place = self.node(node);
        let row = place.task()?;
        Some(TaskView {
            task_instance_id: row.id,
            name: row.name.clone(),
            state: row.state,
            stage: place.stage.name(),
            host: row.host.clone(),
            retry_times: row.retry_times,
            dispatch_failures: place.attempt.failures,
            kill_wanted: place.attempt.kill_wanted,
        })
    }
}
