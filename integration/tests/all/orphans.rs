//! Rows in which nobody would ever run a workflow: each comes to its end by the search of the masters.

use crate::held::{await_first_tasks, let_go_and_check, two_tasks};
use crate::support::Scene;
use orca_engine::codes::WorkflowState;
use orca_integration::harness::definitions::{shell, workflow};
use orca_integration::harness::{ClusterOptions, Deadline, JavaPeer, Stack, free_port, until};
use std::fs;

const FOUND_SECONDS: u64 = 90;

fn set(scene: &Scene, id: i32, change: &str) {
    let statement = format!("UPDATE t_ds_workflow_instance SET {change} WHERE id = {id}");
    scene.cluster.execute_sql(&statement).unwrap();
}

fn count(scene: &Scene, rest: &str) -> i64 {
    scene.cluster.count_rows(rest).unwrap()
}

#[test]
fn what_nobody_would_run_comes_to_its_end() {
    let options = ClusterOptions::new(Stack::Real).masters(2);
    let scene = Scene::start(options.master_variable("ORCA_FAILOVER_SWEEP_INTERVAL", "1s"));
    let quick = scene.save(&workflow("quick", vec![shell("quick", "true", &[])]));
    let ended: Vec<i32> = scene.trigger_many(quick, 3);
    for id in &ended {
        assert_eq!(scene.await_end(*id), WorkflowState::Success);
    }
    let held = scene.save(&two_tasks(&scene));
    let ids = scene.trigger_many(held, 6);
    await_first_tasks(&scene, &ids);

    set(&scene, ids[0], "state = 18");
    set(&scene, ids[1], "host = NULL");
    set(&scene, ids[2], "host = ''");
    let [never_claimed, unheld, broken] = ended[..] else {
        panic!("three were triggered");
    };
    let again = "end_time = NULL";
    set(&scene, never_claimed, &format!("state = 0, host = NULL, {again}"));
    let host = scene.master(0);
    set(&scene, unheld, &format!("state = 1, host = '{host}', {again}"));
    set(
        &scene,
        broken,
        &format!("state = 18, workflow_definition_version = 99, {again}"),
    );

    for id in &ids[..3] {
        let taken_up = format!("t_orca_instance WHERE workflow_instance_id = {id} AND epoch > 1");
        until("a new claim", Deadline::after_seconds(FOUND_SECONDS), || {
            (count(&scene, &taken_up) == 1).then_some(())
        })
        .unwrap_or_else(|error| panic!("{error}\n{}", scene.logs()));
    }
    assert_eq!(scene.await_end(never_claimed), WorkflowState::Failure);
    assert_eq!(scene.await_end(unheld), WorkflowState::Success);
    assert_eq!(scene.await_end(broken), WorkflowState::Failure);
    assert_eq!(
        scene.tasks(unheld).len(),
        1,
        "its finished task did not run again"
    );
    let alerts = "t_ds_alert WHERE content LIKE '%NOT_RECOVERED%'";
    assert_eq!(
        count(&scene, alerts),
        2,
        "for what cannot be recovered, and for nothing else"
    );
    let_go_and_check(&scene, &ids);
    assert_eq!(count(&scene, "t_ds_command"), 0);
    let (a, b, c) = (ids[3], ids[4], ids[5]);
    let untouched = format!("t_orca_instance WHERE workflow_instance_id IN ({a}, {b}, {c}) AND epoch = 1");
    assert_eq!(count(&scene, &untouched), 3, "those that ran were left alone");
}

/// A Java master that loses the race for a command sets the workflow to FAILURE, whoever runs it.
#[test]
fn a_workflow_that_a_java_master_has_set_to_failure_goes_on() {
    let scene = Scene::start(ClusterOptions::new(Stack::Real));
    let definition = scene.save(&two_tasks(&scene));
    let ids = scene.trigger_many(definition, 2);
    await_first_tasks(&scene, &ids);
    let address = format!("127.0.0.1:{}", free_port());
    let peer = JavaPeer::register(&scene.cluster.registry().unwrap(), &address).unwrap();

    set(&scene, ids[0], "state = 6");
    let waits = Deadline::after_seconds(FOUND_SECONDS);
    let right_again = || (scene.instance(ids[0]).state == WorkflowState::RunningExecution).then_some(());
    until("the row to be put right", waits, right_again)
        .unwrap_or_else(|error| panic!("{error}\n{}", scene.logs()));

    // And the one that finds it out by its next step.
    set(&scene, ids[1], "state = 6");
    fs::write(scene.folder().join("go"), "").unwrap();
    let ended = || (scene.instance(ids[1]).state == WorkflowState::Success).then_some(());
    until(
        "the end of the workflow",
        Deadline::after_seconds(FOUND_SECONDS),
        ended,
    )
    .unwrap_or_else(|error| panic!("{error}\n{}", scene.logs()));
    let_go_and_check(&scene, &ids);
    drop(peer);
}
