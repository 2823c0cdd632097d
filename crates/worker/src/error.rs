//! Why a worker cannot start, or has to end.

use std::io;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the worker settings are not usable: {}", problems.join("; "))]
    Settings { problems: Vec<String> },
    #[error("cannot use the log directory {path}")]
    LogDirectory {
        path: std::path::PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot start the task guard; it needs /bin/sh and grep")]
    Guard {
        #[source]
        source: io::Error,
    },
    #[error("cannot resolve the listen host {host}; name an address of this machine, or 0.0.0.0 for all")]
    ListenHost {
        host: String,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    Listen(#[from] orca_rpc::server::BindError),
    #[error("the registry does not take this worker in")]
    Registry(#[from] orca_registry::Error),
    #[error(
        "this worker has lost its place in the registry ({0}); its tasks were killed, for they are started elsewhere"
    )]
    SessionLost(String),
    #[error("this worker was failed over by a master; its tasks were killed, for they are started elsewhere")]
    Deposed,
}

/// What the caller does with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorClass {
    /// The settings have to be changed first.
    Refuse,
    /// Starting again may help.
    Retry,
    /// The worker ran and had to end; a new start is a new worker.
    NotOwner,
}

impl Error {
    #[must_use]
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::Settings { .. } | Self::LogDirectory { .. } | Self::ListenHost { .. } => ErrorClass::Refuse,
            Self::Guard { .. } | Self::Listen(_) | Self::Registry(_) => ErrorClass::Retry,
            Self::SessionLost(_) | Self::Deposed => ErrorClass::NotOwner,
        }
    }
}
