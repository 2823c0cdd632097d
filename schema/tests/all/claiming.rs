//! Claims: who wins, what is written, what is refused.

use crate::harness::{ADDRESS, master, on_databases};
use crate::support::{NOW, claimed, fences, plans, step, task, trigger};
use orca_engine::codes::{TaskState, WorkflowState};
use orca_engine::time::Millis;
use orca_engine::workflow::{TIMEOUT_SETTLED, Write};
use orca_schema::{ClaimOutcome, ErrorClass, MasterState, NewRun, Store, Wanted};
use std::sync::Barrier;

#[test]
fn a_claim_deletes_the_command_and_takes_the_instance() {
    on_databases(|database| {
        let owner = master(&database.store);
        let ids = trigger(&database.store, 3);
        let asked = plans(&database.store);
        assert_eq!(asked.len(), 3);
        let before = database.store.database_time().unwrap();
        let outcomes = database.store.claim(&owner, &asked, &|| true).unwrap();
        let after = database.store.database_time().unwrap();
        for (outcome, id) in outcomes.iter().zip(&ids) {
            let ClaimOutcome::Claimed {
                fence,
                instance,
                cloned_ids,
                timeout_base,
            } = outcome
            else {
                panic!("{outcome:?}")
            };
            assert_eq!(
                (fence.workflow_instance_id, fence.epoch, fence.host.as_ref()),
                (*id, 1, ADDRESS)
            );
            assert!(cloned_ids.is_empty() && *timeout_base >= before && *timeout_base <= after);
            assert_eq!(Some(instance), database.store.get_instance(*id).unwrap().as_ref());
            let restart = instance.restart_time.unwrap();
            assert!(restart >= before.whole_second() && restart <= after && restart.0 % 1_000 == 0);
            assert_eq!(instance.state, WorkflowState::RunningExecution);
            let ownership = database.store.ownership(*id).unwrap().unwrap();
            assert_eq!(
                (ownership.owner.as_str(), ownership.epoch, ownership.step),
                (ADDRESS, 1, 0)
            );
        }
        assert_eq!(database.raw().count("FROM t_ds_command"), 0);
        let again = database.store.claim(&owner, &asked, &|| true).unwrap();
        assert!(
            again
                .iter()
                .all(|outcome| matches!(outcome, ClaimOutcome::NotMine))
        );
    });
}

#[test]
fn each_command_has_one_winner() {
    on_databases(|database| {
        trigger(&database.store, 40);
        let others = ["10.0.0.2:5678", "10.0.0.3:5678"];
        let barrier = Barrier::new(others.len());
        let won: Vec<Vec<i32>> = std::thread::scope(|scope| {
            let run = |address: &'static str| {
                let (barrier, settings) = (&barrier, &database.settings);
                scope.spawn(move || {
                    let store = Store::open(settings).unwrap();
                    let owner = store.register_master(address).unwrap();
                    let asked = plans(&store);
                    barrier.wait();
                    let mut won = Vec::new();
                    for batch in asked.chunks(7) {
                        for outcome in store.claim(&owner, batch, &|| true).unwrap() {
                            match outcome {
                                ClaimOutcome::Claimed { fence, .. } => won.push(fence.workflow_instance_id),
                                ClaimOutcome::NotMine => {}
                                ClaimOutcome::Failed { reason, .. } => panic!("{reason}"),
                            }
                        }
                    }
                    won
                })
            };
            others
                .map(run)
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        let mut all: Vec<i32> = won.concat();
        all.sort_unstable();
        let len = all.len();
        all.dedup();
        assert_eq!((all.len(), len), (40, 40), "every command once: {won:?}");
    });
}

#[test]
fn a_fenced_or_replaced_incarnation_claims_nothing() {
    on_databases(|database| {
        let first = master(&database.store);
        let second = master(&database.store);
        assert_eq!(second.epoch, first.epoch + 1);
        trigger(&database.store, 1);
        let asked = plans(&database.store);
        let refused = |owner| {
            let error = database.store.claim(owner, &asked, &|| true).unwrap_err();
            assert_eq!(error.class(), ErrorClass::NotOwner, "{error}");
        };
        refused(&first);
        assert!(
            !database
                .store
                .set_master_state(&first, MasterState::Fenced)
                .unwrap()
        );
        assert!(
            database
                .store
                .set_master_state(&second, MasterState::Fenced)
                .unwrap()
        );
        refused(&second);
        let third = master(&database.store);
        let error = database.store.claim(&third, &asked, &|| false).unwrap_err();
        assert_eq!(error.class(), ErrorClass::NotOwner, "the lease ran out: {error}");
        assert_eq!(database.raw().count("FROM t_ds_command"), 1);
        assert_eq!(
            fences(database.store.claim(&third, &asked, &|| true).unwrap()).len(),
            1
        );
    });
}

/// Fencing a master has to wait for its claims in flight. SQLite has one writer, which gives the same.
#[test]
fn fencing_waits_for_a_claim_in_flight() {
    on_databases(|database| {
        if !database.is_mysql() {
            return;
        }
        let owner = master(&database.store);
        let mut raw = database.raw();
        raw.run(&format!(
            "BEGIN; SELECT * FROM t_orca_master WHERE address = '{ADDRESS}' LOCK IN SHARE MODE"
        ));
        let error = database
            .store
            .set_master_state(&owner, MasterState::Fenced)
            .unwrap_err();
        assert_eq!(error.class(), ErrorClass::Retry, "{error}");
        raw.run("COMMIT");
        assert!(
            database
                .store
                .set_master_state(&owner, MasterState::Fenced)
                .unwrap()
        );
    });
}

#[test]
fn a_poisoned_row_stops_only_its_own_claim() {
    on_databases(|database| {
        let owner = master(&database.store);
        let ids = trigger(&database.store, 3);
        let mut asked = plans(&database.store);
        database.raw().run(&format!(
            "DELETE FROM t_ds_workflow_instance WHERE id = {}",
            ids[0]
        ));
        // A task row that is not there; and, where columns have lengths, a text that is too long.
        asked[1].supersede.push(999_999);
        let outcomes = database.store.claim(&owner, &asked, &|| true).unwrap();
        assert!(
            matches!(&outcomes[0], ClaimOutcome::Failed { reason, refuse: true } if reason.contains("not in the database"))
        );
        assert!(
            matches!(&outcomes[1], ClaimOutcome::Failed { reason, refuse: true } if reason.contains("t_ds_task_instance"))
        );
        assert!(matches!(&outcomes[2], ClaimOutcome::Claimed { .. }));
        assert_eq!(database.raw().count("FROM t_ds_command"), 2);
    });
}

#[test]
fn tasks_are_superseded_cloned_and_reset() {
    on_databases(|database| {
        let owner = master(&database.store);
        let id = trigger(&database.store, 1)[0];
        let mut raw = database.raw();
        for (number, name) in [(1, "old"), (2, "failed"), (3, "paused")] {
            raw.run(&format!(
                "INSERT INTO t_ds_task_instance (id, name, task_type, task_code, workflow_instance_id, state, flag) \
                 VALUES ({number}, '{name}', 'SHELL', {number}, {id}, 3, 1)"
            ));
        }
        let mut plan = plans(&database.store).remove(0);
        plan.supersede = vec![1];
        plan.clone = vec![(2, task(id, "failed"))];
        plan.reset = vec![3];
        let outcome = database.store.claim(&owner, &[plan], &|| true).unwrap().remove(0);
        let ClaimOutcome::Claimed { cloned_ids, .. } = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(cloned_ids.len(), 1);
        let valid = database.store.load_valid_tasks(&[id]).unwrap();
        let seen: Vec<_> = valid
            .iter()
            .map(|task| (task.id, task.name.as_str(), task.state))
            .collect();
        assert_eq!(
            seen,
            [
                (3, "paused", TaskState::SubmittedSuccess),
                (cloned_ids[0], "failed", TaskState::SubmittedSuccess)
            ]
        );
        assert_eq!(valid[1].submit_time, Some(NOW));
    });
}

#[test]
fn a_take_over_raises_the_epoch_and_keeps_the_base_of_the_time_out() {
    on_databases(|database| {
        let (_, fences) = claimed(database, 1);
        let id = fences[0].workflow_instance_id;
        let base = Millis(1_000);
        let mut raw = database.raw();
        raw.run(&format!(
            "UPDATE t_orca_instance SET step = 5, timeout_base = {} WHERE workflow_instance_id = {id}",
            base.0
        ));
        raw.run(&format!(
            "UPDATE t_ds_workflow_instance SET state = 18 WHERE id = {id}"
        ));
        raw.run(&format!("INSERT INTO t_ds_command (command_type, workflow_definition_code, workflow_instance_id) VALUES (2, 1, {id})"));
        let second = database.store.register_master("10.0.0.9:5678").unwrap();
        let outcome = database
            .store
            .claim(&second, &plans(&database.store), &|| true)
            .unwrap()
            .remove(0);
        let ClaimOutcome::Claimed {
            fence, timeout_base, ..
        } = outcome
        else {
            panic!("{outcome:?}")
        };
        assert_eq!((fence.epoch, timeout_base), (2, base));
        let ownership = database.store.ownership(id).unwrap().unwrap();
        assert_eq!(
            (ownership.owner.as_str(), ownership.step, ownership.timeout_base),
            ("10.0.0.9:5678", 0, base)
        );
        // A new run of the same instance begins anew.
        raw.run(&format!(
            "UPDATE t_ds_workflow_instance SET state = 7 WHERE id = {id}"
        ));
        raw.run(&format!("INSERT INTO t_ds_command (command_type, workflow_definition_code, workflow_instance_id) VALUES (7, 1, {id})"));
        let outcome = database
            .store
            .claim(&second, &plans(&database.store), &|| true)
            .unwrap()
            .remove(0);
        let ClaimOutcome::Claimed {
            fence, timeout_base, ..
        } = outcome
        else {
            panic!("{outcome:?}")
        };
        assert!(fence.epoch == 3 && timeout_base > base);
    });
}

#[test]
fn a_time_out_that_was_told_is_settled_for_the_next_owner_too() {
    on_databases(|database| {
        let (_, fences) = claimed(database, 1);
        let id = fences[0].workflow_instance_id;
        let told = step(&fences[0], 1, vec![Write::SettleTimeout]);
        database.store.commit(&[told], &|| true).remove(0).unwrap();
        let ownership = database.store.ownership(id).unwrap().unwrap();
        assert_eq!((ownership.step, ownership.timeout_base), (1, TIMEOUT_SETTLED));
        let mut raw = database.raw();
        raw.run(&format!(
            "UPDATE t_ds_workflow_instance SET state = 18 WHERE id = {id}"
        ));
        raw.run(&format!("INSERT INTO t_ds_command (command_type, workflow_definition_code, workflow_instance_id) VALUES (2, 1, {id})"));
        let second = database.store.register_master("10.0.0.9:5678").unwrap();
        let outcome = database
            .store
            .claim(&second, &plans(&database.store), &|| true)
            .unwrap()
            .remove(0);
        assert!(
            matches!(&outcome, ClaimOutcome::Claimed { timeout_base, .. } if *timeout_base == TIMEOUT_SETTLED),
            "{outcome:?}"
        );
    });
}

#[test]
fn a_command_that_cannot_run_goes_to_the_error_table() {
    on_databases(|database| {
        let ids = trigger(&database.store, 3);
        let store = &database.store;
        let commands = store.fetch_commands(0, 1, 1, 10).unwrap();
        let mut raw = database.raw();
        raw.run(&format!(
            "DELETE FROM t_ds_workflow_instance WHERE id = {}",
            ids[1]
        ));
        raw.run(&format!(
            "UPDATE t_ds_workflow_instance SET state = 1, host = 'h:1' WHERE id = {}",
            ids[2]
        ));
        raw.run(&format!(
            "INSERT INTO t_ds_serial_command (workflow_definition_code, workflow_definition_version, workflow_instance_id) \
             VALUES (1, 1, {})",
            ids[0]
        ));
        let reason = format!("Cannot find task 😀{}", "é".repeat(60_000));
        for command in &commands {
            assert!(store.fail_command(command, &reason).unwrap());
            assert!(!store.fail_command(command, &reason).unwrap(), "it is gone");
        }
        let mut state = |id: i32| raw.row("state", &format!("FROM t_ds_workflow_instance WHERE id = {id}"));
        assert_eq!((state(ids[0]), state(ids[2])), ("6".to_owned(), "1".to_owned()));
        assert_eq!(
            (
                raw.count("FROM t_ds_command"),
                raw.count("FROM t_ds_serial_command")
            ),
            (0, 0)
        );
        assert_eq!(raw.count("FROM t_ds_error_command"), 3);
        let of = format!("FROM t_ds_error_command WHERE id = {}", commands[0].id);
        let message = raw.row("message", &of);
        assert!(
            message.starts_with("Cannot find task \u{fffd}é")
                && message.len() <= 65_535
                && message.len() > 65_500
        );
        assert_eq!(
            raw.row("workflow_instance_id, tenant_code", &of),
            format!("{},default", ids[0])
        );
    });
}

#[test]
fn slots_share_the_commands() {
    on_databases(|database| {
        trigger(&database.store, 10);
        let store = &database.store;
        let ids = |slot, total, step| -> Vec<i32> {
            store
                .fetch_commands(slot, total, step, 100)
                .unwrap()
                .iter()
                .map(|command| command.id)
                .collect()
        };
        let mut all = [ids(0, 3, 1), ids(1, 3, 1), ids(2, 3, 1)].concat();
        all.sort_unstable();
        assert_eq!(all, ids(0, 1, 1));
        assert!(ids(1, 3, 1).iter().all(|id| id % 3 == 1));
        // Whole-number division, so that a step loses no command.
        let mut stepped = [ids(0, 2, 4), ids(1, 2, 4)].concat();
        stepped.sort_unstable();
        assert_eq!(stepped, all);
        assert!(ids(1, 2, 4).iter().all(|id| (id / 4) % 2 == 1));
        database.raw().run(&format!(
            "UPDATE t_ds_command SET workflow_instance_priority = 0 WHERE id = {}",
            all[9]
        ));
        assert_eq!(store.fetch_commands(0, 1, 1, 1).unwrap()[0].id, all[9]);
        for (slot, total, step) in [(3, 3, 1), (-1, 3, 1), (0, 0, 1), (0, 1, 0)] {
            assert_eq!(
                store.fetch_commands(slot, total, step, 1).unwrap_err().class(),
                ErrorClass::Refuse
            );
        }
    });
}

/// What a full master still takes: a parent that waits for its child would never end otherwise.
#[test]
fn only_what_goes_on_with_running_work_can_be_asked_for() {
    on_databases(|database| {
        let ids = trigger(&database.store, 4);
        let mut raw = database.raw();
        raw.run(&format!(
            "UPDATE t_ds_workflow_instance SET is_sub_workflow = 1 WHERE id = {}",
            ids[2]
        ));
        raw.run(&format!(
            "UPDATE t_ds_command SET command_type = 2, workflow_instance_priority = 0 WHERE workflow_instance_id = {}",
            ids[3]
        ));
        let fetch = |slot, total| -> Vec<i32> {
            let commands = database
                .store
                .fetch_wanted_commands(Wanted::UnderWay, slot, total, 1, 100);
            let commands = commands.unwrap();
            commands
                .iter()
                .map(|command| command.workflow_instance_id)
                .collect()
        };
        assert_eq!(fetch(0, 1), [ids[3], ids[2]], "by priority, as ever");
        let mut shared = [fetch(0, 2), fetch(1, 2)].concat();
        shared.sort_unstable();
        assert_eq!(shared, ids[2..], "and by slot");
        assert_eq!(database.store.fetch_commands(0, 1, 1, 100).unwrap().len(), 4);
    });
}

/// Not even when the new run is taken over on its way.
#[test]
fn a_run_that_begins_anew_does_not_start_with_the_outputs_of_the_one_before() {
    on_databases(|database| {
        let owner = master(&database.store);
        let id = trigger(&database.store, 1)[0];
        let mut raw = database.raw();
        raw.run(&format!(
            "UPDATE t_ds_workflow_instance SET var_pool = '[1]' WHERE id = {id}"
        ));
        let mut plan = plans(&database.store).remove(0);
        assert_eq!(plan.instance.var_pool.as_deref(), Some("[1]"));
        plan.instance.var_pool = None;
        fences(database.store.claim(&owner, &[plan], &|| true).unwrap());
        assert_eq!(database.store.get_instance(id).unwrap().unwrap().var_pool, None);
    });
}

#[test]
fn a_row_with_an_unknown_code_is_left_out() {
    on_databases(|database| {
        let ids = trigger(&database.store, 2);
        database.raw().run(&format!(
            "UPDATE t_ds_workflow_instance SET state = 17 WHERE id = {}",
            ids[0]
        ));
        let loaded = database.store.load_instances(&ids).unwrap();
        assert_eq!(
            loaded.iter().map(|instance| instance.id).collect::<Vec<_>>(),
            [ids[1]]
        );
        let error = database.store.get_instance(ids[0]).unwrap_err();
        assert!(
            error.to_string().contains("WorkflowState has no code 17"),
            "{error}"
        );
        database.raw().run("UPDATE t_ds_command SET command_type = 99");
        assert_eq!(
            database.store.fetch_commands(0, 1, 1, 1).unwrap()[0].command_type,
            99
        );
    });
}

/// Slots and the serial queue rely on it.
#[test]
fn ids_are_never_used_twice() {
    on_databases(|database| {
        let first = trigger(&database.store, 1)[0];
        database
            .raw()
            .run("DELETE FROM t_ds_command; DELETE FROM t_ds_workflow_instance");
        let (code, version) = database
            .store
            .save_definition(&crate::harness::two_tasks())
            .unwrap();
        let second = database
            .store
            .trigger(&[NewRun::manual(1, code, version)])
            .unwrap()
            .remove(0)
            .unwrap();
        assert!(second > first);
    });
}
