//! The life of a master process: the order in which its parts start and stop, term after term.
//!
//! Guarantees: the RPC port is taken before anything is registered; a master whose lease is lost stops acting first and cleans up after; a
//! planned stop takes no new work, lets accepted writes finish, and leaves the registry before the process ends.

use crate::guardian::Guardian;
use crate::limits::LEAVE_SERVER_TIME;
use crate::observatory::Observatory;
use crate::rpc_server::{Reception, router};
use crate::settings::MasterSettings;
use crate::store::StorePool;
use crate::term_life::{House, TermEnd, run_term};
use orca_registry::RegistrySettings;
use orca_rpc::{Client, ClientSettings, Server, ServerSettings};
use orca_schema::Store;
use orca_task_log::LogDirectory;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::runtime::{Handle, Runtime};
use tokio::sync::watch;

/// Why a master could not run, or could not go on.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    #[error("the RPC port cannot be used; is another server running there? {0}")]
    Listen(#[from] orca_rpc::BindError),
    #[error("the runtime for the sockets cannot be started: {0}")]
    Runtime(std::io::Error),
    #[error("the registry cannot be reached: {0}")]
    Registry(#[from] orca_registry::Error),
    #[error("the folder {path} for the logs of logic tasks cannot be used: {source}")]
    LogDirectory { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Store(#[from] orca_schema::Error),
}

/// How a master ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It was asked to.
    Stopped,
    /// Its lease was lost and the settings say that it must not rejoin.
    LeaseLost,
}

/// Threads of the runtime that carries the sockets.
const IO_THREADS: usize = 2;

/// Runs a master until `stop` says so. Must be called inside an actix system.
///
/// # Errors
/// What keeps it from starting. Once it has started, a lost registry or database is waited for, not an error.
pub async fn run_master(
    settings: MasterSettings,
    store: Store,
    registry: RegistrySettings,
    guardian: Option<Arc<dyn Guardian>>,
    observatory: Observatory,
    mut stop: watch::Receiver<bool>,
) -> Result<Exit, BootError> {
    let io_runtime = IoRuntime::start()?;
    let io = io_runtime.handle();
    let reception = Reception::default();
    let server = listen(&settings, &reception, &io)?;
    let client = {
        let _inside = io.enter();
        Client::new(ClientSettings {
            call_timeout: settings.dispatch.call_timeout,
            ..ClientSettings::default()
        })
    };
    let house = House {
        pool: StorePool::start(&store, settings.store.threads),
        settings: Arc::new(settings),
        registry,
        guardian,
        client,
        io: io.clone(),
        reception,
        observatory,
    };
    let mut first = true;
    let exit = loop {
        let end = run_term(&house, first, &mut stop).await?;
        if end == TermEnd::LeaseLost {
            house.observatory.metrics.leases_lost.add(1);
        }
        match end {
            TermEnd::Stopped => break Exit::Stopped,
            TermEnd::LeaseLost if house.settings.rejoin => {
                log::warn!("the lease is lost; joining again as a new incarnation");
            }
            TermEnd::LeaseLost => break Exit::LeaseLost,
        }
        first = false;
    };
    let drained = io.spawn(async move { server.drain(LEAVE_SERVER_TIME).await });
    if drained.await.is_err() {
        log::warn!("the RPC server did not drain in order");
    }
    Ok(exit)
}

/// The runtime that carries the sockets. It ends without waiting, however the master ends: a call that hangs on a dead peer must not
/// keep the process, and a runtime must not be waited for inside another one.
struct IoRuntime(Option<Runtime>);

impl IoRuntime {
    fn start() -> Result<Self, BootError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(IO_THREADS)
            .thread_name("orca-io")
            .enable_all()
            .build();
        runtime
            .map(|runtime| Self(Some(runtime)))
            .map_err(BootError::Runtime)
    }

    fn handle(&self) -> Handle {
        self.0
            .as_ref()
            .map(|runtime| runtime.handle().clone())
            .expect("it is taken only when this is dropped")
    }
}

impl Drop for IoRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

fn listen(settings: &MasterSettings, reception: &Reception, io: &Handle) -> Result<Server, BootError> {
    let path = &settings.logic.log_directory;
    let logs = LogDirectory::open(path).map_err(|source| BootError::LogDirectory {
        path: path.clone(),
        source,
    })?;
    let _inside = io.enter();
    Ok(Server::bind(
        settings.listen,
        Arc::new(router(reception, &logs)),
        ServerSettings::default(),
    )?)
}
