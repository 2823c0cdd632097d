//! The processes of a standalone cluster: started in process groups of their own, watched, and ended in order.
//!
//! Guarantees: none outlives this process (see `attached`), and a Ctrl-C at the terminal reaches only this one, which then ends
//! the others in order.

use super::folder::{Folder, Ports};
use crate::exit::Failure;
use crate::limits::{LOG_TAIL_BYTES, LOG_TAIL_LINES, MEMBER_STOP_TIMEOUT, WATCH_INTERVAL};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde::Serialize;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Instant;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Role {
    Master,
    Worker,
}

impl Role {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Master => "master",
            Self::Worker => "worker",
        }
    }
}

/// One process.
pub(super) struct Member {
    pub(super) name: String,
    pub(super) role: Role,
    pub(super) address: String,
    pub(super) log: PathBuf,
    child: Child,
    ended: Option<ExitStatus>,
}

/// All of them. What still runs when this is dropped is killed.
#[derive(Default)]
pub(super) struct Members(Vec<Member>);

impl Members {
    /// Starts one more. Must be called on the main thread: the kernel ends a member with the *thread* that started it.
    pub(super) fn start(
        &mut self,
        role: Role,
        number: usize,
        ports: Ports,
        folder: &Folder,
        properties: &[(String, String)],
    ) -> Result<(), Failure> {
        let name = format!("{}-{number}", role.name());
        let log = folder.log(&name);
        let member_failure = |reason: String| Failure::failed(format!("{name} cannot be started: {reason}"));
        let program = std::env::current_exe().map_err(|error| member_failure(error.to_string()))?;
        let output = File::options().create(true).append(true).open(&log);
        let output = output.map_err(|error| member_failure(format!("{}: {error}", log.display())))?;
        let errors = output
            .try_clone()
            .map_err(|error| member_failure(error.to_string()))?;
        let mut command = Command::new(program);
        command.args(["attached", &std::process::id().to_string(), "--"]);
        command.args(
            properties
                .iter()
                .chain(&own_properties(role, &name, ports, folder))
                .map(|(key, value)| format!("-D{key}={value}")),
        );
        command.arg(role.name());
        command
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .process_group(0);
        let child = command
            .spawn()
            .map_err(|error| member_failure(error.to_string()))?;
        let address = format!("127.0.0.1:{}", ports.rpc);
        self.0.push(Member {
            name,
            role,
            address,
            log,
            child,
            ended: None,
        });
        Ok(())
    }

    pub(super) fn all(&self) -> &[Member] {
        &self.0
    }

    /// Members that have ended since the last look, each with how.
    pub(super) fn newly_ended(&mut self) -> Vec<(&Member, String)> {
        let mut ended = Vec::new();
        for member in &mut self.0 {
            let before = member.ended.is_some();
            if let (Some(status), false) = (member.status(), before) {
                ended.push((&*member, how(status)));
            }
        }
        ended
    }

    pub(super) fn any_alive(&mut self, role: Role) -> bool {
        self.0
            .iter_mut()
            .filter(|member| member.role == role)
            .any(|member| member.status().is_none())
    }

    /// Ends all: masters first, so that what they run is put down in order, then workers. What does not end in time is killed.
    pub(super) async fn stop(&mut self) {
        for role in [Role::Master, Role::Worker] {
            for member in self.0.iter_mut().filter(|member| member.role == role) {
                member.signal(Signal::TERM);
            }
            let deadline = Instant::now() + MEMBER_STOP_TIMEOUT;
            while self.any_alive(role) && Instant::now() < deadline {
                tokio::time::sleep(WATCH_INTERVAL).await;
            }
        }
    }
}

impl Drop for Members {
    fn drop(&mut self) {
        for member in &mut self.0 {
            member.kill();
        }
    }
}

impl Member {
    fn status(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            // A child that cannot be asked about has been waited for already; that happens nowhere else.
            self.ended = self.child.try_wait().ok().flatten();
        }
        self.ended
    }

    fn pid(&self) -> Option<Pid> {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
    }

    pub(super) fn process_id(&self) -> u32 {
        self.child.id()
    }

    fn signal(&mut self, signal: Signal) {
        // Not waited for yet, so the id is still this child's.
        if self.status().is_none()
            && let Some(pid) = self.pid()
        {
            let _ = kill_process(pid, signal);
        }
    }

    fn kill(&mut self) {
        if self.status().is_none()
            && let Some(pid) = self.pid()
        {
            let _ = kill_process_group(pid, Signal::KILL);
            self.ended = self.child.wait().ok();
        }
    }

    /// The last lines of its log.
    pub(super) fn log_tail(&self) -> Vec<String> {
        tail(&self.log).unwrap_or_default()
    }
}

/// What differs between the members.
fn own_properties(role: Role, name: &str, ports: Ports, folder: &Folder) -> Vec<(String, String)> {
    let role_name = role.name();
    let data = match role {
        Role::Master => folder.path().to_owned(),
        Role::Worker => folder.path().join(name),
    };
    vec![
        (format!("{role_name}.listen-port"), ports.rpc.to_string()),
        (
            format!("{role_name}.{role_name}-address"),
            format!("127.0.0.1:{}", ports.rpc),
        ),
        ("server.port".to_owned(), ports.http.to_string()),
        ("orca.data-directory".to_owned(), data.display().to_string()),
    ]
}

fn how(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("with exit code {code}"),
        (None, Some(signal)) => format!("by signal {signal}"),
        (None, None) => "for an unknown reason".to_owned(),
    }
}

fn tail(path: &Path) -> std::io::Result<Vec<String>> {
    let mut file = File::open(path)?;
    let len = file.metadata()?.len();
    file.seek(SeekFrom::Start(len.saturating_sub(LOG_TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(LOG_TAIL_BYTES).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<_> = text.lines().map(str::to_owned).collect();
    Ok(lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].to_vec())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_of_a_log_is_short_even_when_the_log_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let long: String = (0..100_000).map(|line| format!("line {line} é\n")).collect();
        std::fs::write(&path, long).unwrap();
        let lines = tail(&path).unwrap();
        assert_eq!(lines.len(), LOG_TAIL_LINES);
        assert_eq!(lines.last().unwrap(), "line 99999 é");
        std::fs::write(&path, "one\ntwo").unwrap();
        assert_eq!(tail(&path).unwrap(), ["one", "two"]);
        assert!(tail(&folder.path().join("missing")).is_err());
    }

    #[test]
    fn an_end_is_described() {
        assert_eq!(how(ExitStatus::from_raw(0x100)), "with exit code 1");
        assert_eq!(how(ExitStatus::from_raw(9)), "by signal 9");
    }
}
