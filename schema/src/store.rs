//! The way in: a pool of connections and everything that is asked of the database, by use case in `queries` and `commit`.
//!
//! Guarantees: every method is one transaction or one query; a method that writes to an owned row takes a fence. It refuses to know what a write means. All
//! methods block and belong on a blocking pool.

use crate::clock::WallClock;
use crate::db::{Connection, Connections, Manager, Pool, Pooled};
use crate::dialect::Dialect;
use crate::error::Error;
use crate::sessions::Sessions;
use crate::settings::DatabaseSettings;
use crate::sql::Sql;
use crate::tx;
use diesel::QueryableByName;
use orca_engine::time::Millis;
use std::sync::{Arc, Mutex, MutexGuard};

/// Cheap to clone; any thread may use it.
#[derive(Clone)]
pub struct Store {
    pool: Pool,
    pub(crate) clock: WallClock,
    pub(crate) dialect: Dialect,
    sessions: Sessions,
    /// SQLite has one writer. Waiting here is fair and exact, waiting inside SQLite is a sleep.
    writer: Arc<Mutex<()>>,
}

#[derive(QueryableByName)]
struct NowRow {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    now: i64,
}

/// A connection that may write, and with SQLite the turn to do so.
pub(crate) struct Writer<'a> {
    connection: Pooled,
    _turn: Option<MutexGuard<'a, ()>>,
}

impl std::ops::Deref for Writer<'_> {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl std::ops::DerefMut for Writer<'_> {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

impl Store {
    /// Connects. Creates nothing: [`Store::migrate`] does.
    ///
    /// # Errors
    /// A setting that cannot be used, or a database that cannot be reached.
    pub fn open(settings: &DatabaseSettings) -> Result<Self, Error> {
        let manager = Manager::new(settings)?;
        let clock = WallClock::new(manager.zone().unwrap_or(settings.zone));
        let dialect = manager.dialect();
        log::info!(
            "database {}: wall clock of {}, {} connections at most",
            manager.place(),
            clock.zone_name(),
            settings.pool_size
        );
        let sessions = manager.sessions();
        let pool = Pool::open(manager, settings.pool_size)?;
        Ok(Self {
            pool,
            clock,
            dialect,
            sessions,
            writer: Arc::default(),
        })
    }

    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// How many connections there are at the moment.
    #[must_use]
    pub fn connections(&self) -> Connections {
        self.pool.connections()
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// Of class retry when it does not.
    pub fn ping(&self) -> Result<(), Error> {
        self.database_time().map(|_| ())
    }

    /// The database's own clock.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn database_time(&self) -> Result<Millis, Error> {
        now(&mut *self.reader()?)
    }

    pub(crate) fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    pub(crate) fn reader(&self) -> Result<Pooled, Error> {
        self.pool.get()
    }

    pub(crate) fn writer(&self) -> Result<Writer<'_>, Error> {
        let turn = match self.dialect {
            Dialect::MySql => None,
            // The guarded value is nothing, so a panic of another holder has left nothing half done.
            Dialect::Sqlite => Some(
                self.writer
                    .lock()
                    .unwrap_or_else(|poisoned| poisoned.into_inner()),
            ),
        };
        Ok(Writer {
            connection: self.pool.get()?,
            _turn: turn,
        })
    }

    /// One transaction without a lease.
    pub(crate) fn write<T>(
        &self,
        what: &'static str,
        body: impl FnOnce(&mut Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        tx::write_always(&mut *self.writer()?, what, body)
    }

    /// One transaction that ends without a trace when `may_commit` says no right before the COMMIT.
    pub(crate) fn write_with_lease<T>(
        &self,
        what: &'static str,
        may_commit: &dyn Fn() -> bool,
        body: impl FnOnce(&mut Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        tx::write(&mut *self.writer()?, may_commit, body).map_err(|ended| ended.into_error(what))
    }
}

/// The database's own clock.
pub(crate) fn now(connection: &mut Connection) -> Result<Millis, Error> {
    let text = format!("SELECT {} AS now", connection.dialect.now_millis());
    let row = connection
        .rows::<NowRow>(Sql::fixed("read the database's clock", text))?
        .pop();
    row.map(|row| Millis(row.now)).ok_or(Error::Missing {
        what: "the answer to",
        id: "the clock".to_owned(),
    })
}
