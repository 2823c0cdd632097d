//! The worker in a registry: its node, its load, and how it leaves.

use crate::master::{Master, until};
use crate::tasks::{is_alive, settings_in};
use orca_engine::codes::ExecutorEventType::{Dispatched, Running, RuntimeContextChange};
use orca_registry::heartbeat::{ServerStatus, WorkerHeartbeat};
use orca_registry::{Registry, RegistrySettings, SqliteSettings, paths};
use orca_worker::{Error, LoadProtection, StubSettings, StubWorker, Worker, WorkerSettings};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

fn registry_in(directory: &Path) -> RegistrySettings {
    RegistrySettings::EmbeddedSqlite(SqliteSettings::new(directory.join("registry.db")))
}

fn settings(directory: &Path) -> WorkerSettings {
    let mut settings = WorkerSettings::new("127.0.0.1", registry_in(directory));
    settings.listen_host = "127.0.0.1".to_owned();
    settings.listen_port = 0;
    settings.worker_group = "test-group".to_owned();
    settings.tasks = settings_in(directory);
    // Only full slots may make it busy: the machine of the test may be loaded.
    settings.load_protection = LoadProtection {
        max_system_cpu: 2.0,
        max_process_cpu: 2.0,
        max_system_memory: 2.0,
        max_disk: 2.0,
        ..LoadProtection::default()
    };
    settings
}

async fn connect(directory: &Path) -> Arc<dyn Registry> {
    orca_registry::connect(&registry_in(directory)).await.unwrap()
}

async fn heartbeat(registry: &Arc<dyn Registry>, address: &str) -> Option<WorkerHeartbeat> {
    let payload = registry.get(&paths::worker(address)).await.unwrap()?;
    Some(WorkerHeartbeat::from_json(&payload).unwrap())
}

async fn started(directory: &Path, change: impl FnOnce(&mut WorkerSettings)) -> Worker {
    let mut settings = settings(directory);
    change(&mut settings);
    let registry = connect(directory).await;
    Worker::start(settings, registry).await.unwrap()
}

/// Starts a task and answers its process.
async fn running_task(master: &Master, worker: &str) -> i32 {
    master.accepted(worker, master.shell(1, "sleep 1000")).await;
    master.expect_and_ack(worker, 1, Dispatched).await;
    master.expect_and_ack(worker, 1, Running).await;
    master
        .expect_and_ack(worker, 1, RuntimeContextChange)
        .await
        .process_id
        .unwrap()
}

#[tokio::test]
async fn its_node_tells_who_it_is_and_how_busy() {
    let directory = tempfile::tempdir().unwrap();
    let observer = connect(directory.path()).await;
    let worker = started(directory.path(), |settings| settings.tasks.execution_slots = 1).await;
    let address = worker.address().to_owned();
    let beat = heartbeat(&observer, &address)
        .await
        .expect("the node is there when the worker has started");
    assert_eq!(beat.server.address(), address);
    assert_eq!(
        (beat.worker_group.as_str(), beat.worker_host_weight),
        ("test-group", 100)
    );
    assert_eq!(beat.server.server_status, Some(ServerStatus::Normal));

    let master = Master::start();
    running_task(&master, &address).await;
    until("a full worker is busy", async || {
        heartbeat(&observer, &address).await.is_some_and(|beat| {
            beat.server.server_status == Some(ServerStatus::Busy) && beat.thread_pool_usage == 1.0
        })
    })
    .await;
    worker.stop().await;
    assert!(
        heartbeat(&observer, &address).await.is_none(),
        "the node is gone when the worker has stopped"
    );
    observer.close().await;
}

#[tokio::test]
async fn the_tasks_end_before_the_node_goes() {
    let directory = tempfile::tempdir().unwrap();
    let observer = connect(directory.path()).await;
    let worker = started(directory.path(), |_| {}).await;
    let address = worker.address().to_owned();
    let master = Master::start();
    let process = running_task(&master, &address).await;
    let stopping = tokio::spawn(worker.stop());
    until("the node goes", async || {
        let gone = heartbeat(&observer, &address).await.is_none();
        assert!(
            !gone || !is_alive(process),
            "the node went while the task was running"
        );
        gone
    })
    .await;
    stopping.await.unwrap();
    observer.close().await;
}

#[tokio::test]
async fn its_own_failover_marker_ends_it_and_its_tasks() {
    let directory = tempfile::tempdir().unwrap();
    let observer = connect(directory.path()).await;
    let mut worker = started(directory.path(), |settings| {
        settings.heartbeat_interval = Duration::from_secs(1)
    })
    .await;
    let address = worker.address().to_owned();
    let master = Master::start();
    let process = running_task(&master, &address).await;
    let server = heartbeat(&observer, &address).await.unwrap().server;
    let marker = paths::failover_finished(&address, server.startup_time_ms, server.process_id);
    observer.put_persistent(&marker, "1").await.unwrap();
    let lost = tokio::time::timeout(Duration::from_secs(30), worker.lost())
        .await
        .expect("it notices");
    assert!(matches!(lost, Error::Deposed), "{lost}");
    worker.abandon().await;
    assert!(!is_alive(process));
    assert!(master.unseen().await.is_empty(), "nothing is reported");
    observer.close().await;
}

#[tokio::test]
async fn a_lost_session_ends_it() {
    let directory = tempfile::tempdir().unwrap();
    let registry = connect(directory.path()).await;
    let mut worker = Worker::start(settings(directory.path()), Arc::clone(&registry))
        .await
        .unwrap();
    registry.close().await;
    let lost = tokio::time::timeout(Duration::from_secs(30), worker.lost())
        .await
        .expect("it notices");
    assert!(matches!(lost, Error::SessionLost(_)), "{lost}");
    worker.abandon().await;
}

#[tokio::test]
async fn run_ends_with_its_shutdown_and_refuses_bad_settings() {
    let directory = tempfile::tempdir().unwrap();
    orca_worker::run(settings(directory.path()), std::future::ready(()))
        .await
        .unwrap();

    let mut bad = settings(directory.path());
    bad.tasks.execution_slots = 0;
    bad.worker_group = String::new();
    let error = orca_worker::run(bad, std::future::pending())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("execution slots: 0") && error.contains("worker group"),
        "{error}"
    );
}

#[tokio::test]
async fn a_stub_registers_like_a_worker() {
    let directory = tempfile::tempdir().unwrap();
    let observer = connect(directory.path()).await;
    let settings = StubSettings {
        listen_host: "127.0.0.1".to_owned(),
        ..StubSettings::default()
    };
    let stub = StubWorker::start(settings, Some(connect(directory.path()).await))
        .await
        .unwrap();
    let address = stub.address().to_owned();
    let beat = heartbeat(&observer, &address).await.unwrap();
    assert_eq!(beat.server.server_status, Some(ServerStatus::Normal));
    stub.stop().await;
    assert!(heartbeat(&observer, &address).await.is_none());
    observer.close().await;
}
