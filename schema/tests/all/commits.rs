//! Group commit: fences, batches, what one member may do to another.

use crate::harness::{ADDRESS, Database, on_databases};
use crate::support::{NOW, claimed, insert, step};
use orca_engine::codes::{AlertType, Flag, TaskState, WarningType, WorkflowState};
use orca_engine::fence::Fence;
use orca_engine::model::Alert;
use orca_engine::time::Millis;
use orca_engine::workflow::{NodeId, TaskChange, Write};
use orca_schema::{CommitError, StepCommit, Store};

fn one(store: &Store, commit: StepCommit) -> Result<Vec<i32>, CommitError> {
    let mut answers = store.commit(&[commit], &|| true);
    assert_eq!(answers.len(), 1);
    answers.remove(0).map(|committed| committed.task_ids)
}

fn state(state: TaskState) -> TaskChange {
    TaskChange {
        state: Some(state),
        ..TaskChange::default()
    }
}

fn update(id: i32, change: TaskChange) -> Write {
    Write::UpdateTask { id, change }
}

fn alert(instance: i32) -> Alert {
    Alert {
        title: "start workflow success".to_owned(),
        content: "abc".to_owned(),
        warning_type: WarningType::Success,
        alert_type: AlertType::WorkflowInstanceSuccess,
        alert_group_id: Some(1),
        project_code: 2,
        workflow_definition_code: 3,
        workflow_instance_id: instance,
    }
}

#[test]
fn one_workflow_from_its_first_task_to_its_end() {
    on_databases(|database| {
        let (_, fences) = claimed(database, 1);
        let (fence, store) = (&fences[0], &database.store);
        let id = fence.workflow_instance_id;
        let mut raw = database.raw();
        let ids = one(
            store,
            step(fence, 1, vec![insert(0, id, "a"), insert(1, id, "b")]),
        )
        .unwrap();
        assert_eq!(ids.len(), 2);
        let rows = store.load_valid_tasks(&[id]).unwrap();
        let mut expected = crate::support::task(id, "a");
        expected.id = ids[0];
        assert_eq!(rows[0], expected);
        let columns = "alert_flag, pid, execute_path, environment_config";
        assert_eq!(
            raw.row(columns, &format!("FROM t_ds_task_instance WHERE id = {}", ids[0])),
            "0,0,-,-"
        );

        let dispatched = TaskChange {
            host: Some(Some("w:1234".to_owned())),
            ..state(TaskState::Dispatch)
        };
        one(store, step(fence, 2, vec![update(ids[0], dispatched)])).unwrap();
        let running = TaskChange {
            start_time: Some(Some(NOW)),
            log_path: Some("/logs/1.log".to_owned()),
            ..state(TaskState::RunningExecution)
        };
        one(store, step(fence, 3, vec![update(ids[0], running)])).unwrap();
        // Two changes of one row in one step: the later one counts where both set a column.
        let first = TaskChange {
            app_link: Some("app".to_owned()),
            ..state(TaskState::Failure)
        };
        let last = TaskChange {
            end_time: Some(Some(NOW.plus(1_999))),
            var_pool: Some(Some("[]".to_owned())),
            ..state(TaskState::Success)
        };
        let refused_back = TaskChange {
            host: Some(None),
            flag: Some(Flag::No),
            ..TaskChange::default()
        };
        let writes = vec![
            update(ids[0], first),
            update(ids[1], refused_back),
            update(ids[0], last),
            Write::SetState {
                state: WorkflowState::ReadyStop,
            },
        ];
        one(store, step(fence, 4, writes)).unwrap();
        let of = format!("FROM t_ds_task_instance WHERE id = {}", ids[0]);
        let columns = "state, host, start_time, end_time, log_path, app_link, var_pool, task_params";
        assert_eq!(
            raw.row(columns, &of),
            "7,w:1234,2027-01-15 08:00:00,2027-01-15 08:00:01,/logs/1.log,app,[],{}"
        );
        assert_eq!(
            raw.row(
                "flag, host",
                &format!("FROM t_ds_task_instance WHERE id = {}", ids[1])
            ),
            "0,-"
        );
        assert_eq!(
            raw.row("state", &format!("FROM t_ds_workflow_instance WHERE id = {id}")),
            "4"
        );

        raw.run(&format!(
            "INSERT INTO t_ds_serial_command (workflow_definition_code, workflow_definition_version, workflow_instance_id) \
             VALUES (1, 1, {id})"
        ));
        let end = Write::Finish {
            state: WorkflowState::Stop,
            end_time: NOW,
            var_pool: Some("[1]".to_owned()),
            serial: true,
        };
        one(store, step(fence, 5, vec![end, Write::InsertAlert(alert(id))])).unwrap();
        let of = format!("FROM t_ds_workflow_instance WHERE id = {id}");
        assert_eq!(
            raw.row("state, end_time, var_pool, host", &of),
            format!("5,2027-01-15 08:00:00,[1],{ADDRESS}")
        );
        assert_eq!(raw.count("FROM t_ds_serial_command"), 0);
        let columns = "title, sign, alert_status, warning_type, alertgroup_id, update_time, project_code, workflow_definition_code, alert_type";
        assert_eq!(
            raw.row(
                columns,
                &format!("FROM t_ds_alert WHERE workflow_instance_id = {id}")
            ),
            "start workflow success,a9993e364706816aba3e25717850c26c9cd0d89d,0,1,1,-,2,3,1"
        );
        // The instance has ended: nobody writes to it any more.
        assert_eq!(
            one(store, step(fence, 6, vec![insert(2, id, "c")])),
            Err(CommitError::NotOwner)
        );
        assert_eq!(store.read_step(fence, &[]).unwrap().unwrap().step, 5);
    });
}

#[test]
fn a_failed_fence_falls_out_and_changes_nothing() {
    on_databases(|database| {
        let (_, fences) = claimed(database, 6);
        let mut raw = database.raw();
        let ids: Vec<i32> = fences.iter().map(|fence| fence.workflow_instance_id).collect();
        raw.run(&format!(
            "UPDATE t_ds_workflow_instance SET host = 'other:1' WHERE id = {}",
            ids[0]
        ));
        raw.run(&format!(
            "UPDATE t_ds_workflow_instance SET state = 18 WHERE id = {}",
            ids[1]
        ));
        raw.run(&format!(
            "UPDATE t_ds_workflow_instance SET state = 6 WHERE id = {}",
            ids[2]
        ));
        raw.run(&format!(
            "UPDATE t_orca_instance SET epoch = epoch + 1 WHERE workflow_instance_id = {}",
            ids[3]
        ));
        raw.run(&format!(
            "DELETE FROM t_ds_workflow_instance WHERE id = {}",
            ids[4]
        ));
        let steps: Vec<StepCommit> = fences
            .iter()
            .map(|fence| step(fence, 1, vec![insert(0, fence.workflow_instance_id, "a")]))
            .collect();
        let answers = database.store.commit(&steps, &|| true);
        for answer in &answers[..5] {
            assert_eq!(*answer, Err(CommitError::NotOwner));
        }
        assert_eq!(answers[5].as_ref().unwrap().task_ids.len(), 1);
        assert_eq!(raw.count("FROM t_ds_task_instance"), 1);
        assert_eq!(
            raw.row("workflow_instance_id", "FROM t_ds_task_instance"),
            ids[5].to_string()
        );
        // A master that has taken the instance back in the meantime is another epoch.
        assert_eq!(database.store.read_step(&fences[3], &[]).unwrap(), None);
        let back = Fence {
            epoch: 2,
            ..fences[3].clone()
        };
        assert!(one(&database.store, step(&back, 1, vec![insert(0, ids[3], "a")])).is_ok());
    });
}

#[test]
fn nothing_is_committed_past_the_lease() {
    on_databases(|database| {
        let (_, fences) = claimed(database, 2);
        let steps: Vec<StepCommit> = fences
            .iter()
            .map(|fence| step(fence, 1, vec![insert(0, fence.workflow_instance_id, "a")]))
            .collect();
        let answers = database.store.commit(&steps, &|| false);
        assert_eq!(
            answers,
            [Err(CommitError::LeaseLost), Err(CommitError::LeaseLost)]
        );
        assert_eq!(database.raw().count("FROM t_ds_task_instance"), 0);
        assert!(database.store.commit(&steps, &|| true).iter().all(Result::is_ok));
        assert!(database.store.commit(&[], &|| true).is_empty());
    });
}

#[test]
fn a_step_is_never_written_twice() {
    on_databases(|database| {
        let (_, fences) = claimed(database, 1);
        let id = fences[0].workflow_instance_id;
        let first = step(&fences[0], 1, vec![insert(0, id, "a"), insert(1, id, "b")]);
        let ids = one(&database.store, first.clone()).unwrap();
        assert!(matches!(
            one(&database.store, first),
            Err(CommitError::Unknown { .. })
        ));
        let names = ["b".to_owned(), "a".to_owned()];
        let known = database.store.read_step(&fences[0], &names).unwrap().unwrap();
        assert_eq!((known.step, known.task_ids), (1, vec![ids[1], ids[0]]));
        assert_eq!(database.raw().count("FROM t_ds_task_instance"), 2);
    });
}

#[test]
fn a_poisoned_member_stops_only_itself() {
    on_databases(|database| {
        let (_, fences) = claimed(database, 4);
        let id = |place: usize| fences[place].workflow_instance_id;
        let other = one(&database.store, step(&fences[3], 1, vec![insert(0, id(3), "x")])).unwrap()[0];
        let mut long = crate::support::task(id(2), "a");
        long.worker_group = Some("g".repeat(300));
        let long = Write::InsertTask {
            node: NodeId(0),
            row: Box::new(long),
        };
        let steps = [
            step(&fences[0], 1, vec![insert(0, id(0), "a")]),
            // A row of a workflow that is not this one's.
            step(&fences[1], 1, vec![update(other, state(TaskState::Kill))]),
            step(&fences[2], 1, vec![long]),
        ];
        let answers = database.store.commit(&steps, &|| true);
        assert!(answers[0].is_ok());
        assert!(
            matches!(&answers[1], Err(CommitError::Fatal { reason }) if reason.contains("does not belong"))
        );
        match (&answers[2], database.is_mysql()) {
            (Err(CommitError::Fatal { reason }), true) => assert!(reason.contains("too long"), "{reason}"),
            (Ok(_), false) => {}
            (answer, _) => panic!("{answer:?}"),
        }
        assert_eq!(
            database
                .raw()
                .row("state", &format!("FROM t_ds_task_instance WHERE id = {other}")),
            "0"
        );
    });
}

#[test]
fn a_locked_row_stops_only_its_own_workflow() {
    on_databases(|database| {
        if !database.is_mysql() {
            return;
        }
        let (_, fences) = claimed(database, 3);
        let mut raw = database.raw();
        let locked = fences[1].workflow_instance_id;
        raw.run(&format!(
            "BEGIN; SELECT id FROM t_ds_workflow_instance WHERE id = {locked} FOR UPDATE"
        ));
        let steps: Vec<StepCommit> = fences
            .iter()
            .map(|fence| step(fence, 1, vec![insert(0, fence.workflow_instance_id, "a")]))
            .collect();
        let answers = database.store.commit(&steps, &|| true);
        assert!(answers[0].is_ok() && answers[2].is_ok());
        assert!(matches!(&answers[1], Err(CommitError::Retry { reason }) if reason.contains("Lock wait")));
        raw.run("ROLLBACK");
        assert!(one(&database.store, steps[1].clone()).is_ok());
    });
}

/// Two transactions that take rows in opposite order: the server ends one of them, which is an ordinary result.
#[test]
fn a_deadlock_is_tried_again() {
    on_databases(|database| {
        if !database.is_mysql() {
            return;
        }
        let (_, fences) = claimed(database, 2);
        let (low, high) = (fences[0].workflow_instance_id, fences[1].workflow_instance_id);
        let mut raw = database.raw();
        raw.run(&format!(
            "BEGIN; UPDATE t_ds_workflow_instance SET recovery = 1 WHERE id = {high}"
        ));
        let steps: Vec<StepCommit> = fences
            .iter()
            .map(|fence| step(fence, 1, vec![insert(0, fence.workflow_instance_id, "a")]))
            .collect();
        let answers = std::thread::scope(|scope| {
            let committing = scope.spawn(|| database.store.commit(&steps, &|| true));
            // Waits for the store's lock on the lower row, or is chosen as the victim; both end it.
            while raw
                .try_run(&format!(
                    "SELECT id FROM t_ds_workflow_instance WHERE id = {low} FOR UPDATE NOWAIT"
                ))
                .is_ok()
                && !committing.is_finished()
            {
                std::thread::yield_now();
            }
            let _ = raw.try_run(&format!(
                "UPDATE t_ds_workflow_instance SET recovery = 1 WHERE id = {low}"
            ));
            let _ = raw.try_run("ROLLBACK");
            committing.join().unwrap()
        });
        for (answer, step) in answers.into_iter().zip(steps) {
            match answer {
                Ok(_) => {}
                Err(CommitError::Retry { .. }) => assert!(one(&database.store, step).is_ok()),
                Err(error) => panic!("{error:?}"),
            }
        }
        assert_eq!(raw.count("FROM t_ds_task_instance"), 2);
    });
}

/// Everything but ids and the order of the rows is the same.
#[test]
fn a_batch_writes_what_its_members_write_one_by_one() {
    on_databases(|database| {
        let (_, fences) = claimed(database, 40);
        let (left, right) = fences.split_at(20);
        let together = write_all(&database.store, left, |store, steps| {
            store.commit(steps, &|| true)
        });
        let alone = write_all(&database.store, right, |store, steps| {
            steps
                .iter()
                .flat_map(|step| store.commit(std::slice::from_ref(step), &|| true))
                .collect()
        });
        for (left_fence, right_fence) in left.iter().zip(right) {
            let (left, right) = (left_fence.workflow_instance_id, right_fence.workflow_instance_id);
            assert_eq!(
                seen(database, left),
                seen(database, right),
                "instances {left} and {right}"
            );
        }
        assert_eq!((together.len(), together.len()), (20 * 3, alone.len()));
    });
}

/// The ids of all tasks of three steps of different kinds in each workflow.
fn write_all(
    store: &Store,
    fences: &[Fence],
    commit: impl Fn(&Store, &[StepCommit]) -> Vec<Result<orca_schema::Committed, CommitError>>,
) -> Vec<i32> {
    let mut all = Vec::new();
    let steps: Vec<StepCommit> = fences
        .iter()
        .map(|fence| {
            let id = fence.workflow_instance_id;
            step(
                fence,
                1,
                vec![insert(0, id, "a"), insert(1, id, "b"), insert(2, id, "c")],
            )
        })
        .collect();
    let inserted: Vec<Vec<i32>> = commit(store, &steps)
        .into_iter()
        .map(|answer| answer.unwrap().task_ids)
        .collect();
    let steps: Vec<StepCommit> = fences
        .iter()
        .zip(&inserted)
        .enumerate()
        .map(|(place, (fence, ids))| {
            let host = TaskChange {
                host: Some(Some(format!("w{}:1", place % 3))),
                ..state(TaskState::Dispatch)
            };
            let log = TaskChange {
                log_path: Some(format!("/log/{}", place % 20)),
                ..state(TaskState::RunningExecution)
            };
            let mut writes = vec![update(ids[0], host), update(ids[1], log)];
            if place % 2 == 0 {
                writes.push(update(ids[2], state(TaskState::Kill)));
                let pool = Some(format!("[{}]", place % 20));
                let end_time = Millis(NOW.0 + i64::try_from(place).unwrap() * 1_000);
                writes.push(Write::Finish {
                    state: WorkflowState::Failure,
                    end_time,
                    var_pool: pool,
                    serial: false,
                });
            } else {
                writes.push(Write::SetState {
                    state: WorkflowState::ReadyPause,
                });
            }
            step(fence, 2, writes)
        })
        .collect();
    assert!(commit(store, &steps).iter().all(Result::is_ok));
    all.extend(inserted.concat());
    all
}

fn seen(database: &Database, id: i32) -> (String, Vec<String>) {
    let mut raw = database.raw();
    let instance = raw.row(
        "state, end_time, var_pool",
        &format!("FROM t_ds_workflow_instance WHERE id = {id}"),
    );
    let of = format!("FROM t_ds_task_instance WHERE workflow_instance_id = {id} ORDER BY id");
    let columns = ["name", "state", "host", "log_path", "flag"];
    (
        instance,
        columns.iter().flat_map(|column| raw.texts(column, &of)).collect(),
    )
}

#[test]
fn ids_come_back_in_order_whatever_the_increment() {
    on_databases(|database| {
        let (_, fences) = claimed(database, 3);
        if database.is_mysql() {
            // A session variable of new connections; the store has not opened them all yet, so open another store.
            database.raw().run("SET GLOBAL auto_increment_increment = 3");
        }
        let store = Store::open(&database.settings).unwrap();
        let steps: Vec<StepCommit> = fences
            .iter()
            .map(|fence| {
                let id = fence.workflow_instance_id;
                step(
                    fence,
                    1,
                    (0..5)
                        .map(|node| insert(node, id, &format!("{id}-{node}")))
                        .collect(),
                )
            })
            .collect();
        let answers = store.commit(&steps, &|| true);
        if database.is_mysql() {
            database.raw().run("SET GLOBAL auto_increment_increment = 1");
        }
        let mut raw = database.raw();
        for (answer, fence) in answers.into_iter().zip(&fences) {
            for (node, id) in answer.unwrap().task_ids.into_iter().enumerate() {
                let name = raw.row("name", &format!("FROM t_ds_task_instance WHERE id = {id}"));
                assert_eq!(name, format!("{}-{node}", fence.workflow_instance_id));
            }
        }
    });
}

#[test]
fn slots_of_task_groups_are_asked_for_and_given_back() {
    on_databases(|database| {
        let (_, fences) = claimed(database, 1);
        let id = fences[0].workflow_instance_id;
        let queue = |node: u32, task: Option<i32>| Write::QueueForSlot {
            node: NodeId(node),
            task_instance_id: task,
            task_name: "a".to_owned(),
            group_id: 4,
            priority: 2,
        };
        let mut raw = database.raw();
        raw.run(
            "INSERT INTO t_ds_task_group (id, name, group_size, create_time, update_time) \
             VALUES (4, 'g', 1, '2026-01-01 00:00:00', '2026-01-01 00:00:00')",
        );
        let ids = one(
            &database.store,
            step(&fences[0], 1, vec![insert(7, id, "a"), queue(7, None)]),
        )
        .unwrap();
        let columns =
            "task_id, task_name, group_id, workflow_instance_id, priority, in_queue, force_start, status";
        assert_eq!(
            raw.row(columns, "FROM t_ds_task_group_queue"),
            format!("{},a,4,{id},2,1,0,-1", ids[0])
        );
        let release = Write::ReleaseSlot {
            task_instance_id: ids[0],
        };
        one(
            &database.store,
            step(&fences[0], 2, vec![release, queue(7, Some(77))]),
        )
        .unwrap();
        assert_eq!(raw.row("task_id", "FROM t_ds_task_group_queue"), "77");
        let nobody = one(&database.store, step(&fences[0], 3, vec![queue(9, None)]));
        assert!(matches!(nobody, Err(CommitError::Fatal { .. })));
    });
}
