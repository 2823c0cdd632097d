//! The master's side of the crash guardian: starts `orca guardian` and tells it through a pipe what to watch.
//!
//! The write end of the pipe is in this process alone and closes on exec, so the guardian reads its end at the moment this process is gone,
//! however it went. The guardian has a process group of its own: a signal to the master's group does not end it.

use crate::context::Context;
use orca_actors::Guardian;
use orca_registry::SessionId;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// One line for the guardian: `watch SESSION PATH PATH`, separated by tabs.
pub(crate) const WATCH: &str = "watch";
/// One line: nothing to guard any more.
pub(crate) const RELEASE: &str = "release";
pub(crate) const SEPARATOR: char = '\t';

pub(crate) struct Pipe {
    to_guardian: Mutex<Option<ChildStdin>>,
}

impl Pipe {
    /// Starts the guardian with the configuration of this process. Without one a crash is noticed when the session ends, so a failure is a warning.
    pub(crate) fn start(context: &Context) -> Option<Self> {
        let started = std::env::current_exe().and_then(|program| {
            let mut command = Command::new(program);
            if let Some(file) = &context.request.file {
                command.arg("--config").arg(file);
            }
            for (key, value) in &context.request.properties {
                command.arg(format!("-D{key}={value}"));
            }
            command
                .arg("guardian")
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .process_group(0);
            command.spawn()
        });
        match started {
            Ok(mut child) => Some(Self {
                to_guardian: Mutex::new(child.stdin.take()),
            }),
            Err(error) => {
                log::warn!("no crash guardian: {error}; a crash will be noticed when the session ends");
                None
            }
        }
    }

    fn say(&self, line: &str) {
        let mut pipe = self.to_guardian.lock().unwrap_or_else(PoisonError::into_inner);
        let said = pipe.as_mut().map(|pipe| writeln!(pipe, "{line}"));
        if let Some(Err(error)) = said {
            log::warn!(
                "the crash guardian has ended: {error}; a crash will be noticed when the session ends"
            );
            *pipe = None;
        }
    }
}

impl Guardian for Pipe {
    fn watch(&self, session: SessionId, paths: &[String]) {
        let words: Vec<String> = [WATCH.to_owned(), session.to_string()]
            .into_iter()
            .chain(paths.iter().cloned())
            .collect();
        self.say(&words.join(&SEPARATOR.to_string()));
    }

    fn release(&self) {
        self.say(RELEASE);
    }
}
