//! What every registry must do. Each case has a corner of the registry for itself, so they can run at the same time.

use crate::holder::Holder;
use crate::stage::{PATIENCE, Picture, Stage, next_change, until, within};
use futures::future::BoxFuture;
use orca_registry::{Error, ErrorClass, MemberEvent, SessionId, SessionState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

type Case = fn(Stage) -> BoxFuture<'static, ()>;

macro_rules! cases {
    ($($name:ident),+ $(,)?) => {
        const CASES: &[(&str, Case)] = &[$((stringify!($name), |stage| Box::pin($name(stage)))),+];
    };
}

cases!(
    nodes_are_written_read_and_deleted,
    a_persistent_write_never_touches_an_ephemeral_node,
    a_closed_session_takes_its_nodes_along,
    a_dropped_session_takes_its_nodes_along,
    a_killed_process_loses_node_and_lock,
    a_frozen_process_stops_before_the_others_see_it_go,
    a_foreign_node_is_replaced_and_its_owner_knows,
    repeating_a_create_keeps_the_node,
    sequences_only_grow,
    a_watch_misses_nothing_under_churn,
    a_watch_of_one_node_sees_it_come_and_go,
    a_lock_excludes_and_is_handed_over,
    a_wait_given_up_never_wins,
    a_guarded_write_needs_the_lock,
    an_election_has_one_winner_and_replaces_its_own_past,
    a_lease_is_renewed_and_ends_with_its_node,
    a_guardian_deletes_only_what_the_dead_owned,
    after_close_nothing_works,
    bad_input_is_refused_by_name,
    it_serves_threads_and_runtimes_of_others,
);

/// Plays all cases at once and names those that failed.
pub(crate) async fn play(stage: &Stage) {
    let tasks: Vec<_> = CASES
        .iter()
        .map(|(name, case)| {
            let stage = stage.clone();
            let started = Instant::now();
            (
                *name,
                tokio::spawn(async move {
                    case(stage).await;
                    started.elapsed()
                }),
            )
        })
        .collect();
    let mut failed = Vec::new();
    for (name, task) in tasks {
        match tokio::time::timeout(PATIENCE * 4, task).await {
            Ok(Ok(took)) => println!("{name}: {} ms", took.as_millis()),
            Ok(Err(error)) => failed.push(format!("{name}: {error}")),
            Err(_elapsed) => failed.push(format!("{name}: does not end")),
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

async fn nodes_are_written_read_and_deleted(stage: Stage) {
    let registry = stage.connect().await;
    assert_eq!(registry.get("/t1/a").await.unwrap(), None);
    assert!(!registry.exists("/t1/a").await.unwrap());
    assert!(registry.children("/t1").await.unwrap().is_empty());
    registry.put_persistent("/t1/a/deep/b", "one").await.unwrap();
    registry.put_persistent("/t1/a/deep/a", "").await.unwrap();
    registry
        .put_persistent("/t1/a/deep/b", "ünicode ✓")
        .await
        .unwrap();
    assert_eq!(
        registry.get("/t1/a/deep/b").await.unwrap().as_deref(),
        Some("ünicode ✓")
    );
    assert_eq!(registry.get("/t1/a/deep/a").await.unwrap().as_deref(), Some(""));
    assert_eq!(registry.children("/t1/a/deep").await.unwrap(), ["a", "b"]);
    assert_eq!(registry.children("/t1/a").await.unwrap(), ["deep"]);
    registry
        .put_persistent("/t1/ab", "a sibling with the same start")
        .await
        .unwrap();
    registry.delete("/t1/a").await.unwrap();
    registry.delete("/t1/a").await.unwrap();
    assert!(!registry.exists("/t1/a/deep/b").await.unwrap());
    assert!(registry.exists("/t1/ab").await.unwrap());
    for root in orca_registry::paths::ROOTS {
        assert!(registry.exists(root).await.unwrap(), "{root} is made by connect");
    }
    registry.close().await;
}

async fn a_persistent_write_never_touches_an_ephemeral_node(stage: Stage) {
    let registry = stage.connect().await;
    let node = registry.create_ephemeral("/t2/node", "mine").await.unwrap();
    let refused = registry.put_persistent("/t2/node", "theirs").await.unwrap_err();
    assert_eq!(refused.class(), ErrorClass::Refused, "{refused}");
    assert_eq!(registry.get("/t2/node").await.unwrap().as_deref(), Some("mine"));
    assert!(node.is_owned().await.unwrap());
    registry.close().await;
}

async fn a_closed_session_takes_its_nodes_along(stage: Stage) {
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

async fn a_dropped_session_takes_its_nodes_along(stage: Stage) {
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

async fn a_killed_process_loses_node_and_lock(stage: Stage) {
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

async fn a_frozen_process_stops_before_the_others_see_it_go(stage: Stage) {
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

async fn a_foreign_node_is_replaced_and_its_owner_knows(stage: Stage) {
    let (first, second) = (stage.connect().await, stage.connect().await);
    let mut watch = second.watch_children("/t7").await.unwrap();
    let old = first.create_ephemeral("/t7/node", "old").await.unwrap();
    assert_eq!(
        next_change(&mut watch).await,
        MemberEvent::Added {
            name: "node".into(),
            data: "old".into()
        }
    );
    let new = second.create_ephemeral("/t7/node", "new").await.unwrap();
    let changes = [next_change(&mut watch).await, next_change(&mut watch).await];
    assert_eq!(
        changes,
        [
            MemberEvent::Removed {
                name: "node".into(),
                last_data: "old".into()
            },
            MemberEvent::Added {
                name: "node".into(),
                data: "new".into()
            },
        ]
    );
    let failed = old.update("old again").await.unwrap_err();
    assert_eq!(failed.class(), ErrorClass::NotOwner, "{failed}");
    assert!(!old.is_owned().await.unwrap());
    old.delete().await.unwrap();
    first.close().await;
    assert_eq!(second.get("/t7/node").await.unwrap().as_deref(), Some("new"));
    assert!(new.is_owned().await.unwrap());
    new.update("newer").await.unwrap();
    assert_eq!(
        next_change(&mut watch).await,
        MemberEvent::Updated {
            name: "node".into(),
            data: "newer".into(),
            previous: "new".into()
        }
    );
    new.delete().await.unwrap();
    new.delete().await.unwrap();
    assert!(!second.exists("/t7/node").await.unwrap());
    assert_eq!(new.update("x").await.unwrap_err().class(), ErrorClass::NotOwner);
    second.close().await;
}

async fn repeating_a_create_keeps_the_node(stage: Stage) {
    let registry = stage.connect().await;
    let mut watch = registry.watch_children("/t8").await.unwrap();
    let first = registry.create_ephemeral("/t8/node", "one").await.unwrap();
    assert!(matches!(next_change(&mut watch).await, MemberEvent::Added { .. }));
    let second = registry.create_ephemeral("/t8/node", "two").await.unwrap();
    assert!(matches!(
        next_change(&mut watch).await,
        MemberEvent::Updated { .. }
    ));
    first.update("three").await.unwrap();
    second.update("four").await.unwrap();
    assert_eq!(registry.get("/t8/node").await.unwrap().as_deref(), Some("four"));
    registry.close().await;
}

async fn sequences_only_grow(stage: Stage) {
    let (first, second) = (stage.connect().await, stage.connect().await);
    let mut last = None;
    for round in 0..6 {
        let registry = if round % 2 == 0 { &first } else { &second };
        let node = registry
            .create_ephemeral_sequential("/t9/masters", "m-", "x")
            .await
            .unwrap();
        assert!(
            node.name().starts_with("m-") && node.name().len() == 12,
            "{}",
            node.name()
        );
        assert!(node.sequence() > last, "{:?} after {last:?}", node.sequence());
        last = node.sequence();
        if round == 5 {
            assert_eq!(first.children("/t9/masters").await.unwrap().len(), 4);
        }
        if round > 2 {
            node.delete().await.unwrap();
        }
    }
    let names = second.children("/t9/masters").await.unwrap();
    assert_eq!(names.len(), 3, "{names:?}");
    first.close().await;
    second.close().await;
}

async fn a_watch_misses_nothing_under_churn(stage: Stage) {
    let watcher = stage.connect().await;
    let mut watch = watcher.watch_children("/t10").await.unwrap();
    let finished = Arc::new(AtomicUsize::new(0));
    for writer in 0..3 {
        let (stage, finished) = (stage.clone(), Arc::clone(&finished));
        tokio::spawn(async move {
            let registry = stage.connect().await;
            for round in 0..8 {
                let path = format!("/t10/{}", (writer + round) % 4);
                // The writers fight for the same names, so some of these fail, and that is part of the churn.
                let node = registry
                    .create_ephemeral(&path, &format!("{writer}.{round}"))
                    .await
                    .unwrap();
                let _ = node.update(&format!("{writer}.{round}+")).await;
                if round % 3 == 0 {
                    let _ = node.delete().await;
                }
            }
            let last = format!("/t10/last-{writer}");
            registry.put_persistent(&last, "done").await.unwrap();
            registry.close().await;
            finished.fetch_add(1, Ordering::AcqRel);
        });
    }
    let mut picture = Picture::default();
    picture
        .follow_until(
            &mut watch,
            "all writers are done and their nodes gone",
            |picture| picture.members.len() == 3 && picture.members.values().all(|data| data == "done"),
        )
        .await;
    assert!(picture.complete, "the first look was announced");
    until("the writers end", async || finished.load(Ordering::Acquire) == 3).await;
    let truth = watcher.children("/t10").await.unwrap();
    assert_eq!(picture.members.keys().cloned().collect::<Vec<_>>(), truth);
    watcher.close().await;
    let ended = within("the watch ends with its session", async {
        while watch.next().await.is_some() {}
        true
    });
    assert!(ended.await);
}

async fn a_watch_of_one_node_sees_it_come_and_go(stage: Stage) {
    let (watcher, owner) = (stage.connect().await, stage.connect().await);
    let mut watch = watcher.watch_path("/t11/coordinator").await.unwrap();
    let mut picture = Picture::default();
    picture
        .follow_until(&mut watch, "an empty first look", |picture| picture.complete)
        .await;
    assert!(picture.members.is_empty());
    let node = owner.create_ephemeral("/t11/coordinator", "a").await.unwrap();
    assert_eq!(
        next_change(&mut watch).await,
        MemberEvent::Added {
            name: "coordinator".into(),
            data: "a".into()
        }
    );
    node.update("b").await.unwrap();
    assert_eq!(
        next_change(&mut watch).await,
        MemberEvent::Updated {
            name: "coordinator".into(),
            data: "b".into(),
            previous: "a".into()
        }
    );
    owner.put_persistent("/t11/other", "not watched").await.unwrap();
    owner.close().await;
    assert_eq!(
        next_change(&mut watch).await,
        MemberEvent::Removed {
            name: "coordinator".into(),
            last_data: "b".into()
        }
    );
    watcher.close().await;
}

async fn a_lock_excludes_and_is_handed_over(stage: Stage) {
    let inside = Arc::new(AtomicBool::new(false));
    let setup = stage.connect().await;
    setup.put_persistent("/t12/count", "0").await.unwrap();
    let contenders: Vec<_> = (0..3)
        .map(|_| {
            let (stage, inside) = (stage.clone(), Arc::clone(&inside));
            tokio::spawn(async move {
                let registry = stage.connect().await;
                for round in 0..4 {
                    let guard = registry.lock("/t12-lock", Some(PATIENCE)).await.unwrap();
                    assert!(!inside.swap(true, Ordering::AcqRel), "two are inside");
                    let count: u32 = registry
                        .get("/t12/count")
                        .await
                        .unwrap()
                        .unwrap()
                        .parse()
                        .unwrap();
                    guard
                        .put_persistent("/t12/count", &(count + 1).to_string())
                        .await
                        .unwrap();
                    inside.store(false, Ordering::Release);
                    if round % 2 == 0 {
                        guard.release().await.unwrap();
                    }
                }
                registry.close().await;
            })
        })
        .collect();
    for contender in contenders {
        within("a contender gets through", contender).await.unwrap();
    }
    assert_eq!(setup.get("/t12/count").await.unwrap().as_deref(), Some("12"));
    setup.close().await;
}

async fn a_wait_given_up_never_wins(stage: Stage) {
    let (first, second) = (stage.connect().await, stage.connect().await);
    let guard = first.lock("/t13-lock", Some(PATIENCE)).await.unwrap();
    for _ in 0..3 {
        let busy = second
            .lock("/t13-lock", Some(Duration::from_millis(150)))
            .await
            .unwrap_err();
        assert!(matches!(busy, Error::LockBusy { .. }), "{busy}");
        assert_eq!(busy.class(), ErrorClass::Retry);
    }
    let waiting = {
        let second = Arc::clone(&second);
        tokio::spawn(async move { second.lock("/t13-lock", None).await.map(|_guard| ()) })
    };
    tokio::task::yield_now().await;
    waiting.abort();
    guard.release().await.unwrap();
    let again = first.lock("/t13-lock", Some(PATIENCE)).await.unwrap();
    assert!(again.is_held().await.unwrap());
    first.close().await;
    second.close().await;
}

async fn a_guarded_write_needs_the_lock(stage: Stage) {
    let (first, second) = (stage.connect().await, stage.connect().await);
    let guard = first.lock("/t14-lock", Some(PATIENCE)).await.unwrap();
    guard.put_persistent("/t14/deep/marker", "1").await.unwrap();
    guard.put_persistent("/t14/deep/marker", "2").await.unwrap();
    guard.delete("/t14/deep/none").await.unwrap();
    assert_eq!(
        second.get("/t14/deep/marker").await.unwrap().as_deref(),
        Some("2")
    );
    first.close().await;
    for failed in [
        guard.put_persistent("/t14/deep/marker", "3").await.unwrap_err(),
        guard.delete("/t14/deep/marker").await.unwrap_err(),
        guard.claim_ephemeral("/t14/deep/elected", "3").await.unwrap_err(),
    ] {
        assert!(
            matches!(failed.class(), ErrorClass::NotOwner | ErrorClass::SessionLost),
            "{failed}"
        );
    }
    assert!(!guard.is_held().await.unwrap());
    assert_eq!(
        second.get("/t14/deep/marker").await.unwrap().as_deref(),
        Some("2")
    );
    let next = second.lock("/t14-lock", Some(PATIENCE)).await.unwrap();
    next.delete("/t14/deep/marker").await.unwrap();
    assert!(!second.exists("/t14/deep/marker").await.unwrap());
    next.release().await.unwrap();
    second.close().await;
}

async fn an_election_has_one_winner_and_replaces_its_own_past(stage: Stage) {
    let (first, second) = (stage.connect().await, stage.connect().await);
    let guard = first.lock("/t15-lock", Some(PATIENCE)).await.unwrap();
    let won = guard
        .claim_ephemeral("/t15/coordinator", "h:1")
        .await
        .unwrap()
        .expect("the place is free");
    assert!(won.is_owned().await.unwrap());
    assert!(
        guard
            .claim_ephemeral("/t15/coordinator", "h:1")
            .await
            .unwrap()
            .is_some(),
        "it still is ours"
    );
    guard.release().await.unwrap();
    let guard = second.lock("/t15-lock", Some(PATIENCE)).await.unwrap();
    assert!(
        guard
            .claim_ephemeral("/t15/coordinator", "h:2")
            .await
            .unwrap()
            .is_none()
    );
    // The same address in a new session is an earlier life of the same master.
    let reborn = guard
        .claim_ephemeral("/t15/coordinator", "h:1")
        .await
        .unwrap()
        .expect("our own past");
    assert!(reborn.is_owned().await.unwrap());
    assert!(!won.is_owned().await.unwrap());
    guard.release().await.unwrap();
    first.close().await;
    assert_eq!(
        second.get("/t15/coordinator").await.unwrap().as_deref(),
        Some("h:1")
    );
    second.close().await;
}

async fn a_lease_is_renewed_and_ends_with_its_node(stage: Stage) {
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

async fn a_guardian_deletes_only_what_the_dead_owned(stage: Stage) {
    let (dead, other, guardian) = (
        stage.connect().await,
        stage.connect().await,
        stage.connect().await,
    );
    dead.create_ephemeral("/t17/a", "dead").await.unwrap();
    dead.create_ephemeral("/t17/b", "dead").await.unwrap();
    other.create_ephemeral("/t17/b", "other").await.unwrap();
    other.put_persistent("/t17/c", "kept").await.unwrap();
    let owner: SessionId = dead.session_id().to_string().parse().unwrap();
    let paths = ["/t17/a", "/t17/b", "/t17/c", "/t17/none"].map(str::to_owned);
    assert_eq!(guardian.delete_owned(owner, &paths).await.unwrap(), ["/t17/a"]);
    assert_eq!(guardian.children("/t17").await.unwrap(), ["b", "c"]);
    assert!(guardian.delete_owned(owner, &paths).await.unwrap().is_empty());
    for registry in [dead, other, guardian] {
        registry.close().await;
    }
}

async fn after_close_nothing_works(stage: Stage) {
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

async fn bad_input_is_refused_by_name(stage: Stage) {
    let registry = stage.connect().await;
    for path in ["", "/", "no-slash", "/a//b", "/a/", "/a/../b", "/a\nb"] {
        for failed in [
            registry.get(path).await.unwrap_err(),
            registry.put_persistent(path, "").await.unwrap_err(),
            registry.delete(path).await.unwrap_err(),
            registry.create_ephemeral(path, "").await.unwrap_err(),
            registry.lock(path, None).await.unwrap_err(),
            registry.watch_children(path).await.unwrap_err(),
        ] {
            assert_eq!(failed.class(), ErrorClass::Refused, "{path:?}: {failed}");
        }
    }
    let large = "x".repeat(100_000);
    let failed = registry.put_persistent("/t19/large", &large).await.unwrap_err();
    assert!(failed.to_string().contains("100000 bytes"), "{failed}");
    registry.close().await;
}

/// Actors live on single-threaded runtimes of their own, and values are dropped wherever.
async fn it_serves_threads_and_runtimes_of_others(stage: Stage) {
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
