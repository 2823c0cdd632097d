//! Slots of task groups and serial queues (`orca_actors::coordinator` and `orca_actors::slot_watch`).
//!
//! Who coordinates is a preference: here it is the first of the survivors' order, and now and then another one that believes it is.

use super::{MasterEvent, Owned, Then, ThenRead};
use crate::limits::{COORDINATOR_LOOK_MS, COORDINATOR_SWEEP_MS, SLOT_LOOK_MS};
use crate::store::{Body, Output, Read, Rows};
use crate::world::World;
use orca_engine::codes::ExecutionType;
use orca_engine::coordinator::{Grant, may_go, needs_attention};
use orca_engine::workflow::Event;
use std::collections::BTreeSet;

/// A request from one master to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    SlotGiven {
        workflow_instance_id: i32,
        task_instance_id: i32,
    },
    Stop {
        workflow_instance_id: i32,
    },
}

impl World {
    pub(super) fn coordinate(&mut self, index: usize, number: u32) {
        let Some(term) = self.term(index, number) else {
            return;
        };
        let holds = term.lease.holds();
        let leads = term
            .picture
            .as_ref()
            .is_some_and(|picture| picture.order.first() == Some(&term.node_name));
        self.to_master(
            index,
            COORDINATOR_LOOK_MS,
            MasterEvent::Coordinate { term: number },
        );
        self.look_at_slots(index);
        let deposed = self.network.troubled && self.chance.one_in(8);
        if !holds || !(leads || deposed) {
            return;
        }
        if self.now_ms % COORDINATOR_SWEEP_MS < COORDINATOR_LOOK_MS {
            self.transact(index, Body::SweepQueues, Then::Queues);
        }
        self.read(index, Read::SerialQueues, ThenRead::SerialQueues);
        let owners: BTreeSet<String> = self.masters[index]
            .term
            .as_ref()
            .and_then(|term| term.picture.as_ref())
            .map(|picture| picture.masters.keys().cloned().collect())
            .unwrap_or_default();
        let groups: Vec<i32> = self.store.tables.groups.keys().copied().collect();
        for group in groups {
            self.transact(index, Body::GiveSlots(group, owners.clone()), Then::Queues);
        }
    }

    pub(super) fn serial_queues_read(&mut self, index: usize, queues: &[(i64, i64, i64)]) {
        for (code, rows, launched) in queues {
            let strategy = self.store.tables.strategies.get(code).copied();
            if needs_attention(strategy.unwrap_or(ExecutionType::Parallel), *rows, *launched) {
                self.settle_queue(index, *code);
            }
        }
    }

    /// Any master may do it: it is decided under the lock of the definition version.
    pub(super) fn settle_queue(&mut self, index: usize, code: i64) {
        let holds = self.masters[index]
            .term
            .as_ref()
            .is_some_and(|term| term.lease.holds());
        if holds {
            self.transact(index, Body::SettleQueue(code), Then::Queues);
        }
    }

    pub(super) fn queues_changed(&mut self, index: usize, output: Output) {
        match output {
            Output::Granted(grants) => {
                for grant in grants {
                    self.announce(index, &grant);
                }
            }
            Output::Settled(settled) => {
                for (workflow_instance_id, host) in settled.to_stop {
                    self.notify(index, &host, Notice::Stop { workflow_instance_id });
                }
            }
            Output::Registered(_)
            | Output::Done
            | Output::Claimed(_)
            | Output::Steps(_)
            | Output::Moved(_) => {}
        }
    }

    /// The slot is given; a message that is lost costs its owner one look.
    fn announce(&mut self, index: usize, grant: &Grant) {
        let notice = Notice::SlotGiven {
            workflow_instance_id: grant.workflow_instance_id,
            task_instance_id: grant.task_instance_id,
        };
        self.notify(index, &grant.host, notice);
    }

    pub(super) fn notify(&mut self, index: usize, host: &str, notice: Notice) {
        let Some(other) = self.masters.iter().position(|master| *master.address == *host) else {
            return;
        };
        let delay_ms = self.network.delay_ms(&mut self.chance);
        let is_lost = other != index && self.network.troubled && self.chance.one_in(4);
        if self.masters[other].up && !is_lost {
            self.to_master(other, delay_ms, MasterEvent::Noticed(notice));
        }
    }

    pub(super) fn noticed(&mut self, index: usize, notice: Notice) {
        let (id, event) = match notice {
            Notice::SlotGiven {
                workflow_instance_id,
                task_instance_id,
            } => (workflow_instance_id, Event::SlotAcquired { task_instance_id }),
            Notice::Stop { workflow_instance_id } => (workflow_instance_id, Event::StopRequested),
        };
        let owned = self.masters[index]
            .term
            .as_ref()
            .filter(|term| term.lease.holds())
            .and_then(|term| term.runs.get(&id))
            .map(super::Run::owned);
        if let Some(owned) = owned {
            self.deliver(index, owned, vec![event]);
        }
    }

    pub(super) fn await_slot(&mut self, index: usize, owned: Owned, task_instance_id: i32) {
        let Some(term) = &mut self.masters[index].term else {
            return;
        };
        term.slots_awaited.insert(task_instance_id, owned);
        let event = MasterEvent::SlotLook { term: term.number };
        self.to_master(index, SLOT_LOOK_MS, event);
    }

    pub(super) fn slot_look(&mut self, index: usize, number: u32) {
        if self.term(index, number).is_some() {
            self.look_at_slots(index);
        }
    }

    fn look_at_slots(&mut self, index: usize) {
        let Some(term) = &mut self.masters[index].term else {
            return;
        };
        let runs = &term.runs;
        term.slots_awaited
            .retain(|_, owned| runs.get(&owned.0).is_some_and(|run| run.owned() == *owned));
        let ids: Vec<i32> = term.slots_awaited.keys().copied().collect();
        if !ids.is_empty() {
            self.read(index, Read::Places(ids.clone()), ThenRead::Places(ids));
        }
    }

    pub(super) fn places_read(&mut self, index: usize, ids: Vec<i32>, rows: Option<Rows>) {
        let Some(Rows::Places(places)) = rows else {
            return;
        };
        for id in ids.into_iter().filter(|id| may_go(places.get(id).copied())) {
            let awaited = self.masters[index]
                .term
                .as_mut()
                .and_then(|term| term.slots_awaited.remove(&id));
            if let Some(owned) = awaited {
                let event = Event::SlotAcquired { task_instance_id: id };
                self.deliver(index, owned, vec![event]);
            }
        }
    }
}
