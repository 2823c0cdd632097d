//! The whole path: a trigger by RPC, masters, workers, rows. Each test on the embedded and on the real stack.

use crate::support::{Scene, states};
use orca_engine::codes::{TaskState, WorkflowState};
use orca_engine::model::Property;
use orca_integration::harness::definitions::{shell, shell_with_parameters, workflow};
use orca_integration::harness::{ClusterOptions, Deadline, Signal, Stack, until};
use std::collections::BTreeMap;
use std::fs;

#[test]
fn a_diamond_runs_on_the_embedded_stack() {
    diamond(Stack::Embedded);
}

#[test]
fn a_diamond_runs_on_the_real_stack() {
    diamond(Stack::Real);
}

fn diamond(stack: Stack) {
    let scene = Scene::start(ClusterOptions::new(stack));
    let order = scene.folder().join("order");
    let line = |name: &str| format!("echo {name} >> {}", order.display());
    let definition = scene.save(&workflow(
        "diamond",
        vec![
            shell("a", &line("a"), &[]),
            shell("b", &line("b"), &["a"]),
            shell("c", &line("c"), &["a"]),
            shell("d", &line("d"), &["b", "c"]),
        ],
    ));
    let id = scene.trigger(definition);
    assert_eq!(scene.await_end(id), WorkflowState::Success);
    let tasks = scene.tasks(id);
    assert_eq!(states(&tasks), vec![TaskState::Success; 4]);
    assert!(
        tasks
            .iter()
            .all(|task| task.host.is_some() && task.log_path.is_some() && task.end_time.is_some())
    );
    let lines: Vec<String> = fs::read_to_string(order)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    assert_eq!((lines.len(), lines[0].as_str(), lines[3].as_str()), (4, "a", "d"));
    scene.assert_released();
}

#[test]
fn outputs_become_inputs_and_start_parameters_win() {
    let scene = Scene::start(ClusterOptions::new(Stack::Embedded));
    let seen = scene.folder().join("seen");
    let out = r#"[{"prop":"rows","direct":"OUT","type":"VARCHAR","value":""}]"#;
    let input = r#"[{"prop":"rows","direct":"IN","type":"VARCHAR","value":"none"},{"prop":"who","direct":"IN","type":"VARCHAR","value":"local"}]"#;
    let report = format!(
        "echo '${{rows}} ${{who}} ${{system.workflow.instance.id}}' > {}",
        seen.display()
    );
    let definition = scene.save(&workflow(
        "parameters",
        vec![
            shell_with_parameters("extract", "echo '${setValue(rows=42)}'", &[], out),
            shell_with_parameters("report", &report, &["extract"], input),
        ],
    ));
    let who = Property {
        prop: Some("who".to_owned()),
        direct: Some(orca_engine::codes::Direct::In),
        data_type: Some(orca_engine::codes::DataType::Varchar),
        value: Some("start".to_owned()),
    };
    let id = scene.trigger_with(definition, vec![who]);
    assert_eq!(scene.await_end(id), WorkflowState::Success);
    assert_eq!(fs::read_to_string(seen).unwrap().trim(), format!("42 start {id}"));
}

#[test]
fn a_failed_task_is_tried_again_and_then_fails_the_workflow() {
    let scene = Scene::start(ClusterOptions::new(Stack::Embedded));
    let mut flaky = shell("flaky", "exit 3", &[]);
    flaky.fail_retry_times = 2;
    flaky.fail_retry_interval = 0;
    let definition = scene.save(&workflow(
        "flaky",
        vec![flaky, shell("after", "true", &["flaky"])],
    ));
    let id = scene.trigger(definition);
    assert_eq!(scene.await_end(id), WorkflowState::Failure);
    let tasks = scene.tasks(id);
    assert_eq!(
        states(&tasks),
        vec![TaskState::Failure; 3],
        "three attempts and nothing behind them"
    );
    assert_eq!(
        tasks.iter().map(|task| task.retry_times).collect::<Vec<_>>(),
        [0, 1, 2]
    );
}

#[test]
fn stop_kills_the_whole_process_group() {
    let scene = Scene::start(ClusterOptions::new(Stack::Embedded));
    let pids = scene.folder().join("pids");
    let script = format!("sleep 300 & echo $! > {0}; echo $$ >> {0}; wait", pids.display());
    let definition = scene.save(&workflow("long", vec![shell("long", &script, &[])]));
    let id = scene.trigger(definition);
    let started = until("the script to begin", Deadline::after_seconds(30), || {
        let text = fs::read_to_string(&pids).ok()?;
        (text.lines().count() == 2).then_some(text)
    });
    let started = started.unwrap();
    scene.rpc.stop(scene.master(0), id).unwrap();
    assert_eq!(scene.await_end(id), WorkflowState::Stop);
    assert_eq!(states(&scene.tasks(id)), [TaskState::Kill]);
    for pid in started.lines() {
        scene.await_gone(pid);
    }
}

/// 200 runs over two masters: all succeed, each task runs exactly once.
#[test]
fn two_masters_run_two_hundred_workflows_once_each() {
    let scene = Scene::start(ClusterOptions::new(Stack::Real).masters(2).workers(2));
    let lines = scene.folder().join("lines");
    let line = |task: &str| {
        format!(
            "echo ${{system.workflow.instance.id}} {task} >> {}",
            lines.display()
        )
    };
    let definition = scene.save(&workflow(
        "twice",
        vec![
            shell("first", &line("first"), &[]),
            shell("second", &line("second"), &["first"]),
        ],
    ));
    let ids = scene.trigger_many(definition, 200);
    for id in &ids {
        assert_eq!(
            scene.await_end(*id),
            WorkflowState::Success,
            "workflow instance {id}"
        );
    }
    let mut ran: BTreeMap<String, usize> = BTreeMap::new();
    for line in fs::read_to_string(lines).unwrap().lines() {
        *ran.entry(line.to_owned()).or_default() += 1;
    }
    assert_eq!(ran.len(), 400, "every task ran");
    assert!(
        ran.values().all(|times| *times == 1),
        "no task ran twice: {ran:?}"
    );
    let hosts: std::collections::BTreeSet<_> = ids.iter().filter_map(|id| scene.instance(*id).host).collect();
    assert_eq!(hosts.len(), 2, "both masters took their share");
    scene.assert_released();
}

#[test]
fn a_killed_worker_group_leaves_no_orphans() {
    let mut scene = Scene::start(ClusterOptions::new(Stack::Embedded));
    let pids = scene.folder().join("pids");
    let script = format!("sleep 300 & echo $! > {0}; echo $$ >> {0}; wait", pids.display());
    let definition = scene.save(&workflow("orphan", vec![shell("orphan", &script, &[])]));
    scene.trigger(definition);
    let started = until("the script to begin", Deadline::after_seconds(30), || {
        let text = fs::read_to_string(&pids).ok()?;
        (text.lines().count() == 2).then_some(text)
    });
    let started = started.unwrap();
    scene.cluster.workers[0].process.signal_group(Signal::KILL);
    for pid in started.lines() {
        scene.await_gone(pid);
    }
}
