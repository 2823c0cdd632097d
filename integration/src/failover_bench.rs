//! The death of one of two masters, in figures: from the moment its node is gone (or from the kill, when its guardian removes the node) until the
//! survivor owns every instance, and until every task reports to it. The tasks are held by stub workers, so that a thousand of them fit on a desk.

use orca_integration::harness::definitions::{shell, workflow};
use orca_integration::harness::{Cluster, ClusterOptions, Deadline, Error, MasterRpc, Stack, until};
use orca_registry::{Registry, RegistrySettings, ZookeeperSettings, paths};
use orca_schema::{DatabaseSettings, NewDefinition, Secret, Store};
use orca_worker::{StubSettings, StubWorker};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// Workflows that run when the master dies; about half of them are its own.
const RUNNING: [usize; 2] = [20, 2_000];
const WORKERS: usize = 2;
const SLOTS_PER_WORKER: usize = 4_000;
/// Longer than any run of this program: the tasks are still there at the end.
const HELD_FOR: Duration = Duration::from_secs(3_600);
const SESSION_TIMEOUT: &str = "10s";
const WAIT_SECONDS: u64 = 120;
const LOOK_INTERVAL: Duration = Duration::from_millis(2);

/// From the kill to the last instance, by a pair of Java 3.4.2 masters with the same session time-out.
const JAVA_SECONDS_20: f64 = 39.5;
const JAVA_SECONDS_1000: f64 = 41.7;

/// Prints one row for each number of workflows, without and with the guardian.
pub(crate) fn run() -> Result<(), Error> {
    println!(
        "| running workflows | guardian | moved | node gone after the kill | owned after that | re-pointed after that | kill to the end | Java 3.4.2 |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    for (running, java) in RUNNING.into_iter().zip([JAVA_SECONDS_20, JAVA_SECONDS_1000]) {
        for guardian in [false, true] {
            let measured = Stage::start(guardian)?.kill_one(running)?;
            measured.print(running, guardian, java);
        }
    }
    Ok(())
}

struct Measured {
    moved: usize,
    killed: Instant,
    gone: Instant,
    owned: Instant,
    pointed: Instant,
}

impl Measured {
    fn print(&self, running: usize, guardian: bool, java: f64) {
        let since = |from: Instant, to: Instant| to.saturating_duration_since(from).as_secs_f64();
        println!(
            "| {running} | {} | {} | {:.3} s | {:.3} s | {:.3} s | {:.3} s | {java} s |",
            if guardian { "on" } else { "off" },
            self.moved,
            since(self.killed, self.gone),
            since(self.gone, self.owned),
            since(self.gone, self.pointed),
            since(self.killed, self.pointed),
        );
    }
}

struct Stage {
    cluster: Cluster,
    rpc: MasterRpc,
    store: Store,
    stubs: Vec<StubWorker>,
    registry: Arc<dyn Registry>,
    /// Dropped last: the stubs live on it.
    runtime: Runtime,
}

fn failed(what: &str, reason: impl ToString) -> Error {
    Error::Failed {
        what: what.to_owned(),
        reason: reason.to_string(),
    }
}

impl Stage {
    fn start(guardian: bool) -> Result<Self, Error> {
        let options = ClusterOptions::new(Stack::Real)
            .masters(2)
            .workers(0)
            .master_variable("REGISTRY_ZOOKEEPER_SESSION_TIMEOUT", SESSION_TIMEOUT)
            .master_variable("ORCA_GUARDIAN_ENABLED", if guardian { "true" } else { "false" });
        let cluster = Cluster::start(options)?;
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
        let (registry, stubs) = runtime.block_on(async {
            let connect = || orca_registry::connect(&settings);
            let registry = connect().await.map_err(|error| failed("the registry", error))?;
            let mut stubs = Vec::new();
            for _ in 0..WORKERS {
                let own = connect().await.map_err(|error| failed("the registry", error))?;
                let settings = StubSettings {
                    run_for: HELD_FOR,
                    slots: SLOTS_PER_WORKER,
                    ..StubSettings::default()
                };
                let stub = StubWorker::start(settings, Some(own))
                    .await
                    .map_err(|error| failed("a stub worker", error))?;
                stubs.push(stub);
            }
            Ok::<_, Error>((registry, stubs))
        })?;
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

    fn masters(&self) -> Vec<String> {
        self.cluster
            .masters
            .iter()
            .map(|master| master.address().to_owned())
            .collect()
    }

    fn save(&self, definition: &NewDefinition) -> Result<(i64, i32), Error> {
        self.store
            .save_definition(definition)
            .map_err(|error| failed("a definition", error))
    }

    /// Has `running` workflows run, kills the first master and watches.
    fn kill_one(mut self, running: usize) -> Result<Measured, Error> {
        let (code, version) = self.save(&workflow("held", vec![shell("t", "held", &[])]))?;
        self.rpc.trigger_many(&self.masters(), code, version, running)?;
        self.await_rows("every task to run", "t_ds_task_instance WHERE state = 1", running)?;
        let dead = self.cluster.masters.remove(0);
        let dead_address = dead.address().to_owned();
        let moved = self.rows(&format!(
            "t_ds_workflow_instance WHERE host = '{dead_address}' AND state = 1"
        ))?;
        let survivor = self.masters().remove(0);
        let take_overs = self.take_overs();
        // Dropping it is SIGKILL to its whole group.
        let killed = Instant::now();
        drop(dead);
        let gone = self.await_gone(&paths::master(&dead_address))?;
        let (mut owned, mut pointed) = (None, None);
        let owned_by_survivor = format!("t_ds_workflow_instance WHERE host = '{survivor}' AND state = 1");
        let deadline = Deadline::after_seconds(WAIT_SECONDS);
        while owned.is_none() || pointed.is_none() {
            if pointed.is_none() && self.take_overs() - take_overs >= moved as u64 {
                pointed = Some(Instant::now());
            }
            if owned.is_none() && self.rows(&owned_by_survivor)? >= running {
                owned = Some(Instant::now());
            }
            if deadline.is_over() {
                return Err(failed(
                    "the take-over",
                    format!("is not done after {WAIT_SECONDS} s"),
                ));
            }
            std::thread::sleep(LOOK_INTERVAL);
        }
        self.check(running)?;
        let not_seen = || failed("the take-over", "was not seen");
        Ok(Measured {
            moved,
            killed,
            gone,
            owned: owned.ok_or_else(not_seen)?,
            pointed: pointed.ok_or_else(not_seen)?,
        })
    }

    fn rows(&self, rest: &str) -> Result<usize, Error> {
        self.cluster
            .count_rows(rest)
            .map(|rows| usize::try_from(rows).unwrap_or_default())
    }

    fn await_rows(&self, what: &str, rest: &str, wanted: usize) -> Result<(), Error> {
        until(what, Deadline::after_seconds(WAIT_SECONDS), || {
            self.rows(rest).is_ok_and(|found| found >= wanted).then_some(())
        })
    }

    fn take_overs(&self) -> u64 {
        self.stubs.iter().map(|stub| stub.counters().take_overs).sum()
    }

    fn await_gone(&self, path: &str) -> Result<Instant, Error> {
        let deadline = Deadline::after_seconds(WAIT_SECONDS);
        self.runtime.block_on(async {
            while self
                .registry
                .exists(path)
                .await
                .map_err(|error| failed(path, error))?
            {
                if deadline.is_over() {
                    return Err(failed(path, "is still there"));
                }
                tokio::time::sleep(LOOK_INTERVAL).await;
            }
            Ok(Instant::now())
        })
    }

    /// Each task was accepted once, by one worker, and has one row.
    fn check(&self, running: usize) -> Result<(), Error> {
        let accepted: u64 = self.stubs.iter().map(|stub| stub.counters().accepted).sum();
        let duplicates: u64 = self.stubs.iter().map(|stub| stub.counters().duplicates).sum();
        let rows = self.rows("t_ds_task_instance")?;
        if accepted == running as u64 && duplicates == 0 && rows == running {
            return Ok(());
        }
        Err(failed(
            "the check",
            format!("{accepted} tasks accepted, {duplicates} twice, {rows} rows for {running} tasks"),
        ))
    }
}
