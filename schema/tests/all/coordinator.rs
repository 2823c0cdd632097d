//! Queues: slots of task groups, serial definitions, backfill chains.

use crate::harness::{Database, Raw, on_databases, two_tasks};
use crate::support::{claimed, insert, step};
use orca_engine::codes::{ExecutionType, WorkflowState};
use orca_engine::fence::Fence;
use orca_engine::model::{BackfillRun, RunOptions};
use orca_engine::time::Millis;
use orca_engine::workflow::{NodeId, Write};
use orca_schema::{NewDefinition, NewRun, SlotOwners};
use std::collections::BTreeSet;

fn owners() -> SlotOwners {
    SlotOwners {
        orca: BTreeSet::from([crate::harness::ADDRESS.to_owned()]),
        java: BTreeSet::new(),
    }
}

fn group(raw: &mut Raw, id: i32, size: i32, status: i32) {
    raw.run(&format!(
        "INSERT INTO t_ds_task_group (id, name, group_size, use_size, user_id, project_code, status, create_time, update_time) \
         VALUES ({id}, 'g{id}', {size}, 0, 1, 1, {status}, '2026-01-01 00:00:00', '2026-01-01 00:00:00')"
    ));
}

fn ask(node: u32, group_id: i32, priority: i32, task_instance_id: Option<i32>) -> Write {
    Write::QueueForSlot {
        node: NodeId(node),
        task_instance_id,
        task_name: "a".to_owned(),
        group_id,
        priority,
    }
}

/// Commits one step; the ids of its tasks.
fn commit(database: &Database, fence: &Fence, number: i64, writes: Vec<Write>) -> Vec<i32> {
    let mut answers = database.store.commit(&[step(fence, number, writes)], &|| true);
    answers.remove(0).unwrap().task_ids
}

/// Two tasks that wait for group 1, the second with the higher priority.
fn two_that_wait(database: &Database, fence: &Fence) -> Vec<i32> {
    let id = fence.workflow_instance_id;
    let writes = vec![
        insert(0, id, "a"),
        insert(1, id, "b"),
        ask(0, 1, 1, None),
        ask(1, 1, 2, None),
    ];
    commit(database, fence, 1, writes)
}

fn set_running(raw: &mut Raw, fence: &Fence) {
    raw.run(&format!(
        "UPDATE t_ds_workflow_instance SET state = 1 WHERE id = {}",
        fence.workflow_instance_id
    ));
}

#[test]
fn slots_go_by_priority_and_come_back_with_the_end() {
    on_databases(|database| {
        let (store, mut raw) = (&database.store, database.raw());
        let (_, fences) = claimed(database, 1);
        set_running(&mut raw, &fences[0]);
        group(&mut raw, 1, 1, 1);
        let ids = two_that_wait(database, &fences[0]);
        assert_eq!(store.groups_waited_for().unwrap(), [1]);
        let slots = store.give_slots(1, &owners()).unwrap();
        assert_eq!(
            slots
                .given
                .iter()
                .map(|grant| grant.task_instance_id)
                .collect::<Vec<_>>(),
            [ids[1]]
        );
        assert!(slots.to_offer.is_empty());
        // A second coordinator finds nothing left to give.
        assert!(store.give_slots(1, &owners()).unwrap().given.is_empty());
        assert!(
            store.groups_waited_for().unwrap().is_empty(),
            "a full group is not looked at"
        );
        let places = store.slot_places(&ids).unwrap();
        assert_eq!(
            (places[&ids[0]].has_slot, places[&ids[1]].has_slot),
            (false, true)
        );
        assert_eq!(raw.row("use_size", "FROM t_ds_task_group WHERE id = 1"), "1");
        commit(
            database,
            &fences[0],
            2,
            vec![Write::ReleaseSlot {
                task_instance_id: ids[1],
            }],
        );
        let slots = store.give_slots(1, &owners()).unwrap();
        assert_eq!(slots.given[0].task_instance_id, ids[0]);
        assert_eq!(raw.count("FROM t_ds_task_group_queue"), 1);
    });
}

#[test]
fn who_has_a_place_keeps_it() {
    on_databases(|database| {
        let (store, mut raw) = (&database.store, database.raw());
        let (_, fences) = claimed(database, 1);
        set_running(&mut raw, &fences[0]);
        group(&mut raw, 1, 1, 1);
        let ids = two_that_wait(database, &fences[0]);
        store.give_slots(1, &owners()).unwrap();
        // Another master takes over and asks for both again.
        commit(
            database,
            &fences[0],
            2,
            vec![ask(0, 1, 1, Some(ids[0])), ask(1, 1, 2, Some(ids[1]))],
        );
        assert_eq!(raw.count("FROM t_ds_task_group_queue"), 2);
        assert!(store.slot_places(&ids).unwrap()[&ids[1]].has_slot);
    });
}

#[test]
fn a_group_that_is_closed_or_gone_queues_nobody() {
    on_databases(|database| {
        let (store, mut raw) = (&database.store, database.raw());
        let (_, fences) = claimed(database, 1);
        let id = fences[0].workflow_instance_id;
        group(&mut raw, 1, 1, 0);
        let writes = vec![
            insert(0, id, "a"),
            insert(1, id, "b"),
            ask(0, 1, 1, None),
            ask(1, 99, 1, None),
        ];
        let ids = commit(database, &fences[0], 1, writes);
        assert_eq!(raw.count("FROM t_ds_task_group_queue"), 0);
        assert!(store.slot_places(&ids).unwrap().is_empty());
        assert!(store.give_slots(99, &owners()).unwrap().given.is_empty());
    });
}

#[test]
fn java_owners_are_told_first() {
    on_databases(|database| {
        let (store, mut raw) = (&database.store, database.raw());
        let (_, fences) = claimed(database, 1);
        set_running(&mut raw, &fences[0]);
        group(&mut raw, 1, 2, 1);
        let ids = two_that_wait(database, &fences[0]);
        let java = SlotOwners {
            orca: BTreeSet::new(),
            java: owners().orca,
        };
        let slots = store.give_slots(1, &java).unwrap();
        assert_eq!((slots.given.len(), slots.to_offer.len()), (0, 2));
        assert!(!store.slot_places(&ids).unwrap()[&ids[1]].has_slot);
        store.take_slot(1, &slots.to_offer[0]).unwrap();
        store.drop_slot_request(slots.to_offer[1].queue_id).unwrap();
        let places = store.slot_places(&ids).unwrap();
        assert!(places[&ids[1]].has_slot && !places.contains_key(&ids[0]));
        // An owner that is not registered gets nothing.
        assert_eq!(
            store.give_slots(1, &SlotOwners::default()).unwrap(),
            Default::default()
        );
        raw.run("UPDATE t_ds_task_group_queue SET status = -1, force_start = 1");
        let forced = store.forced_requests(&java.java).unwrap();
        assert_eq!(forced[0].task_instance_id, ids[1]);
        assert!(store.slot_places(&ids).unwrap()[&ids[1]].is_forced);
    });
}

#[test]
fn what_the_dead_have_left_is_swept() {
    on_databases(|database| {
        let (store, mut raw) = (&database.store, database.raw());
        let (_, fences) = claimed(database, 2);
        group(&mut raw, 1, 5, 1);
        for fence in &fences {
            set_running(&mut raw, fence);
            two_that_wait(database, fence);
        }
        store.give_slots(1, &owners()).unwrap();
        assert_eq!(store.sweep_task_groups().unwrap(), 0);
        assert_eq!(raw.row("use_size", "FROM t_ds_task_group"), "4");
        let (first, second) = (fences[0].workflow_instance_id, fences[1].workflow_instance_id);
        raw.run(&format!(
            "UPDATE t_ds_workflow_instance SET state = 6 WHERE id = {first}"
        ));
        raw.run(&format!(
            "UPDATE t_ds_task_instance SET flag = 0, state = 8 WHERE workflow_instance_id = {second} AND name = 'a'"
        ));
        assert_eq!(store.sweep_task_groups().unwrap(), 3);
        assert_eq!(raw.row("use_size", "FROM t_ds_task_group"), "1");
    });
}

fn saved(database: &Database, execution_type: ExecutionType) -> (i64, i32) {
    let definition = NewDefinition {
        execution_type,
        ..two_tasks()
    };
    database.store.save_definition(&definition).unwrap()
}

fn triggered(database: &Database, (code, version): (i64, i32), count: usize) -> Vec<i32> {
    let runs = vec![NewRun::manual(1, code, version); count];
    let answers = database.store.trigger(&runs).unwrap();
    answers.into_iter().map(Result::unwrap).collect()
}

fn states(raw: &mut Raw, ids: &[i32]) -> Vec<String> {
    let state = |id: &i32| raw.row("state", &format!("FROM t_ds_workflow_instance WHERE id = {id}"));
    ids.iter().map(state).collect()
}

#[test]
fn one_after_the_other() {
    on_databases(|database| {
        let (store, mut raw) = (&database.store, database.raw());
        let definition = saved(database, ExecutionType::SerialWait);
        let ids = triggered(database, definition, 3);
        let settle = || store.settle_serial_queue(definition.0, definition.1).unwrap();
        assert_eq!(settle().launched, [ids[0]]);
        assert_eq!(
            settle(),
            Default::default(),
            "the second master finds nothing to do"
        );
        let queue = store.serial_queues().unwrap().pop().unwrap();
        assert_eq!(
            (queue.rows, queue.launched, queue.strategy),
            (3, 1, ExecutionType::SerialWait)
        );
        let command = "FROM t_ds_command";
        assert_eq!(raw.count(command), 1);
        assert_eq!(
            raw.row("command_type, workflow_instance_id, workflow_instance_priority, warning_type, environment_code", command),
            format!("0,{},2,0,-1", ids[0])
        );
        // What was launched and ended without anybody noticing does not block the queue.
        raw.run(&format!(
            "UPDATE t_ds_workflow_instance SET state = 6 WHERE id = {}",
            ids[0]
        ));
        assert_eq!(store.sweep_serial_queues().unwrap(), 1);
        assert_eq!(settle().launched, [ids[1]]);
    });
}

#[test]
fn discarded_ones_are_stopped() {
    on_databases(|database| {
        let (store, mut raw) = (&database.store, database.raw());
        let definition = saved(database, ExecutionType::SerialDiscard);
        let ids = triggered(database, definition, 3);
        let settled = store.settle_serial_queue(definition.0, definition.1).unwrap();
        assert_eq!(
            (settled.launched, settled.discarded),
            (vec![ids[0]], vec![ids[1], ids[2]])
        );
        assert_eq!(states(&mut raw, &ids), ["14", "5", "5"]);
        assert_eq!(
            raw.count("FROM t_ds_workflow_instance WHERE end_time IS NOT NULL"),
            2
        );
        assert_eq!(raw.count("FROM t_ds_serial_command"), 1);
    });
}

#[test]
fn the_last_has_priority() {
    on_databases(|database| {
        let (store, mut raw) = (&database.store, database.raw());
        let definition = saved(database, ExecutionType::SerialPriority);
        let first = triggered(database, definition, 1);
        let settle = || store.settle_serial_queue(definition.0, definition.1).unwrap();
        assert_eq!(settle().launched, first);
        let later = triggered(database, definition, 2);
        raw.run(&format!(
            "UPDATE t_ds_workflow_instance SET state = 1, host = 'm:1' WHERE id = {}",
            first[0]
        ));
        let settled = settle();
        assert_eq!((settled.launched, settled.discarded), (vec![], vec![later[0]]));
        assert_eq!(
            (
                settled.to_stop[0].workflow_instance_id,
                settled.to_stop[0].host.as_str()
            ),
            (first[0], "m:1")
        );
        raw.run(&format!(
            "DELETE FROM t_ds_serial_command WHERE workflow_instance_id = {}",
            first[0]
        ));
        assert_eq!(settle().launched, [later[1]]);
    });
}

#[test]
fn an_unreadable_command_stops_only_its_own_instance() {
    on_databases(|database| {
        let (store, mut raw) = (&database.store, database.raw());
        let definition = saved(database, ExecutionType::SerialWait);
        let ids = triggered(database, definition, 2);
        raw.run(&format!(
            "UPDATE t_ds_serial_command SET command = '{{' WHERE workflow_instance_id = {}",
            ids[0]
        ));
        let settle = || store.settle_serial_queue(definition.0, definition.1).unwrap();
        assert!(settle().launched.is_empty());
        assert_eq!(states(&mut raw, &ids), ["6", "14"]);
        assert_eq!(settle().launched, [ids[1]]);
    });
}

#[test]
fn a_waiting_run_can_be_withdrawn_before_it_is_claimed() {
    on_databases(|database| {
        let (store, mut raw) = (&database.store, database.raw());
        let definition = saved(database, ExecutionType::SerialWait);
        let ids = triggered(database, definition, 2);
        store.settle_serial_queue(definition.0, definition.1).unwrap();
        assert!(store.withdraw_waiting(ids[0], WorkflowState::Stop).unwrap());
        assert!(
            !store.withdraw_waiting(ids[0], WorkflowState::Pause).unwrap(),
            "once is enough"
        );
        assert!(store.withdraw_waiting(ids[1], WorkflowState::Pause).unwrap());
        assert_eq!(states(&mut raw, &ids), ["5", "3"]);
        assert_eq!(
            raw.count("FROM t_ds_command") + raw.count("FROM t_ds_serial_command"),
            0
        );
    });
}

#[test]
fn many_masters_settle_one_queue_at_once() {
    on_databases(|database| {
        let definition = saved(database, ExecutionType::SerialWait);
        let ids = triggered(database, definition, 20);
        let launched: Vec<i32> = std::thread::scope(|scope| {
            let settle = || {
                let store = database.store.clone();
                scope.spawn(move || {
                    store
                        .settle_serial_queue(definition.0, definition.1)
                        .map(|settled| settled.launched)
                })
            };
            let threads: Vec<_> = (0..4).map(|_| settle()).collect();
            threads
                .into_iter()
                .flat_map(|thread| thread.join().unwrap().unwrap())
                .collect()
        });
        assert_eq!(launched, [ids[0]]);
        assert_eq!(database.raw().count("FROM t_ds_command"), 1);
    });
}

#[test]
fn a_backfill_goes_on_with_the_end_of_the_run_before() {
    on_databases(|database| {
        let mut raw = database.raw();
        let (_, fences) = claimed(database, 1);
        let (code, version) = saved(database, ExecutionType::Parallel);
        let run = BackfillRun {
            user_id: 1,
            workflow_definition_code: code,
            workflow_definition_version: version,
            times: vec!["2026-01-02 00:00:00".to_owned(), "2026-01-03 00:00:00".to_owned()],
            start_nodes: Vec::new(),
            start_params: Vec::new(),
            task_depend_type: orca_engine::codes::TaskDependType::TaskPost,
            options: RunOptions {
                failure_strategy: orca_engine::codes::FailureStrategy::End,
                priority: orca_engine::codes::Priority::High,
                worker_group: Some("gpu".to_owned()),
                ..RunOptions::DEFAULT
            },
        };
        let lost = BackfillRun {
            workflow_definition_version: 99,
            ..run.clone()
        };
        let finish = Write::Finish {
            state: WorkflowState::Success,
            end_time: Millis(1_767_225_600_000),
            var_pool: None,
            serial: false,
        };
        let writes = vec![
            Write::ContinueBackfill(Box::new(run)),
            // Its definition is gone: the chain ends, the step does not fail.
            Write::ContinueBackfill(Box::new(lost)),
            finish,
        ];
        commit(database, &fences[0], 1, writes);
        let next = format!("FROM t_ds_workflow_instance WHERE workflow_definition_code = {code}");
        assert_eq!(
            raw.row("state, command_type, schedule_time, failure_strategy, workflow_instance_priority, worker_group", &next)
                .replace(".000000", ""),
            "0,5,2026-01-02 00:00:00,0,1,gpu"
        );
        let param = raw.row("command_param", "FROM t_ds_command WHERE command_type = 5");
        assert!(
            param.contains(r#""backfillTimeList":["2026-01-02 00:00:00","2026-01-03 00:00:00"]"#),
            "{param}"
        );
    });
}
