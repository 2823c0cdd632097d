//! A cluster of one test: database, registry, masters and workers, all gone with it.

use super::mariadb::{PASSWORD, USER};
use super::{Error, Folder, MariaDb, OrcaProcess, ZooKeeper, free_port, orca_binary};
use diesel::connection::SimpleConnection;
use diesel::{Connection, MysqlConnection, QueryableByName, RunQueryDsl, SqliteConnection};
use orca_registry::{RegistrySettings, ZookeeperSettings};
use std::path::Path;
use std::process::Command;

/// What the cluster stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stack {
    /// SQLite and the embedded registry: what `orca standalone` uses.
    Embedded,
    /// ZooKeeper and MariaDB.
    Real,
}

#[derive(Clone, Debug)]
pub struct ClusterOptions {
    pub stack: Stack,
    pub masters: usize,
    pub workers: usize,
    /// More environment for every master.
    pub master_variables: Vec<(String, String)>,
    /// More environment for every process.
    pub variables: Vec<(String, String)>,
}

impl ClusterOptions {
    #[must_use]
    pub fn new(stack: Stack) -> Self {
        Self {
            stack,
            masters: 1,
            workers: 1,
            master_variables: Vec::new(),
            variables: Vec::new(),
        }
    }

    #[must_use]
    pub fn masters(mut self, masters: usize) -> Self {
        self.masters = masters;
        self
    }

    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    #[must_use]
    pub fn master_variable(mut self, name: &str, value: &str) -> Self {
        self.master_variables.push((name.to_owned(), value.to_owned()));
        self
    }

    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }
}

#[derive(QueryableByName)]
struct NumberRow {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    number: i64,
}

/// Fields are dropped in this order: workers and masters first, then what they stand on, then the folder.
pub struct Cluster {
    pub workers: Vec<OrcaProcess>,
    pub masters: Vec<OrcaProcess>,
    pub zookeeper: Option<ZooKeeper>,
    pub mariadb: Option<MariaDb>,
    options: ClusterOptions,
    folder: Folder,
}

impl Cluster {
    /// Starts the servers, makes the schema, starts masters and workers and waits until they listen.
    ///
    /// # Errors
    /// Whatever does not start, with the end of its log.
    pub fn start(options: ClusterOptions) -> Result<Self, Error> {
        let folder = Folder::new()?;
        let (zookeeper, mariadb) = match options.stack {
            Stack::Embedded => (None, None),
            Stack::Real => (
                Some(ZooKeeper::start(folder.path())?),
                Some(MariaDb::start(folder.path())?),
            ),
        };
        let (masters, workers) = (options.masters, options.workers);
        let mut cluster = Self {
            workers: Vec::new(),
            masters: Vec::new(),
            zookeeper,
            mariadb,
            options,
            folder,
        };
        cluster.run(&["migrate"])?;
        for _ in 0..masters {
            cluster.add_master()?;
        }
        for _ in 0..workers {
            cluster.add_worker()?;
        }
        Ok(cluster)
    }

    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// One more master, on a port of its own.
    ///
    /// # Errors
    /// When it does not start.
    pub fn add_master(&mut self) -> Result<&mut OrcaProcess, Error> {
        self.add_master_with(&[])
    }

    /// The same with more environment for this one alone.
    ///
    /// # Errors
    /// When it does not start.
    pub fn add_master_with(&mut self, variables: &[(&str, &str)]) -> Result<&mut OrcaProcess, Error> {
        let index = self.masters.len();
        let master = self.start_master(index, free_port(), variables)?;
        self.masters.push(master);
        Ok(&mut self.masters[index])
    }

    /// A master at a port that is free again, at a place in the list.
    ///
    /// # Errors
    /// When it does not start.
    pub fn add_master_at(&mut self, index: usize, port: u16) -> Result<(), Error> {
        let master = self.start_master(index, port, &[])?;
        self.masters.insert(index, master);
        Ok(())
    }

    /// Starts a master that has ended again, at its old address.
    ///
    /// # Errors
    /// When it does not start.
    pub fn restart_master(&mut self, index: usize) -> Result<(), Error> {
        self.masters[index] = self.start_master(index, self.masters[index].port(), &[])?;
        Ok(())
    }

    /// One more worker, on a port of its own.
    ///
    /// # Errors
    /// When it does not start.
    pub fn add_worker(&mut self) -> Result<&mut OrcaProcess, Error> {
        self.add_worker_with(&[])
    }

    /// The same with more environment.
    ///
    /// # Errors
    /// When it does not start.
    pub fn add_worker_with(&mut self, more: &[(&str, &str)]) -> Result<&mut OrcaProcess, Error> {
        let (index, port) = (self.workers.len(), free_port());
        // Workers may have left the list: the port tells their folders apart.
        let name = format!("worker-{port}");
        let mut variables = self.variables();
        variables.push(("WORKER_LISTEN_PORT".to_owned(), port.to_string()));
        variables.push(("ORCA_WORKER_HOST".to_owned(), "127.0.0.1".to_owned()));
        variables.push(("ORCA_DATA_DIRECTORY".to_owned(), self.path(&name)));
        let more = more
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        variables.extend(more);
        let worker = OrcaProcess::start(&name, &["worker"], &variables, port, self.folder.path())?;
        self.workers.push(worker);
        Ok(&mut self.workers[index])
    }

    /// Runs an `orca` command against this cluster to its end; its standard output.
    ///
    /// # Errors
    /// When it exits with anything but 0.
    pub fn run(&self, arguments: &[&str]) -> Result<String, Error> {
        let what = format!("orca {}", arguments.join(" "));
        let mut command = Command::new(orca_binary()?);
        command
            .args(arguments)
            .envs(self.variables())
            .current_dir(self.folder.path());
        let output = command.output().map_err(|source| Error::Start {
            what: what.clone(),
            source,
        })?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(text);
        }
        let errors = String::from_utf8_lossy(&output.stderr);
        Err(Error::Ended {
            what,
            status: output.status.to_string(),
            tail: format!("{text}{errors}"),
        })
    }

    /// The database's URL, user and password.
    #[must_use]
    pub fn database(&self) -> (String, &'static str, &'static str) {
        match &self.mariadb {
            Some(server) => (server.jdbc_url(), USER, PASSWORD),
            None => (format!("jdbc:sqlite:{}", self.path("orca.db")), "", ""),
        }
    }

    /// How a further member of the real stack's registry connects.
    ///
    /// # Errors
    /// On the embedded stack.
    pub fn registry(&self) -> Result<RegistrySettings, Error> {
        let server = self.zookeeper.as_ref().ok_or_else(|| Error::Failed {
            what: "a further member of the registry".to_owned(),
            reason: "only the real stack has one".to_owned(),
        })?;
        Ok(RegistrySettings::Zookeeper(ZookeeperSettings {
            connect_string: server.connect_string(),
            ..ZookeeperSettings::default()
        }))
    }

    /// Runs one statement behind the backs of the masters, as another program might.
    ///
    /// # Errors
    /// What the database says against it.
    pub fn execute_sql(&self, statement: &str) -> Result<(), Error> {
        let failed = |reason: String| Error::Failed {
            what: statement.to_owned(),
            reason,
        };
        match &self.mariadb {
            Some(server) => {
                let mut connection = MysqlConnection::establish(&server.diesel_url())
                    .map_err(|error| failed(error.to_string()))?;
                connection
                    .batch_execute(statement)
                    .map_err(|error| failed(error.to_string()))
            }
            None => {
                let mut connection = SqliteConnection::establish(&self.path("orca.db"))
                    .map_err(|error| failed(error.to_string()))?;
                let patient = "PRAGMA busy_timeout = 10000";
                connection
                    .batch_execute(patient)
                    .and_then(|()| connection.batch_execute(statement))
                    .map_err(|error| failed(error.to_string()))
            }
        }
    }

    /// `SELECT count(*) FROM <rest>` on the real stack.
    ///
    /// # Errors
    /// What the database says against it.
    pub fn count_rows(&self, rest: &str) -> Result<i64, Error> {
        self.number(&format!("SELECT count(*) AS number FROM {rest}"))
    }

    /// The column `number` of the one row that a statement gives, on the real stack.
    ///
    /// # Errors
    /// What the database says against it.
    pub fn number(&self, statement: &str) -> Result<i64, Error> {
        let failed = |reason: String| Error::Failed {
            what: statement.to_owned(),
            reason,
        };
        let Some(server) = &self.mariadb else {
            return Err(failed("only the real stack can be asked".to_owned()));
        };
        let mut connection =
            MysqlConnection::establish(&server.diesel_url()).map_err(|error| failed(error.to_string()))?;
        let row: NumberRow = diesel::sql_query(statement)
            .get_result(&mut connection)
            .map_err(|error| failed(error.to_string()))?;
        Ok(row.number)
    }

    fn start_master(&self, index: usize, port: u16, more: &[(&str, &str)]) -> Result<OrcaProcess, Error> {
        let mut variables = self.variables();
        variables.push(("MASTER_LISTEN_PORT".to_owned(), port.to_string()));
        variables.push(("MASTER_MASTER_ADDRESS".to_owned(), format!("127.0.0.1:{port}")));
        variables.push(("SERVER_PORT".to_owned(), free_port().to_string()));
        variables.extend(self.options.master_variables.iter().cloned());
        variables.extend(
            more.iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        OrcaProcess::start(
            &format!("master-{index}"),
            &["master"],
            &variables,
            port,
            self.folder.path(),
        )
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn variables(&self) -> Vec<(String, String)> {
        let (url, user, password) = self.database();
        let mut variables = vec![
            ("SPRING_DATASOURCE_URL".to_owned(), url),
            ("SPRING_DATASOURCE_USERNAME".to_owned(), user.to_owned()),
            ("SPRING_DATASOURCE_PASSWORD".to_owned(), password.to_owned()),
            ("SPRING_JACKSON_TIME_ZONE".to_owned(), "UTC".to_owned()),
            (
                "MASTER_SERVER_LOAD_PROTECTION_ENABLED".to_owned(),
                "false".to_owned(),
            ),
            (
                "WORKER_SERVER_LOAD_PROTECTION_ENABLED".to_owned(),
                "false".to_owned(),
            ),
        ];
        match &self.zookeeper {
            Some(server) => variables.extend([
                ("SPRING_PROFILES_ACTIVE".to_owned(), "mysql".to_owned()),
                ("REGISTRY_TYPE".to_owned(), "zookeeper".to_owned()),
                (
                    "REGISTRY_ZOOKEEPER_CONNECT_STRING".to_owned(),
                    server.connect_string(),
                ),
                ("REGISTRY_ZOOKEEPER_SESSION_TIMEOUT".to_owned(), "10s".to_owned()),
            ]),
            None => variables.extend([
                ("REGISTRY_TYPE".to_owned(), "embedded".to_owned()),
                ("ORCA_REGISTRY_PATH".to_owned(), self.path("registry.db")),
            ]),
        }
        variables.extend(self.options.variables.iter().cloned());
        variables
    }
}
