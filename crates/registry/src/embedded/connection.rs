//! A database connection on a thread of its own.
//!
//! Diesel blocks, and a database that does not answer blocks for long. So a [`Worker`] runs one job after the other on its own thread, and
//! who waits for it gives up after a bounded time. A job that was given up may still be carried out.

use super::tables::SQLITE_DDL;
use crate::error::Error;
use crate::limits::{DATABASE_IDLE_MAX, DATABASE_JOBS_MAX, DATABASE_RETRIES_MAX, SQLITE_BUSY_TIMEOUT};
use crate::settings::Secret;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

#[derive(diesel::MultiConnection)]
pub(super) enum Database {
    Sqlite(diesel::SqliteConnection),
    Mysql(diesel::MysqlConnection),
}

/// Where to connect to.
#[derive(Clone, Debug)]
pub(super) enum Target {
    Sqlite(PathBuf),
    Mysql(Secret),
}

/// Why a job failed.
#[derive(Debug)]
pub(super) enum Fault {
    Database(DieselError),
    Unreachable(String),
    /// Not the database's fault: the connection stays.
    Answer(Error),
}

impl From<DieselError> for Fault {
    fn from(error: DieselError) -> Self {
        Self::Database(error)
    }
}

type Job = Box<dyn FnOnce(&mut Slot) + Send>;

#[derive(Clone)]
pub(super) struct Worker {
    jobs: mpsc::Sender<Job>,
    patience: Duration,
}

impl Worker {
    /// The thread ends when the last clone is dropped.
    pub(super) fn start(name: &str, target: Target, patience: Duration) -> Result<Self, Error> {
        let (jobs, mut queue) = mpsc::channel::<Job>(DATABASE_JOBS_MAX);
        let run = move || {
            let mut slot = Slot {
                target,
                connection: None,
                used_at: Instant::now(),
            };
            while let Some(job) = queue.blocking_recv() {
                job(&mut slot);
            }
        };
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(run)
            .map_err(|error| Error::Refused {
                operation: "start thread",
                path: name.to_owned(),
                reason: error.to_string(),
            })?;
        Ok(Self { jobs, patience })
    }

    /// Runs `job`, again if other transactions were in its way. `job` opens its own transaction.
    pub(super) async fn run<T, F>(&self, operation: &'static str, path: &str, job: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Fn(&mut Database) -> Result<T, Fault> + Send + 'static,
    {
        let unanswered = |reason: String| Error::Unanswered {
            operation,
            path: path.to_owned(),
            reason,
        };
        let (answer, answered) = oneshot::channel();
        let boxed: Job = Box::new(move |slot| {
            let _ = answer.send(slot.run(&job));
        });
        let done = async {
            self.jobs
                .send(boxed)
                .await
                .map_err(|_closed| unanswered("the session is closed".to_owned()))?;
            match answered.await {
                Ok(Ok(value)) => Ok(value),
                Ok(Err(Fault::Answer(error))) => Err(error),
                Ok(Err(Fault::Database(error))) => Err(unanswered(error.to_string())),
                Ok(Err(Fault::Unreachable(reason))) => Err(unanswered(reason)),
                Err(_dropped) => Err(unanswered("the database thread ended".to_owned())),
            }
        };
        tokio::time::timeout(self.patience, done)
            .await
            .unwrap_or_else(|_elapsed| {
                Err(unanswered(format!(
                    "no answer within {} ms",
                    self.patience.as_millis()
                )))
            })
    }
}

struct Slot {
    target: Target,
    connection: Option<Database>,
    used_at: Instant,
}

impl Slot {
    fn run<T>(&mut self, job: &impl Fn(&mut Database) -> Result<T, Fault>) -> Result<T, Fault> {
        let mut retries = 0;
        loop {
            let connection = self.connection()?;
            match job(connection) {
                Err(Fault::Database(error)) if is_in_the_way(&error) && retries < DATABASE_RETRIES_MAX => {
                    retries += 1;
                }
                Err(Fault::Database(error)) => {
                    // Whatever state it is in, a new one is clean.
                    self.connection = None;
                    return Err(Fault::Database(error));
                }
                answer => return answer,
            }
        }
    }

    fn connection(&mut self) -> Result<&mut Database, Fault> {
        let idle = self.used_at.elapsed() > DATABASE_IDLE_MAX;
        if idle
            && self
                .connection
                .as_mut()
                .is_some_and(|it| it.batch_execute("SELECT 1").is_err())
        {
            self.connection = None;
        }
        self.used_at = Instant::now();
        match &mut self.connection {
            Some(connection) => Ok(connection),
            empty => Ok(empty.insert(open(&self.target)?)),
        }
    }
}

/// Read committed takes no locks on gaps, and who waits for a lock for a second had better try again.
const MYSQL_SESSION: [&str; 2] = [
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SET SESSION innodb_lock_wait_timeout = 1",
];
/// A process frozen in the middle of a transaction must not keep its row locks. Seconds.
const MARIADB_SESSION: &str = "SET SESSION idle_transaction_timeout = 2";

fn open(target: &Target) -> Result<Database, Fault> {
    match target {
        Target::Sqlite(path) => open_sqlite(path),
        Target::Mysql(url) => {
            // The text of a failed connection may quote the address, never the password: diesel reports the server's words.
            let mut connection = diesel::MysqlConnection::establish(url.reveal())
                .map_err(|error| Fault::Unreachable(error.to_string().replace(url.reveal(), "***")))?;
            for setting in MYSQL_SESSION {
                connection.batch_execute(setting)?;
            }
            if connection.batch_execute(MARIADB_SESSION).is_err() {
                log::debug!("the server has no idle_transaction_timeout; it is not MariaDB");
            }
            Ok(Database::Mysql(connection))
        }
    }
}

fn open_sqlite(path: &std::path::Path) -> Result<Database, Fault> {
    let name = path
        .to_str()
        .ok_or_else(|| Fault::Unreachable(format!("{} is not UTF-8", path.display())))?;
    let mut connection = diesel::SqliteConnection::establish(name)
        .map_err(|error| Fault::Unreachable(format!("{name}: {error}")))?;
    let busy_ms = SQLITE_BUSY_TIMEOUT.as_millis();
    // In WAL mode NORMAL is safe against corruption; what a power cut takes are sessions that ended with it anyway.
    connection.batch_execute(&format!(
        "PRAGMA busy_timeout = {busy_ms}; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
    ))?;
    connection.batch_execute("BEGIN IMMEDIATE")?;
    connection.batch_execute(SQLITE_DDL)?;
    connection.batch_execute("COMMIT")?;
    Ok(Database::Sqlite(connection))
}

/// One transaction, with the write lock from the start on SQLite: there, a transaction that reads first cannot wait for a writer.
pub(super) fn transact<T>(
    connection: &mut Database,
    work: impl FnOnce(&mut Database) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let begin = match connection {
        Database::Sqlite(_) => "BEGIN IMMEDIATE",
        Database::Mysql(_) => "START TRANSACTION",
    };
    connection.batch_execute(begin)?;
    match work(connection) {
        Ok(value) => {
            connection.batch_execute("COMMIT")?;
            Ok(value)
        }
        Err(fault) => {
            connection.batch_execute("ROLLBACK")?;
            Err(fault)
        }
    }
}

/// Another transaction was faster. Nothing has happened, and the next try will see what it did.
fn is_in_the_way(error: &DieselError) -> bool {
    match error {
        DieselError::DatabaseError(
            DatabaseErrorKind::SerializationFailure | DatabaseErrorKind::UniqueViolation,
            _,
        ) => true,
        DieselError::DatabaseError(_, about) => {
            let text = about.message();
            text.contains("Deadlock") || text.contains("Lock wait timeout") || text.contains("is locked")
        }
        _ => false,
    }
}

pub(super) fn is_taken(error: &DieselError) -> bool {
    matches!(
        error,
        DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)
    )
}
