//! The runner's own session with a case's registry: it looks at nodes, and stands for masters that do not exist.

use crate::harness::{Error, java_heartbeat};
use orca_registry::{Registry, RegistrySettings, paths};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

/// How long a false master lives before it dies, so that the real ones have seen it.
const PEER_LIFE: Duration = Duration::from_secs(5);
/// How long a master waits for a dead peer without a lease to come back.
const PEER_GRACE: Duration = Duration::from_secs(30);

/// A session of one case.
pub(super) struct RegistryView {
    runtime: Arc<Runtime>,
    registry: Arc<dyn Registry>,
}

impl RegistryView {
    /// # Errors
    /// When the registry does not answer.
    pub(super) fn connect(runtime: Arc<Runtime>, settings: &RegistrySettings) -> Result<Self, Error> {
        let registry = runtime
            .block_on(orca_registry::connect(settings))
            .map_err(|error| failed("a session with the registry", &error))?;
        Ok(Self { runtime, registry })
    }

    /// # Errors
    /// When the registry does not answer.
    pub(super) fn exists(&self, path: &str) -> Result<bool, Error> {
        self.runtime
            .block_on(self.registry.exists(path))
            .map_err(|error| failed(path, &error))
    }

    /// The addresses of the masters that are registered.
    ///
    /// # Errors
    /// When the registry does not answer.
    pub(super) fn masters(&self) -> Result<Vec<String>, Error> {
        self.runtime
            .block_on(self.registry.children(paths::MASTERS))
            .map_err(|error| failed(paths::MASTERS, &error))
    }

    /// Lets masters of these addresses appear and die in this order, and waits as long as a master waits before it believes it.
    ///
    /// # Errors
    /// When the registry does not answer.
    pub(super) fn let_masters_die(&self, hosts: &[String]) -> Result<(), Error> {
        let mut nodes = Vec::new();
        for host in hosts {
            let path = paths::master(host);
            let node = self
                .runtime
                .block_on(self.registry.create_ephemeral(&path, &java_heartbeat(host)))
                .map_err(|error| failed(&path, &error))?;
            nodes.push(node);
        }
        std::thread::sleep(PEER_LIFE);
        for node in nodes {
            self.runtime
                .block_on(node.delete())
                .map_err(|error| failed(node.path(), &error))?;
        }
        std::thread::sleep(PEER_GRACE);
        Ok(())
    }
}

impl Drop for RegistryView {
    fn drop(&mut self) {
        self.runtime.block_on(self.registry.close());
    }
}

fn failed(what: &str, error: &orca_registry::Error) -> Error {
    Error::Failed {
        what: what.to_owned(),
        reason: error.to_string(),
    }
}
