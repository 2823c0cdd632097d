//! What can go wrong with a registry, and what the caller should do about it.

/// A failed registry operation. Branch on [`Error::class`], never on the text.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error("{key}: {problem}")]
    Settings { key: &'static str, problem: String },
    #[error(
        "no registry session at {target} within {waited_ms} ms: {reason}; check that it runs and that {key} names it"
    )]
    NotConnected {
        target: String,
        key: &'static str,
        waited_ms: u64,
        reason: String,
    },
    #[error("{operation} {path}: no answer from the registry, the outcome is unknown: {reason}")]
    Unanswered {
        operation: &'static str,
        path: String,
        reason: String,
    },
    #[error("{operation} {path}: the registry session of this process has ended")]
    SessionLost { operation: &'static str, path: String },
    #[error("{path} does not belong to this session: {reason}")]
    NotOwner { path: String, reason: &'static str },
    #[error("the lock {path} is lost, nothing was written")]
    LockLost { path: String },
    #[error("the lock {path} was not free within {waited_ms} ms")]
    LockBusy { path: String, waited_ms: u64 },
    #[error("{operation} {path}: {reason}")]
    Refused {
        operation: &'static str,
        path: String,
        reason: String,
    },
}

/// What the caller does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorClass {
    /// Try again later. The operation may or may not have happened.
    Retry,
    /// Somebody else owns it. Stop acting for it.
    NotOwner,
    /// This session has ended. Drop everything that came from it and connect anew.
    SessionLost,
    /// It will not work however often it is tried.
    Refused,
}

impl Error {
    #[must_use]
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::NotConnected { .. } | Self::Unanswered { .. } | Self::LockBusy { .. } => ErrorClass::Retry,
            Self::NotOwner { .. } | Self::LockLost { .. } => ErrorClass::NotOwner,
            Self::SessionLost { .. } => ErrorClass::SessionLost,
            Self::Settings { .. } | Self::Refused { .. } => ErrorClass::Refused,
        }
    }
}
