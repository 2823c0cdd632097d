use super::*;
use orca_engine::codes::{
    CommandType, FailureStrategy, Priority, TaskDependType, TaskExecuteType, WarningType,
};

pub(crate) fn instance(state: WorkflowState) -> WorkflowInstance {
    WorkflowInstance {
        id: 7,
        name: "etl-1".to_owned(),
        workflow_definition_code: 1,
        workflow_definition_version: 1,
        project_code: 1,
        state,
        state_history: None,
        start_time: Some(Millis(10_000)),
        end_time: state.is_final().then_some(Millis(15_000)),
        restart_time: None,
        run_times: 1,
        host: Some("127.0.0.1:5678".to_owned()),
        command_type: CommandType::StartProcess,
        command_param: None,
        task_depend_type: TaskDependType::TaskPost,
        failure_strategy: FailureStrategy::Continue,
        warning_type: WarningType::None,
        warning_group_id: None,
        schedule_time: None,
        global_params: None,
        is_sub_workflow: Flag::No,
        executor_id: 1,
        executor_name: None,
        history_cmd: None,
        priority: Priority::Medium,
        worker_group: None,
        environment_code: -1,
        timeout: 0,
        tenant_code: None,
        var_pool: None,
        dry_run: false,
    }
}

pub(crate) fn task(id: i32, code: i64, state: TaskState) -> TaskInstance {
    TaskInstance {
        id,
        name: format!("task{code}"),
        task_type: "SHELL".to_owned(),
        task_execute_type: TaskExecuteType::Batch,
        task_code: code,
        task_definition_version: 1,
        workflow_instance_id: 7,
        workflow_instance_name: None,
        project_code: 1,
        state,
        submit_time: None,
        first_submit_time: None,
        start_time: Some(Millis(11_000)),
        end_time: state.is_finished().then_some(Millis(12_500)),
        host: Some("127.0.0.1:1234".to_owned()),
        log_path: Some("/logs/1.log".to_owned()),
        retry_times: 0,
        max_retry_times: 2,
        retry_interval: 0,
        app_link: None,
        task_params: None,
        flag: Flag::Yes,
        priority: Priority::Medium,
        worker_group: None,
        environment_code: -1,
        executor_id: 1,
        executor_name: None,
        delay_time: 0,
        var_pool: None,
        task_group_id: 0,
        dry_run: false,
        cpu_quota: -1,
        memory_max: -1,
    }
}

fn look(instance: &WorkflowInstance, tasks: &[TaskInstance]) -> RunView {
    view(instance, tasks, None, Millis(13_000), chrono_tz::UTC)
}

#[test]
fn the_newest_attempt_counts_and_the_others_are_counted() {
    let mut first = task(1, 5, TaskState::Failure);
    first.flag = Flag::No;
    let rows = [first, task(2, 5, TaskState::RunningExecution)];
    let run = look(&instance(WorkflowState::RunningExecution), &rows);
    assert_eq!(
        (run.state, run.finished, run.succeeded),
        ("RUNNING_EXECUTION", false, false)
    );
    assert_eq!(
        (run.duration_millis, run.start_time.as_deref()),
        (Some(3_000), Some("1970-01-01 00:00:10"))
    );
    let task = &run.tasks[0];
    assert_eq!(
        (task.state, task.attempts_text().as_str(), task.task_instance_id),
        ("RUNNING_EXECUTION", "2/3", Some(2))
    );
    assert_eq!(
        (task.duration_millis, task.failed(), task.reason.as_deref()),
        (Some(2_000), false, None)
    );
}

#[test]
fn a_failure_says_why() {
    let rows = [
        task(1, 5, TaskState::Failure),
        task(2, 6, TaskState::Kill),
        task(3, 7, TaskState::Success),
    ];
    let run = look(&instance(WorkflowState::Failure), &rows);
    assert!(run.finished && !run.succeeded);
    let reasons: Vec<_> = run.tasks.iter().map(|task| task.reason.as_deref()).collect();
    assert_eq!(
        reasons,
        [Some("failed in attempt 1 of 3"), Some("was killed"), None]
    );
    let mut unsent = task(1, 5, TaskState::Failure);
    (unsent.host, unsent.start_time) = (Some("NULL".to_owned()), None);
    unsent.host = None;
    let run = look(&instance(WorkflowState::Failure), &[unsent]);
    assert_eq!(
        run.tasks[0].reason.as_deref(),
        Some("failed before it was sent to a worker; the master's log says why")
    );
}

#[test]
fn tasks_without_a_row_wait_or_were_not_run() {
    let state = |flag, finished| without_row("a", "SHELL", flag, 0, finished).state;
    assert_eq!(state(Flag::Yes, false), "WAITING");
    assert_eq!(state(Flag::Yes, true), "NOT_RUN");
    assert_eq!(state(Flag::No, true), "SKIPPED");
}

#[test]
fn an_empty_host_is_no_host() {
    for host in ["", "NULL", "-"] {
        assert_eq!(known_host(Some(host)), None);
    }
    assert_eq!(known_host(Some("h:1")).as_deref(), Some("h:1"));
}
