//! Steps per second by batch size: `cargo run --release --example commit_bench -- jdbc:mysql://127.0.0.1:3306/empty root [password]`.
//!
//! Each workflow takes the six steps that a run of one task takes. The database must be empty; it is filled.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use orca_engine::codes::{Flag, Priority, TaskExecuteType, TaskState, WorkflowState};
use orca_engine::command::ClaimPlan;
use orca_engine::fence::Fence;
use orca_engine::model::TaskInstance;
use orca_engine::time::Millis;
use orca_engine::workflow::{NodeId, TaskChange, Write};
use orca_schema::{
    ClaimOutcome, DatabaseSettings, NewDefinition, NewRun, NewTask, Secret, StepCommit, Store,
};
use std::time::Instant;

const NOW: Millis = Millis(1_800_000_000_000);
const STEPS: usize = 6;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut settings = DatabaseSettings::new(
        arguments
            .next()
            .expect("the first argument is the URL of an empty database"),
    );
    settings.username = arguments.next();
    settings.password = arguments.next().map(Secret::new);
    let store = Store::open(&settings).unwrap();
    store.migrate().unwrap();
    let definition = NewDefinition {
        project: "bench".to_owned(),
        name: "one task".to_owned(),
        description: None,
        user_id: 1,
        global_params: Vec::new(),
        timeout_minutes: 0,
        execution_type: orca_engine::codes::ExecutionType::Parallel,
        tasks: vec![NewTask::new(
            "a",
            "SHELL",
            r#"{"localParams":[],"rawScript":"echo a","resourceList":[]}"#,
        )],
    };
    let (code, version) = store.save_definition(&definition).unwrap();
    println!("batch  threads  triggers/s  claims/s  steps/s  workflows/s (steps only)");
    for (batch, threads, len) in [
        (1, 1, 200),
        (10, 1, 1_000),
        (100, 1, 6_000),
        (256, 1, 6_000),
        (100, 2, 6_000),
        (256, 2, 6_000),
    ] {
        let start = Instant::now();
        for runs in vec![NewRun::manual(1, code, version); len].chunks(batch.min(128)) {
            store
                .trigger(runs)
                .unwrap()
                .into_iter()
                .for_each(|answer| assert!(answer.is_ok()));
        }
        let triggered = start.elapsed();
        let start = Instant::now();
        let fences = claim_all(&store, batch);
        let claimed = start.elapsed();
        let start = Instant::now();
        std::thread::scope(|scope| {
            for fences in fences.chunks(fences.len().div_ceil(threads)) {
                let store = &store;
                scope.spawn(move || fences.chunks(batch).for_each(|fences| run(store, fences)));
            }
        });
        let elapsed = start.elapsed().as_secs_f64();
        let per_second = |count: usize, seconds: f64| f64::from(u32::try_from(count).unwrap()) / seconds;
        println!(
            "{batch:5}  {threads:7}  {:10.0}  {:8.0}  {:7.0}  {:11.0}",
            per_second(len, triggered.as_secs_f64()),
            per_second(len, claimed.as_secs_f64()),
            per_second(len * STEPS, elapsed),
            per_second(len, elapsed)
        );
    }
}

fn claim_all(store: &Store, batch: usize) -> Vec<Fence> {
    let owner = store.register_master("127.0.0.1:5678").unwrap();
    let mut fences = Vec::new();
    loop {
        let commands = store
            .fetch_commands(0, 1, 1, i64::try_from(batch).unwrap())
            .unwrap();
        if commands.is_empty() {
            return fences;
        }
        let ids: Vec<i32> = commands
            .iter()
            .map(|command| command.workflow_instance_id)
            .collect();
        let instances = store.load_instances(&ids).unwrap();
        let plans: Vec<ClaimPlan> = commands
            .iter()
            .map(|command| {
                let instance = instances
                    .iter()
                    .find(|instance| instance.id == command.workflow_instance_id)
                    .unwrap();
                let mut instance = instance.clone();
                instance.state = WorkflowState::RunningExecution;
                instance.command_param.clone_from(&command.command_param);
                let (command_id, none) = (command.id, Vec::new());
                ClaimPlan {
                    command_id,
                    instance,
                    supersede: none,
                    clone: Vec::new(),
                    reset: Vec::new(),
                    relink: Vec::new(),
                    attach: Vec::new(),
                }
            })
            .collect();
        for outcome in store.claim(&owner, &plans, &|| true).unwrap() {
            let ClaimOutcome::Claimed { fence, .. } = outcome else {
                panic!("{outcome:?}")
            };
            fences.push(fence);
        }
    }
}

/// The steps of a batch of workflows: insert, choose a worker, accepted, running, succeeded, finished.
fn run(store: &Store, fences: &[Fence]) {
    let commit = |number: i64, writes: &dyn Fn(usize, &Fence) -> Vec<Write>| -> Vec<Vec<i32>> {
        let steps: Vec<StepCommit> = fences
            .iter()
            .enumerate()
            .map(|(place, fence)| StepCommit {
                fence: fence.clone(),
                step: number,
                writes: writes(place, fence),
            })
            .collect();
        store
            .commit(&steps, &|| true)
            .into_iter()
            .map(|answer| answer.unwrap().task_ids)
            .collect()
    };
    let ids = commit(1, &|_, fence| vec![insert(fence.workflow_instance_id)]);
    let change = |place: usize, change: TaskChange| {
        vec![Write::UpdateTask {
            id: ids[place][0],
            change,
        }]
    };
    let state = |state| TaskChange {
        state: Some(state),
        ..TaskChange::default()
    };
    commit(2, &|place, _| {
        let host = Some(Some(format!("10.0.0.{}:1234", place % 4)));
        change(
            place,
            TaskChange {
                host,
                ..state(TaskState::Dispatch)
            },
        )
    });
    commit(3, &|place, _| {
        change(
            place,
            TaskChange {
                var_pool: Some(None),
                ..TaskChange::default()
            },
        )
    });
    commit(4, &|place, _| {
        let log_path = Some(format!(
            "/opt/dolphinscheduler/logs/20270115/1/1/{}/{}.log",
            ids[place][0], ids[place][0]
        ));
        change(
            place,
            TaskChange {
                start_time: Some(Some(NOW)),
                log_path,
                ..state(TaskState::RunningExecution)
            },
        )
    });
    commit(5, &|place, _| {
        change(
            place,
            TaskChange {
                end_time: Some(Some(NOW)),
                var_pool: Some(None),
                ..state(TaskState::Success)
            },
        )
    });
    commit(6, &|_, _| {
        vec![Write::Finish {
            state: WorkflowState::Success,
            end_time: NOW,
            var_pool: None,
            serial: false,
        }]
    });
}

fn insert(instance: i32) -> Write {
    let row = TaskInstance {
        id: 0,
        name: "a".to_owned(),
        task_type: "SHELL".to_owned(),
        task_execute_type: TaskExecuteType::Batch,
        task_code: 11,
        task_definition_version: 1,
        workflow_instance_id: instance,
        workflow_instance_name: Some("one task-20270115080000000".to_owned()),
        project_code: 1,
        state: TaskState::SubmittedSuccess,
        submit_time: Some(NOW),
        first_submit_time: Some(NOW),
        start_time: None,
        end_time: None,
        host: None,
        log_path: None,
        retry_times: 0,
        max_retry_times: 0,
        retry_interval: 1,
        app_link: None,
        task_params: Some(r#"{"localParams":[],"rawScript":"echo a","resourceList":[]}"#.into()),
        flag: Flag::Yes,
        priority: Priority::Medium,
        worker_group: Some("default".to_owned()),
        environment_code: -1,
        executor_id: 1,
        executor_name: Some("admin".to_owned()),
        delay_time: 0,
        var_pool: None,
        task_group_id: 0,
        dry_run: false,
        cpu_quota: -1,
        memory_max: -1,
    };
    Write::InsertTask {
        node: NodeId(0),
        row: Box::new(row),
    }
}
