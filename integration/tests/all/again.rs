//! An instance that has ended is run again by RPC: all of it, what failed, or what was suspended.

use crate::support::{Scene, states};
use orca_engine::codes::{Flag, TaskState, WorkflowState};
use orca_engine::model::TaskInstance;
use orca_integration::harness::definitions::{shell, workflow};
use orca_integration::harness::{ClusterOptions, Deadline, Stack, until};
use std::fs;

fn valid(tasks: &[TaskInstance]) -> Vec<&str> {
    tasks
        .iter()
        .filter(|task| task.flag == Flag::Yes)
        .map(|task| task.name.as_str())
        .collect()
}

/// The instance has ended in its run number `run`.
fn await_run(scene: &Scene, id: i32, run: i32) -> WorkflowState {
    let ended = || {
        let instance = scene.instance(id);
        (instance.run_times == run && instance.state.is_final()).then_some(instance.state)
    };
    until("the end of that run", Deadline::after_seconds(60), ended).unwrap()
}

#[test]
fn a_recovery_runs_what_failed_and_what_follows_it() {
    let scene = Scene::start(ClusterOptions::new(Stack::Embedded));
    let (runs, mended) = (scene.folder().join("runs"), scene.folder().join("mended"));
    let line = |name: &str| format!("echo {name} >> {}", runs.display());
    let definition = scene.save(&workflow(
        "mend",
        vec![
            shell("first", &line("first"), &[]),
            shell(
                "second",
                &format!("{}; test -e {}", line("second"), mended.display()),
                &["first"],
            ),
            shell("third", &line("third"), &["second"]),
        ],
    ));
    let id = scene.trigger(definition);
    assert_eq!(scene.await_end(id), WorkflowState::Failure);
    fs::write(&mended, "").unwrap();
    scene.rpc.recover_failure(scene.master(0), id).unwrap();
    assert_eq!(await_run(&scene, id, 2), WorkflowState::Success);
    assert_eq!(
        fs::read_to_string(&runs).unwrap(),
        "first\nsecond\nsecond\nthird\n"
    );
    let tasks = scene.tasks(id);
    assert_eq!(valid(&tasks), ["first", "second", "third"]);
    assert_eq!(
        states(&tasks),
        [
            TaskState::Success,
            TaskState::Failure,
            TaskState::Success,
            TaskState::Success
        ]
    );
    let refused = scene
        .rpc
        .recover_failure(scene.master(0), id)
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("Recover failure task failed: ") && refused.contains("SUCCESS"),
        "{refused}"
    );
    scene.assert_released();
}

#[test]
fn a_repetition_runs_everything_once_more() {
    let scene = Scene::start(ClusterOptions::new(Stack::Embedded));
    let definition = scene.save(&workflow(
        "repeat",
        vec![shell("a", "true", &[]), shell("b", "true", &["a"])],
    ));
    let id = scene.trigger(definition);
    assert_eq!(scene.await_end(id), WorkflowState::Success);
    scene.rpc.repeat(scene.master(0), id).unwrap();
    assert_eq!(await_run(&scene, id, 2), WorkflowState::Success);
    let tasks = scene.tasks(id);
    assert_eq!(states(&tasks), vec![TaskState::Success; 4]);
    assert_eq!(
        tasks.iter().map(|task| task.flag).collect::<Vec<_>>(),
        [Flag::No, Flag::No, Flag::Yes, Flag::Yes]
    );
}

#[test]
fn a_paused_workflow_goes_on_where_it_stopped() {
    let scene = Scene::start(ClusterOptions::new(Stack::Embedded));
    let (begun, go) = (scene.folder().join("begun"), scene.folder().join("go"));
    let first = format!(
        "touch {}; until [ -e {} ]; do sleep 0.05; done",
        begun.display(),
        go.display()
    );
    let definition = scene.save(&workflow(
        "pause",
        vec![shell("first", &first, &[]), shell("second", "true", &["first"])],
    ));
    let id = scene.trigger(definition);
    until("the first task to begin", Deadline::after_seconds(30), || {
        begun.exists().then_some(())
    })
    .unwrap();
    scene.rpc.pause(scene.master(0), id).unwrap();
    let pausing = || (scene.instance(id).state == WorkflowState::ReadyPause).then_some(());
    until("the pause to be taken up", Deadline::after_seconds(30), pausing).unwrap();
    fs::write(&go, "").unwrap();
    assert_eq!(scene.await_end(id), WorkflowState::Pause);
    assert_eq!(states(&scene.tasks(id)), [TaskState::Success, TaskState::Pause]);
    scene.rpc.recover_suspended(scene.master(0), id).unwrap();
    assert_eq!(await_run(&scene, id, 2), WorkflowState::Success);
    assert_eq!(
        states(&scene.tasks(id)),
        vec![TaskState::Success; 2],
        "the paused row was used again"
    );
}

#[test]
fn recoveries_at_the_same_time_have_the_effect_of_one() {
    let scene = Scene::start(ClusterOptions::new(Stack::Real).masters(2));
    let (lines, gate) = (scene.folder().join("lines"), scene.folder().join("gate"));
    let script = format!("echo only >> {}; test -e {}", lines.display(), gate.display());
    let definition = scene.save(&workflow("raced", vec![shell("only", &script, &[])]));
    let id = scene.trigger_many(definition, 1)[0];
    assert_eq!(scene.await_end(id), WorkflowState::Failure);
    fs::write(&gate, "").unwrap();
    let accepted = race(&scene, |master| scene.rpc.recover_failure(master, id));
    assert_eq!(accepted, 1);
    assert_eq!(await_run(&scene, id, 2), WorkflowState::Success);
    assert_eq!(fs::read_to_string(&lines).unwrap(), "only\nonly\n");
    scene.await_error_commands(0);
}

/// The calls come right after the end, when the master may still hold the run before.
#[test]
fn repetitions_at_the_same_time_have_the_effect_of_one() {
    let scene = Scene::start(ClusterOptions::new(Stack::Real).masters(2));
    let (lines, gate) = (scene.folder().join("lines"), scene.folder().join("gate"));
    let script = format!(
        "echo only >> {}; until test -e {}; do sleep 0.1; done",
        lines.display(),
        gate.display()
    );
    let definition = scene.save(&workflow("raced", vec![shell("only", &script, &[])]));
    fs::write(&gate, "").unwrap();
    let id = scene.trigger_many(definition, 1)[0];
    assert_eq!(scene.await_end(id), WorkflowState::Success);
    // Closed: the repetition cannot end before every caller has its answer.
    fs::remove_file(&gate).unwrap();
    let accepted = race(&scene, |master| scene.rpc.repeat(master, id));
    assert_eq!(accepted, 1);
    fs::write(&gate, "").unwrap();
    assert_eq!(await_run(&scene, id, 2), WorkflowState::Success);
    assert_eq!(fs::read_to_string(&lines).unwrap(), "only\nonly\n");
    scene.await_error_commands(0);
}

/// Calls from many threads to all masters; how many were accepted.
fn race<E: std::fmt::Display>(scene: &Scene, call: impl Fn(&str) -> Result<(), E> + Sync) -> usize {
    const CALLERS: usize = 8;
    let barrier = std::sync::Barrier::new(CALLERS);
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS)
            .map(|caller| {
                let (barrier, call) = (&barrier, &call);
                let master = scene.master(caller % scene.cluster.masters.len());
                scope.spawn(move || {
                    barrier.wait();
                    call(master).map_err(|error| error.to_string())
                })
            })
            .collect();
        let answers: Vec<_> = callers.into_iter().map(|one| one.join().unwrap()).collect();
        for refusal in answers.iter().filter_map(|answer| answer.as_ref().err()) {
            assert!(refusal.contains("The workflow instance: raced-"), "{refusal}");
        }
        answers.iter().filter(|answer| answer.is_ok()).count()
    })
}
