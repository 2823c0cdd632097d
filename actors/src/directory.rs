//! Which workflow actor runs which instance: written by the master node alone, read by whoever has a message for one.
//!
//! A worker's report goes from the RPC server straight to its workflow without a hop through the master node.

use crate::workflow::WorkflowActor;
use actix::Addr;
use orca_engine::codes::WorkflowState;
use orca_engine::model::WorkflowInstance;
use orca_engine::time::Millis;
use std::collections::HashMap;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, RwLock};

/// What the monitor page shows of one running instance (`WorkflowExecutorDTO`).
#[derive(Debug)]
pub(crate) struct Card {
    pub(crate) id: i32,
    pub(crate) name: String,
    pub(crate) project_code: i64,
    pub(crate) definition_code: i64,
    pub(crate) start_time: Option<Millis>,
    pub(crate) run_times: i32,
    state: AtomicI32,
}

impl Card {
    pub(crate) fn new(instance: &WorkflowInstance) -> Self {
        Self {
            id: instance.id,
            name: instance.name.clone(),
            project_code: instance.project_code,
            definition_code: instance.workflow_definition_code,
            start_time: instance.start_time,
            run_times: instance.run_times,
            state: AtomicI32::new(instance.state.code()),
        }
    }

    pub(crate) fn set_state(&self, state: WorkflowState) {
        self.state.store(state.code(), Ordering::Relaxed);
    }

    pub(crate) fn state(&self) -> Option<WorkflowState> {
        WorkflowState::try_from(self.state.load(Ordering::Relaxed)).ok()
    }
}

#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) actor: Addr<WorkflowActor>,
    pub(crate) card: Arc<Card>,
}

/// Cheap to clone; one table.
#[derive(Clone, Default)]
pub(crate) struct Directory {
    entries: Arc<RwLock<HashMap<i32, Entry>>>,
}

impl Directory {
    /// Puts the instance in; the entry that was there before.
    pub(crate) fn put(&self, id: i32, entry: Entry) -> Option<Entry> {
        self.write(|entries| entries.insert(id, entry))
    }

    /// Takes out the entry with this very card; a later run of the same instance stays.
    pub(crate) fn remove(&self, card: &Arc<Card>) {
        self.write(|entries| {
            if entries
                .get(&card.id)
                .is_some_and(|entry| Arc::ptr_eq(&entry.card, card))
            {
                entries.remove(&card.id);
            }
        });
    }

    pub(crate) fn actor(&self, id: i32) -> Option<Addr<WorkflowActor>> {
        self.read(|entries| entries.get(&id).map(|entry| entry.actor.clone()))
    }

    pub(crate) fn len(&self) -> usize {
        self.read(HashMap::len)
    }

    pub(crate) fn ids(&self) -> Vec<i32> {
        self.read(|entries| entries.keys().copied().collect())
    }

    pub(crate) fn actors(&self) -> Vec<Addr<WorkflowActor>> {
        self.read(|entries| entries.values().map(|entry| entry.actor.clone()).collect())
    }

    pub(crate) fn cards(&self) -> Vec<Arc<Card>> {
        let mut cards: Vec<_> =
            self.read(|entries| entries.values().map(|entry| entry.card.clone()).collect());
        cards.sort_by_key(|card| card.id);
        cards
    }

    fn write<T>(&self, change: impl FnOnce(&mut HashMap<i32, Entry>) -> T) -> T {
        change(
            &mut self
                .entries
                .write()
                .unwrap_or_else(|poisoned| poisoned.into_inner()),
        )
    }

    fn read<T>(&self, look: impl FnOnce(&HashMap<i32, Entry>) -> T) -> T {
        look(
            &self
                .entries
                .read()
                .unwrap_or_else(|poisoned| poisoned.into_inner()),
        )
    }
}
