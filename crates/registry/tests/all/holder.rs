//! Another process that holds a node, a lock and a lease, to be killed or frozen.

use crate::servers::{Process, own_binary};
use crate::stage::Stage;
use std::io::{BufRead, BufReader, Lines};
use std::process::{ChildStdout, Command, Stdio};
use std::time::Duration;

const STAGE: &str = "ORCA_TEST_HOLDER_STAGE";
const BASE: &str = "ORCA_TEST_HOLDER_BASE";

pub(crate) struct Holder {
    pub(crate) process: Process,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Holder {
    /// Starts it and waits until it holds `<base>/members/held`, the lock `<base>/lock` and a lease.
    pub(crate) async fn start(stage: &Stage, base: &str) -> Self {
        let mut command = Command::new(own_binary());
        command
            .args([
                "--exact",
                "holder::child_process",
                "--nocapture",
                "--test-threads=1",
            ])
            .env(STAGE, stage.to_text())
            .env(BASE, base)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut process = Process::start(command);
        let stdout = process.child().stdout.take().unwrap();
        let mut holder = Self {
            process,
            lines: BufReader::new(stdout).lines(),
        };
        let holder = tokio::task::spawn_blocking(move || {
            holder.wait_for("holding");
            holder
        });
        holder.await.unwrap()
    }

    /// Blocks until it says so.
    pub(crate) fn wait_for(&mut self, word: &str) {
        let found = self
            .lines
            .by_ref()
            .map_while(Result::ok)
            .any(|line| line.contains(word));
        assert!(found, "the child ended before it said {word:?}");
    }
}

/// The child's main. As a test of its own it has nothing to do.
#[tokio::test]
async fn child_process() {
    let (Ok(stage), Ok(base)) = (std::env::var(STAGE), std::env::var(BASE)) else {
        return;
    };
    let registry = Stage::from_text(&stage).connect().await;
    let node = registry
        .create_ephemeral(&format!("{base}/members/held"), "by the child")
        .await
        .unwrap();
    let sequence = registry
        .create_ephemeral_sequential(&format!("{base}/leases"), "m-", "")
        .await
        .unwrap();
    let _lock = registry
        .lock(&format!("{base}/lock"), Some(Duration::from_secs(10)))
        .await
        .unwrap();
    let lease = registry.start_lease(&sequence).await.unwrap();
    assert!(node.is_owned().await.unwrap());
    println!("holding");
    lease.lost().await;
    println!("lease lost, holds: {}", lease.holds());
    std::future::pending::<()>().await;
}
