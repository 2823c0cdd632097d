//! The rows of a saved definition: the current tables, which the API server and its pages read, and their logs, which masters read.

use crate::db::Connection;
use crate::error::Error;
use crate::limits::IDS_PER_STATEMENT_MAX;
use crate::sql::{Sql, Value};
use crate::statements::Rows;
use crate::types::{NewDefinition, NewTask};
use chrono::NaiveDateTime;
use orca_engine::codes::{Flag, ReleaseState};
use std::collections::BTreeMap;

/// A task with what it is stored under.
pub(crate) struct NewTaskRow<'a> {
    pub(crate) task: &'a NewTask,
    pub(crate) code: i64,
    pub(crate) version: i32,
    /// This version is not stored yet.
    pub(crate) changed: bool,
}

pub(crate) fn global_params(new: &NewDefinition) -> String {
    serde_json::to_string(&new.global_params)
        .expect("properties are texts under fixed keys and always serialize")
}

/// `(before, after)` of every relation; a root has nothing before it.
pub(crate) fn relations<'r, 'a>(
    rows: &'r [NewTaskRow<'a>],
) -> Vec<(Option<&'r NewTaskRow<'a>>, &'r NewTaskRow<'a>)> {
    let by_name: BTreeMap<&str, &NewTaskRow<'a>> =
        rows.iter().map(|row| (row.task.name.as_str(), row)).collect();
    let mut relations = Vec::new();
    for row in rows {
        let before: Vec<_> = row
            .task
            .depends_on
            .iter()
            .filter_map(|name| by_name.get(name.as_str()).copied())
            .collect();
        if before.is_empty() {
            relations.push((None, row));
        }
        relations.extend(before.into_iter().map(|before| (Some(before), row)));
    }
    relations
}

const DEFINITION_COLUMNS: &[&str] = &[
    "code",
    "name",
    "version",
    "description",
    "project_code",
    "release_state",
    "user_id",
    "global_params",
    "flag",
    "timeout",
    "execution_type",
    "create_time",
    "update_time",
];

const TASK_COLUMNS: &[&str] = &[
    "code",
    "name",
    "version",
    "description",
    "project_code",
    "user_id",
    "task_type",
    "task_execute_type",
    "task_params",
    "flag",
    "task_priority",
    "worker_group",
    "environment_code",
    "fail_retry_times",
    "fail_retry_interval",
    "timeout_flag",
    "timeout_notify_strategy",
    "timeout",
    "delay_time",
    "task_group_id",
    "task_group_priority",
    "cpu_quota",
    "memory_max",
    "create_time",
    "update_time",
];

const RELATION_COLUMNS: &[&str] = &[
    "project_code",
    "workflow_definition_code",
    "workflow_definition_version",
    "pre_task_code",
    "pre_task_version",
    "post_task_code",
    "post_task_version",
    "condition_type",
    "condition_params",
    "create_time",
    "update_time",
];

/// Writes one version: log rows are added, the current rows are replaced.
pub(crate) fn write_definition(
    connection: &mut Connection,
    new: &NewDefinition,
    project_code: i64,
    (code, version): (i64, i32),
    tasks: &[NewTaskRow<'_>],
    time: NaiveDateTime,
) -> Result<(), Error> {
    let what = "save a workflow definition";
    delete(
        connection,
        "DELETE FROM t_ds_workflow_definition WHERE code IN ",
        &[code],
    )?;
    delete(
        connection,
        "DELETE FROM t_ds_workflow_task_relation WHERE workflow_definition_code IN ",
        &[code],
    )?;
    let codes: Vec<i64> = tasks.iter().map(|row| row.code).collect();
    delete(
        connection,
        "DELETE FROM t_ds_task_definition WHERE code IN ",
        &codes,
    )?;

    let definition = vec![
        code.into(),
        new.name.as_str().into(),
        version.into(),
        new.description.as_deref().into(),
        project_code.into(),
        ReleaseState::Online.code().into(),
        new.user_id.into(),
        global_params(new).into(),
        Flag::Yes.code().into(),
        new.timeout_minutes.into(),
        new.execution_type.code().into(),
        time.into(),
        time.into(),
    ];
    let operator = (new.user_id, time);
    both(
        connection,
        what,
        "t_ds_workflow_definition",
        DEFINITION_COLUMNS,
        vec![definition.clone()],
        vec![definition],
        operator,
    )?;
    let all = tasks
        .iter()
        .map(|row| task_values(row, project_code, new.user_id, time))
        .collect();
    let changed = tasks
        .iter()
        .filter(|row| row.changed)
        .map(|row| task_values(row, project_code, new.user_id, time))
        .collect();
    both(
        connection,
        what,
        "t_ds_task_definition",
        TASK_COLUMNS,
        all,
        changed,
        operator,
    )?;
    let relations: Vec<Vec<Value<'_>>> = relations(tasks)
        .into_iter()
        .map(|pair| relation_values(pair, project_code, (code, version), time))
        .collect();
    both(
        connection,
        what,
        "t_ds_workflow_task_relation",
        RELATION_COLUMNS,
        relations.clone(),
        relations,
        operator,
    )
}

fn delete(connection: &mut Connection, text: &str, codes: &[i64]) -> Result<(), Error> {
    for codes in codes.chunks(IDS_PER_STATEMENT_MAX) {
        connection.execute(Sql::batch("replace a workflow definition", text).list(codes.iter().copied()))?;
    }
    Ok(())
}

/// Inserts `current` into the table and `log` into its log, which also names the operator.
fn both(
    connection: &mut Connection,
    what: &'static str,
    table: &'static str,
    columns: &'static [&'static str],
    current: Vec<Vec<Value<'_>>>,
    mut log: Vec<Vec<Value<'_>>>,
    (operator, time): (i32, NaiveDateTime),
) -> Result<(), Error> {
    let rows = |table: String, columns: Vec<&'static str>, rows| Rows {
        what,
        table: table.into(),
        columns: columns.into(),
        rows,
    };
    rows(table.to_owned(), columns.to_vec(), current).insert(connection)?;
    for row in &mut log {
        row.push(operator.into());
        row.push(time.into());
    }
    let log_columns = columns
        .iter()
        .copied()
        .chain(["operator", "operate_time"])
        .collect();
    rows(format!("{table}_log"), log_columns, log).insert(connection)
}

fn task_values<'a>(
    row: &NewTaskRow<'a>,
    project_code: i64,
    user_id: i32,
    time: NaiveDateTime,
) -> Vec<Value<'a>> {
    let task = row.task;
    vec![
        row.code.into(),
        task.name.as_str().into(),
        row.version.into(),
        task.description.as_deref().into(),
        project_code.into(),
        user_id.into(),
        task.task_type.as_str().into(),
        0.into(),
        task.task_params.as_str().into(),
        task.flag.code().into(),
        task.priority.code().into(),
        task.worker_group.as_str().into(),
        task.environment_code.into(),
        task.fail_retry_times.into(),
        task.fail_retry_interval.into(),
        task.timeout_flag.code().into(),
        task.timeout_notify_strategy
            .map(|strategy| strategy.code())
            .into(),
        task.timeout.into(),
        task.delay_time.into(),
        task.task_group_id.into(),
        task.task_group_priority.into(),
        task.cpu_quota.into(),
        task.memory_max.into(),
        time.into(),
        time.into(),
    ]
}

fn relation_values<'a>(
    (before, after): (Option<&NewTaskRow<'_>>, &NewTaskRow<'_>),
    project_code: i64,
    (code, version): (i64, i32),
    time: NaiveDateTime,
) -> Vec<Value<'a>> {
    vec![
        project_code.into(),
        code.into(),
        version.into(),
        before.map_or(0, |before| before.code).into(),
        before.map_or(0, |before| before.version).into(),
        after.code.into(),
        after.version.into(),
        0.into(),
        "{}".into(),
        time.into(),
        time.into(),
    ]
}
