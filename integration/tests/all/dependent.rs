//! A task that waits for other workflows.

use crate::support::{Definition, Scene, states};
use orca_engine::codes::{TaskState, WorkflowState};
use orca_integration::harness::definitions::{shell, shell_with_parameters, workflow};
use orca_integration::harness::{ClusterOptions, Deadline, Stack, until};
use orca_schema::{NewDefinition, NewTask};
use std::fs;

/// A workflow of one task that waits for today's run of each of these, all of it or one task.
fn waits_for(project: i64, name: &str, targets: &[(Definition, i64)]) -> NewDefinition {
    let items: Vec<String> = targets
        .iter()
        .map(|((code, _), task)| {
            format!(
                r#"{{"dependentType":"DEPENDENT_ON_WORKFLOW","projectCode":{project},"definitionCode":{code},"depTaskCode":{task},"cycle":"day","dateValue":"today","parameterPassing":false}}"#
            )
        })
        .collect();
    let params = format!(
        r#"{{"localParams":[],"resourceList":[],"dependence":{{"relation":"AND","checkInterval":10,"failurePolicy":"DEPENDENT_FAILURE_FAILURE","dependTaskList":[{{"relation":"AND","dependItemList":[{}]}}]}}}}"#,
        items.join(",")
    );
    workflow(name, vec![NewTask::new("wait", "DEPENDENT", params)])
}

fn await_waiting(scene: &Scene, id: i32) {
    until("the task to wait", Deadline::after_seconds(60), || {
        (states(&scene.tasks(id)).last() == Some(&TaskState::RunningExecution)).then_some(())
    })
    .unwrap();
}

#[test]
fn it_ends_with_what_it_waits_for() {
    let scene = Scene::start(ClusterOptions::new(Stack::Embedded));
    let output = r#"[{"prop":"said","direct":"OUT","type":"VARCHAR","value":""}]"#;
    let says = shell_with_parameters("a", "echo '${setValue(said=Nihao)}'", &[], output);
    let good = scene.save(&workflow("good", vec![says]));
    let bad = scene.save(&workflow("bad", vec![shell("a", "false", &[])]));
    let both = scene.save(&waits_for(
        scene.project_code(good),
        "both",
        &[(good, 0), (good, -1)],
    ));
    let fails = scene.save(&waits_for(scene.project_code(bad), "fails", &[(bad, 0)]));
    let (both, fails) = (scene.trigger(both), scene.trigger(fails));
    await_waiting(&scene, both);
    await_waiting(&scene, fails);
    let run = scene.trigger(good);
    assert_eq!(scene.await_end(run), WorkflowState::Success);
    assert_eq!(scene.await_end(both), WorkflowState::Success);
    let knows = |one| scene.instance(one).var_pool.unwrap_or_default().contains("Nihao");
    assert!(
        knows(run) && !knows(both),
        "outputs stay where they are, as in the reference"
    );
    assert_eq!(scene.instance(fails).state, WorkflowState::RunningExecution);
    assert_eq!(scene.await_end(scene.trigger(bad)), WorkflowState::Failure);
    assert_eq!(scene.await_end(fails), WorkflowState::Failure);
    let log = fs::read_to_string(scene.tasks(both).remove(0).log_path.unwrap()).unwrap();
    assert!(
        log.contains("2 of 2 are settled") && log.contains("DEPENDENT_RESULT_CONTEXT"),
        "{log}"
    );
    scene.assert_released();
}

#[test]
fn it_can_be_paused_recovered_and_stopped() {
    let scene = Scene::start(ClusterOptions::new(Stack::Embedded));
    let never = scene.save(&workflow("never", vec![shell("a", "true", &[])]));
    let definition = scene.save(&waits_for(scene.project_code(never), "waits", &[(never, 0)]));
    let id = scene.trigger(definition);
    await_waiting(&scene, id);
    scene.rpc.pause(scene.master(0), id).unwrap();
    assert_eq!(scene.await_end(id), WorkflowState::Pause);
    scene.rpc.recover_suspended(scene.master(0), id).unwrap();
    await_waiting(&scene, id);
    scene.rpc.stop(scene.master(0), id).unwrap();
    assert_eq!(scene.await_end(id), WorkflowState::Stop);
    assert_eq!(states(&scene.tasks(id)), [TaskState::Kill]);
    scene.assert_released();
}

#[test]
fn what_does_not_exist_fails_it_and_is_named() {
    let scene = Scene::start(ClusterOptions::new(Stack::Embedded));
    let any = scene.save(&workflow("any", vec![shell("a", "true", &[])]));
    let waits = waits_for(scene.project_code(any), "waits", &[((4_711, 1), 0)]);
    let id = scene.trigger(scene.save(&waits));
    assert_eq!(scene.await_end(id), WorkflowState::Failure);
    let log = fs::read_to_string(scene.tasks(id).remove(0).log_path.unwrap()).unwrap();
    assert!(
        log.contains("the workflow 4711 that it depends on does not exist"),
        "{log}"
    );
}

#[test]
fn it_goes_on_waiting_under_another_master() {
    let mut scene = Scene::start(ClusterOptions::new(Stack::Real).masters(2));
    let awaited = scene.save(&workflow("awaited", vec![shell("a", "true", &[])]));
    let definition = scene.save(&waits_for(scene.project_code(awaited), "waits", &[(awaited, 0)]));
    let ids = scene.trigger_many(definition, 6);
    for id in &ids {
        await_waiting(&scene, *id);
    }
    let dead = scene.cluster.masters.remove(0);
    let of_the_dead: Vec<i32> = ids
        .iter()
        .copied()
        .filter(|id| scene.instance(*id).host.as_deref() == Some(dead.address()))
        .collect();
    drop(dead);
    for id in &of_the_dead {
        until(
            "a new attempt under the survivor",
            Deadline::after_seconds(120),
            || {
                let expected = [TaskState::NeedFaultTolerance, TaskState::RunningExecution];
                (states(&scene.tasks(*id)) == expected).then_some(())
            },
        )
        .unwrap();
    }
    assert_eq!(scene.await_end(scene.trigger(awaited)), WorkflowState::Success);
    for id in &ids {
        assert_eq!(scene.await_end(*id), WorkflowState::Success);
    }
    scene.assert_released();
}
