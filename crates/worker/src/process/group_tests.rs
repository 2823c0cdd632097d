//! Real processes: groups that resist, escape or are left alone.

use super::*;
use crate::process::guard::Guard;
use crate::process::token::WorkerToken;
use std::os::unix::process::ExitStatusExt;
use tokio::io::AsyncReadExt;

/// Long enough that only a kill ends it.
const FOR_EVER: &str = "sleep 1000";

/// Cargo sets it for every test; a task must not see it.
const HIDDEN: &str = "CARGO_MANIFEST_DIR";

struct Started {
    group: ProcessGroup,
    output: pipe::Receiver,
    _directory: tempfile::TempDir,
    guard: Guard,
    worker: WorkerToken,
}

/// A worker token that no other test uses.
fn unique_worker() -> WorkerToken {
    use std::sync::atomic::{AtomicI64, Ordering};
    static NEXT: AtomicI64 = AtomicI64::new(1);
    WorkerToken::new(
        "group-test:1",
        NEXT.fetch_add(1, Ordering::Relaxed),
        std::process::id(),
    )
}

fn start(script: &str) -> Started {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("1.sh");
    std::fs::write(&path, script).unwrap();
    let worker = unique_worker();
    let guard = Guard::start(worker.clone()).unwrap();
    let launch = Launch::script("/bin/bash", &path, directory.path(), &[HIDDEN.to_owned()]);
    let (group, output) = launch.start(worker.task(1), guard.handle()).unwrap();
    Started {
        group,
        output,
        _directory: directory,
        guard,
        worker,
    }
}

impl Started {
    /// Reads one line: the script has come that far.
    async fn line(&mut self) -> String {
        let mut line = Vec::new();
        loop {
            match self
                .output
                .read_u8()
                .await
                .expect("the script has printed its line")
            {
                b'\n' => return String::from_utf8(line).unwrap(),
                byte => line.push(byte),
            }
        }
    }

    async fn pids(&mut self, count: usize) -> Vec<Pid> {
        let mut pids = Vec::new();
        for _ in 0..count {
            pids.push(Pid::from_raw(self.line().await.trim().parse().unwrap()).unwrap());
        }
        pids
    }
}

fn is_alive(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    stat.rsplit_once(')')
        .is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}

async fn until_dead(pids: &[Pid]) {
    let all_dead = async {
        while pids.iter().any(|pid| is_alive(*pid)) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), all_dead)
        .await
        .expect("all of them end");
}

#[tokio::test]
async fn a_process_that_ends_by_itself_leaves_its_code_and_both_outputs() {
    let mut started = start("echo out; echo err >&2; exit 7");
    let mut text = String::new();
    started.output.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "out\nerr\n");
    assert_eq!(started.group.wait().await.unwrap().code(), Some(7));
    started.group.end();
    started.guard.stop().await;
}

#[tokio::test]
async fn a_hidden_variable_does_not_reach_the_task_and_the_others_do() {
    assert!(std::env::var_os(HIDDEN).is_some(), "run by cargo");
    let mut started = start("echo \"[${CARGO_MANIFEST_DIR-}] [${CARGO_PKG_NAME-}]\"");
    assert_eq!(started.line().await, "[] [orca-worker]");
}

#[tokio::test]
async fn a_polite_group_ends_on_the_first_signal() {
    let mut started = start(&format!("{FOR_EVER} & echo $!; echo $$; wait"));
    let pids = started.pids(2).await;
    assert!(pids.iter().all(|pid| is_alive(*pid)));
    assert!(started.group.terminate(Duration::from_secs(30)).await);
    assert!(!pids.iter().any(|pid| is_alive(*pid)));
    assert_eq!(started.group.wait().await.unwrap().signal(), Some(15));
}

#[tokio::test]
async fn children_and_grandchildren_that_ignore_the_signal_are_killed_whole() {
    let script = format!(
        "trap '' TERM INT HUP\n(trap '' TERM; {FOR_EVER} & echo $!; {FOR_EVER} & echo $!; wait) &\necho $!\necho $$\nwait"
    );
    let mut started = start(&script);
    let pids = started.pids(4).await;
    assert!(started.group.terminate(Duration::from_millis(50)).await);
    assert!(!pids.iter().any(|pid| is_alive(*pid)), "nobody is left");
    assert_eq!(started.group.wait().await.unwrap().signal(), Some(9));
}

#[tokio::test]
async fn a_process_that_left_the_group_is_found_by_its_mark() {
    let mut started = start(&format!("setsid sh -c 'echo $$; exec {FOR_EVER}' & wait"));
    let escaped = started.pids(1).await[0];
    assert!(is_alive(escaped));
    assert!(started.group.terminate(Duration::from_secs(30)).await);
    assert!(!is_alive(escaped));
}

#[tokio::test]
async fn what_a_script_leaves_in_its_group_ends_with_it() {
    let mut started = start(&format!("{FOR_EVER} >/dev/null 2>&1 & echo $!"));
    let left = started.pids(1).await;
    assert!(started.group.wait().await.unwrap().success());
    started.group.end();
    until_dead(&left).await;
}

#[tokio::test]
async fn a_dropped_group_is_killed() {
    let mut started = start(&format!("{FOR_EVER} & echo $!; echo $$; wait"));
    let pids = started.pids(2).await;
    drop(started.group);
    until_dead(&pids).await;
}

#[tokio::test]
async fn the_guard_ends_what_is_left_when_its_input_ends() {
    let mut started = start(&format!(
        "trap '' TERM\n(env -i {FOR_EVER}) & echo $!; setsid sh -c 'echo $$; exec {FOR_EVER}' & echo $$; wait"
    ));
    let pids = started.pids(3).await;
    // The group must not be ended by anyone but the guard.
    std::mem::forget(started.group);
    drop(started.output);
    started.guard.abandon().await;
    until_dead(&pids).await;
}

#[tokio::test]
async fn a_killed_guard_is_started_again_and_still_knows_the_groups() {
    let mut started = start(&format!("(env -i {FOR_EVER}) & echo $!; wait"));
    let pids = started.pids(1).await;
    let first = started.guard.process_id().await;
    rustix::process::kill_process(first, Signal::KILL).unwrap();
    let restarted = async {
        while started.guard.process_id().await == first {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), restarted)
        .await
        .expect("another guard");
    std::mem::forget(started.group);
    started.guard.abandon().await;
    until_dead(&pids).await;
}

#[tokio::test]
async fn leftovers_of_an_earlier_start_are_killed_and_those_of_this_start_are_not() {
    let mut started = start(&format!("echo $$; exec {FOR_EVER}"));
    let pids = started.pids(1).await;
    crate::process::kill_leftovers(&started.worker);
    assert!(is_alive(pids[0]), "our own");
    crate::process::kill_leftovers(&WorkerToken::new("elsewhere:1", 1, 1));
    assert!(is_alive(pids[0]), "another worker's");
    crate::process::kill_leftovers(&WorkerToken::new("leftover-test:1", 2, 2));
    assert!(is_alive(pids[0]), "yet another worker's");
    assert!(started.group.kill().await);

    let mut left = tokio::process::Command::new("sleep")
        .arg("1000")
        .env(
            TOKEN_VARIABLE,
            &WorkerToken::new("leftover-test:1", 1, 1).task(3).value,
        )
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let found = async {
        while crate::process::kill_leftovers(&WorkerToken::new("leftover-test:1", 2, 2)) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), found)
        .await
        .expect("it is found");
    assert_eq!(left.wait().await.unwrap().signal(), Some(9));
}
