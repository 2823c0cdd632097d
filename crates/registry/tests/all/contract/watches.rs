//! Watches: nothing is missed.

use crate::stage::{Picture, Stage, next_change, until, within};
use orca_registry::MemberEvent;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

pub(super) async fn a_watch_misses_nothing_under_churn(stage: Stage) {
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

pub(super) async fn a_watch_of_one_node_sees_it_come_and_go(stage: Stage) {
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
