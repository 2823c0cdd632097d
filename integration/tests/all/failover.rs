//! A master dies, or starts again: its workflows go on elsewhere, from where they were, and nothing runs twice.

use crate::held::{await_first_tasks, let_go_and_check, two_tasks};
use crate::support::{Scene, states};
use crate::timeline::{check_plan, check_taken_over};
use orca_engine::codes::{TaskState, WorkflowState};
use orca_integration::harness::{ClusterOptions, Deadline, Signal, Stack, until};
use std::fs;
use std::time::Instant;

const TAKEN_OVER_SECONDS: u64 = 60;

#[test]
fn the_survivor_takes_over_running_tasks_in_place() {
    let mut scene = Scene::start(ClusterOptions::new(Stack::Real).masters(2));
    let definition = scene.save(&two_tasks(&scene));
    let ids = scene.trigger_many(definition, 20);
    await_first_tasks(&scene, &ids);
    let survivor = scene.master(1).to_owned();
    let dead = scene.cluster.masters.remove(0);
    let of_the_dead: Vec<i32> = ids
        .iter()
        .copied()
        .filter(|id| scene.instance(*id).host.as_deref() == Some(dead.address()))
        .collect();
    assert!(
        !of_the_dead.is_empty() && of_the_dead.len() < ids.len(),
        "both masters had a share: {of_the_dead:?}"
    );
    let dead_address = dead.address().to_owned();
    check_plan(&scene, &dead_address, &of_the_dead);
    // Dropping it is SIGKILL to its whole group.
    drop(dead);
    for id in &ids {
        until(
            "every instance to have the survivor as its owner",
            Deadline::after_seconds(TAKEN_OVER_SECONDS),
            || {
                let instance = scene.instance(*id);
                let is_taken = instance.host.as_deref() == Some(&survivor)
                    && instance.state == WorkflowState::RunningExecution;
                is_taken.then_some(())
            },
        )
        .unwrap();
    }
    check_taken_over(&scene, &dead_address, &survivor, &of_the_dead);
    let_go_and_check(&scene, &ids);
}

/// The session would live for a minute: what makes the death known before that is the dead master's guardian.
#[test]
fn a_guardian_makes_a_crash_known_long_before_the_session_ends() {
    let options = ClusterOptions::new(Stack::Real).masters(2);
    let scene = &mut Scene::start(options.master_variable("REGISTRY_ZOOKEEPER_SESSION_TIMEOUT", "60s"));
    let definition = scene.save(&two_tasks(scene));
    let ids = scene.trigger_many(definition, 6);
    await_first_tasks(scene, &ids);
    let survivor = scene.master(1).to_owned();
    drop(scene.cluster.masters.remove(0));
    let killed = Instant::now();
    for id in &ids {
        until(
            "the survivor to own every instance",
            Deadline::after_seconds(30),
            || (scene.instance(*id).host.as_deref() == Some(&survivor)).then_some(()),
        )
        .unwrap();
    }
    println!(
        "{} ms from the kill to the last take-over",
        killed.elapsed().as_millis()
    );
    let_go_and_check(scene, &ids);
}

#[test]
fn a_single_master_goes_on_after_its_restart() {
    let mut scene = Scene::start(ClusterOptions::new(Stack::Embedded));
    let definition = scene.save(&two_tasks(&scene));
    let ids = scene.trigger_many(definition, 5);
    await_first_tasks(&scene, &ids);
    scene.cluster.masters[0].process.kill();
    scene.cluster.restart_master(0).unwrap();
    let_go_and_check(&scene, &ids);
}

#[test]
fn a_frozen_master_that_wakes_up_changes_nothing() {
    let mut scene = Scene::start(ClusterOptions::new(Stack::Real).masters(2));
    let definition = scene.save(&two_tasks(&scene));
    let ids = scene.trigger_many(definition, 10);
    await_first_tasks(&scene, &ids);
    let survivor = scene.master(1).to_owned();
    scene.cluster.masters[0].process.signal(Signal::STOP);
    for id in &ids {
        until(
            "the survivor to own every instance",
            Deadline::after_seconds(TAKEN_OVER_SECONDS),
            || (scene.instance(*id).host.as_deref() == Some(&survivor)).then_some(()),
        )
        .unwrap();
    }
    scene.cluster.masters[0].process.signal(Signal::CONT);
    let_go_and_check(&scene, &ids);
}

#[test]
fn a_lost_worker_costs_only_its_own_tasks() {
    let mut scene = Scene::start(ClusterOptions::new(Stack::Embedded).workers(2));
    let definition = scene.save(&two_tasks(&scene));
    let lost = scene.cluster.workers.remove(0);
    let (mut ids, mut of_the_lost) = (Vec::new(), Vec::new());
    // The balancer goes by load, so it may give a few workflows to one worker.
    while of_the_lost.is_empty() || of_the_lost.len() == ids.len() {
        assert!(
            ids.len() < 60,
            "a worker without a share: {ids:?}, {of_the_lost:?}"
        );
        ids.extend(scene.trigger_many(definition, 6));
        await_first_tasks(&scene, &ids);
        let is_at_the_lost = |id: &i32| scene.tasks(*id)[0].host.as_deref() == Some(lost.address());
        of_the_lost = ids.iter().copied().filter(is_at_the_lost).collect();
    }
    drop(lost);
    for id in &of_the_lost {
        until(
            "a new attempt elsewhere",
            Deadline::after_seconds(TAKEN_OVER_SECONDS),
            || {
                (states(&scene.tasks(*id)) == [TaskState::NeedFaultTolerance, TaskState::RunningExecution])
                    .then_some(())
            },
        )
        .unwrap();
    }
    fs::write(scene.folder().join("go"), "").unwrap();
    for id in &ids {
        assert_eq!(scene.await_end(*id), WorkflowState::Success);
        let attempts = if of_the_lost.contains(id) { 3 } else { 2 };
        assert_eq!(scene.tasks(*id).len(), attempts, "workflow instance {id}");
    }
}
