//! Real servers as child processes: in temporary folders, on loopback, on free ports, gone with the value that started them.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const START_MAX: Duration = Duration::from_secs(60);

/// A child that is killed, by its own id, when this is dropped.
pub(crate) struct Process {
    child: Child,
}

impl Process {
    pub(crate) fn start(mut command: Command) -> Self {
        Self {
            child: command
                .spawn()
                .unwrap_or_else(|error| panic!("{command:?}: {error}")),
        }
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// SIGSTOP: it lives and does not answer.
    pub(crate) fn freeze(&self) {
        self.signal(rustix::process::Signal::STOP);
    }

    pub(crate) fn thaw(&self) {
        self.signal(rustix::process::Signal::CONT);
    }

    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A command that does not outlive the thread that starts it, even if that is killed.
fn bound_command(program: &str) -> Command {
    let setpriv = Path::new("/usr/bin/setpriv");
    if setpriv.exists() {
        let mut command = Command::new(setpriv);
        command.args(["--pdeathsig", "KILL", "--", program]);
        command
    } else {
        Command::new(program)
    }
}

/// A port nobody listens on, below the range the system takes outgoing connections from, and never the same twice in one process.
pub(crate) fn free_port() -> u16 {
    const FIRST: u32 = 20_000;
    const COUNT: u32 = 12_000;
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    loop {
        let given = GIVEN.fetch_add(1, Ordering::Relaxed);
        assert!(given < COUNT, "no free port");
        let start = std::process::id().wrapping_mul(97);
        let port = u16::try_from(FIRST + start.wrapping_add(given) % COUNT).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// One standalone ZooKeeper.
pub(crate) struct Zookeeper {
    process: Process,
    port: u16,
    folder: TempDir,
}

impl Zookeeper {
    const JAR: &str = "/usr/share/java/zookeeper.jar";

    /// Nothing, with a printed line, where ZooKeeper is not installed.
    pub(crate) fn start_if_installed() -> Option<Self> {
        if !Path::new(Self::JAR).exists() || !Path::new("/usr/bin/java").exists() {
            println!(
                "skipped: no ZooKeeper on this machine ({} and java are needed)",
                Self::JAR
            );
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let config = format!(
            "tickTime=500\ninitLimit=10\nsyncLimit=5\nminSessionTimeout=1000\nmaxSessionTimeout=60000\ndataDir={}\n\
             clientPort={port}\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\nmaxClientCnxns=0\n\
             4lw.commands.whitelist=*\n",
            folder.path().join("data").display()
        );
        fs::write(folder.path().join("zoo.cfg"), config).unwrap();
        let process = Self::launch(folder.path());
        let mut server = Self {
            process,
            port,
            folder,
        };
        server.wait_until_it_answers();
        Some(server)
    }

    fn launch(folder: &Path) -> Process {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(folder.join("log"))
            .unwrap();
        let mut command = bound_command("/usr/bin/java");
        command
            .args(["-Xmx192m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"])
            .args([
                "-Dzookeeper.preAllocSize=128",
                "-Dzookeeper.forceSync=no",
                "-Djava.awt.headless=true",
            ])
            .args([
                "-cp",
                Self::JAR,
                "org.apache.zookeeper.server.quorum.QuorumPeerMain",
            ])
            .arg(folder.join("zoo.cfg"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        Process::start(command)
    }

    fn wait_until_it_answers(&mut self) {
        let started = Instant::now();
        loop {
            if four_letters(self.port, "srvr").is_some_and(|answer| answer.contains("Mode: standalone")) {
                return;
            }
            let log = || fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            let exited = self.process.child().try_wait().unwrap();
            assert!(exited.is_none(), "ZooKeeper exited: {exited:?}\n{}", log());
            assert!(
                started.elapsed() < START_MAX,
                "ZooKeeper does not answer\n{}",
                log()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub(crate) fn connect_string(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn process(&self) -> &Process {
        &self.process
    }

    /// Kills it and starts it again on the same data and port.
    pub(crate) fn restart(&mut self) {
        self.process.kill();
        self.process = Self::launch(self.folder.path());
        self.wait_until_it_answers();
    }
}

/// ZooKeeper's plain-text commands.
fn four_letters(port: u16, word: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    stream.write_all(word.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

/// One MariaDB with an empty database `orca`.
pub(crate) struct Mariadb {
    process: Process,
    port: u16,
    folder: TempDir,
}

impl Mariadb {
    const SERVER: &str = "/usr/sbin/mariadbd";
    const INSTALLER: &str = "/usr/bin/mariadb-install-db";

    /// Nothing, with a printed line, where MariaDB is not installed.
    pub(crate) fn start_if_installed() -> Option<Self> {
        if !Path::new(Self::SERVER).exists() || !Path::new(Self::INSTALLER).exists() {
            println!("skipped: no MariaDB on this machine ({} is needed)", Self::SERVER);
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let installed = Command::new(Self::INSTALLER)
            .args([
                "--no-defaults",
                "--skip-test-db",
                "--auth-root-authentication-method=normal",
            ])
            .arg(format!("--datadir={}", data.display()))
            // A starting MariaDB removes the temporary tables it finds, also those of another one.
            .arg(format!("--tmpdir={}", folder.path().display()))
            .args(as_user())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(
            installed.status.success(),
            "{}",
            String::from_utf8_lossy(&installed.stderr)
        );
        fs::write(
            folder.path().join("init.sql"),
            "CREATE DATABASE IF NOT EXISTS orca DEFAULT CHARSET utf8;\n\
             CREATE USER IF NOT EXISTS 'orca'@'%' IDENTIFIED BY 'secret';\nGRANT ALL ON orca.* TO 'orca'@'%';\n",
        )
        .unwrap();
        let port = free_port();
        let process = Self::launch(folder.path(), port);
        let mut server = Self {
            process,
            port,
            folder,
        };
        server.wait_until_it_answers();
        Some(server)
    }

    fn launch(folder: &Path, port: u16) -> Process {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(folder.join("log"))
            .unwrap();
        let mut command = bound_command(Self::SERVER);
        command
            .args(["--no-defaults", "--bind-address=127.0.0.1", "--skip-name-resolve"])
            .args([
                "--innodb-flush-log-at-trx-commit=2",
                "--innodb-buffer-pool-size=32M",
            ])
            .arg(format!("--datadir={}", folder.join("data").display()))
            .arg(format!("--socket={}", folder.join("s").display()))
            .arg(format!("--pid-file={}", folder.join("pid").display()))
            .arg(format!("--init-file={}", folder.join("init.sql").display()))
            .arg(format!("--tmpdir={}", folder.display()))
            .arg(format!("--port={port}"))
            .args(as_user())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        Process::start(command)
    }

    fn wait_until_it_answers(&mut self) {
        use diesel::Connection as _;
        let started = Instant::now();
        while diesel::MysqlConnection::establish(&self.url()).is_err() {
            let log = || fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            let exited = self.process.child().try_wait().unwrap();
            assert!(exited.is_none(), "MariaDB exited: {exited:?}\n{}", log());
            assert!(
                started.elapsed() < START_MAX,
                "MariaDB does not answer\n{}",
                log()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("mysql://orca:secret@127.0.0.1:{}/orca", self.port)
    }

    pub(crate) fn process(&self) -> &Process {
        &self.process
    }

    pub(crate) fn restart(&mut self) {
        self.process.kill();
        self.process = Self::launch(self.folder.path(), self.port);
        self.wait_until_it_answers();
    }
}

/// The server refuses to run as root unless it is told to.
fn as_user() -> Option<&'static str> {
    rustix::process::geteuid().is_root().then_some("--user=root")
}

/// The test binary itself, to be started once more as another process.
pub(crate) fn own_binary() -> PathBuf {
    std::env::current_exe().unwrap()
}
