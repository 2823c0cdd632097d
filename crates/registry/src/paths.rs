//! The names of the nodes, without the namespace. Source: `RegistryNodeType`, `RegistryUtils` of DolphinScheduler; `/orca` is our own.

use crate::error::Error;
use crate::limits::{DATA_LEN_MAX, PATH_LEN_MAX};

/// Heartbeats of masters, one ephemeral node per address.
pub const MASTERS: &str = "/nodes/master";
/// Heartbeats of workers.
pub const WORKERS: &str = "/nodes/worker";
/// Heartbeats of alert servers.
pub const ALERT_SERVERS: &str = "/nodes/alert-server";
/// Markers: this incarnation has been failed over.
pub const FAILOVER_FINISHED: &str = "/nodes/failover-finish-nodes";
/// Names the elected coordinator among the masters.
pub const COORDINATOR: &str = "/nodes/master-coordinator";
/// The mutex around the election.
pub const COORDINATOR_LOCK: &str = "/nodes/master-coordinator-lock";
/// One mutex per master that is being failed over.
pub const MASTER_FAILOVER_LOCKS: &str = "/lock/master-failover";
/// Sequence nodes of Orca masters: the lease is renewed on them, and the lowest sequence goes first in a failover.
pub const ORCA_MASTERS: &str = "/orca/masters";
/// Prefix of a node in [`ORCA_MASTERS`].
pub const ORCA_MASTER_PREFIX: &str = "m-";

/// The directories every DolphinScheduler process creates at its start.
pub const ROOTS: [&str; 4] = [MASTERS, WORKERS, ALERT_SERVERS, FAILOVER_FINISHED];

#[must_use]
pub fn master(address: &str) -> String {
    format!("{MASTERS}/{address}")
}

#[must_use]
pub fn worker(address: &str) -> String {
    format!("{WORKERS}/{address}")
}

/// Lock of the failover of one master.
#[must_use]
pub fn master_failover_lock(address: &str) -> String {
    format!("{MASTER_FAILOVER_LOCKS}/{address}")
}

/// Marker of one failed-over incarnation. A process that finds its own must stop.
#[must_use]
pub fn failover_finished(address: &str, startup_time_ms: i64, process_id: i32) -> String {
    format!("{FAILOVER_FINISHED}/{address}-{startup_time_ms}-{process_id}")
}

/// Marker of a failover that covered whatever ran at `address`.
#[must_use]
pub fn global_failover_finished(address: &str) -> String {
    format!("{FAILOVER_FINISHED}/{address}-unknown-unknown")
}

/// The last part of a path.
pub(crate) fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Everything above the last part, or nothing for a node at the top.
pub(crate) fn parent_of(path: &str) -> Option<&str> {
    path.rsplit_once('/')
        .map(|(parent, _)| parent)
        .filter(|parent| !parent.is_empty())
}

/// A path must look like `/a/b`.
pub(crate) fn check(operation: &'static str, path: &str) -> Result<(), Error> {
    let problem = if !path.starts_with('/') || path.len() == 1 {
        "a registry path starts with / and names a node"
    } else if path.len() > PATH_LEN_MAX {
        "the path is longer than 256 bytes"
    } else if path.ends_with('/')
        || path
            .split('/')
            .skip(1)
            .any(|part| part.is_empty() || part == "." || part == "..")
    {
        "the path has an empty or relative part"
    } else if path.chars().any(char::is_control) {
        "the path has a control character"
    } else {
        return Ok(());
    };
    Err(Error::Refused {
        operation,
        path: path.escape_debug().to_string(),
        reason: problem.to_owned(),
    })
}

pub(crate) fn check_data(operation: &'static str, path: &str, data: &str) -> Result<(), Error> {
    if data.len() <= DATA_LEN_MAX {
        return Ok(());
    }
    let reason = format!("a payload of {} bytes, {DATA_LEN_MAX} are allowed", data.len());
    Err(Error::Refused {
        operation,
        path: path.to_owned(),
        reason,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_java_master() {
        assert_eq!(
            failover_finished("10.0.0.1:5678", 1_764_123_193_415, 4242),
            "/nodes/failover-finish-nodes/10.0.0.1:5678-1764123193415-4242"
        );
        assert_eq!(
            global_failover_finished("10.0.0.1:5678"),
            "/nodes/failover-finish-nodes/10.0.0.1:5678-unknown-unknown"
        );
        assert_eq!(
            master_failover_lock("10.0.0.2:5678"),
            "/lock/master-failover/10.0.0.2:5678"
        );
        assert_eq!(master("h:1"), "/nodes/master/h:1");
        assert_eq!(worker("h:2"), "/nodes/worker/h:2");
    }

    #[test]
    fn a_bad_path_is_refused_before_it_is_sent() {
        for bad in ["", "/", "a", "/a/", "/a//b", "/a/../b", "/a\u{0}", "/./a"] {
            assert!(check("get", bad).is_err(), "{bad:?}");
        }
        assert!(check("get", &format!("/{}", "x".repeat(256))).is_err());
        assert!(check("get", "/nodes/master/10.0.0.1:5678").is_ok());
    }

    #[test]
    fn a_path_splits_into_parent_and_name() {
        assert_eq!(parent_of("/a/b/c"), Some("/a/b"));
        assert_eq!(parent_of("/a"), None);
        assert_eq!(name_of("/a/b/c"), "c");
    }
}
