//! The reliable event protocol between a worker and its master.

use crate::master::{Master, until};
use crate::tasks::{Bench, bench};
use orca_engine::codes::ExecutorEventType::{Dispatched, Failed, Running, RuntimeContextChange, Success};
use std::time::Duration;

#[tokio::test]
async fn each_event_waits_for_the_acknowledgement_of_the_one_before() {
    let (bench, master) = (bench().await, Master::start());
    master.accepted(bench.address(), master.shell(1, "true")).await;
    for kind in [Dispatched, Running, RuntimeContextChange, Success] {
        let seen = master.expect(1, kind).await;
        assert_eq!(seen.host, "as-the-master-wrote-it:1");
        assert!(
            master.unseen().await.is_empty(),
            "nothing before the acknowledgement"
        );
        assert_eq!(master.tasks_of(bench.address()).await, [1]);
        master.ack(bench.address(), 1, kind).await;
    }
    assert!(master.tasks_of(bench.address()).await.is_empty());
    bench.stop().await;
}

#[tokio::test]
async fn duplicate_and_foreign_acknowledgements_change_nothing() {
    let (bench, master) = (bench().await, Master::start());
    let worker = bench.address();
    master.accepted(worker, master.shell(1, "true")).await;
    master.expect(1, Dispatched).await;
    master.ack(worker, 1, Failed).await;
    master.ack(worker, 99, Dispatched).await;
    assert!(master.unseen().await.is_empty());
    master.ack(worker, 1, Dispatched).await;
    master.ack(worker, 1, Dispatched).await;
    master.expect_and_ack(worker, 1, Running).await;
    master.ack(worker, 1, Running).await;
    master.expect_and_ack(worker, 1, RuntimeContextChange).await;
    master.expect_and_ack(worker, 1, Success).await;
    master.ack(worker, 1, Success).await;
    assert!(master.tasks_of(worker).await.is_empty());
    bench.stop().await;
}

#[tokio::test]
async fn an_event_without_an_acknowledgement_comes_again() {
    let bench = Bench::with(|settings| settings.event_resend_interval = Duration::from_millis(50)).await;
    let master = Master::start();
    master.accepted(bench.address(), master.shell(1, "true")).await;
    for _ in 0..3 {
        master.expect(1, Dispatched).await;
    }
    // A call that fails counts as an attempt like any other.
    master.refuse(true);
    for _ in 0..2 {
        master.expect(1, Dispatched).await;
    }
    master.refuse(false);
    master.ack(bench.address(), 1, Dispatched).await;
    until("the next event comes", async || {
        master.next().await.kind == Running
    })
    .await;
    bench.stop().await;
}

#[tokio::test]
async fn an_event_is_not_repeated_before_its_time() {
    let (bench, master) = (bench().await, Master::start());
    master.accepted(bench.address(), master.shell(1, "true")).await;
    master.expect(1, Dispatched).await;
    // Another task goes through its whole life meanwhile.
    master.accepted(bench.address(), master.shell(2, "true")).await;
    master.follow(bench.address(), 2).await;
    assert!(master.unseen().await.is_empty());
    bench.stop().await;
}

#[tokio::test]
async fn a_take_over_brings_the_waiting_event_to_the_new_master_at_once() {
    let (bench, old, new) = (bench().await, Master::start(), Master::start());
    let worker = bench.address();
    old.accepted(worker, old.shell(1, "true")).await;
    old.expect_and_ack(worker, 1, Dispatched).await;
    old.expect(1, Running).await;
    assert!(new.take_over(worker, 1, None).await);
    let seen = new.follow(worker, 1).await;
    assert_eq!(
        seen.iter().map(|seen| seen.kind).collect::<Vec<_>>(),
        [Running, RuntimeContextChange, Success]
    );
    assert!(!new.take_over(worker, 1, None).await, "it is finalised");
    assert!(old.unseen().await.is_empty());
    bench.stop().await;
}

#[tokio::test]
async fn an_end_that_nobody_acknowledged_survives_the_death_of_the_master() {
    let (bench, old, new) = (bench().await, Master::start(), Master::start());
    let worker = bench.address();
    old.accepted(worker, old.shell(1, "exit 3")).await;
    for kind in [Dispatched, Running, RuntimeContextChange] {
        old.expect_and_ack(worker, 1, kind).await;
    }
    old.expect(1, Failed).await;
    drop(old);
    assert!(new.take_over(worker, 1, Some(2)).await);
    new.expect_and_ack(worker, 1, Failed).await;
    assert!(new.tasks_of(worker).await.is_empty());
    bench.stop().await;
}

#[tokio::test]
async fn a_master_that_does_not_answer_delays_its_own_tasks_only() {
    let (bench, stuck, lively) = (bench().await, Master::start(), Master::start());
    let worker = bench.address();
    stuck.be_silent();
    for id in 1..=5 {
        stuck.accepted(worker, stuck.shell(id, "true")).await;
    }
    for _ in 1..=5 {
        assert_eq!(stuck.next().await.kind, Dispatched);
    }
    lively.accepted(worker, lively.shell(6, "true")).await;
    // The stuck calls run for ten seconds.
    let followed = tokio::time::timeout(Duration::from_secs(8), lively.follow(worker, 6)).await;
    assert!(followed.is_ok(), "the other master's task is not held up");
    bench.stop().await;
}

#[tokio::test]
async fn a_former_owner_can_neither_dispatch_nor_take_over() {
    let (bench, old, new) = (bench().await, Master::start(), Master::start());
    let worker = bench.address();
    let with_epoch = |master: &Master, id, epoch| {
        let mut context = master.shell(id, "sleep 1000");
        context.orca_owner_epoch = Some(epoch);
        context
    };
    new.accepted(worker, with_epoch(&new, 1, 7)).await;
    let message = old.refused(worker, with_epoch(&old, 2, 6)).await;
    assert!(
        message.contains("has epoch 7, a dispatch with epoch 6 comes from a former owner"),
        "{message}"
    );
    assert!(!old.take_over(worker, 1, Some(6)).await);
    assert!(new.take_over(worker, 1, Some(7)).await);
    bench.stop().await;
}

#[tokio::test]
async fn an_id_is_executed_once() {
    let (bench, master) = (bench().await, Master::start());
    let worker = bench.address();
    master.accepted(worker, master.shell(1, "true")).await;
    // A second dispatch of the same attempt has the effect of one.
    master.accepted(worker, master.shell(1, "true")).await;
    master.follow(worker, 1).await;
    assert!(
        master
            .refused(worker, master.shell(1, "true"))
            .await
            .contains("already ended here")
    );
    let (found, message) = master.kill(worker, 2).await;
    assert!(!found);
    assert_eq!(
        message.unwrap(),
        "TaskExecutorNotFoundException: Cannot find the TaskExecutor(id=2)"
    );
    assert!(
        master
            .refused(worker, master.shell(2, "true"))
            .await
            .contains("was killed before")
    );
    bench.stop().await;
}
