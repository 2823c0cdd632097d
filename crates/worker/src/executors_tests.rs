use super::*;

const RESEND_MS: u64 = 1_000;

fn dispatch(id: i32) -> Dispatch {
    Dispatch {
        task_instance_id: id,
        task_name: format!("task-{id}"),
        task_type: "SHELL".to_owned(),
        project_code: 1,
        workflow_instance_id: 10,
        workflow_instance_name: "w".to_owned(),
        first_submit_time: Millis(5),
        owner: Some("m:1".to_owned()),
        owner_epoch: None,
        worker_startup_time: None,
        host: "w:1".to_owned(),
    }
}

fn with_epoch(id: i32, epoch: i64) -> Dispatch {
    Dispatch {
        owner_epoch: Some(epoch),
        ..dispatch(id)
    }
}

fn admit(executors: &Executors, dispatch: Dispatch) -> Result<Admitted, Refusal> {
    let admitted = executors.admit(dispatch, Tick(0), Millis(0))?;
    Ok(admitted.expect("a new attempt"))
}

fn refusal(executors: &Executors, dispatch: Dispatch) -> Refusal {
    admit(executors, dispatch).err().expect("a refusal")
}

fn end(executors: &Executors, id: i32) {
    executors.publish(id, TaskEvent::Failed { end_time: Millis(9) }, Millis(9));
}

fn sent(next: Next) -> (String, ExecutorEventType) {
    match next {
        Next::Send { owner, event, .. } => (owner, event.event.event_type()),
        other => panic!("expected something to send, got {other:?}"),
    }
}

#[test]
fn a_slot_is_held_until_the_end_is_acknowledged() {
    let executors = Executors::new(1, RESEND_MS);
    admit(&executors, dispatch(1)).unwrap();
    assert_eq!(refusal(&executors, dispatch(2)), Refusal::NoFreeSlot);
    end(&executors, 1);
    assert_eq!(executors.running(), 0);
    assert_eq!(refusal(&executors, dispatch(2)), Refusal::NoFreeSlot);
    assert_eq!(executors.held_slots(), 1);
    executors.acknowledge(1, ExecutorEventType::Failed, Tick(1));
    assert_eq!(executors.next(1, Tick(1)), Next::Gone);
    admit(&executors, dispatch(2)).unwrap();
}

#[test]
fn an_id_is_started_once() {
    let executors = Executors::new(9, RESEND_MS);
    admit(&executors, dispatch(1)).unwrap();
    assert!(
        executors
            .admit(dispatch(1), Tick(0), Millis(0))
            .unwrap()
            .is_none(),
        "it is here and goes on"
    );
    assert_eq!(executors.held_slots(), 1);
    let of_another_database = Dispatch {
        first_submit_time: Millis(6),
        ..dispatch(1)
    };
    assert_eq!(refusal(&executors, of_another_database), Refusal::AlreadyHere(1));
    end(&executors, 1);
    executors.acknowledge(1, ExecutorEventType::Failed, Tick(1));
    assert_eq!(refusal(&executors, dispatch(1)), Refusal::AlreadyEnded(1));
    // The same number in a database that was created anew is another task.
    admit(
        &executors,
        Dispatch {
            first_submit_time: Millis(6),
            ..dispatch(1)
        },
    )
    .unwrap();
}

#[test]
fn a_kill_that_overtakes_its_dispatch_wins() {
    let executors = Executors::new(9, RESEND_MS);
    assert!(!executors.kill(1, Tick(0)));
    assert_eq!(refusal(&executors, dispatch(1)), Refusal::AlreadyKilled(1));
}

#[test]
fn a_kill_that_comes_after_the_end_is_not_held_against_another_database() {
    let executors = Executors::new(9, RESEND_MS);
    admit(&executors, dispatch(1)).unwrap();
    end(&executors, 1);
    executors.acknowledge(1, ExecutorEventType::Failed, Tick(1));
    assert!(!executors.kill(1, Tick(2)));
    admit(
        &executors,
        Dispatch {
            first_submit_time: Millis(6),
            ..dispatch(1)
        },
    )
    .unwrap();
}

#[test]
fn an_epoch_counts_for_its_workflow_instance_only() {
    let executors = Executors::new(9, RESEND_MS);
    admit(&executors, with_epoch(1, 5)).unwrap();
    let other = "another database".to_owned();
    admit(
        &executors,
        Dispatch {
            workflow_instance_name: other,
            ..with_epoch(2, 1)
        },
    )
    .unwrap();
    admit(
        &executors,
        Dispatch {
            workflow_instance_id: 11,
            ..with_epoch(3, 1)
        },
    )
    .unwrap();
}

#[test]
fn a_kill_reaches_the_task_and_does_not_undo_an_abandonment() {
    let executors = Executors::new(9, RESEND_MS);
    let admitted = admit(&executors, dispatch(1)).unwrap();
    assert!(executors.kill(1, Tick(0)));
    assert_eq!(*admitted.stop.borrow(), Stop::Kill);
    executors.end_all(Stop::Abandon);
    assert!(executors.kill(1, Tick(0)));
    assert_eq!(*admitted.stop.borrow(), Stop::Abandon);
}

#[test]
fn a_second_dispatch_has_the_effect_of_one_and_a_former_owner_is_refused() {
    let executors = Executors::new(1, RESEND_MS);
    admit(&executors, with_epoch(1, 5)).unwrap();
    let again = |dispatch| {
        executors
            .admit(dispatch, Tick(0), Millis(0))
            .map(|admitted| admitted.is_none())
    };
    assert_eq!(again(with_epoch(1, 5)), Ok(true), "also when every slot is taken");
    let former = Refusal::FormerOwner {
        workflow_instance_id: 10,
        known: 5,
        offered: 4,
    };
    assert_eq!(again(with_epoch(1, 4)), Err(former));
    assert_eq!(sent(executors.next(1, Tick(0))).0, "m:1");
    let newer = Dispatch {
        owner: Some("m:2".to_owned()),
        ..with_epoch(1, 6)
    };
    assert_eq!(again(newer), Ok(true));
    assert_eq!(
        sent(executors.next(1, Tick(0))).0,
        "m:2",
        "the newer owner hears of it"
    );
    assert!(again(with_epoch(1, 5)).is_err());
}

#[test]
fn a_former_owner_gets_nothing() {
    let executors = Executors::new(9, RESEND_MS);
    admit(&executors, with_epoch(1, 5)).unwrap();
    let refused = refusal(&executors, with_epoch(2, 4));
    assert_eq!(
        refused,
        Refusal::FormerOwner {
            workflow_instance_id: 10,
            known: 5,
            offered: 4
        }
    );
    assert!(!executors.reassign(1, "old:1".to_owned(), Some(4), Tick(0)));
    assert!(executors.reassign(1, "new:1".to_owned(), Some(6), Tick(0)));
    assert!(!executors.reassign(1, "old:1".to_owned(), Some(5), Tick(0)));
    assert!(admit(&executors, with_epoch(2, 5)).is_err());
    admit(&executors, with_epoch(2, 6)).unwrap();
    // A Java owner has no epoch; it is believed, as a Java worker would.
    assert!(executors.reassign(1, "java:1".to_owned(), None, Tick(0)));
    assert_eq!(sent(executors.next(1, Tick(0))).0, "java:1");
}

#[test]
fn a_take_over_points_the_event_in_flight_to_the_new_owner() {
    let executors = Executors::new(9, RESEND_MS);
    admit(&executors, dispatch(1)).unwrap();
    assert_eq!(
        sent(executors.next(1, Tick(0))),
        ("m:1".to_owned(), ExecutorEventType::Dispatched)
    );
    assert_eq!(executors.next(1, Tick(1)), Next::WaitUntil(Tick(RESEND_MS)));
    assert!(executors.reassign(1, "m:2".to_owned(), None, Tick(1)));
    assert_eq!(
        sent(executors.next(1, Tick(1))),
        ("m:2".to_owned(), ExecutorEventType::Dispatched)
    );
    assert!(!executors.reassign(7, "m:2".to_owned(), None, Tick(1)));
}

#[test]
fn a_task_without_an_owner_waits_for_one() {
    let executors = Executors::new(9, RESEND_MS);
    admit(
        &executors,
        Dispatch {
            owner: None,
            ..dispatch(1)
        },
    )
    .unwrap();
    assert_eq!(executors.next(1, Tick(0)), Next::Wait);
    assert!(executors.reassign(1, "m:2".to_owned(), None, Tick(0)));
    assert_eq!(sent(executors.next(1, Tick(0))).0, "m:2");
}

#[test]
fn a_dispatch_that_names_another_process_at_the_address_is_refused() {
    let executors = Executors::new(9, RESEND_MS).of_process(Millis(20));
    let named = |id, startup_time| Dispatch {
        worker_startup_time: startup_time,
        ..dispatch(id)
    };
    let (meant, own) = (10, 20);
    assert_eq!(
        refusal(&executors, named(1, Some(Millis(10)))),
        Refusal::AnotherProcess { meant, own }
    );
    assert!(!executors.contains(1));
    admit(&executors, named(1, Some(Millis(20)))).unwrap();
    // A Java master names none.
    admit(&executors, named(2, None)).unwrap();
}

#[test]
fn a_worker_that_goes_away_accepts_and_tells_nothing() {
    let executors = Executors::new(9, RESEND_MS);
    let admitted = admit(&executors, dispatch(1)).unwrap();
    executors.end_all(Stop::Abandon);
    assert_eq!(*admitted.stop.borrow(), Stop::Abandon);
    end(&executors, 1);
    assert_eq!(executors.next(1, Tick(0)), Next::Wait);
    assert_eq!(refusal(&executors, dispatch(2)), Refusal::Stopping);
}

#[test]
fn a_finalised_task_is_in_no_list() {
    let executors = Executors::new(9, RESEND_MS);
    admit(&executors, dispatch(1)).unwrap();
    let running = TaskEvent::Running {
        start_time: Millis(7),
        log_path: String::new(),
        execute_path: None,
    };
    executors.publish(1, running, Millis(7));
    assert_eq!(executors.list()[0].start_time, Some(Millis(7)));
    end(&executors, 1);
    assert!(executors.contains(1));
    executors.acknowledge(1, ExecutorEventType::Failed, Tick(1));
    assert!(executors.list().is_empty() && !executors.contains(1));
}
