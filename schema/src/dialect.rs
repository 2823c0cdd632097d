//! The SQL that differs between databases: all of it, and nothing else.

use crate::limits::{LOCK_WAIT_SECONDS, SQLITE_BUSY_WAIT};
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// MySQL and MariaDB.
    MySql,
    Sqlite,
}

impl Dialect {
    /// The database's own time in milliseconds since the epoch, as an expression that no session zone changes.
    pub(crate) const fn now_millis(self) -> &'static str {
        match self {
            Self::MySql => {
                "CAST(TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', UTC_TIMESTAMP(3)) DIV 1000 AS SIGNED)"
            }
            Self::Sqlite => "CAST(ROUND(unixepoch('subsec') * 1000) AS INTEGER)",
        }
    }

    /// Locks the selected rows for writing. SQLite has one writer, who holds everything from BEGIN IMMEDIATE on.
    pub(crate) const fn for_update(self) -> &'static str {
        match self {
            Self::MySql => " FOR UPDATE",
            Self::Sqlite => "",
        }
    }

    /// Locks the selected rows against writers.
    pub(crate) const fn for_share(self) -> &'static str {
        match self {
            Self::MySql => " LOCK IN SHARE MODE",
            Self::Sqlite => "",
        }
    }

    /// Whole-number division. MySQL's `/` is decimal, by which ids that `id-step` does not divide would match no slot.
    pub(crate) const fn integer_division(self) -> &'static str {
        match self {
            Self::MySql => " DIV ",
            Self::Sqlite => " / ",
        }
    }

    /// The beginning of an INSERT that does nothing when the row's key exists; it then affects no row.
    pub(crate) const fn insert_unless_there(self) -> &'static str {
        match self {
            Self::MySql => "INSERT IGNORE",
            Self::Sqlite => "INSERT OR IGNORE",
        }
    }

    /// The end of an INSERT that changes the row instead when its key exists; the new values are `new_value` of a column.
    pub(crate) fn on_conflict_update(self, key: &str) -> String {
        match self {
            Self::MySql => " ON DUPLICATE KEY UPDATE ".to_owned(),
            Self::Sqlite => format!(" ON CONFLICT ({key}) DO UPDATE SET "),
        }
    }

    pub(crate) fn new_value(self, column: &str) -> String {
        match self {
            Self::MySql => format!("VALUES({column})"),
            Self::Sqlite => format!("excluded.{column}"),
        }
    }

    /// What every new connection says first.
    ///
    /// READ COMMITTED: what this program relies on are exact row counts and locked rows, which are current at any level. REPEATABLE READ would
    /// add gap locks, by which inserts of unrelated workflows wait for each other or deadlock, and snapshots that hide what another
    /// master has just committed. `lc_messages` keeps error texts in the language in which they are classified.
    pub(crate) fn session(self, mariadb: bool, idle_transaction_timeout: Option<Duration>) -> String {
        match self {
            Self::MySql => {
                let mut text = format!(
                    "SET time_zone = DEFAULT; SET lc_messages = 'en_US'; \
                     SET SESSION innodb_lock_wait_timeout = {LOCK_WAIT_SECONDS}; \
                     SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_TRANS_TABLES'); \
                     SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"
                );
                if let (true, Some(timeout)) = (mariadb, idle_transaction_timeout) {
                    text.push_str(&format!(
                        "; SET SESSION idle_transaction_timeout = {}",
                        timeout.as_secs().max(1)
                    ));
                }
                text
            }
            // FULL: a commit that was answered survives a power cut, so no task is started again after one.
            Self::Sqlite => format!(
                "PRAGMA busy_timeout = {}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON",
                SQLITE_BUSY_WAIT.as_millis()
            ),
        }
    }

    /// Begins a transaction that writes.
    pub(crate) const fn begin(self) -> &'static str {
        match self {
            Self::MySql => "START TRANSACTION",
            Self::Sqlite => "BEGIN IMMEDIATE",
        }
    }

    /// The tables of the current database, one name a row.
    pub(crate) const fn table_names(self) -> &'static str {
        match self {
            Self::MySql => {
                "SELECT CAST(table_name AS CHAR) AS name FROM information_schema.tables WHERE table_schema = DATABASE()"
            }
            Self::Sqlite => "SELECT name FROM sqlite_master WHERE type = 'table'",
        }
    }
}
