//! A worker that exists in the registry, takes every call off the wire and looks at none of them: what a Java worker is whose threads are all busy.

use super::{Error, free_port};
use orca_registry::{EphemeralNode, Registry, RegistrySettings, paths};
use orca_rpc::methods::worker::DispatchTask;
use orca_rpc::{Handler, IncomingCall, Reply, Server, ServerSettings};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::runtime::Runtime;

/// A dispatch call that lies in the worker's socket.
#[derive(Clone, Debug)]
pub struct Lying {
    pub task_instance_id: i32,
    /// The master that sent it.
    pub master: String,
    pub arrived: Instant,
}

/// Registered and listening until it is dropped.
pub struct LateWorker {
    runtime: Runtime,
    registry: Arc<dyn Registry>,
    calls: Arc<Calls>,
    address: String,
    _node: EphemeralNode,
    _server: Server,
}

#[derive(Default)]
struct Calls(Mutex<Vec<Lying>>);

#[async_trait::async_trait]
impl Handler for Calls {
    async fn handle(&self, call: IncomingCall) -> Reply {
        if call.is::<DispatchTask>()
            && let Ok(request) = call.argument::<DispatchTask>()
            && let Some(context) = request.task_execution_context
        {
            let lying = Lying {
                task_instance_id: context.task_instance_id,
                master: context.workflow_instance_host.unwrap_or_default(),
                arrived: Instant::now(),
            };
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(lying);
        }
        Reply::Silence
    }
}

impl LateWorker {
    /// Listens on a free port and registers in the group `default`.
    ///
    /// # Errors
    /// When it cannot listen or the registry does not answer.
    pub fn register(settings: &RegistrySettings) -> Result<Self, Error> {
        let runtime = Runtime::new().map_err(|source| Error::Start {
            what: "a runtime".to_owned(),
            source,
        })?;
        let calls = Arc::new(Calls::default());
        let port = free_port();
        let server = {
            let _inside = runtime.enter();
            let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            Server::bind(listen, calls.clone(), ServerSettings::default())
        };
        let server = server.map_err(|error| failed("a late worker", &error))?;
        let address = format!("127.0.0.1:{port}");
        let path = paths::worker(&address);
        let registered = runtime.block_on(async {
            let registry = orca_registry::connect(settings).await?;
            let node = registry.create_ephemeral(&path, &heartbeat(port)).await?;
            Ok((registry, node))
        });
        let (registry, node) = registered.map_err(|error: orca_registry::Error| failed(&path, &error))?;
        Ok(Self {
            runtime,
            registry,
            calls,
            address,
            _node: node,
            _server: server,
        })
    }

    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The dispatch calls that have come in, in their order.
    #[must_use]
    pub fn lying(&self) -> Vec<Lying> {
        self.calls
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for LateWorker {
    fn drop(&mut self) {
        self.runtime.block_on(self.registry.close());
    }
}

fn failed(what: &str, reason: &dyn std::fmt::Display) -> Error {
    Error::Failed {
        what: what.to_owned(),
        reason: reason.to_string(),
    }
}

/// As a Java worker's: no word of Orca in it.
fn heartbeat(port: u16) -> String {
    serde_json::json!({
        "processId": 1,
        "startupTime": chrono::Utc::now().timestamp_millis(),
        "reportTime": chrono::Utc::now().timestamp_millis(),
        "jvmCpuUsage": 0.0,
        "cpuUsage": 0.1,
        "jvmMemoryUsage": 0.0,
        "jvmHeapUsed": 0.0,
        "jvmNonHeapUsed": 0.0,
        "jvmHeapMax": 0.0,
        "jvmNonHeapMax": 0.0,
        "memoryUsage": 0.1,
        "diskUsage": 0.0,
        "serverStatus": "NORMAL",
        "host": "127.0.0.1",
        "port": port,
        "workerHostWeight": 100,
        "threadPoolUsage": 0.0,
        "workerGroup": "default",
    })
    .to_string()
}
