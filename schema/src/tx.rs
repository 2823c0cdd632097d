//! The only place that begins, commits and rolls back.
//!
//! Guarantees: after `write` returns, the transaction has ended or the connection is thrown away, which ends it too; a COMMIT that was sent and not
//! answered is told apart from everything that certainly wrote nothing.

use crate::db::Connection;
use crate::dialect::Dialect;
use crate::error::{Error, ErrorClass};
use crate::sql::Sql;

/// How a transaction ended that did not commit.
#[derive(Debug)]
pub(crate) enum Ended {
    /// Nothing was written.
    RolledBack(Error),
    /// The lease ran out; nothing was written.
    LeaseLost,
    /// COMMIT was sent; nobody knows.
    Unknown(Error),
}

impl Ended {
    pub(crate) fn into_error(self, what: &'static str) -> Error {
        match self {
            Self::RolledBack(error) => error,
            Self::LeaseLost => Error::LeaseLost { what },
            Self::Unknown(source) => Error::CommitUnknown {
                what,
                source: Box::new(source),
            },
        }
    }
}

/// Runs `body` in one transaction. `may_commit` is asked right before the COMMIT.
pub(crate) fn write<T>(
    connection: &mut Connection,
    may_commit: &dyn Fn() -> bool,
    body: impl FnOnce(&mut Connection) -> Result<T, Error>,
) -> Result<T, Ended> {
    connection.begin().map_err(Ended::RolledBack)?;
    match body(connection) {
        Ok(value) => {
            if !may_commit() {
                roll_back(connection);
                return Err(Ended::LeaseLost);
            }
            commit(connection).map(|()| value)
        }
        Err(error) => {
            roll_back(connection);
            Err(Ended::RolledBack(error))
        }
    }
}

/// The same where no lease is involved.
pub(crate) fn write_always<T>(
    connection: &mut Connection,
    what: &'static str,
    body: impl FnOnce(&mut Connection) -> Result<T, Error>,
) -> Result<T, Error> {
    write(connection, &|| true, body).map_err(|ended| ended.into_error(what))
}

fn commit(connection: &mut Connection) -> Result<(), Ended> {
    match connection.execute(Sql::fixed("commit", "COMMIT")) {
        Ok(_) => Ok(()),
        // SQLite refuses a COMMIT that cannot have the file; the transaction is still open and can be undone.
        Err(error) if connection.dialect == Dialect::Sqlite && error.class() == ErrorClass::Retry => {
            roll_back(connection);
            Err(Ended::RolledBack(error))
        }
        Err(error) => {
            connection.give_up();
            Err(Ended::Unknown(error))
        }
    }
}

fn roll_back(connection: &mut Connection) {
    if let Err(error) = connection.batch("roll back", "ROLLBACK") {
        // SQLite has already rolled back after some errors; for a server the closed connection does it.
        log::debug!("{error}");
        connection.give_up();
    }
}
