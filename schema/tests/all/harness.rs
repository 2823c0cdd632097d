//! Databases for tests: one MariaDB for the whole run, a database or file for each test.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};
use orca_engine::fence::Incarnation;
use orca_schema::{DatabaseSettings, Dialect, NewDefinition, NewTask, Store};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Ends with this process: the shell kills the server when its input closes.
struct Server {
    port: u16,
    _shell: Child,
}

static SERVER: OnceLock<Option<Server>> = OnceLock::new();

const SERVE: &str = r#"
dir=$1; port=$2
mariadb-install-db --no-defaults --user=root --datadir="$dir/data" --auth-root-authentication-method=normal --skip-test-db >"$dir/log" 2>&1 || exit 1
mariadbd --no-defaults --user=root --datadir="$dir/data" --socket="$dir/s" --pid-file="$dir/pid" --port="$port" --bind-address=127.0.0.1 \
  --innodb-flush-log-at-trx-commit=1 --skip-name-resolve=0 --max-connections=300 >>"$dir/log" 2>&1 &
server=$!
cat >/dev/null
kill $server; wait $server; rm -rf "$dir"
"#;

fn server() -> Option<&'static Server> {
    SERVER.get_or_init(start).as_ref()
}

fn start() -> Option<Server> {
    if !["/usr/sbin/mariadbd", "/usr/bin/mariadbd"]
        .iter()
        .any(|path| Path::new(path).exists())
    {
        println!("MariaDB is not installed: its tests are skipped");
        return None;
    }
    let dir = tempfile::Builder::new()
        .prefix("orca-mariadb-")
        .tempdir()
        .unwrap()
        .keep();
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let mut shell = Command::new("sh");
    shell
        .arg("-c")
        .arg(SERVE)
        .arg("sh")
        .arg(&dir)
        .arg(port.to_string())
        .stdin(Stdio::piped());
    let mut shell = shell.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(120);
    while MysqlConnection::establish(&format!("mysql://root@127.0.0.1:{port}/mysql")).is_err() {
        assert!(
            shell.try_wait().unwrap().is_none(),
            "MariaDB did not start; see {dir:?}/log"
        );
        assert!(Instant::now() < deadline, "MariaDB does not answer");
        std::thread::sleep(Duration::from_millis(100));
    }
    Some(Server { port, _shell: shell })
}

/// A connection beside the store, to look at rows and to play other programs.
pub(crate) enum Raw {
    MySql(MysqlConnection),
    Sqlite(SqliteConnection),
}

#[derive(QueryableByName)]
struct TextRow {
    #[diesel(sql_type = Nullable<Text>)]
    value: Option<String>,
}

impl Raw {
    pub(crate) fn run(&mut self, sql: &str) {
        self.try_run(sql)
            .unwrap_or_else(|error| panic!("{:.300}: {error}", sql));
    }

    pub(crate) fn try_run(&mut self, sql: &str) -> QueryResult<()> {
        match self {
            Self::MySql(connection) => connection.batch_execute(sql),
            Self::Sqlite(connection) => connection.batch_execute(sql),
        }
    }

    /// The texts of one expression over the rows of the rest of a query, `-` for NULL.
    pub(crate) fn texts(&mut self, expression: &str, rest: &str) -> Vec<String> {
        let sql = match self {
            Self::MySql(_) => format!("SELECT CAST({expression} AS CHAR) AS value {rest}"),
            Self::Sqlite(_) => format!("SELECT CAST({expression} AS TEXT) AS value {rest}"),
        };
        let rows: QueryResult<Vec<TextRow>> = match self {
            Self::MySql(connection) => diesel::sql_query(&sql).load(connection),
            Self::Sqlite(connection) => diesel::sql_query(&sql).load(connection),
        };
        let rows = rows.unwrap_or_else(|error| panic!("{sql}: {error}"));
        rows.into_iter()
            .map(|row| row.value.unwrap_or_else(|| "-".to_owned()))
            .collect()
    }

    /// The columns of one row, comma separated, as they were asked for.
    pub(crate) fn row(&mut self, columns: &str, rest: &str) -> String {
        let parts: Vec<String> = columns
            .split(',')
            .map(|column| self.texts(column.trim(), rest).pop().unwrap_or_default())
            .collect();
        parts.join(",")
    }

    pub(crate) fn count(&mut self, rest: &str) -> i64 {
        self.texts("COUNT(*)", rest)[0].parse().unwrap()
    }
}

/// One database of one test.
pub(crate) struct Database {
    pub(crate) settings: DatabaseSettings,
    pub(crate) store: Store,
    _dir: Option<tempfile::TempDir>,
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

impl Database {
    pub(crate) fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let settings = DatabaseSettings::new(format!("jdbc:sqlite:{}/orca.db", dir.path().display()));
        Self {
            store: Store::open(&settings).unwrap(),
            settings,
            _dir: Some(dir),
        }
    }

    pub(crate) fn mariadb() -> Option<Self> {
        let server = server()?;
        let name = format!("t{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let mut root =
            MysqlConnection::establish(&format!("mysql://root@127.0.0.1:{}/mysql", server.port)).unwrap();
        root.batch_execute(&format!("CREATE DATABASE {name}")).unwrap();
        let mut settings = DatabaseSettings::new(format!("jdbc:mysql://127.0.0.1:{}/{name}", server.port));
        settings.username = Some("root".to_owned());
        Some(Self {
            store: Store::open(&settings).unwrap(),
            settings,
            _dir: None,
        })
    }

    pub(crate) fn is_mysql(&self) -> bool {
        self.store.dialect() == Dialect::MySql
    }

    pub(crate) fn raw(&self) -> Raw {
        let url = self.settings.url.strip_prefix("jdbc:").unwrap();
        if self.is_mysql() {
            let mut connection =
                MysqlConnection::establish(&url.replace("mysql://", "mysql://root@")).unwrap();
            connection
                .batch_execute("SET innodb_lock_wait_timeout = 20")
                .unwrap();
            Raw::MySql(connection)
        } else {
            let mut connection = SqliteConnection::establish(url.strip_prefix("sqlite:").unwrap()).unwrap();
            connection.batch_execute("PRAGMA busy_timeout = 20000").unwrap();
            Raw::Sqlite(connection)
        }
    }
}

/// Runs a test on an empty database of each kind.
pub(crate) fn on_empty_databases(test: impl Fn(&Database)) {
    test(&Database::sqlite());
    if let Some(database) = Database::mariadb() {
        test(&database);
    }
}

/// Runs a test on a database of each kind with all tables.
pub(crate) fn on_databases(test: impl Fn(&Database)) {
    on_empty_databases(|database| {
        database.store.migrate().unwrap();
        test(database);
    });
}

pub(crate) const ADDRESS: &str = "10.0.0.1:5678";

/// A workflow with tasks a and b, b after a.
pub(crate) fn two_tasks() -> NewDefinition {
    let mut second = NewTask::new(
        "b",
        "SHELL",
        r#"{"localParams":[],"rawScript":"echo b","resourceList":[]}"#,
    );
    second.depends_on = vec!["a".to_owned()];
    NewDefinition {
        project: "project".to_owned(),
        name: "workflow".to_owned(),
        description: None,
        user_id: 1,
        global_params: Vec::new(),
        timeout_minutes: 0,
        execution_type: orca_engine::codes::ExecutionType::Parallel,
        tasks: vec![
            NewTask::new(
                "a",
                "SHELL",
                r#"{"localParams":[],"rawScript":"echo a","resourceList":[]}"#,
            ),
            second,
        ],
    }
}

pub(crate) fn master(store: &Store) -> Incarnation {
    store.register_master(ADDRESS).unwrap()
}
