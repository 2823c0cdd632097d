//! The contract on ZooKeeper, and what only ZooKeeper has.

use crate::contract;
use crate::road::Road;
use crate::servers::{Zookeeper, free_port};
use crate::stage::{Kind, Picture, Stage, until, within};
use orca_registry::{ErrorClass, RegistrySettings, Secret, SessionState, ZookeeperSettings, connect};
use std::time::{Duration, Instant};
use zookeeper_client as zk;

fn stage(server: &Zookeeper, session_timeout: Duration) -> Stage {
    Stage {
        kind: Kind::Zookeeper(server.connect_string()),
        session_timeout,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_holds_on_zookeeper() {
    let Some(server) = Zookeeper::start_if_installed() else {
        return;
    };
    contract::play(&stage(&server, Duration::from_secs(4))).await;
    curator_would_recognise_our_nodes(&server).await;
    a_digest_keeps_others_out(&server).await;
    a_missing_chroot_is_named(&server).await;
    a_lock_node_deleted_by_hand_is_a_lost_lock(&server).await;
}

async fn curator_would_recognise_our_nodes(server: &Zookeeper) {
    let registry = stage(server, Duration::from_secs(4)).connect().await;
    let raw = zk::Client::connect(&server.connect_string()).await.unwrap();
    let guard = registry
        .lock("/lock/master-failover/10.0.0.2:5678", None)
        .await
        .unwrap();
    let dir = "/dolphinscheduler/lock/master-failover/10.0.0.2:5678";
    let children = raw.list_children(dir).await.unwrap();
    let [child] = children.as_slice() else {
        panic!("{children:?}")
    };
    let (uuid, sequence) = child.strip_prefix("_c_").unwrap().split_once("-lock-").unwrap();
    assert_eq!((uuid.len(), sequence.len()), (36, 10), "{child}");
    let lock = raw.check_stat(&format!("{dir}/{child}")).await.unwrap().unwrap();
    assert_eq!(lock.ephemeral_owner, registry.session_id().0);
    for root in orca_registry::paths::ROOTS {
        let stat = raw
            .check_stat(&format!("/dolphinscheduler{root}"))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(stat.ephemeral_owner, 0, "{root} is persistent");
    }
    // Curator's waiter takes the next sequence in the same directory.
    let acls = zk::Acls::anyone_all();
    let prefix = zk::LockPrefix::new_curator(dir, "lock-").unwrap();
    let curator = raw.lock(prefix, b"", zk::LockOptions::new(acls));
    let curator = tokio::time::timeout(Duration::from_millis(200), curator).await;
    assert!(curator.is_err(), "a Curator client must wait for us");
    guard.release().await.unwrap();
    let prefix = zk::LockPrefix::new_curator(dir, "lock-").unwrap();
    let curator = within(
        "the Curator client's turn",
        raw.lock(prefix, b"", zk::LockOptions::new(acls)),
    );
    let curator = curator.await.unwrap();
    let busy = registry
        .lock(
            "/lock/master-failover/10.0.0.2:5678",
            Some(Duration::from_millis(200)),
        )
        .await;
    assert!(busy.is_err(), "and we wait for it");
    drop(curator);
    registry
        .lock("/lock/master-failover/10.0.0.2:5678", None)
        .await
        .unwrap();
    registry.close().await;
}

async fn a_digest_keeps_others_out(server: &Zookeeper) {
    let settings = ZookeeperSettings {
        connect_string: server.connect_string(),
        namespace: "guarded".to_owned(),
        digest: Some(Secret::new("admin:hunter2")),
        ..ZookeeperSettings::default()
    };
    let ours = connect(&RegistrySettings::Zookeeper(settings.clone()))
        .await
        .unwrap();
    ours.put_persistent("/secret", "x").await.unwrap();
    assert_eq!(ours.get("/secret").await.unwrap().as_deref(), Some("x"));
    let anonymous = ZookeeperSettings {
        digest: None,
        ..settings
    };
    let error = connect(&RegistrySettings::Zookeeper(anonymous))
        .await
        .unwrap_err();
    assert_eq!(error.class(), ErrorClass::Refused);
    assert!(error.to_string().contains("registry.zookeeper.digest"), "{error}");
    ours.close().await;
}

async fn a_missing_chroot_is_named(server: &Zookeeper) {
    let settings = ZookeeperSettings {
        connect_string: format!("{}/not-there", server.connect_string()),
        ..ZookeeperSettings::default()
    };
    let error = connect(&RegistrySettings::Zookeeper(settings.clone()))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("chroot"), "{error}");
    let raw = zk::Client::connect(&server.connect_string()).await.unwrap();
    let acls = zk::Acls::anyone_all();
    raw.create("/not-there", b"", &zk::CreateMode::Persistent.with_acls(acls))
        .await
        .unwrap();
    let registry = connect(&RegistrySettings::Zookeeper(settings)).await.unwrap();
    registry.put_persistent("/a", "x").await.unwrap();
    let (data, _) = raw.get_data("/not-there/dolphinscheduler/a").await.unwrap();
    assert_eq!(data, b"x");
    registry.close().await;
}

async fn a_lock_node_deleted_by_hand_is_a_lost_lock(server: &Zookeeper) {
    let registry = stage(server, Duration::from_secs(4)).connect().await;
    let guard = registry.lock("/by-hand", None).await.unwrap();
    for child in registry.children("/by-hand").await.unwrap() {
        registry.delete(&format!("/by-hand/{child}")).await.unwrap();
    }
    let failed = guard.put_persistent("/x/marker", "1").await.unwrap_err();
    assert_eq!(failed.class(), ErrorClass::NotOwner, "{failed}");
    assert!(!registry.exists("/x/marker").await.unwrap());
    assert!(!guard.is_held().await.unwrap());
    registry.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_survives_a_restart_of_the_server_and_a_watch_catches_up() {
    let Some(mut server) = Zookeeper::start_if_installed() else {
        return;
    };
    let registry = stage(&server, Duration::from_secs(20)).connect().await;
    let mut watch = registry.watch_children("/w").await.unwrap();
    let mut picture = Picture::default();
    let node = registry.create_ephemeral("/w/own", "1").await.unwrap();
    let guard = registry.lock("/l", None).await.unwrap();
    picture
        .follow_until(&mut watch, "the own node", |p| p.members.contains_key("own"))
        .await;
    let mut state = registry.session();
    server.restart();
    within(
        "the suspension is told",
        state.wait_for(|state| *state != SessionState::Expired),
    )
    .await
    .unwrap();
    let other = stage(&server, Duration::from_secs(20)).connect().await;
    other.put_persistent("/w/while-away", "2").await.unwrap();
    picture.complete = false;
    picture
        .follow_until(&mut watch, "what happened meanwhile", |p| {
            p.members.contains_key("while-away") && p.complete
        })
        .await;
    node.update("3").await.unwrap();
    guard.put_persistent("/w/guarded", "4").await.unwrap();
    picture
        .follow_until(&mut watch, "both writes", |p| {
            p.members.get("own").is_some_and(|data| data == "3") && p.members.contains_key("guarded")
        })
        .await;
    assert_eq!(*registry.session().borrow(), SessionState::Connected);
    registry.close().await;
    other.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_of_most_of_a_session_does_not_end_it() {
    let Some(server) = Zookeeper::start_if_installed() else {
        return;
    };
    let session_timeout = Duration::from_secs(12);
    let mut road = Road::to(&server.connect_string()).await;
    let stage = Stage {
        kind: Kind::Zookeeper(road.address().to_owned()),
        session_timeout,
    };
    let registry = stage.connect().await;
    registry.create_ephemeral("/w/own", "1").await.unwrap();
    road.close().await;
    // A pause that doubles goes from 6.3 s of an outage to 12.7 s.
    tokio::time::sleep(Duration::from_secs(7)).await;
    road.open().await;
    assert_eq!(
        registry.get("/w/own").await.unwrap().as_deref(),
        Some("1"),
        "the session is the same"
    );
    assert_eq!(*registry.session().borrow(), SessionState::Connected);
    registry.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_runs_out_when_the_server_freezes() {
    let Some(server) = Zookeeper::start_if_installed() else {
        return;
    };
    let registry = stage(&server, Duration::from_secs(4)).connect().await;
    let node = registry
        .create_ephemeral_sequential("/orca/masters", "m-", "")
        .await
        .unwrap();
    let lease = registry.start_lease(&node).await.unwrap();
    let mut state = registry.session();
    server.process().freeze();
    let frozen_at = Instant::now();
    within("the lease runs out", lease.lost()).await;
    let lasted = frozen_at.elapsed();
    assert!(
        lasted < registry.session_timeout() / 2 + Duration::from_millis(700),
        "{lasted:?}"
    );
    assert!(!lease.holds());
    within(
        "the silence is noticed",
        state.wait_for(|state| *state != SessionState::Connected),
    )
    .await
    .unwrap();
    server.process().thaw();
    until(
        "the registry answers or says that the session is over",
        async || match registry.get("/orca").await {
            Ok(_) => true,
            Err(error) => error.class() == ErrorClass::SessionLost,
        },
    )
    .await;
    assert!(!lease.holds(), "a lost lease stays lost");
    registry.close().await;
}

#[tokio::test]
async fn no_server_is_said_in_time() {
    let settings = ZookeeperSettings {
        connect_string: format!("127.0.0.1:{}", free_port()),
        block_until_connected: Duration::from_millis(300),
        ..ZookeeperSettings::default()
    };
    let error = connect(&RegistrySettings::Zookeeper(settings)).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Retry);
    assert!(
        error.to_string().contains("registry.zookeeper.connect-string"),
        "{error}"
    );
}

#[tokio::test]
async fn a_connect_string_that_is_none_is_a_setting_error() {
    for bad in ["host:port:x", "host:99999", ":", ",", "a b"] {
        let settings = ZookeeperSettings {
            connect_string: bad.to_owned(),
            block_until_connected: Duration::from_millis(200),
            ..ZookeeperSettings::default()
        };
        let error = connect(&RegistrySettings::Zookeeper(settings)).await.unwrap_err();
        assert!(error.to_string().contains("connect-string"), "{bad}: {error}");
    }
}
