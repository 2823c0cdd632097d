//! What one master does for all: task groups, serial queues, backfill chains; and that it does not matter which one, or when it dies.

use crate::support::{Definition, Scene, states};
use orca_engine::codes::{ExecutionType, TaskState, WorkflowState};
use orca_integration::harness::definitions::{shell, workflow};
use orca_integration::harness::{ClusterOptions, Deadline, Stack, until};
use orca_registry::{RegistrySettings, SqliteSettings, paths};
use orca_schema::{NewDefinition, NewTask};
use std::fs;
use std::time::{Duration, Instant};

const WAIT_SECONDS: u64 = 90;
const IS_COORDINATOR: &str = "this master is the coordinator";

fn options(stack: Stack) -> ClusterOptions {
    ClusterOptions::new(stack).master_variable("ORCA_COORDINATOR_SLOT_SETTLE", "0s")
}

fn await_that(what: &str, holds: impl Fn() -> bool) {
    until(what, Deadline::after_seconds(WAIT_SECONDS), || {
        holds().then_some(())
    })
    .unwrap();
}

/// A script that notes when it runs at the same time as another one, and otherwise its instance.
fn alone(scene: &Scene, then: &str) -> String {
    let (lines, taken) = (scene.folder().join("lines"), scene.folder().join("taken"));
    let (lines, taken) = (lines.display(), taken.display());
    format!(
        "mkdir {taken} || echo overlap >> {lines}; echo ${{system.workflow.instance.id}} >> {lines}; {then}; rmdir {taken}"
    )
}

fn lines(scene: &Scene) -> Vec<String> {
    let text = fs::read_to_string(scene.folder().join("lines")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// Each ran once, and never two at a time.
fn check_alone(scene: &Scene, ids: &[i32]) {
    let mut ran = lines(scene);
    ran.sort();
    let mut expected: Vec<String> = ids.iter().map(ToString::to_string).collect();
    expected.sort();
    assert_eq!(ran, expected);
}

fn grouped(mut task: NewTask, priority: i32) -> NewTask {
    task.task_group_id = 1;
    task.task_group_priority = priority;
    task
}

fn make_group(scene: &Scene, size: i32, status: i32) {
    scene
        .cluster
        .execute_sql(&format!(
            "INSERT INTO t_ds_task_group (id, name, group_size, use_size, user_id, project_code, status, create_time, update_time) \
             VALUES (1, 'one', {size}, 0, 1, 1, {status}, '2026-01-01 00:00:00', '2026-01-01 00:00:00')"
        ))
        .unwrap();
}

fn serial(execution_type: ExecutionType, name: &str, tasks: Vec<NewTask>) -> NewDefinition {
    NewDefinition {
        execution_type,
        ..workflow(name, tasks)
    }
}

/// The index of the master that says that it is the coordinator.
fn coordinator(scene: &Scene) -> usize {
    let is_it = |index: &usize| {
        scene.cluster.masters[*index]
            .process
            .log_tail()
            .contains(IS_COORDINATOR)
    };
    until("a coordinator", Deadline::after_seconds(WAIT_SECONDS), || {
        (0..scene.cluster.masters.len()).find(is_it)
    })
    .unwrap()
}

#[test]
fn a_group_of_one_runs_one_at_a_time_though_the_coordinator_dies() {
    let mut scene = Scene::start(options(Stack::Real).masters(2));
    make_group(&scene, 1, 1);
    let script = alone(&scene, "sleep 0.5");
    let definition = scene.save(&workflow("grouped", vec![grouped(shell("a", &script, &[]), 0)]));
    let leader = coordinator(&scene);
    let ids = scene.trigger_many(definition, 10);
    await_that("some to have run", || lines(&scene).len() >= 3);
    drop(scene.cluster.masters.remove(leader));
    for id in &ids {
        assert_eq!(scene.await_end(*id), WorkflowState::Success);
        assert_eq!(
            states(&scene.tasks(*id)),
            [TaskState::Success],
            "no attempt was replaced"
        );
    }
    check_alone(&scene, &ids);
    await_that("every slot to be given back", || {
        scene.cluster.count_rows("t_ds_task_group_queue").unwrap() == 0
            && scene
                .cluster
                .count_rows("t_ds_task_group WHERE use_size = 0")
                .unwrap()
                == 1
    });
    assert_eq!(coordinator(&scene), 0);
    scene.assert_released();
}

#[test]
fn the_more_urgent_of_two_goes_first_and_a_retry_queues_again() {
    let scene = Scene::start(options(Stack::Embedded));
    make_group(&scene, 1, 1);
    let mended = scene.folder().join("mended");
    let fails_once = format!("test -e {0} || {{ touch {0}; exit 1; }}", mended.display());
    let mut urgent = grouped(shell("urgent", &fails_once, &[]), 5);
    urgent.fail_retry_times = 1;
    urgent.fail_retry_interval = 0;
    let tasks = vec![grouped(shell("a", "sleep 0.2", &[]), 1), urgent];
    let definition = scene.save(&workflow("urgent", tasks));
    let id = scene.trigger(definition);
    assert_eq!(scene.await_end(id), WorkflowState::Success);
    let tasks = scene.tasks(id);
    let of = |name: &str, retry| {
        tasks
            .iter()
            .find(|task| task.name == name && task.retry_times == retry)
            .unwrap()
    };
    assert!(of("urgent", 0).start_time <= of("a", 0).start_time);
    assert_eq!(of("urgent", 1).state, TaskState::Success);
    scene.assert_released();
}

#[test]
fn who_waits_for_a_slot_can_be_stopped_paused_forced_and_let_go() {
    let scene = Scene::start(options(Stack::Embedded));
    make_group(&scene, 0, 1);
    let definition = scene.save(&workflow("waits", vec![grouped(shell("a", "true", &[]), 0)]));
    let ids: Vec<i32> = (0..4).map(|_| scene.trigger(definition)).collect();
    let waits = |id: &i32| states(&scene.tasks(*id)) == [TaskState::SubmittedSuccess];
    await_that("all to wait", || ids.iter().all(waits));
    scene.rpc.stop(scene.master(0), ids[0]).unwrap();
    scene.rpc.pause(scene.master(0), ids[1]).unwrap();
    assert_eq!(scene.await_end(ids[0]), WorkflowState::Stop);
    assert_eq!(scene.await_end(ids[1]), WorkflowState::Pause);
    let forced = format!(
        "UPDATE t_ds_task_group_queue SET force_start = 1 WHERE workflow_instance_id = {}",
        ids[2]
    );
    scene.cluster.execute_sql(&forced).unwrap();
    assert_eq!(scene.await_end(ids[2]), WorkflowState::Success);
    assert!(waits(&ids[3]), "a group of no slots gives none");
    scene
        .cluster
        .execute_sql("UPDATE t_ds_task_group SET status = 0")
        .unwrap();
    assert_eq!(
        scene.await_end(ids[3]),
        WorkflowState::Success,
        "a closed group limits nobody"
    );
    // The paused one is recovered into the closed group.
    scene.rpc.recover_suspended(scene.master(0), ids[1]).unwrap();
    await_that("the recovered one to succeed", || {
        scene.instance(ids[1]).state == WorkflowState::Success
    });
    scene.assert_released();
}

#[test]
fn a_slot_stays_with_its_task_when_the_only_master_starts_again() {
    let mut scene = Scene::start(options(Stack::Embedded));
    make_group(&scene, 1, 1);
    let go = scene.folder().join("go");
    let script = alone(
        &scene,
        &format!("until [ -e {} ]; do sleep 0.1; done", go.display()),
    );
    let definition = scene.save(&workflow("kept", vec![grouped(shell("a", &script, &[]), 0)]));
    let ids = vec![scene.trigger(definition), scene.trigger(definition)];
    let running = |scene: &Scene| {
        let states: Vec<TaskState> = ids.iter().flat_map(|id| states(&scene.tasks(*id))).collect();
        states
            .iter()
            .filter(|state| **state == TaskState::RunningExecution)
            .count()
            == 1
            && states.len() == 2
    };
    await_that("one to run and one to wait", || running(&scene));
    scene.cluster.masters[0].process.kill();
    scene.cluster.restart_master(0).unwrap();
    await_that("a trigger to be taken again", || {
        scene.rpc.is_registered(scene.master(0))
    });
    fs::write(go, "").unwrap();
    for id in &ids {
        assert_eq!(scene.await_end(*id), WorkflowState::Success);
        assert_eq!(states(&scene.tasks(*id)), [TaskState::Success]);
    }
    check_alone(&scene, &ids);
}

#[test]
fn serial_runs_follow_each_other_though_the_coordinator_dies() {
    let mut scene = Scene::start(options(Stack::Real).masters(2));
    let script = alone(&scene, "sleep 0.3");
    let definition = scene.save(&serial(
        ExecutionType::SerialWait,
        "waits",
        vec![shell("a", &script, &[])],
    ));
    let leader = coordinator(&scene);
    let ids = scene.trigger_many(definition, 12);
    await_that("some to have run", || lines(&scene).len() >= 3);
    drop(scene.cluster.masters.remove(leader));
    for id in &ids {
        assert_eq!(scene.await_end(*id), WorkflowState::Success);
    }
    check_alone(&scene, &ids);
    assert_eq!(scene.cluster.count_rows("t_ds_serial_command").unwrap(), 0);
    scene.assert_released();
}

fn run_until_go(scene: &Scene) -> NewTask {
    shell(
        "a",
        &format!(
            "until [ -e {} ]; do sleep 0.1; done",
            scene.folder().join("go").display()
        ),
        &[],
    )
}

fn await_running(scene: &Scene, id: i32) {
    await_that("the first to run", || {
        states(&scene.tasks(id)) == [TaskState::RunningExecution]
    });
}

/// A term of leadership is a value: the second and the third of one process do as much as the first.
#[test]
fn a_coordinator_that_loses_its_place_takes_it_again_and_goes_on() {
    let scene = Scene::start(options(Stack::Embedded));
    make_group(&scene, 1, 1);
    let script = alone(&scene, "sleep 0.1");
    let definition = scene.save(&serial(
        ExecutionType::SerialWait,
        "follows",
        vec![grouped(shell("a", &script, &[]), 0)],
    ));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let settings = SqliteSettings::new(scene.folder().join("registry.db"));
    let registry = runtime
        .block_on(orca_registry::connect(&RegistrySettings::EmbeddedSqlite(
            settings,
        )))
        .unwrap();
    let log = scene.folder().join("master-0.log");
    let terms = || fs::read_to_string(&log).unwrap().matches(IS_COORDINATOR).count();
    for term in 1..=3 {
        await_that("a term of leadership", || terms() == term);
        let ids: Vec<i32> = (0..3).map(|_| scene.trigger(definition)).collect();
        for id in &ids {
            assert_eq!(scene.await_end(*id), WorkflowState::Success);
        }
        check_alone(&scene, &ids);
        fs::remove_file(scene.folder().join("lines")).unwrap();
        runtime.block_on(registry.delete(paths::COORDINATOR)).unwrap();
    }
    runtime.block_on(registry.close());
}

#[test]
fn what_comes_while_one_runs_is_discarded() {
    let scene = Scene::start(options(Stack::Embedded));
    let definition = scene.save(&serial(
        ExecutionType::SerialDiscard,
        "discards",
        vec![run_until_go(&scene)],
    ));
    let first = scene.trigger(definition);
    await_running(&scene, first);
    let later = [scene.trigger(definition), scene.trigger(definition)];
    for id in later {
        assert_eq!(scene.await_end(id), WorkflowState::Stop);
        assert!(scene.instance(id).end_time.is_some() && scene.tasks(id).is_empty());
    }
    fs::write(scene.folder().join("go"), "").unwrap();
    assert_eq!(scene.await_end(first), WorkflowState::Success);
    assert_eq!(
        scene.await_end(scene.trigger(definition)),
        WorkflowState::Success,
        "the queue is free again"
    );
}

#[test]
fn a_later_run_with_priority_stops_the_one_before() {
    let scene = Scene::start(options(Stack::Embedded).masters(2));
    let definition = scene.save(&serial(
        ExecutionType::SerialPriority,
        "last",
        vec![run_until_go(&scene)],
    ));
    let first = scene.trigger(definition);
    await_running(&scene, first);
    let (second, third) = (scene.trigger(definition), scene.trigger(definition));
    assert_eq!(scene.await_end(first), WorkflowState::Stop);
    assert_eq!(states(&scene.tasks(first)), [TaskState::Kill]);
    assert_eq!(scene.await_end(second), WorkflowState::Stop);
    await_running(&scene, third);
    fs::write(scene.folder().join("go"), "").unwrap();
    assert_eq!(scene.await_end(third), WorkflowState::Success);
}

#[test]
fn requests_find_the_owner_and_the_run_that_waits() {
    let scene = Scene::start(options(Stack::Real).masters(2));
    let definition = scene.save(&serial(
        ExecutionType::SerialWait,
        "asked",
        vec![run_until_go(&scene)],
    ));
    // One after the other: runs that come to two masters at once may queue in either order.
    let ids: Vec<i32> = (0..3).map(|_| scene.trigger(definition)).collect();
    await_running(&scene, ids[0]);
    let host = scene.instance(ids[0]).host.unwrap();
    let other = (0..2)
        .map(|index| scene.master(index))
        .find(|master| *master != host)
        .unwrap();
    assert!(!scene.rpc.running(other).unwrap().contains(&ids[0]));
    scene.rpc.pause(other, ids[2]).unwrap();
    assert_eq!(
        scene.instance(ids[2]).state,
        WorkflowState::Pause,
        "it has never run"
    );
    scene.rpc.stop(other, ids[0]).unwrap();
    assert_eq!(scene.await_end(ids[0]), WorkflowState::Stop);
    await_running(&scene, ids[1]);
    scene.rpc.stop(scene.master(0), ids[1]).unwrap();
    assert_eq!(scene.await_end(ids[1]), WorkflowState::Stop);
    let refused = scene.rpc.stop(scene.master(1), ids[1]).unwrap_err().to_string();
    assert!(
        refused.contains("Cannot find the WorkflowExecuteRunnable"),
        "{refused}"
    );
    fs::write(scene.folder().join("go"), "").unwrap();
    scene.rpc.recover_suspended(scene.master(0), ids[2]).unwrap();
    let succeeded = || (scene.instance(ids[2]).state == WorkflowState::Success).then_some(());
    let end = until(
        "the recovered one to succeed",
        Deadline::after_seconds(WAIT_SECONDS),
        succeeded,
    );
    end.unwrap_or_else(|error| panic!("{error}: {:?}\n{}", scene.instance(ids[2]), scene.logs()));
    assert_eq!(scene.cluster.count_rows("t_ds_serial_command").unwrap(), 0);
}

const DATES: [&str; 6] = [
    "2024-08-11 00:00:00",
    "2024-08-12 00:00:00",
    "2024-08-13 00:00:00",
    "2024-08-14 00:00:00",
    "2024-08-15 00:00:00",
    "2024-08-16 00:00:00",
];

fn check_backfill(scene: &Scene, definition: Definition) {
    let done = || {
        let instances = scene.instances_of(definition);
        instances.len() == DATES.len() && instances.iter().all(|one| one.state == WorkflowState::Success)
    };
    await_that("the backfill to end", done);
    let dates: Vec<String> = lines(scene);
    assert_eq!(
        dates,
        [
            "20240811", "20240812", "20240813", "20240814", "20240815", "20240816"
        ]
    );
}

#[test]
fn a_backfill_runs_each_date_once_though_masters_die() {
    let mut scene = Scene::start(options(Stack::Real).masters(2));
    let script = format!(
        "echo $[yyyyMMdd] >> {}; sleep 0.3",
        scene.folder().join("lines").display()
    );
    let definition = scene.save(&workflow("backfill", vec![shell("a", &script, &[])]));
    await_that("the masters to be registered", || {
        scene
            .cluster
            .masters
            .iter()
            .all(|master| scene.rpc.is_registered(master.address()))
    });
    scene.rpc.backfill(scene.master(0), definition, &DATES).unwrap();
    await_that("some dates to have run", || lines(&scene).len() >= 2);
    let owner = scene
        .instances_of(definition)
        .iter()
        .rev()
        .find_map(|one| one.host.clone())
        .unwrap();
    let index = scene
        .cluster
        .masters
        .iter()
        .position(|master| master.address() == owner)
        .unwrap();
    drop(scene.cluster.masters.remove(index));
    check_backfill(&scene, definition);
}

/// What a thousand runs that wait for their turn cost the coordinator in ten seconds.
#[test]
fn a_thousand_that_wait_cost_next_to_nothing() {
    let scene = Scene::start(options(Stack::Real));
    let definition = scene.save(&serial(
        ExecutionType::SerialWait,
        "many",
        vec![run_until_go(&scene)],
    ));
    let ids = scene.trigger_many(definition, 1_000);
    let first = *ids.iter().min().unwrap();
    await_that("one to run", || {
        scene
            .instances_of(definition)
            .iter()
            .any(|one| one.state == WorkflowState::RunningExecution)
            || scene.instance(first).state == WorkflowState::RunningExecution
    });
    let used = || cpu_ticks(scene.cluster.masters[0].process.pid());
    let (before, start) = (used(), Instant::now());
    await_that("ten seconds to pass", || {
        start.elapsed() >= Duration::from_secs(10)
    });
    // 100 ticks are one second.
    let percent = (used() - before) * 1_000 / u64::try_from(start.elapsed().as_millis()).unwrap();
    println!("1,000 serial runs that wait cost the master {percent} % of a processor");
    assert!(percent < 30, "{percent} %");
}

/// User and system time of a process, in ticks.
fn cpu_ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}
