//! A node that lives as long as the session that made it.

use crate::error::Error;
use crate::paths;
use async_trait::async_trait;
use std::fmt;
use std::sync::Arc;

/// What a registry implements for its nodes.
#[async_trait]
pub(crate) trait NodeBackend: Send + Sync {
    /// Writes, but only while the node is ours.
    async fn update(&self, data: &str) -> Result<(), Error>;
    /// Proves that the node is ours by an acknowledged conditional write that leaves the payload alone.
    async fn renew(&self) -> Result<(), Error>;
    async fn delete(&self) -> Result<(), Error>;
    async fn is_owned(&self) -> Result<bool, Error>;
}

/// Handle of an ephemeral node. Dropping it changes nothing; the node goes with the session or with [`delete`](Self::delete).
#[derive(Clone)]
pub struct EphemeralNode {
    path: Arc<str>,
    backend: Arc<dyn NodeBackend>,
}

impl EphemeralNode {
    pub(crate) fn new(path: &str, backend: Arc<dyn NodeBackend>) -> Self {
        Self {
            path: path.into(),
            backend,
        }
    }

    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The last part of the path.
    #[must_use]
    pub fn name(&self) -> &str {
        paths::name_of(&self.path)
    }

    /// The number of a sequential node, e.g. 7 for `m-0000000007`.
    #[must_use]
    pub fn sequence(&self) -> Option<u64> {
        sequence_of(self.name())
    }

    /// Replaces the payload. [`Error::NotOwner`] when the node is gone or belongs to another session; it then has not been written.
    pub async fn update(&self, data: &str) -> Result<(), Error> {
        paths::check_data("update", &self.path, data)?;
        self.backend.update(data).await
    }

    /// Deletes the node if it is ours. A node that is gone or somebody else's is left as it is.
    pub async fn delete(&self) -> Result<(), Error> {
        self.backend.delete().await
    }

    /// Does the node exist and belong to this session?
    pub async fn is_owned(&self) -> Result<bool, Error> {
        self.backend.is_owned().await
    }

    pub(crate) async fn renew(&self) -> Result<(), Error> {
        self.backend.renew().await
    }
}

impl fmt::Debug for EphemeralNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EphemeralNode")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// The number at the end of a sequential name.
#[must_use]
pub(crate) fn sequence_of(name: &str) -> Option<u64> {
    let digits_start = name.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    name.get(digits_start..)
        .filter(|digits| digits.len() >= 10)?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::sequence_of;

    #[test]
    fn a_sequence_is_ten_digits_or_more_at_the_end() {
        assert_eq!(sequence_of("m-0000000007"), Some(7));
        assert_eq!(sequence_of("m-0000000000000000007"), Some(7));
        assert_eq!(sequence_of("10.0.0.1:5678"), None);
        assert_eq!(sequence_of("m-99999999999999999999999"), None);
    }
}
