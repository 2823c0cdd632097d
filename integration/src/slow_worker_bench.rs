//! One of two workers has become slow, in figures: how long ten workflows of two tasks take, how many tasks run twice, and how long the other worker waits
//! for what it is given.

use crate::stage::{Stage, WAIT_SECONDS, failed};
use orca_integration::harness::definitions::{shell, workflow};
use orca_integration::harness::{Cluster, ClusterOptions, Deadline, Error, Stack, until};
use orca_worker::StubSettings;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Workflows of two tasks: the load that was measured with Java's master.
const WORKFLOWS: usize = 10;
/// Workflows of one task that follow, one after another, while the slow worker is slow; about half of them are the other worker's.
const PACED: usize = 300;
const PACE: Duration = Duration::from_millis(20);
const SLOTS: usize = 4_000;
/// With a Java 3.4.2 master and a worker that answers 20 s late.
const JAVA: &str = "| answers 20 s late, Java 3.4.2 | 131 s | 5 of 10 | | | | |";

struct Slowness {
    name: &'static str,
    accept_after: Duration,
    answer_after: Duration,
}

const CASES: [Slowness; 3] = [
    Slowness {
        name: "none",
        accept_after: Duration::ZERO,
        answer_after: Duration::ZERO,
    },
    Slowness {
        name: "runs the task, answers 20 s late",
        accept_after: Duration::ZERO,
        answer_after: Duration::from_secs(20),
    },
    Slowness {
        name: "accepts and answers 15 s late",
        accept_after: Duration::from_secs(15),
        answer_after: Duration::ZERO,
    },
];

pub(crate) fn run() -> Result<(), Error> {
    println!(
        "| slow worker | ten workflows of two tasks | ran twice | given to the other worker | from trigger to acceptance there, p50 | p99 | longest |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for case in &CASES {
        measure(case)?;
    }
    println!("{JAVA}");
    Ok(())
}

fn measure(case: &Slowness) -> Result<(), Error> {
    let healthy = StubSettings {
        slots: SLOTS,
        accepts_kept: WORKFLOWS * 2 + PACED,
        ..StubSettings::default()
    };
    let slow = StubSettings {
        accept_after: case.accept_after,
        answer_after: case.answer_after,
        ..healthy.clone()
    };
    let stage = Stage::start(ClusterOptions::new(Stack::Real), &[healthy, slow])?;
    let two = stage.save(&workflow(
        "two",
        vec![shell("first", "true", &[]), shell("second", "true", &["first"])],
    ))?;
    let one = stage.save(&workflow("one", vec![shell("only", "true", &[])]))?;
    let start = Instant::now();
    let ids = stage
        .rpc
        .trigger_many(&stage.masters(), two.0, two.1, WORKFLOWS)?;
    let (took, triggered) = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| await_end(&stage.cluster, &ids, start));
        let triggered = trigger_paced(&stage, one);
        (watcher.join(), triggered)
    });
    let took = took.map_err(|_| failed("the watcher", "has panicked"))??;
    let triggered = triggered?;
    let all: Vec<i32> = ids.iter().chain(triggered.keys()).copied().collect();
    await_end(&stage.cluster, &all, start)?;
    let waits = waits(&stage, &triggered);
    let tasks = WORKFLOWS * 2 + PACED;
    println!(
        "| {} | {:.1} s | {} of {tasks} | {} | {} ms | {} ms | {} ms |",
        case.name,
        took.as_secs_f64(),
        ran_twice(&stage, tasks)?,
        waits.len(),
        percentile(&waits, 50),
        percentile(&waits, 99),
        percentile(&waits, 100),
    );
    Ok(())
}

/// When each was triggered, by its id.
fn trigger_paced(stage: &Stage, (code, version): (i64, i32)) -> Result<HashMap<i32, Instant>, Error> {
    let master = stage.masters().remove(0);
    let mut triggered = HashMap::new();
    for _ in 0..PACED {
        let at = Instant::now();
        triggered.insert(stage.rpc.trigger(&master, code, version, Vec::new())?, at);
        std::thread::sleep(PACE.saturating_sub(at.elapsed()));
    }
    Ok(triggered)
}

/// The time from `start` until the rows say that all have succeeded.
fn await_end(cluster: &Cluster, ids: &[i32], start: Instant) -> Result<Duration, Error> {
    let list: Vec<String> = ids.iter().map(ToString::to_string).collect();
    let ended = format!(
        "t_ds_workflow_instance WHERE state = 7 AND id IN ({})",
        list.join(",")
    );
    until(
        "the workflows to end",
        Deadline::after_seconds(WAIT_SECONDS),
        || {
            let found = cluster.count_rows(&ended).ok()?;
            (usize::try_from(found) == Ok(ids.len())).then(|| start.elapsed())
        },
    )
}

/// Milliseconds from the trigger to the acceptance by the other worker, sorted.
fn waits(stage: &Stage, triggered: &HashMap<i32, Instant>) -> Vec<u128> {
    let mut waits: Vec<u128> = stage.stubs[0]
        .accepts()
        .iter()
        .filter_map(|accept| {
            let at = triggered.get(&accept.workflow_instance_id)?;
            Some(accept.at.saturating_duration_since(*at).as_millis())
        })
        .collect();
    waits.sort_unstable();
    waits
}

/// Every acceptance beyond one for each task, whether under the same id or a new one.
fn ran_twice(stage: &Stage, tasks: usize) -> Result<u64, Error> {
    let counters = stage.stubs.iter().map(|stub| stub.counters());
    let accepted: u64 = counters.map(|seen| seen.accepted + seen.duplicates).sum();
    accepted.checked_sub(tasks as u64).ok_or_else(|| {
        failed(
            "the count",
            format!("{accepted} tasks accepted, {tasks} have ended"),
        )
    })
}

fn percentile(sorted: &[u128], percent: usize) -> u128 {
    let index = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(index).copied().unwrap_or_default()
}
