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
