//! The server's sessions of this process that would keep their row locks if the process froze: written into `t_orca_master` before they are used, so that whoever
//! takes over can end them.
//!
//! Guarantees: no connection is handed out before its session is recorded for the incarnation that this process registered last. A session that the server itself
//! ends when its transaction is idle (MariaDB with `idle_transaction_timeout`) is not recorded; with SQLite there are none. A session is described well enough that
//! another one with the same number is never taken for it.

use crate::db::Connection;
use crate::error::Error;
use crate::limits::{SERVER_START_TOLERANCE_SECONDS, TEXT_LEN_MAX};
use crate::sql::Sql;
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Nullable, Text};
use orca_engine::fence::Incarnation;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};

/// One session of one server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) id: i64,
    pub(crate) user: String,
    /// With the port from which the client came: no two sessions of one time have the same.
    pub(crate) host: String,
    /// Name and port of the server, and when it started, in seconds: its numbers begin again then.
    pub(crate) server: String,
    pub(crate) server_started: i64,
}

impl Session {
    /// Whether `other`, which a server shows now, is this session and not a later one with its number.
    pub(crate) fn is(&self, other: &Self) -> bool {
        let started = self.server_started.abs_diff(other.server_started) <= SERVER_START_TOLERANCE_SECONDS;
        started
            && (self.id, &self.user, &self.host, &self.server)
                == (other.id, &other.user, &other.host, &other.server)
    }
}

#[derive(QueryableByName)]
struct SessionRow {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    user: String,
    #[diesel(sql_type = Text)]
    host: String,
}

#[derive(QueryableByName)]
struct ServerRow {
    #[diesel(sql_type = Nullable<Text>)]
    server: Option<String>,
    #[diesel(sql_type = BigInt)]
    now: i64,
}

#[derive(QueryableByName)]
struct StatusRow {
    #[diesel(sql_type = Text, column_name = "Value")]
    value: String,
}

/// What the server says of the session `id`, the connection's own without one; `None` when there is none or it is not shown to us.
pub(crate) fn describe(connection: &mut Connection, id: Option<i64>) -> Result<Option<Session>, Error> {
    let started = server_started(connection)?;
    let columns = "SELECT CAST(id AS SIGNED) AS id, CAST(user AS CHAR) AS user, CAST(host AS CHAR) AS host \
                   FROM information_schema.processlist WHERE id = ";
    let what = "read a database session";
    let sql = match id {
        Some(id) => Sql::fixed(what, format!("{columns}?")).bind(id),
        None => Sql::fixed(what, format!("{columns}CONNECTION_ID()")),
    };
    let row = connection.rows::<SessionRow>(sql)?.pop();
    Ok(row.map(|row| Session {
        id: row.id,
        user: row.user,
        host: row.host,
        server: started.0,
        server_started: started.1,
    }))
}

fn server_started(connection: &mut Connection) -> Result<(String, i64), Error> {
    let what = "read the identity of the server";
    let asked = Sql::fixed(
        what,
        "SELECT CAST(CONCAT(@@hostname, ':', @@port) AS CHAR) AS server, CAST(UNIX_TIMESTAMP() AS SIGNED) AS now",
    );
    let missing = || Error::Missing {
        what,
        id: String::new(),
    };
    let row = connection.rows::<ServerRow>(asked)?.pop().ok_or_else(missing)?;
    let asked = Sql::fixed(what, "SHOW GLOBAL STATUS LIKE 'Uptime'");
    let uptime = connection.rows::<StatusRow>(asked)?.pop().ok_or_else(missing)?;
    let uptime: i64 = uptime.value.parse().map_err(|_| missing())?;
    Ok((row.server.unwrap_or_default(), row.now - uptime))
}

#[derive(Debug, Default)]
struct Known {
    open: BTreeSet<Session>,
    /// Whose row they are written into.
    master: Option<Incarnation>,
}

/// The open sessions of one pool. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sessions(Arc<Mutex<Known>>);

/// One open session; it is forgotten with this value.
pub(crate) struct Ticket {
    sessions: Sessions,
    session: Session,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.sessions.lock().open.remove(&self.session);
    }
}

impl Sessions {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Takes in the session of a new connection and writes it down by that connection.
    pub(crate) fn enter(&self, connection: &mut Connection) -> Result<Ticket, Error> {
        let session = describe(connection, None)?.ok_or(Error::Missing {
            what: "the own session",
            id: String::new(),
        })?;
        let mut known = self.lock();
        known.open.insert(session.clone());
        // Made before the write, so that a failed one takes the session out again.
        let ticket = Ticket {
            sessions: self.clone(),
            session,
        };
        let written = known.write(connection);
        drop(known);
        written.map(|()| ticket)
    }

    /// From here on the sessions belong to this incarnation. The connection is one of the pool: nothing may be asked of the pool here, which may be opening another.
    pub(crate) fn belong_to(&self, master: &Incarnation, connection: &mut Connection) -> Result<(), Error> {
        let mut known = self.lock();
        known.master = Some(master.clone());
        known.write(connection)
    }

    pub(crate) fn contains(&self, session: &Session) -> bool {
        self.lock().open.iter().any(|own| session.is(own))
    }
}

impl Known {
    /// Whatever the state of the incarnation: one that is fenced may still hold locks.
    fn write(&self, connection: &mut Connection) -> Result<(), Error> {
        let Some(master) = &self.master else {
            return Ok(());
        };
        let sql = Sql::fixed(
            "record the database sessions of this master",
            "UPDATE t_orca_master SET connection_ids = ? WHERE address = ? AND epoch = ?",
        );
        let sql = sql
            .bind(to_text(&self.open))
            .bind(master.address.as_ref())
            .bind(master.epoch);
        connection.execute(sql).map(|_| ())
    }
}

/// `None` without any; the newest that the column has room for.
fn to_text(sessions: &BTreeSet<Session>) -> Option<String> {
    let mut newest: Vec<&Session> = sessions.iter().collect();
    while !newest.is_empty() {
        let text = serde_json::to_string(&newest).ok()?;
        if text.len() <= TEXT_LEN_MAX {
            return Some(text);
        }
        let over = newest.len().div_ceil(4);
        newest.drain(..over);
    }
    None
}

/// What a row says; nothing when it cannot be read, as when a later version has written it.
pub(crate) fn from_text(text: &str) -> Vec<Session> {
    serde_json::from_str(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(id: i64) -> Session {
        Session {
            id,
            user: "orca".to_owned(),
            host: "10.0.0.1:40001".to_owned(),
            server: "db:3306".to_owned(),
            server_started: 1_000,
        }
    }

    #[test]
    fn a_number_alone_makes_no_session() {
        let recorded = session(7);
        assert!(recorded.is(&session(7)));
        let second_later = Session {
            server_started: 1_001,
            ..session(7)
        };
        assert!(recorded.is(&second_later), "clocks are read in whole seconds");
        let others = [
            session(8),
            Session {
                user: "other".to_owned(),
                ..session(7)
            },
            Session {
                host: "10.0.0.1:40002".to_owned(),
                ..session(7)
            },
            Session {
                server: "replica:3306".to_owned(),
                ..session(7)
            },
            Session {
                server_started: 9_000,
                ..session(7)
            },
        ];
        for other in others {
            assert!(!recorded.is(&other), "{other:?}");
        }
    }

    #[test]
    fn what_is_written_fits_and_is_read_back() {
        let few: BTreeSet<Session> = (1..=128).map(session).collect();
        let text = to_text(&few).unwrap();
        assert_eq!(from_text(&text), few.iter().cloned().collect::<Vec<_>>());
        let many: BTreeSet<Session> = (1..=5_000).map(session).collect();
        let text = to_text(&many).unwrap();
        assert!(text.len() <= TEXT_LEN_MAX);
        assert_eq!(from_text(&text).last().unwrap().id, 5_000, "the newest stay");
        assert_eq!(to_text(&BTreeSet::new()), None);
        assert!(from_text("[1, 2]").is_empty() && from_text("").is_empty());
    }
}
