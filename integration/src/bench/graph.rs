//! Large graphs on a real master: what a run costs against its size, and what the death of its master in mid-run costs.

use super::measure::cpu_seconds;
use super::{Bench, LOAD_SECONDS};
use orca_integration::harness::definitions::{shell, workflow};
use orca_integration::harness::{ClusterOptions, Deadline, Error, Stack, until};
use orca_schema::NewDefinition;
use orca_worker::StubSettings;
use std::time::{Duration, Instant};

/// Tasks; edges are twice as many.
pub(super) const SIZES: [usize; 4] = [500, 1_000, 2_500, 5_000];
const MID_RUN_LAYERS: usize = 4;
/// Long enough for a whole layer to run at the same time, on a machine with other work.
const LAYER_HELD_FOR: Duration = Duration::from_secs(8);

/// Of each task, the indexes of those before it.
pub(super) type Layers = Vec<Vec<usize>>;

/// Each task follows two of the layer before, and some a third, so that there are twice as many edges as tasks.
pub(super) fn layers(tasks: usize, width: usize) -> Layers {
    (0..tasks)
        .map(|index| {
            let Some(layer_before) = (index / width).checked_sub(1) else {
                return Vec::new();
            };
            let count = if index < 3 * width { 3 } else { 2 };
            (0..count)
                .map(|next| layer_before * width + (index % width + next) % width)
                .collect()
        })
        .collect()
}

fn definition(name: &str, layers: &Layers) -> NewDefinition {
    let names: Vec<String> = (0..layers.len()).map(|index| format!("t{index}")).collect();
    let task = |(index, before): (usize, &Vec<usize>)| {
        let before: Vec<&str> = before.iter().map(|&before| names[before].as_str()).collect();
        shell(&names[index], "true", &before)
    };
    workflow(name, layers.iter().enumerate().map(task).collect())
}

fn edges(layers: &Layers) -> usize {
    layers.iter().map(Vec::len).sum()
}

/// A worker that finishes each task at once: what is left is the master, the database and the calls.
pub(super) fn run() -> Result<(), Error> {
    let bench = Bench::start()?;
    println!(
        "\n| graph, on a real master | first run | second run | per task | CPU of the master, per task |\n\
         | --- | --- | --- | --- | --- |"
    );
    for (name, layer_count) in [("layers of 50", None), ("4 layers", Some(4))] {
        for tasks in SIZES {
            let graph = layers(tasks, layer_count.map_or(50, |count| tasks / count));
            let saved = bench.save(&definition(&format!("{name} {tasks}"), &graph))?;
            let time = |bench: &Bench| {
                let (from, cpu) = (Instant::now(), cpu_seconds(bench.pid())?);
                bench.await_success(&[bench.trigger(saved)?])?;
                Ok::<_, Error>((from.elapsed().as_secs_f64(), cpu_seconds(bench.pid())? - cpu))
            };
            // The first run reads the definition.
            let (first, _) = time(&bench)?;
            let (second, cpu) = time(&bench)?;
            let each = |seconds: f64| seconds * 1_000.0 / tasks as f64;
            println!(
                "| {name}: {tasks} tasks, {} edges | {first:.3} s | {second:.3} s | {:.3} ms | {:.3} ms |",
                edges(&graph),
                each(second),
                each(cpu)
            );
        }
    }
    Ok(())
}

/// The master of one large run dies when its first layer has ended and its second is with the worker.
pub(super) fn mid_run() -> Result<(), Error> {
    println!(
        "\n| death in mid-run of one graph | tasks ended | tasks running | owned after the kill | all re-pointed | CPU of the survivor till then |\n\
         | --- | --- | --- | --- | --- | --- |"
    );
    for tasks in SIZES {
        one_death(tasks)?;
    }
    Ok(())
}

fn one_death(tasks: usize) -> Result<(), Error> {
    let stub = StubSettings {
        run_for: LAYER_HELD_FOR,
        ..StubSettings::default()
    };
    let mut bench = Bench::start_with(ClusterOptions::new(Stack::Real).workers(0), stub)?;
    let width = tasks / MID_RUN_LAYERS;
    let graph = layers(tasks, width);
    let saved = bench.save(&definition("mid-run", &graph))?;
    let accepted_before = bench.stub.counters().accepted;
    let id = bench.trigger(saved)?;
    // Only now: the first master is the owner.
    let survivor = bench.cluster.add_master()?.address().to_owned();
    until("the second master", Deadline::after_seconds(LOAD_SECONDS), || {
        bench.rpc.is_registered(&survivor).then_some(())
    })?;
    let rows = |bench: &Bench, rest: &str| {
        let rest = format!("t_ds_{rest}");
        bench
            .cluster
            .count_rows(&rest)
            .map(|rows| usize::try_from(rows).unwrap_or_default())
    };
    let in_state =
        |state: i32| format!("task_instance WHERE workflow_instance_id = {id} AND state = {state}");
    until(
        "the second layer to run",
        Deadline::after_seconds(LOAD_SECONDS),
        || {
            let ended = rows(&bench, &in_state(7)).ok()?;
            let running = rows(&bench, &in_state(1)).ok()?;
            (ended == width && running == width).then_some(())
        },
    )?;
    let (before, pid) = (bench.stub.counters(), bench.cluster.masters[1].process.pid());
    let cpu = cpu_seconds(pid)?;
    // Dropping it is SIGKILL to its group; its guardian is in another and removes its node.
    let (dead, killed) = (bench.cluster.masters.remove(0), Instant::now());
    drop(dead);
    let owned_by = format!("workflow_instance WHERE id = {id} AND state = 1 AND host = '{survivor}'");
    until(
        "the survivor to own it",
        Deadline::after_seconds(LOAD_SECONDS),
        || (rows(&bench, &owned_by).ok()? == 1).then_some(()),
    )?;
    let owned = killed.elapsed();
    until(
        "the worker to be told",
        Deadline::after_seconds(LOAD_SECONDS),
        || {
            let told = bench.stub.counters().take_overs - before.take_overs;
            (told >= width as u64).then_some(())
        },
    )?;
    let (pointed, cpu) = (killed.elapsed(), cpu_seconds(pid)? - cpu);
    bench.await_success(&[id])?;
    let counters = bench.stub.counters();
    if counters.accepted - accepted_before != tasks as u64 || counters.duplicates > 0 {
        return Err(Error::Failed {
            what: "the check".to_owned(),
            reason: format!("{tasks} tasks, {counters:?}"),
        });
    }
    println!(
        "| {tasks} tasks, {} edges | {width} | {width} | {:.3} s | {:.3} s | {cpu:.2} s |",
        edges(&graph),
        owned.as_secs_f64(),
        pointed.as_secs_f64(),
    );
    Ok(())
}
