//! One connection and the pool of them.
//!
//! Guarantees: each connection is set up as `Dialect::session` says before anybody uses it; one that was lost, or whose transaction could not be
//! ended, never comes back from the pool; no error names a password.

use crate::dialect::Dialect;
use crate::error::{Error, classify, connection_is_lost};
use crate::limits::{CONNECTION_AGE_MAX, POOL_WAIT};
pub(crate) use crate::multi::{MultiBackend, MultiConnection};
use crate::sessions::{Sessions, Ticket};
use crate::settings::DatabaseSettings;
use crate::sql::Sql;
use crate::url::{MySqlTarget, Target, parse};
use diesel::connection::SimpleConnection;
use diesel::mysql::MysqlConnection;
use diesel::query_dsl::RunQueryDsl;
use diesel::sqlite::SqliteConnection;
use diesel::{Connection as _, QueryableByName};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::time::{Duration, Instant};

/// A connection that has been set up.
pub(crate) struct Connection {
    inner: MultiConnection,
    pub(crate) dialect: Dialect,
    broken: bool,
    /// The server prepares START TRANSACTION too: one round trip instead of the three of an unprepared statement.
    prepares_begin: bool,
    /// For a session that nothing but its end frees of its locks.
    recorded: Option<Ticket>,
}

impl Connection {
    fn failed(&mut self, what: &'static str, source: diesel::result::Error) -> Error {
        self.broken |= connection_is_lost(&source);
        Error::Query {
            what,
            class: classify(&source),
            source,
        }
    }

    /// Runs a statement; the number of rows it matched.
    pub(crate) fn execute(&mut self, sql: Sql<'_>) -> Result<usize, Error> {
        let what = sql.what;
        sql.execute(&mut self.inner)
            .map_err(|source| self.failed(what, source))
    }

    /// Runs a query; all its rows.
    pub(crate) fn rows<R>(&mut self, sql: Sql<'_>) -> Result<Vec<R>, Error>
    where
        R: QueryableByName<MultiBackend> + 'static,
    {
        let what = sql.what;
        sql.load::<R>(&mut self.inner)
            .map_err(|source| self.failed(what, source))
    }

    /// Runs statements that bind nothing.
    pub(crate) fn batch(&mut self, what: &'static str, text: &str) -> Result<(), Error> {
        self.inner
            .batch_execute(text)
            .map_err(|source| self.failed(what, source))
    }

    /// Begins a transaction that writes.
    pub(crate) fn begin(&mut self) -> Result<(), Error> {
        let (what, text) = ("begin a transaction", self.dialect.begin());
        if self.prepares_begin {
            self.execute(Sql::fixed(what, text)).map(|_| ())
        } else {
            self.batch(what, text)
        }
    }

    /// Nobody may use this connection again: what its transaction has become is not known.
    pub(crate) fn give_up(&mut self) {
        self.broken = true;
    }
}

/// Makes connections for the pool.
pub(crate) struct Manager {
    target: Target,
    idle_transaction_timeout: Option<Duration>,
    place: String,
    sessions: Sessions,
}

#[derive(QueryableByName)]
struct ServerRow {
    #[diesel(sql_type = diesel::sql_types::Text)]
    version: String,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    read_only: i64,
}

#[derive(QueryableByName)]
struct TimeoutRow {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    seconds: i64,
}

impl Manager {
    pub(crate) fn new(settings: &DatabaseSettings) -> Result<Self, Error> {
        Ok(Self {
            target: parse(settings)?,
            idle_transaction_timeout: settings.idle_transaction_timeout,
            place: crate::url::without_secrets(&settings.url),
            sessions: Sessions::default(),
        })
    }

    pub(crate) fn dialect(&self) -> Dialect {
        match self.target {
            Target::MySql(_) => Dialect::MySql,
            Target::Sqlite(_) => Dialect::Sqlite,
        }
    }

    /// The zone that the URL names, if it names one.
    pub(crate) fn zone(&self) -> Option<chrono_tz::Tz> {
        match &self.target {
            Target::MySql(target) => target.zone,
            Target::Sqlite(_) => None,
        }
    }

    pub(crate) fn sessions(&self) -> Sessions {
        self.sessions.clone()
    }

    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    fn unreachable(&self, reason: impl ToString) -> Error {
        Error::Connect {
            place: self.place.clone(),
            reason: reason.to_string(),
        }
    }

    fn open_sqlite(&self, path: &Path) -> Result<Connection, Error> {
        let text = path
            .to_str()
            .ok_or_else(|| self.unreachable("the path is not UTF-8"))?;
        let inner = SqliteConnection::establish(text).map_err(|error| self.unreachable(error))?;
        let mut connection = Connection {
            inner: MultiConnection::Sqlite(inner),
            dialect: Dialect::Sqlite,
            broken: false,
            prepares_begin: false,
            recorded: None,
        };
        connection.batch("set up a connection", &Dialect::Sqlite.session(false, None))?;
        Ok(connection)
    }

    /// The first address that answers and may be written to.
    fn open_mysql(&self, target: &MySqlTarget) -> Result<Connection, Error> {
        let mut reasons = Vec::new();
        for (host, port) in &target.addresses {
            match self.open_mysql_at(target, host, *port) {
                Ok(connection) => return Ok(connection),
                Err(error) => reasons.push(format!("{host}:{port}: {error}")),
            }
        }
        Err(self.unreachable(reasons.join("; ")))
    }

    fn open_mysql_at(&self, target: &MySqlTarget, host: &str, port: u16) -> Result<Connection, String> {
        if target.unix_socket.is_none() {
            probe(host, port, target.connect_timeout)?;
        }
        let inner =
            MysqlConnection::establish(&target.client_url(host, port)).map_err(|error| error.to_string())?;
        let mut connection = Connection {
            inner: MultiConnection::MySql(inner),
            dialect: Dialect::MySql,
            broken: false,
            prepares_begin: false,
            recorded: None,
        };
        let asked = Sql::fixed(
            "ask the server what it is",
            "SELECT CAST(VERSION() AS CHAR) AS version, CAST(@@global.read_only AS SIGNED) AS read_only",
        );
        let server = connection
            .rows::<ServerRow>(asked)
            .map_err(|error| error.to_string())?
            .pop();
        let server = server.ok_or("the server does not say what it is")?;
        if server.read_only != 0 && target.addresses.len() > 1 {
            return Err("the server is read-only".to_owned());
        }
        let mariadb = server.version.contains("MariaDB");
        connection
            .batch(
                "set up a connection",
                &Dialect::MySql.session(mariadb, self.idle_transaction_timeout),
            )
            .map_err(|error| error.to_string())?;
        // Older servers refuse; asking is simpler than knowing all versions.
        connection.prepares_begin = connection
            .execute(Sql::fixed("try a transaction", Dialect::MySql.begin()))
            .is_ok();
        connection
            .batch("end a transaction", "ROLLBACK")
            .map_err(|error| error.to_string())?;
        if !ends_idle_transactions(&mut connection, mariadb).map_err(|error| error.to_string())? {
            let ticket = self.sessions.enter(&mut connection);
            connection.recorded = Some(ticket.map_err(|error| error.to_string())?);
        }
        Ok(connection)
    }
}

/// Whether the server itself ends a transaction in which nothing happens, however that was set.
fn ends_idle_transactions(connection: &mut Connection, mariadb: bool) -> Result<bool, Error> {
    if !mariadb {
        return Ok(false);
    }
    let asked = Sql::fixed(
        "ask for the idle-transaction time-out",
        "SELECT CAST(@@idle_transaction_timeout AS SIGNED) AS seconds",
    );
    let row = connection.rows::<TimeoutRow>(asked)?.pop();
    Ok(row.is_some_and(|row| row.seconds > 0))
}

/// The client library has no connect time-out of its own here, so a silent address is found out first.
fn probe(host: &str, port: u16, timeout: Duration) -> Result<(), String> {
    let mut reason = "the name has no address".to_owned();
    for address in (host, port)
        .to_socket_addrs()
        .map_err(|error| error.to_string())?
    {
        match TcpStream::connect_timeout(&address, timeout) {
            Ok(_) => return Ok(()),
            Err(error) => reason = error.to_string(),
        }
    }
    Err(reason)
}

impl r2d2::ManageConnection for Manager {
    type Connection = Connection;
    type Error = Error;

    fn connect(&self) -> Result<Connection, Error> {
        match &self.target {
            Target::MySql(target) => self.open_mysql(target),
            Target::Sqlite(path) => self.open_sqlite(path),
        }
    }

    fn is_valid(&self, connection: &mut Connection) -> Result<(), Error> {
        crate::store::now(connection).map(|_| ())
    }

    fn has_broken(&self, connection: &mut Connection) -> bool {
        connection.broken
    }
}

pub(crate) type Pooled = r2d2::PooledConnection<Manager>;

/// How many connections a pool has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connections {
    pub open: u32,
    pub idle: u32,
    pub max: u32,
}

/// Connections for the blocking pool's threads.
#[derive(Clone)]
pub(crate) struct Pool {
    inner: r2d2::Pool<Manager>,
    place: std::sync::Arc<str>,
}

#[derive(Debug)]
struct LogOnce;

impl r2d2::HandleError<Error> for LogOnce {
    fn handle_error(&self, error: Error) {
        log::warn!("a database connection failed: {error}");
    }
}

impl Pool {
    /// Opens one connection to see that it can be done, so that a wrong setting is told at once and by its cause.
    pub(crate) fn open(manager: Manager, size: u32) -> Result<Self, Error> {
        drop(r2d2::ManageConnection::connect(&manager)?);
        let place = manager.place().into();
        let inner = r2d2::Pool::builder()
            .max_size(size.max(2))
            .min_idle(Some(1))
            .max_lifetime(Some(CONNECTION_AGE_MAX))
            .connection_timeout(POOL_WAIT)
            .test_on_check_out(false)
            .error_handler(Box::new(LogOnce))
            .build_unchecked(manager);
        Ok(Self { inner, place })
    }

    pub(crate) fn connections(&self) -> Connections {
        let state = self.inner.state();
        Connections {
            open: state.connections,
            idle: state.idle_connections,
            max: self.inner.max_size(),
        }
    }

    pub(crate) fn get(&self) -> Result<Pooled, Error> {
        let start = Instant::now();
        self.inner.get().map_err(|error| Error::PoolExhausted {
            place: self.place.to_string(),
            waited_ms: start.elapsed().as_millis(),
            reason: error.to_string(),
        })
    }
}
