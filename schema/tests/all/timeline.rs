//! The timeline of failovers: what is recorded, its one alert, what finds no place, and what a master's death would move.

use crate::harness::{ADDRESS, Database, on_databases};
use crate::support::{NOW, claimed, fences, insert, plans, step};
use orca_engine::codes::{TaskState, WorkflowState};
use orca_engine::time::Millis;
use orca_engine::workflow::{TaskChange, Write};
use orca_schema::{DeadMaster, FailoverEvent, FailoverNote, FailoverRecord, MasterState, Moved, Store};

const SURVIVOR: &str = "10.0.0.2:5678";

fn dead(epoch: i64) -> DeadMaster {
    DeadMaster {
        address: ADDRESS.to_owned(),
        epoch,
    }
}

fn record(ids: &[i32], done: bool) -> FailoverRecord {
    let moved = |id: &i32| Moved {
        workflow_instance_id: *id,
        workflow_definition_code: 1,
        state: WorkflowState::RunningExecution,
    };
    FailoverRecord {
        dead: dead(1),
        worked_by: SURVIVOR.to_owned(),
        reason: "its node has gone".to_owned(),
        died: true,
        planned: false,
        detected_at: Millis(1_000),
        claimed_at: Millis(1_010),
        scanned_at: Millis(1_020),
        at: Millis(1_030),
        moved: ids.iter().map(moved).collect(),
        done,
    }
}

fn note(id: i32, task: Option<i32>, event: FailoverEvent) -> FailoverNote {
    FailoverNote {
        came_from: ADDRESS.to_owned(),
        workflow_instance_id: id,
        task_instance_id: task,
        event,
        detail: SURVIVOR.to_owned(),
        at: Millis(2_000),
    }
}

fn lines(store: &Store, failover: i64) -> Vec<(i32, Option<i32>, String)> {
    let entries = store.list_failover_entries(failover, 0, 1_000).unwrap();
    entries
        .into_iter()
        .map(|entry| (entry.workflow_instance_id, entry.task_instance_id, entry.event))
        .collect()
}

#[test]
fn a_failover_is_recorded_once_with_all_its_pages() {
    on_databases(|database| {
        let store = &database.store;
        store.record_failover(&record(&[7, 8], false)).unwrap();
        let moving = store.list_failovers(None, 10).unwrap().remove(0);
        assert_eq!(
            (moving.state.as_str(), moving.done_at, moving.moved),
            ("moving", None, 2)
        );
        let last = FailoverRecord {
            detected_at: Millis(9_000),
            at: Millis(1_050),
            ..record(&[9], true)
        };
        store.record_failover(&last).unwrap();
        // Another survivor finds nothing left: who did the work stays.
        let late = FailoverRecord {
            worked_by: "10.0.0.3:5678".to_owned(),
            at: Millis(9_999),
            ..record(&[], true)
        };
        store.record_failover(&late).unwrap();
        let listed = store.list_failovers(None, 10).unwrap();
        let [found] = listed.as_slice() else {
            panic!("one record for one death: {listed:?}")
        };
        assert_eq!(store.get_failover(found.id).unwrap().as_ref(), Some(found));
        assert_eq!(store.get_failover(found.id + 1).unwrap(), None);
        assert_eq!(
            (&found.dead, found.moved, found.state.as_str()),
            (&dead(1), 3, "done")
        );
        assert_eq!(found.worked_by.as_deref(), Some(SURVIVOR));
        assert_eq!(
            (
                found.detected_at,
                found.claimed_at,
                found.scanned_at,
                found.done_at
            ),
            (
                Millis(1_000),
                Some(Millis(1_010)),
                Some(Millis(1_020)),
                Some(Millis(1_050))
            )
        );
        let moved = |id: i32| (id, None, "moved".to_owned());
        assert_eq!(lines(store, found.id), [moved(7), moved(8), moved(9)]);
        let first = store.list_failover_entries(found.id, 0, 2).unwrap();
        let rest = store.list_failover_entries(found.id, first[1].id, 2).unwrap();
        assert_eq!((first.len(), rest.len(), rest[0].workflow_instance_id), (2, 1, 9));
        assert!(store.list_failovers(Some(found.id), 10).unwrap().is_empty());
    });
}

#[test]
fn a_death_gives_one_alert_and_an_orderly_end_none() {
    on_databases(|database| {
        let store = &database.store;
        let ended = FailoverRecord {
            died: false,
            planned: false,
            ..record(&[], true)
        };
        store.record_failover(&ended).unwrap();
        assert_eq!(
            database.raw().count("FROM t_ds_alert"),
            0,
            "nothing died, nothing moved"
        );
        for (epoch, ids, died) in [(2, [].as_slice(), true), (3, &[7], false)] {
            let mut death = FailoverRecord {
                dead: dead(epoch),
                died,
                planned: false,
                ..record(ids, false)
            };
            store.record_failover(&death).unwrap();
            death.moved = record(&[9], true).moved;
            death.done = true;
            store.record_failover(&death).unwrap();
        }
        let content =
            r#"[{"type":"MASTER","host":"10.0.0.1:5678","event":"SERVER_DOWN","warningLevel":"SERIOUS"}]"#;
        let mut raw = database.raw();
        assert_eq!(raw.texts("content", "FROM t_ds_alert"), [content, content]);
        let columns = "title, alert_status, warning_type, alertgroup_id, alert_type, LENGTH(sign), workflow_instance_id";
        let expected = "Fault tolerance warning,0,2,1,4,40,-";
        assert_eq!(
            raw.row(columns, "FROM t_ds_alert WHERE update_time = create_time"),
            expected
        );
    });
}

#[test]
fn an_unfinished_record_can_be_finished_and_none_is_made_for_it() {
    on_databases(|database| {
        let store = &database.store;
        store.finish_failover(&dead(1), Millis(5)).unwrap();
        assert!(store.list_failovers(None, 10).unwrap().is_empty());
        store.record_failover(&record(&[7], false)).unwrap();
        store.finish_failover(&dead(1), Millis(5_000)).unwrap();
        store.finish_failover(&dead(1), Millis(6_000)).unwrap();
        let found = store.list_failovers(None, 10).unwrap().remove(0);
        assert_eq!(
            (found.state.as_str(), found.done_at),
            ("done", Some(Millis(5_000)))
        );
    });
}

#[test]
fn lines_go_to_the_move_they_belong_to() {
    on_databases(|database| {
        let store = &database.store;
        let notes = [
            note(7, None, FailoverEvent::Claimed),
            note(7, Some(70), FailoverEvent::TakenOver),
            note(8, None, FailoverEvent::Claimed),
        ];
        assert_eq!(
            store.note_failovers(&notes).unwrap(),
            notes,
            "no move is recorded yet"
        );
        store.record_failover(&record(&[7], true)).unwrap();
        let left = store.note_failovers(&notes).unwrap();
        assert_eq!(left, notes[2..], "instance 8 never moved");
        let first = store.list_failovers(None, 10).unwrap()[0].id;
        let line = |task, event: &str| (7, task, event.to_owned());
        let expected = [
            line(None, "moved"),
            line(None, "claimed"),
            line(Some(70), "taken-over"),
        ];
        assert_eq!(lines(store, first), expected);

        // The same instance moves from the next life of that master: its lines wait for that record.
        assert_eq!(store.note_failovers(&notes[..2]).unwrap(), notes[..2]);
        let second = FailoverRecord {
            dead: dead(2),
            ..record(&[7], true)
        };
        store.record_failover(&second).unwrap();
        assert!(store.note_failovers(&notes[..2]).unwrap().is_empty());
        let second = store.list_failovers(None, 10).unwrap()[0].id;
        assert_eq!(lines(store, second), expected);
        assert_eq!(lines(store, first), expected);
        let elsewhere = FailoverNote {
            came_from: SURVIVOR.to_owned(),
            ..note(7, None, FailoverEvent::Claimed)
        };
        assert_eq!(
            store.note_failovers(std::slice::from_ref(&elsewhere)).unwrap(),
            [elsewhere]
        );
    });
}

#[test]
fn a_plan_shows_what_would_move_and_changes_nothing() {
    on_databases(|database| {
        let (owner, fences) = claimed(database, 3);
        let store = &database.store;
        let id = fences[0].workflow_instance_id;
        let writes = vec![insert(0, id, "a"), insert(1, id, "b")];
        let tasks = store
            .commit(&[step(&fences[0], 1, writes)], &|| true)
            .remove(0)
            .unwrap()
            .task_ids;
        let change = |state, host: Option<&str>| TaskChange {
            state: Some(state),
            host: Some(host.map(str::to_owned)),
            ..TaskChange::default()
        };
        let running = change(TaskState::RunningExecution, Some("10.0.0.9:1234"));
        let writes = vec![
            Write::UpdateTask {
                id: tasks[0],
                change: running,
            },
            Write::UpdateTask {
                id: tasks[1],
                change: change(TaskState::Success, None),
            },
        ];
        store
            .commit(&[step(&fences[0], 2, writes)], &|| true)
            .remove(0)
            .unwrap();
        end(database, fences[1].workflow_instance_id);
        let urgent = fences[2].workflow_instance_id;
        database.raw().run(&format!(
            "UPDATE t_ds_workflow_instance SET workflow_instance_priority = 0 WHERE id = {urgent}"
        ));
        let before = database
            .raw()
            .texts("state", "FROM t_ds_workflow_instance ORDER BY id");
        let plan = store.plan_failover(&owner.address, 10).unwrap();
        assert_eq!(
            plan.iter()
                .map(|one| one.workflow_instance_id)
                .collect::<Vec<_>>(),
            [urgent, id]
        );
        assert_eq!((plan[0].priority, plan[0].tasks.len()), (Some(0), 0));
        assert_eq!(plan[1].state, Some(WorkflowState::RunningExecution));
        let [task] = plan[1].tasks.as_slice() else {
            panic!("only what has not ended: {plan:?}")
        };
        assert_eq!(
            (task.task_instance_id, task.name.as_deref()),
            (tasks[0], Some("a"))
        );
        assert_eq!(
            (task.state, task.host.as_deref()),
            (Some(TaskState::RunningExecution), Some("10.0.0.9:1234"))
        );
        assert_eq!(store.plan_failover(&owner.address, 1).unwrap(), plan[..1]);
        assert!(store.plan_failover(SURVIVOR, 10).unwrap().is_empty());
        let mut raw = database.raw();
        assert_eq!(
            raw.texts("state", "FROM t_ds_workflow_instance ORDER BY id"),
            before
        );
        assert_eq!(raw.count("FROM t_ds_command"), 0);
    });
}

fn end(database: &Database, id: i32) {
    database.raw().run(&format!(
        "UPDATE t_ds_workflow_instance SET state = 7 WHERE id = {id}"
    ));
}

#[test]
fn only_a_master_that_said_so_has_stopped() {
    on_databases(|database| {
        let (owner, _) = claimed(database, 1);
        let this = DeadMaster {
            address: owner.address.to_string(),
            epoch: owner.epoch,
        };
        assert!(!database.store.has_stopped(&this).unwrap());
        database
            .store
            .set_master_state(&owner, MasterState::Stopped)
            .unwrap();
        assert!(database.store.has_stopped(&this).unwrap());
        assert!(!database.store.has_stopped(&dead(owner.epoch + 1)).unwrap());
    });
}

#[test]
fn an_instance_that_moved_is_claimed_with_its_move_on_record() {
    on_databases(|database| {
        let (owner, fences_before) = claimed(database, 2);
        let store = &database.store;
        let gone = DeadMaster {
            address: owner.address.to_string(),
            epoch: owner.epoch,
        };
        store.fence_master(&gone).unwrap();
        let ids = store.instances_of_dead(&gone, 10).unwrap();
        let moved = store.move_instances(&gone, &ids, &|| true).unwrap();
        let told = FailoverRecord {
            dead: gone,
            moved,
            at: NOW,
            ..record(&[], true)
        };
        store.record_failover(&told).unwrap();
        let survivor = store.register_master(SURVIVOR).unwrap();
        let after = fences(store.claim(&survivor, &plans(store), &|| true).unwrap());
        for (before, after) in fences_before.iter().zip(&after) {
            assert_eq!(after.epoch, before.epoch + 2, "the move and the claim raise it");
        }
        let notes: Vec<_> = ids
            .iter()
            .map(|id| note(*id, None, FailoverEvent::Claimed))
            .collect();
        assert!(store.note_failovers(&notes).unwrap().is_empty());
        let id = store.list_failovers(None, 1).unwrap()[0].id;
        assert_eq!(lines(store, id).len(), 4);
    });
}
