//! What goes into the store and what comes out, apart from the engine's own model.

use orca_engine::codes::{
    CommandType, ExecutionType, Flag, Priority, TaskDependType, TaskTimeoutStrategy, TimeoutFlag,
    WorkflowState,
};
use orca_engine::fence::Fence;
use orca_engine::model::{Property, RunOptions, WorkflowInstance};
use orca_engine::time::Millis;
use orca_engine::workflow::Write;
use std::collections::BTreeMap;

/// What one step of one workflow writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepCommit {
    pub fence: Fence,
    /// The number of this step: one more than that of the last committed step of the instance since its claim, which is step 0.
    pub step: i64,
    pub writes: Vec<Write>,
}

/// A step that is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The ids of the inserted task rows, in the order of the `InsertTask` writes.
    pub task_ids: Vec<i32>,
}

/// What the database knows of an instance's steps, for the caller whose COMMIT was not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepState {
    /// The last committed step.
    pub step: i64,
    /// The ids of the valid task rows with the names asked for, in that order. Complete when the step that inserts them is committed.
    pub task_ids: Vec<i32>,
}

/// What has become of one claim.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant)] // Almost every outcome is the large one.
pub enum ClaimOutcome {
    Claimed {
        fence: Fence,
        /// As it now stands in the database.
        instance: WorkflowInstance,
        /// The ids of the plan's clones, in their order.
        cloned_ids: Vec<i32>,
        /// Where the workflow's time-out counts from: the first claim of this run, which a take-over does not move.
        timeout_base: Millis,
    },
    /// Another master has deleted the command, or it is gone.
    NotMine,
    /// Nothing was written for this one; `refuse` says that trying again gives the same answer.
    Failed { reason: String, refuse: bool },
}

/// The state of one incarnation of a master.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MasterState {
    /// May claim.
    Active,
    /// Its death has been taken up by another master.
    Fenced,
    /// It has ended in order.
    Stopped,
}

impl MasterState {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Fenced => "fenced",
            Self::Stopped => "stopped",
        }
    }
}

/// Where a new workflow instance comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunKind {
    Manual,
    /// Started by a SUB_WORKFLOW task.
    SubWorkflow,
    Schedule,
    /// One instance for the first of these times; the rest follow when it has succeeded. `yyyy-MM-dd HH:mm:ss`.
    Backfill {
        times: Vec<String>,
    },
}

impl RunKind {
    #[must_use]
    pub const fn command_type(&self) -> CommandType {
        match self {
            Self::Manual | Self::SubWorkflow => CommandType::StartProcess,
            Self::Schedule => CommandType::Scheduler,
            Self::Backfill { .. } => CommandType::ComplementData,
        }
    }
}

/// A request for a new workflow instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRun {
    pub kind: RunKind,
    pub user_id: i32,
    pub workflow_definition_code: i64,
    pub workflow_definition_version: i32,
    /// Task codes; `None` and empty mean all roots, and each is stored as it came.
    pub start_nodes: Option<Vec<i64>>,
    pub start_params: Option<Vec<Property>>,
    /// Goes into the command; `None` or blank means the zone of the database's wall clock. A backfill ignores it.
    pub time_zone: Option<String>,
    /// Ignored for a backfill, whose first time it is.
    pub schedule_time: Option<Millis>,
    pub task_depend_type: TaskDependType,
    pub options: RunOptions,
}

impl NewRun {
    /// A manual run with the defaults of the reference's request.
    #[must_use]
    pub const fn manual(user_id: i32, code: i64, version: i32) -> Self {
        Self {
            kind: RunKind::Manual,
            user_id,
            workflow_definition_code: code,
            workflow_definition_version: version,
            start_nodes: None,
            start_params: None,
            time_zone: None,
            schedule_time: None,
            task_depend_type: TaskDependType::TaskPost,
            options: RunOptions::DEFAULT,
        }
    }
}

/// How an instance that has ended is to run again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// All of it.
    Repeat,
    /// What failed, and everything behind it.
    RecoverFailure,
    /// What was paused or killed, and everything behind it.
    RecoverSuspended,
}

impl Again {
    /// Whether an instance in this state may run again so. The conditions of the API server, which looks at the row before it asks a master.
    #[must_use]
    pub const fn allows(self, state: WorkflowState) -> bool {
        match self {
            Self::Repeat => state.is_final(),
            Self::RecoverFailure => matches!(state, WorkflowState::Failure),
            Self::RecoverSuspended => matches!(state, WorkflowState::Pause | WorkflowState::Stop),
        }
    }

    #[must_use]
    pub const fn command_type(self) -> CommandType {
        match self {
            Self::Repeat => CommandType::RepeatRunning,
            Self::RecoverFailure => CommandType::StartFailureTaskProcess,
            Self::RecoverSuspended => CommandType::RecoverSuspendedProcess,
        }
    }
}

/// A request to let an instance that has ended run again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgainRequest {
    pub workflow_instance_id: i32,
    pub user_id: i32,
    pub kind: Again,
}

/// A workflow definition to be saved, with its tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDefinition {
    /// Created when there is none of that name.
    pub project: String,
    pub name: String,
    pub description: Option<String>,
    pub user_id: i32,
    pub global_params: Vec<Property>,
    /// Minutes; 0 means none.
    pub timeout_minutes: i32,
    pub execution_type: ExecutionType,
    pub tasks: Vec<NewTask>,
}

/// One task of a [`NewDefinition`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTask {
    pub name: String,
    /// From `Store::task_codes` when the parameters of another task name this one; else one is found or made.
    pub code: Option<i64>,
    pub description: Option<String>,
    pub task_type: String,
    /// JSON text.
    pub task_params: String,
    /// `No`: passed through without being run.
    pub flag: Flag,
    pub priority: Priority,
    pub worker_group: String,
    /// -1 means none.
    pub environment_code: i64,
    pub fail_retry_times: i32,
    /// Minutes.
    pub fail_retry_interval: i32,
    pub timeout_flag: TimeoutFlag,
    pub timeout_notify_strategy: Option<TaskTimeoutStrategy>,
    /// Minutes.
    pub timeout: i32,
    /// Minutes.
    pub delay_time: i32,
    pub cpu_quota: i32,
    pub memory_max: i32,
    /// 0 means none.
    pub task_group_id: i32,
    pub task_group_priority: i32,
    /// Names of the tasks that come before; empty for a root.
    pub depends_on: Vec<String>,
}

impl NewTask {
    /// A task with the defaults of the reference's editor.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        task_type: impl Into<String>,
        task_params: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            code: None,
            description: None,
            task_type: task_type.into(),
            task_params: task_params.into(),
            flag: Flag::Yes,
            priority: Priority::Medium,
            worker_group: "default".to_owned(),
            environment_code: -1,
            fail_retry_times: 0,
            fail_retry_interval: 1,
            timeout_flag: TimeoutFlag::Close,
            timeout_notify_strategy: None,
            timeout: 0,
            delay_time: 0,
            cpu_quota: -1,
            memory_max: -1,
            task_group_id: 0,
            task_group_priority: 0,
            depends_on: Vec::new(),
        }
    }
}

/// Which instances a list shows; every condition that is set must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InstanceFilter {
    pub states: Vec<WorkflowState>,
    pub project: Option<String>,
    /// A part of the instance's name.
    pub name_contains: Option<String>,
    pub host: Option<String>,
    pub workflow_definition_code: Option<i64>,
}

/// A part of a list, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Only ids below this one: the last id of the page before.
    pub before_id: Option<i32>,
    pub len: u32,
}

impl Default for Page {
    fn default() -> Self {
        Self {
            before_id: None,
            len: 50,
        }
    }
}

/// How many rows there are in each state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub workflow_instances: BTreeMap<i32, i64>,
    pub task_instances: BTreeMap<i32, i64>,
    pub commands: i64,
    pub serial_commands: i64,
    pub error_commands: i64,
}

/// A row of `t_orca_master`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MasterRow {
    pub address: String,
    pub epoch: i64,
    pub state: String,
    pub started_at: Millis,
    pub changed_at: Millis,
    /// Instances with this owner in a state that is not final.
    pub running: i64,
}

/// Who owns an instance, by `t_orca_instance`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ownership {
    pub workflow_instance_id: i32,
    pub owner: String,
    pub epoch: i64,
    pub step: i64,
    pub timeout_base: Millis,
}

/// What `Store::migrate` has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MigrationReport {
    /// The shared tables were created by this call.
    pub created_shared_tables: bool,
    /// Names of Orca's own migrations that were applied by this call, in order.
    pub applied: Vec<String>,
    /// The version in `t_ds_version`.
    pub version: String,
}
