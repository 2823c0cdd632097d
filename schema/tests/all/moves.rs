//! Instances of a dead master: which ones move, and that each moves once, whoever else is at it.

use crate::harness::{ADDRESS, Database, master, on_databases};
use crate::support::{claimed, insert, plans, step, trigger};
use orca_engine::fence::Incarnation;
use orca_schema::{ClaimOutcome, CommitError, DeadMaster, ErrorClass, Store};
use std::sync::Barrier;

const PEER: &str = "10.0.0.2:5678";
const RUNNING: &str = "1";
const FAILOVER: &str = "18";

fn dead(address: &str, epoch: i64) -> DeadMaster {
    DeadMaster {
        address: address.to_owned(),
        epoch,
    }
}

fn move_all(store: &Store, dead: &DeadMaster) -> Vec<i32> {
    store.fence_master(dead).unwrap();
    let ids = store.instances_of_dead(dead, 1_000).unwrap();
    let moved = store.move_instances(dead, &ids, &|| true).unwrap();
    moved.iter().map(|one| one.workflow_instance_id).collect()
}

fn state(database: &Database, id: i32) -> String {
    let of = format!("FROM t_ds_workflow_instance WHERE id = {id}");
    database.raw().row("state", &of)
}

fn set(database: &Database, id: i32, columns: &str) {
    database.raw().run(&format!(
        "UPDATE t_ds_workflow_instance SET {columns} WHERE id = {id}"
    ));
}

/// A row without a host names nobody, so nobody's death moves it: neither NULL nor the empty text is ever an address.
#[test]
fn rows_without_a_host_are_nobodys() {
    on_databases(|database| {
        let (owner, fences) = claimed(database, 3);
        let ids: Vec<i32> = fences.iter().map(|fence| fence.workflow_instance_id).collect();
        set(database, ids[0], "host = NULL");
        set(database, ids[1], "host = ''");
        let store = &database.store;
        assert_eq!(store.hosts_with_instances().unwrap(), [ADDRESS]);
        let gone = dead(ADDRESS, owner.epoch);
        assert_eq!(store.instances_of_dead(&gone, 1_000).unwrap(), ids[2..]);
        assert_eq!(
            move_all(store, &gone),
            ids[2..],
            "and not every running instance there is"
        );
        assert_eq!(
            (state(database, ids[0]), state(database, ids[1])),
            (RUNNING.to_owned(), RUNNING.to_owned())
        );
    });
}

/// No clock is compared: a run that was triggered long before the death, and claimed by the life after it, stays where it is.
#[test]
fn only_what_the_dead_life_owned_moves() {
    on_databases(|database| {
        let (first, before) = claimed(database, 1);
        let early = trigger(&database.store, 1)[0];
        database.raw().run(&format!(
            "UPDATE t_ds_workflow_instance SET start_time = '2001-01-01 00:00:00', restart_time = '2001-01-01 00:00:00' WHERE id = {early}"
        ));
        let second = master(&database.store);
        let outcome = database
            .store
            .claim(&second, &plans(&database.store), &|| true)
            .unwrap();
        assert!(matches!(outcome[0], ClaimOutcome::Claimed { .. }));
        let restart =
            format!("FROM t_ds_workflow_instance WHERE id = {early} AND restart_time > '2020-01-01'");
        assert_eq!(
            database.raw().count(&restart),
            1,
            "a claim sets restart_time anew"
        );
        let gone = dead(ADDRESS, first.epoch);
        assert_eq!(move_all(&database.store, &gone), [before[0].workflow_instance_id]);
        assert_eq!(state(database, early), RUNNING);
        // A peer's instance stays as well, whatever the epoch.
        let peer = database.store.register_master(PEER).unwrap();
        trigger(&database.store, 1);
        let of_failover = "FROM t_ds_command WHERE command_type <> 2";
        assert_eq!(database.raw().count(of_failover), 1);
        let outcomes = database
            .store
            .claim(&peer, &plans(&database.store), &|| true)
            .unwrap();
        assert_eq!(outcomes.len(), 2, "the peer takes what moved, and the new one");
        assert!(move_all(&database.store, &dead(ADDRESS, second.epoch - 1)).is_empty());
    });
}

/// Two rescuers whose locks have both run out: an instance moves by compare-and-set, together with its one command.
#[test]
fn two_rescuers_move_each_instance_once() {
    const COUNT: usize = 30;
    on_databases(|database| {
        let (owner, fences) = claimed(database, COUNT);
        let gone = dead(ADDRESS, owner.epoch);
        let barrier = Barrier::new(2);
        let run = || {
            let store = Store::open(&database.settings).unwrap();
            store.fence_master(&gone).unwrap();
            let ids = store.instances_of_dead(&gone, 1_000).unwrap();
            barrier.wait();
            let pages = ids.chunks(5).map(|page| move_page(&store, &gone, page));
            pages.collect::<Vec<_>>().concat()
        };
        let moved: Vec<Vec<i32>> = std::thread::scope(|scope| {
            let threads = [scope.spawn(run), scope.spawn(run)];
            threads.map(|thread| thread.join().unwrap()).into()
        });
        let mut all = moved.concat();
        all.sort_unstable();
        let expected: Vec<i32> = fences.iter().map(|fence| fence.workflow_instance_id).collect();
        assert_eq!(all, expected, "each by one of the two: {moved:?}");
        let mut raw = database.raw();
        assert_eq!(raw.count("FROM t_ds_command WHERE command_type = 2"), 30);
        assert_eq!(raw.count("FROM t_ds_workflow_instance WHERE state = 18"), 30);
        assert_eq!(raw.count("FROM t_orca_instance WHERE epoch = 2"), 30);
        assert!(
            move_all(&database.store, &gone).is_empty(),
            "a third finds nothing"
        );
    });
}

/// A page, again and again while the rows are locked by the other one.
fn move_page(store: &Store, gone: &DeadMaster, page: &[i32]) -> Vec<i32> {
    const TRIES: usize = 100;
    for _ in 0..TRIES {
        match store.move_instances(gone, page, &|| true) {
            Ok(moved) => return moved.iter().map(|one| one.workflow_instance_id).collect(),
            Err(error) => assert_eq!(error.class(), ErrorClass::Retry, "{error}"),
        }
    }
    panic!("the rows were locked all the time")
}

/// Neither half of a move is ever there without the other, and a rescuer whose lease is over moves nothing.
#[test]
fn a_move_that_is_not_committed_leaves_nothing_behind() {
    on_databases(|database| {
        let (owner, fences) = claimed(database, 2);
        let (gone, store) = (dead(ADDRESS, owner.epoch), &database.store);
        let ids: Vec<i32> = fences.iter().map(|fence| fence.workflow_instance_id).collect();
        let error = store.move_instances(&gone, &ids, &|| false).unwrap_err();
        assert_eq!(error.class(), ErrorClass::NotOwner, "{error}");
        assert_eq!(state(database, ids[0]), RUNNING);
        assert_eq!(database.raw().count("FROM t_ds_command"), 0);
        assert_eq!(move_all(store, &gone), ids);
        assert_eq!(state(database, ids[0]), FAILOVER);
        assert_eq!(database.raw().count("FROM t_ds_command"), 2);
    });
}

/// The deposed master is still alive: neither its steps nor its claims count from then on.
#[test]
fn a_master_that_was_judged_dead_writes_nothing_more() {
    on_databases(|database| {
        let (owner, fences) = claimed(database, 1);
        let id = fences[0].workflow_instance_id;
        let store = &database.store;
        assert_eq!(move_all(store, &dead(ADDRESS, owner.epoch)), [id]);
        let late = step(&fences[0], 1, vec![insert(0, id, "late")]);
        assert_eq!(store.commit(&[late], &|| true), [Err(CommitError::NotOwner)]);
        refused(store, &owner);
        let survivor = store.register_master(PEER).unwrap();
        let outcomes = store.claim(&survivor, &plans(store), &|| true).unwrap();
        assert!(matches!(outcomes[0], ClaimOutcome::Claimed { .. }));
        let late = step(&fences[0], 1, vec![insert(0, id, "late")]);
        assert_eq!(store.commit(&[late], &|| true), [Err(CommitError::NotOwner)]);
        assert_eq!(database.raw().count("FROM t_ds_task_instance"), 0);
    });
}

fn refused(store: &Store, owner: &Incarnation) {
    let error = store.claim(owner, &plans(store), &|| true).unwrap_err();
    assert_eq!(error.class(), ErrorClass::NotOwner, "{error}");
}
