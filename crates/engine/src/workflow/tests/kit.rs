//! Definitions, instances and rows for tests, with everything a test does not name at its usual value.

use crate::codes::*;
use crate::model::*;
use crate::time::Millis;
use crate::workflow::{Event, ExecutorEvent, ExecutorEventKind, Rules, Step, WorkflowMachine};
use std::sync::Arc;

/// 2026-01-01 00:00:00 UTC.
pub(crate) const START: Millis = Millis(1_767_225_600_000);

pub(crate) fn task(code: i64, name: &str) -> TaskDefinition {
    TaskDefinition {
        code,
        version: 1,
        name: name.to_owned(),
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

/// Tasks get the codes 1, 2, 3 in their order; edges name them.
pub(crate) fn definition(tasks: Vec<TaskDefinition>, edges: &[(i64, i64)]) -> DefinitionSnapshot {
    let roots = tasks
        .iter()
        .map(|task| task.code)
        .filter(|code| edges.iter().all(|(_, to)| to != code))
        .map(|code| (0, code));
    let relations = roots.chain(edges.iter().copied()).collect();
    DefinitionSnapshot {
        workflow: WorkflowDefinition {
            code: 100,
            version: 1,
            name: "flow".to_owned(),
            project_code: 9,
            global_params: Some("[]".to_owned()),
            timeout_minutes: 0,
            execution_type: ExecutionType::Parallel,
            user_id: Some(1),
            operator_name: Some("admin".to_owned()),
        },
        project: Project {
            id: 1,
            code: 9,
            name: "project".to_owned(),
            user_id: Some(1),
            user_name: Some("admin".to_owned()),
        },
        tasks,
        relations,
    }
}

pub(crate) fn instance() -> WorkflowInstance {
    WorkflowInstance {
        id: 7,
        name: "flow-20260101000000000".to_owned(),
        workflow_definition_code: 100,
        workflow_definition_version: 1,
        project_code: 9,
        state: WorkflowState::RunningExecution,
        state_history: None,
        start_time: Some(START),
        end_time: None,
        restart_time: Some(START),
        run_times: 1,
        host: Some("me:5678".to_owned()),
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
        executor_name: Some("admin".to_owned()),
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

pub(crate) fn row(id: i32, task: &TaskDefinition, state: TaskState, host: Option<&str>) -> TaskInstance {
    let fresh = crate::workflow::rows::first_run(task, &instance(), START);
    TaskInstance {
        id,
        state,
        host: host.map(str::to_owned),
        ..fresh
    }
}

/// The workflow 200 that a SUB_WORKFLOW task starts.
pub(crate) fn child_definition() -> crate::logic::sub_workflow::ChildDefinition {
    crate::logic::sub_workflow::ChildDefinition {
        code: 200,
        version: 3,
        name: "child".to_owned(),
        project_code: 9,
        timeout: 0,
        execution_type: ExecutionType::Parallel,
    }
}

/// Silence is nobody's topic but that of its own tests.
pub(crate) fn rules() -> Arc<Rules> {
    Arc::new(Rules {
        silence_interval_ms: None,
        ..Rules::new("me:5678", chrono_tz::Tz::UTC)
    })
}

pub(crate) fn machine(
    definition: DefinitionSnapshot,
    instance: WorkflowInstance,
    rows: Vec<TaskInstance>,
) -> WorkflowMachine {
    WorkflowMachine::new(Arc::new(definition), instance, rows, rules()).unwrap()
}

pub(crate) fn report(task_instance_id: i32, host: &str, kind: ExecutorEventKind) -> Event {
    Event::Executor(ExecutorEvent {
        task_instance_id,
        host: host.to_owned(),
        kind,
    })
}

/// Applies a step as the store does: ids count on from `next_id`.
pub(crate) fn apply(
    machine: &mut WorkflowMachine,
    step: Step,
    next_id: &mut i32,
) -> Vec<crate::workflow::Effect> {
    let inserts = step
        .writes
        .iter()
        .filter(|write| matches!(write, crate::workflow::Write::InsertTask { .. }))
        .count();
    let ids: Vec<i32> = (0..inserts)
        .map(|_| {
            *next_id += 1;
            *next_id
        })
        .collect();
    let effects = machine.apply(step, &ids);
    crate::invariants::check(machine);
    effects
}
