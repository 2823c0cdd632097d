//! From a command row to a running instance: what a claim has to write. Pure; the store executes the plan in one
//! transaction, whose first act is to delete the command row (0 rows: another master has it, nothing is written).

mod history;
mod plan;
mod recover;
#[cfg(test)]
mod tests;

pub use history::append as append_state_history;
pub use plan::{plan, start_codes, starts_from_rows};

use crate::codes::WorkflowState;
use crate::command_param::ParamError;
use crate::graph::GraphError;
use crate::model::{TaskInstance, WorkflowInstance};

/// What one claim writes, decided from the command, the instance row, its valid task rows and the definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimPlan {
    pub command_id: i32,
    /// The instance as it will be; the store writes `state`, `state_history`, `host`, `restart_time` (the database's
    /// own time), `command_type`, `command_param`, `global_params`, `task_depend_type`, `run_times` and `end_time`.
    pub instance: WorkflowInstance,
    /// Valid rows that become superseded (`flag` NO), by id.
    pub supersede: Vec<i32>,
    /// `(id of the superseded row, its fresh clone)`: the clone is inserted, the old row gets `flag` NO.
    pub clone: Vec<(i32, TaskInstance)>,
    /// Paused rows that are used again: state SUBMITTED_SUCCESS, nothing else.
    pub reset: Vec<i32>,
    /// New `app_link` of rows that are used again: their child is to be recovered with them.
    pub relink: Vec<(i32, String)>,
    /// The rows that the new machine starts from, apart from `clone`.
    pub attach: Vec<TaskInstance>,
}

impl ClaimPlan {
    /// The rows that the machine starts from once the claim is committed. `cloned_ids` are the ids of the inserted clones, in
    /// the order of `clone`.
    #[must_use]
    pub fn into_rows(self, cloned_ids: &[i32]) -> Vec<TaskInstance> {
        let clones = self
            .clone
            .into_iter()
            .zip(cloned_ids)
            .map(|((_, row), &id)| TaskInstance { id, ..row });
        self.attach.into_iter().chain(clones).collect()
    }
}

/// Why a command can never run. The texts say what the reference says, where it says something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    #[error("Cannot find ICommandHandler for commandType: {command_type}")]
    NoHandler { command_type: String },
    #[error(transparent)]
    Param(#[from] ParamError),
    #[error("The WorkflowFailoverCommandParam: {text} is invalid")]
    NoStateToRestore { text: String },
    #[error(transparent)]
    Graph(#[from] GraphError),
    #[error(transparent)]
    GlobalParams(#[from] crate::params::ParamError),
    #[error("Duplicate key {name}: the workflow instance has more than one valid task instance of that name")]
    DuplicateTaskInstance { name: String },
    #[error("the workflow instance is {state}: a master runs it already, so the command comes twice")]
    AlreadyRunning { state: WorkflowState },
    #[error(
        "the workflow instance is {state} before its first run: it was paused or stopped while it waited"
    )]
    Withdrawn { state: WorkflowState },
    #[error("the workflow instance is {state} and not FAILOVER, so there is nothing to take over")]
    NotInFailover { state: WorkflowState },
}
