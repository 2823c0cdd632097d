//! From a command row to a running instance: what a claim has to write. Pure; the store executes the plan in one
//! transaction, whose first act is to delete the command row (0 rows: another master has it, nothing is written).

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
    /// The rows that the new machine starts from, apart from `clone`.
    pub attach: Vec<TaskInstance>,
}
