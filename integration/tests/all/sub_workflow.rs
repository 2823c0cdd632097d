//! A task whose work is another workflow: the child runs once, follows its parent through pause, stop and recovery, and both outlive their masters.

use crate::support::{Definition, Scene, states};
use orca_engine::codes::{Flag, TaskState, WorkflowState};
use orca_engine::logic::sub_workflow::ChildLink;
use orca_engine::model::Property;
use orca_integration::harness::definitions::{shell, shell_with_parameters, workflow};
use orca_integration::harness::{ClusterOptions, Deadline, Stack, until};
use orca_schema::{NewDefinition, NewTask};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

/// A workflow of one task that runs this one.
fn parent(name: &str, (code, _): Definition) -> NewDefinition {
    let params = format!(r#"{{"localParams":[],"resourceList":[],"workflowDefinitionCode":{code}}}"#);
    workflow(name, vec![NewTask::new("sub", "SUB_WORKFLOW", params)])
}

fn lines(scene: &Scene) -> PathBuf {
    scene.folder().join("lines")
}

/// Writes a line when it really runs, and waits for the file `go`; then `after` follows.
fn held(scene: &Scene) -> NewDefinition {
    let (lines, go) = (lines(scene), scene.folder().join("go"));
    let line = |task: &str| {
        format!(
            "echo ${{system.workflow.instance.id}} {task} >> {}",
            lines.display()
        )
    };
    let wait = format!(
        "{}; until [ -e {} ]; do sleep 0.1; done",
        line("first"),
        go.display()
    );
    workflow(
        "child",
        vec![
            shell("first", &wait, &[]),
            shell("after", &line("after"), &["first"]),
        ],
    )
}

fn let_go(scene: &Scene) {
    fs::write(scene.folder().join("go"), "").unwrap();
}

/// The child of the newest attempt, once it has one.
fn child_of(scene: &Scene, parent: i32) -> i32 {
    let found = || Some(ChildLink::of(scene.tasks(parent).last()?)?.workflow_instance_id);
    until("the child", Deadline::after_seconds(60), found).unwrap()
}

fn await_state(scene: &Scene, id: i32, state: WorkflowState) {
    let what = format!("workflow instance {id} to be {state}");
    until(&what, Deadline::after_seconds(120), || {
        (scene.instance(id).state == state).then_some(())
    })
    .unwrap();
}

fn await_first_line(scene: &Scene, children: &[i32]) {
    until(
        "every child's first task to run",
        Deadline::after_seconds(120),
        || {
            let text = fs::read_to_string(lines(scene)).unwrap_or_default();
            let has = |child: &i32| text.lines().any(|line| line == format!("{child} first"));
            children.iter().all(has).then_some(())
        },
    )
    .unwrap();
    for child in children {
        let runs = || (states(&scene.tasks(*child)) == [TaskState::RunningExecution]).then_some(());
        until("its row to say so", Deadline::after_seconds(60), runs).unwrap();
    }
}

/// No instance was started beside these.
fn only_these(scene: &Scene, ids: &[i32]) {
    let count = i64::try_from(ids.len()).unwrap();
    assert_eq!(scene.instance_count(), count, "{ids:?}");
}

#[test]
fn a_child_gets_the_parameters_and_its_end_is_the_tasks_end() {
    let scene = Scene::start(ClusterOptions::new(Stack::Embedded));
    let given = scene.folder().join("given");
    let script = format!(
        "echo ${{city}} > {}; echo '${{setValue(said=Nihao)}}'",
        given.display()
    );
    let output = r#"[{"prop":"said","direct":"OUT","type":"VARCHAR","value":""}]"#;
    let say = shell_with_parameters("say", &script, &[], output);
    let child = scene.save(&workflow("child", vec![say]));
    let middle = scene.save(&parent("middle", child));
    let top = scene.save(&parent("top", middle));
    let city = Property {
        prop: Some("city".to_owned()),
        value: Some("Hangzhou".to_owned()),
        direct: Some(orca_engine::codes::Direct::In),
        data_type: Some(orca_engine::codes::DataType::Varchar),
    };
    let id = scene.trigger_with(top, vec![city]);
    assert_eq!(scene.await_end(id), WorkflowState::Success);
    assert_eq!(fs::read_to_string(&given).unwrap(), "Hangzhou\n");
    let middle = child_of(&scene, id);
    let child = child_of(&scene, middle);
    for one in [middle, child] {
        let instance = scene.instance(one);
        assert_eq!(
            (instance.state, instance.is_sub_workflow),
            (WorkflowState::Success, Flag::Yes)
        );
        assert!(instance.global_params.unwrap().contains("Hangzhou"));
    }
    assert_eq!(scene.instance(id).is_sub_workflow, Flag::No);
    let knows = |one| scene.instance(one).var_pool.unwrap_or_default().contains("Nihao");
    assert!(
        knows(child) && !knows(middle) && !knows(id),
        "outputs of a child stay with it, as in the reference"
    );
    only_these(&scene, &[id, middle, child]);
    scene.assert_released();
}

#[test]
fn pause_and_recovery_reach_the_same_child() {
    let scene = Scene::start(ClusterOptions::new(Stack::Embedded));
    let child = scene.save(&held(&scene));
    let id = scene.trigger(scene.save(&parent("top", child)));
    let child = child_of(&scene, id);
    await_first_line(&scene, &[child]);
    scene.rpc.pause(scene.master(0), id).unwrap();
    await_state(&scene, child, WorkflowState::ReadyPause);
    let_go(&scene);
    assert_eq!(scene.await_end(child), WorkflowState::Pause);
    assert_eq!(scene.await_end(id), WorkflowState::Pause);
    assert_eq!(states(&scene.tasks(id)), [TaskState::Pause]);
    scene.rpc.recover_suspended(scene.master(0), id).unwrap();
    await_state(&scene, id, WorkflowState::Success);
    let (parent, recovered) = (scene.instance(id), scene.instance(child));
    assert_eq!((parent.run_times, recovered.run_times), (2, 2));
    assert_eq!(recovered.state, WorkflowState::Success);
    only_these(&scene, &[id, child]);
    let text = fs::read_to_string(lines(&scene)).unwrap();
    assert_eq!(text, format!("{child} first\n{child} after\n"));
}

#[test]
fn stop_and_recovery_reach_the_same_child() {
    let scene = Scene::start(ClusterOptions::new(Stack::Embedded));
    let child = scene.save(&held(&scene));
    let id = scene.trigger(scene.save(&parent("top", child)));
    let child = child_of(&scene, id);
    await_first_line(&scene, &[child]);
    scene.rpc.stop(scene.master(0), id).unwrap();
    assert_eq!(scene.await_end(child), WorkflowState::Stop);
    assert_eq!(scene.await_end(id), WorkflowState::Stop);
    assert_eq!(states(&scene.tasks(id)), [TaskState::Kill]);
    let_go(&scene);
    scene.rpc.recover_suspended(scene.master(0), id).unwrap();
    await_state(&scene, id, WorkflowState::Success);
    assert_eq!(scene.instance(child).state, WorkflowState::Success);
    assert_eq!(child_of(&scene, id), child, "the link went to the new attempt");
    only_these(&scene, &[id, child]);
    scene.assert_released();
}

#[test]
fn a_failed_child_is_recovered_with_its_parent_and_a_retry_starts_another() {
    let scene = Scene::start(ClusterOptions::new(Stack::Embedded));
    let mended = scene.folder().join("mended");
    let script = format!("test -e {}", mended.display());
    let child = scene.save(&workflow("child", vec![shell("try", &script, &[])]));
    let mut definition = parent("top", child);
    definition.tasks[0].fail_retry_times = 1;
    definition.tasks[0].fail_retry_interval = 0;
    let id = scene.trigger(scene.save(&definition));
    assert_eq!(scene.await_end(id), WorkflowState::Failure);
    let tasks = scene.tasks(id);
    assert_eq!(states(&tasks), [TaskState::Failure, TaskState::Failure]);
    let children: Vec<i32> = tasks
        .iter()
        .map(|task| ChildLink::of(task).unwrap().workflow_instance_id)
        .collect();
    assert_ne!(children[0], children[1], "the retry has a child of its own");
    fs::write(&mended, "").unwrap();
    scene.rpc.recover_failure(scene.master(0), id).unwrap();
    await_state(&scene, id, WorkflowState::Success);
    assert_eq!(child_of(&scene, id), children[1]);
    let runs: Vec<(WorkflowState, i32)> = children
        .iter()
        .map(|child| scene.instance(*child))
        .map(|child| (child.state, child.run_times))
        .collect();
    assert_eq!(runs, [(WorkflowState::Failure, 1), (WorkflowState::Success, 2)]);
}

#[test]
fn a_sub_workflow_that_does_not_exist_fails_its_task() {
    let scene = Scene::start(ClusterOptions::new(Stack::Embedded));
    let id = scene.trigger(scene.save(&parent("top", (4_711, 1))));
    assert_eq!(scene.await_end(id), WorkflowState::Failure);
    let task = scene.tasks(id).remove(0);
    let log = fs::read_to_string(task.log_path.unwrap()).unwrap();
    assert!(
        log.contains("Cannot find the sub workflow definition: 4711"),
        "{log}"
    );
}

/// Parents and children, some of them each on its own master.
fn family(scene: &Scene, count: usize) -> BTreeMap<i32, i32> {
    let child = scene.save(&held(scene));
    let top = scene.save(&parent("top", child));
    let parents = scene.trigger_many(top, count);
    let family: BTreeMap<i32, i32> = parents.iter().map(|id| (*id, child_of(scene, *id))).collect();
    let children: Vec<i32> = family.values().copied().collect();
    await_first_line(scene, &children);
    family
}

/// Every parent has the child that it had, and each task of a child has run once.
fn all_succeed_once(scene: &Scene, family: &BTreeMap<i32, i32>) {
    let_go(scene);
    for (parent, child) in family {
        assert_eq!(
            scene.await_end(*parent),
            WorkflowState::Success,
            "parent {parent}"
        );
        assert_eq!(
            scene.instance(*child).state,
            WorkflowState::Success,
            "child {child}"
        );
        assert_eq!(child_of(scene, *parent), *child);
    }
    let text = fs::read_to_string(lines(scene)).unwrap();
    let mut written: Vec<&str> = text.lines().collect();
    written.sort_unstable();
    let mut expected: Vec<String> = family
        .values()
        .flat_map(|child| [format!("{child} first"), format!("{child} after")])
        .collect();
    expected.sort_unstable();
    assert_eq!(written, expected);
    let everybody: Vec<i32> = family
        .iter()
        .flat_map(|(parent, child)| [*parent, *child])
        .collect();
    only_these(scene, &everybody);
    scene.assert_released();
}

#[test]
fn parents_and_children_outlive_one_of_two_masters() {
    let mut scene = Scene::start(ClusterOptions::new(Stack::Real).masters(2));
    let family = family(&scene, 8);
    let split = family
        .iter()
        .filter(|(parent, child)| scene.instance(**parent).host != scene.instance(**child).host)
        .count();
    println!(
        "{split} of {} parents are on another master than their child",
        family.len()
    );
    // Dropping it is SIGKILL to its whole group.
    drop(scene.cluster.masters.remove(0));
    let survivor = scene.master(0).to_owned();
    for id in family.iter().flat_map(|(parent, child)| [*parent, *child]) {
        until(
            "the survivor to own everything",
            Deadline::after_seconds(120),
            || {
                let instance = scene.instance(id);
                let is_taken = instance.host.as_deref() == Some(&survivor)
                    && instance.state == WorkflowState::RunningExecution;
                is_taken.then_some(())
            },
        )
        .unwrap();
    }
    all_succeed_once(&scene, &family);
}

#[test]
fn parents_and_children_outlive_both_masters() {
    let mut scene = Scene::start(ClusterOptions::new(Stack::Real).masters(2));
    let family = family(&scene, 4);
    for index in [0, 1] {
        scene.cluster.masters[index].process.kill();
    }
    for index in [1, 0] {
        scene.cluster.restart_master(index).unwrap();
    }
    all_succeed_once(&scene, &family);
}

#[test]
fn a_child_that_ended_while_its_parent_had_no_master_counts() {
    let mut scene = Scene::start(ClusterOptions::new(Stack::Embedded));
    let family = family(&scene, 2);
    scene.cluster.masters[0].process.kill();
    for child in family.values() {
        let sql = format!("UPDATE t_ds_workflow_instance SET state = 7 WHERE id = {child}");
        scene.cluster.execute_sql(&sql).unwrap();
    }
    scene.cluster.restart_master(0).unwrap();
    for parent in family.keys() {
        assert_eq!(scene.await_end(*parent), WorkflowState::Success);
        let expected = [TaskState::NeedFaultTolerance, TaskState::Success];
        assert_eq!(states(&scene.tasks(*parent)), expected);
    }
    let everybody: Vec<i32> = family
        .iter()
        .flat_map(|(parent, child)| [*parent, *child])
        .collect();
    only_these(&scene, &everybody);
    let_go(&scene);
}

#[test]
fn a_stop_reaches_children_on_another_master() {
    let scene = Scene::start(ClusterOptions::new(Stack::Real).masters(2));
    let family = family(&scene, 6);
    for parent in family.keys() {
        let owner = scene.instance(*parent).host.unwrap();
        scene.rpc.stop(&owner, *parent).unwrap();
    }
    for (parent, child) in &family {
        assert_eq!(scene.await_end(*parent), WorkflowState::Stop);
        assert_eq!(scene.instance(*child).state, WorkflowState::Stop);
    }
    scene.assert_released();
}

/// With room for one instance the parent fills its master; the child that it waits for is taken all the same, and another run is not.
#[test]
fn a_full_master_still_takes_the_children_of_what_it_runs() {
    let options = ClusterOptions::new(Stack::Embedded)
        .master_variable("MASTER_SERVER_LOAD_PROTECTION_ENABLED", "true")
        .master_variable(
            "MASTER_SERVER_LOAD_PROTECTION_MAX_CONCURRENT_WORKFLOW_INSTANCES",
            "1",
        )
        .master_variable(
            "MASTER_SERVER_LOAD_PROTECTION_MAX_SYSTEM_CPU_USAGE_PERCENTAGE_THRESHOLDS",
            "1",
        )
        .master_variable(
            "MASTER_SERVER_LOAD_PROTECTION_MAX_JVM_CPU_USAGE_PERCENTAGE_THRESHOLDS",
            "1",
        )
        .master_variable(
            "MASTER_SERVER_LOAD_PROTECTION_MAX_SYSTEM_MEMORY_USAGE_PERCENTAGE_THRESHOLDS",
            "1",
        )
        .master_variable(
            "MASTER_SERVER_LOAD_PROTECTION_MAX_DISK_USAGE_PERCENTAGE_THRESHOLDS",
            "1",
        );
    let scene = Scene::start(options);
    let child = scene.save(&held(&scene));
    let other = scene.save(&workflow("other", vec![shell("a", "true", &[])]));
    let parent = scene.save(&parent("parent", child));
    let id = scene.trigger(parent);
    let child = child_of(&scene, id);
    let later = scene.trigger(other);
    await_state(&scene, child, WorkflowState::RunningExecution);
    assert_eq!(
        scene.instance(later).state,
        WorkflowState::SubmittedSuccess,
        "there is no room for it"
    );
    let_go(&scene);
    for one in [child, id, later] {
        assert_eq!(scene.await_end(one), WorkflowState::Success);
    }
    scene.assert_released();
}
