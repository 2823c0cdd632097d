//! The contract every registry keeps.

use crate::error::Error;
use crate::lease::Lease;
use crate::lock::LockGuard;
use crate::member::MemberWatch;
use crate::node::EphemeralNode;
use async_trait::async_trait;
use std::fmt;
use std::time::Duration;
use tokio::sync::watch;

/// One session with a registry.
///
/// Paths start with `/` and leave the namespace out. Payloads are text; bytes that are not UTF-8 are read with replacement characters. Every future
/// is `Send` and may be awaited on any runtime with time enabled: the inner work runs on the runtime [`connect`](crate::connect) was
/// awaited on. Every operation ends after a bounded time, except [`lock`](Self::lock) without a limit.
#[async_trait]
pub trait Registry: Send + Sync + fmt::Debug {
    /// The identity of this session, unique in the registry.
    fn session_id(&self) -> SessionId;

    /// The time-out in force: what the server granted, not what was asked for.
    fn session_timeout(&self) -> Duration;

    /// The state of the session, and every change of it. `Expired` is the last one.
    fn session(&self) -> watch::Receiver<SessionState>;

    /// The lease of this session. It does not hold before [`start_lease`](Self::start_lease).
    fn lease(&self) -> Lease;

    /// Renews the lease on `node` from now on: first once, acknowledged, before this returns, then every sixth of the session time-out. The lease
    /// ends when the node is gone, when the session ends, or when no renewal was acknowledged in time. A second start is refused.
    async fn start_lease(&self, node: &EphemeralNode) -> Result<Lease, Error>;

    /// The payload, or nothing when there is no such node.
    async fn get(&self, path: &str) -> Result<Option<String>, Error>;

    async fn exists(&self, path: &str) -> Result<bool, Error>;

    /// The names of the children in ascending order; empty when there is no such node.
    async fn children(&self, path: &str) -> Result<Vec<String>, Error>;

    /// Creates or overwrites a persistent node, with its parents. Refuses to overwrite an ephemeral one.
    async fn put_persistent(&self, path: &str, data: &str) -> Result<(), Error>;

    /// Deletes the node and everything below it. No such node is no error.
    async fn delete(&self, path: &str) -> Result<(), Error>;

    /// Creates a node that lives as long as this session, with persistent parents. A node of another session (an earlier life of this process, say)
    /// is deleted and created anew, so that watchers see the change of owner; a node of our own is updated.
    async fn create_ephemeral(&self, path: &str, data: &str) -> Result<EphemeralNode, Error>;

    /// Creates `<dir>/<prefix><ten digits>`, with a number above every earlier one in `dir`.
    async fn create_ephemeral_sequential(
        &self,
        dir: &str,
        prefix: &str,
        data: &str,
    ) -> Result<EphemeralNode, Error>;

    /// Watches the children of `dir`, which need not exist yet. See [`MemberWatch`].
    async fn watch_children(&self, dir: &str) -> Result<MemberWatch, Error>;

    /// Watches one node, which need not exist yet; events carry the last part of its path as name.
    async fn watch_path(&self, path: &str) -> Result<MemberWatch, Error>;

    /// Takes the mutex `path`, in the shape Curator's `InterProcessMutex` understands. `None` waits as long as the session lives.
    async fn lock(&self, path: &str, within: Option<Duration>) -> Result<LockGuard, Error>;

    /// Deletes those of `paths` that are ephemeral nodes of the session `owner`, and returns them. For a guardian that knows that the owner's process is
    /// gone; a node that another session has taken over stays.
    async fn delete_owned(&self, owner: SessionId, paths: &[String]) -> Result<Vec<String>, Error>;

    /// Ends the lease, deletes the nodes of this session, then ends the session. Everything that came from it fails afterwards.
    async fn close(&self);
}

/// Identifies a session across processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub i64);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl std::str::FromStr for SessionId {
    type Err = std::num::ParseIntError;

    /// Reads what `Display` writes, and a plain decimal number.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix("0x") {
            // Through u64, because a ZooKeeper session id may have the sign bit set.
            Some(hex) => u64::from_str_radix(hex, 16).map(|bits| Self(bits.cast_signed())),
            None => text.parse().map(Self),
        }
    }
}

/// What is known about the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionState {
    /// The registry answers.
    Connected,
    /// The registry does not answer. The session may live or not; the [`Lease`] says how long we may still act.
    Suspended,
    /// The session has ended. Final.
    Expired,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_id_reads_back() {
        for id in [0x1000_0a2b_3c4d_0001, -2, 0, i64::MIN] {
            assert_eq!(SessionId(id).to_string().parse(), Ok(SessionId(id)));
        }
        assert_eq!("42".parse(), Ok(SessionId(42)));
        assert!("0xzz".parse::<SessionId>().is_err());
    }
}
