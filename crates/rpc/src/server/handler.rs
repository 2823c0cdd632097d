//! What a server hands to its owner, and what it gets back.

use crate::envelope::{self, Answer};
use crate::frame::{Frame, FrameError};
use crate::json;
use crate::limits;
use crate::methods::{self, Method};
use bytes::Bytes;
use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;

/// Answers calls. Each runs in a task of its own; a panic fails that call only.
#[async_trait::async_trait]
pub trait Handler: Send + Sync + 'static {
    async fn handle(&self, call: IncomingCall) -> Reply;

    /// A call that came in after the server had begun to stop. Reports of executors get no answer, so that the executor
    /// keeps them; everything else fails with the reference's words.
    fn late(&self, call: &IncomingCall) -> Reply {
        if methods::is_executor_event(call.identifier()) {
            Reply::Silence
        } else {
            Reply::failed("NettyRemotingServer's thread pool is full")
        }
    }
}

/// A call as it came in.
#[derive(Clone)]
pub struct IncomingCall {
    identifier: Bytes,
    body: Bytes,
    pub opaque: i64,
    /// The other end of the connection, which is not the address that the peer serves on.
    pub peer: SocketAddr,
}

impl IncomingCall {
    pub(super) fn read(frame: &Frame, peer: SocketAddr) -> Result<Self, FrameError> {
        let header = frame.header()?;
        let identifier = match header.method_identifier {
            Cow::Borrowed(text) => frame.header.slice_ref(text.as_bytes()),
            Cow::Owned(text) => text.into(),
        };
        Ok(Self {
            identifier,
            body: frame.body.clone(),
            opaque: header.opaque,
            peer,
        })
    }

    /// The method's identifier as the peer wrote it.
    #[must_use]
    pub fn identifier(&self) -> &str {
        std::str::from_utf8(&self.identifier).expect("the identifier was made of a str")
    }

    #[must_use]
    pub fn is<M: Method>(&self) -> bool {
        self.identifier == M::IDENTIFIER.as_bytes()
    }

    /// The argument, or the reply to a request that has no good one.
    pub fn argument<M: Method>(&self) -> Result<M::Request, Reply> {
        match envelope::decode_request::<M>(&self.body) {
            Ok(Some(argument)) => Ok(argument),
            Ok(None) => Err(Reply::failed(format!("the argument of {} is null", M::NAME))),
            Err(bad) => Err(Reply::Answer(Answer::Failed(bad.message))),
        }
    }
}

/// Arguments carry secrets, so only the method is shown.
impl fmt::Debug for IncomingCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "call {} of {} from {}",
            self.opaque,
            methods::short_name(self.identifier()),
            self.peer
        )
    }
}

/// What goes back.
#[derive(Clone, PartialEq, Eq)]
pub enum Reply {
    Answer(Answer),
    /// No answer at all: the caller runs into its time-out and learns nothing.
    Silence,
}

impl Reply {
    /// The result of a method.
    #[must_use]
    pub fn of<M: Method>(result: &M::Response) -> Self {
        Self::Answer(Answer::of::<M>(result))
    }

    /// The call itself failed.
    #[must_use]
    pub fn failed(message: impl Into<String>) -> Self {
        let mut message = message.into();
        let end = message.floor_char_boundary(limits::MESSAGE_LEN_MAX);
        message.truncate(end);
        Self::Answer(Answer::Failed(Some(message)))
    }

    #[must_use]
    pub fn unknown_method(identifier: &str) -> Self {
        Self::failed(format!("Cannot find the ServerMethodInvoker of {identifier}"))
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer(Answer::Returned(Some((json, class)))) => {
                write!(f, "{} bytes of {}", json.len(), json::shortened(class))
            }
            Self::Answer(Answer::Returned(None)) => f.write_str("nothing"),
            Self::Answer(Answer::Failed(message)) => write!(f, "failure {message:?}"),
            Self::Silence => f.write_str("silence"),
        }
    }
}

/// Why a typed handler has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Declined {
    /// The call itself fails, like a Java method that throws. A business failure belongs into the result.
    Failed { message: Option<String> },
    /// No answer at all.
    Silence,
}

impl Declined {
    #[must_use]
    pub fn failed(message: impl Into<String>) -> Self {
        Self::Failed {
            message: Some(message.into()),
        }
    }
}

impl From<Declined> for Reply {
    fn from(declined: Declined) -> Self {
        match declined {
            Declined::Failed {
                message: Some(message),
            } => Self::failed(message),
            Declined::Failed { message: None } => Self::Answer(Answer::Failed(None)),
            Declined::Silence => Self::Silence,
        }
    }
}
