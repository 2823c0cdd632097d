//! What the benches of several masters and workers stand on: real servers, real masters, stub workers inside this process.

use orca_integration::harness::{Cluster, ClusterOptions, Deadline, Error, MasterRpc, until};
use orca_registry::{Registry, RegistrySettings, ZookeeperSettings};
use orca_schema::{DatabaseSettings, NewDefinition, Secret, Store};
use orca_worker::{StubSettings, StubWorker};
use std::sync::Arc;
use tokio::runtime::Runtime;

pub(crate) const WAIT_SECONDS: u64 = 300;

pub(crate) struct Stage {
    pub(crate) cluster: Cluster,
    pub(crate) rpc: MasterRpc,
    pub(crate) stubs: Vec<StubWorker>,
    pub(crate) registry: Arc<dyn Registry>,
    store: Store,
    /// Dropped last: the stubs live on it.
    pub(crate) runtime: Runtime,
}

pub(crate) fn failed(what: &str, reason: impl ToString) -> Error {
    Error::Failed {
        what: what.to_owned(),
        reason: reason.to_string(),
    }
}

impl Stage {
    /// A cluster of the real stack without workers of its own, and one stub for each of `stubs`.
    pub(crate) fn start(options: ClusterOptions, stubs: &[StubSettings]) -> Result<Self, Error> {
        let cluster = Cluster::start(options.workers(0))?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|error| failed("a runtime", error))?;
        let settings = RegistrySettings::Zookeeper(ZookeeperSettings {
            connect_string: cluster
                .zookeeper
                .as_ref()
                .map(|server| server.connect_string())
                .unwrap_or_default(),
            ..ZookeeperSettings::default()
        });
        let (registry, stubs) = runtime.block_on(start_stubs(&settings, stubs))?;
        let (url, user, password) = cluster.database();
        let mut database = DatabaseSettings::new(url);
        database.username = Some(user.to_owned());
        database.password = Some(Secret::new(password));
        let store = Store::open(&database).map_err(|error| failed("the database", error))?;
        let stage = Self {
            cluster,
            rpc: MasterRpc::new()?,
            store,
            stubs,
            registry,
            runtime,
        };
        for master in stage.masters() {
            until(
                "the masters to be registered",
                Deadline::after_seconds(60),
                || stage.rpc.is_registered(&master).then_some(()),
            )?;
        }
        Ok(stage)
    }

    pub(crate) fn masters(&self) -> Vec<String> {
        self.cluster
            .masters
            .iter()
            .map(|master| master.address().to_owned())
            .collect()
    }

    pub(crate) fn save(&self, definition: &NewDefinition) -> Result<(i64, i32), Error> {
        self.store
            .save_definition(definition)
            .map_err(|error| failed("a definition", error))
    }

    pub(crate) fn rows(&self, rest: &str) -> Result<usize, Error> {
        self.cluster
            .count_rows(rest)
            .map(|rows| usize::try_from(rows).unwrap_or_default())
    }

    pub(crate) fn await_rows(&self, what: &str, rest: &str, wanted: usize) -> Result<(), Error> {
        until(what, Deadline::after_seconds(WAIT_SECONDS), || {
            self.rows(rest).is_ok_and(|found| found >= wanted).then_some(())
        })
    }
}

/// Each stub has a session of its own, as each worker has.
async fn start_stubs(
    registry: &RegistrySettings,
    stubs: &[StubSettings],
) -> Result<(Arc<dyn Registry>, Vec<StubWorker>), Error> {
    let connect = || orca_registry::connect(registry);
    let watcher = connect().await.map_err(|error| failed("the registry", error))?;
    let mut started = Vec::new();
    for settings in stubs {
        let own = connect().await.map_err(|error| failed("the registry", error))?;
        let stub = StubWorker::start(settings.clone(), Some(own))
            .await
            .map_err(|error| failed("a stub worker", error))?;
        started.push(stub);
    }
    Ok((watcher, started))
}
