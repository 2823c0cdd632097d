//! What a workflow file says, checked and resolved.

use super::problem::Note;
use orca_engine::codes::{ExecutionType, Flag, Priority, TaskTimeoutStrategy, WarningType};
use orca_engine::model::Property;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flow {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) project: String,
    pub(crate) worker_group: String,
    pub(crate) tenant: Option<String>,
    pub(crate) warning_type: WarningType,
    pub(crate) warning_group_id: i32,
    pub(crate) execution_type: ExecutionType,
    /// 0 means none.
    pub(crate) timeout_minutes: i32,
    pub(crate) params: Vec<Property>,
    /// In the order of the file; names are unique, the dependencies have no cycle.
    pub(crate) tasks: Vec<FlowTask>,
    /// What is accepted without effect.
    pub(crate) notes: Vec<Note>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TaskKind {
    Shell,
    Python,
}

impl TaskKind {
    /// What the task definition row carries.
    pub(crate) const fn task_type(self) -> &'static str {
        match self {
            Self::Shell => "SHELL",
            Self::Python => "PYTHON",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FlowTask {
    pub(crate) name: String,
    pub(crate) kind: TaskKind,
    pub(crate) description: String,
    /// Indices into the tasks of the file.
    pub(crate) deps: Vec<usize>,
    pub(crate) script: String,
    pub(crate) local_params: Vec<Property>,
    /// `No` is a forbidden task: passed through without being run.
    pub(crate) flag: Flag,
    pub(crate) priority: Priority,
    /// The workflow's when the task names none.
    pub(crate) worker_group: Option<String>,
    pub(crate) delay_minutes: i32,
    pub(crate) retry_times: i32,
    /// 0 retries at once.
    pub(crate) retry_interval_minutes: i32,
    /// 0 means none.
    pub(crate) timeout_minutes: i32,
    pub(crate) timeout_strategy: Option<TaskTimeoutStrategy>,
    /// -1 means no quota.
    pub(crate) cpu_quota: i32,
    /// -1 means no limit.
    pub(crate) memory_max: i32,
}

impl FlowTask {
    /// The column `task_params` of the definition.
    pub(crate) fn task_params(&self) -> String {
        let params = serde_json::json!({
            "localParams": self.local_params,
            "rawScript": self.script,
            "resourceList": [],
        });
        params.to_string()
    }
}
