//! Runs that are claimed, as the tests of claims and commits need them.

use crate::harness::{Database, master, two_tasks};
use orca_engine::codes::{Flag, Priority, TaskExecuteType, TaskState, WorkflowState};
use orca_engine::command::ClaimPlan;
use orca_engine::fence::{Fence, Incarnation};
use orca_engine::model::TaskInstance;
use orca_engine::time::Millis;
use orca_engine::workflow::{NodeId, Write};
use orca_schema::{ClaimOutcome, NewRun, StepCommit, Store};

pub(crate) const NOW: Millis = Millis(1_800_000_000_000);

/// The ids of `len` new runs of a saved definition.
pub(crate) fn trigger(store: &Store, len: usize) -> Vec<i32> {
    let (code, version) = store.save_definition(&two_tasks()).unwrap();
    let runs = vec![NewRun::manual(1, code, version); len];
    store
        .trigger(&runs)
        .unwrap()
        .into_iter()
        .map(Result::unwrap)
        .collect()
}

/// A plan for each waiting command: start it.
pub(crate) fn plans(store: &Store) -> Vec<ClaimPlan> {
    let commands = store.fetch_commands(0, 1, 1, 1_000).unwrap();
    let ids: Vec<i32> = commands
        .iter()
        .map(|command| command.workflow_instance_id)
        .collect();
    let instances = store.load_instances(&ids).unwrap();
    let plan = |command: &orca_engine::model::Command| {
        let mut instance = instances
            .iter()
            .find(|instance| instance.id == command.workflow_instance_id)
            .unwrap()
            .clone();
        instance.state = WorkflowState::RunningExecution;
        instance.command_param.clone_from(&command.command_param);
        instance.global_params = Some("[]".to_owned());
        ClaimPlan {
            command_id: command.id,
            instance,
            supersede: Vec::new(),
            clone: Vec::new(),
            reset: Vec::new(),
            relink: Vec::new(),
            attach: Vec::new(),
        }
    };
    commands.iter().map(plan).collect()
}

pub(crate) fn fences(outcomes: Vec<ClaimOutcome>) -> Vec<Fence> {
    let fence = |outcome| match outcome {
        ClaimOutcome::Claimed { fence, .. } => fence,
        other => panic!("not claimed: {other:?}"),
    };
    outcomes.into_iter().map(fence).collect()
}

/// `len` runs, claimed.
pub(crate) fn claimed(database: &Database, len: usize) -> (Incarnation, Vec<Fence>) {
    let owner = master(&database.store);
    trigger(&database.store, len);
    let outcomes = database
        .store
        .claim(&owner, &plans(&database.store), &|| true)
        .unwrap();
    (owner, fences(outcomes))
}

pub(crate) fn task(instance: i32, name: &str) -> TaskInstance {
    TaskInstance {
        id: 0,
        name: name.to_owned(),
        task_type: "SHELL".to_owned(),
        task_execute_type: TaskExecuteType::Batch,
        task_code: 11,
        task_definition_version: 1,
        workflow_instance_id: instance,
        workflow_instance_name: Some("workflow-1".to_owned()),
        project_code: 1,
        state: TaskState::SubmittedSuccess,
        submit_time: Some(NOW),
        first_submit_time: Some(NOW),
        start_time: None,
        end_time: None,
        host: None,
        log_path: None,
        retry_times: 0,
        max_retry_times: 1,
        retry_interval: 1,
        app_link: None,
        task_params: Some("{}".into()),
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
    }
}

pub(crate) fn insert(node: u32, instance: i32, name: &str) -> Write {
    Write::InsertTask {
        node: NodeId(node),
        row: Box::new(task(instance, name)),
    }
}

pub(crate) fn step(fence: &Fence, step: i64, writes: Vec<Write>) -> StepCommit {
    StepCommit {
        fence: fence.clone(),
        step,
        writes,
    }
}
