//! Instances that nobody would run are found and recovered; everything else is left alone.

use crate::harness::{ADDRESS, Database, master, on_databases};
use crate::support::{claimed, trigger};
use orca_engine::codes::WorkflowState;
use orca_engine::fence::Incarnation;
use orca_engine::orphan::{Fate, IdRange, Suspect, SuspectKind};
use orca_schema::{ErrorClass, MasterState, Store};
use std::time::{Duration, Instant};

const ALL: IdRange = IdRange {
    first: 1,
    last: i32::MAX,
};

fn suspects(store: &Store) -> Vec<(i32, SuspectKind)> {
    let mut found: Vec<_> = store
        .suspects(ALL, ADDRESS)
        .unwrap()
        .into_iter()
        .map(|one| (one.workflow_instance_id, one.kind))
        .collect();
    found.sort_unstable();
    found
}

/// The one suspect with this id.
fn suspect(store: &Store, id: i32) -> Suspect {
    let found = store.suspects(ALL, ADDRESS).unwrap();
    *found.iter().find(|one| one.workflow_instance_id == id).unwrap()
}

fn recover(store: &Store, master: &Incarnation, suspect: Suspect) -> Option<Fate> {
    store.recover_orphan(master, suspect, &|| true).unwrap()
}

fn set(database: &Database, id: i32, change: &str) {
    database.raw().run(&format!(
        "UPDATE t_ds_workflow_instance SET {change} WHERE id = {id}"
    ));
}

fn row(database: &Database, id: i32, columns: &str) -> String {
    let rest = format!("FROM t_ds_workflow_instance WHERE id = {id}");
    database.raw().row(columns, &rest)
}

/// The parameters of the commands of one instance.
fn commands(database: &Database, id: i32) -> Vec<String> {
    let rest = format!("FROM t_ds_command WHERE workflow_instance_id = {id} ORDER BY id");
    database.raw().texts("command_param", &rest)
}

#[test]
fn only_what_nobody_stands_for_is_suspect() {
    on_databases(|database| {
        let store = &database.store;
        let ids = trigger(store, 8);
        let mut raw = database.raw();
        // With their commands: none of them is an orphan.
        set(database, ids[1], "state = 18");
        set(database, ids[2], "state = 1, host = NULL");
        assert_eq!(suspects(store), []);
        raw.run("DELETE FROM t_ds_command");
        set(database, ids[3], "state = 4, host = ''");
        set(database, ids[4], "state = 14");
        set(database, ids[5], "state = 1, host = '10.0.0.9:5678'");
        set(database, ids[6], "state = 6");
        set(database, ids[7], &format!("state = 2, host = '{ADDRESS}'"));
        let unrun = |id| (id, SuspectKind::Unrun);
        let expected = [
            unrun(ids[0]),
            unrun(ids[1]),
            unrun(ids[2]),
            unrun(ids[3]),
            (ids[7], SuspectKind::Unheld),
        ];
        assert_eq!(suspects(store), expected);
        assert_eq!(store.newest_instance().unwrap(), ids[7]);
        let part = IdRange {
            first: ids[1],
            last: ids[2],
        };
        assert_eq!(
            store.suspects(part, ADDRESS).unwrap().len(),
            2,
            "a range is a range"
        );
    });
}

#[test]
fn one_that_was_never_claimed_ends_with_an_alert() {
    on_databases(|database| {
        let (store, owner) = (&database.store, master(&database.store));
        let id = trigger(store, 1)[0];
        let mut raw = database.raw();
        raw.run("DELETE FROM t_ds_command");
        raw.run(&format!(
            "INSERT INTO t_ds_serial_command (workflow_instance_id, workflow_definition_code, workflow_definition_version, command, state) \
             VALUES ({id}, 1, 1, '{{}}', 1)"
        ));
        let found = suspect(store, id);
        assert!(matches!(recover(store, &owner, found), Some(Fate::GiveUp(_))));
        assert_eq!(row(database, id, "state, end_time IS NOT NULL"), "6,1");
        assert_eq!(raw.count("FROM t_ds_serial_command"), 0, "its queue is free");
        let alerts = raw.texts("content", "FROM t_ds_alert");
        assert_eq!(alerts.len(), 1);
        assert!(
            alerts[0].contains("NOT_RECOVERED") && alerts[0].contains("its command is gone"),
            "{}",
            alerts[0]
        );
        assert_eq!(recover(store, &owner, found), None, "once");
        assert_eq!(raw.count("FROM t_ds_alert"), 1);
    });
}

#[test]
fn one_in_failover_gets_its_command_again() {
    on_databases(|database| {
        let (owner, fences) = claimed(database, 2);
        let store = &database.store;
        let [running, stopping] = [0, 1].map(|index: usize| fences[index].workflow_instance_id);
        set(database, running, "state = 18");
        let history = r#"[{"time":"t","state":"RUNNING_EXECUTION","desc":""},{"time":"t","state":"READY_STOP","desc":""}]"#;
        set(
            database,
            stopping,
            &format!("state = 18, state_history = '{history}'"),
        );
        for (id, state) in [
            (running, WorkflowState::RunningExecution),
            (stopping, WorkflowState::ReadyStop),
        ] {
            let found = suspect(store, id);
            assert_eq!(recover(store, &owner, found), Some(Fate::TakeUp(state)));
            assert_eq!(row(database, id, "state"), "18");
            let inserted = commands(database, id);
            assert_eq!(inserted.len(), 1);
            assert!(
                inserted[0].contains("RECOVER_TOLERANCE_FAULT") && inserted[0].contains(state.name()),
                "{}",
                inserted[0]
            );
            assert_eq!(
                recover(store, &owner, found),
                None,
                "its command stands for it now"
            );
        }
        assert_eq!(suspects(store), []);
    });
}

#[test]
fn one_without_an_owner_moves_as_from_a_dead_master() {
    on_databases(|database| {
        let (owner, fences) = claimed(database, 1);
        let (store, id) = (&database.store, fences[0].workflow_instance_id);
        set(database, id, "state = 4, host = NULL");
        let found = suspect(store, id);
        assert_eq!(
            recover(store, &owner, found),
            Some(Fate::TakeUp(WorkflowState::ReadyStop))
        );
        assert_eq!(row(database, id, "state"), "18");
        assert!(commands(database, id)[0].contains("READY_STOP"));
        let epoch = database.raw().texts("epoch", "FROM t_orca_instance");
        assert_eq!(
            epoch,
            [(fences[0].epoch + 1).to_string()],
            "the former owner is fenced off"
        );
    });
}

#[test]
fn one_that_somebody_has_come_to_meanwhile_is_left_alone() {
    on_databases(|database| {
        let (owner, fences) = claimed(database, 1);
        let (store, id) = (&database.store, fences[0].workflow_instance_id);
        set(database, id, "state = 18");
        let found = suspect(store, id);
        let mut raw = database.raw();
        let untouched = |why: &str| {
            assert_eq!(recover(store, &owner, found), None, "{why}");
            assert_eq!(database.raw().count("FROM t_ds_alert"), 0, "{why}");
        };
        raw.run(&format!(
            "INSERT INTO t_ds_command (workflow_definition_code, workflow_instance_id) VALUES (1, {id})"
        ));
        untouched("a command has come");
        raw.run("DELETE FROM t_ds_command");
        set(database, id, "state = 1");
        untouched("a Java master has claimed it");
        set(database, id, "state = 18");
        raw.run("UPDATE t_orca_instance SET epoch = epoch + 1");
        untouched("it was taken up and has moved again");
        raw.run("UPDATE t_orca_instance SET epoch = epoch - 1");
        assert!(
            recover(store, &owner, found).is_some(),
            "the same as it was found"
        );
    });
}

/// A peer has written the instance and its command and has not committed yet.
#[test]
fn a_command_that_is_not_committed_yet_is_waited_for() {
    let Some(database) = Database::mariadb() else {
        return;
    };
    database.store.migrate().unwrap();
    let (owner, fences) = claimed(&database, 1);
    let id = fences[0].workflow_instance_id;
    set(&database, id, "state = 18");
    let found = suspect(&database.store, id);
    let mut peer = database.raw();
    peer.run("START TRANSACTION");
    peer.run(&format!(
        "UPDATE t_ds_workflow_instance SET state = 18, recovery = 1 WHERE id = {id}"
    ));
    peer.run(&format!(
        "INSERT INTO t_ds_command (workflow_definition_code, workflow_instance_id) VALUES (1, {id})"
    ));
    let store = database.store.clone();
    let recovery = std::thread::spawn(move || {
        // The wait for a lock is cut off after a second, which says nothing against the instance.
        loop {
            match store.recover_orphan(&owner, found, &|| true) {
                Err(error) if error.class() == ErrorClass::Retry => {}
                answer => return answer.unwrap(),
            }
        }
    });
    let mut observer = database.raw();
    let deadline = Instant::now() + Duration::from_secs(60);
    // Not `innodb_trx`: its picture is not renewed while somebody keeps looking at it.
    let waiting = "FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID() \
                   AND info LIKE '%state_history%FOR UPDATE'";
    while observer.count(waiting) == 0 {
        assert!(Instant::now() < deadline, "nobody waits for the row");
        std::thread::sleep(Duration::from_millis(5));
    }
    peer.run("COMMIT");
    assert_eq!(recovery.join().unwrap(), None);
    assert_eq!(commands(&database, id).len(), 1, "no second command");
}

#[test]
fn several_masters_at_once_recover_it_once() {
    on_databases(|database| {
        let (owner, fences) = claimed(database, 6);
        let store = &database.store;
        for fence in &fences {
            set(database, fence.workflow_instance_id, "state = 18");
        }
        let found = store.suspects(ALL, ADDRESS).unwrap();
        assert_eq!(found.len(), 6);
        let recovered: usize = std::thread::scope(|scope| {
            let one = || {
                let recover = |suspect| loop {
                    match store.recover_orphan(&owner, suspect, &|| true) {
                        Err(error) if error.class() == ErrorClass::Retry => {}
                        answer => return usize::from(answer.unwrap().is_some()),
                    }
                };
                found.iter().map(|one| recover(*one)).sum::<usize>()
            };
            let threads: Vec<_> = (0..3).map(|_| scope.spawn(one)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(recovered, 6);
        assert_eq!(database.raw().count("FROM t_ds_command"), 6);
    });
}

#[test]
fn a_master_that_may_not_act_changes_nothing() {
    on_databases(|database| {
        let (owner, fences) = claimed(database, 2);
        let store = &database.store;
        let (orphan, unheld) = (fences[0].workflow_instance_id, fences[1].workflow_instance_id);
        set(database, orphan, "state = 18");
        let (orphan, unheld) = (suspect(store, orphan), suspect(store, unheld));
        set(database, fences[1].workflow_instance_id, "state = 6");
        let (fence, state) = (&fences[1], WorkflowState::RunningExecution);
        let refused = |may_commit: &dyn Fn() -> bool| {
            let errors = [
                store.recover_orphan(&owner, orphan, may_commit).unwrap_err(),
                store.retake_unheld(&owner, &[unheld], may_commit).unwrap_err(),
                store
                    .restore_overwritten(&owner, fence, 0, state, may_commit)
                    .unwrap_err(),
            ];
            for error in errors {
                assert_eq!(error.class(), ErrorClass::NotOwner, "{error}");
            }
            assert_eq!(database.raw().count("FROM t_ds_command"), 0);
            assert_eq!(row(database, fence.workflow_instance_id, "state"), "6");
        };
        refused(&|| false);
        assert!(store.set_master_state(&owner, MasterState::Fenced).unwrap());
        refused(&|| true);
    });
}

#[test]
fn own_instances_that_do_not_run_here_move_unless_they_were_claimed_again() {
    on_databases(|database| {
        let (owner, fences) = claimed(database, 3);
        let store = &database.store;
        let found: Vec<Suspect> = store.suspects(ALL, ADDRESS).unwrap();
        assert_eq!(found.len(), 3);
        database.raw().run(&format!(
            "UPDATE t_orca_instance SET epoch = epoch + 2 WHERE workflow_instance_id = {}",
            fences[1].workflow_instance_id
        ));
        let moved = store.retake_unheld(&owner, &found[..2], &|| true).unwrap();
        assert_eq!(moved.len(), 1);
        assert_eq!(moved[0].workflow_instance_id, fences[0].workflow_instance_id);
        let states = database
            .raw()
            .texts("state", "FROM t_ds_workflow_instance ORDER BY id");
        assert_eq!(states, ["18", "1", "1"]);
        assert_eq!(commands(database, fences[0].workflow_instance_id).len(), 1);
    });
}

#[test]
fn a_failover_command_that_can_never_run_ends_with_an_alert() {
    on_databases(|database| {
        let (owner, fences) = claimed(database, 2);
        let store = &database.store;
        for fence in &fences {
            set(database, fence.workflow_instance_id, "state = 18");
            assert!(recover(store, &owner, suspect(store, fence.workflow_instance_id)).is_some());
        }
        let running = fences[1].workflow_instance_id;
        set(database, running, "state = 1");
        for command in store.fetch_commands(0, 1, 1, 10).unwrap() {
            assert!(
                store
                    .fail_command(&command, "Cannot find the WorkflowDefinition")
                    .unwrap()
            );
        }
        let states = database
            .raw()
            .texts("state", "FROM t_ds_workflow_instance ORDER BY id");
        assert_eq!(states, ["6", "1"]);
        let alerts = database.raw().texts("content", "FROM t_ds_alert");
        assert_eq!(alerts.len(), 1, "none for the one that somebody runs");
        let of = format!("\"workflowInstanceId\":{}", fences[0].workflow_instance_id);
        assert!(
            alerts[0].contains("NOT_RECOVERED") && alerts[0].contains(&of),
            "{}",
            alerts[0]
        );
    });
}

#[test]
fn an_owner_that_has_nothing_to_write_can_learn_that_it_is_none() {
    on_databases(|database| {
        let (_, fences) = claimed(database, 3);
        let store = &database.store;
        let ids: Vec<i32> = fences.iter().map(|fence| fence.workflow_instance_id).collect();
        let taken = || store.taken_among(&ids, ADDRESS).unwrap();
        let is_owner = |index: usize| store.is_owner(&fences[index]).unwrap();
        assert!(taken().is_empty() && is_owner(0));
        set(database, ids[0], "state = 18");
        set(database, ids[1], "host = '10.0.0.9:5678'");
        set(database, ids[2], "state = 7");
        assert_eq!(taken(), [ids[0], ids[1]]);
        assert!(!is_owner(0) && !is_owner(1));
        assert!(is_owner(2), "it has ended here");
        let sql = "UPDATE t_orca_instance SET epoch = epoch + 1";
        database.raw().run(sql);
        assert!(!is_owner(2), "it was claimed again");
    });
}

#[test]
fn a_row_that_a_peer_has_overwritten_is_put_right() {
    on_databases(|database| {
        let (owner, fences) = claimed(database, 1);
        let (store, fence) = (&database.store, &fences[0]);
        let id = fence.workflow_instance_id;
        let restore = |step| {
            let state = WorkflowState::ReadyStop;
            store
                .restore_overwritten(&owner, fence, step, state, &|| true)
                .unwrap()
        };
        assert!(!restore(0), "nothing is wrong");
        set(database, id, "state = 6");
        assert_eq!(store.failed_among(&[id, id + 1]).unwrap(), [id]);
        assert!(
            !restore(1),
            "the owner has committed a step more: that end is its own"
        );
        set(database, id, "host = '10.0.0.9:5678'");
        assert!(!restore(0), "a Java master has taken it over and ended it");
        set(database, id, &format!("host = '{ADDRESS}'"));
        database.raw().run("UPDATE t_orca_instance SET epoch = epoch + 1");
        assert!(!restore(0), "it was claimed again");
        assert_eq!(row(database, id, "state"), "6");
        database.raw().run("UPDATE t_orca_instance SET epoch = epoch - 1");
        assert!(restore(0));
        assert_eq!(
            row(database, id, "state, host, end_time"),
            format!("4,{ADDRESS},-")
        );
        assert!(store.failed_among(&[id]).unwrap().is_empty());
    });
}
