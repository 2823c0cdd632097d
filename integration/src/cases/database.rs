//! The database of one case, behind the masters' backs: statements made here, rows as JSON.

use super::format::{Columns, Scalar};
use super::matchers::Row;
use super::snapshot::Snapshot;
use crate::harness::Error;
use diesel::connection::SimpleConnection;
use diesel::sql_types::{Nullable, Text};
use diesel::{Connection, MysqlConnection, QueryableByName, RunQueryDsl, SqliteConnection, sql_query};

/// How long SQLite waits for another process's transaction.
const BUSY: &str = "PRAGMA busy_timeout = 20000";

const WORKFLOW_COLUMNS: [&str; 19] = [
    "id",
    "name",
    "state",
    "host",
    "run_times",
    "is_sub_workflow",
    "dry_run",
    "schedule_time",
    "start_time",
    "end_time",
    "restart_time",
    "var_pool",
    "global_params",
    "workflow_definition_code",
    "workflow_definition_version",
    "project_code",
    "command_type",
    "recovery",
    "flag",
];
const TASK_COLUMNS: [&str; 19] = [
    "id",
    "name",
    "state",
    "host",
    "flag",
    "retry_times",
    "dry_run",
    "worker_group",
    "task_group_id",
    "log_path",
    "first_submit_time",
    "submit_time",
    "start_time",
    "end_time",
    "var_pool",
    "workflow_instance_id",
    "task_code",
    "task_type",
    "app_link",
];
const ALERT_COLUMNS: [&str; 7] = [
    "id",
    "title",
    "content",
    "project_code",
    "workflow_definition_code",
    "workflow_instance_id",
    "alert_type",
];

#[derive(QueryableByName)]
struct JsonRow {
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Nullable<Text>)]
    body: Option<String>,
}

/// A row that was written, as a trigger of the database has noted it.
pub(super) struct Change {
    pub(super) number: i64,
    pub(super) is_task: bool,
    pub(super) row: Row,
}

/// A connection of the runner.
pub(super) enum Database {
    MariaDb(Box<MysqlConnection>),
    Sqlite(Box<SqliteConnection>),
}

impl Database {
    /// # Errors
    /// When the server does not let us in.
    pub(super) fn mariadb(url: &str) -> Result<Self, Error> {
        let connection = MysqlConnection::establish(url).map_err(|error| failed("a connection", &error))?;
        let mut database = Self::MariaDb(Box::new(connection));
        database.execute("SET time_zone = '+00:00'")?;
        Ok(database)
    }

    /// # Errors
    /// When the file cannot be opened.
    pub(super) fn sqlite(path: &str) -> Result<Self, Error> {
        let connection = SqliteConnection::establish(path).map_err(|error| failed("a connection", &error))?;
        let mut database = Self::Sqlite(Box::new(connection));
        database.execute(BUSY)?;
        Ok(database)
    }

    /// Runs statements.
    ///
    /// # Errors
    /// What the database says, and what it was told.
    pub(super) fn execute(&mut self, statements: &str) -> Result<(), Error> {
        let done = match self {
            Self::MariaDb(connection) => connection.batch_execute(statements),
            Self::Sqlite(connection) => connection.batch_execute(statements),
        };
        done.map_err(|error| failed(statements, &error))
    }

    /// Runs statements as one transaction.
    ///
    /// # Errors
    /// See [`Database::execute`].
    pub(super) fn execute_all(&mut self, statements: &[String]) -> Result<(), Error> {
        self.execute("BEGIN")?;
        for statement in statements {
            if let Err(error) = self.execute(statement) {
                // The connection is given up with the case; the answer to the rollback changes nothing.
                let _ = self.execute("ROLLBACK");
                return Err(error);
            }
        }
        self.execute("COMMIT")
    }

    /// Has every later change of instances and tasks noted in a table, so that a state that lasts a few milliseconds is not missed.
    ///
    /// # Errors
    /// What the database says.
    pub(super) fn note_changes(&mut self) -> Result<(), Error> {
        let number = match self {
            Self::MariaDb(_) => "BIGINT AUTO_INCREMENT PRIMARY KEY",
            Self::Sqlite(_) => "INTEGER PRIMARY KEY AUTOINCREMENT",
        };
        self.execute(&format!(
            "CREATE TABLE case_changes (number {number}, kind CHAR(1) NOT NULL, body LONGTEXT NOT NULL)"
        ))?;
        for (kind, table, columns) in [
            ("w", "t_ds_workflow_instance", &WORKFLOW_COLUMNS),
            ("t", "t_ds_task_instance", &TASK_COLUMNS),
        ] {
            let new_row: Vec<String> = columns
                .iter()
                .map(|column| format!("'{column}', NEW.{column}"))
                .collect();
            let note = format!(
                "INSERT INTO case_changes (kind, body) VALUES ('{kind}', json_object({}))",
                new_row.join(", ")
            );
            for event in ["insert", "update"] {
                let body = match self {
                    Self::MariaDb(_) => note.clone(),
                    Self::Sqlite(_) => format!("BEGIN {note}; END"),
                };
                self.execute(&format!(
                    "CREATE TRIGGER case_{kind}_{event} AFTER {event} ON {table} FOR EACH ROW {body}"
                ))?;
            }
        }
        Ok(())
    }

    /// The changes after a number, in their order.
    ///
    /// # Errors
    /// What the database says.
    pub(super) fn changes_after(&mut self, number: i64) -> Result<Vec<Change>, Error> {
        let statement = format!(
            "SELECT concat(kind, number) AS kind, body FROM case_changes WHERE number > {number} ORDER BY number"
        );
        let statement = match self {
            Self::MariaDb(_) => statement,
            Self::Sqlite(_) => statement.replace("concat(kind, number)", "kind || number"),
        };
        let rows = self.query(&statement)?;
        let changes = rows.into_iter().filter_map(|(kind, row)| {
            let (kind, number) = kind.split_at_checked(1)?;
            Some(Change {
                number: number.parse().ok()?,
                is_task: kind == "t",
                row,
            })
        });
        Ok(changes.collect())
    }

    /// Instances, tasks and alerts as one statement sees them, so of one moment.
    ///
    /// # Errors
    /// What the database says.
    pub(super) fn snapshot(&mut self) -> Result<Snapshot, Error> {
        let part = |kind: &str, table: &str, columns: &[&str]| {
            format!(
                "SELECT '{kind}' AS kind, {} AS body, id FROM {table}",
                self.json_object(columns)
            )
        };
        let statement = format!(
            "SELECT kind, body FROM ({} UNION ALL {} UNION ALL {}) AS everything ORDER BY kind, id",
            part("w", "t_ds_workflow_instance", &WORKFLOW_COLUMNS),
            part("t", "t_ds_task_instance", &TASK_COLUMNS),
            part("a", "t_ds_alert", &ALERT_COLUMNS),
        );
        let mut snapshot = Snapshot::default();
        for (kind, row) in self.query(&statement)? {
            match kind.as_str() {
                "w" => snapshot.workflow_instances.push(row),
                "t" => snapshot.task_instances.push(row),
                _ => snapshot.alerts.push(row),
            }
        }
        Ok(snapshot)
    }

    /// These columns of the rows that `rest` (everything after FROM) selects.
    ///
    /// # Errors
    /// What the database says.
    pub(super) fn select(&mut self, columns: &[&str], rest: &str) -> Result<Vec<Row>, Error> {
        let statement = format!(
            "SELECT '' AS kind, {} AS body FROM {rest}",
            self.json_object(columns)
        );
        Ok(self.query(&statement)?.into_iter().map(|(_, row)| row).collect())
    }

    /// How many rows of the table have these values.
    ///
    /// # Errors
    /// What the database says.
    pub(super) fn count(&mut self, table: &str, only: &Columns) -> Result<i64, Error> {
        let condition = self.condition(only);
        let json = self.json_object_of("count(*)");
        let found = self.query(&format!(
            "SELECT '' AS kind, {json} AS body FROM {table} WHERE {condition}"
        ))?;
        let count = found.first().and_then(|(_, row)| row.get("found")?.as_i64());
        count.ok_or_else(|| Error::Failed {
            what: format!("counting {table}"),
            reason: "no answer".to_owned(),
        })
    }

    /// `column = value AND ...`, or true for no columns.
    #[must_use]
    pub(super) fn condition(&self, only: &Columns) -> String {
        let parts: Vec<String> = only
            .iter()
            .map(|(column, value)| match value {
                Scalar::Null => format!("{column} IS NULL"),
                value => format!("{column} = {}", self.literal(value)),
            })
            .collect();
        if parts.is_empty() {
            "1 = 1".to_owned()
        } else {
            parts.join(" AND ")
        }
    }

    /// The value as SQL text.
    #[must_use]
    pub(super) fn literal(&self, value: &Scalar) -> String {
        match value {
            Scalar::Null => "NULL".to_owned(),
            Scalar::Bool(value) => i32::from(*value).to_string(),
            Scalar::Integer(value) => value.to_string(),
            Scalar::Number(value) => value.to_string(),
            Scalar::Text(text) => self.quoted(text),
        }
    }

    fn quoted(&self, text: &str) -> String {
        let doubled = text.replace('\'', "''");
        match self {
            Self::MariaDb(_) => format!("'{}'", doubled.replace('\\', "\\\\")),
            Self::Sqlite(_) => format!("'{doubled}'"),
        }
    }

    fn json_object(&self, columns: &[&str]) -> String {
        let pairs: Vec<String> = columns
            .iter()
            .map(|column| format!("'{column}', {column}"))
            .collect();
        format!("json_object({})", pairs.join(", "))
    }

    fn json_object_of(&self, expression: &str) -> String {
        format!("json_object('found', {expression})")
    }

    fn query(&mut self, statement: &str) -> Result<Vec<(String, Row)>, Error> {
        let read: Result<Vec<JsonRow>, _> = match self {
            Self::MariaDb(connection) => sql_query(statement).load(connection.as_mut()),
            Self::Sqlite(connection) => sql_query(statement).load(connection.as_mut()),
        };
        let rows = read.map_err(|error| failed(statement, &error))?;
        rows.into_iter()
            .map(|row| {
                let body = row.body.unwrap_or_default();
                let row_read = serde_json::from_str(&body).map_err(|error| failed(&body, &error))?;
                Ok((row.kind, row_read))
            })
            .collect()
    }
}

fn failed(what: &str, error: &dyn std::fmt::Display) -> Error {
    Error::Failed {
        what: what.to_owned(),
        reason: error.to_string(),
    }
}
