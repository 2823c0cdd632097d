//! What the registry's picture means to a master: its slot, the workers, and who is gone (`orca_actors::cluster`).

use super::MasterEvent;
use crate::limits::JAVA_GRACE_MS;
use crate::network::End;
use crate::registry::{Picture, Seen};
use crate::world::World;
use orca_engine::balancing::WorkerLoad;
use orca_engine::slots::{Member, Runtime, ServerStatus, SlotTable};
use orca_engine::time::Millis;
use orca_engine::worker_groups::{DEFAULT_GROUP, Worker};
use orca_engine::workflow::Event;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Names whose node has gone or was replaced between two looks.
fn gone(before: &BTreeMap<String, Seen>, now: &BTreeMap<String, Seen>) -> Vec<(String, Seen)> {
    before
        .iter()
        .filter(|(name, seen)| now.get(*name).is_none_or(|other| other.number != seen.number))
        .map(|(name, seen)| (name.clone(), seen.clone()))
        .collect()
}

impl World {
    pub(super) fn cluster_looks(&mut self, index: usize, picture: Arc<Picture>) {
        let own = self.masters[index].address.to_string();
        let now = self.master_now(index);
        // Members are watched once the own node is there: the one of an earlier life is not taken for it.
        let Some(term) = self.masters[index].term.as_mut().filter(|term| term.announced) else {
            return;
        };
        let known = term.picture.clone();
        if known
            .as_ref()
            .is_some_and(|known| known.version >= picture.version)
        {
            return;
        }
        let number = term.number;
        let before = known.clone().unwrap_or_default();
        term.picture = Some(picture.clone());
        let members: Vec<Member> = picture
            .masters
            .keys()
            .map(|name| Member {
                address: name.clone(),
                status: Some(ServerStatus::Normal),
                runtime: Runtime::Orca,
            })
            .collect();
        term.slot = SlotTable::compute(&members, &own);
        let lost_workers = gone(&before.workers, &picture.workers);
        for (name, _) in &lost_workers {
            term.table.remove(name);
            term.balancer.worker_removed(name);
        }
        for name in picture.workers.keys() {
            let worker = Worker {
                address: Arc::from(name.as_str()),
                status: Some(ServerStatus::Normal),
                group: DEFAULT_GROUP.to_owned(),
            };
            let address = worker.address.clone();
            if term.table.heartbeat(worker) {
                term.balancer.worker_added(&address, &IDLE);
            }
        }
        self.workers_changed(index);
        for (name, seen) in lost_workers {
            self.worker_left(index, number, name, seen, now);
        }
        for (name, _) in gone(&before.masters, &picture.masters) {
            if name != own {
                self.trace.line(self.now_ms, || format!("{own} sees {name} gone"));
                self.begin_rescue(index, number, name);
            }
        }
        if known.is_none() {
            let first = MasterEvent::Sweep {
                term: number,
                is_first: true,
            };
            self.to_master(index, 0, first);
        }
    }

    /// An Orca worker whose node is gone has ended its tasks or will; a Java worker is given time to come back as the same process.
    fn worker_left(&mut self, index: usize, number: u32, host: String, gone: Seen, before: Millis) {
        let grace_ms = if gone.process.is_orca { 0 } else { JAVA_GRACE_MS };
        let event = MasterEvent::WorkerLost {
            term: number,
            host,
            gone,
            before,
        };
        self.to_master(index, grace_ms, event);
    }

    pub(super) fn grace_is_over(
        &mut self,
        index: usize,
        number: u32,
        host: String,
        gone: &Seen,
        before: Millis,
    ) {
        let Some(term) = self.term(index, number) else {
            return;
        };
        let is_back = term
            .picture
            .as_ref()
            .and_then(|picture| picture.workers.get(&host))
            .is_some_and(|seen| seen.process == gone.process);
        if is_back {
            return;
        }
        let is_replaced = term.table.worker(&host).is_some();
        let owned: Vec<_> = term.runs.values().map(|run| run.owned()).collect();
        for one in owned {
            let event = Event::WorkerLost {
                host: host.clone(),
                before,
                is_replaced,
            };
            self.deliver(index, one, vec![event]);
        }
    }

    pub(super) fn has_worker(&self, index: usize, host: &str) -> bool {
        self.masters[index]
            .term
            .as_ref()
            .is_some_and(|term| term.table.worker(host).is_some())
    }

    /// A worker that does not answer and is not registered will never be reported as leaving.
    pub(super) fn report_missing_worker(
        &mut self,
        index: usize,
        owned: super::Owned,
        host: String,
        is_told: bool,
    ) {
        let before = self.master_now(index).plus(1);
        let grace_ms = if self.scenario.java_workers && !is_told {
            JAVA_GRACE_MS
        } else {
            0
        };
        let Some(term) = &self.masters[index].term else {
            return;
        };
        if term.picture.is_none() || self.has_worker(index, &host) {
            return;
        }
        let event = MasterEvent::MissingWorker {
            term: term.number,
            owned,
            host,
            before,
        };
        self.to_master(index, grace_ms, event);
    }

    pub(super) fn worker_is_missing(
        &mut self,
        index: usize,
        number: u32,
        owned: super::Owned,
        host: String,
        before: Millis,
    ) {
        // What this master was told may be old: the registry itself has the last word.
        let link = (End::Master(index), End::Registry);
        let registry_hears = self.network.heals_at(link.0, link.1, self.now_ms).is_none();
        let has_node = self.registry.picture.workers.contains_key(&host);
        let is_there = !registry_hears || has_node || self.has_worker(index, &host);
        if self.term(index, number).is_some() && !is_there {
            let event = Event::WorkerLost {
                host,
                before,
                is_replaced: false,
            };
            self.deliver(index, owned, vec![event]);
        }
    }

    /// Which process is registered there, as this master sees it.
    pub(super) fn startup_of(&self, index: usize, host: &str) -> Option<i64> {
        let picture = self.masters[index].term.as_ref()?.picture.as_ref()?;
        picture.workers.get(host).map(|seen| seen.process.startup_ms)
    }
}

const IDLE: WorkerLoad = WorkerLoad {
    host_weight: 100,
    cpu_usage: 0.0,
    memory_usage: 0.0,
    thread_pool_usage: 0.0,
};
