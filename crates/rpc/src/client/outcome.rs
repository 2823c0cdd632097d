//! How a call ends.

use std::time::Duration;

/// The three ways in which a call ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<T> {
    /// The method ran and gave this back. It may say inside that it did not do what was asked.
    Accepted(T),
    /// The method definitely did not do its work.
    Refused(Refusal),
    /// The request left, at least in part, and there is no usable answer: nobody knows.
    Unknown(UnknownReason),
}

impl<T> Outcome<T> {
    /// The value of an accepted call.
    pub fn accepted(self) -> Option<T> {
        match self {
            Self::Accepted(value) => Some(value),
            Self::Refused(_) | Self::Unknown(_) => None,
        }
    }

    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Outcome<U> {
        match self {
            Self::Accepted(value) => Outcome::Accepted(change(value)),
            Self::Refused(refusal) => Outcome::Refused(refusal),
            Self::Unknown(reason) => Outcome::Unknown(reason),
        }
    }
}

/// Why a call definitely had no effect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no connection to the peer.
    #[error("{address} cannot be reached: {reason}")]
    Unreachable { address: String, reason: String },
    /// No byte of the request left this process.
    #[error("the request was not sent: {reason}")]
    NotSent { reason: String },
    /// The peer answered that the call itself failed: unknown method, bad argument, or the method threw.
    #[error("the peer refused the call: {}", message.as_deref().unwrap_or("no reason given"))]
    Failed { message: Option<String> },
}

/// Why nobody knows the effect of a call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownReason {
    #[error("no answer within {} ms", after.as_millis())]
    TimedOut { after: Duration },
    #[error("the connection was lost: {reason}")]
    ConnectionLost { reason: String },
    #[error("the answer cannot be read: {reason}")]
    BadAnswer { reason: String },
}
