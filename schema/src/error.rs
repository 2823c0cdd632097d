//! What can go wrong with the database, and what a caller may do about it.
//!
//! Callers branch on [`Error::class`] and on the variants of [`CommitError`], [`TriggerError`] and [`AgainError`], never on text. No error carries a password.

use crate::types::Again;
use orca_engine::codes::{UnknownCode, WorkflowState};

/// What a caller may do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorClass {
    /// Nothing was written and the cause may pass: try again.
    Retry,
    /// The request or a row is wrong: trying again gives the same answer.
    Refuse,
    /// This process is not the owner, or may not act any more.
    NotOwner,
    /// The database or this program is not as it must be: an operator has to look.
    Fatal,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the database at {place} cannot be reached: {reason}")]
    Connect { place: String, reason: String },
    #[error("no connection to {place} is free after {waited_ms} ms: {reason}")]
    PoolExhausted {
        place: String,
        waited_ms: u128,
        reason: String,
    },
    #[error("cannot {what}: {source}")]
    Query {
        what: &'static str,
        class: ErrorClass,
        #[source]
        source: diesel::result::Error,
    },
    #[error("cannot {what}: the outcome of the commit is unknown: {source}")]
    CommitUnknown {
        what: &'static str,
        #[source]
        source: Box<Error>,
    },
    #[error("cannot {what}: the lease of this master has run out")]
    LeaseLost { what: &'static str },
    #[error("the database setting {key} is not usable: {reason}; {help}")]
    Setting {
        key: &'static str,
        reason: String,
        help: &'static str,
    },
    #[error("row {id} of {table} has a bad {column}: {source}")]
    BadCode {
        table: &'static str,
        id: i64,
        column: &'static str,
        #[source]
        source: UnknownCode,
    },
    #[error("row {id} of {table} is not usable: {reason}")]
    BadRow {
        table: &'static str,
        id: i64,
        reason: String,
    },
    #[error("{what} {id} is not in the database")]
    Missing { what: &'static str, id: String },
    #[error("master {address} with epoch {epoch} is not active any more: {found}")]
    NotActive {
        address: String,
        epoch: i64,
        found: String,
    },
    #[error("{what}: {reason}; {help}")]
    Schema {
        what: &'static str,
        reason: String,
        help: &'static str,
    },
    #[error("{what} is not usable: {reason}")]
    Request { what: &'static str, reason: String },
    #[error("more than {limit} {what} are waiting; come back later")]
    Busy { what: &'static str, limit: usize },
    #[error("the batch this belonged to failed: {reason}")]
    Batch { reason: String },
    #[error("the database job was lost; its outcome is unknown")]
    JobLost,
}

impl Error {
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Query { class, .. } => *class,
            Self::Connect { .. }
            | Self::PoolExhausted { .. }
            | Self::Busy { .. }
            | Self::Batch { .. }
            | Self::JobLost
            | Self::CommitUnknown { .. } => ErrorClass::Retry,
            Self::BadCode { .. } | Self::BadRow { .. } | Self::Missing { .. } | Self::Request { .. } => {
                ErrorClass::Refuse
            }
            Self::LeaseLost { .. } | Self::NotActive { .. } => ErrorClass::NotOwner,
            Self::Setting { .. } | Self::Schema { .. } => ErrorClass::Fatal,
        }
    }
}

/// Why one step of a group commit was not written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// The row has another host, another epoch or a state that ends ownership. Nothing was written.
    #[error("the instance has another owner or has ended")]
    NotOwner,
    /// The right of this process to act ran out before the COMMIT. Nothing was written.
    #[error("the lease ran out before the commit")]
    LeaseLost,
    /// Nothing was written and the cause may pass.
    #[error("not committed: {reason}")]
    Retry { reason: String },
    /// The step may be written or not; `Store::read_step` tells.
    #[error("the outcome of the commit is unknown: {reason}")]
    Unknown { reason: String },
    /// Nothing was written, and the same step will never be.
    #[error("the step cannot be written: {reason}")]
    Fatal { reason: String },
}

const DATABASE_EXCEPTION: &str = "DataAccessResourceFailureException";

/// Why one trigger request made no instance. The texts of the first two are those of the reference's exceptions.
#[derive(Debug, thiserror::Error)]
pub enum TriggerError {
    #[error("Workflow definition not found: {code} version {version}")]
    DefinitionNotFound { code: i64, version: i32 },
    #[error("User not found: {id}")]
    UserNotFound { id: i32 },
    #[error("{0}")]
    BadRequest(String),
    #[error(transparent)]
    Store(Error),
}

impl TriggerError {
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::DefinitionNotFound { .. } | Self::UserNotFound { .. } | Self::BadRequest(_) => {
                ErrorClass::Refuse
            }
            Self::Store(error) => error.class(),
        }
    }

    /// The short name of the Java exception that a caller of the RPC sees before the text.
    #[must_use]
    pub fn java_class(&self) -> &'static str {
        match self {
            Self::DefinitionNotFound { .. } | Self::UserNotFound { .. } => "IllegalStateException",
            Self::BadRequest(_) => "IllegalArgumentException",
            Self::Store(_) => DATABASE_EXCEPTION,
        }
    }
}

/// Why an instance does not run again. The texts are those of the reference's master and, for the state, of its API server.
#[derive(Debug, thiserror::Error)]
pub enum AgainError {
    #[error("Workflow instance not found: {id}")]
    InstanceNotFound { id: i32 },
    #[error("Workflow definition not found: {code} version: {version}")]
    DefinitionNotFound { code: i64, version: i32 },
    #[error("The workflow instance: {name} {} is {}, {}", state_word(*kind), state.name(), cannot(*kind))]
    WrongState {
        name: String,
        state: WorkflowState,
        kind: Again,
    },
    /// Somebody else has asked for a run, and no master has taken it up yet.
    #[error("The workflow instance: {name} has a command that waits for a master, {}", cannot(*kind))]
    Waiting { name: String, kind: Again },
    #[error(transparent)]
    Store(#[from] Error),
}

const fn state_word(kind: Again) -> &'static str {
    match kind {
        Again::Repeat | Again::RecoverFailure => "status",
        Again::RecoverSuspended => "state",
    }
}

const fn cannot(kind: Again) -> &'static str {
    match kind {
        Again::Repeat => "cannot repeat running",
        Again::RecoverFailure => "can not be recovered",
        Again::RecoverSuspended => "cannot recovery",
    }
}

impl AgainError {
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Store(error) => error.class(),
            Self::InstanceNotFound { .. }
            | Self::DefinitionNotFound { .. }
            | Self::WrongState { .. }
            | Self::Waiting { .. } => ErrorClass::Refuse,
        }
    }

    /// The short name of the Java exception that a caller of the RPC sees before the text.
    #[must_use]
    pub fn java_class(&self) -> &'static str {
        match self {
            Self::Store(_) => DATABASE_EXCEPTION,
            Self::InstanceNotFound { .. }
            | Self::DefinitionNotFound { .. }
            | Self::WrongState { .. }
            | Self::Waiting { .. } => "IllegalStateException",
        }
    }
}

/// Texts of passing errors that the drivers report without a kind of their own.
const PASSING: &[&str] = &[
    "Lock wait timeout exceeded",
    "Deadlock found",
    "try restarting transaction",
    "database is locked",
    "database table is locked",
    "server has gone away",
    "Lost connection",
    "Connection was killed",
    "Too many connections",
    "Server shutdown in progress",
    "is running with the --read-only",
    "read-only option",
    "disk I/O error",
    "Query execution was interrupted",
    "commands out of sync",
    "Can't connect",
    "Connection reset",
];

/// Texts after which a connection is of no further use.
const CONNECTION_LOST: &[&str] = &[
    "server has gone away",
    "Lost connection",
    "Connection was killed",
    "out of sync",
    "Connection reset",
    "Can't connect",
];

fn contains_any(text: &str, needles: &[&str]) -> bool {
    let text = text.to_lowercase();
    needles.iter().any(|needle| text.contains(&needle.to_lowercase()))
}

/// The class of a failed statement.
pub(crate) fn classify(error: &diesel::result::Error) -> ErrorClass {
    use diesel::result::{DatabaseErrorKind as Kind, Error as Diesel};
    match error {
        Diesel::DatabaseError(
            Kind::SerializationFailure | Kind::ClosedConnection | Kind::ReadOnlyTransaction,
            _,
        )
        | Diesel::BrokenTransactionManager => ErrorClass::Retry,
        Diesel::DatabaseError(_, info) if contains_any(info.message(), PASSING) => ErrorClass::Retry,
        _ => ErrorClass::Fatal,
    }
}

/// Whether the connection that gave this error has to be thrown away.
pub(crate) fn connection_is_lost(error: &diesel::result::Error) -> bool {
    use diesel::result::{DatabaseErrorKind as Kind, Error as Diesel};
    match error {
        Diesel::DatabaseError(Kind::ClosedConnection, _) | Diesel::BrokenTransactionManager => true,
        Diesel::DatabaseError(_, info) => contains_any(info.message(), CONNECTION_LOST),
        _ => false,
    }
}
