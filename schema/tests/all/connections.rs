//! Connections: how they are set up, and what happens when they are lost.

use crate::harness::{Database, on_databases};
use crate::support::{claimed, insert, step, trigger};
use orca_schema::{CommitError, DatabaseSettings, ErrorClass, Secret, Store};
use std::net::TcpListener;
use std::time::Duration;

#[test]
fn an_unreachable_database_is_named_without_its_password() {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let mut settings =
        DatabaseSettings::new(format!("jdbc:mysql://me:hush@127.0.0.1:{port}/ds?password=hush"));
    settings.password = Some(Secret::new("hush"));
    settings.connect_timeout = Duration::from_millis(500);
    let error = Store::open(&settings).err().unwrap();
    assert_eq!(error.class(), ErrorClass::Retry);
    let text = format!("{error} {error:?}");
    assert!(
        text.contains(&format!("127.0.0.1:{port}")) && !text.contains("hush"),
        "{text}"
    );
}

#[test]
fn the_next_address_is_tried() {
    let Some(Database { mut settings, .. }) = Database::mariadb() else {
        return;
    };
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    settings.url = settings
        .url
        .replace("//127.0.0.1", &format!("//127.0.0.1:{port},127.0.0.1"));
    Store::open(&settings).unwrap().ping().unwrap();
}

#[test]
fn a_killed_connection_is_replaced() {
    let Some(database) = Database::mariadb() else {
        return;
    };
    database.store.migrate().unwrap();
    let (_, fences) = claimed(&database, 1);
    let mut raw = database.raw();
    let commit = || {
        let id = fences[0].workflow_instance_id;
        database
            .store
            .commit(&[step(&fences[0], 1, vec![insert(0, id, "a")])], &|| true)
            .remove(0)
    };
    let ids = "FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()";
    for id in raw.texts("id", ids) {
        let _ = raw.try_run(&format!("KILL {id}"));
    }
    // Each try may meet one more of the killed connections, and then throws it away.
    let mut tries = 0;
    let committed = loop {
        match commit() {
            Err(CommitError::Retry { .. }) if tries < 20 => tries += 1,
            answer => break answer,
        }
    };
    assert!(committed.is_ok(), "{committed:?}");
}

/// The answer to the COMMIT is lost: the connection dies between the lease check and the COMMIT.
#[test]
fn a_lost_commit_is_unknown_and_can_be_looked_up() {
    let Some(database) = Database::mariadb() else {
        return;
    };
    database.store.migrate().unwrap();
    let (_, fences) = claimed(&database, 1);
    let id = fences[0].workflow_instance_id;
    let kill_all = || {
        let mut raw = database.raw();
        let ids = "FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()";
        for id in raw.texts("id", ids) {
            let _ = raw.try_run(&format!("KILL {id}"));
        }
        true
    };
    let commit = step(&fences[0], 1, vec![insert(0, id, "a")]);
    let answer = database
        .store
        .commit(std::slice::from_ref(&commit), &kill_all)
        .remove(0);
    assert!(matches!(answer, Err(CommitError::Unknown { .. })), "{answer:?}");
    let known = loop {
        match database.store.read_step(&fences[0], &["a".to_owned()]) {
            Ok(known) => break known.unwrap(),
            Err(error) => assert_eq!(error.class(), ErrorClass::Retry, "{error}"),
        }
    };
    assert_eq!(known.step, 0, "the server rolled it back");
    assert!(database.store.commit(&[commit], &|| true)[0].is_ok());
}

/// A master that is frozen inside a transaction keeps no row locks.
#[test]
fn an_idle_transaction_is_ended_by_the_server() {
    let Some(mut database) = Database::mariadb() else {
        return;
    };
    database.settings.idle_transaction_timeout = Some(Duration::from_secs(1));
    database.store = Store::open(&database.settings).unwrap();
    database.store.migrate().unwrap();
    let (_, fences) = claimed(&database, 1);
    let id = fences[0].workflow_instance_id;
    let commit = step(&fences[0], 1, vec![insert(0, id, "a")]);
    let frozen = || {
        // Another program gets the row although this transaction has it and does nothing.
        let mut raw = database.raw();
        raw.run(&format!(
            "BEGIN; SELECT id FROM t_ds_workflow_instance WHERE id = {id} FOR UPDATE; ROLLBACK"
        ));
        true
    };
    let answer = database
        .store
        .commit(std::slice::from_ref(&commit), &frozen)
        .remove(0);
    assert!(matches!(answer, Err(CommitError::Unknown { .. })), "{answer:?}");
    assert_eq!(database.raw().count("FROM t_ds_task_instance"), 0);
}

#[test]
fn the_wall_clock_is_that_of_the_setting() {
    on_databases(|database| {
        let mut settings = database.settings.clone();
        settings.zone = chrono_tz::Asia::Shanghai;
        let shanghai = Store::open(&settings).unwrap();
        let id = trigger(&shanghai, 1)[0];
        let started = shanghai.get_instance(id).unwrap().unwrap().start_time.unwrap();
        assert!((shanghai.database_time().unwrap().0 - started.0).abs() < 60_000);
        let as_utc = database
            .store
            .get_instance(id)
            .unwrap()
            .unwrap()
            .start_time
            .unwrap();
        assert_eq!(as_utc.0 - started.0, 8 * 3_600_000);
        let history = shanghai.get_instance(id).unwrap().unwrap().state_history.unwrap();
        let local = database.raw().row(
            "start_time",
            &format!("FROM t_ds_workflow_instance WHERE id = {id}"),
        );
        assert!(history.contains(&local), "{history} {local}");
    });
}

#[test]
fn the_database_clock_is_the_true_one() {
    on_databases(|database| {
        let before = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_millis();
        let read = database.store.database_time().unwrap().0;
        assert!((i128::from(read) - i128::try_from(before).unwrap()).abs() < 60_000);
    });
}
