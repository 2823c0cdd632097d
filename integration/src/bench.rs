//! The loads of docs/benchmarks.md. Each prints one row: what was done, how long it took, and the Java master's figure for the same.

use orca_integration::harness::definitions::{chain, fan, shell, workflow};
use orca_integration::harness::{Cluster, ClusterOptions, Deadline, Error, MasterRpc, Stack, until};
use orca_registry::{RegistrySettings, ZookeeperSettings};
use orca_schema::{DatabaseSettings, NewDefinition, Secret, Store};
use orca_worker::{StubSettings, StubWorker};
use std::time::{Duration, Instant};

mod engine;
mod graph;
mod idle;
mod measure;
mod schedules;

use measure::{cpu_seconds, resident_mb, row};

const WORKFLOWS: usize = 2_000;
const CHAIN_LEN: usize = 40;
const FAN_LEN: usize = 1_000;
const LATENCY_SAMPLES: usize = 300;
const WAITING: usize = 10_000;
const START_SAMPLES: usize = 5;
const LOAD_SECONDS: u64 = 300;

/// The Java 3.4.2 master with 1 GB of heap on two such cores, for scale.
const JAVA_WORKFLOWS_PER_SECOND: f64 = 161.0;
const JAVA_CHAIN_SECONDS: f64 = 7.8;
const JAVA_FAN_SECONDS: f64 = 4.8;
const JAVA_START_SECONDS: f64 = 7.4;
const JAVA_WAITING_MB: f64 = 753.0;
const JAVA_IDLE_MB: f64 = 730.0;
const JAVA_CPU_MS_EACH: f64 = 5.5;

const LOADS_OF_ONE_BENCH: [&str; 6] = ["latency", "workflows", "chain", "fan", "waiting", "start"];

type Definition = (i64, i32);

struct Bench {
    cluster: Cluster,
    rpc: MasterRpc,
    store: Store,
    stub: StubWorker,
    /// Dropped last: the stub lives on it.
    _runtime: tokio::runtime::Runtime,
}

/// Runs the named loads, all without a name.
pub(crate) fn run(only: &[String]) -> Result<(), Error> {
    let wanted = |name: &str| only.is_empty() || only.iter().any(|one| one == name);
    if LOADS_OF_ONE_BENCH.into_iter().any(wanted) {
        one_bench(&wanted)?;
    }
    if wanted("engine") {
        engine::run()?;
    }
    if wanted("graph") {
        graph::run()?;
        graph::mid_run()?;
    }
    if wanted("idle") {
        idle::run()?;
    }
    if wanted("schedules") {
        schedules::run()?;
    }
    Ok(())
}

/// The loads that are put on the same master, one after the other.
fn one_bench(wanted: &dyn Fn(&str) -> bool) -> Result<(), Error> {
    let mut bench = Bench::start()?;
    println!("| load | Orca | Java 3.4.2 | ratio |\n| --- | --- | --- | --- |");
    bench.idle_memory()?;
    if wanted("latency") {
        bench.latency()?;
    }
    if wanted("workflows") {
        bench.workflows()?;
    }
    if wanted("chain") {
        bench.one(
            "one chain of 40 tasks",
            &chain("chain", CHAIN_LEN, "true"),
            JAVA_CHAIN_SECONDS,
        )?;
    }
    if wanted("fan") {
        bench.one(
            "one workflow of 1,000 parallel tasks",
            &fan("fan", FAN_LEN, "true"),
            JAVA_FAN_SECONDS,
        )?;
    }
    if wanted("waiting") {
        bench.waiting()?;
    }
    if wanted("start") {
        bench.start_time()?;
    }
    let counters = bench.stub.counters();
    println!("\nstub worker: {counters:?}");
    Ok(())
}

impl Bench {
    fn start() -> Result<Self, Error> {
        Self::start_with(
            ClusterOptions::new(Stack::Real).workers(0),
            StubSettings::default(),
        )
    }

    fn start_with(options: ClusterOptions, stub: StubSettings) -> Result<Self, Error> {
        let cluster = Cluster::start(options)?;
        let failed = |reason: String| Error::Failed {
            what: "the stub worker".to_owned(),
            reason,
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|error| failed(error.to_string()))?;
        let connect_string = cluster
            .zookeeper
            .as_ref()
            .map(|server| server.connect_string())
            .unwrap_or_default();
        let registry = RegistrySettings::Zookeeper(ZookeeperSettings {
            connect_string,
            ..ZookeeperSettings::default()
        });
        let stub = runtime.block_on(async {
            let registry = orca_registry::connect(&registry)
                .await
                .map_err(|error| failed(error.to_string()))?;
            StubWorker::start(stub, Some(registry))
                .await
                .map_err(|error| failed(error.to_string()))
        })?;
        let (url, user, password) = cluster.database();
        let mut settings = DatabaseSettings::new(url);
        settings.username = Some(user.to_owned());
        settings.password = Some(Secret::new(password));
        let store = Store::open(&settings).map_err(|error| failed(error.to_string()))?;
        let bench = Self {
            cluster,
            rpc: MasterRpc::new()?,
            store,
            stub,
            _runtime: runtime,
        };
        bench.warm_up()?;
        Ok(bench)
    }

    fn warm_up(&self) -> Result<(), Error> {
        let definition = self.save(&workflow("warm-up", vec![shell("t", "true", &[])]))?;
        let deadline = Deadline::after_seconds(60);
        let id = until("the master to be registered", deadline, || {
            self.trigger(definition).ok()
        })?;
        self.await_success(&[id])
    }

    fn master(&self) -> String {
        self.cluster.masters[0].address().to_owned()
    }

    fn pid(&self) -> u32 {
        self.cluster.masters[0].process.pid()
    }

    fn save(&self, definition: &NewDefinition) -> Result<Definition, Error> {
        let failed = |error: orca_schema::Error| Error::Failed {
            what: "a definition".to_owned(),
            reason: error.to_string(),
        };
        self.store.save_definition(definition).map_err(failed)
    }

    fn trigger(&self, (code, version): Definition) -> Result<i32, Error> {
        self.rpc.trigger(&self.master(), code, version, Vec::new())
    }

    /// All of these instances are SUCCESS in the rows.
    fn await_success(&self, ids: &[i32]) -> Result<(), Error> {
        let (first, last) = (ids.iter().min().copied(), ids.iter().max().copied());
        let (Some(first), Some(last)) = (first, last) else {
            return Ok(());
        };
        until(
            "the end of the load",
            Deadline::after_seconds(LOAD_SECONDS),
            || {
                let done = self.cluster.count_rows(&format!(
                    "t_ds_workflow_instance WHERE id BETWEEN {first} AND {last} AND state = 7"
                ));
                done.is_ok_and(|done| usize::try_from(done).is_ok_and(|done| done >= ids.len()))
                    .then_some(())
            },
        )
    }

    fn idle_memory(&self) -> Result<(), Error> {
        row(
            "memory, idle",
            resident_mb(self.pid())?,
            JAVA_IDLE_MB,
            "MB",
            false,
        );
        Ok(())
    }

    fn workflows(&self) -> Result<(), Error> {
        let definition = self.save(&workflow("one", vec![shell("t", "true", &[])]))?;
        let cpu = cpu_seconds(self.pid())?;
        let start = Instant::now();
        let ids = self
            .rpc
            .trigger_many(&[self.master()], definition.0, definition.1, WORKFLOWS)?;
        let triggered = start.elapsed();
        self.await_success(&ids)?;
        let took = start.elapsed();
        let rate = WORKFLOWS as f64 / took.as_secs_f64();
        row(
            "2,000 workflows of one task",
            rate,
            JAVA_WORKFLOWS_PER_SECOND,
            "workflows/s",
            true,
        );
        println!(
            "| … of which triggering by RPC | {:.2} s of {:.2} s; {:.2} s CPU of the master | | |",
            triggered.as_secs_f64(),
            took.as_secs_f64(),
            cpu_seconds(self.pid())? - cpu
        );
        Ok(())
    }

    fn one(&self, what: &str, definition: &NewDefinition, java_seconds: f64) -> Result<(), Error> {
        let definition = self.save(definition)?;
        // The first run reads the definition; the figure is that of a definition the master knows.
        self.await_success(&[self.trigger(definition)?])?;
        let start = Instant::now();
        self.await_success(&[self.trigger(definition)?])?;
        row(what, start.elapsed().as_secs_f64(), java_seconds, "s", false);
        Ok(())
    }

    /// From the start of the trigger call to the arrival of the dispatch at the worker, one workflow at a time.
    fn latency(&self) -> Result<(), Error> {
        let definition = self.save(&workflow("latency", vec![shell("t", "true", &[])]))?;
        let mut samples = Vec::with_capacity(LATENCY_SAMPLES);
        for _ in 0..LATENCY_SAMPLES {
            let before = self.stub.counters().accepted;
            let start = Instant::now();
            let id = self.trigger(definition)?;
            while self.stub.counters().accepted == before {
                std::thread::sleep(Duration::from_micros(50));
            }
            samples.push(start.elapsed());
            self.await_success(&[id])?;
        }
        samples.sort_unstable();
        let at = |share: f64| samples[((samples.len() - 1) as f64 * share) as usize].as_secs_f64() * 1_000.0;
        println!(
            "| trigger to first dispatch, p50 / p99 | {:.1} ms / {:.1} ms | – | – |",
            at(0.5),
            at(0.99)
        );
        Ok(())
    }

    /// Instances whose task waits for a worker group that has no worker.
    fn waiting(&self) -> Result<(), Error> {
        let mut task = shell("t", "true", &[]);
        task.worker_group = "nobody".to_owned();
        let definition = self.save(&workflow("waiting", vec![task]))?;
        let (idle, cpu) = (resident_mb(self.pid())?, cpu_seconds(self.pid())?);
        self.rpc
            .trigger_many(&[self.master()], definition.0, definition.1, WAITING)?;
        until(
            "all instances to wait",
            Deadline::after_seconds(LOAD_SECONDS),
            || {
                let waiting = self.cluster.count_rows("t_ds_task_instance WHERE state = 0");
                waiting
                    .is_ok_and(|waiting| usize::try_from(waiting).is_ok_and(|waiting| waiting >= WAITING))
                    .then_some(())
            },
        )?;
        let (full, spent) = (resident_mb(self.pid())?, cpu_seconds(self.pid())? - cpu);
        row(
            "memory, 10,000 waiting instances",
            full,
            JAVA_WAITING_MB,
            "MB",
            false,
        );
        println!("| … before them | {idle:.0} MB | | |");
        row(
            "CPU for each of them to get there",
            spent * 1_000.0 / WAITING as f64,
            JAVA_CPU_MS_EACH,
            "ms",
            false,
        );
        let before = cpu_seconds(self.pid())?;
        std::thread::sleep(Duration::from_secs(5));
        println!(
            "| CPU while they wait | {:.1} % of one core | – | – |",
            (cpu_seconds(self.pid())? - before) * 20.0
        );
        Ok(())
    }

    /// From the start of the process to its node in the registry.
    fn start_time(&mut self) -> Result<(), Error> {
        let mut samples = Vec::new();
        for _ in 0..START_SAMPLES {
            let start = Instant::now();
            let address = self.cluster.add_master()?.address().to_owned();
            until("the node of the master", Deadline::after_seconds(60), || {
                self.rpc.is_registered(&address).then_some(())
            })?;
            samples.push(start.elapsed().as_secs_f64());
        }
        samples.sort_by(f64::total_cmp);
        row(
            "process start to registered (median)",
            samples[samples.len() / 2],
            JAVA_START_SECONDS,
            "s",
            false,
        );
        Ok(())
    }
}
