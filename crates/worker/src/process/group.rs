//! One process group of one task: start it, signal it whole, be sure that nothing of it is left.

use super::census::Family;
use super::guard::GuardHandle;
use super::token::{TOKEN_VARIABLE, TaskToken};
use crate::limits;
use rustix::process::{Pid, Signal};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};
use tokio::time::Instant;

/// What to start.
pub struct Launch {
    pub program: PathBuf,
    pub arguments: Vec<String>,
    pub directory: PathBuf,
    /// Variables of the worker's own environment that a task has no business with.
    pub hidden_variables: Vec<String>,
}

/// A running group. Dropping it kills the group: no path through this program leaves one behind.
pub struct ProcessGroup {
    child: Child,
    family: Family,
    guard: GuardHandle,
    ended: bool,
}

impl Launch {
    #[must_use]
    pub fn script(interpreter: &str, script: &Path, directory: &Path, hidden_variables: &[String]) -> Self {
        Self {
            program: PathBuf::from(interpreter),
            arguments: vec![script.to_string_lossy().into_owned()],
            directory: directory.to_owned(),
            hidden_variables: hidden_variables.to_vec(),
        }
    }

    /// Starts the program in a group of its own, with both outputs in one pipe and nothing to read.
    pub fn start(self, token: TaskToken, guard: GuardHandle) -> io::Result<(ProcessGroup, pipe::Receiver)> {
        let (output, standard_output) = io::pipe()?;
        let standard_error = standard_output.try_clone()?;
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .current_dir(&self.directory)
            .env(TOKEN_VARIABLE, &token.value)
            .stdin(Stdio::null())
            .stdout(standard_output)
            .stderr(standard_error)
            .process_group(0)
            .kill_on_drop(true);
        for name in &self.hidden_variables {
            command.env_remove(name);
        }
        let child = command.spawn()?;
        // The command still holds the writing ends; the output would never end.
        drop(command);
        let group = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let group = group.ok_or_else(|| io::Error::other("the process ended before it had an id"))?;
        guard.watch(group);
        let process_group = ProcessGroup {
            child,
            family: Family { group, token },
            guard,
            ended: false,
        };
        Ok((process_group, pipe::Receiver::from_owned_fd(output.into())?))
    }
}

impl ProcessGroup {
    #[must_use]
    pub fn process_id(&self) -> i32 {
        self.family.group.as_raw_nonzero().get()
    }

    /// Waits until the first process of the group has ended. Safe to call again.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Asks everyone in the group to end, waits, then makes them. Returns when nobody is left or the bound of
    /// rounds is reached; answers whether nobody is left.
    pub async fn terminate(&mut self, patience: Duration) -> bool {
        self.signal(Signal::TERM);
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            self.reap();
            if self.family.living().is_empty() {
                return true;
            }
            tokio::time::sleep(limits::KILL_ROUND_PAUSE).await;
        }
        self.kill().await
    }

    /// Ends everyone in the group now.
    pub async fn kill(&mut self) -> bool {
        for _ in 0..limits::KILL_ROUNDS_MAX {
            self.signal(Signal::KILL);
            self.reap();
            if self.family.living().is_empty() {
                return true;
            }
            tokio::time::sleep(limits::KILL_ROUND_PAUSE).await;
        }
        false
    }

    /// The task has ended by itself: what it left in its group ends too. What moved to a session of its own stays.
    pub fn end(mut self) {
        self.ended = true;
        let _ = rustix::process::kill_process_group(self.family.group, Signal::KILL);
        self.guard.forget(self.family.group);
    }

    fn signal(&self, signal: Signal) {
        let _ = rustix::process::kill_process_group(self.family.group, signal);
        for process in self.family.living() {
            let _ = rustix::process::kill_process(process, signal);
        }
    }

    /// An unreaped child is a zombie; it is ours to reap.
    fn reap(&mut self) {
        let _ = self.child.try_wait();
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        if !self.ended {
            let _ = rustix::process::kill_process_group(self.family.group, Signal::KILL);
            self.guard.forget(self.family.group);
        }
    }
}

#[cfg(test)]
#[path = "group_tests.rs"]
mod tests;
