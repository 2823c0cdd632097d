//! One definition version with everything a run needs.

use crate::db::Connection;
use crate::error::Error;
use crate::limits::{IDS_PER_STATEMENT_MAX, TASKS_PER_DEFINITION_MAX};
use crate::rows::{code, row};
use crate::sql::Sql;
use crate::store::Store;
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Integer, Nullable, Text};
use orca_engine::codes::{ExecutionType, Flag, Priority, TaskExecuteType, TaskTimeoutStrategy, TimeoutFlag};
use orca_engine::model::{DefinitionSnapshot, Project, TaskDefinition, WorkflowDefinition};
use std::collections::HashMap;

#[derive(QueryableByName)]
struct DefinitionRow {
    #[diesel(sql_type = Integer)]
    id: i32,
    #[diesel(sql_type = Nullable<Text>)]
    name: Option<String>,
    #[diesel(sql_type = BigInt)]
    project_code: i64,
    #[diesel(sql_type = Nullable<Text>)]
    global_params: Option<String>,
    #[diesel(sql_type = Nullable<Integer>)]
    timeout: Option<i32>,
    #[diesel(sql_type = Nullable<Integer>)]
    execution_type: Option<i32>,
    #[diesel(sql_type = Nullable<Integer>)]
    user_id: Option<i32>,
    #[diesel(sql_type = Nullable<Text>)]
    operator_name: Option<String>,
}

#[derive(QueryableByName)]
struct ProjectRow {
    #[diesel(sql_type = Integer)]
    id: i32,
    #[diesel(sql_type = BigInt)]
    code: i64,
    #[diesel(sql_type = Nullable<Text>)]
    name: Option<String>,
    #[diesel(sql_type = Nullable<Integer>)]
    user_id: Option<i32>,
    #[diesel(sql_type = Nullable<Text>)]
    user_name: Option<String>,
}

row!(RelationRow of t_ds_workflow_task_relation_log {
    pre_task_code: i64,
    post_task_code: i64,
    post_task_version: i32,
});

row!(TaskDefinitionRow of t_ds_task_definition_log {
    id: i32,
    code: i64,
    version: i32,
    name: Option<String>,
    project_code: i64,
    task_type: String,
    task_execute_type: Option<i32>,
    task_params: Option<String>,
    flag: Option<i32>,
    task_priority: Option<i32>,
    worker_group: Option<String>,
    environment_code: Option<i64>,
    fail_retry_times: Option<i32>,
    fail_retry_interval: Option<i32>,
    timeout_flag: Option<i32>,
    timeout_notify_strategy: Option<i32>,
    timeout: Option<i32>,
    delay_time: Option<i32>,
    task_group_id: Option<i32>,
    task_group_priority: Option<i32>,
    cpu_quota: i32,
    memory_max: i32,
});

impl Store {
    /// The definition at that version; `None` when there is no such row.
    ///
    /// # Errors
    /// Refused: a project that is missing, a code that no enum has. Retry: a database that does not answer.
    pub fn load_definition(&self, code: i64, version: i32) -> Result<Option<DefinitionSnapshot>, Error> {
        load(&mut *self.reader()?, code, version)
    }
}

pub(crate) fn load(
    connection: &mut Connection,
    definition_code: i64,
    version: i32,
) -> Result<Option<DefinitionSnapshot>, Error> {
    let Some(workflow) = load_workflow(connection, definition_code, version)? else {
        return Ok(None);
    };
    let project = load_project(connection, workflow.project_code)?;
    let relations = load_relations(connection, definition_code, version)?;
    let tasks = load_tasks(connection, &relations)?;
    let relations = relations
        .into_iter()
        .map(|row| (row.pre_task_code, row.post_task_code))
        .collect();
    Ok(Some(DefinitionSnapshot {
        workflow,
        project,
        tasks,
        relations,
    }))
}

fn load_workflow(
    connection: &mut Connection,
    definition: i64,
    version: i32,
) -> Result<Option<WorkflowDefinition>, Error> {
    let sql = Sql::fixed(
        "read a workflow definition",
        "SELECT d.id, d.name, d.project_code, d.global_params, d.timeout, d.execution_type, d.user_id, \
         u.user_name AS operator_name FROM t_ds_workflow_definition_log d LEFT JOIN t_ds_user u ON u.id = d.operator \
         WHERE d.code = ? AND d.version = ?",
    );
    let Some(row) = connection
        .rows::<DefinitionRow>(sql.bind(definition).bind(version))?
        .pop()
    else {
        return Ok(None);
    };
    let table = "t_ds_workflow_definition_log";
    Ok(Some(WorkflowDefinition {
        code: definition,
        version,
        name: row.name.unwrap_or_default(),
        project_code: row.project_code,
        global_params: row.global_params,
        timeout_minutes: row.timeout.unwrap_or(0),
        execution_type: code(
            table,
            row.id,
            "execution_type",
            row.execution_type,
            ExecutionType::Parallel,
        )?,
        user_id: row.user_id,
        operator_name: row.operator_name,
    }))
}

fn load_project(connection: &mut Connection, project_code: i64) -> Result<Project, Error> {
    let text = "SELECT p.id, p.code, p.name, p.user_id, u.user_name FROM t_ds_project p \
                LEFT JOIN t_ds_user u ON u.id = p.user_id WHERE p.code = ?";
    let row = connection
        .rows::<ProjectRow>(Sql::fixed("read a project", text).bind(project_code))?
        .pop();
    let row = row.ok_or_else(|| Error::Missing {
        what: "the project",
        id: project_code.to_string(),
    })?;
    Ok(Project {
        id: row.id,
        code: row.code,
        name: row.name.unwrap_or_default(),
        user_id: row.user_id,
        user_name: row.user_name,
    })
}

fn load_relations(
    connection: &mut Connection,
    definition: i64,
    version: i32,
) -> Result<Vec<RelationRow>, Error> {
    let text = format!(
        "SELECT {} FROM {} WHERE workflow_definition_code = ? AND workflow_definition_version = ? ORDER BY id",
        RelationRow::COLUMNS,
        RelationRow::TABLE
    );
    connection.rows(
        Sql::fixed("read task relations", text)
            .bind(definition)
            .bind(version),
    )
}

/// One task definition for each distinct (code, version) that the relations lead to, in the order of the relations.
fn load_tasks(connection: &mut Connection, relations: &[RelationRow]) -> Result<Vec<TaskDefinition>, Error> {
    let mut places = HashMap::new();
    let mut wanted = Vec::new();
    for relation in relations.iter().filter(|relation| relation.post_task_code > 0) {
        let key = (relation.post_task_code, relation.post_task_version);
        places.entry(key).or_insert_with(|| {
            wanted.push(key);
            wanted.len() - 1
        });
    }
    if wanted.len() > TASKS_PER_DEFINITION_MAX {
        let reason = format!("it has more than {TASKS_PER_DEFINITION_MAX} tasks");
        return Err(Error::Request {
            what: "the workflow definition",
            reason,
        });
    }
    let mut found: Vec<Option<TaskDefinition>> = wanted.iter().map(|_| None).collect();
    for chunk in wanted.chunks(IDS_PER_STATEMENT_MAX) {
        let text = format!(
            "SELECT {} FROM {} WHERE code IN ",
            TaskDefinitionRow::COLUMNS,
            TaskDefinitionRow::TABLE
        );
        let sql = Sql::batch("read task definitions", text)
            .list(chunk.iter().map(|(code, _)| *code))
            .then(" AND version IN ")
            .list(distinct(chunk.iter().map(|(_, version)| *version)))
            .then(" ORDER BY id");
        for row in connection.rows::<TaskDefinitionRow>(sql)? {
            // The index is not unique: of two equal rows the older one counts.
            if let Some(place) = places
                .get(&(row.code, row.version))
                .filter(|place| found[**place].is_none())
            {
                found[*place] = Some(task_definition(row)?);
            }
        }
    }
    Ok(found.into_iter().flatten().collect())
}

fn distinct(versions: impl Iterator<Item = i32>) -> Vec<i32> {
    let mut versions: Vec<i32> = versions.collect();
    versions.sort_unstable();
    versions.dedup();
    versions
}

fn task_definition(row: TaskDefinitionRow) -> Result<TaskDefinition, Error> {
    let (table, id) = (TaskDefinitionRow::TABLE, row.id);
    let strategy = row.timeout_notify_strategy;
    let strategy = strategy.map(|value| {
        code(
            table,
            id,
            "timeout_notify_strategy",
            Some(value),
            TaskTimeoutStrategy::Warn,
        )
    });
    Ok(TaskDefinition {
        code: row.code,
        version: row.version,
        name: row.name.unwrap_or_default(),
        project_code: row.project_code,
        task_type: row.task_type,
        task_execute_type: code(
            table,
            id,
            "task_execute_type",
            row.task_execute_type,
            TaskExecuteType::Batch,
        )?,
        task_params: row.task_params,
        flag: code(table, id, "flag", row.flag, Flag::Yes)?,
        priority: code(table, id, "task_priority", row.task_priority, Priority::Medium)?,
        worker_group: row.worker_group,
        environment_code: row.environment_code.unwrap_or(-1),
        fail_retry_times: row.fail_retry_times.unwrap_or(0),
        fail_retry_interval: row.fail_retry_interval.unwrap_or(0),
        timeout_flag: code(table, id, "timeout_flag", row.timeout_flag, TimeoutFlag::Close)?,
        timeout_notify_strategy: strategy.transpose()?,
        timeout: row.timeout.unwrap_or(0),
        delay_time: row.delay_time.unwrap_or(0),
        task_group_id: row.task_group_id.unwrap_or(0),
        task_group_priority: row.task_group_priority.unwrap_or(0),
        cpu_quota: row.cpu_quota,
        memory_max: row.memory_max,
    })
}
