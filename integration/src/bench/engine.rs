//! The engine alone: what a graph costs to be read, started and finished when database, workers and network cost nothing.

use super::graph::{SIZES, layers};
use orca_engine::codes::*;
use orca_engine::model::{DefinitionSnapshot, Project, TaskDefinition, WorkflowDefinition, WorkflowInstance};
use orca_engine::time::Millis;
use orca_engine::workflow::{Effect, Event, ExecutorEvent, ExecutorEventKind, Rules, WorkflowMachine};
use orca_integration::harness::Error;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// As many as a master decides together.
const EVENTS_PER_STEP: usize = 512;
const REPEATS: usize = 5;
const NOW: Millis = Millis(1_767_225_600_000);
const WORKER: &str = "10.0.0.1:1234";

pub(super) fn run() -> Result<(), Error> {
    println!(
        "\n| engine alone | parse | start | finish | finish, per task |\n| --- | --- | --- | --- | --- |"
    );
    for (name, layer_count) in [("layers of 50", None), ("4 layers", Some(4))] {
        for tasks in SIZES {
            let width = layer_count.map_or(50, |count| tasks / count);
            let definition = Arc::new(definition(&layers(tasks, width)));
            let mut runs = (0..REPEATS)
                .map(|_| one_run(&definition))
                .collect::<Result<Vec<_>, _>>()?;
            runs.sort_by_key(|run| run.finish);
            print(name, &definition, &runs[REPEATS / 2]);
        }
    }
    Ok(())
}

struct Run {
    parse: Duration,
    start: Duration,
    finish: Duration,
}

fn print(name: &str, definition: &DefinitionSnapshot, run: &Run) {
    let tasks = definition.tasks.len();
    let edges = definition
        .relations
        .iter()
        .filter(|(before, _)| *before > 0)
        .count();
    let ms = |time: Duration| time.as_secs_f64() * 1_000.0;
    println!(
        "| {name}: {tasks} tasks, {edges} edges | {:.2} ms | {:.3} ms | {:.1} ms | {:.1} µs |",
        ms(run.parse),
        ms(run.start),
        ms(run.finish),
        ms(run.finish) * 1_000.0 / tasks as f64
    );
}

/// Every task is chosen a worker, accepted, reported to run and to have succeeded, as soon as the machine lets it.
fn one_run(definition: &Arc<DefinitionSnapshot>) -> Result<Run, Error> {
    let rules = Arc::new(Rules::new("10.0.0.2:5678", chrono_tz::Tz::UTC));
    let from = Instant::now();
    let machine = WorkflowMachine::new(definition.clone(), instance(), Vec::new(), rules);
    let mut machine = machine.map_err(|error| failed(error.to_string()))?;
    let parse = from.elapsed();
    let (mut next_id, mut events) = (0, VecDeque::from([Event::Started]));
    let from = Instant::now();
    take_step(&mut machine, &mut events, &mut next_id);
    let start = from.elapsed();
    let from = Instant::now();
    while !events.is_empty() {
        take_step(&mut machine, &mut events, &mut next_id);
    }
    let finish = from.elapsed();
    let succeeded = machine.is_retired() && machine.instance().state == WorkflowState::Success;
    if !succeeded || usize::try_from(next_id) != Ok(definition.tasks.len()) {
        return Err(failed(format!("the run has ended with {:?}", machine.observe())));
    }
    Ok(Run { parse, start, finish })
}

fn take_step(machine: &mut WorkflowMachine, events: &mut VecDeque<Event>, next_id: &mut i32) {
    let len = events.len().min(EVENTS_PER_STEP);
    let decided: Vec<Event> = events.drain(..len).collect();
    let step = machine.decide(&decided, NOW);
    let inserts = step
        .writes
        .iter()
        .filter(|write| matches!(write, orca_engine::workflow::Write::InsertTask { .. }));
    let ids: Vec<i32> = (*next_id + 1..).take(inserts.count()).collect();
    *next_id = ids.last().copied().unwrap_or(*next_id);
    for effect in machine.apply(step, &ids) {
        answer(machine, effect, events);
    }
}

fn answer(machine: &WorkflowMachine, effect: Effect, events: &mut VecDeque<Event>) {
    let host = WORKER.to_owned();
    match effect {
        Effect::QueueDispatch { node, .. } => {
            if let Some(task_instance_id) = machine.task_instance_id(node) {
                events.push_back(Event::WorkerChosen {
                    task_instance_id,
                    host,
                });
            }
        }
        Effect::SendDispatch { task_instance_id, .. } => {
            events.push_back(Event::DispatchAccepted {
                task_instance_id,
                host: host.clone(),
            });
            let reports = [
                ExecutorEventKind::Dispatched,
                ExecutorEventKind::Running {
                    start_time: NOW,
                    log_path: Some("/tmp/a.log".to_owned()),
                },
                ExecutorEventKind::Succeeded {
                    end_time: NOW,
                    var_pool: Vec::new(),
                },
            ];
            events.extend(reports.map(|kind| {
                Event::Executor(ExecutorEvent {
                    task_instance_id,
                    host: host.clone(),
                    kind,
                })
            }));
        }
        _ => {}
    }
}

fn failed(reason: String) -> Error {
    Error::Failed {
        what: "the engine".to_owned(),
        reason,
    }
}

fn definition(layers: &super::graph::Layers) -> DefinitionSnapshot {
    let code = |index: usize| i64::try_from(index + 1).unwrap_or(i64::MAX);
    let relations = layers.iter().enumerate().flat_map(|(index, before)| {
        let root = before.is_empty().then_some((0, code(index)));
        let edges = before.iter().map(move |&before| (code(before), code(index)));
        root.into_iter().chain(edges)
    });
    DefinitionSnapshot {
        workflow: WorkflowDefinition {
            code: 100,
            version: 1,
            name: "graph".to_owned(),
            project_code: 9,
            global_params: Some("[]".to_owned()),
            timeout_minutes: 0,
            execution_type: ExecutionType::Parallel,
            user_id: Some(1),
            operator_name: None,
        },
        project: Project {
            id: 1,
            code: 9,
            name: "bench".to_owned(),
            user_id: Some(1),
            user_name: None,
        },
        tasks: (0..layers.len()).map(|index| task(code(index))).collect(),
        relations: relations.collect(),
    }
}

fn task(code: i64) -> TaskDefinition {
    TaskDefinition {
        code,
        version: 1,
        name: format!("t{code}"),
        project_code: 9,
        task_type: "SHELL".to_owned(),
        task_execute_type: TaskExecuteType::Batch,
        task_params: Some(r#"{"localParams":[],"rawScript":"true"}"#.to_owned()),
        flag: Flag::Yes,
        priority: Priority::Medium,
        worker_group: Some("default".to_owned()),
        environment_code: -1,
        fail_retry_times: 0,
        fail_retry_interval: 0,
        timeout_flag: TimeoutFlag::Close,
        timeout_notify_strategy: None,
        timeout: 0,
        delay_time: 0,
        task_group_id: 0,
        task_group_priority: 0,
        cpu_quota: -1,
        memory_max: -1,
    }
}

fn instance() -> WorkflowInstance {
    WorkflowInstance {
        id: 1,
        name: "graph-1".to_owned(),
        workflow_definition_code: 100,
        workflow_definition_version: 1,
        project_code: 9,
        state: WorkflowState::RunningExecution,
        state_history: None,
        start_time: Some(NOW),
        end_time: None,
        restart_time: Some(NOW),
        run_times: 1,
        host: Some("10.0.0.2:5678".to_owned()),
        command_type: CommandType::StartProcess,
        command_param: Some(r#"{"commandType":"START_PROCESS"}"#.to_owned()),
        task_depend_type: TaskDependType::TaskPost,
        failure_strategy: FailureStrategy::Continue,
        warning_type: WarningType::None,
        warning_group_id: None,
        schedule_time: None,
        global_params: Some("[]".to_owned()),
        is_sub_workflow: Flag::No,
        executor_id: 1,
        executor_name: None,
        history_cmd: Some("START_PROCESS".to_owned()),
        priority: Priority::Medium,
        worker_group: Some("default".to_owned()),
        environment_code: -1,
        timeout: 0,
        tenant_code: Some("default".to_owned()),
        var_pool: None,
        dry_run: false,
    }
}
