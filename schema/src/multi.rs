//! The databases this build can talk to. PostgreSQL is one more variant here and one more arm in each function of `dialect.rs`.
//!
//! A module of its own because the derived code wants diesel's `Connection` in scope and no other.

use diesel::mysql::MysqlConnection;
use diesel::sqlite::SqliteConnection;

#[derive(diesel::MultiConnection)]
pub(crate) enum MultiConnection {
    MySql(MysqlConnection),
    Sqlite(SqliteConnection),
}
