//! Which workers may take a task of a worker group (`WorkerClusters`).
//!
//! Guarantees: the candidates of a group are the reference's, in a fixed order. A group that exists but has no free
//! worker is a reason to wait, never an error of the task. Refuses to know which candidate is best (`balancing`).

use crate::slots::ServerStatus;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The group that every worker belongs to, whatever group it names.
pub const DEFAULT_GROUP: &str = "default";

/// What a worker's heartbeat says about membership.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worker {
    /// `host:port`.
    pub address: Arc<str>,
    /// `None`: unknown to this version, counts as not NORMAL.
    pub status: Option<ServerStatus>,
    /// `worker.group` of its configuration.
    pub group: String,
}

/// Why a group has no candidate right now. Both heal by themselves, so both mean: wait and try again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoCandidate {
    #[error(
        "worker group {group:?} does not exist: no row of t_ds_worker_group and no registered worker names it"
    )]
    UnknownGroup { group: String },
    #[error("worker group {group:?} has no free worker: {registered} registered, {busy} of them busy")]
    NoFreeWorker {
        group: String,
        registered: usize,
        busy: usize,
    },
}

/// All registered workers and all groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkerTable {
    workers: BTreeMap<Arc<str>, Worker>,
    /// `t_ds_worker_group`: name to addresses, registered or not.
    db_groups: BTreeMap<String, Vec<String>>,
    /// Groups that heartbeats name: addresses in the order of arrival.
    heartbeat_groups: BTreeMap<String, Vec<Arc<str>>>,
}

impl WorkerTable {
    /// Take in a heartbeat, the first or a later one. Returns true when the worker was not registered before.
    pub fn heartbeat(&mut self, worker: Worker) -> bool {
        let before = self.workers.get(&worker.address).map(|known| known.group.clone());
        if before.as_ref() != Some(&worker.group) {
            if let Some(group) = &before {
                self.leave(group, &worker.address);
            }
            self.heartbeat_groups
                .entry(worker.group.clone())
                .or_default()
                .push(Arc::clone(&worker.address));
        }
        self.workers.insert(Arc::clone(&worker.address), worker);
        before.is_none()
    }

    /// The worker has left the registry.
    pub fn remove(&mut self, address: &str) -> Option<Worker> {
        let worker = self.workers.remove(address)?;
        self.leave(&worker.group, address);
        Some(worker)
    }

    /// Replace the groups by what the table holds now: `(name, addr_list)` of each row.
    pub fn set_db_groups<'a>(&mut self, rows: impl IntoIterator<Item = (&'a str, &'a str)>) {
        self.db_groups = rows
            .into_iter()
            .map(|(name, addresses)| (name.to_owned(), split_addresses(addresses)))
            .collect();
    }

    #[must_use]
    pub fn contains_group(&self, group: &str) -> bool {
        group == DEFAULT_GROUP
            || self.db_groups.contains_key(group)
            || self.heartbeat_groups.contains_key(group)
    }

    /// NORMAL workers of the table's list without those of the heartbeats' list, then the NORMAL ones of the heartbeats'
    /// list. Never empty.
    pub fn candidates(&self, group: &str) -> Result<Vec<Arc<str>>, NoCandidate> {
        if !self.contains_group(group) {
            return Err(NoCandidate::UnknownGroup {
                group: group.to_owned(),
            });
        }
        let members = self.members(group);
        let free: Vec<Arc<str>> = members
            .iter()
            .filter(|worker| worker.status == Some(ServerStatus::Normal))
            .map(|worker| Arc::clone(&worker.address))
            .collect();
        if free.is_empty() {
            let busy = members
                .iter()
                .filter(|worker| worker.status == Some(ServerStatus::Busy))
                .count();
            return Err(NoCandidate::NoFreeWorker {
                group: group.to_owned(),
                registered: members.len(),
                busy,
            });
        }
        Ok(free)
    }

    #[must_use]
    pub fn worker(&self, address: &str) -> Option<&Worker> {
        self.workers.get(address)
    }

    /// Every registered worker, by address.
    pub fn workers(&self) -> impl Iterator<Item = &Worker> {
        self.workers.values()
    }

    /// Registered members of a group, in the order of `candidates`.
    fn members(&self, group: &str) -> Vec<&Worker> {
        if group == DEFAULT_GROUP {
            return self.workers.values().collect();
        }
        let by_heartbeat = self
            .heartbeat_groups
            .get(group)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let by_table = self.db_groups.get(group).map(Vec::as_slice).unwrap_or_default();
        by_table
            .iter()
            .map(String::as_str)
            .filter(|address| !by_heartbeat.iter().any(|other| &**other == *address))
            .chain(by_heartbeat.iter().map(|address| &**address))
            .filter_map(|address| self.workers.get(address))
            .collect()
    }

    fn leave(&mut self, group: &str, address: &str) {
        let Some(addresses) = self.heartbeat_groups.get_mut(group) else {
            return;
        };
        addresses.retain(|member| &**member != address);
        if addresses.is_empty() {
            self.heartbeat_groups.remove(group);
        }
    }
}

/// `addr_list`: addresses separated by commas. Blanks around them and empty places are dropped.
fn split_addresses(text: &str) -> Vec<String> {
    text.split(',')
        .map(str::trim)
        .filter(|address| !address.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ServerStatus::{Busy, Normal};

    fn table(workers: &[(&str, ServerStatus, &str)], db: &[(&str, &str)]) -> WorkerTable {
        let mut table = WorkerTable::default();
        for (address, status, group) in workers {
            assert!(table.heartbeat(worker(address, *status, group)));
        }
        table.set_db_groups(db.iter().copied());
        table
    }

    fn worker(address: &str, status: ServerStatus, group: &str) -> Worker {
        Worker {
            address: Arc::from(address),
            status: Some(status),
            group: group.to_owned(),
        }
    }

    fn names(table: &WorkerTable, group: &str) -> Vec<String> {
        table
            .candidates(group)
            .unwrap_or_default()
            .iter()
            .map(|address| address.to_string())
            .collect()
    }

    #[test]
    fn the_default_group_is_everybody() {
        let table = table(
            &[
                ("b", Normal, "etl"),
                ("a", Normal, "default"),
                ("c", Busy, "default"),
            ],
            &[],
        );
        assert_eq!(names(&table, "default"), ["a", "b"]);
        assert!(WorkerTable::default().contains_group("default"));
    }

    #[test]
    fn the_table_comes_first_without_those_of_the_heartbeats() {
        let table = table(
            &[
                ("d", Normal, "etl"),
                ("b", Normal, "etl"),
                ("a", Normal, "x"),
                ("c", Normal, "x"),
                ("e", Busy, "x"),
            ],
            &[("etl", "c, b,gone,e,a,"), ("empty", "")],
        );
        assert_eq!(names(&table, "etl"), ["c", "a", "d", "b"]);
        assert_eq!(names(&table, "x"), ["a", "c"]);
        assert!(table.contains_group("empty"));
        assert_eq!(
            table.candidates("empty"),
            Err(NoCandidate::NoFreeWorker {
                group: "empty".to_owned(),
                registered: 0,
                busy: 0
            })
        );
    }

    #[test]
    fn a_busy_group_waits_and_a_missing_one_is_named() {
        let table = table(&[("a", Busy, "etl"), ("b", Busy, "etl")], &[("etl", "a")]);
        let error = table.candidates("etl").unwrap_err();
        assert_eq!(
            error,
            NoCandidate::NoFreeWorker {
                group: "etl".to_owned(),
                registered: 2,
                busy: 2
            }
        );
        assert_eq!(
            error.to_string(),
            "worker group \"etl\" has no free worker: 2 registered, 2 of them busy"
        );
        assert_eq!(
            table.candidates("nope"),
            Err(NoCandidate::UnknownGroup {
                group: "nope".to_owned()
            })
        );
    }

    #[test]
    fn workers_come_change_and_go() {
        let mut table = table(&[("a", Normal, "etl")], &[("old", "a")]);
        assert!(!table.heartbeat(worker("a", Busy, "etl")), "a later heartbeat");
        assert_eq!(names(&table, "etl"), Vec::<String>::new());
        table.heartbeat(worker("a", Normal, "other"));
        assert!(
            !table.contains_group("etl"),
            "a group lives as long as somebody names it"
        );
        assert_eq!(names(&table, "other"), ["a"]);
        table.set_db_groups([("new", "a")]);
        assert!(!table.contains_group("old"));
        assert_eq!(names(&table, "new"), ["a"]);
        assert_eq!(table.remove("a").map(|gone| gone.group).as_deref(), Some("other"));
        assert_eq!(table.remove("a"), None);
        assert!(!table.contains_group("other") && table.contains_group("new"));
        assert_eq!(table.workers().count(), 0);
    }

    #[test]
    fn an_unknown_status_is_not_normal() {
        let mut table = WorkerTable::default();
        table.heartbeat(Worker {
            status: None,
            ..worker("a", Normal, "etl")
        });
        assert_eq!(
            table.candidates("etl"),
            Err(NoCandidate::NoFreeWorker {
                group: "etl".to_owned(),
                registered: 1,
                busy: 0
            })
        );
    }

    proptest::proptest! {
        /// Candidates are registered, NORMAL members of the group, each once.
        #[test]
        fn candidates_are_free_members(
            beats in proptest::collection::vec(("[a-e]", proptest::bool::ANY, "[xyz]", proptest::bool::ANY), 0..20),
            listed in proptest::collection::btree_set("[a-f]", 0..5),
        ) {
            let mut table = WorkerTable::default();
            let list: Vec<String> = listed.iter().cloned().collect();
            table.set_db_groups([("x", list.join(",").as_str())]);
            for (address, busy, group, gone) in &beats {
                if *gone {
                    table.remove(address);
                } else {
                    table.heartbeat(worker(address, if *busy { Busy } else { Normal }, group));
                }
            }
            let mut expected: Vec<String> = table
                .workers()
                .filter(|one| one.status == Some(Normal) && (one.group == "x" || listed.contains(&*one.address)))
                .map(|one| one.address.to_string())
                .collect();
            let mut got = names(&table, "x");
            got.sort();
            expected.sort();
            proptest::prop_assert_eq!(got, expected);
        }
    }
}
