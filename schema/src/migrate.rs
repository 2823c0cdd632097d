//! Brings a database to the state this program needs.
//!
//! Guarantees: an empty database gets everything; one that DolphinScheduler's own tool has made gets Orca's few tables and no shared table is
//! altered; anything else is an error that says what was found and what to do. Running it again changes nothing; an interrupted run is finished by the
//! next; of two processes that start at once one waits for the other.

use crate::db::Connection;
use crate::dialect::Dialect;
use crate::error::Error;
use crate::limits::MIGRATION_WAIT_SECONDS;
use crate::sql::Sql;
use crate::store::{Store, now};
use crate::types::MigrationReport;
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Integer, Nullable, Text};
use std::collections::BTreeSet;

/// The version of the shared tables that this program knows.
pub(crate) const SHARED_VERSION: &str = "3.4.2";

/// Number and name of what creates the shared tables.
const BASE: (i32, &str) = (0, "base_3.4.2");
const STARTED: &str = "started";
const DONE: &str = "done";

/// Shared tables without which a master cannot work. Others of 3.4.2 are not looked for: a smaller installation may lack them.
const NEEDED: &[&str] = &[
    "t_ds_alert",
    "t_ds_cluster",
    "t_ds_command",
    "t_ds_datasource",
    "t_ds_environment",
    "t_ds_error_command",
    "t_ds_project",
    "t_ds_project_parameter",
    "t_ds_relation_workflow_instance",
    "t_ds_serial_command",
    "t_ds_task_definition_log",
    "t_ds_task_group",
    "t_ds_task_group_queue",
    "t_ds_task_instance",
    "t_ds_task_instance_context",
    "t_ds_user",
    "t_ds_worker_group",
    "t_ds_workflow_definition",
    "t_ds_workflow_definition_log",
    "t_ds_workflow_instance",
    "t_ds_workflow_task_relation_log",
];

macro_rules! scripts {
    ($folder:literal) => {
        Scripts {
            base: [
                include_str!(concat!(
                    "../../migrations/",
                    $folder,
                    "/base_3.4.2/a_workflow.sql"
                )),
                include_str!(concat!(
                    "../../migrations/",
                    $folder,
                    "/base_3.4.2/b_quartz_and_registry.sql"
                )),
                include_str!(concat!(
                    "../../migrations/",
                    $folder,
                    "/base_3.4.2/c_reference.sql"
                )),
                include_str!(concat!("../../migrations/", $folder, "/base_3.4.2/d_seed.sql")),
            ],
            own: &[(
                1,
                "0001_masters_and_fences",
                include_str!(concat!(
                    "../../migrations/",
                    $folder,
                    "/0001_masters_and_fences.sql"
                )),
            )],
        }
    };
}

struct Scripts {
    base: [&'static str; 4],
    /// Number, name and text, ascending. They only add, so that masters of two versions can share the database.
    own: &'static [(i32, &'static str, &'static str)],
}

const fn scripts(dialect: Dialect) -> Scripts {
    match dialect {
        Dialect::MySql => scripts!("mysql"),
        Dialect::Sqlite => scripts!("sqlite"),
    }
}

#[derive(QueryableByName)]
struct NameRow {
    #[diesel(sql_type = Text)]
    name: String,
}

#[derive(QueryableByName)]
struct AppliedRow {
    #[diesel(sql_type = Integer)]
    number: i32,
    #[diesel(sql_type = Text)]
    state: String,
}

#[derive(QueryableByName)]
struct LockRow {
    #[diesel(sql_type = Nullable<BigInt>)]
    locked: Option<i64>,
}

impl Store {
    /// Creates what is missing and says what it did.
    ///
    /// # Errors
    /// A database of another version or a half-made one (fatal); one that does not answer (retry).
    pub fn migrate(&self) -> Result<MigrationReport, Error> {
        let mut connection = self.writer()?;
        match self.dialect {
            Dialect::MySql => {
                lock(&mut connection)?;
                let report = migrate(&mut connection);
                // The end of the connection releases the lock as well.
                connection.give_up();
                report
            }
            Dialect::Sqlite => crate::tx::write_always(&mut connection, "create the tables", migrate),
        }
    }

    /// Whether everything is there, without changing anything; what `migrate` would answer when it is not.
    ///
    /// # Errors
    /// Fatal when something is missing.
    pub fn check_schema(&self) -> Result<(), Error> {
        let mut connection = self.reader()?;
        let tables = tables(&mut connection)?;
        if is_empty(&tables) {
            return Err(schema(
                "the database is empty",
                "no table of DolphinScheduler is there",
                RUN_MIGRATE,
            ));
        }
        require_shared(&mut connection, &tables)?;
        let applied = if tables.contains(VERSIONS) {
            applied(&mut connection)?
        } else {
            Vec::new()
        };
        let done = |number: i32| {
            applied
                .iter()
                .any(|row| row.number == number && row.state == DONE)
        };
        match scripts(self.dialect)
            .own
            .iter()
            .find(|(number, ..)| !done(*number))
        {
            Some((_, name, _)) => Err(schema(
                "orca's own tables",
                format!("{name} is not applied"),
                RUN_MIGRATE,
            )),
            None => Ok(()),
        }
    }
}

const VERSIONS: &str = "t_orca_schema_version";
const RUN_MIGRATE: &str = "run `orca migrate` with an account that may create tables";
const USE_UPGRADE: &str =
    "bring it to 3.4.2 with DolphinScheduler's own upgrade tool, or use another database";
const USE_OTHER: &str = "drop its tables, finish the tool that began to make them, or use another database";

fn schema(what: &'static str, reason: impl Into<String>, help: &'static str) -> Error {
    Error::Schema {
        what,
        reason: reason.into(),
        help,
    }
}

fn migrate(connection: &mut Connection) -> Result<MigrationReport, Error> {
    let tables = tables(connection)?;
    let interrupted = tables.contains(VERSIONS)
        && applied(connection)?
            .iter()
            .any(|row| row.number == BASE.0 && row.state == STARTED);
    let create = interrupted || is_empty(&tables);
    if !create {
        require_shared(connection, &tables)?;
    }
    create_versions(connection)?;
    let scripts = scripts(connection.dialect);
    let mut report = MigrationReport {
        version: SHARED_VERSION.to_owned(),
        ..MigrationReport::default()
    };
    if create {
        run(connection, BASE.0, BASE.1, &scripts.base)?;
        report.created_shared_tables = true;
    }
    let done: BTreeSet<i32> = applied(connection)?
        .into_iter()
        .filter(|row| row.state == DONE)
        .map(|row| row.number)
        .collect();
    for (number, name, text) in scripts.own.iter().filter(|(number, ..)| !done.contains(number)) {
        run(connection, *number, name, &[text])?;
        report.applied.push((*name).to_owned());
    }
    Ok(report)
}

fn tables(connection: &mut Connection) -> Result<BTreeSet<String>, Error> {
    let sql = Sql::fixed("list the tables", connection.dialect.table_names());
    Ok(connection
        .rows::<NameRow>(sql)?
        .into_iter()
        .map(|row| row.name)
        .collect())
}

/// No table of DolphinScheduler is there; those of others do not matter.
fn is_empty(tables: &BTreeSet<String>) -> bool {
    !tables
        .iter()
        .any(|name| name.starts_with("t_ds_") || name.to_uppercase().starts_with("QRTZ_"))
}

fn require_shared(connection: &mut Connection, tables: &BTreeSet<String>) -> Result<(), Error> {
    let what = "the database is not one of DolphinScheduler 3.4.2";
    if !tables.contains("t_ds_version") {
        let some: Vec<&str> = tables
            .iter()
            .filter(|name| name.starts_with("t_ds_"))
            .take(3)
            .map(String::as_str)
            .collect();
        let reason = format!(
            "it has tables of DolphinScheduler ({} ...) but no t_ds_version",
            some.join(", ")
        );
        return Err(schema(what, reason, USE_OTHER));
    }
    let sql = Sql::fixed(
        "read the schema version",
        "SELECT version AS name FROM t_ds_version ORDER BY id",
    );
    let versions: Vec<String> = connection
        .rows::<NameRow>(sql)?
        .into_iter()
        .map(|row| row.name)
        .collect();
    if versions.is_empty() {
        return Err(schema(
            what,
            "t_ds_version has no row, as if its making had been interrupted",
            USE_OTHER,
        ));
    }
    if !versions.iter().any(|version| version == SHARED_VERSION) {
        return Err(schema(
            what,
            format!("t_ds_version says {}", versions.join(", ")),
            USE_UPGRADE,
        ));
    }
    let missing: Vec<&str> = NEEDED
        .iter()
        .copied()
        .filter(|name| !tables.contains(*name))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(schema(
        what,
        format!(
            "t_ds_version says 3.4.2 but these tables are missing: {}",
            missing.join(", ")
        ),
        USE_OTHER,
    ))
}

fn create_versions(connection: &mut Connection) -> Result<(), Error> {
    let text = "CREATE TABLE IF NOT EXISTS t_orca_schema_version (number int NOT NULL, name varchar(100) NOT NULL, \
                state varchar(16) NOT NULL, changed_at bigint NOT NULL, PRIMARY KEY (number))";
    connection.batch("create t_orca_schema_version", text)
}

fn applied(connection: &mut Connection) -> Result<Vec<AppliedRow>, Error> {
    connection.rows(Sql::fixed(
        "read the applied migrations",
        "SELECT number, state FROM t_orca_schema_version",
    ))
}

/// MySQL commits each CREATE TABLE on its own, so the begin is recorded before and the end after.
fn run(connection: &mut Connection, number: i32, name: &str, texts: &[&str]) -> Result<(), Error> {
    record(connection, number, name, STARTED)?;
    for text in texts {
        connection.batch("create tables", text)?;
    }
    record(connection, number, name, DONE)
}

fn record(connection: &mut Connection, number: i32, name: &str, state: &str) -> Result<(), Error> {
    let now = now(connection)?.0;
    let text = format!(
        "INSERT INTO t_orca_schema_version (number, name, state, changed_at) VALUES (?, ?, ?, ?){} state = {}, changed_at = {}",
        connection.dialect.on_conflict_update("number"),
        connection.dialect.new_value("state"),
        connection.dialect.new_value("changed_at"),
    );
    let sql = Sql::fixed("record a migration", text)
        .bind(number)
        .bind(name)
        .bind(state)
        .bind(now);
    connection.execute(sql).map(|_| ())
}

/// One process at a time. The name of the lock carries the database, because MySQL's named locks belong to the server.
fn lock(connection: &mut Connection) -> Result<(), Error> {
    let text = "SELECT CAST(GET_LOCK(LEFT(CONCAT('orca-migrate-', DATABASE()), 64), ?) AS SIGNED) AS locked";
    let sql = Sql::fixed("lock the migration", text).bind(i64::from(MIGRATION_WAIT_SECONDS));
    let row = connection.rows::<LockRow>(sql)?.pop();
    if row.and_then(|row| row.locked) == Some(1) {
        return Ok(());
    }
    let reason = format!("another process has held the migration lock for {MIGRATION_WAIT_SECONDS} s");
    Err(schema(
        "the tables cannot be created",
        reason,
        "wait for it, or end it, and start again",
    ))
}
