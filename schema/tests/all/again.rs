//! An instance that has ended runs again: its row, its command, and who is refused.

use crate::harness::{Database, Raw, master, on_databases, two_tasks};
use crate::support::{plans, trigger};
use orca_engine::codes::{ExecutionType, WorkflowState};
use orca_schema::{Again, AgainError, AgainRequest, ClaimOutcome, ErrorClass, NewDefinition, NewRun, Store};
use serde_json::Value;
use std::sync::Barrier;

const KINDS: [(Again, WorkflowState); 3] = [
    (Again::Repeat, WorkflowState::Success),
    (Again::RecoverFailure, WorkflowState::Failure),
    (Again::RecoverSuspended, WorkflowState::Stop),
];

fn request(workflow_instance_id: i32, kind: Again) -> AgainRequest {
    AgainRequest {
        workflow_instance_id,
        user_id: 5,
        kind,
    }
}

/// An instance that has been claimed and has ended in `state`, long ago.
fn ended(database: &Database, state: WorkflowState) -> i32 {
    let owner = master(&database.store);
    let id = trigger(&database.store, 1)[0];
    let mut asked = plans(&database.store);
    // Other instances of the test may have commands that are to stay.
    asked.retain(|plan| plan.instance.id == id);
    database.store.claim(&owner, &asked, &|| true).unwrap();
    end(&mut database.raw(), id, state);
    id
}

fn end(raw: &mut Raw, id: i32, state: WorkflowState) {
    raw.run(&format!(
        "UPDATE t_ds_workflow_instance SET state = {}, restart_time = '2020-01-01 00:00:00', end_time = '2020-01-01 00:01:00' WHERE id = {id}",
        state.code()
    ));
}

fn of(id: i32) -> String {
    format!("FROM t_ds_workflow_instance WHERE id = {id}")
}

fn of_command(id: i32) -> String {
    format!("FROM t_ds_command WHERE workflow_instance_id = {id}")
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_repetition_is_a_command_and_leaves_the_row_alone() {
    on_databases(|database| {
        let id = ended(database, WorkflowState::Pause);
        let columns = "state, state_history, run_times, restart_time, end_time, host, command_type";
        let before = database.raw().row(columns, &of(id));
        database.store.trigger_again(&request(id, Again::Repeat)).unwrap();
        let mut raw = database.raw();
        assert_eq!(raw.row(columns, &of(id)), before);
        assert_command(&mut raw, id, 7);
    });
}

/// The columns of the command, with the time of the database.
fn assert_command(raw: &mut Raw, id: i32, command_type: i32) {
    let code = raw.row("workflow_definition_code", &of(id));
    let columns = "command_type, workflow_definition_code, workflow_definition_version, command_param, task_depend_type, failure_strategy, \
                   warning_type, warning_group_id, schedule_time, executor_id, workflow_instance_priority, worker_group, tenant_code, \
                   environment_code, dry_run";
    assert_eq!(
        raw.row(columns, &of_command(id)),
        format!("{command_type},{code},1,-,2,1,0,-,-,5,2,-,default,-1,0")
    );
    let start = raw.row("start_time", &of_command(id));
    assert!(start.as_str() > "2025" && start == raw.row("update_time", &of_command(id)));
    assert_eq!(raw.count(&of_command(id)), 1);
}

#[test]
fn a_recovery_counts_as_a_run_from_now_on() {
    on_databases(|database| {
        for (kind, state, command_type) in [
            (Again::RecoverFailure, WorkflowState::Failure, 4),
            (Again::RecoverSuspended, WorkflowState::Pause, 3),
            (Again::RecoverSuspended, WorkflowState::Stop, 3),
        ] {
            let id = ended(database, state);
            let kept = "host, start_time, command_type, history_cmd, name, executor_id";
            let before = database.raw().row(kept, &of(id));
            let asked = database.store.database_time().unwrap().whole_second();
            database.store.trigger_again(&request(id, kind)).unwrap();
            let mut raw = database.raw();
            assert_eq!(raw.row("state, run_times, end_time", &of(id)), "0,2,-");
            assert_eq!(raw.row(kept, &of(id)), before);
            let instance = database.store.get_instance(id).unwrap().unwrap();
            let restart = instance.restart_time.unwrap();
            assert!(restart >= asked && restart <= database.store.database_time().unwrap());
            let history = json(&raw.row("state_history", &of(id)));
            let last = history.as_array().unwrap().last().unwrap();
            assert_eq!(
                (&last["state"], &last["desc"]),
                (&"SUBMITTED_SUCCESS".into(), &"START_FAILURE_TASK_PROCESS".into()),
                "both recoveries have this reason"
            );
            assert_eq!(last["time"], raw.row("restart_time", &of(id)).as_str());
            assert_command(&mut raw, id, command_type);
        }
    });
}

#[test]
fn an_instance_of_a_serial_definition_queues_again() {
    on_databases(|database| {
        let definition = NewDefinition {
            execution_type: ExecutionType::SerialDiscard,
            ..two_tasks()
        };
        let (code, version) = database.store.save_definition(&definition).unwrap();
        for ((kind, state), (run_times, entries)) in KINDS.into_iter().zip([(1, 2), (2, 3), (2, 3)]) {
            let run = NewRun::manual(1, code, version);
            let id = database.store.trigger(&[run]).unwrap().pop().unwrap().unwrap();
            let mut raw = database.raw();
            raw.run(&format!(
                "DELETE FROM t_ds_serial_command WHERE workflow_instance_id = {id}"
            ));
            end(&mut raw, id, state);
            database.store.trigger_again(&request(id, kind)).unwrap();
            assert_eq!(raw.row("state, run_times", &of(id)), format!("14,{run_times}"));
            let history = json(&raw.row("state_history", &of(id)));
            assert_eq!(
                history.as_array().unwrap().len(),
                entries,
                "the queue adds no entry"
            );
            assert_eq!(raw.count("FROM t_ds_command"), 0);
            let queued = format!("FROM t_ds_serial_command WHERE workflow_instance_id = {id}");
            let columns = "state, workflow_definition_code, workflow_definition_version";
            assert_eq!(raw.row(columns, &queued), format!("0,{code},{version}"));
            let command = json(&raw.row("command", &queued));
            assert_eq!(command["commandType"], kind.command_type().name());
            assert_eq!(
                (&command["workflowInstanceId"], &command["executorId"]),
                (&id.into(), &5.into())
            );
            assert_eq!(command["startTime"], raw.row("create_time", &queued).as_str());
            assert!(command["commandParam"].is_null() && command["workflowInstancePriority"].is_null());
            assert_eq!(command.as_object().unwrap().len(), 19);
        }
    });
}

#[test]
fn only_the_right_state_is_let_through() {
    on_databases(|database| {
        let id = ended(database, WorkflowState::Success);
        let name = database.raw().row("name", &of(id));
        for state in WorkflowState::ALL {
            for (kind, text) in [
                (Again::Repeat, "status is STATE, cannot repeat running"),
                (Again::RecoverFailure, "status is STATE, can not be recovered"),
                (Again::RecoverSuspended, "state is STATE, cannot recovery"),
            ] {
                if kind.allows(*state) {
                    continue;
                }
                end(&mut database.raw(), id, *state);
                let error = database.store.trigger_again(&request(id, kind)).unwrap_err();
                let text = text.replace("STATE", state.name());
                assert_eq!(error.to_string(), format!("The workflow instance: {name} {text}"));
                assert_eq!(
                    (error.class(), error.java_class()),
                    (ErrorClass::Refuse, "IllegalStateException")
                );
            }
        }
        assert_eq!(database.raw().count("FROM t_ds_command"), 0);
        assert_eq!(database.raw().row("run_times", &of(id)), "1");
        for (kind, state) in KINDS {
            assert!(kind.allows(state));
        }
    });
}

#[test]
fn a_request_for_what_does_not_exist_is_refused() {
    on_databases(|database| {
        let error = database
            .store
            .trigger_again(&request(4_711, Again::Repeat))
            .unwrap_err();
        assert_eq!(error.to_string(), "Workflow instance not found: 4711");
        let id = ended(database, WorkflowState::Failure);
        let mut raw = database.raw();
        let code = raw.row("workflow_definition_code", &of(id));
        raw.run(&format!(
            "UPDATE t_ds_workflow_instance SET workflow_definition_version = 8 WHERE id = {id}"
        ));
        let error = database
            .store
            .trigger_again(&request(id, Again::RecoverFailure))
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("Workflow definition not found: {code} version: 8")
        );
        assert_eq!(raw.row("state", &of(id)), "6", "nothing was written");
        assert_eq!(raw.count("FROM t_ds_command"), 0);
    });
}

#[test]
fn a_second_request_is_refused_while_the_first_waits() {
    on_databases(|database| {
        for (kind, state) in KINDS {
            let id = ended(database, state);
            database.store.trigger_again(&request(id, kind)).unwrap();
            let error = database.store.trigger_again(&request(id, kind)).unwrap_err();
            match kind {
                Again::Repeat => {
                    assert!(matches!(error, AgainError::Waiting { .. }), "{error}");
                    assert!(
                        error
                            .to_string()
                            .ends_with("has a command that waits for a master, cannot repeat running"),
                        "{error}"
                    );
                }
                _ => assert!(matches!(error, AgainError::WrongState { .. }), "{error}"),
            }
            assert_eq!(database.raw().count(&of_command(id)), 1);
        }
        // A repetition that waits stands in the way of a recovery too.
        let id = ended(database, WorkflowState::Failure);
        database.store.trigger_again(&request(id, Again::Repeat)).unwrap();
        let error = database
            .store
            .trigger_again(&request(id, Again::RecoverFailure))
            .unwrap_err();
        assert!(matches!(error, AgainError::Waiting { .. }), "{error}");
        assert_eq!(database.raw().row("state, run_times", &of(id)), "6,1");
    });
}

#[test]
fn requests_at_the_same_time_have_the_effect_of_one() {
    const CALLERS: usize = 4;
    on_databases(|database| {
        for (kind, state) in KINDS {
            let id = ended(database, state);
            let barrier = Barrier::new(CALLERS);
            let accepted: usize = std::thread::scope(|scope| {
                let call = |_| {
                    scope.spawn(|| {
                        let store = Store::open(&database.settings).unwrap();
                        barrier.wait();
                        match store.trigger_again(&request(id, kind)) {
                            Ok(()) => 1,
                            Err(AgainError::WrongState { .. } | AgainError::Waiting { .. }) => 0,
                            Err(other) => panic!("{other}"),
                        }
                    })
                };
                let callers: Vec<_> = (0..CALLERS).map(call).collect();
                callers.into_iter().map(|caller| caller.join().unwrap()).sum()
            });
            assert_eq!(accepted, 1, "{kind:?}");
            assert_eq!(database.raw().count(&of_command(id)), 1);
            let run_times = if kind == Again::Repeat { "1" } else { "2" };
            assert_eq!(database.raw().row("run_times", &of(id)), run_times);
        }
    });
}

/// Whether the claim comes first or the second request: there is a command that waits, or an instance that runs.
#[test]
fn a_claim_under_way_leaves_no_gap_for_a_second_request() {
    on_databases(|database| {
        let owner = master(&database.store);
        let ids = trigger(&database.store, 20);
        database
            .store
            .claim(&owner, &plans(&database.store), &|| true)
            .unwrap();
        for id in ids {
            end(&mut database.raw(), id, WorkflowState::Success);
            database.store.trigger_again(&request(id, Again::Repeat)).unwrap();
            let asked = plans(&database.store);
            let barrier = Barrier::new(2);
            std::thread::scope(|scope| {
                let claim = scope.spawn(|| {
                    barrier.wait();
                    database.store.claim(&owner, &asked, &|| true).unwrap()
                });
                let other = Store::open(&database.settings).unwrap();
                barrier.wait();
                let second = other.trigger_again(&request(id, Again::Repeat));
                assert!(
                    matches!(
                        second,
                        Err(AgainError::WrongState { .. } | AgainError::Waiting { .. })
                    ),
                    "{second:?}"
                );
                assert!(matches!(
                    claim.join().unwrap()[..],
                    [ClaimOutcome::Claimed { .. }]
                ));
            });
            assert_eq!(database.raw().count(&of_command(id)), 0);
        }
    });
}

#[test]
fn the_time_out_of_the_next_run_counts_from_its_claim() {
    on_databases(|database| {
        for (kind, state) in KINDS {
            let id = ended(database, state);
            let owner = master(&database.store);
            let mut raw = database.raw();
            raw.run(&format!(
                "UPDATE t_orca_instance SET timeout_base = 1, step = 9 WHERE workflow_instance_id = {id}"
            ));
            database.store.trigger_again(&request(id, kind)).unwrap();
            let before = database.store.database_time().unwrap();
            let outcomes = database
                .store
                .claim(&owner, &plans(&database.store), &|| true)
                .unwrap();
            let [
                ClaimOutcome::Claimed {
                    fence, timeout_base, ..
                },
            ] = &outcomes[..]
            else {
                panic!("{outcomes:?}")
            };
            assert_eq!((fence.workflow_instance_id, fence.epoch), (id, 2));
            assert!(*timeout_base >= before, "{kind:?}");
            let own = format!("FROM t_orca_instance WHERE workflow_instance_id = {id}");
            assert_eq!(
                raw.row("epoch, step, timeout_base", &own),
                format!("2,0,{}", timeout_base.0)
            );
        }
    });
}
