//! Sessions and leases: how they end, and what they take along.

use crate::holder::Holder;
use crate::stage::{PATIENCE, Stage, next_change, until, within};
use orca_registry::{Error, ErrorClass, MemberEvent, SessionState};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(super) async fn a_closed_session_takes_its_nodes_along(stage: Stage) {
    let (ours, theirs) = (stage.connect().await, stage.connect().await);
    ours.create_ephemeral("/t3/node", "x").await.unwrap();
    let _lock = ours.lock("/t3-lock", Some(PATIENCE)).await.unwrap();
    let started = Instant::now();
    ours.close().await;
    assert!(
        !theirs.exists("/t3/node").await.unwrap(),
        "gone as soon as close returns"
    );
    theirs.lock("/t3-lock", Some(PATIENCE)).await.unwrap();
    assert!(
        started.elapsed() < stage.session_timeout,
        "closing must not wait for a time-out"
    );
    theirs.close().await;
}

pub(super) async fn a_dropped_session_takes_its_nodes_along(stage: Stage) {
    let (ours, theirs) = (stage.connect().await, stage.connect().await);
    let lease = ours.lease();
    let node = ours.create_ephemeral("/t4/node", "x").await.unwrap();
    ours.start_lease(&node).await.unwrap();
    assert!(lease.holds());
    drop(ours);
    assert!(!lease.holds(), "the lease ends at once");
    until("the node of the dropped session is gone", async || {
        !theirs.exists("/t4/node").await.unwrap()
    })
    .await;
    let failed = node.update("y").await.unwrap_err();
    assert_eq!(failed.class(), ErrorClass::SessionLost, "{failed}");
    theirs.close().await;
}

pub(super) async fn a_killed_process_loses_node_and_lock(stage: Stage) {
    let registry = stage.connect().await;
    let mut watch = registry.watch_children("/t5/members").await.unwrap();
    let mut holder = Holder::start(&stage, "/t5").await;
    let added = next_change(&mut watch).await;
    assert_eq!(
        added,
        MemberEvent::Added {
            name: "held".into(),
            data: "by the child".into()
        }
    );
    let busy = registry
        .lock("/t5/lock", Some(Duration::from_millis(200)))
        .await
        .unwrap_err();
    assert!(matches!(busy, Error::LockBusy { .. }), "{busy}");
    let killed_at = Instant::now();
    holder.process.kill();
    let removed = next_change(&mut watch).await;
    assert_eq!(
        removed,
        MemberEvent::Removed {
            name: "held".into(),
            last_data: "by the child".into()
        }
    );
    println!(
        "killed process noticed after {} ms",
        killed_at.elapsed().as_millis()
    );
    let guard = registry.lock("/t5/lock", Some(PATIENCE)).await.unwrap();
    assert!(guard.is_held().await.unwrap());
    registry.close().await;
}

pub(super) async fn a_frozen_process_stops_before_the_others_see_it_go(stage: Stage) {
    let registry = stage.connect().await;
    let mut watch = registry.watch_children("/t6/members").await.unwrap();
    let mut holder = Holder::start(&stage, "/t6").await;
    next_change(&mut watch).await;
    holder.process.freeze();
    let frozen_at = Instant::now();
    let removed = next_change(&mut watch).await;
    assert!(matches!(removed, MemberEvent::Removed { .. }), "{removed:?}");
    // The last renewal was sent before the freeze, so the lease was over half a time-out after it at the latest.
    let gone_after = frozen_at.elapsed();
    assert!(
        gone_after > stage.session_timeout / 2,
        "removed after only {gone_after:?}"
    );
    holder.process.thaw();
    let said = tokio::task::spawn_blocking(move || holder.wait_for("lease lost, holds: false"));
    within("the thawed process finds its lease lost", said)
        .await
        .unwrap();
    registry.close().await;
}

pub(super) async fn a_lease_is_renewed_and_ends_with_its_node(stage: Stage) {
    let (ours, theirs) = (stage.connect().await, stage.connect().await);
    assert!(!ours.lease().holds(), "no lease before its start");
    let node = ours
        .create_ephemeral_sequential("/t16", "m-", "payload")
        .await
        .unwrap();
    let mut watch = theirs.watch_children("/t16").await.unwrap();
    let lease = ours.start_lease(&node).await.unwrap();
    assert!(lease.holds() && ours.lease().holds());
    assert!(lease.remaining() <= ours.session_timeout() / 2);
    assert_eq!(
        ours.start_lease(&node).await.unwrap_err().class(),
        ErrorClass::Refused
    );
    let begun = Instant::now();
    until("three half time-outs have passed", async || {
        assert!(lease.holds(), "the lease is renewed");
        begun.elapsed() > ours.session_timeout() * 3 / 2
    })
    .await;
    node.update("changed while the lease is renewed").await.unwrap();
    assert!(matches!(next_change(&mut watch).await, MemberEvent::Added { .. }));
    let update = next_change(&mut watch).await;
    assert!(
        matches!(update, MemberEvent::Updated { .. }),
        "renewals are no changes: {update:?}"
    );
    theirs.delete(node.path()).await.unwrap();
    within("the lease ends with its node", lease.lost()).await;
    assert!(!lease.holds() && lease.is_over());
    let again = ours.create_ephemeral_sequential("/t16", "m-", "").await.unwrap();
    assert!(
        ours.start_lease(&again).await.is_err(),
        "a lease that was lost never comes back"
    );
    assert!(!ours.lease().holds());
    ours.close().await;
    theirs.close().await;
}

pub(super) async fn after_close_nothing_works(stage: Stage) {
    let registry = stage.connect().await;
    let node = registry.create_ephemeral("/t18/node", "x").await.unwrap();
    let lease = registry.start_lease(&node).await.unwrap();
    let waiting = {
        let (registry, other) = (Arc::clone(&registry), stage.connect().await);
        let _held = other.lock("/t18-lock", Some(PATIENCE)).await.unwrap();
        let waiting = tokio::spawn(async move { registry.lock("/t18-lock", None).await.map(|_guard| ()) });
        tokio::task::yield_now().await;
        (waiting, other, _held)
    };
    let mut state = registry.session();
    registry.close().await;
    registry.close().await;
    within(
        "the session ends",
        state.wait_for(|state| *state == SessionState::Expired),
    )
    .await
    .unwrap();
    assert!(!lease.holds());
    within("the lease is lost", lease.lost()).await;
    let failed = within("the waiting lock fails", waiting.0)
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(failed.class(), ErrorClass::SessionLost, "{failed}");
    for failed in [
        registry.get("/t18/node").await.unwrap_err(),
        registry.put_persistent("/t18/x", "").await.unwrap_err(),
        registry.create_ephemeral("/t18/x", "").await.unwrap_err(),
        registry
            .create_ephemeral_sequential("/t18", "x-", "")
            .await
            .unwrap_err(),
        registry.watch_children("/t18").await.unwrap_err(),
        registry.lock("/t18/lock", None).await.unwrap_err(),
        node.update("y").await.unwrap_err(),
    ] {
        assert_eq!(failed.class(), ErrorClass::SessionLost, "{failed}");
    }
    waiting.1.close().await;
}

/// Actors live on single-threaded runtimes of their own, and values are dropped wherever.
pub(super) async fn it_serves_threads_and_runtimes_of_others(stage: Stage) {
    let registry = stage.connect().await;
    let theirs = Arc::clone(&registry);
    let (guard, node) = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let local = tokio::task::LocalSet::new();
        local.block_on(&runtime, async move {
            let node = theirs.create_ephemeral("/t20/node", "x").await.unwrap();
            let lease = theirs.start_lease(&node).await.unwrap();
            let mut watch = theirs.watch_children("/t20").await.unwrap();
            assert!(matches!(next_change(&mut watch).await, MemberEvent::Added { .. }));
            let _busy = theirs.lock("/t20-lock", Some(PATIENCE)).await.unwrap();
            let given_up = theirs.lock("/t20-lock", Some(Duration::from_millis(50))).await;
            assert!(given_up.is_err());
            assert!(lease.holds());
            (theirs.lock("/t20-other", Some(PATIENCE)).await.unwrap(), node)
        })
    })
    .join()
    .unwrap();
    // Its runtime is gone. Neither the node nor the lease minds, and a guard may be dropped where no runtime is at all.
    node.update("y").await.unwrap();
    assert!(registry.lease().holds());
    std::thread::spawn(move || drop(guard)).join().unwrap();
    registry.lock("/t20-other", Some(PATIENCE)).await.unwrap();
    registry.close().await;
}
