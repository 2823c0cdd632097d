//! One child process in a process group of its own, with its output in a file. It does not outlive this program.

use super::{Error, watcher};
use rustix::process::{Pid, kill_process, kill_process_group, test_kill_process_group};
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

pub use rustix::process::Signal;

/// Bytes of the log that an error shows.
const TAIL_LEN: usize = 4_000;

/// Killed with its whole group when dropped.
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    ended: Option<ExitStatus>,
}

impl Process {
    /// Starts `command`; standard output and error go to `log`.
    ///
    /// # Errors
    /// When the log cannot be made or the program cannot be started.
    pub fn start(name: &str, mut command: Command, log: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Start {
            what: name.to_owned(),
            source,
        };
        let output = File::options()
            .create(true)
            .append(true)
            .open(log)
            .map_err(failed)?;
        let errors = output.try_clone().map_err(failed)?;
        command
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .process_group(0);
        let child = command.spawn().map_err(failed)?;
        let started = Self {
            name: name.to_owned(),
            child,
            log: log.to_owned(),
            ended: None,
        };
        watcher::watch_group(started.pid()).map_err(failed)?;
        Ok(started)
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    #[must_use]
    pub fn log_path(&self) -> &Path {
        &self.log
    }

    fn rustix_pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Sends a signal to the process alone. Nothing happens to one that has ended.
    pub fn signal(&mut self, signal: Signal) {
        if self.status().is_none() {
            // The child is not reaped yet, so the pid is still its own.
            let _ = kill_process(self.rustix_pid(), signal);
        }
    }

    /// Sends a signal to the process and everything it started in its group.
    pub fn signal_group(&mut self, signal: Signal) {
        let _ = kill_process_group(self.rustix_pid(), signal);
    }

    /// Whether any process of the group is left, zombies included.
    #[must_use]
    pub fn group_is_alive(&self) -> bool {
        test_kill_process_group(self.rustix_pid()).is_ok()
    }

    /// The exit status, once it has ended.
    pub fn status(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().ok().flatten();
        }
        self.ended
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// When it has not ended within `limit`.
    pub fn wait(&mut self, limit: Duration) -> Result<ExitStatus, Error> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.status() {
                return Ok(status);
            }
            if start.elapsed() >= limit {
                let what = format!("the end of {}", self.name);
                return Err(Error::TimedOut {
                    what,
                    seconds: limit.as_secs(),
                });
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// SIGKILL, and the wait for the end that follows at once.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.ended = self.child.wait().ok().or(self.ended);
    }

    /// SIGTERM, then the wait for the end.
    ///
    /// # Errors
    /// When it has not ended within `limit`.
    pub fn terminate(&mut self, limit: Duration) -> Result<ExitStatus, Error> {
        self.signal(Signal::TERM);
        self.wait(limit)
    }

    /// An error when the process has ended, with the end of its log.
    ///
    /// # Errors
    /// See above.
    pub fn check_alive(&mut self) -> Result<(), Error> {
        match self.status() {
            None => Ok(()),
            Some(status) => Err(Error::Ended {
                what: self.name.clone(),
                status: status.to_string(),
                tail: self.log_tail(),
            }),
        }
    }

    /// The last lines of the log.
    #[must_use]
    pub fn log_tail(&self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(TAIL_LEN)..]).into_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal_group(Signal::CONT);
        self.signal_group(Signal::KILL);
        let _ = self.child.wait();
        watcher::group_is_gone(self.pid());
    }
}
