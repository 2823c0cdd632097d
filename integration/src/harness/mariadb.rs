//! A real MariaDB server with an empty database `dolphinscheduler`.

use super::{Deadline, Error, Place, Process, free_port, until};
use diesel::connection::SimpleConnection;
use diesel::{Connection, MysqlConnection};
use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const SERVER: &str = "/usr/sbin/mariadbd";
const INSTALLER: &str = "/usr/bin/mariadb-install-db";
const START_SECONDS: u64 = 60;
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// Name, user and password of the database the tests use.
pub(super) const DATABASE: &str = "dolphinscheduler";
pub(super) const USER: &str = "orca";
pub(super) const PASSWORD: &str = "orca";

pub struct MariaDb {
    process: Option<Process>,
    folder: PathBuf,
    place: Place,
    port: u16,
}

impl MariaDb {
    /// Starts a server with its data below `folder`. The log is flushed at every commit, as in production.
    ///
    /// # Errors
    /// When it is not installed or does not answer in time.
    pub fn start(folder: &Path) -> Result<Self, Error> {
        Self::start_in(folder, Place::loopback(), free_port())
    }

    /// The same at a given place and port.
    ///
    /// # Errors
    /// See [`MariaDb::start`].
    pub fn start_in(folder: &Path, place: Place, port: u16) -> Result<Self, Error> {
        if !Path::new(SERVER).exists() {
            return Err(Error::Missing {
                program: "MariaDB",
                package: "mariadb-server",
            });
        }
        let mut server = Self {
            process: None,
            folder: folder.join("mariadb"),
            place,
            port,
        };
        if !server.data().join("mysql").exists() {
            server.install()?;
        }
        server.restart()?;
        Ok(server)
    }

    #[must_use]
    pub fn jdbc_url(&self) -> String {
        self.jdbc_url_of(DATABASE)
    }

    /// The URL that diesel understands.
    #[must_use]
    pub fn diesel_url(&self) -> String {
        self.diesel_url_of(DATABASE)
    }

    /// The same of another database of this server.
    #[must_use]
    pub fn jdbc_url_of(&self, database: &str) -> String {
        format!("jdbc:mysql://{}/{database}", self.place.socket(self.port))
    }

    /// The same of another database of this server.
    #[must_use]
    pub fn diesel_url_of(&self, database: &str) -> String {
        format!(
            "mysql://{USER}:{PASSWORD}@{}/{database}",
            self.place.socket(self.port)
        )
    }

    /// User and password of every database of this server.
    #[must_use]
    pub fn login(&self) -> (&'static str, &'static str) {
        (USER, PASSWORD)
    }

    /// Makes one more empty database.
    ///
    /// # Errors
    /// What the server says against it.
    pub fn create_database(&self, name: &str) -> Result<(), Error> {
        let create = format!("CREATE DATABASE {name} CHARACTER SET utf8 COLLATE utf8_bin");
        let failed = |reason: String| Error::Failed {
            what: create.clone(),
            reason,
        };
        let mut connection =
            MysqlConnection::establish(&self.diesel_url()).map_err(|error| failed(error.to_string()))?;
        connection
            .batch_execute(&create)
            .map_err(|error| failed(error.to_string()))
    }

    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process, while it runs.
    pub fn process(&mut self) -> Option<&mut Process> {
        self.process.as_mut()
    }

    /// Starts the server again on its old data and port.
    ///
    /// # Errors
    /// See [`MariaDb::start`].
    pub fn restart(&mut self) -> Result<(), Error> {
        self.stop()?;
        let mut command = self.place.command(SERVER);
        command
            .env("TMPDIR", &self.folder)
            .arg("--no-defaults")
            .arg(format!("--datadir={}", self.data().display()))
            .arg(format!("--socket={}", self.folder.join("socket").display()))
            .arg(format!("--pid-file={}", self.folder.join("pid").display()))
            .arg(format!("--init-file={}", self.folder.join("init.sql").display()))
            .arg(format!("--port={}", self.port))
            .arg(format!("--bind-address={}", self.place.address()))
            .args([
                "--skip-name-resolve",
                "--innodb-flush-log-at-trx-commit=1",
                "--innodb-buffer-pool-size=512M",
                "--innodb-log-file-size=256M",
                "--max-connections=500",
                "--default-time-zone=+00:00",
            ]);
        if is_root() {
            command.arg("--user=root");
        }
        let mut process = Process::start("mariadb", command, &self.folder.join("mariadb.log"))?;
        let address = self.place.socket(self.port);
        let mut early_end = Ok(());
        let answered = until(
            "an answer of MariaDB",
            Deadline::after_seconds(START_SECONDS),
            || {
                early_end = process.check_alive();
                let open = TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok();
                (early_end.is_err() || open).then_some(())
            },
        );
        early_end.and(answered)?;
        self.process = Some(process);
        Ok(())
    }

    /// A clean end, keeping the data.
    ///
    /// # Errors
    /// When it does not end in time.
    pub fn stop(&mut self) -> Result<(), Error> {
        if let Some(mut process) = self.process.take() {
            process.terminate(STOP_LIMIT)?;
        }
        Ok(())
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn install(&self) -> Result<(), Error> {
        let failed = |source| Error::Start {
            what: "mariadb".to_owned(),
            source,
        };
        fs::create_dir_all(self.data()).map_err(failed)?;
        let init = format!(
            "CREATE DATABASE IF NOT EXISTS {DATABASE} CHARACTER SET utf8 COLLATE utf8_bin;\n\
             CREATE USER IF NOT EXISTS '{USER}'@'%' IDENTIFIED BY '{PASSWORD}';\n\
             GRANT ALL ON *.* TO '{USER}'@'%';\n"
        );
        fs::write(self.folder.join("init.sql"), init).map_err(failed)?;
        let mut command = Command::new(INSTALLER);
        // A server that starts removes what others have in a common folder of temporary tables.
        command
            .env("TMPDIR", &self.folder)
            .args([
                "--no-defaults",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
            ])
            .arg(format!("--datadir={}", self.data().display()));
        if is_root() {
            command.arg("--user=root");
        }
        let output = command.output().map_err(failed)?;
        if output.status.success() {
            return Ok(());
        }
        let reason = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(Error::Failed {
            what: "mariadb-install-db".to_owned(),
            reason,
        })
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        // Its data goes with the folder: no need for a clean end.
        self.process = None;
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
