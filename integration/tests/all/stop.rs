//! Masters that are asked to stop: nobody waits for their death, nothing is started again, and nothing holds them up.

use crate::held::{await_first_tasks, let_go_and_check, runs, two_tasks};
use crate::support::Scene;
use orca_engine::codes::WorkflowState;
use orca_integration::harness::definitions::chain;
use orca_integration::harness::{ClusterOptions, Deadline, OrcaProcess, Signal, Stack, until};
use std::time::{Duration, Instant};

/// A master ends itself by force, with another exit status, when `orca.stop-timeout` is over: so the status tells whether it was in time.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(60);

fn stop(master: &mut OrcaProcess) {
    let asked = Instant::now();
    let status = master.process.terminate(GIVEN_UP_AFTER).unwrap();
    println!(
        "{} was gone {} ms after SIGTERM",
        master.address(),
        asked.elapsed().as_millis()
    );
    assert!(status.success(), "{status}: {}", master.process.log_tail());
}

fn of(scene: &Scene, address: &str, ids: &[i32]) -> Vec<i32> {
    let is_there = |id: &i32| scene.instance(*id).host.as_deref() == Some(address);
    ids.iter().copied().filter(is_there).collect()
}

#[test]
fn a_rolling_restart_starts_no_task_again_and_leaks_no_slot() {
    let mut scene = Scene::start(ClusterOptions::new(Stack::Real).masters(3).workers(2));
    let definition = scene.save(&two_tasks(&scene));
    let ids = scene.trigger_many(definition, 12);
    await_first_tasks(&scene, &ids);
    for index in 0..3 {
        let address = scene.master(index).to_owned();
        let of_the_stopped = of(&scene, &address, &ids);
        let asked = Instant::now();
        stop(&mut scene.cluster.masters[index]);
        for id in &of_the_stopped {
            let taken = || {
                let instance = scene.instance(*id);
                let is_elsewhere = instance.host.as_deref() != Some(&*address);
                (is_elsewhere && instance.state == WorkflowState::RunningExecution).then_some(())
            };
            until(
                "another master to have the instance",
                Deadline::after_seconds(60),
                taken,
            )
            .unwrap();
        }
        println!(
            "{} instances went on elsewhere {} ms after SIGTERM",
            of_the_stopped.len(),
            asked.elapsed().as_millis()
        );
        scene.cluster.restart_master(index).unwrap();
        until("the master to be back", Deadline::after_seconds(60), || {
            scene.rpc.is_registered(&address).then_some(())
        })
        .unwrap();
    }
    let more = scene.trigger_many(definition, 3);
    let_go_and_check(&scene, &[ids, more].concat());
    scene.assert_workers_free();
    let alarms = scene
        .cluster
        .count_rows("t_ds_alert WHERE title LIKE 'Fault%'")
        .unwrap();
    assert_eq!(alarms, 0, "a planned stop alarms nobody");
}

/// Dispatches, reports and ends are on their way at each stop.
#[test]
fn busy_workflows_run_every_task_once_through_a_rolling_restart() {
    const LEN: usize = 10;
    let mut scene = Scene::start(ClusterOptions::new(Stack::Real).masters(3).workers(2));
    let lines = scene.folder().join("lines");
    let script = format!(
        "echo ${{system.task.instance.id}} >> {}; sleep 0.3",
        lines.display()
    );
    let definition = scene.save(&chain("busy", LEN, &script));
    let ids = scene.trigger_many(definition, 20);
    for index in 0..3 {
        let ran_before = runs(&lines).len();
        until("the workflows to be busy", Deadline::after_seconds(60), || {
            (runs(&lines).len() > ran_before).then_some(())
        })
        .unwrap();
        stop(&mut scene.cluster.masters[index]);
        scene.cluster.restart_master(index).unwrap();
    }
    for id in &ids {
        assert_eq!(scene.await_end(*id), WorkflowState::Success);
        assert_eq!(
            scene.tasks(*id).len(),
            LEN,
            "one attempt each: {:?}",
            scene.tasks(*id)
        );
    }
    let runs = runs(&lines);
    assert_eq!(runs.len(), ids.len() * LEN);
    assert!(
        runs.values().all(|times| *times == 1),
        "no task ran twice: {runs:?}"
    );
    scene.assert_workers_free();
}

#[test]
fn a_last_master_leaves_its_instances_for_the_next_start() {
    let mut scene = Scene::start(ClusterOptions::new(Stack::Embedded));
    let definition = scene.save(&two_tasks(&scene));
    let ids = scene.trigger_many(definition, 4);
    await_first_tasks(&scene, &ids);
    let address = scene.master(0).to_owned();
    stop(&mut scene.cluster.masters[0]);
    assert_eq!(of(&scene, &address, &ids), ids, "they stay where they are");
    for id in &ids {
        assert_eq!(
            scene.instance(*id).state,
            WorkflowState::RunningExecution,
            "so that they can be paused and stopped"
        );
    }
    scene.cluster.restart_master(0).unwrap();
    let_go_and_check(&scene, &ids);
    scene.assert_workers_free();
}

#[test]
fn a_silent_registry_does_not_hold_up_a_stop() {
    let mut scene = Scene::start(ClusterOptions::new(Stack::Real).masters(2));
    let definition = scene.save(&two_tasks(&scene));
    let ids = scene.trigger_many(definition, 6);
    await_first_tasks(&scene, &ids);
    silence(scene.cluster.zookeeper.as_mut().unwrap().process(), Signal::STOP);
    stop(&mut scene.cluster.masters[0]);
    silence(scene.cluster.zookeeper.as_mut().unwrap().process(), Signal::CONT);
    scene.cluster.masters.remove(0);
    let_go_and_check(&scene, &ids);
}

#[test]
fn a_silent_database_does_not_hold_up_a_stop() {
    let mut scene = Scene::start(ClusterOptions::new(Stack::Real).masters(2));
    let definition = scene.save(&two_tasks(&scene));
    let ids = scene.trigger_many(definition, 6);
    await_first_tasks(&scene, &ids);
    silence(scene.cluster.mariadb.as_mut().unwrap().process(), Signal::STOP);
    stop(&mut scene.cluster.masters[0]);
    silence(scene.cluster.mariadb.as_mut().unwrap().process(), Signal::CONT);
    scene.cluster.masters.remove(0);
    let_go_and_check(&scene, &ids);
}

fn silence(server: Option<&mut orca_integration::harness::Process>, signal: Signal) {
    server.unwrap().signal_group(signal);
}
