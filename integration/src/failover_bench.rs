//! The death of one of two masters, in figures: from the moment its node is gone (or from the kill, when its guardian removes the node) until the
//! survivor owns every instance, and until every task reports to it. The tasks are held by stub workers, so that a thousand of them fit on a desk.

use crate::stage::{Stage, WAIT_SECONDS, failed};
use orca_integration::harness::definitions::{shell, workflow};
use orca_integration::harness::{ClusterOptions, Deadline, Error, Stack};
use orca_registry::paths;
use orca_worker::StubSettings;
use std::time::{Duration, Instant};

/// Workflows that run when the master dies; about half of them are its own.
const RUNNING: [usize; 2] = [20, 2_000];
const SLOTS_PER_WORKER: usize = 4_000;
/// Longer than any run of this program: the tasks are still there at the end.
const HELD_FOR: Duration = Duration::from_secs(3_600);
const SESSION_TIMEOUT: &str = "10s";
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
            let measured = Pair::start(guardian)?.kill_one(running)?;
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

/// Two masters, and workers that hold whatever they are given.
struct Pair {
    stage: Stage,
}

impl Pair {
    fn start(guardian: bool) -> Result<Self, Error> {
        let options = ClusterOptions::new(Stack::Real)
            .masters(2)
            .master_variable("REGISTRY_ZOOKEEPER_SESSION_TIMEOUT", SESSION_TIMEOUT)
            .master_variable("ORCA_GUARDIAN_ENABLED", if guardian { "true" } else { "false" });
        let stub = StubSettings {
            run_for: HELD_FOR,
            slots: SLOTS_PER_WORKER,
            ..StubSettings::default()
        };
        let stage = Stage::start(options, &[stub.clone(), stub])?;
        Ok(Self { stage })
    }

    /// Has `running` workflows run, kills the first master and watches.
    fn kill_one(mut self, running: usize) -> Result<Measured, Error> {
        let (code, version) = self
            .stage
            .save(&workflow("held", vec![shell("t", "held", &[])]))?;
        self.stage
            .rpc
            .trigger_many(&self.stage.masters(), code, version, running)?;
        self.stage
            .await_rows("every task to run", "t_ds_task_instance WHERE state = 1", running)?;
        let dead = self.stage.cluster.masters.remove(0);
        let dead_address = dead.address().to_owned();
        let moved = self.stage.rows(&format!(
            "t_ds_workflow_instance WHERE host = '{dead_address}' AND state = 1"
        ))?;
        let survivor = self.stage.masters().remove(0);
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
            if owned.is_none() && self.stage.rows(&owned_by_survivor)? >= running {
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

    fn take_overs(&self) -> u64 {
        self.stage
            .stubs
            .iter()
            .map(|stub| stub.counters().take_overs)
            .sum()
    }

    fn await_gone(&self, path: &str) -> Result<Instant, Error> {
        let deadline = Deadline::after_seconds(WAIT_SECONDS);
        self.stage.runtime.block_on(async {
            while self
                .stage
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
        let accepted: u64 = self.stage.stubs.iter().map(|stub| stub.counters().accepted).sum();
        let duplicates: u64 = self
            .stage
            .stubs
            .iter()
            .map(|stub| stub.counters().duplicates)
            .sum();
        let rows = self.stage.rows("t_ds_task_instance")?;
        if accepted == running as u64 && duplicates == 0 && rows == running {
            return Ok(());
        }
        Err(failed(
            "the check",
            format!("{accepted} tasks accepted, {duplicates} twice, {rows} rows for {running} tasks"),
        ))
    }
}
