//! Ready attempts and the choice of their workers (`orca_actors::dispatch`).

use super::{MasterEvent, Owned, Waiting};
use crate::world::World;
use orca_engine::backoff::dispatch_backoff_ms;
use orca_engine::dispatch_queue::Entry;
use orca_engine::time::Millis;
use orca_engine::worker_groups::DEFAULT_GROUP;
use orca_engine::workflow::{Event, NodeId};
use std::collections::BTreeMap;

impl World {
    pub(super) fn queue_dispatch(&mut self, index: usize, owned: Owned, node: NodeId, not_before: Millis) {
        let Some(term) = &mut self.masters[index].term else {
            return;
        };
        let Some(run) = term.runs.get(&owned.0) else {
            return;
        };
        if run.machine.logic_type(node).is_some() {
            let id = run.machine.task_instance_id(node);
            return if let Some(id) = id {
                self.choose_this_master(index, owned, id, not_before);
            };
        }
        let (Some(task), Some(urgency)) = (run.machine.task(node), run.machine.urgency(node)) else {
            return;
        };
        let entry = Entry {
            task_instance_id: task.id,
            urgency,
            payload: Waiting { owned },
        };
        term.queue.push(entry, not_before);
        self.look_soon(index);
    }

    pub(super) fn requeue_dispatch(&mut self, index: usize, owned: Owned, node: NodeId, failures: u32) {
        let not_before = self.master_now(index).plus(dispatch_backoff_ms(failures));
        self.queue_dispatch(index, owned, node, not_before);
    }

    pub(super) fn cancel_dispatch(&mut self, index: usize, task_instance_id: i32) {
        if let Some(term) = &mut self.masters[index].term {
            term.starved.remove(&task_instance_id);
            term.queue.cancel(task_instance_id);
        }
    }

    fn look_soon(&mut self, index: usize) {
        let now = self.master_now(index);
        let Some(term) = &self.masters[index].term else {
            return;
        };
        if let Some(due) = term.queue.next_due() {
            let wait_ms = u64::try_from(due.since(now)).unwrap_or(0);
            let event = MasterEvent::DispatchLook { term: term.number };
            self.to_master(index, wait_ms, event);
        }
    }

    /// A worker came or went: whoever waits for one is looked at again.
    pub(super) fn workers_changed(&mut self, index: usize) {
        let now = self.master_now(index);
        let Some(term) = &mut self.masters[index].term else {
            return;
        };
        if term.starved.is_empty() || term.table.candidates(DEFAULT_GROUP).is_err() {
            return;
        }
        for (_, entry) in std::mem::take(&mut term.starved) {
            term.queue.push(entry, now);
        }
        self.look_soon(index);
    }

    pub(super) fn dispatch_looks(&mut self, index: usize, number: u32) {
        let now = self.master_now(index);
        let Some(term) = self.term(index, number) else {
            return;
        };
        let mut chosen: BTreeMap<Owned, Vec<Event>> = BTreeMap::new();
        while let Some(entry) = term.queue.pop_ready(now) {
            let host = term
                .table
                .candidates(DEFAULT_GROUP)
                .ok()
                .and_then(|candidates| term.balancer.pick(&candidates, 0));
            match host {
                Some(host) => chosen
                    .entry(entry.payload.owned)
                    .or_default()
                    .push(Event::WorkerChosen {
                        task_instance_id: entry.task_instance_id,
                        host: host.to_string(),
                    }),
                None => {
                    term.starved.insert(entry.task_instance_id, entry);
                }
            }
        }
        let left = term.queue.next_due().is_some();
        for (owned, events) in chosen {
            self.deliver(index, owned, events);
        }
        if left {
            self.look_soon(index);
        }
    }
}
