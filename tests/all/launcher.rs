//! The launcher scripts, with a stand-in for the program: start, status and stop as `dolphinscheduler-daemon.sh` users know them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// An installation: `bin/`, `master-server/{bin,conf}` and a program that writes down how it was called.
struct Installation {
    folder: TempDir,
}

/// Writes its arguments, a variable and its parent's name, then waits for the end; on SIGTERM it writes that too.
const OBEDIENT: &str = r#"#!/bin/bash
echo "arguments: $*" >> called
echo "variable: $FROM_ENV_FILE" >> called
echo "parent: $(ps -p $PPID -o comm=)" >> called
echo "directory: $PWD" >> called
trap 'echo stopped >> called; exit 0' TERM
echo ready >> called
while :; do sleep 0.05; done
"#;

const STUBBORN: &str = "#!/bin/bash\ntrap '' TERM\necho ready >> called\nwhile :; do sleep 0.05; done\n";

impl Installation {
    fn new(program: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/launcher");
        for part in ["bin/env", "master-server/bin", "master-server/conf"] {
            fs::create_dir_all(folder.path().join(part)).unwrap();
        }
        fs::copy(
            scripts.join("dolphinscheduler-daemon.sh"),
            folder.path().join("bin/dolphinscheduler-daemon.sh"),
        )
        .unwrap();
        fs::copy(
            scripts.join("start.sh"),
            folder.path().join("master-server/bin/start.sh"),
        )
        .unwrap();
        let installation = Self { folder };
        let binary = installation.path("master-server/bin/orca");
        fs::write(&binary, program).unwrap();
        fs::set_permissions(&binary, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(
            installation.path("bin/env/dolphinscheduler_env.sh"),
            "export FROM_ENV_FILE=yes\n",
        )
        .unwrap();
        installation
    }

    fn path(&self, part: &str) -> PathBuf {
        self.folder.path().join(part)
    }

    fn daemon(&self, arguments: &[&str]) -> (i32, String) {
        let mut command = Command::new("bash");
        command
            .arg(self.path("bin/dolphinscheduler-daemon.sh"))
            .args(arguments)
            .env_remove("ORCA_BINARY")
            .current_dir("/");
        let Output {
            status,
            stdout,
            stderr,
        } = command.output().unwrap();
        (
            status.code().unwrap(),
            format!(
                "{}{}",
                String::from_utf8_lossy(&stdout),
                String::from_utf8_lossy(&stderr)
            ),
        )
    }

    fn called(&self) -> String {
        fs::read_to_string(self.path("master-server/called")).unwrap_or_default()
    }

    fn wait_until_ready(&self) {
        let start = Instant::now();
        while !self.called().contains("ready") {
            let output = fs::read_dir(self.path("master-server/logs"))
                .unwrap()
                .flatten()
                .next();
            let log = output.map(|file| fs::read_to_string(file.path()).unwrap_or_default());
            assert!(
                start.elapsed() < Duration::from_secs(20),
                "the program was not started: {log:?}"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn pid(&self) -> Option<u32> {
        fs::read_to_string(self.path("master-server/pid"))
            .ok()?
            .trim()
            .parse()
            .ok()
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        let _ = self.daemon(&["stop", "master-server"]);
    }
}

fn is_alive(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}/cmdline")).exists()
        && !fs::read_to_string(format!("/proc/{pid}/cmdline"))
            .unwrap_or_default()
            .is_empty()
}

#[test]
fn a_server_starts_and_stops() {
    let installation = Installation::new(OBEDIENT);
    assert!(
        installation
            .daemon(&["status", "master-server"])
            .1
            .contains("STOP")
    );
    let (code, said) = installation.daemon(&["start", "master-server"]);
    assert_eq!(code, 0, "{said}");
    installation.wait_until_ready();
    let called = installation.called();
    let directory = fs::canonicalize(installation.path("master-server")).unwrap();
    for line in [
        "arguments: master\n",
        "variable: yes\n",
        "parent: bash\n",
        &format!("directory: {}\n", directory.display()),
    ] {
        assert!(called.contains(line), "{line} is missing in {called}");
    }
    let (code, said) = installation.daemon(&["status", "master-server"]);
    assert!(
        code == 0 && said.contains("master-server  [ \u{1b}[1;32m RUNNING \u{1b}[0m ]"),
        "{said}"
    );
    let (code, said) = installation.daemon(&["start", "master-server"]);
    assert!(code == 1 && said.contains("Stop it first."), "{said}");
    let pid = installation.pid().unwrap();
    let (code, said) = installation.daemon(&["stop", "master-server"]);
    assert!(
        code == 0 && said.contains("stopping master-server") && !said.contains("kill -9"),
        "{said}"
    );
    assert!(installation.called().contains("stopped") && installation.pid().is_none() && !is_alive(pid));
    assert!(
        installation
            .daemon(&["status", "master-server"])
            .1
            .contains("STOP")
    );
    let (code, said) = installation.daemon(&["stop", "master-server"]);
    assert!(code == 0 && said.contains("no master-server to stop"), "{said}");
}

#[test]
fn a_server_that_does_not_listen_is_killed() {
    let installation = Installation::new(STUBBORN);
    installation.daemon(&["start", "master-server"]);
    installation.wait_until_ready();
    let pid = installation.pid().unwrap();
    let child = Command::new("pgrep")
        .args(["-P", &pid.to_string()])
        .output()
        .unwrap();
    let child: u32 = String::from_utf8_lossy(&child.stdout).trim().parse().unwrap();
    let (code, said) = installation.daemon(&["stop", "master-server"]);
    assert!(code == 0 && said.contains("killing with kill -9"), "{said}");
    let start = Instant::now();
    while is_alive(pid) || is_alive(child) {
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "{pid} or {child} lives on"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn wrong_words_end_with_1() {
    let installation = Installation::new(OBEDIENT);
    for arguments in [
        &["start"][..],
        &["start", "coffee-server"],
        &["dance", "master-server"],
        &["start", "worker-server"],
    ] {
        let (code, said) = installation.daemon(arguments);
        assert!(code == 1 && !said.is_empty(), "{arguments:?}: {code} {said}");
    }
}

#[test]
fn a_pid_of_something_else_is_not_the_server() {
    let installation = Installation::new(OBEDIENT);
    for pid in [std::process::id().to_string(), "junk".to_owned(), String::new()] {
        fs::write(installation.path("master-server/pid"), pid).unwrap();
        assert!(
            installation
                .daemon(&["status", "master-server"])
                .1
                .contains("STOP")
        );
    }
    fs::write(
        installation.path("master-server/pid"),
        std::process::id().to_string(),
    )
    .unwrap();
    assert!(
        installation
            .daemon(&["stop", "master-server"])
            .1
            .contains("no master-server to stop")
    );
}
