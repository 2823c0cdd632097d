//! The worker that runs nothing.

use crate::master::{Master, until};
use orca_engine::codes::ExecutorEventType::{Dispatched, Killed, Running, Success};
use orca_worker::{StubSettings, StubWorker};
use std::time::Duration;

fn settings() -> StubSettings {
    StubSettings {
        listen_host: "127.0.0.1".to_owned(),
        ..StubSettings::default()
    }
}

#[tokio::test]
async fn it_reports_a_whole_life_and_counts() {
    let stub = StubWorker::start(settings(), None).await.unwrap();
    let master = Master::start();
    for id in 1..=20 {
        master.accepted(stub.address(), master.shell(id, "")).await;
    }
    let mut kinds = vec![Vec::new(); 21];
    for _ in 0..60 {
        let seen = master.next().await;
        kinds[usize::try_from(seen.task).unwrap()].push(seen.kind);
        master.ack(stub.address(), seen.task, seen.kind).await;
    }
    assert!(
        kinds[1..]
            .iter()
            .all(|kinds| *kinds == [Dispatched, Running, Success])
    );
    assert_eq!(stub.open_tasks(), 0);
    let counters = stub.counters();
    assert_eq!(
        (counters.accepted, counters.finished, counters.events_sent),
        (20, 20, 60)
    );
    assert_eq!((counters.duplicates, counters.refused, counters.kills), (0, 0, 0));
    stub.stop().await;
}

#[tokio::test]
async fn it_counts_duplicates_and_refuses_more_than_its_slots() {
    let stub = StubWorker::start(
        StubSettings {
            slots: 1,
            ..settings()
        },
        None,
    )
    .await
    .unwrap();
    let master = Master::start();
    master.accepted(stub.address(), master.shell(1, "")).await;
    master.accepted(stub.address(), master.shell(1, "")).await;
    assert!(
        master
            .refused(stub.address(), master.shell(2, ""))
            .await
            .contains("are busy")
    );
    let counters = stub.counters();
    assert_eq!((counters.duplicates, counters.refused), (1, 1));
    stub.stop().await;
}

#[tokio::test]
async fn a_running_task_can_be_killed_and_taken_over() {
    let stub = StubWorker::start(
        StubSettings {
            run_for: Duration::from_secs(1_000),
            ..settings()
        },
        None,
    )
    .await
    .unwrap();
    let (old, new) = (Master::start(), Master::start());
    let worker = stub.address();
    old.accepted(worker, old.shell(1, "")).await;
    old.expect_and_ack(worker, 1, Dispatched).await;
    old.expect(1, Running).await;
    assert!(new.take_over(worker, 1, None).await);
    new.expect_and_ack(worker, 1, Running).await;
    assert_eq!(new.tasks_of(worker).await, [1]);
    assert!(new.kill(worker, 1).await.0);
    new.expect_and_ack(worker, 1, Killed).await;
    until("it is finalised", async || stub.open_tasks() == 0).await;
    assert!(!new.take_over(worker, 1, None).await);
    assert!(!new.kill(worker, 1).await.0);
    stub.stop().await;
}

#[tokio::test]
async fn an_event_without_an_acknowledgement_comes_again() {
    let stub = StubWorker::start(
        StubSettings {
            event_resend_interval: Duration::from_millis(40),
            ..settings()
        },
        None,
    )
    .await
    .unwrap();
    let master = Master::start();
    master.accepted(stub.address(), master.shell(1, "")).await;
    for _ in 0..3 {
        master.expect(1, Dispatched).await;
    }
    stub.stop().await;
}
