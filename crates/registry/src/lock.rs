//! A held mutex.

use crate::error::Error;
use crate::node::EphemeralNode;
use crate::paths;
use async_trait::async_trait;
use std::fmt;

/// What a registry implements for its locks.
#[async_trait]
pub(crate) trait LockBackend: Send + Sync {
    async fn is_held(&self) -> Result<bool, Error>;
    async fn put_persistent(&self, path: &str, data: &str) -> Result<(), Error>;
    async fn delete(&self, path: &str) -> Result<(), Error>;
    async fn claim_ephemeral(&self, path: &str, data: &str) -> Result<Option<EphemeralNode>, Error>;
    async fn release(&self) -> Result<(), Error>;
    /// Called on drop: releases without waiting. Must do nothing after `release`.
    fn release_in_background(&self);
}

/// Holds a mutex until it is released or dropped.
///
/// The registry may take the lock away (session over, node deleted by hand) without this process noticing. So never trust the guard: write through it, or
/// make the write safe by another condition. Its writes happen only while the lock is held, and fail with [`Error::LockLost`] otherwise.
pub struct LockGuard {
    path: String,
    backend: Box<dyn LockBackend>,
}

impl LockGuard {
    pub(crate) fn new(path: &str, backend: Box<dyn LockBackend>) -> Self {
        Self {
            path: path.to_owned(),
            backend,
        }
    }

    /// The lock that was asked for.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Asks the registry. The answer is of the past when it arrives.
    pub async fn is_held(&self) -> Result<bool, Error> {
        self.backend.is_held().await
    }

    /// Creates or overwrites a persistent node, only while the lock is held.
    pub async fn put_persistent(&self, path: &str, data: &str) -> Result<(), Error> {
        paths::check("put", path)?;
        paths::check_data("put", path, data)?;
        self.backend.put_persistent(path, data).await
    }

    /// Deletes one node without children, only while the lock is held. No such node is no error.
    pub async fn delete(&self, path: &str) -> Result<(), Error> {
        paths::check("delete", path)?;
        self.backend.delete(path).await
    }

    /// An election's step: creates the ephemeral node unless another one holds the place. `None` means that somebody else does. A node with the very
    /// payload `data` but of another session is an earlier life of ours; it is replaced.
    pub async fn claim_ephemeral(&self, path: &str, data: &str) -> Result<Option<EphemeralNode>, Error> {
        paths::check("claim", path)?;
        paths::check_data("claim", path, data)?;
        self.backend.claim_ephemeral(path, data).await
    }

    /// Releases the lock and waits until the registry has confirmed it.
    pub async fn release(self) -> Result<(), Error> {
        self.backend.release().await
    }
}

impl Drop for LockGuard {
    fn drop(&mut self) {
        self.backend.release_in_background();
    }
}

impl fmt::Debug for LockGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockGuard")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
