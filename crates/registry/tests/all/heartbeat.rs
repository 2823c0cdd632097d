//! When heartbeats are written, on a real registry.

use crate::stage::{Kind, Stage, next_change, until, within};
use orca_registry::heartbeat::{Beat, HeartbeatEnd, Heartbeater, ServerStatus};
use orca_registry::{MemberEvent, Registry, paths};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

struct Server {
    registry: Arc<dyn Registry>,
    status: Arc<Mutex<ServerStatus>>,
    hurry: Arc<Notify>,
    run: JoinHandle<HeartbeatEnd>,
    _folder: tempfile::TempDir,
}

const MARKER: &str = "/nodes/failover-finish-nodes/h:1-5-7";

async fn server(max_interval: Duration) -> Server {
    let folder = tempfile::tempdir().unwrap();
    let stage = Stage {
        kind: Kind::Sqlite(folder.path().join("registry.db")),
        session_timeout: Duration::from_secs(5),
    };
    let registry = stage.connect().await;
    let node = registry
        .create_ephemeral(&paths::master("h:1"), "start")
        .await
        .unwrap();
    let status = Arc::new(Mutex::new(ServerStatus::Normal));
    let hurry = Arc::new(Notify::new());
    let writes = Arc::default();
    let heartbeater = Heartbeater {
        registry: Arc::clone(&registry),
        node,
        marker: paths::failover_finished("h:1", 5, 7),
        max_interval,
        hurry: Arc::clone(&hurry),
        writes: Arc::clone(&writes),
    };
    let (samples, shared) = (AtomicU64::new(0), Arc::clone(&status));
    let run = tokio::spawn(heartbeater.run(move || {
        let sample = samples.fetch_add(1, Ordering::Relaxed);
        let status = *shared.lock().unwrap();
        Beat {
            status,
            payload: format!("{} {sample}", status.name()),
        }
    }));
    Server {
        registry,
        status,
        hurry,
        run,
        _folder: folder,
    }
}

#[tokio::test]
async fn a_status_is_written_when_it_changes_and_at_once_when_it_is_urgent() {
    let server = server(Duration::from_secs(3600)).await;
    let mut watch = server.registry.watch_children(paths::MASTERS).await.unwrap();
    let path = paths::master("h:1");
    until("the first beat", async || {
        server.registry.get(&path).await.unwrap().unwrap() == "NORMAL 0"
    })
    .await;
    // Several samples later nothing has been written, because nothing has changed.
    server.hurry.notify_one();
    server.hurry.notify_one();
    *server.status.lock().unwrap() = ServerStatus::Busy;
    server.hurry.notify_one();
    let busy = within("the change", async {
        loop {
            match next_change(&mut watch).await {
                MemberEvent::Updated { data, .. } if data.starts_with("BUSY") => return data,
                MemberEvent::Updated { data, .. } | MemberEvent::Added { data, .. } => {
                    assert!(
                        ["start", "NORMAL 0"].contains(&data.as_str()),
                        "{data} was not due"
                    );
                }
                other => panic!("{other:?}"),
            }
        }
    });
    assert_ne!(busy.await, "BUSY 0", "the first sample was normal");
    assert!(!server.run.is_finished());
    server.registry.close().await;
    // With an hour to the next beat only another change makes it look.
    *server.status.lock().unwrap() = ServerStatus::Normal;
    server.hurry.notify_one();
    assert!(matches!(
        within("the end", server.run).await.unwrap(),
        HeartbeatEnd::SessionLost(_)
    ));
}

#[tokio::test]
async fn a_due_heartbeat_is_written_without_a_change() {
    let server = server(Duration::ZERO).await;
    let path = paths::master("h:1");
    until("the third beat", async || {
        server.registry.get(&path).await.unwrap().unwrap() == "NORMAL 2"
    })
    .await;
    server.registry.close().await;
}

#[tokio::test]
async fn the_own_marker_deposes_and_nothing_more_is_written() {
    let server = server(Duration::ZERO).await;
    let path = paths::master("h:1");
    until("the first beat", async || {
        server
            .registry
            .get(&path)
            .await
            .unwrap()
            .unwrap()
            .starts_with("NORMAL")
    })
    .await;
    server
        .registry
        .put_persistent(MARKER, "1764123193415")
        .await
        .unwrap();
    let end = within("the deposition", server.run).await.unwrap();
    assert!(matches!(end, HeartbeatEnd::Deposed { marker } if marker == MARKER));
    server.registry.close().await;
}

#[tokio::test]
async fn a_node_that_was_taken_ends_the_heartbeat() {
    let server = server(Duration::ZERO).await;
    server.registry.delete(&paths::master("h:1")).await.unwrap();
    let end = within("the end", server.run).await.unwrap();
    assert!(matches!(end, HeartbeatEnd::NodeLost(_)), "{end:?}");
    server.registry.close().await;
}
