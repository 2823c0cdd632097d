//! Servers as processes: how they start, how they end, and what they say when they cannot.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Longer than anything here takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Launchers kill after this.
const STOP_MAX: Duration = Duration::from_secs(5);

/// A folder with a SQLite database and an embedded registry.
struct House {
    folder: TempDir,
}

/// A process that is killed when the test ends early.
struct Server {
    child: Child,
    log: PathBuf,
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

impl House {
    fn new() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_orca"));
        let data = self.folder.path().display().to_string();
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .current_dir(&data);
        command
            .env("ORCA_DATA_DIRECTORY", &data)
            .env("REGISTRY_TYPE", "embedded");
        command.env("SPRING_DATASOURCE_URL", format!("jdbc:sqlite:{data}/orca.db"));
        command.env("SERVER_PORT", free_port().to_string());
        command.args(arguments);
        command
    }

    fn start(&self, name: &str, arguments: &[&str]) -> Server {
        let log = self.folder.path().join(format!("{name}.log"));
        let output = fs::File::create(&log).unwrap();
        let mut command = self.command(arguments);
        command
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output);
        Server {
            child: command.spawn().unwrap(),
            log,
        }
    }

    /// Runs a command to its end: exit code, and all it said.
    fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let mut server = self.start("run", arguments);
        let status = server.wait(PATIENCE);
        (status.code(), server.said())
    }
}

impl Server {
    fn said(&self) -> String {
        let mut text = String::new();
        fs::File::open(&self.log)
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        text
    }

    fn wait_for(&mut self, text: &str) {
        let start = Instant::now();
        while !self.said().contains(text) {
            assert!(
                self.child.try_wait().unwrap().is_none(),
                "it ended before \"{text}\":\n{}",
                self.said()
            );
            assert!(start.elapsed() < PATIENCE, "no \"{text}\" in:\n{}", self.said());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn terminate(&self) {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .unwrap()
                .success()
        );
    }

    fn wait(&mut self, limit: Duration) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(start.elapsed() < limit, "it does not end:\n{}", self.said());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_master_and_a_worker_start_and_stop_in_time() {
    let house = House::new();
    let (port, worker_port) = (free_port(), free_port());
    let http = free_port();
    let (listen, address, pages) = (
        format!("--master.listen-port={port}"),
        format!("--master.master-address=127.0.0.1:{port}"),
        format!("--server.port={http}"),
    );
    let mut master = house.start(
        "master",
        &[
            "master",
            &listen,
            &address,
            &pages,
            "--orca.time-zone=Asia/Shanghai",
        ],
    );
    master.wait_for(&format!("master 127.0.0.1:{port} is registered"));
    let listen = format!("--worker.listen-port={worker_port}");
    let mut worker = house.start("worker", &["worker", &listen, "--orca.worker.host=127.0.0.1"]);
    master.wait_for(&format!("worker 127.0.0.1:{worker_port} has registered"));
    until_page(
        http,
        "/actuator/health",
        "\"master\":{\"status\":\"UP\"}},\"status\":\"UP\"}",
    );
    until_page(http, "/actuator/health/readiness", "{\"status\":\"UP\"}");
    until_page(
        http,
        "/actuator/prometheus",
        "\norca_master_registered{application=\"master-server\"} 1.0\n",
    );
    assert!(
        master
            .said()
            .contains("time zone of rows, messages and this log: Asia/Shanghai"),
        "{}",
        master.said()
    );
    assert!(
        master.said().lines().all(|line| line.starts_with("[WI-")),
        "{}",
        master.said()
    );
    for server in [&mut master, &mut worker] {
        server.terminate();
        let status = server.wait(STOP_MAX);
        assert_eq!(status.code(), Some(0), "{}", server.said());
        assert!(
            server.said().trim_end().ends_with("- stopped"),
            "{}",
            server.said()
        );
    }
}

/// Waits until a page of the HTTP server has this text.
fn until_page(port: u16, path: &str, text: &str) {
    let start = Instant::now();
    loop {
        let mut said = String::new();
        if let Ok(mut socket) = TcpStream::connect(("127.0.0.1", port)) {
            let request = format!("GET {path} HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n");
            socket.write_all(request.as_bytes()).unwrap();
            let _ = socket.read_to_string(&mut said);
        }
        if said.starts_with("HTTP/1.1 200 ") && said.contains(text) {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "no {text} at {path}:\n{said}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_taken_port_is_named() {
    let house = House::new();
    let taken = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let (code, said) = house.run(&["master", &format!("--server.port={port}")]);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains(&format!("server.port: cannot listen on 0.0.0.0:{port}")),
        "{said}"
    );
    let (code, said) = house.run(&["master", &format!("--master.listen-port={port}")]);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains(&format!("cannot listen on 0.0.0.0:{port}")),
        "{said}"
    );
    assert!(
        said.contains("is another server running there?") && !said.contains("panicked"),
        "{said}"
    );
    let (code, said) = house.run(&["worker", &format!("--worker.listen-port={port}")]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&port.to_string()), "{said}");
}

#[test]
fn a_database_that_is_down_is_waited_for_and_then_named() {
    let house = House::new();
    let url = format!(
        "--spring.datasource.url=jdbc:mysql://127.0.0.1:{}/ds",
        free_port()
    );
    let secret = "--spring.datasource.password=hunter2";
    let (code, said) = house.run(&["master", &url, secret, "--orca.database.startup-timeout=1500ms"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("database: ") && said.contains("; trying again"),
        "{said}"
    );
    assert!(
        said.contains("database: gave up after 1 s: ") && said.contains("127.0.0.1:"),
        "{said}"
    );
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn a_zookeeper_that_is_down_is_waited_for_and_then_named() {
    let house = House::new();
    let port = free_port();
    let connect = format!("--registry.zookeeper.connect-string=127.0.0.1:{port}");
    let listen = format!("--master.listen-port={}", free_port());
    let short = [
        "--registry.zookeeper.block-until-connected=500ms",
        "--orca.registry.startup-timeout=2s",
        "--registry.type=zookeeper",
    ];
    for server in [["master", &listen], ["worker", "--orca.worker.host=127.0.0.1"]] {
        let arguments: Vec<_> = server
            .into_iter()
            .chain([connect.as_str()])
            .chain(short)
            .collect();
        let (code, said) = house.run(&arguments);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("; trying again"), "{said}");
        assert!(
            said.contains("registry: gave up after 2 s: ") && said.contains(&format!("127.0.0.1:{port}")),
            "{said}"
        );
    }
}

#[test]
fn a_signal_ends_the_waiting() {
    let house = House::new();
    let url = format!(
        "--spring.datasource.url=jdbc:mysql://127.0.0.1:{}/ds",
        free_port()
    );
    let mut master = house.start("master", &["master", &url]);
    master.wait_for("trying again");
    master.terminate();
    assert_eq!(master.wait(STOP_MAX).code(), Some(0), "{}", master.said());
}

#[test]
fn a_bad_configuration_starts_nothing() {
    let house = House::new();
    let (code, said) = house.run(&[
        "master",
        "--master.listen-port=abc",
        "--orca.database.pool-size=0",
    ]);
    assert_eq!(code, Some(3), "{said}");
    assert!(
        said.contains("the configuration has 3 problems:")
            && said.contains("master.listen-port: \"abc\" is not a port"),
        "{said}"
    );
    assert!(!house.folder.path().join("orca.db").exists());
}

#[test]
fn migrate_does_its_work_once() {
    let house = House::new();
    let (code, said) = house.run(&["migrate", "--check"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("empty"), "{said}");
    let (code, said) = house.run(&["migrate"]);
    assert!(
        code == Some(0) && said.contains("are made") && said.contains("applied "),
        "{said}"
    );
    let (code, said) = house.run(&["migrate"]);
    assert!(code == Some(0) && said.contains("nothing to do"), "{said}");
    let (code, said) = house.run(&["migrate", "--check", "--json"]);
    assert!(code == Some(0) && said.contains("\"complete\": true"), "{said}");
}

#[test]
fn a_master_can_be_told_not_to_make_tables() {
    let house = House::new();
    let (code, said) = house.run(&["master", "--orca.database.migrate-at-start=false"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("orca migrate"), "{said}");
}
