//! Locks: one at a time, and only while held.

use crate::stage::{PATIENCE, Stage, within};
use orca_registry::{Error, ErrorClass};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub(super) async fn a_lock_excludes_and_is_handed_over(stage: Stage) {
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

pub(super) async fn a_wait_given_up_never_wins(stage: Stage) {
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

pub(super) async fn a_guarded_write_needs_the_lock(stage: Stage) {
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

pub(super) async fn an_election_has_one_winner_and_replaces_its_own_past(stage: Stage) {
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
