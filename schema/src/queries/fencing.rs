//! Ending the database sessions of a dead master, so that a frozen one holds no row locks.
//!
//! Guarantees: only sessions that the dead incarnation has recorded are ended, each only while the server shows the very one that was recorded, and never one of
//! this process. Needs no privilege where all masters use the same account: everybody may see and end the sessions of their own account.

use crate::dialect::Dialect;
use crate::error::Error;
use crate::queries::failover::DeadMaster;
use crate::sessions::{Session, describe, from_text};
use crate::sql::Sql;
use crate::store::Store;
use diesel::QueryableByName;
use diesel::sql_types::{Nullable, Text};
use std::fmt;

/// What became of the recorded sessions of a dead master.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionsEnded {
    /// They are told to end; their transactions are rolled back.
    pub ended: usize,
    /// They are there, and the server does not let us, with its reason.
    pub refused: Vec<String>,
    /// Of another account and not shown: over, or hidden from this account.
    pub hidden: usize,
}

impl fmt::Display for SessionsEnded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ended", self.ended)?;
        if let Some(reason) = self.refused.first() {
            let (count, needed) = (
                self.refused.len(),
                "PROCESS and CONNECTION ADMIN (MySQL 8: CONNECTION_ADMIN)",
            );
            write!(
                f,
                ", {count} not: {reason}; give all masters the same account, or this one the privileges {needed}; until then the locks of a \
                 frozen master are waited for"
            )?;
        }
        if self.hidden > 0 {
            write!(
                f,
                ", {} of another account not shown: they are over, or this account needs the privilege PROCESS",
                self.hidden
            )?;
        }
        Ok(())
    }
}

#[derive(QueryableByName)]
struct RecordedRow {
    #[diesel(sql_type = Nullable<Text>)]
    connection_ids: Option<String>,
}

#[derive(QueryableByName)]
struct UserRow {
    #[diesel(sql_type = Text)]
    user: String,
}

impl Store {
    /// Ends the sessions that the dead incarnation has recorded. They are none where the server ends idle transactions by itself.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn end_sessions(&self, dead: &DeadMaster) -> Result<SessionsEnded, Error> {
        let mut report = SessionsEnded::default();
        if self.dialect == Dialect::Sqlite {
            return Ok(report);
        }
        let mut connection = self.reader()?;
        let sql = Sql::fixed(
            "read the database sessions of a dead master",
            "SELECT connection_ids FROM t_orca_master WHERE address = ? AND epoch <= ? AND state <> 'stopped'",
        );
        let row = connection
            .rows::<RecordedRow>(sql.bind(dead.address.as_str()).bind(dead.epoch))?
            .pop();
        let recorded = from_text(&row.and_then(|row| row.connection_ids).unwrap_or_default());
        if recorded.is_empty() {
            return Ok(report);
        }
        let user = Sql::fixed(
            "read the own account",
            "SELECT CAST(SUBSTRING_INDEX(USER(), '@', 1) AS CHAR) AS user",
        );
        let own_user = connection.rows::<UserRow>(user)?.pop().map(|row| row.user);
        for session in recorded {
            if self.sessions().contains(&session) {
                continue;
            }
            match describe(&mut connection, Some(session.id))? {
                Some(shown) if session.is(&shown) => match end(&mut connection, &session) {
                    Ok(()) => report.ended += 1,
                    Err(reason) => report.refused.push(reason),
                },
                Some(_) => {}
                None if own_user.as_deref() == Some(session.user.as_str()) => {}
                None => report.hidden += 1,
            }
        }
        Ok(report)
    }
}

/// One that ends by itself meanwhile is as good as ended.
fn end(connection: &mut crate::db::Connection, session: &Session) -> Result<(), String> {
    let what = "end a database session";
    match connection.batch(what, &format!("KILL CONNECTION {}", session.id)) {
        Err(error)
            if describe(connection, Some(session.id))
                .is_ok_and(|shown| shown.is_some_and(|shown| session.is(&shown))) =>
        {
            Err(error.to_string())
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
