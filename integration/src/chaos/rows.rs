//! The rows as the observer reads them, on a connection that is made again when the database has gone away.

use super::check::{InstanceRow, TaskRow};
use diesel::sql_types::{BigInt, Integer, Text};
use diesel::{Connection, MysqlConnection, QueryableByName, RunQueryDsl};
use orca_integration::harness::Error;

/// Who owns an instance.
#[derive(Clone, Debug, QueryableByName)]
pub(crate) struct OwnerRow {
    #[diesel(sql_type = Integer)]
    pub(crate) id: i32,
    #[diesel(sql_type = Integer)]
    pub(crate) state: i32,
    #[diesel(sql_type = BigInt)]
    pub(crate) epoch: i64,
}

#[derive(QueryableByName)]
struct IdRow {
    #[diesel(sql_type = Integer)]
    id: i32,
}

#[derive(QueryableByName)]
struct InstanceRead {
    #[diesel(sql_type = Integer)]
    id: i32,
    #[diesel(sql_type = Integer)]
    state: i32,
    #[diesel(sql_type = BigInt)]
    tasks: i64,
}

#[derive(QueryableByName)]
struct TaskRead {
    #[diesel(sql_type = Integer)]
    id: i32,
    #[diesel(sql_type = Integer)]
    workflow_instance_id: i32,
    #[diesel(sql_type = BigInt)]
    task_code: i64,
    #[diesel(sql_type = Integer)]
    state: i32,
}

#[derive(QueryableByName)]
struct TextRow {
    #[diesel(sql_type = Text)]
    line: String,
}

pub(crate) struct Rows {
    url: String,
    connection: Option<MysqlConnection>,
}

impl Rows {
    pub(crate) fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            connection: None,
        }
    }

    pub(crate) fn task_ids_after(&mut self, id: i32) -> Result<Vec<i32>, Error> {
        let rows: Vec<IdRow> = self.load(&format!("SELECT id FROM t_ds_task_instance WHERE id > {id}"))?;
        Ok(rows.into_iter().map(|row| row.id).collect())
    }

    /// What the master at that address runs now.
    pub(crate) fn owned_by(&mut self, address: &str) -> Result<Vec<OwnerRow>, Error> {
        self.load(&format!(
            "SELECT w.id, w.state, o.epoch FROM t_ds_workflow_instance w \
             JOIN t_orca_instance o ON o.workflow_instance_id = w.id WHERE w.host = '{address}' AND w.state IN (1, 2, 4)"
        ))
    }

    pub(crate) fn owners(&mut self, ids: &[i32]) -> Result<Vec<OwnerRow>, Error> {
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        self.load(&format!(
            "SELECT w.id, w.state, o.epoch FROM t_ds_workflow_instance w \
             JOIN t_orca_instance o ON o.workflow_instance_id = w.id WHERE w.id IN ({})",
            ids.join(", ")
        ))
    }

    pub(crate) fn unfinished(&mut self) -> Result<Vec<i32>, Error> {
        let rows: Vec<IdRow> =
            self.load("SELECT id FROM t_ds_workflow_instance WHERE state NOT IN (3, 5, 6, 7)")?;
        Ok(rows.into_iter().map(|row| row.id).collect())
    }

    pub(crate) fn instances_after(&mut self, id: i32) -> Result<Vec<InstanceRow>, Error> {
        let rows: Vec<InstanceRead> = self.load(&format!(
            "SELECT w.id, w.state, (SELECT count(DISTINCT r.post_task_code) FROM t_ds_workflow_task_relation r \
             WHERE r.workflow_definition_code = w.workflow_definition_code AND r.workflow_definition_version = \
             w.workflow_definition_version) AS tasks FROM t_ds_workflow_instance w WHERE w.id > {id} ORDER BY w.id"
        ))?;
        let read = |row: InstanceRead| InstanceRow {
            id: row.id,
            state: row.state,
            tasks: usize::try_from(row.tasks).unwrap_or(0),
        };
        Ok(rows.into_iter().map(read).collect())
    }

    /// Tasks of the workflow instances after that id.
    pub(crate) fn tasks_after(&mut self, workflow_instance_id: i32) -> Result<Vec<TaskRow>, Error> {
        let rows: Vec<TaskRead> = self.load(&format!(
            "SELECT id, workflow_instance_id, task_code, state FROM t_ds_task_instance \
             WHERE workflow_instance_id > {workflow_instance_id} ORDER BY id"
        ))?;
        let read = |row: TaskRead| TaskRow {
            id: row.id,
            workflow_instance_id: row.workflow_instance_id,
            task_code: row.task_code,
            state: row.state,
        };
        Ok(rows.into_iter().map(read).collect())
    }

    /// Commands that nobody took, and those that were given up, in words.
    pub(crate) fn left_over(&mut self) -> Result<Vec<String>, Error> {
        let rows: Vec<TextRow> = self.load(
            "SELECT concat('command ', id, ' of workflow instance ', workflow_instance_id) AS line FROM t_ds_command \
             UNION ALL SELECT concat('given up: command ', id, ' of workflow instance ', workflow_instance_id, ': ', \
             coalesce(message, '')) FROM t_ds_error_command",
        )?;
        Ok(rows.into_iter().map(|row| row.line).collect())
    }

    fn load<T>(&mut self, statement: &str) -> Result<Vec<T>, Error>
    where
        T: QueryableByName<diesel::mysql::Mysql> + 'static,
    {
        let failed = |reason: String| Error::Failed {
            what: "reading rows".to_owned(),
            reason,
        };
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => MysqlConnection::establish(&self.url).map_err(|error| failed(error.to_string()))?,
        };
        let rows = diesel::sql_query(statement)
            .load(&mut connection)
            .map_err(|error| failed(error.to_string()))?;
        // Only a connection that has just answered is kept.
        self.connection = Some(connection);
        Ok(rows)
    }
}
