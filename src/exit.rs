//! How a command ends. The codes are documented in `docs/cli.md`.

use std::process::ExitCode;

/// What the process tells its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything went as asked.
    Ok,
    /// It did not: a run failed, a server is not reachable, a start was not possible. Java's servers end so as well.
    Failed,
    /// The arguments make no sense. clap ends the process with the same code.
    Usage,
    /// The configuration has problems.
    Configuration,
}

impl Exit {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Configuration => 3,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a command did not do what it was asked, in words for an operator: what, where, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Failed,
            message: message.into(),
        }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Usage,
            message: message.into(),
        }
    }
}

impl From<crate::config::Unusable> for Failure {
    fn from(unusable: crate::config::Unusable) -> Self {
        let message = format!(
            "{unusable}\n`orca check-config` shows what is in force, docs/configuration.md every key"
        );
        Self {
            exit: Exit::Configuration,
            message,
        }
    }
}
