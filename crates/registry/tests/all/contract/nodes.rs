//! Nodes: who may write them, and what becomes of them.

use crate::stage::{Stage, next_change};
use orca_registry::{ErrorClass, MemberEvent, SessionId};

pub(super) async fn nodes_are_written_read_and_deleted(stage: Stage) {
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

pub(super) async fn a_persistent_write_never_touches_an_ephemeral_node(stage: Stage) {
    let registry = stage.connect().await;
    let node = registry.create_ephemeral("/t2/node", "mine").await.unwrap();
    let refused = registry.put_persistent("/t2/node", "theirs").await.unwrap_err();
    assert_eq!(refused.class(), ErrorClass::Refused, "{refused}");
    assert_eq!(registry.get("/t2/node").await.unwrap().as_deref(), Some("mine"));
    assert!(node.is_owned().await.unwrap());
    registry.close().await;
}

pub(super) async fn a_foreign_node_is_replaced_and_its_owner_knows(stage: Stage) {
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

pub(super) async fn repeating_a_create_keeps_the_node(stage: Stage) {
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

pub(super) async fn sequences_only_grow(stage: Stage) {
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

pub(super) async fn a_guardian_deletes_only_what_the_dead_owned(stage: Stage) {
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

pub(super) async fn bad_input_is_refused_by_name(stage: Stage) {
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
