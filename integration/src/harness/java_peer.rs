//! A master that exists in the registry only, as a Java master shows itself there.

use super::Error;
use orca_registry::{EphemeralNode, Registry, RegistrySettings, paths};
use serde_json::json;
use std::sync::Arc;
use tokio::runtime::Runtime;

/// Registered until it is dropped.
pub struct JavaPeer {
    runtime: Runtime,
    registry: Arc<dyn Registry>,
    _node: EphemeralNode,
}

impl JavaPeer {
    /// Registers a Java master of this address that takes no commands.
    ///
    /// # Errors
    /// When the registry does not answer.
    pub fn register(settings: &RegistrySettings, address: &str) -> Result<Self, Error> {
        let runtime = Runtime::new().map_err(|source| Error::Start {
            what: "a runtime".to_owned(),
            source,
        })?;
        let path = paths::master(address);
        let registered = runtime.block_on(async {
            let registry = orca_registry::connect(settings).await?;
            let node = registry.create_ephemeral(&path, &java_heartbeat(address)).await?;
            Ok((registry, node))
        });
        let (registry, node) = registered.map_err(|error: orca_registry::Error| Error::Failed {
            what: path.clone(),
            reason: error.to_string(),
        })?;
        Ok(Self {
            runtime,
            registry,
            _node: node,
        })
    }
}

impl Drop for JavaPeer {
    fn drop(&mut self) {
        self.runtime.block_on(self.registry.close());
    }
}

/// BUSY keeps the false master out of the slots.
pub(crate) fn java_heartbeat(address: &str) -> String {
    let (host, port) = address.rsplit_once(':').unwrap_or((address, "0"));
    json!({
        "processId": 0,
        "startupTime": 0,
        "reportTime": chrono::Utc::now().timestamp_millis(),
        "jvmCpuUsage": 0.0,
        "cpuUsage": 0.2,
        "jvmMemoryUsage": 0.0,
        "jvmHeapUsed": 0.0,
        "jvmNonHeapUsed": 0.0,
        "jvmHeapMax": 0.0,
        "jvmNonHeapMax": 0.0,
        "memoryUsage": 0.4,
        "diskUsage": 0.0,
        "serverStatus": "BUSY",
        "host": host,
        "port": port.parse().unwrap_or(0_u16),
    })
    .to_string()
}
