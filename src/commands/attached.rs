//! `orca attached PARENT -- COMMAND...`: becomes `orca COMMAND...`, which the kernel ends with its parent. Used by `orca standalone`.
//!
//! Guarantees that no member outlives the process that started it, even when that one is killed with SIGKILL.

use crate::exit::{Exit, Failure};
use clap::Args;
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};
use std::os::unix::process::CommandExt;
use std::process::Command;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The process id of the caller
    parent: i32,

    /// The command and its arguments
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    // The signal is a property of the process and survives the exec below.
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(|error| {
        Failure::failed(format!(
            "the end of the parent process cannot be watched: {error}"
        ))
    })?;
    let parent = Pid::from_raw(arguments.parent);
    if parent.is_none() || getppid() != parent {
        return Err(Failure::failed("the process that started this one has ended"));
    }
    let program = std::env::current_exe()
        .map_err(|error| Failure::failed(format!("the path of this program is not known: {error}")))?;
    let error = Command::new(&program).args(&arguments.command).exec();
    Err(Failure::failed(format!(
        "{} cannot be started: {error}",
        program.display()
    )))
}
