//! A master is frozen at the worst moments: between the check of its fence and its COMMIT, and while its dispatch calls lie in a worker's socket.

use crate::held::{await_first_tasks, runs, two_tasks};
use crate::support::{Scene, states};
use orca_engine::codes::{TaskState, WorkflowState};
use orca_integration::harness::definitions::fan;
use orca_integration::harness::{ClusterOptions, CommitGate, Deadline, LateWorker, Signal, Stack, until};
use std::collections::BTreeSet;
use std::fs;
use std::time::Instant;

const MOVED_SECONDS: u64 = 120;
/// The statement by which a step locks its instances and checks its fences.
const FENCE_CHECK: &str = "FROM t_ds_workflow_instance i JOIN t_orca_instance o";

fn await_rejoined(scene: &Scene, address: &str, epoch: i64) {
    let active =
        format!("t_orca_master WHERE address = '{address}' AND epoch > {epoch} AND state = 'active'");
    until(
        "the frozen master to join again",
        Deadline::after_seconds(MOVED_SECONDS),
        || (scene.cluster.count_rows(&active).ok()? == 1).then_some(()),
    )
    .unwrap_or_else(|error| panic!("{error}\n{}", scene.logs()));
}

/// Everything that the rows say of these workflows.
fn rows(scene: &Scene, ids: &[i32]) -> String {
    let of_one = |id: &i32| format!("{:?} {:?}\n", scene.instance(*id), scene.tasks(*id));
    ids.iter().map(of_one).collect()
}

/// Freezes a master whose COMMIT is on its way, lets everything move and end, and wakes it up.
fn frozen_between_fence_check_and_commit(idle_transaction_timeout: &str) {
    let options = ClusterOptions::new(Stack::Real).masters(0);
    let timeout = ("ORCA_DATABASE_IDLE_TRANSACTION_TIMEOUT", idle_transaction_timeout);
    let mut scene = Scene::start(options.master_variable(timeout.0, timeout.1));
    let server = scene.cluster.mariadb.as_ref().unwrap();
    let gate = CommitGate::start(([127, 0, 0, 1], server.port()).into()).unwrap();
    let through_gate = server.jdbc_url().replace(
        &format!("127.0.0.1:{}", server.port()),
        &gate.address().to_string(),
    );
    scene
        .cluster
        .add_master_with(&[("SPRING_DATASOURCE_URL", &through_gate)])
        .unwrap();
    scene.cluster.add_master().unwrap();
    let (frozen, survivor) = (scene.master(0).to_owned(), scene.master(1).to_owned());
    let definition = scene.save(&two_tasks(&scene));
    let ids = scene.trigger_many(definition, 12);
    await_first_tasks(&scene, &ids);
    let of = |owner: &str| {
        ids.iter()
            .filter(|id| scene.instance(**id).host.as_deref() == Some(owner))
            .count()
    };
    assert!(of(&frozen) > 0 && of(&survivor) > 0, "both masters had a share");

    gate.hold_commit_after(FENCE_CHECK);
    fs::write(scene.folder().join("go"), "").unwrap();
    gate.await_held(Deadline::after_seconds(60)).unwrap();
    scene.cluster.masters[0].process.signal(Signal::STOP);
    let held_at = Instant::now();
    let is_locked = |id: &i32| {
        let row = format!("t_ds_workflow_instance WHERE id = {id} FOR UPDATE NOWAIT");
        scene.cluster.count_rows(&row).is_err()
    };
    let locked: Vec<i32> = ids.iter().copied().filter(is_locked).collect();
    assert!(!locked.is_empty(), "the frozen transaction holds its locks");
    for id in &locked {
        let free = || (!is_locked(id)).then_some(());
        until(
            "the locks to be free",
            Deadline::after_seconds(MOVED_SECONDS),
            free,
        )
        .unwrap_or_else(|error| panic!("{error}\n{}", scene.logs()));
    }
    println!(
        "idle-transaction time-out {idle_transaction_timeout}: the frozen transaction kept its locks for {} ms",
        held_at.elapsed().as_millis()
    );
    // The session of the frozen master ends, its instances move, and their second tasks run.
    for id in &ids {
        assert_eq!(
            scene.await_end(*id),
            WorkflowState::Success,
            "workflow instance {id}"
        );
    }
    println!(
        "all workflows ended {} ms after the freeze",
        held_at.elapsed().as_millis()
    );
    let moved = format!("t_orca_instance WHERE owner = '{survivor}' AND epoch > 1");
    assert!(scene.cluster.count_rows(&moved).unwrap() >= i64::try_from(locked.len()).unwrap());

    let before = rows(&scene, &ids);
    scene.cluster.masters[0].process.signal(Signal::CONT);
    gate.release();
    await_rejoined(&scene, &frozen, 1);
    assert_eq!(before, rows(&scene, &ids), "the woken master has written nothing");
    for id in &ids {
        let states = states(&scene.tasks(*id));
        assert_eq!(states, [TaskState::Success; 2], "no attempt was replaced");
    }
    let ran = runs(&scene.folder().join("lines"));
    assert!(
        ran.len() == ids.len() * 2 && ran.values().all(|times| *times == 1),
        "{ran:?}"
    );
}

#[test]
fn a_commit_that_was_held_while_everything_moved_writes_nothing() {
    frozen_between_fence_check_and_commit("3s");
}

/// As on MySQL, which ends no idle transaction: the rescuer ends the sessions of the dead.
#[test]
fn without_a_time_out_of_the_server_the_rescuer_ends_the_sessions() {
    frozen_between_fence_check_and_commit("0s");
}

/// Counts what a woken master still sends. The worker is not Orca's and answers nothing, so whatever lies in its socket would run when it looks at it.
#[test]
fn a_woken_master_dispatches_nothing_but_what_lay_in_a_socket() {
    let mut scene = Scene::start(ClusterOptions::new(Stack::Real).masters(2).workers(0));
    let worker = LateWorker::register(&scene.cluster.registry().unwrap()).unwrap();
    let (frozen, survivor) = (scene.master(0).to_owned(), scene.master(1).to_owned());
    let definition = scene.save(&fan("fan", 20, "true"));
    let ids = scene.trigger_many(definition, 20);
    let lies = |master: &str| worker.lying().iter().filter(|call| call.master == master).count();
    until(
        "the first dispatch of the master",
        Deadline::after_seconds(60),
        || (lies(&frozen) > 0).then_some(()),
    )
    .unwrap_or_else(|error| panic!("{error}\n{}", scene.logs()));
    scene.cluster.masters[0].process.signal(Signal::STOP);
    for id in &ids {
        until(
            "every instance to have the survivor as its owner",
            Deadline::after_seconds(MOVED_SECONDS),
            || (scene.instance(*id).host.as_deref() == Some(&survivor)).then_some(()),
        )
        .unwrap_or_else(|error| panic!("{error}\n{}", scene.logs()));
    }
    let (before, woken_at) = (lies(&frozen), Instant::now());
    scene.cluster.masters[0].process.signal(Signal::CONT);
    await_rejoined(&scene, &frozen, 1);
    let calls = worker.lying();
    let late = calls
        .iter()
        .filter(|call| call.master == frozen && call.arrived >= woken_at)
        .count();
    println!(
        "{before} dispatch calls of the frozen master lay in the worker's socket, {late} came after it woke up; {} of the survivor",
        lies(&survivor)
    );
    assert_eq!(
        late,
        0,
        "of {} calls left the master after it woke up",
        calls.len()
    );
    let distinct: BTreeSet<i32> = calls.iter().map(|call| call.task_instance_id).collect();
    assert_eq!(
        distinct.len(),
        calls.len(),
        "no attempt was sent twice, by whomever"
    );
}
