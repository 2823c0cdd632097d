//! Tasks over RPC: slots, kills, outputs, logs, and the end of the worker.

use crate::master::{Master, until};
use chrono::Utc;
use orca_engine::codes::ExecutorEventType::{
    Dispatched, Failed, Killed, Running, RuntimeContextChange, Success,
};
use orca_engine::codes::{DataType, Direct};
use orca_engine::model::Property;
use orca_engine::time::Millis;
use orca_rpc::dto::{
    LogResponseStatus, TaskExecutorPauseRequest, TaskInstanceLogFileDownloadRequest,
    TaskInstanceLogPageQueryRequest,
};
use orca_rpc::methods::worker::PauseTask;
use orca_rpc::methods::{GetTaskInstanceWholeLogFileBytes, PageQueryTaskInstanceLog, RemoveTaskInstanceLog};
use orca_worker::{Ending, Service, TaskSettings};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// A worker without a registry, in a directory of its own.
pub(crate) struct Bench {
    service: Service,
    pub(crate) directory: tempfile::TempDir,
}

pub(crate) async fn bench() -> Bench {
    Bench::with(|_| {}).await
}

pub(crate) fn settings_in(directory: &Path) -> TaskSettings {
    TaskSettings {
        execution_slots: 20,
        execution_directory: directory.join("work"),
        log_directory: directory.join("logs"),
        kill_wait: Duration::from_millis(300),
        leave_wait: Duration::from_millis(300),
        ..TaskSettings::default()
    }
}

impl Bench {
    pub(crate) async fn with(change: impl FnOnce(&mut TaskSettings)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut settings = settings_in(directory.path());
        change(&mut settings);
        let now = Millis(Utc::now().timestamp_millis());
        let service = Service::start(("127.0.0.1", 0), "127.0.0.1", now, settings)
            .await
            .unwrap();
        Self { service, directory }
    }

    pub(crate) fn address(&self) -> &str {
        self.service.address()
    }

    pub(crate) async fn stop(self) {
        self.service.stop(Ending::AtOnce).await;
    }
}

pub(crate) fn is_alive(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')')
        .is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}

/// Follows a task until its process runs; answers the process.
async fn started(master: &Master, worker: &str, id: i32) -> i32 {
    master.expect_and_ack(worker, id, Dispatched).await;
    master.expect_and_ack(worker, id, Running).await;
    master
        .expect_and_ack(worker, id, RuntimeContextChange)
        .await
        .process_id
        .unwrap()
}

#[tokio::test]
async fn no_more_tasks_than_slots_and_a_slot_is_free_after_the_last_acknowledgement() {
    let (bench, master) = (
        Bench::with(|settings| settings.execution_slots = 1).await,
        Master::start(),
    );
    let worker = bench.address();
    master.accepted(worker, master.shell(1, "true")).await;
    let message = master.refused(worker, master.shell(2, "true")).await;
    assert_eq!(
        message,
        "TaskExecutorRuntimeException: All ExclusiveThreadTaskExecutorWorker are busy"
    );
    for kind in [Dispatched, Running, RuntimeContextChange] {
        master.expect_and_ack(worker, 1, kind).await;
    }
    master.expect(1, Success).await;
    master.refused(worker, master.shell(2, "true")).await;
    master.ack(worker, 1, Success).await;
    master.accepted(worker, master.shell(2, "true")).await;
    master.follow(worker, 2).await;
    bench.stop().await;
}

#[tokio::test]
async fn tasks_run_at_the_same_time() {
    let (bench, master) = (bench().await, Master::start());
    let worker = bench.address();
    // Each waits for the other's file: one after the other they would never end.
    let place = bench.directory.path().display();
    let script = |own: i32, other: i32| {
        format!("touch {place}/{own}; while [ ! -e {place}/{other} ]; do sleep 0.01; done")
    };
    master.accepted(worker, master.shell(1, &script(1, 2))).await;
    master.accepted(worker, master.shell(2, &script(2, 1))).await;
    let mut ended = 0;
    while ended < 2 {
        let seen = master.next().await;
        master.ack(worker, seen.task, seen.kind).await;
        ended += i32::from(seen.kind == Success);
    }
    bench.stop().await;
}

#[tokio::test]
async fn outputs_travel_with_the_success() {
    let (bench, master) = (bench().await, Master::start());
    let property = |name: &str, direct, value: &str| Property {
        prop: Some(name.to_owned()),
        direct: Some(direct),
        data_type: Some(DataType::Varchar),
        value: Some(value.to_owned()),
    };
    let mut context = master.shell(1, "");
    let params = serde_json::json!({
        "rawScript": "echo '${setValue(result=${who}!)}' | sed 's/NOBODY/x/'; echo \"#{setValue(result=${who}!)}\"",
        "localParams": [{"prop": "result", "direct": "OUT", "type": "VARCHAR", "value": ""}],
    });
    context.task_params = Some(params.to_string());
    context.prepare_params_map = Some(BTreeMap::from([(
        "who".to_owned(),
        Some(property("who", Direct::In, "world")),
    )]));
    master.accepted(bench.address(), context).await;
    let seen = master.follow(bench.address(), 1).await;
    assert_eq!(
        seen.last().unwrap().var_pool.as_deref(),
        Some([property("result", Direct::Out, "world!")].as_slice())
    );

    master.accepted(bench.address(), master.shell(2, "true")).await;
    let seen = master.follow(bench.address(), 2).await;
    assert_eq!(seen.last().unwrap().var_pool.as_deref(), Some([].as_slice()));
    bench.stop().await;
}

#[tokio::test]
async fn a_kill_leaves_nobody() {
    let (bench, master) = (bench().await, Master::start());
    let worker = bench.address();
    let pids = bench.directory.path().join("pids");
    let script = format!(
        "trap '' TERM\n(trap '' TERM; sleep 1000 & echo $! >> {0}; wait) &\nsetsid sleep 1000 &\necho $! >> {0}\nwait",
        pids.display()
    );
    master.accepted(worker, master.shell(1, &script)).await;
    let process = started(&master, worker, 1).await;
    let children = || -> Vec<i32> {
        let text = std::fs::read_to_string(&pids).unwrap_or_default();
        text.lines().filter_map(|line| line.parse().ok()).collect()
    };
    until("both children run", async || children().len() == 2).await;
    assert!(is_alive(process) && children().iter().all(|pid| is_alive(*pid)));
    assert_eq!(master.kill(worker, 1).await, (true, None));
    master.expect_and_ack(worker, 1, Killed).await;
    assert!(!is_alive(process) && !children().iter().any(|pid| is_alive(*pid)));
    bench.stop().await;
}

#[tokio::test]
async fn a_pause_is_answered_and_does_nothing() {
    let (bench, master) = (bench().await, Master::start());
    let worker = bench.address();
    master.accepted(worker, master.shell(1, "true")).await;
    let request = TaskExecutorPauseRequest {
        task_instance_id: Some(1),
    };
    assert!(master.call::<PauseTask>(worker, &request).await.success);
    assert_eq!(master.follow(worker, 1).await.last().unwrap().kind, Success);
    let response = master.call::<PauseTask>(worker, &request).await;
    assert_eq!(
        (response.success, response.message.as_deref()),
        (
            false,
            Some("TaskExecutorNotFoundException: Cannot find the TaskExecutor(id=1)")
        )
    );
    bench.stop().await;
}

#[tokio::test]
async fn an_unknown_type_fails_after_the_dispatch_without_running() {
    let (bench, master) = (bench().await, Master::start());
    let mut context = master.shell(1, "true");
    context.task_type = Some("SPARK".to_owned());
    master.accepted(bench.address(), context).await;
    let kinds: Vec<_> = master
        .follow(bench.address(), 1)
        .await
        .iter()
        .map(|seen| seen.kind)
        .collect();
    assert_eq!(kinds, [Dispatched, Failed]);
    bench.stop().await;
}

#[tokio::test]
async fn a_context_without_what_the_log_path_needs_is_refused() {
    let (bench, master) = (bench().await, Master::start());
    let mut context = master.shell(1, "true");
    context.first_submit_time = 0;
    let message = master.refused(bench.address(), context).await;
    assert!(message.starts_with("NullPointerException: "), "{message}");
    bench.stop().await;
}

#[tokio::test]
async fn the_log_service_reads_and_deletes_logs_and_nothing_else() {
    let (bench, master) = (bench().await, Master::start());
    let worker = bench.address();
    let secret = bench.directory.path().join("secret");
    std::fs::write(&secret, "secret").unwrap();
    master.accepted(worker, master.shell(1, "echo logged-line")).await;
    let seen = master.follow(worker, 1).await;
    let log = seen.iter().find_map(|seen| seen.log_path.clone()).unwrap();

    let page = |path: &str| TaskInstanceLogPageQueryRequest {
        task_instance_id: Some(1),
        task_instance_log_absolute_path: Some(path.to_owned()),
        skip_line_num: 0,
        limit: 100,
    };
    let response = master.call::<PageQueryTaskInstanceLog>(worker, &page(&log)).await;
    assert_eq!(response.code, Some(LogResponseStatus::Success));
    assert!(response.log_content.unwrap().contains(" -> logged-line\r\n"));

    let escape = format!("{}/../secret", bench.directory.path().join("logs").display());
    let link = bench.directory.path().join("logs/link");
    std::os::unix::fs::symlink(&secret, &link).unwrap();
    for path in [
        escape.as_str(),
        secret.to_str().unwrap(),
        link.to_str().unwrap(),
        "/etc/passwd",
    ] {
        let response = master.call::<PageQueryTaskInstanceLog>(worker, &page(path)).await;
        assert_eq!(
            (response.code, response.log_content),
            (Some(LogResponseStatus::Error), None),
            "{path}"
        );
        let request = TaskInstanceLogFileDownloadRequest {
            task_instance_id: 1,
            task_instance_log_absolute_path: Some(path.to_owned()),
        };
        let response = master
            .call::<GetTaskInstanceWholeLogFileBytes>(worker, &request)
            .await;
        assert_eq!(response.code, Some(LogResponseStatus::Error), "{path}");
        assert!(
            response.log_bytes.is_none_or(|bytes| bytes.0.is_empty()),
            "{path}"
        );
    }
    master.call::<RemoveTaskInstanceLog>(worker, &escape).await;
    master
        .call::<RemoveTaskInstanceLog>(worker, &secret.display().to_string())
        .await;
    assert!(secret.exists());
    master.call::<RemoveTaskInstanceLog>(worker, &log).await;
    assert!(!Path::new(&log).exists());
    bench.stop().await;
}

#[tokio::test]
async fn an_orderly_stop_lets_running_tasks_end_and_reports_them() {
    let (bench, master) = (bench().await, Master::start());
    let worker = bench.address().to_owned();
    let go = bench.directory.path().join("go");
    let script = format!("while [ ! -e {} ]; do sleep 0.01; done", go.display());
    master.accepted(&worker, master.shell(1, &script)).await;
    started(&master, &worker, 1).await;
    let stopping = tokio::spawn(bench.service.stop(Ending::Orderly {
        wait: Duration::from_secs(60),
    }));
    until("new tasks are refused", async || {
        !master
            .dispatch(&worker, master.shell(2, "true"))
            .await
            .dispatch_success
    })
    .await;
    std::fs::write(&go, "").unwrap();
    master.expect_and_ack(&worker, 1, Success).await;
    stopping.await.unwrap();
}

#[tokio::test]
async fn tasks_that_a_stop_ends_are_not_reported_and_leave_nobody() {
    for ending in [Ending::Orderly { wait: Duration::ZERO }, Ending::AtOnce] {
        let (bench, master) = (bench().await, Master::start());
        let worker = bench.address().to_owned();
        master
            .accepted(&worker, master.shell(1, "trap '' TERM; sleep 1000 & sleep 1000"))
            .await;
        let process = started(&master, &worker, 1).await;
        bench.service.stop(ending).await;
        assert!(!is_alive(process), "{ending:?}");
        assert!(master.unseen().await.is_empty(), "{ending:?}");
    }
}
