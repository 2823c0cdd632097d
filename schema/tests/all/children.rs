//! Children of SUB_WORKFLOW tasks: started once behind the parent's fence, recovered by their state, and queued when they are serial.

use crate::harness::{Database, on_databases, two_tasks};
use crate::support::{claimed, insert, step};
use orca_engine::codes::{ExecutionType, WorkflowState};
use orca_engine::fence::Fence;
use orca_engine::logic::sub_workflow::{ChildDefinition, NewChild};
use orca_engine::model::{Property, RunOptions};
use orca_engine::workflow::Write;
use orca_schema::{CommitError, NewDefinition};

/// A claimed parent with one task row; its fence, the task's id, and the definition that its child has.
fn parent(database: &Database) -> (Fence, i32, ChildDefinition) {
    let (_, mut fences) = claimed(database, 1);
    let fence = fences.remove(0);
    let first = step(&fence, 1, vec![insert(0, fence.workflow_instance_id, "a")]);
    let task = database
        .store
        .commit(&[first], &|| true)
        .remove(0)
        .unwrap()
        .task_ids[0];
    let (code, _) = database.store.save_definition(&two_tasks()).unwrap();
    let definition = database.store.child_definition(code).unwrap().unwrap();
    (fence, task, definition)
}

fn child(definition: &ChildDefinition) -> Box<NewChild> {
    Box::new(NewChild {
        definition: definition.clone(),
        user_id: 1,
        user_name: "admin".to_owned(),
        start_params: vec![Property {
            prop: Some("a".to_owned()),
            value: Some("1".to_owned()),
            ..Property::default()
        }],
        time_zone: Some("Asia/Shanghai".to_owned()),
        schedule_time: None,
        options: RunOptions {
            failure_strategy: orca_engine::codes::FailureStrategy::End,
            warning_type: orca_engine::codes::WarningType::All,
            warning_group_id: Some(3),
            priority: orca_engine::codes::Priority::High,
            worker_group: Some("group".to_owned()),
            tenant_code: Some("tenant".to_owned()),
            environment_code: Some(8),
            dry_run: false,
        },
    })
}

fn start(
    database: &Database,
    fence: &Fence,
    number: i64,
    task: i32,
    child: Box<NewChild>,
) -> Result<(), CommitError> {
    let write = Write::StartChild {
        task_instance_id: task,
        child,
    };
    let answer = database
        .store
        .commit(&[step(fence, number, vec![write])], &|| true)
        .remove(0);
    answer.map(|_| ())
}

#[test]
fn a_child_is_written_whole_with_its_place_in_the_parent() {
    on_databases(|database| {
        let (fence, task, definition) = parent(database);
        let mut raw = database.raw();
        start(database, &fence, 2, task, child(&definition)).unwrap();
        let rest = format!(
            "FROM t_ds_workflow_instance WHERE id <> {}",
            fence.workflow_instance_id
        );
        let columns = "state, is_sub_workflow, executor_id, executor_name, failure_strategy, warning_type, warning_group_id, \
                       workflow_instance_priority, worker_group, tenant_code, environment_code, command_type, run_times";
        assert_eq!(raw.row(columns, &rest), "0,1,1,admin,0,3,3,1,group,tenant,8,0,1");
        let id = raw.row("id", &rest);
        let of_child = format!("FROM t_ds_command WHERE workflow_instance_id = {id}");
        assert_eq!(
            raw.texts("command_param", &of_child)[0],
            r#"{"commandType":"START_PROCESS","subWorkflowInstance":false,"startNodes":null,"commandParams":[{"prop":"a","direct":null,"type":null,"value":"1"}],"timeZone":"Asia/Shanghai"}"#
        );
        assert_eq!(
            raw.texts("app_link", &format!("FROM t_ds_task_instance WHERE id = {task}")),
            [format!(r#"{{"subWorkflowInstanceId":{id}}}"#)]
        );
        let related = database
            .store
            .children_of(&[(fence.workflow_instance_id, task)])
            .unwrap();
        assert_eq!(related[&task].to_string(), id);
        let view = &database.store.children(&[related[&task]]).unwrap()[&related[&task]];
        assert_eq!(
            (view.state, view.host.as_deref()),
            (WorkflowState::SubmittedSuccess, None)
        );
        assert!(database.store.children(&[999_999]).unwrap().is_empty());
    });
}

#[test]
fn a_deposed_parent_starts_nothing_and_a_repeated_step_starts_nothing_more() {
    on_databases(|database| {
        let (fence, task, definition) = parent(database);
        let old = Fence {
            epoch: fence.epoch - 1,
            ..fence.clone()
        };
        assert!(matches!(
            start(database, &old, 2, task, child(&definition)),
            Err(CommitError::NotOwner)
        ));
        start(database, &fence, 2, task, child(&definition)).unwrap();
        let again = start(database, &fence, 2, task, child(&definition));
        assert!(matches!(again, Err(CommitError::Unknown { .. })), "{again:?}");
        let mut raw = database.raw();
        assert_eq!(raw.count("FROM t_ds_workflow_instance"), 2);
        assert_eq!(raw.count("FROM t_ds_command"), 1);
        assert_eq!(raw.count("FROM t_ds_relation_workflow_instance"), 1);
    });
}

#[test]
fn a_recovery_follows_the_state_of_the_child() {
    on_databases(|database| {
        let (fence, task, definition) = parent(database);
        start(database, &fence, 2, task, child(&definition)).unwrap();
        let id = database
            .store
            .children_of(&[(fence.workflow_instance_id, task)])
            .unwrap()[&task];
        let mut raw = database.raw();
        for (number, state, command) in [
            (3, WorkflowState::Failure, Some("4")),
            (4, WorkflowState::Stop, Some("3")),
            (5, WorkflowState::Pause, Some("3")),
            (6, WorkflowState::Success, None),
            (7, WorkflowState::RunningExecution, None),
        ] {
            raw.run("DELETE FROM t_ds_command");
            raw.run(&format!(
                "UPDATE t_ds_workflow_instance SET state = {} WHERE id = {id}",
                state.code()
            ));
            let write = || Write::RecoverChild {
                task_instance_id: task,
                child: id,
                user_id: 1,
            };
            let one = step(&fence, number, vec![write()]);
            database.store.commit(&[one], &|| true).remove(0).unwrap();
            let commands = raw.texts(
                "command_type",
                &format!("FROM t_ds_command WHERE workflow_instance_id = {id}"),
            );
            assert_eq!(commands, command.into_iter().collect::<Vec<_>>(), "{state}");
            let expected = if command.is_some() {
                WorkflowState::SubmittedSuccess
            } else {
                state
            };
            assert_eq!(database.store.children(&[id]).unwrap()[&id].state, expected);
        }
        assert_eq!(
            raw.count("FROM t_ds_relation_workflow_instance"),
            1,
            "the same attempt, the same row"
        );
    });
}

#[test]
fn two_recoveries_are_one_and_a_later_attempt_gets_its_own_relation() {
    on_databases(|database| {
        let (fence, task, definition) = parent(database);
        start(database, &fence, 2, task, child(&definition)).unwrap();
        let parent = fence.workflow_instance_id;
        let id = database.store.children_of(&[(parent, task)]).unwrap()[&task];
        let mut raw = database.raw();
        raw.run(&format!(
            "DELETE FROM t_ds_command; UPDATE t_ds_workflow_instance SET state = 6 WHERE id = {id}"
        ));
        let next = database
            .store
            .commit(&[step(&fence, 3, vec![insert(0, parent, "a")])], &|| true)
            .remove(0)
            .unwrap()
            .task_ids[0];
        for number in [4, 5] {
            let write = Write::RecoverChild {
                task_instance_id: next,
                child: id,
                user_id: 1,
            };
            database
                .store
                .commit(&[step(&fence, number, vec![write])], &|| true)
                .remove(0)
                .unwrap();
        }
        assert_eq!(
            raw.count(&format!("FROM t_ds_command WHERE workflow_instance_id = {id}")),
            1
        );
        assert_eq!(
            raw.row(
                "run_times",
                &format!("FROM t_ds_workflow_instance WHERE id = {id}")
            ),
            "2"
        );
        let related = database
            .store
            .children_of(&[(parent, task), (parent, next)])
            .unwrap();
        assert_eq!((related[&task], related[&next]), (id, id));
        let link = Write::LinkChild {
            task_instance_id: next,
            child: id,
        };
        database
            .store
            .commit(&[step(&fence, 6, vec![link])], &|| true)
            .remove(0)
            .unwrap();
        assert_eq!(raw.count("FROM t_ds_relation_workflow_instance"), 2);
    });
}

#[test]
fn a_serial_child_waits_in_the_queue_and_can_be_closed_there() {
    on_databases(|database| {
        let (fence, task, _) = parent(database);
        let serial = NewDefinition {
            name: "serial".to_owned(),
            execution_type: ExecutionType::SerialWait,
            ..two_tasks()
        };
        let (code, _) = database.store.save_definition(&serial).unwrap();
        let definition = database.store.child_definition(code).unwrap().unwrap();
        start(database, &fence, 2, task, child(&definition)).unwrap();
        let id = database
            .store
            .children_of(&[(fence.workflow_instance_id, task)])
            .unwrap()[&task];
        let mut raw = database.raw();
        assert_eq!(raw.count("FROM t_ds_serial_command"), 1);
        assert_eq!(
            database.store.children(&[id]).unwrap()[&id].state,
            WorkflowState::SerialWait
        );
        assert!(database.store.withdraw_waiting(id, WorkflowState::Stop).unwrap());
        assert_eq!(
            database.store.children(&[id]).unwrap()[&id].state,
            WorkflowState::Stop
        );
        assert_eq!(raw.count("FROM t_ds_serial_command"), 0);
    });
}

#[test]
fn what_a_task_finds_out_is_one_row_that_is_replaced() {
    on_databases(|database| {
        let (fence, task, _) = parent(database);
        for (number, context) in [(2, "[]"), (3, "[1]")] {
            let write = Write::SetTaskContext {
                task_instance_id: task,
                context: context.to_owned(),
            };
            database
                .store
                .commit(&[step(&fence, number, vec![write])], &|| true)
                .remove(0)
                .unwrap();
        }
        let rest = format!("FROM t_ds_task_instance_context WHERE task_instance_id = {task}");
        assert_eq!(
            database.raw().row("context, context_type", &rest),
            "[1],DEPENDENT_RESULT_CONTEXT"
        );
    });
}
