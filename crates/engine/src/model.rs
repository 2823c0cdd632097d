//! What a run is made of: the definition it follows and the rows it lives in. Values only, no rules.

use crate::codes::{
    CommandType, DataType, Direct, ExecutionType, FailureStrategy, Flag, Priority, TaskDependType,
    TaskExecuteType, TaskState, TaskTimeoutStrategy, TimeoutFlag, WarningType, WorkflowState,
};
use crate::time::Millis;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// `Property`: one parameter. Java accepts and stores null members, so all four may be absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Property {
    #[serde(default)]
    pub prop: Option<String>,
    #[serde(default)]
    pub direct: Option<Direct>,
    #[serde(default, rename = "type")]
    pub data_type: Option<DataType>,
    #[serde(default)]
    pub value: Option<String>,
}

/// A row of `t_ds_project`, as far as a run needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    pub id: i32,
    pub code: i64,
    pub name: String,
    pub user_id: Option<i32>,
    /// The name of that user, shown as `owner` in alerts.
    pub user_name: Option<String>,
}

/// A row of `t_ds_workflow_definition_log`: the template, at one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkflowDefinition {
    pub code: i64,
    pub version: i32,
    pub name: String,
    pub project_code: i64,
    /// The column's JSON text, parsed by `params`.
    pub global_params: Option<String>,
    /// Minutes; 0 means none.
    pub timeout_minutes: i32,
    pub execution_type: ExecutionType,
    pub user_id: Option<i32>,
    /// The last editor, shown as `modifyBy` in alerts.
    pub operator_name: Option<String>,
}

/// A row of `t_ds_task_definition_log`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskDefinition {
    pub code: i64,
    pub version: i32,
    pub name: String,
    pub project_code: i64,
    pub task_type: String,
    pub task_execute_type: TaskExecuteType,
    pub task_params: Option<String>,
    /// `No` is a forbidden task: passed through without a row. A NULL column means enabled.
    pub flag: Flag,
    pub priority: Priority,
    pub worker_group: Option<String>,
    /// 0 or below means none.
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
    pub task_group_id: i32,
    pub task_group_priority: i32,
    pub cpu_quota: i32,
    pub memory_max: i32,
}

/// Everything of one definition version that a run needs; immutable, shared by all its runs through a cache keyed by
/// `(code, version)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefinitionSnapshot {
    pub workflow: WorkflowDefinition,
    pub project: Project,
    /// In the order of the relation rows; duplicates are kept so that the graph can refuse them.
    pub tasks: Vec<TaskDefinition>,
    /// `(pre_task_code, post_task_code)` of every relation row; a pre of 0 marks a root.
    pub relations: Vec<(i64, i64)>,
}

/// A row of `t_ds_command`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    pub id: i32,
    /// Raw, because a row may carry a code without a handler.
    pub command_type: i32,
    pub workflow_definition_code: i64,
    pub workflow_definition_version: i32,
    pub workflow_instance_id: i32,
    pub command_param: Option<String>,
    pub task_depend_type: Option<TaskDependType>,
    pub executor_id: Option<i32>,
    pub workflow_instance_priority: Option<i32>,
}

/// A row of `t_ds_workflow_instance`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkflowInstance {
    pub id: i32,
    pub name: String,
    pub workflow_definition_code: i64,
    pub workflow_definition_version: i32,
    pub project_code: i64,
    pub state: WorkflowState,
    /// JSON list, appended to at the moments the reference does (docs/reference/rows.md).
    pub state_history: Option<String>,
    pub start_time: Option<Millis>,
    pub end_time: Option<Millis>,
    pub restart_time: Option<Millis>,
    pub run_times: i32,
    pub host: Option<String>,
    pub command_type: CommandType,
    pub command_param: Option<String>,
    pub task_depend_type: TaskDependType,
    pub failure_strategy: FailureStrategy,
    pub warning_type: WarningType,
    pub warning_group_id: Option<i32>,
    pub schedule_time: Option<Millis>,
    pub global_params: Option<String>,
    pub is_sub_workflow: Flag,
    pub executor_id: i32,
    pub executor_name: Option<String>,
    pub history_cmd: Option<String>,
    pub priority: Priority,
    pub worker_group: Option<String>,
    pub environment_code: i64,
    /// Minutes; 0 means none.
    pub timeout: i32,
    pub tenant_code: Option<String>,
    pub var_pool: Option<String>,
    pub dry_run: bool,
}

/// What whoever starts a run chooses about it, and a child and the next date of a backfill inherit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunOptions {
    pub failure_strategy: FailureStrategy,
    pub warning_type: WarningType,
    pub warning_group_id: Option<i32>,
    pub priority: Priority,
    /// `None` or blank means `default`.
    pub worker_group: Option<String>,
    /// `None` or blank means `default`.
    pub tenant_code: Option<String>,
    /// `None` and -1 mean none.
    pub environment_code: Option<i64>,
    pub dry_run: bool,
}

impl RunOptions {
    /// What the reference's requests start from.
    pub const DEFAULT: Self = Self {
        failure_strategy: FailureStrategy::Continue,
        warning_type: WarningType::None,
        warning_group_id: None,
        priority: Priority::Medium,
        worker_group: None,
        tenant_code: None,
        environment_code: None,
        dry_run: false,
    };
}

impl WorkflowInstance {
    #[must_use]
    pub fn run_options(&self) -> RunOptions {
        RunOptions {
            failure_strategy: self.failure_strategy,
            warning_type: self.warning_type,
            warning_group_id: self.warning_group_id,
            priority: self.priority,
            worker_group: self.worker_group.clone(),
            tenant_code: self.tenant_code.clone(),
            environment_code: Some(self.environment_code),
            dry_run: self.dry_run,
        }
    }
}

/// What the next instance of a backfill chain is started with: everything as in the one before, but for the times that are left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackfillRun {
    pub user_id: i32,
    pub workflow_definition_code: i64,
    pub workflow_definition_version: i32,
    /// `yyyy-MM-dd HH:mm:ss`, never empty; the first is the schedule time of the new instance.
    pub times: Vec<String>,
    pub start_nodes: Vec<i64>,
    pub start_params: Vec<Property>,
    pub task_depend_type: TaskDependType,
    pub options: RunOptions,
}

/// A row of `t_ds_task_instance`. `id` is 0 until the store has inserted it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskInstance {
    pub id: i32,
    pub name: String,
    pub task_type: String,
    pub task_execute_type: TaskExecuteType,
    pub task_code: i64,
    pub task_definition_version: i32,
    pub workflow_instance_id: i32,
    pub workflow_instance_name: Option<String>,
    pub project_code: i64,
    pub state: TaskState,
    pub submit_time: Option<Millis>,
    pub first_submit_time: Option<Millis>,
    pub start_time: Option<Millis>,
    pub end_time: Option<Millis>,
    /// The executor's `host:port`. Orca writes it, with state DISPATCH, before the dispatch call.
    pub host: Option<String>,
    pub log_path: Option<String>,
    pub retry_times: i32,
    pub max_retry_times: i32,
    /// Minutes.
    pub retry_interval: i32,
    pub app_link: Option<String>,
    pub task_params: Option<Arc<str>>,
    /// `No` is a superseded row.
    pub flag: Flag,
    pub priority: Priority,
    pub worker_group: Option<String>,
    pub environment_code: i64,
    pub executor_id: i32,
    pub executor_name: Option<String>,
    /// Minutes.
    pub delay_time: i32,
    pub var_pool: Option<String>,
    pub task_group_id: i32,
    pub dry_run: bool,
    pub cpu_quota: i32,
    pub memory_max: i32,
}

/// A row of `t_ds_alert` to be written; `sign` is computed by the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    pub title: String,
    pub content: String,
    pub warning_type: WarningType,
    pub alert_type: crate::codes::AlertType,
    pub alert_group_id: Option<i32>,
    pub project_code: i64,
    pub workflow_definition_code: i64,
    pub workflow_instance_id: i32,
}

/// A data source that a task names, as the worker needs it (`DataSourceParameters`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataSource {
    pub id: i32,
    /// `DbType` code of the row.
    pub db_type: i32,
    pub connection_params: String,
}

/// The complete, resolved context of one attempt: what `TaskExecutionContext` carries to the worker.
///
/// Secrets (data sources, environment) pass through here; `Debug` is not derived for that reason.
#[derive(Clone, PartialEq, Eq)]
pub struct ExecutionContext {
    pub task_instance_id: i32,
    pub task_name: String,
    pub first_submit_time: Millis,
    pub start_time: Option<Millis>,
    pub task_type: String,
    pub workflow_instance_host: Arc<str>,
    pub log_path: Option<String>,
    pub workflow_definition_code: i64,
    pub workflow_definition_version: i32,
    pub app_ids: Option<String>,
    pub workflow_instance_id: i32,
    pub workflow_instance_name: String,
    pub project_code: i64,
    pub schedule_time: Option<Millis>,
    pub global_params: Option<String>,
    pub executor_id: i32,
    pub tenant_code: Option<String>,
    /// The definition's parameters, not the row's.
    pub task_params: Option<String>,
    pub environment_config: Option<String>,
    pub prepare_params: BTreeMap<String, Property>,
    pub timeout_strategy: Option<TaskTimeoutStrategy>,
    /// Seconds; `i32::MAX` means none.
    pub timeout_seconds: i32,
    pub worker_group: String,
    /// By id; `None` for one whose row is missing.
    pub data_sources: BTreeMap<i32, Option<DataSource>>,
    /// `(config yaml, namespace)` for K8S and KUBEFLOW tasks.
    pub kubernetes: Option<(String, String)>,
    pub dry_run: bool,
    pub cpu_quota: i32,
    pub memory_max: i32,
    pub first_dispatch_time: Millis,
}
