//! The database sessions of a frozen master are ended, and nobody else's.

use crate::harness::{ADDRESS, Database, Raw, on_databases};
use crate::support::{claimed, insert, step};
use orca_schema::{CommitError, DatabaseSettings, DeadMaster, ErrorClass, MasterState, SessionsEnded, Store};
use std::time::{Duration, Instant};

/// A MariaDB that ends no transaction by itself, as MySQL, with a store of the master and one of its rescuer.
fn frozen() -> Option<(Database, Store)> {
    let mut database = Database::mariadb()?;
    database.settings.idle_transaction_timeout = None;
    database.store = Store::open(&database.settings).unwrap();
    database.store.migrate().unwrap();
    let rescuer = Store::open(&database.settings).unwrap();
    Some((database, rescuer))
}

fn dead(epoch: i64) -> DeadMaster {
    DeadMaster {
        address: ADDRESS.to_owned(),
        epoch,
    }
}

fn recorded(raw: &mut Raw) -> String {
    raw.texts("connection_ids", "FROM t_orca_master").remove(0)
}

/// What a rescuer does once the sessions are told to end.
fn again<T>(mut work: impl FnMut() -> Result<T, orca_schema::Error>) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        match work() {
            Err(error) if error.class() == ErrorClass::Retry => assert!(Instant::now() < deadline, "{error}"),
            answer => return answer.unwrap(),
        }
    }
}

#[test]
fn a_transaction_that_is_frozen_before_its_commit_loses_its_locks_to_the_rescuer() {
    let Some((database, rescuer)) = frozen() else {
        return;
    };
    let (owner, fences) = claimed(&database, 1);
    let id = fences[0].workflow_instance_id;
    let dead = dead(owner.epoch);
    let frozen = || {
        let ended = rescuer.end_sessions(&dead).unwrap();
        assert!(ended.ended > 0 && ended.refused.is_empty(), "{ended:?}");
        again(|| rescuer.fence_master(&dead));
        let moved = again(|| rescuer.move_instances(&dead, &[id], &|| true));
        assert_eq!(moved.len(), 1);
        true
    };
    let commit = step(&fences[0], 1, vec![insert(0, id, "a")]);
    let answer = database.store.commit(&[commit], &frozen).remove(0);
    assert!(matches!(answer, Err(CommitError::Unknown { .. })), "{answer:?}");
    let mut raw = database.raw();
    assert_eq!(
        raw.count("FROM t_ds_task_instance"),
        0,
        "nothing of it is in the rows"
    );
    assert_eq!(raw.texts("state", "FROM t_ds_workflow_instance"), ["18"]);
    // The process goes on with new connections, under a new epoch.
    let reborn = again(|| database.store.register_master(ADDRESS));
    assert_eq!(reborn.epoch, owner.epoch + 1);
    assert!(recorded(&mut raw).contains("\"id\""));
}

/// The claim holds the row that the rescuer has to change.
#[test]
fn a_claim_that_is_frozen_does_not_hold_up_the_fence() {
    let Some((database, rescuer)) = frozen() else {
        return;
    };
    let owner = database.store.register_master(ADDRESS).unwrap();
    crate::support::trigger(&database.store, 1);
    let dead = dead(owner.epoch);
    let frozen = || {
        rescuer.end_sessions(&dead).unwrap();
        again(|| rescuer.fence_master(&dead));
        true
    };
    let plans = crate::support::plans(&database.store);
    assert!(database.store.claim(&owner, &plans, &frozen).is_err());
    let mut raw = database.raw();
    assert_eq!(raw.texts("state", "FROM t_orca_master"), ["fenced"]);
    assert_eq!(raw.count("FROM t_ds_command"), 1, "its command is still there");
}

#[test]
fn only_the_very_sessions_that_were_recorded_are_ended() {
    let Some((database, rescuer)) = frozen() else {
        return;
    };
    let (owner, _) = claimed(&database, 1);
    let mut raw = database.raw();
    let true_text = recorded(&mut raw);
    let write = |raw: &mut Raw, text: &str| {
        raw.run(&format!(
            "UPDATE t_orca_master SET connection_ids = '{}'",
            text.replace('\'', "''")
        ));
    };
    let nothing = |why: &str| {
        let ended = rescuer.end_sessions(&dead(owner.epoch)).unwrap();
        assert_eq!(ended, SessionsEnded::default(), "{why}");
    };
    let other = |from: &str, to: &str| {
        let changed = true_text.replace(from, to);
        assert_ne!(changed, true_text);
        changed
    };
    write(&mut raw, &other("\"host\":\"", "\"host\":\"not-"));
    nothing("the number is another client's now");
    write(&mut raw, &other("\"server_started\":1", "\"server_started\":"));
    nothing("the server has started again since");
    write(&mut raw, &other("\"server\":\"", "\"server\":\"not-"));
    nothing("another server's number");
    write(&mut raw, "what a later version may write");
    nothing("not readable");
    write(&mut raw, &true_text);
    raw.run(&format!("UPDATE t_orca_master SET epoch = {}", owner.epoch + 1));
    nothing("a later life has recorded it");
    raw.run(&format!(
        "UPDATE t_orca_master SET epoch = {}, state = 'stopped'",
        owner.epoch
    ));
    nothing("it has stopped in order");
    assert!(
        database
            .store
            .set_master_state(&owner, MasterState::Active)
            .unwrap()
    );
    let own = database.store.end_sessions(&dead(owner.epoch)).unwrap();
    assert_eq!(own, SessionsEnded::default(), "never one of this process");
    assert!(rescuer.end_sessions(&dead(owner.epoch)).unwrap().ended > 0);
}

/// Every connection that is opened later is recorded before it is used; one that is closed is forgotten with the next record.
#[test]
fn all_connections_of_the_pool_are_recorded() {
    let Some((database, _)) = frozen() else {
        return;
    };
    let (_, fences) = claimed(&database, 4);
    // Four transactions at once need four connections.
    let all = std::sync::Barrier::new(4);
    let wait = || {
        all.wait();
        true
    };
    std::thread::scope(|scope| {
        for fence in &fences {
            let commit = step(fence, 1, vec![insert(0, fence.workflow_instance_id, "a")]);
            let (store, wait) = (&database.store, &wait);
            scope.spawn(move || assert!(store.commit(&[commit], wait)[0].is_ok()));
        }
    });
    let mut raw = database.raw();
    let text = recorded(&mut raw);
    let recorded: usize = text.matches("\"id\"").count();
    assert!(recorded >= 4, "{text}");
    assert!(
        u32::try_from(recorded).unwrap() <= database.store.connections().max,
        "{text}"
    );
}

#[test]
fn where_the_server_ends_idle_transactions_nothing_is_recorded() {
    on_databases(|database| {
        let owner = database.store.register_master(ADDRESS).unwrap();
        assert_eq!(recorded(&mut database.raw()), "-");
        let ended = database.store.end_sessions(&dead(owner.epoch)).unwrap();
        assert_eq!(ended, SessionsEnded::default());
    });
}

/// Another account may neither see nor end the sessions: it is told what it lacks.
#[test]
fn without_the_privilege_it_is_told_what_is_missing() {
    let Some((database, _)) = frozen() else {
        return;
    };
    let (owner, _) = claimed(&database, 1);
    let mut raw = database.raw();
    let schema = raw.texts("DATABASE()", "").remove(0);
    let account = |raw: &mut Raw, name: &str, more: &str| -> DatabaseSettings {
        raw.run(&format!(
            "CREATE USER {name}_{schema}@'%'; GRANT ALL ON {schema}.* TO {name}_{schema}@'%'"
        ));
        if !more.is_empty() {
            raw.run(&format!("GRANT {more} ON *.* TO {name}_{schema}@'%'"));
        }
        let mut settings = database.settings.clone();
        settings.username = Some(format!("{name}_{schema}"));
        settings
    };
    let blind = Store::open(&account(&mut raw, "blind", "")).unwrap();
    let ended = blind.end_sessions(&dead(owner.epoch)).unwrap();
    assert!(
        ended.ended == 0 && ended.refused.is_empty() && ended.hidden > 0,
        "{ended:?}"
    );
    assert!(ended.to_string().contains("PROCESS"), "{ended}");
    let weak = Store::open(&account(&mut raw, "weak", "PROCESS")).unwrap();
    let ended = weak.end_sessions(&dead(owner.epoch)).unwrap();
    assert!(ended.ended == 0 && !ended.refused.is_empty(), "{ended:?}");
    assert!(ended.to_string().contains("CONNECTION ADMIN"), "{ended}");
    let strong = Store::open(&account(&mut raw, "strong", "PROCESS, CONNECTION ADMIN")).unwrap();
    assert!(strong.end_sessions(&dead(owner.epoch)).unwrap().ended > 0);
}
