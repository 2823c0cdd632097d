//! Servers as child processes in temporary folders, on free ports; whatever a test started is gone when it ends, also when it fails,
//! and when the whole program is killed.

mod cluster;
mod commit_gate;
pub mod definitions;
mod door;
mod java_peer;
mod late_worker;
mod mariadb;
mod orca;
mod place;
mod ports;
mod process;
mod rpc;
mod wait;
mod watcher;
mod zookeeper;

pub use cluster::{Cluster, ClusterOptions, Stack};
pub use commit_gate::CommitGate;
pub use door::{Door, Way};
pub use java_peer::JavaPeer;
pub(crate) use java_peer::java_heartbeat;
pub use late_worker::{LateWorker, Lying};
pub use mariadb::MariaDb;
pub use orca::{OrcaProcess, build_orca_binary, orca_binary};
pub use place::Place;
pub use ports::free_port;
pub use process::{Process, Signal};
pub use rpc::MasterRpc;
pub use wait::{Deadline, until};
pub use watcher::Folder;
pub use zookeeper::ZooKeeper;

/// Why the harness could not do what a test asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{program} is not installed (install the package {package})")]
    Missing {
        program: &'static str,
        package: &'static str,
    },
    #[error("{what} cannot be started: {source}")]
    Start { what: String, source: std::io::Error },
    #[error("{what} ended early ({status}); its last lines:\n{tail}")]
    Ended {
        what: String,
        status: String,
        tail: String,
    },
    #[error("{what} did not happen within {seconds} s")]
    TimedOut { what: String, seconds: u64 },
    #[error("{what}: {reason}")]
    Failed { what: String, reason: String },
}
