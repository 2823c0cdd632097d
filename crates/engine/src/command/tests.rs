//! A claim per command type.

use super::{ClaimPlan, CommandError, append_state_history, plan, start_codes, starts_from_rows};
use crate::codes::{CommandType, TaskDependType, TaskState, WorkflowState};
use crate::model::{Command, DefinitionSnapshot, TaskInstance, WorkflowInstance};
use crate::time::Millis;
use crate::workflow::tests::kit;
use chrono_tz::Tz;

const NOW: Millis = Millis(kit::START.0 + 90_000);

fn command(command_type: CommandType, param: Option<&str>) -> Command {
    Command {
        id: 3,
        command_type: command_type.code(),
        workflow_definition_code: 100,
        workflow_definition_version: 1,
        workflow_instance_id: 7,
        command_param: param.map(str::to_owned),
        task_depend_type: None,
        executor_id: Some(1),
        workflow_instance_priority: Some(2),
    }
}

/// A to D in a chain, E on its own.
fn definition() -> DefinitionSnapshot {
    let tasks = (1..=5)
        .zip(["A", "B", "C", "D", "E"])
        .map(|(code, name)| kit::task(code, name))
        .collect();
    kit::definition(tasks, &[(1, 2), (2, 3), (3, 4)])
}

fn waiting() -> WorkflowInstance {
    let history = r#"[{"time":"2026-01-01 00:00:00","state":"SUBMITTED_SUCCESS","desc":"START_PROCESS"}]"#;
    WorkflowInstance {
        state: WorkflowState::SubmittedSuccess,
        state_history: Some(history.to_owned()),
        host: None,
        var_pool: Some("[]".to_owned()),
        end_time: Some(kit::START),
        ..kit::instance()
    }
}

fn rows(states: &[(usize, TaskState)]) -> Vec<TaskInstance> {
    let definition = definition();
    let row = |&(index, state): &(usize, TaskState)| {
        kit::row(
            10 + i32::try_from(index).unwrap(),
            &definition.tasks[index],
            state,
            Some("w1:1"),
        )
    };
    states.iter().map(row).collect()
}

fn planned(
    command: &Command,
    instance: WorkflowInstance,
    rows: Vec<TaskInstance>,
) -> Result<ClaimPlan, CommandError> {
    plan(
        command,
        instance,
        rows,
        &definition(),
        "me:5678",
        NOW,
        Tz::Asia__Shanghai,
    )
}

#[test]
fn a_start_takes_the_commands_parameters_over_the_definitions() {
    let param = r#"{"commandType":"START_PROCESS","startNodes":[2],"commandParams":[{"prop":"k","direct":"IN","type":"VARCHAR","value":"start"}]}"#;
    let mut snapshot = definition();
    snapshot.workflow.global_params = Some(
        r#"[{"prop":"g","direct":"IN","type":"VARCHAR","value":"1"},{"prop":"k","direct":"IN","type":"VARCHAR","value":"2"}]"#
            .to_owned(),
    );
    let command = command(CommandType::StartProcess, Some(param));
    let plan = plan(
        &command,
        waiting(),
        Vec::new(),
        &snapshot,
        "me:5678",
        NOW,
        Tz::Asia__Shanghai,
    )
    .unwrap();
    let instance = plan.instance;
    assert_eq!(instance.state, WorkflowState::RunningExecution);
    assert_eq!(instance.host.as_deref(), Some("me:5678"));
    assert_eq!(instance.command_param.as_deref(), Some(param));
    assert_eq!(instance.restart_time, Some(NOW));
    assert_eq!(
        instance.global_params.as_deref(),
        Some(
            r#"[{"prop":"g","direct":"IN","type":"VARCHAR","value":"1"},{"prop":"k","direct":"IN","type":"VARCHAR","value":"start"}]"#
        )
    );
    assert_eq!(
        instance.state_history.as_deref(),
        Some(
            r#"[{"time":"2026-01-01 00:00:00","state":"SUBMITTED_SUCCESS","desc":"START_PROCESS"},{"time":"2026-01-01 08:01:30","state":"RUNNING_EXECUTION","desc":"START_PROCESS"}]"#
        )
    );
    assert_eq!(
        (plan.command_id, plan.supersede.len(), plan.attach.len()),
        (3, 0, 0)
    );
}

#[test]
fn a_repeat_supersedes_every_row() {
    let finished = WorkflowInstance {
        state: WorkflowState::Success,
        ..waiting()
    };
    let rows = rows(&[(0, TaskState::Success), (4, TaskState::Success)]);
    let plan = planned(&command(CommandType::RepeatRunning, None), finished, rows).unwrap();
    assert_eq!(plan.supersede, [10, 14]);
    assert_eq!((plan.instance.run_times, plan.instance.end_time), (2, None));
    assert_eq!(
        (plan.instance.command_type, plan.instance.var_pool),
        (CommandType::RepeatRunning, None)
    );
    assert!(plan.attach.is_empty() && plan.clone.is_empty());
}

#[test]
fn a_recovery_runs_again_what_did_not_succeed_and_what_is_behind_it() {
    for command_type in [
        CommandType::StartFailureTaskProcess,
        CommandType::RecoverSuspendedProcess,
    ] {
        let states = [
            (0, TaskState::Success),
            (1, TaskState::Failure),
            (2, TaskState::Success),
            (3, TaskState::Kill),
            (4, TaskState::Pause),
        ];
        let plan = planned(&command(command_type, None), waiting(), rows(&states)).unwrap();
        assert_eq!(plan.instance.command_type, command_type);
        assert_eq!(plan.instance.run_times, 1, "the trigger has counted it");
        assert_eq!(plan.supersede, [12, 13]);
        let (old, clone) = &plan.clone[0];
        assert_eq!(
            (plan.clone.len(), *old, clone.id, clone.state),
            (1, 11, 0, TaskState::SubmittedSuccess)
        );
        assert_eq!(
            (clone.submit_time, clone.first_submit_time),
            (Some(NOW), Some(kit::START))
        );
        assert_eq!((&clone.host, &clone.var_pool), (&None, &None));
        assert_eq!(plan.reset, [14]);
        let rows = plan.into_rows(&[99]);
        let attached: Vec<_> = rows.iter().map(|row| (row.id, row.state)).collect();
        assert_eq!(
            attached,
            [
                (10, TaskState::Success),
                (14, TaskState::SubmittedSuccess),
                (99, TaskState::SubmittedSuccess)
            ]
        );
    }
}

#[test]
fn a_failover_restores_state_and_rows() {
    let lost = WorkflowInstance {
        state: WorkflowState::Failover,
        end_time: None,
        ..waiting()
    };
    let param = r#"{"commandType":"RECOVER_TOLERANCE_FAULT","workflowExecutionStatus":"READY_STOP"}"#;
    let history = lost.state_history.clone();
    let command = command(CommandType::RecoverToleranceFaultProcess, Some(param));
    let plan = planned(&command, lost, rows(&[(0, TaskState::RunningExecution)])).unwrap();
    assert_eq!(plan.instance.state, WorkflowState::ReadyStop);
    assert_eq!(plan.instance.state_history, history);
    assert_eq!(plan.instance.command_type, CommandType::StartProcess);
    assert_eq!(plan.attach.len(), 1);
}

#[test]
fn an_execute_task_runs_only_what_it_names() {
    let ended = WorkflowInstance {
        state: WorkflowState::Success,
        ..waiting()
    };
    let mut execute = command(
        CommandType::ExecuteTask,
        Some(r#"{"ProcessInstanceId":"7","StartNodeList":"3, 5"}"#),
    );
    execute.task_depend_type = Some(TaskDependType::TaskOnly);
    let states = [
        (0, TaskState::Success),
        (2, TaskState::Success),
        (4, TaskState::Failure),
    ];
    let plan = planned(&execute, ended, rows(&states)).unwrap();
    assert_eq!(plan.supersede, [12, 14]);
    assert_eq!(plan.instance.task_depend_type, TaskDependType::TaskOnly);
    assert_eq!(start_codes(&execute).unwrap(), Some(vec![3, 5]));
    assert_eq!(
        start_codes(&command(CommandType::StartProcess, None)).unwrap(),
        None
    );
}

/// As in the reference: the instance keeps what the command said of the graph.
#[test]
fn a_recovery_after_an_execute_task_covers_what_that_covered() {
    let states = [
        (0, TaskState::Failure),
        (1, TaskState::Failure),
        (4, TaskState::Failure),
    ];
    let recover = |task_depend_type| {
        let instance = WorkflowInstance {
            task_depend_type,
            ..waiting()
        };
        let command = command(CommandType::StartFailureTaskProcess, None);
        let plan = planned(&command, instance, rows(&states)).unwrap();
        let cloned: Vec<i32> = plan.clone.iter().map(|(old, _)| *old).collect();
        (cloned, plan.supersede)
    };
    assert_eq!(recover(TaskDependType::TaskPost), (vec![10, 14], vec![11]));
    assert_eq!(
        recover(TaskDependType::TaskOnly),
        (vec![10, 14], vec![]),
        "the roots alone, and B stays as it is"
    );
}

#[test]
fn what_can_never_run_says_why() {
    let start = Some(r#"{"commandType":"START_PROCESS"}"#);
    let error = |command: Command, instance: WorkflowInstance, rows| {
        planned(&command, instance, rows).unwrap_err().to_string()
    };
    let unknown = Command {
        command_type: 42,
        ..command(CommandType::StartProcess, start)
    };
    let running = WorkflowInstance {
        state: WorkflowState::RunningExecution,
        ..waiting()
    };
    let lost = WorkflowInstance {
        state: WorkflowState::Failover,
        ..waiting()
    };
    let doubled = [rows(&[(0, TaskState::Success)]), rows(&[(0, TaskState::Success)])].concat();
    let take_over =
        r#"{"commandType":"RECOVER_TOLERANCE_FAULT","workflowExecutionStatus":"RUNNING_EXECUTION"}"#;
    let fail_over = |param| command(CommandType::RecoverToleranceFaultProcess, param);
    for (text, expected) in [
        (
            error(unknown, waiting(), vec![]),
            "Cannot find ICommandHandler for commandType: 42",
        ),
        (
            error(command(CommandType::Pause, start), waiting(), vec![]),
            "Cannot find ICommandHandler for commandType: PAUSE",
        ),
        (
            error(command(CommandType::StartProcess, None), waiting(), vec![]),
            "Invalid command param : null",
        ),
        (
            error(command(CommandType::Scheduler, Some("{}")), waiting(), vec![]),
            "the command param has no member commandType",
        ),
        (
            error(
                command(CommandType::Scheduler, Some(r#"{"commandType":"X"}"#)),
                waiting(),
                vec![],
            ),
            "the command param has the unknown commandType \"X\"",
        ),
        (
            error(
                command(
                    CommandType::StartProcess,
                    Some(r#"{"commandType":"START_PROCESS","startNodes":[8]}"#),
                ),
                waiting(),
                vec![],
            ),
            "Cannot find task: 8",
        ),
        (
            error(command(CommandType::StartProcess, start), running, vec![]),
            "the workflow instance is RUNNING_EXECUTION: a master runs it already, so the command comes twice",
        ),
        (
            error(fail_over(Some(take_over)), waiting(), vec![]),
            "the workflow instance is SUBMITTED_SUCCESS and not FAILOVER, so there is nothing to take over",
        ),
        (
            error(fail_over(start), lost.clone(), vec![]),
            "The WorkflowFailoverCommandParam: {\"commandType\":\"START_PROCESS\"} is invalid",
        ),
        (
            error(fail_over(Some(take_over)), lost, doubled),
            "Duplicate key A: the workflow instance has more than one valid task instance of that name",
        ),
        (
            error(
                command(CommandType::ExecuteTask, Some(r#"{"StartNodeList":""}"#)),
                waiting(),
                vec![],
            ),
            "Invalid command param, the start nodes is empty: {\"StartNodeList\":\"\"}",
        ),
    ] {
        assert_eq!(text, expected);
    }
}

#[test]
fn only_commands_that_go_on_from_rows_read_them() {
    let with_rows: Vec<i32> = (-1..20).filter(|&code| starts_from_rows(code)).collect();
    assert_eq!(with_rows, [2, 3, 4, 7, 12]);
}

#[test]
fn a_history_that_cannot_be_read_begins_anew() {
    for broken in [None, Some(""), Some("null"), Some("{}"), Some("[1]")] {
        let text = append_state_history(broken, WorkflowState::Stop, "why", kit::START, Tz::UTC);
        assert_eq!(
            text,
            r#"[{"time":"2026-01-01 00:00:00","state":"STOP","desc":"why"}]"#
        );
    }
}

#[test]
fn command_params_are_written_as_they_are_read() {
    use crate::command_param::{CommandParam, Kind};
    for text in [
        r#"{"commandType":"START_PROCESS","subWorkflowInstance":false,"startNodes":[11],"commandParams":[{"prop":"k","direct":"IN","type":"VARCHAR","value":"v"}],"timeZone":"UTC"}"#,
        r#"{"commandType":"COMPLEMENT_DATA","subWorkflowInstance":false,"startNodes":null,"commandParams":[],"timeZone":"UTC","backfillTimeList":["2024-01-01 00:00:00","2024-01-02 00:00:00"]}"#,
        r#"{"commandType":"SCHEDULER","subWorkflowInstance":false,"startNodes":null,"commandParams":null,"timeZone":"Asia/Shanghai"}"#,
        r#"{"commandType":"RECOVER_TOLERANCE_FAULT","subWorkflowInstance":false,"startNodes":null,"commandParams":null,"timeZone":null,"workflowExecutionStatus":"RUNNING_EXECUTION"}"#,
    ] {
        assert_eq!(CommandParam::parse(text).unwrap().to_text(), text);
    }
    let lenient =
        CommandParam::parse(r#"{"commandType":"SCHEDULER","commandParams":[null],"more":1}"#).unwrap();
    assert_eq!(lenient, CommandParam::new(Kind::Scheduler));
    for bad in [
        "",
        "[]",
        "x",
        r#"{"commandType":"START_PROCESS","startNodes":"1"}"#,
        r#"{"commandType":5}"#,
    ] {
        assert!(CommandParam::parse(bad).is_err(), "{bad}");
    }
}
