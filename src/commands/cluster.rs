//! A command's way to a cluster: its database, its registry, its masters. Opened once, closed at the end of the command.

use crate::config::Settings;
use crate::exit::Failure;
use crate::limits::REGISTRY_WAIT;
use crate::servers::{database_settings, registry_settings};
use orca_registry::Registry;
use orca_rpc::Client;
use orca_schema::{Error, Store};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The database of a cluster. Every method blocks on a thread of its own, so that progress goes on being shown.
#[derive(Clone)]
pub(crate) struct Database {
    store: Store,
    pub(crate) zone: chrono_tz::Tz,
}

impl Database {
    pub(crate) async fn open(settings: &Settings) -> Result<Self, Failure> {
        let database = database_settings(settings);
        let zone = settings.zone;
        let opened = on_a_thread(move || Store::open(&database)).await?;
        Ok(Self {
            store: opened.map_err(|error| unreachable_database(&error))?,
            zone,
        })
    }

    #[cfg(test)]
    pub(crate) fn of(store: Store) -> Self {
        Self {
            store,
            zone: chrono_tz::UTC,
        }
    }

    /// Runs a query.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Store) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let store = self.store.clone();
        tokio::task::spawn_blocking(move || query(&store))
            .await
            .unwrap_or(Err(Error::JobLost))
    }

    /// The same for a command that ends when the answer does not come.
    pub(crate) async fn must<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Store) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Failure> {
        self.ask(query)
            .await
            .map_err(|error| Failure::failed(error.to_string()))
    }
}

fn unreachable_database(error: &Error) -> Failure {
    Failure::failed(format!(
        "{error}; check spring.datasource.url, or name the data directory of a standalone cluster with --data-dir"
    ))
}

async fn on_a_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Failure::failed(format!("a thread of this command failed: {error}")))
}

/// A cluster that answers calls.
pub(crate) struct Cluster {
    pub(crate) database: Database,
    pub(crate) registry: Arc<dyn Registry>,
    pub(crate) client: Client,
}

impl Cluster {
    pub(crate) async fn open(settings: &Settings) -> Result<Self, Failure> {
        let database = Database::open(settings).await?;
        let registry = open_registry(settings).await?;
        Ok(Self {
            database,
            registry,
            client: Client::default(),
        })
    }

    /// `host:port` of the masters that are registered now.
    pub(crate) async fn masters(&self) -> Result<Vec<String>, Failure> {
        members(&*self.registry, orca_registry::paths::MASTERS).await
    }

    pub(crate) async fn close(self) {
        self.client.shutdown();
        self.registry.close().await;
    }
}

pub(crate) async fn open_registry(settings: &Settings) -> Result<Arc<dyn Registry>, Failure> {
    let registry = registry_settings(settings);
    match tokio::time::timeout(REGISTRY_WAIT, orca_registry::connect(&registry)).await {
        Ok(connected) => connected.map_err(|error| Failure::failed(error.to_string())),
        Err(_) => Err(Failure::failed(format!(
            "the registry did not answer within {} s",
            REGISTRY_WAIT.as_secs()
        ))),
    }
}

pub(crate) async fn members(registry: &dyn Registry, directory: &str) -> Result<Vec<String>, Failure> {
    registry
        .children(directory)
        .await
        .map_err(|error| Failure::failed(error.to_string()))
}

/// A runtime on the calling thread: commands have little to do at once, and `orca standalone` must start its members on the main thread.
pub(crate) fn block_on<T>(command: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::failed(format!("no event loop: {error}")))?;
    let result = runtime.block_on(command);
    // A query that hangs must not keep a command that has its answer.
    runtime.shutdown_background();
    result
}

/// `--data-dir`: the cluster of an `orca standalone` on this machine instead of the configured one.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Where {
    /// The data directory of an `orca standalone` that runs on this machine. Without it: the cluster of the configuration
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
}

impl Where {
    /// The settings that lead to the cluster.
    pub(crate) fn settings(&self, context: &crate::context::Context) -> Result<Settings, Failure> {
        let Some(folder) = &self.data_dir else {
            return context.settings(crate::config::Purpose::Cluster);
        };
        let known = folder.join("orca.db").is_file();
        if !known {
            let text = format!(
                "{}: no standalone cluster has run here; its data directory has a file orca.db",
                folder.display()
            );
            return Err(Failure::usage(text));
        }
        standalone_settings(context, folder)
    }
}

/// The configuration of a cluster in a data directory; what the user sets on the command line wins.
pub(crate) fn standalone_settings(
    context: &crate::context::Context,
    folder: &Path,
) -> Result<Settings, Failure> {
    let folder = folder
        .canonicalize()
        .map_err(|error| Failure::failed(format!("{}: {error}", folder.display())))?;
    let mut properties = super::standalone::properties(&folder);
    properties.extend(context.request.properties.iter().cloned());
    let request = crate::config::Request {
        properties,
        ..context.request.clone()
    };
    let context = crate::context::Context {
        request,
        environment: context.environment.clone(),
        json: context.json,
    };
    context.settings(crate::config::Purpose::Standalone)
}
