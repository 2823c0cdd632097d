//! What a master tells its crash guardian: a separate process that removes the master's registry nodes the moment the master is gone.

use orca_registry::SessionId;

/// The master's end of it. Nothing here may block or fail: the guardian's own death is harmless.
pub trait Guardian: Send + Sync {
    /// From now on these ephemeral nodes of that session go when this process goes. Replaces what was said before.
    fn watch(&self, session: SessionId, paths: &[String]);

    /// The nodes are gone in order: there is nothing to guard any more.
    fn release(&self);
}
