//! Rows of the shared tables as they are read, and what the engine's model makes of them.
//!
//! A NULL that Java reads as 0 or as the column's default is read so here. An unknown code is an error that names table, row and column.

use crate::clock::WallClock;
use crate::error::Error;
use chrono::NaiveDateTime;
use orca_engine::codes::{
    CommandType, FailureStrategy, Flag, Priority, TaskDependType, TaskExecuteType, TaskState, UnknownCode,
    WarningType, WorkflowState,
};
use orca_engine::model::{Command, TaskInstance, WorkflowInstance};

macro_rules! row {
    ($(#[$meta:meta])* $name:ident of $table:ident { $first:ident: $first_type:ty, $($field:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Debug, diesel::QueryableByName)]
        #[diesel(table_name = crate::schema::$table)]
        pub(crate) struct $name {
            pub(crate) $first: $first_type,
            $(pub(crate) $field: $type,)*
        }

        impl $name {
            pub(crate) const TABLE: &'static str = stringify!($table);
            pub(crate) const COLUMNS: &'static str = concat!(stringify!($first) $(, ", ", stringify!($field))*);
        }
    };
}
pub(crate) use row;

row!(CommandRow of t_ds_command {
    id: i32,
    command_type: Option<i32>,
    workflow_definition_code: i64,
    workflow_definition_version: Option<i32>,
    workflow_instance_id: Option<i32>,
    command_param: Option<String>,
    task_depend_type: Option<i32>,
    executor_id: Option<i32>,
    workflow_instance_priority: Option<i32>,
});

row!(InstanceRow of t_ds_workflow_instance {
    id: i32,
    name: Option<String>,
    workflow_definition_code: i64,
    workflow_definition_version: i32,
    project_code: Option<i64>,
    state: Option<i32>,
    state_history: Option<String>,
    start_time: Option<NaiveDateTime>,
    end_time: Option<NaiveDateTime>,
    run_times: Option<i32>,
    host: Option<String>,
    command_type: Option<i32>,
    command_param: Option<String>,
    task_depend_type: Option<i32>,
    failure_strategy: Option<i32>,
    warning_type: Option<i32>,
    warning_group_id: Option<i32>,
    schedule_time: Option<NaiveDateTime>,
    global_params: Option<String>,
    is_sub_workflow: Option<i32>,
    executor_id: i32,
    executor_name: Option<String>,
    history_cmd: Option<String>,
    workflow_instance_priority: Option<i32>,
    worker_group: Option<String>,
    environment_code: Option<i64>,
    timeout: Option<i32>,
    tenant_code: Option<String>,
    var_pool: Option<String>,
    dry_run: Option<i32>,
    restart_time: Option<NaiveDateTime>,
});

row!(TaskRow of t_ds_task_instance {
    id: i32,
    name: Option<String>,
    task_type: String,
    task_execute_type: Option<i32>,
    task_code: i64,
    task_definition_version: i32,
    workflow_instance_id: Option<i32>,
    workflow_instance_name: Option<String>,
    project_code: Option<i64>,
    state: Option<i32>,
    submit_time: Option<NaiveDateTime>,
    first_submit_time: Option<NaiveDateTime>,
    start_time: Option<NaiveDateTime>,
    end_time: Option<NaiveDateTime>,
    host: Option<String>,
    log_path: Option<String>,
    retry_times: Option<i32>,
    max_retry_times: Option<i32>,
    retry_interval: Option<i32>,
    app_link: Option<String>,
    task_params: Option<String>,
    flag: Option<i32>,
    task_instance_priority: Option<i32>,
    worker_group: Option<String>,
    environment_code: Option<i64>,
    executor_id: Option<i32>,
    executor_name: Option<String>,
    delay_time: Option<i32>,
    var_pool: Option<String>,
    task_group_id: Option<i32>,
    dry_run: Option<i32>,
    cpu_quota: i32,
    memory_max: i32,
});

/// A code column of one row; `default` is what NULL means.
pub(crate) fn code<T: TryFrom<i32, Error = UnknownCode>>(
    table: &'static str,
    id: i32,
    column: &'static str,
    value: Option<i32>,
    default: T,
) -> Result<T, Error> {
    match value {
        None => Ok(default),
        Some(value) => T::try_from(value).map_err(|source| Error::BadCode {
            table,
            id: i64::from(id),
            column,
            source,
        }),
    }
}

impl CommandRow {
    /// A depend type that no enum has is read as absent, as Java does: the handler decides what that means.
    pub(crate) fn into_model(self) -> Command {
        Command {
            id: self.id,
            command_type: self.command_type.unwrap_or(-1),
            workflow_definition_code: self.workflow_definition_code,
            workflow_definition_version: self.workflow_definition_version.unwrap_or(0),
            workflow_instance_id: self.workflow_instance_id.unwrap_or(0),
            command_param: self.command_param,
            task_depend_type: self
                .task_depend_type
                .and_then(|code| TaskDependType::try_from(code).ok()),
            executor_id: self.executor_id,
            workflow_instance_priority: self.workflow_instance_priority,
        }
    }
}

impl InstanceRow {
    pub(crate) fn into_model(self, clock: WallClock) -> Result<WorkflowInstance, Error> {
        let (table, id) = (Self::TABLE, self.id);
        let state = self.state.ok_or_else(|| no_state(table, id))?;
        Ok(WorkflowInstance {
            id,
            name: self.name.unwrap_or_default(),
            workflow_definition_code: self.workflow_definition_code,
            workflow_definition_version: self.workflow_definition_version,
            project_code: self.project_code.unwrap_or(0),
            state: code(table, id, "state", Some(state), WorkflowState::SubmittedSuccess)?,
            state_history: self.state_history,
            start_time: clock.instant_option(self.start_time),
            end_time: clock.instant_option(self.end_time),
            restart_time: clock.instant_option(self.restart_time),
            run_times: self.run_times.unwrap_or(0),
            host: self.host,
            command_type: code(
                table,
                id,
                "command_type",
                self.command_type,
                CommandType::StartProcess,
            )?,
            command_param: self.command_param,
            task_depend_type: code(
                table,
                id,
                "task_depend_type",
                self.task_depend_type,
                TaskDependType::TaskPost,
            )?,
            failure_strategy: code(
                table,
                id,
                "failure_strategy",
                self.failure_strategy,
                FailureStrategy::End,
            )?,
            warning_type: code(table, id, "warning_type", self.warning_type, WarningType::None)?,
            warning_group_id: self.warning_group_id,
            schedule_time: clock.instant_option(self.schedule_time),
            global_params: self.global_params,
            is_sub_workflow: code(table, id, "is_sub_workflow", self.is_sub_workflow, Flag::No)?,
            executor_id: self.executor_id,
            executor_name: self.executor_name,
            history_cmd: self.history_cmd,
            priority: code(
                table,
                id,
                "workflow_instance_priority",
                self.workflow_instance_priority,
                Priority::Medium,
            )?,
            worker_group: self.worker_group,
            environment_code: self.environment_code.unwrap_or(-1),
            timeout: self.timeout.unwrap_or(0),
            tenant_code: self.tenant_code,
            var_pool: self.var_pool,
            dry_run: self.dry_run == Some(1),
        })
    }
}

impl TaskRow {
    pub(crate) fn into_model(self, clock: WallClock) -> Result<TaskInstance, Error> {
        let (table, id) = (Self::TABLE, self.id);
        let state = self.state.ok_or_else(|| no_state(table, id))?;
        Ok(TaskInstance {
            id,
            name: self.name.unwrap_or_default(),
            task_type: self.task_type,
            task_execute_type: code(
                table,
                id,
                "task_execute_type",
                self.task_execute_type,
                TaskExecuteType::Batch,
            )?,
            task_code: self.task_code,
            task_definition_version: self.task_definition_version,
            workflow_instance_id: self.workflow_instance_id.unwrap_or(0),
            workflow_instance_name: self.workflow_instance_name,
            project_code: self.project_code.unwrap_or(0),
            state: code(table, id, "state", Some(state), TaskState::SubmittedSuccess)?,
            submit_time: clock.instant_option(self.submit_time),
            first_submit_time: clock.instant_option(self.first_submit_time),
            start_time: clock.instant_option(self.start_time),
            end_time: clock.instant_option(self.end_time),
            host: self.host,
            log_path: self.log_path,
            retry_times: self.retry_times.unwrap_or(0),
            max_retry_times: self.max_retry_times.unwrap_or(0),
            retry_interval: self.retry_interval.unwrap_or(0),
            app_link: self.app_link,
            task_params: self.task_params.map(Into::into),
            flag: code(table, id, "flag", self.flag, Flag::Yes)?,
            priority: code(
                table,
                id,
                "task_instance_priority",
                self.task_instance_priority,
                Priority::Medium,
            )?,
            worker_group: self.worker_group,
            environment_code: self.environment_code.unwrap_or(-1),
            executor_id: self.executor_id.unwrap_or(0),
            executor_name: self.executor_name,
            delay_time: self.delay_time.unwrap_or(0),
            var_pool: self.var_pool,
            task_group_id: self.task_group_id.unwrap_or(0),
            dry_run: self.dry_run == Some(1),
            cpu_quota: self.cpu_quota,
            memory_max: self.memory_max,
        })
    }
}

fn no_state(table: &'static str, id: i32) -> Error {
    Error::BadRow {
        table,
        id: i64::from(id),
        reason: "its state is NULL".to_owned(),
    }
}
