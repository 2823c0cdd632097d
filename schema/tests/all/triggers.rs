//! What a trigger inserts.

use crate::harness::{Database, on_databases, two_tasks};
use orca_engine::codes::{ExecutionType, Priority};
use orca_engine::model::{Property, RunOptions};
use orca_schema::{ErrorClass, NewRun, RunKind, TriggerError};
use serde_json::Value;

fn saved(database: &Database, execution_type: ExecutionType) -> (i64, i32) {
    let definition = orca_schema::NewDefinition {
        execution_type,
        timeout_minutes: 7,
        ..two_tasks()
    };
    database.store.save_definition(&definition).unwrap()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_manual_run_is_an_instance_and_a_command() {
    on_databases(|database| {
        let (code, version) = saved(database, ExecutionType::Parallel);
        let mut run = NewRun::manual(1, code, version);
        run.start_params = Some(vec![Property {
            prop: Some("k".to_owned()),
            ..Property::default()
        }]);
        run.options.priority = Priority::High;
        run.options.worker_group = Some(" ".to_owned());
        let id = database.store.trigger(&[run]).unwrap().pop().unwrap().unwrap();

        let mut raw = database.raw();
        let of = format!("FROM t_ds_workflow_instance WHERE id = {id}");
        let columns = "state, recovery, run_times, host, command_type, command_param, task_depend_type, max_try_times, \
                       failure_strategy, warning_type, warning_group_id, schedule_time, global_params, is_sub_workflow, executor_id, \
                       executor_name, history_cmd, workflow_instance_priority, worker_group, environment_code, timeout, tenant_code, \
                       var_pool, dry_run, next_workflow_instance_id, flag, end_time, command_start_time";
        assert_eq!(
            raw.row(columns, &of),
            "0,0,1,-,0,-,2,0,1,0,-,-,-,0,1,admin,START_PROCESS,1,default,-1,7,default,-,0,0,1,-,-"
        );
        assert_eq!(raw.row("start_time", &of), raw.row("restart_time", &of));
        let name = raw.row("name", &of);
        assert!(
            name.starts_with("workflow-20") && name.len() == "workflow-".len() + 17,
            "{name}"
        );
        let history = json(&raw.row("state_history", &of));
        assert_eq!(history[0]["state"], "SUBMITTED_SUCCESS");
        assert_eq!(history[0]["desc"], "START_PROCESS");
        assert_eq!(history[0]["time"], raw.row("start_time", &of).as_str());
        assert_eq!(history.as_array().unwrap().len(), 1);

        let of = format!("FROM t_ds_command WHERE workflow_instance_id = {id}");
        let columns = "command_type, workflow_definition_code, workflow_definition_version, task_depend_type, failure_strategy, \
                       warning_type, executor_id, workflow_instance_priority, tenant_code, environment_code, dry_run, schedule_time, start_time";
        assert_eq!(
            raw.row(columns, &of),
            format!("0,{code},{version},2,1,0,0,1,default,-1,0,-,-")
        );
        let param = raw.row("command_param", &of);
        assert_eq!(
            json(&param),
            json(
                r#"{"commandType":"START_PROCESS","subWorkflowInstance":false,"startNodes":null,
                    "commandParams":[{"prop":"k","direct":null,"type":null,"value":null}],"timeZone":"UTC"}"#
            )
        );
    });
}

#[test]
fn backfill_schedule_and_sub_workflow_differ_where_they_should() {
    on_databases(|database| {
        let (code, version) = saved(database, ExecutionType::Parallel);
        let times = vec!["2024-01-01 00:00:00".to_owned(), "2024-01-02 00:00:00".to_owned()];
        let backfill = NewRun {
            kind: RunKind::Backfill { times },
            ..NewRun::manual(1, code, version)
        };
        let schedule = NewRun {
            kind: RunKind::Schedule,
            schedule_time: Some(orca_engine::time::Millis(1_704_067_200_000)),
            time_zone: Some("Asia/Shanghai".to_owned()),
            start_nodes: Some(vec![1]),
            ..NewRun::manual(1, code, version)
        };
        let sub = NewRun {
            kind: RunKind::SubWorkflow,
            ..NewRun::manual(1, code, version)
        };
        let ids: Vec<i32> = database
            .store
            .trigger(&[backfill, schedule, sub])
            .unwrap()
            .into_iter()
            .map(Result::unwrap)
            .collect();
        let mut raw = database.raw();
        let mut seen = |id: i32| {
            raw.row(
                "command_type, schedule_time, is_sub_workflow, history_cmd",
                &format!("FROM t_ds_workflow_instance WHERE id = {id}"),
            )
        };
        assert_eq!(seen(ids[0]), "5,2024-01-01 00:00:00,0,COMPLEMENT_DATA");
        assert_eq!(seen(ids[1]), "6,2024-01-01 00:00:00,0,SCHEDULER");
        assert_eq!(seen(ids[2]), "0,-,1,START_PROCESS");
        let mut param = |id: i32| {
            json(&raw.row(
                "command_param",
                &format!("FROM t_ds_command WHERE workflow_instance_id = {id}"),
            ))
        };
        assert_eq!(param(ids[0])["backfillTimeList"][1], "2024-01-02 00:00:00");
        assert_eq!(param(ids[0])["commandType"], "COMPLEMENT_DATA");
        assert_eq!(
            param(ids[1]),
            json(
                r#"{"commandType":"SCHEDULER","subWorkflowInstance":false,"startNodes":null,"commandParams":null,"timeZone":"Asia/Shanghai"}"#
            )
        );
        assert_eq!(param(ids[2])["subWorkflowInstance"], false);
    });
}

#[test]
fn a_serial_run_waits_in_the_serial_queue() {
    on_databases(|database| {
        let (code, version) = saved(database, ExecutionType::SerialWait);
        let id = database
            .store
            .trigger(&[NewRun::manual(1, code, version)])
            .unwrap()
            .pop()
            .unwrap()
            .unwrap();
        let mut raw = database.raw();
        assert_eq!(raw.count("FROM t_ds_command"), 0);
        let of = format!("FROM t_ds_workflow_instance WHERE id = {id}");
        assert_eq!(raw.row("state", &of), "14");
        let history = json(&raw.row("state_history", &of));
        assert_eq!(history[1]["desc"], "Waiting for serial execution");
        let of = format!("FROM t_ds_serial_command WHERE workflow_instance_id = {id}");
        assert_eq!(
            raw.row("state, workflow_definition_code", &of),
            format!("0,{code}")
        );
        let command = json(&raw.row("command", &of));
        assert_eq!(command["workflowInstanceId"], id);
        assert_eq!(command["taskDependType"], "TASK_POST");
        assert_eq!(command["workflowInstancePriority"], "MEDIUM");
        assert_eq!(command["warningType"], Value::Null);
        assert_eq!(
            json(command["commandParam"].as_str().unwrap())["commandType"],
            "START_PROCESS"
        );
        assert_eq!(command.as_object().unwrap().len(), 19);
    });
}

#[test]
fn what_cannot_run_is_refused_in_its_place() {
    on_databases(|database| {
        let (code, version) = saved(database, ExecutionType::Parallel);
        let bad_time = RunKind::Backfill {
            times: vec!["yesterday".to_owned()],
        };
        let runs = [
            NewRun::manual(1, code, 9),
            NewRun::manual(77, code, version),
            NewRun::manual(1, code, version),
            NewRun {
                kind: bad_time,
                ..NewRun::manual(1, code, version)
            },
        ];
        let answers = database.store.trigger(&runs).unwrap();
        let error = |place: usize| answers[place].as_ref().unwrap_err();
        assert_eq!(
            error(0).to_string(),
            format!("Workflow definition not found: {code} version 9")
        );
        assert_eq!(error(1).to_string(), "User not found: 77");
        assert_eq!(error(1).java_class(), "IllegalStateException");
        assert!(matches!(error(3), TriggerError::BadRequest(text) if text.contains("yesterday")));
        assert_eq!(error(3).class(), ErrorClass::Refuse);
        assert!(answers[2].is_ok());
        let mut raw = database.raw();
        assert_eq!(
            (
                raw.count("FROM t_ds_workflow_instance"),
                raw.count("FROM t_ds_command")
            ),
            (1, 1)
        );
    });
}

#[test]
fn a_row_that_is_too_long_stops_only_its_own_request() {
    on_databases(|database| {
        let (code, version) = saved(database, ExecutionType::Parallel);
        let long = NewRun {
            options: RunOptions {
                worker_group: Some("g".repeat(300)),
                ..RunOptions::DEFAULT
            },
            ..NewRun::manual(1, code, version)
        };
        let answers = database
            .store
            .trigger(&[NewRun::manual(1, code, version), long])
            .unwrap();
        assert!(answers[0].is_ok());
        // SQLite has no lengths.
        assert_eq!(answers[1].is_err(), database.is_mysql());
        let expected = if database.is_mysql() { 1 } else { 2 };
        assert_eq!(database.raw().count("FROM t_ds_command"), expected);
    });
}
