//! Task rows as they are written.

use crate::clock::WallClock;
use crate::sql::Value;
use crate::statements::Rows;
use orca_engine::codes::Flag;
use orca_engine::model::TaskInstance;

/// `alert_flag` and `pid` are always 0: Java reads them into primitives.
const COLUMNS: &[&str] = &[
    "name",
    "task_type",
    "task_execute_type",
    "task_code",
    "task_definition_version",
    "workflow_instance_id",
    "workflow_instance_name",
    "project_code",
    "state",
    "submit_time",
    "first_submit_time",
    "start_time",
    "end_time",
    "host",
    "log_path",
    "alert_flag",
    "retry_times",
    "max_retry_times",
    "retry_interval",
    "pid",
    "app_link",
    "task_params",
    "flag",
    "task_instance_priority",
    "worker_group",
    "environment_code",
    "executor_id",
    "executor_name",
    "delay_time",
    "var_pool",
    "task_group_id",
    "dry_run",
    "cpu_quota",
    "memory_max",
];

pub(crate) fn task_rows<'a>(what: &'static str) -> Rows<'a> {
    Rows::new(what, "t_ds_task_instance", COLUMNS)
}

/// The values of one row, in the order of the columns.
pub(crate) fn task_values(row: &TaskInstance, clock: WallClock) -> Vec<Value<'_>> {
    vec![
        row.name.as_str().into(),
        row.task_type.as_str().into(),
        row.task_execute_type.code().into(),
        row.task_code.into(),
        row.task_definition_version.into(),
        row.workflow_instance_id.into(),
        row.workflow_instance_name.as_deref().into(),
        row.project_code.into(),
        row.state.code().into(),
        clock.local_option(row.submit_time).into(),
        clock.local_option(row.first_submit_time).into(),
        clock.local_option(row.start_time).into(),
        clock.local_option(row.end_time).into(),
        row.host.as_deref().into(),
        row.log_path.as_deref().into(),
        Flag::No.code().into(),
        row.retry_times.into(),
        row.max_retry_times.into(),
        row.retry_interval.into(),
        0.into(),
        row.app_link.as_deref().into(),
        row.task_params.as_deref().into(),
        row.flag.code().into(),
        row.priority.code().into(),
        row.worker_group.as_deref().into(),
        row.environment_code.into(),
        row.executor_id.into(),
        row.executor_name.as_deref().into(),
        row.delay_time.into(),
        row.var_pool.as_deref().into(),
        row.task_group_id.into(),
        i32::from(row.dry_run).into(),
        row.cpu_quota.into(),
        row.memory_max.into(),
    ]
}
