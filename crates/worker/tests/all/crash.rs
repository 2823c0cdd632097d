//! A worker that is killed without warning, with its whole process group.

use crate::master::{Master, until};
use crate::tasks::{is_alive, settings_in};
use orca_engine::codes::ExecutorEventType::{Dispatched, Running, RuntimeContextChange};
use orca_engine::time::Millis;
use orca_worker::Service;
use rustix::process::{Pid, Signal};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;

const DIRECTORY: &str = "ORCA_TEST_WORKER_DIRECTORY";

/// Not a test: the worker process of the test below, which starts this binary again with the variable set.
#[tokio::test]
async fn worker_process() {
    let Some(directory) = std::env::var_os(DIRECTORY).map(PathBuf::from) else {
        return;
    };
    let settings = settings_in(&directory);
    let service = Service::start(("127.0.0.1", 0), "127.0.0.1", Millis(1), settings)
        .await
        .unwrap();
    // Renamed into place, so that whoever sees the file sees all of it.
    std::fs::write(directory.join("address.new"), service.address()).unwrap();
    std::fs::rename(directory.join("address.new"), directory.join("address")).unwrap();
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn killing_the_process_group_of_a_worker_leaves_no_orphans() {
    let directory = tempfile::tempdir().unwrap();
    let mut worker = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["crash::worker_process", "--exact", "--nocapture"])
        .env(DIRECTORY, directory.path())
        .process_group(0)
        .spawn()
        .unwrap();
    let address_file = directory.path().join("address");
    until("the worker listens", async || address_file.exists()).await;
    let address = std::fs::read_to_string(&address_file).unwrap();

    let master = Master::start();
    let pids = directory.path().join("pids");
    let script = format!(
        "trap '' TERM HUP INT\nsleep 1000 & echo $! >> {0}\nsetsid sleep 1000 & echo $! >> {0}\n\
         (env -i sleep 1000) & echo $! >> {0}\nnohup sleep 1000 >/dev/null 2>&1 & echo $! >> {0}\nwait",
        pids.display()
    );
    master.accepted(&address, master.shell(1, &script)).await;
    master.expect_and_ack(&address, 1, Dispatched).await;
    master.expect_and_ack(&address, 1, Running).await;
    let process = master
        .expect_and_ack(&address, 1, RuntimeContextChange)
        .await
        .process_id
        .unwrap();
    let children = || -> Vec<i32> {
        let text = std::fs::read_to_string(&pids).unwrap_or_default();
        text.lines().filter_map(|line| line.parse().ok()).collect()
    };
    until("all children run", async || children().len() == 4).await;
    assert!(is_alive(process) && children().iter().all(|pid| is_alive(*pid)));

    let group = Pid::from_raw(worker.id().cast_signed()).unwrap();
    rustix::process::kill_process_group(group, Signal::KILL).unwrap();
    worker.wait().unwrap();
    until("nobody is left", async || {
        !is_alive(process) && !children().iter().any(|pid| is_alive(*pid))
    })
    .await;
    let guards = || {
        let prefix = format!("ORCA_TASK={address}-");
        std::fs::read_dir("/proc").unwrap().flatten().any(|entry| {
            std::fs::read(entry.path().join("cmdline"))
                .is_ok_and(|line| String::from_utf8_lossy(&line).contains(&prefix))
        })
    };
    until("the guard is gone too", async || !guards()).await;
}
