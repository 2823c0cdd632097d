//! The members of one directory, as their last heartbeats describe them.

use orca_engine::balancing::WorkerLoad;
use orca_engine::slots::{Member, Runtime, ServerStatus};
use orca_engine::time::Millis;
use orca_engine::worker_groups::{DEFAULT_GROUP, Worker};
use orca_registry::MemberEvent;
use orca_registry::heartbeat::{self, WorkerHeartbeat};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One start of one server process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Incarnation {
    pub(super) startup_time_ms: i64,
    pub(super) process_id: i32,
    pub(super) is_orca: bool,
}

fn incarnation(heartbeat: &WorkerHeartbeat) -> Incarnation {
    let server = &heartbeat.server;
    Incarnation {
        startup_time_ms: server.startup_time_ms,
        process_id: server.process_id,
        is_orca: server.is_orca(),
    }
}

fn status(heartbeat: &WorkerHeartbeat) -> Option<ServerStatus> {
    heartbeat.server.server_status.map(|status| match status {
        heartbeat::ServerStatus::Normal => ServerStatus::Normal,
        heartbeat::ServerStatus::Busy => ServerStatus::Busy,
    })
}

fn runtime(heartbeat: &WorkerHeartbeat) -> Runtime {
    if heartbeat.server.is_orca() {
        Runtime::Orca
    } else {
        Runtime::Java
    }
}

#[derive(Default)]
pub(super) struct Members {
    /// A master's heartbeat is a worker's without the last fields.
    by_name: BTreeMap<String, WorkerHeartbeat>,
}

impl Members {
    /// Takes in one change. The incarnation that is gone by it: the one whose node was removed, or whose place another process has taken.
    pub(super) fn take(&mut self, event: MemberEvent) -> Option<Incarnation> {
        match event {
            MemberEvent::Added { name, data } | MemberEvent::Updated { name, data, .. } => {
                let heartbeat = match WorkerHeartbeat::from_json(&data) {
                    Ok(heartbeat) => heartbeat,
                    Err(error) => {
                        log::warn!("the heartbeat of {name} cannot be read and is ignored: {error}");
                        return None;
                    }
                };
                let now = incarnation(&heartbeat);
                let before = self
                    .by_name
                    .insert(name, heartbeat)
                    .map(|before| incarnation(&before));
                before.filter(|before| *before != now)
            }
            MemberEvent::Removed { name, .. } => self.by_name.remove(&name).map(|gone| incarnation(&gone)),
            MemberEvent::Resynced => None,
        }
    }

    pub(super) fn is_same(&self, name: &str, incarnation: &Incarnation) -> bool {
        self.by_name
            .get(name)
            .is_some_and(|heartbeat| self::incarnation(heartbeat) == *incarnation)
    }

    pub(super) fn starts(&self) -> BTreeMap<String, Millis> {
        let start = |(name, heartbeat): (&String, &WorkerHeartbeat)| {
            (name.clone(), Millis(heartbeat.server.startup_time_ms))
        };
        self.by_name.iter().map(start).collect()
    }

    pub(super) fn all_orca(&self) -> bool {
        self.by_name.values().all(|heartbeat| heartbeat.server.is_orca())
    }

    /// The members, and whether each is Orca's.
    pub(super) fn kinds(&self) -> BTreeMap<String, bool> {
        let kind =
            |(name, heartbeat): (&String, &WorkerHeartbeat)| (name.clone(), heartbeat.server.is_orca());
        self.by_name.iter().map(kind).collect()
    }

    /// Java peers sort by the address in the heartbeat, not by the name of the node.
    pub(super) fn slot_members(&self) -> Vec<Member> {
        let member = |heartbeat: &WorkerHeartbeat| Member {
            address: heartbeat.server.address(),
            status: status(heartbeat),
            runtime: runtime(heartbeat),
        };
        self.by_name.values().map(member).collect()
    }

    pub(super) fn worker(&self, name: &str) -> Option<(Worker, WorkerLoad)> {
        let heartbeat = self.by_name.get(name)?;
        let group = match heartbeat.worker_group.as_str() {
            "" => DEFAULT_GROUP.to_owned(),
            group => group.to_owned(),
        };
        let worker = Worker {
            address: Arc::from(name),
            status: status(heartbeat),
            group,
        };
        let load = WorkerLoad {
            host_weight: heartbeat.worker_host_weight,
            cpu_usage: heartbeat.server.metrics.cpu_usage,
            memory_usage: heartbeat.server.metrics.memory_usage,
            thread_pool_usage: heartbeat.thread_pool_usage,
        };
        Some((worker, load))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(startup_time: i64, status: &str, runtime: &str) -> String {
        format!(
            r#"{{"processId":1,"startupTime":{startup_time},"serverStatus":"{status}","host":"10.0.0.1","port":5678{runtime}}}"#
        )
    }

    fn added(name: &str, data: String) -> MemberEvent {
        MemberEvent::Added {
            name: name.to_owned(),
            data,
        }
    }

    #[test]
    fn another_start_at_the_same_address_replaces_the_earlier_one() {
        let mut members = Members::default();
        assert_eq!(
            members.take(added("10.0.0.1:5678", payload(1, "NORMAL", ""))),
            None
        );
        let same = MemberEvent::Updated {
            name: "10.0.0.1:5678".to_owned(),
            data: payload(1, "BUSY", ""),
            previous: String::new(),
        };
        assert_eq!(
            members.take(same),
            None,
            "a later heartbeat of the same process is no loss"
        );
        let gone = members.take(added("10.0.0.1:5678", payload(2, "NORMAL", "")));
        assert_eq!(gone.map(|gone| gone.startup_time_ms), Some(1));
    }

    #[test]
    fn an_unknown_status_is_not_normal_and_garbage_is_ignored() {
        let mut members = Members::default();
        members.take(added(
            "10.0.0.1:5678",
            payload(1, "DRAINING", r#","runtime":"orca""#),
        ));
        assert_eq!(members.take(added("bad", "no json".to_owned())), None);
        let slots = members.slot_members();
        assert_eq!(slots.len(), 1);
        assert_eq!((slots[0].status, slots[0].runtime), (None, Runtime::Orca));
        assert!(members.all_orca());
    }
}
