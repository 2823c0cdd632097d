//! `orca failover` tells what the tests of failovers have seen happen.

use crate::support::{Scene, states};
use orca_engine::codes::{TaskState, WorkflowState};
use orca_integration::harness::definitions::{shell, workflow};
use orca_integration::harness::{ClusterOptions, Deadline, Stack, until};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

const TOLD_SECONDS: u64 = 30;

fn ask(scene: &Scene, arguments: &[&str]) -> Value {
    let arguments = [arguments, &["--json"]].concat();
    serde_json::from_str(&scene.cluster.run(&arguments).unwrap()).unwrap()
}

/// What a death of `host` would move now, with one running task each.
pub(crate) fn check_plan(scene: &Scene, host: &str, ids: &[i32]) {
    let ids = BTreeSet::from_iter(ids.iter().copied());
    let plan = ask(scene, &["failover", "plan", host]);
    let moves = plan["moves"].as_array().unwrap();
    let planned: Vec<i64> = moves
        .iter()
        .map(|one| one["workflowInstanceId"].as_i64().unwrap())
        .collect();
    assert_eq!(planned, ids.iter().map(|id| i64::from(*id)).collect::<Vec<_>>());
    for (one, id) in moves.iter().zip(ids) {
        let task = &scene.tasks(id)[0];
        assert_eq!(one["state"], "RUNNING_EXECUTION");
        assert_eq!(one["tasks"].as_array().unwrap().len(), 1);
        assert_eq!(one["tasks"][0]["taskInstanceId"], task.id);
        assert_eq!(one["tasks"][0]["host"], task.host.clone().unwrap());
    }
}

/// The newest failover with its lines, once `lines` of them are there.
fn await_failover(scene: &Scene, lines: usize) -> (Value, Vec<Value>) {
    let told = until("the timeline", Deadline::after_seconds(TOLD_SECONDS), || {
        let list = ask(scene, &["failover", "list"]);
        let newest = list["failovers"].get(0)?.clone();
        let shown = ask(scene, &["failover", "show", &newest["id"].to_string()]);
        let entries = shown["entries"].as_array()?.clone();
        let is_told = entries.len() >= lines && shown["failover"]["state"] == "done";
        is_told.then_some((shown["failover"].clone(), entries))
    });
    told.unwrap_or_else(|error| panic!("{error}\n{}", ask(scene, &["failover", "list"])))
}

fn of_instance(entries: &[Value], id: i32) -> Vec<&Value> {
    entries
        .iter()
        .filter(|entry| entry["workflowInstanceId"] == id)
        .collect()
}

/// Who died, who took it up, and that each instance of `ids` was moved, claimed and its first task taken over in place.
pub(crate) fn check_taken_over(scene: &Scene, dead: &str, by: &str, ids: &[i32]) {
    let (failover, entries) = await_failover(scene, ids.len() * 3);
    assert_eq!(
        (failover["dead"].as_str(), failover["workedBy"].as_str()),
        (Some(dead), Some(by))
    );
    assert_eq!(failover["moved"], ids.len());
    let after = |name: &str| failover[name].as_i64().unwrap();
    assert!(0 <= after("claimedAfterMillis"), "{failover}");
    assert!(
        after("claimedAfterMillis") <= after("scannedAfterMillis"),
        "{failover}"
    );
    assert!(
        after("scannedAfterMillis") <= after("doneAfterMillis"),
        "{failover}"
    );
    assert_eq!(entries.len(), ids.len() * 3, "{entries:#?}");
    for id in ids {
        let [moved, claimed, task] = of_instance(&entries, *id)[..] else {
            panic!("three lines for instance {id}: {entries:#?}")
        };
        let first = &scene.tasks(*id)[0];
        assert_eq!(
            (&moved["event"], &moved["detail"]),
            (&"moved".into(), &"RUNNING_EXECUTION".into())
        );
        assert_eq!(
            (&claimed["event"], &claimed["detail"]),
            (&"claimed".into(), &by.into())
        );
        assert_eq!(
            (&task["event"], &task["taskInstanceId"]),
            (&"taken-over".into(), &first.id.into())
        );
        assert_eq!(task["detail"].as_str(), first.host.as_deref());
    }
    assert_eq!(down_alerts(scene), 1, "one alert for one death");
    let text = scene.cluster.run(&["failover", "list"]).unwrap();
    assert!(text.contains(dead) && text.contains(by), "{text}");
    let text = scene
        .cluster
        .run(&["failover", "show", &failover["id"].to_string()])
        .unwrap();
    assert!(text.contains("taken-over"), "{text}");
}

fn down_alerts(scene: &Scene) -> i64 {
    scene
        .cluster
        .count_rows("t_ds_alert WHERE title = 'Fault tolerance warning' AND alert_type = 4")
        .unwrap()
}

/// The death that follows shows that the survivor has looked at the orderly end before: it takes up one loss of an address after the other.
#[test]
fn an_orderly_end_without_workflows_is_no_failover_and_a_death_is_one() {
    let mut scene = Scene::start(ClusterOptions::new(Stack::Real).masters(2));
    let definition = scene.save(&workflow("short", vec![shell("only", "true", &[])]));
    for id in scene.trigger_many(definition, 4) {
        assert_eq!(scene.await_end(id), WorkflowState::Success);
    }
    scene.assert_released();
    let address = scene.master(0).to_owned();
    let stopped = scene.cluster.masters[0]
        .process
        .terminate(Duration::from_secs(30));
    assert!(stopped.unwrap().success());
    scene.cluster.restart_master(0).unwrap();
    let registered = || scene.rpc.is_registered(&address).then_some(());
    until("the master to be back", Deadline::after_seconds(60), registered).unwrap();
    scene.cluster.masters[0].process.kill();
    let (failover, entries) = await_failover(&scene, 0);
    assert_eq!(
        (&failover["dead"], &failover["epoch"]),
        (&Value::from(&*address), &2.into())
    );
    assert_eq!((&failover["moved"], entries.len()), (&0.into(), 0));
    assert_eq!(
        ask(&scene, &["failover", "list"])["failovers"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(down_alerts(&scene), 1);
}

#[test]
fn a_task_whose_worker_died_too_is_told_with_its_new_attempt() {
    let mut scene = Scene::start(ClusterOptions::new(Stack::Embedded));
    let go = scene.folder().join("go");
    let script = format!("until [ -e {} ]; do sleep 0.1; done", go.display());
    let definition = scene.save(&workflow("held", vec![shell("only", &script, &[])]));
    let id = scene.trigger(definition);
    let running = || (states(&scene.tasks(id)) == [TaskState::RunningExecution]).then_some(());
    until("the task to run", Deadline::after_seconds(60), running).unwrap();
    assert_eq!(
        ask(&scene, &["failover", "list"])["failovers"],
        Value::Array(Vec::new()),
        "a start is no failover"
    );
    let master = scene.master(0).to_owned();
    scene.cluster.masters[0].process.kill();
    drop(scene.cluster.workers.remove(0));
    scene.cluster.add_worker().unwrap();
    scene.cluster.restart_master(0).unwrap();
    let replaced = [TaskState::NeedFaultTolerance, TaskState::RunningExecution];
    until("a new attempt", Deadline::after_seconds(90), || {
        (states(&scene.tasks(id)) == replaced).then_some(())
    })
    .unwrap();
    let (failover, entries) = await_failover(&scene, 3);
    assert_eq!(
        (&failover["dead"], &failover["workedBy"]),
        (&Value::from(&*master), &Value::from(&*master))
    );
    let events: Vec<_> = entries
        .iter()
        .map(|entry| entry["event"].as_str().unwrap())
        .collect();
    assert_eq!(events, ["moved", "claimed", "new-attempt"]);
    let tasks = scene.tasks(id);
    assert_eq!(entries[2]["taskInstanceId"], tasks[0].id);
    let detail = entries[2]["detail"].as_str().unwrap();
    assert!(
        detail.starts_with(&format!("as {}: its worker", tasks[1].id)),
        "{detail}"
    );
    fs::write(go, "").unwrap();
    assert_eq!(scene.await_end(id), WorkflowState::Success);
}
