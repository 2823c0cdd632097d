//! A case file: what the runner understands, and nothing else. A key it does not know is an error with its place.

use super::matchers::{AlertMatch, Parameter, TaskInstanceMatch, WorkflowInstanceMatch};
use orca_engine::codes::{FailureStrategy, Flag, Priority, ReleaseState, TaskDependType, WarningType};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// One file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    /// The path of the file without `.yaml`.
    pub(super) case: String,
    pub(super) title: String,
    /// The test it restates, for cases that restate one.
    #[serde(default)]
    pub(super) source: Option<String>,
    /// The file of rows, below the folder `context`.
    pub(super) context: String,
    #[serde(default)]
    pub(super) notes: Option<String>,
    pub(super) steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Step {
    StartMaster(StartMaster),
    StopMaster(WhichMaster),
    KillMaster(WhichMaster),
    FreezeMaster(WhichMaster),
    ThawMaster(WhichMaster),
    StartWorker(WhichWorker),
    StopWorker(WhichWorker),
    KillWorker(WhichWorker),
    LoadContext(Nothing),
    TriggerWorkflow(Trigger),
    Backfill(Backfill),
    Pause(InstanceRequest),
    Stop(StopRequest),
    RecoverSuspendedTasks(InstanceRequest),
    RecoverFailureTasks(InstanceRequest),
    RepeatRunning(InstanceRequest),
    Schedule(Schedule),
    Unschedule(Unschedule),
    GlobalFailover(Nothing),
    MasterFailover(MasterFailover),
    Await(Await),
    Expect(Vec<Expectation>),
    Sleep(Sleep),
    Released(Released),
    EditRows(EditRows),
}

impl Step {
    /// The key of the step in the file.
    #[must_use]
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::StartMaster(_) => "start_master",
            Self::StopMaster(_) => "stop_master",
            Self::KillMaster(_) => "kill_master",
            Self::FreezeMaster(_) => "freeze_master",
            Self::ThawMaster(_) => "thaw_master",
            Self::StartWorker(_) => "start_worker",
            Self::StopWorker(_) => "stop_worker",
            Self::KillWorker(_) => "kill_worker",
            Self::LoadContext(_) => "load_context",
            Self::TriggerWorkflow(_) => "trigger_workflow",
            Self::Backfill(_) => "backfill",
            Self::Pause(_) => "pause",
            Self::Stop(_) => "stop",
            Self::RecoverSuspendedTasks(_) => "recover_suspended_tasks",
            Self::RecoverFailureTasks(_) => "recover_failure_tasks",
            Self::RepeatRunning(_) => "repeat_running",
            Self::Schedule(_) => "schedule",
            Self::Unschedule(_) => "unschedule",
            Self::GlobalFailover(_) => "global_failover",
            Self::MasterFailover(_) => "master_failover",
            Self::Await(_) => "await",
            Self::Expect(_) => "expect",
            Self::Sleep(_) => "sleep",
            Self::Released(_) => "released",
            Self::EditRows(_) => "edit_rows",
        }
    }

    /// Does it ask a master for something whose outcome depends on the moment?
    #[must_use]
    pub(super) fn is_request(&self) -> bool {
        matches!(
            self,
            Self::Pause(_)
                | Self::Stop(_)
                | Self::RecoverSuspendedTasks(_)
                | Self::RecoverFailureTasks(_)
                | Self::RepeatRunning(_)
                | Self::KillMaster(_)
                | Self::FreezeMaster(_)
        )
    }
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// Name of the master that steps mean when they name none.
pub(super) const MASTER: &str = "master";
/// The same for workers.
pub(super) const WORKER: &str = "worker";

fn master() -> String {
    MASTER.to_owned()
}

fn worker() -> String {
    WORKER.to_owned()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StartMaster {
    #[serde(rename = "as", default = "master")]
    pub(super) name: String,
    #[serde(default)]
    pub(super) properties: BTreeMap<String, Scalar>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WhichMaster {
    #[serde(default = "master")]
    pub(super) master: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WhichWorker {
    #[serde(default = "worker", alias = "as")]
    pub(super) worker: String,
}

/// A value of a property or a column.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    Integer(i64),
    Number(f64),
    Text(String),
}

impl std::fmt::Display for Scalar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => value.fmt(f),
            Self::Integer(value) => value.fmt(f),
            Self::Number(value) => value.fmt(f),
            Self::Text(value) => f.write_str(value),
        }
    }
}

/// The answer that a request must get.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "SuccessInFile")]
pub(super) enum Success {
    #[default]
    Yes,
    No,
    Any,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum SuccessInFile {
    Known(bool),
    Any(AnyWord),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum AnyWord {
    Any,
}

impl From<SuccessInFile> for Success {
    fn from(written: SuccessInFile) -> Self {
        match written {
            SuccessInFile::Known(true) => Self::Yes,
            SuccessInFile::Known(false) => Self::No,
            SuccessInFile::Any(AnyWord::Any) => Self::Any,
        }
    }
}

/// An instance: a name given by `as`, or the id of a row of the context.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(super) enum InstanceRef {
    Id(i32),
    Name(String),
}

impl std::fmt::Display for InstanceRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Id(id) => write!(f, "instance {id}"),
            Self::Name(name) => write!(f, "{name:?}"),
        }
    }
}

const fn one() -> i32 {
    1
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Trigger {
    pub(super) workflow: i64,
    #[serde(default = "one")]
    pub(super) version: i32,
    #[serde(rename = "as")]
    pub(super) name: String,
    pub(super) start_nodes: Option<Vec<i64>>,
    pub(super) start_params: Option<Vec<Parameter>>,
    pub(super) dry_run: Option<Flag>,
    pub(super) task_depend_type: Option<TaskDependType>,
    pub(super) failure_strategy: Option<FailureStrategy>,
    pub(super) warning_type: Option<WarningType>,
    pub(super) warning_group_id: Option<i32>,
    #[serde(default)]
    pub(super) success: Success,
    #[serde(default = "master")]
    pub(super) master: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Backfill {
    pub(super) workflow: i64,
    #[serde(default = "one")]
    pub(super) version: i32,
    #[serde(rename = "as")]
    pub(super) name: Option<String>,
    pub(super) times: Vec<String>,
    pub(super) start_nodes: Option<Vec<i64>>,
    pub(super) start_params: Option<Vec<Parameter>>,
    #[serde(default)]
    pub(super) success: Success,
    #[serde(default = "master")]
    pub(super) master: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InstanceRequest {
    pub(super) instance: InstanceRef,
    #[serde(default)]
    pub(super) success: Success,
    #[serde(default = "master")]
    pub(super) master: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StopRequest {
    pub(super) instance: InstanceRef,
    #[serde(default)]
    pub(super) success: Success,
    #[serde(default)]
    pub(super) to: StopTarget,
    pub(super) within: Option<f64>,
    pub(super) poll: Option<f64>,
    #[serde(default)]
    pub(super) when: Vec<Expectation>,
    #[serde(default = "master")]
    pub(super) master: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum StopTarget {
    #[default]
    Master,
    /// The address in the `host` column of the instance.
    RowHost,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Schedule {
    #[serde(rename = "as")]
    pub(super) name: String,
    pub(super) workflow: i64,
    pub(super) crontab: String,
    pub(super) start: String,
    pub(super) end: String,
    pub(super) failure_strategy: FailureStrategy,
    pub(super) warning_type: WarningType,
    pub(super) release_state: ReleaseState,
    pub(super) priority: Priority,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Unschedule {
    pub(super) schedule: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MasterFailover {
    pub(super) hosts: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Await {
    pub(super) within: f64,
    pub(super) poll: Option<f64>,
    pub(super) not_before: Option<f64>,
    pub(super) expect: Vec<Expectation>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sleep {
    pub(super) seconds: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Released {
    pub(super) within: f64,
    #[serde(default = "master")]
    pub(super) master: String,
}

pub(super) type Columns = BTreeMap<String, Scalar>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EditRows {
    pub(super) table: String,
    #[serde(default, rename = "where")]
    pub(super) only: Columns,
    pub(super) set: Option<Columns>,
    pub(super) insert: Option<Columns>,
    #[serde(default)]
    pub(super) delete: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Expectation {
    WorkflowInstance {
        of: InstanceRef,
        is: Box<WorkflowInstanceMatch>,
    },
    WorkflowInstances(RowsTest<OfWorkflows, WorkflowInstanceMatch>),
    TaskInstances(RowsTest<OfTasks, TaskInstanceMatch>),
    Alerts(RowsTest<InstanceRef, AlertMatch>),
    Compare(Compare),
    Metric(Metric),
    RegistryNode {
        path: String,
        exists: bool,
    },
    Rows(RowCount),
}

/// A selection of rows, and what they must pass.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[serde(bound(deserialize = "O: Deserialize<'de>, M: Deserialize<'de>"))]
pub(super) struct RowsTest<O, M> {
    pub(super) of: O,
    #[serde(rename = "where")]
    pub(super) only: Option<M>,
    pub(super) count: Option<usize>,
    pub(super) min_count: Option<usize>,
    pub(super) exactly: Option<Vec<M>>,
    pub(super) any: Option<Vec<M>>,
    pub(super) all: Option<M>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) enum AllWord {
    #[serde(rename = "all")]
    All,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum OfWorkflows {
    All(AllWord),
    Workflow(OfWorkflow),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OfWorkflow {
    pub(super) workflow: i64,
    #[serde(default = "one")]
    pub(super) version: i32,
    /// For tasks: only those of the n-th instance by id, from 0.
    pub(super) at: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum OfTasks {
    All(AllWord),
    Workflow(OfWorkflow),
    Instance(OfInstance),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OfInstance {
    pub(super) instance: InstanceRef,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Compare {
    pub(super) left: Operand,
    pub(super) op: Operator,
    pub(super) right: Operand,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Operator {
    Eq,
    Ge,
    Gt,
    Le,
    Lt,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Operand {
    pub(super) instance: Option<InstanceRef>,
    pub(super) task: Option<TaskOperand>,
    pub(super) field: String,
    #[serde(default)]
    pub(super) plus_seconds: i64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TaskOperand {
    pub(super) of: OfTasks,
    pub(super) at: Option<usize>,
    pub(super) name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Metric {
    pub(super) name: String,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) equals: f64,
    #[serde(default = "master")]
    pub(super) master: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RowCount {
    pub(super) table: String,
    #[serde(default, rename = "where")]
    pub(super) only: Columns,
    pub(super) count: i64,
}

impl Case {
    /// Reads a case.
    ///
    /// # Errors
    /// What is wrong, with file, line and column where the reader knows them.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Self::parse(&text).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// # Errors
    /// See [`Case::read`].
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let reader = serde_yaml_ng::Deserializer::from_str(text);
        let case: Self = serde_yaml_ng::with::singleton_map_recursive::deserialize(reader)
            .map_err(|error| error.to_string())?;
        if case.steps.is_empty() {
            return Err("a case needs at least one step".to_owned());
        }
        Ok(case)
    }
}
