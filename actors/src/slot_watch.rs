//! The attempts of this master that wait for a slot of their task group: their queue rows are looked at until they may go.
//!
//! Guarantees: an attempt that has its slot goes, whether or not the coordinator's message arrives; a thousand that wait cost one query a second. It refuses to
//! know who gives slots.

use crate::limits::{SLOT_GATHER, SLOT_LOOK_INTERVAL, SLOT_LOOK_LEN_MAX};
use crate::term::Term;
use crate::workflow::{Deliver, WorkflowActor};
use actix::Addr;
use orca_engine::coordinator::may_go;
use orca_engine::workflow::Event;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::Notify;

#[derive(Default)]
struct Waiting {
    actors: BTreeMap<i32, Addr<WorkflowActor>>,
    /// Not looked at yet: an attempt that was taken over may have its slot, and a group may be closed.
    fresh: Vec<i32>,
    /// Where the next look at all goes on.
    cursor: i32,
}

/// Cheap to clone; one table.
#[derive(Clone, Default)]
pub(crate) struct SlotWatch {
    waiting: Arc<Mutex<Waiting>>,
    added: Arc<Notify>,
}

impl SlotWatch {
    pub(crate) fn wait_for(&self, task_instance_id: i32, actor: Addr<WorkflowActor>) {
        let mut waiting = self.lock();
        waiting.actors.insert(task_instance_id, actor);
        waiting.fresh.push(task_instance_id);
        self.added.notify_one();
    }

    /// Looks as long as the term lasts.
    pub(crate) async fn run(self, term: Arc<Term>) {
        loop {
            if self.lock().actors.is_empty() {
                self.added.notified().await;
            }
            let ids = tokio::select! {
                () = self.added.notified() => { tokio::time::sleep(SLOT_GATHER).await; self.take_fresh() }
                () = tokio::time::sleep(if self.has_fresh() { SLOT_GATHER } else { SLOT_LOOK_INTERVAL }) => self.next_page(),
            };
            if !ids.is_empty() {
                self.look(&term, ids).await;
            }
        }
    }

    async fn look(&self, term: &Term, ids: Vec<i32>) {
        let asked = ids.clone();
        match term.pool.run(move |store| store.slot_places(&asked)).await {
            Ok(places) => {
                for id in ids.into_iter().filter(|id| may_go(places.get(id).copied())) {
                    self.go(id);
                }
            }
            Err(error) => log::warn!("the places in task group queues cannot be read: {error}"),
        }
    }

    fn go(&self, task_instance_id: i32) {
        if let Some(actor) = self.lock().actors.remove(&task_instance_id) {
            actor.do_send(Deliver(vec![Event::SlotAcquired { task_instance_id }]));
        }
    }

    fn has_fresh(&self) -> bool {
        !self.lock().fresh.is_empty()
    }

    fn take_fresh(&self) -> Vec<i32> {
        std::mem::take(&mut self.lock().fresh)
    }

    /// The next of all that wait, in a circle. Instances that ended or moved away are forgotten here.
    fn next_page(&self) -> Vec<i32> {
        let mut waiting = self.lock();
        waiting.fresh.clear();
        waiting.actors.retain(|_, actor| actor.connected());
        let after = (Bound::Excluded(waiting.cursor), Bound::Unbounded);
        let mut ids: Vec<i32> = waiting
            .actors
            .range(after)
            .take(SLOT_LOOK_LEN_MAX)
            .map(|(id, _)| *id)
            .collect();
        if ids.len() < SLOT_LOOK_LEN_MAX {
            let left = SLOT_LOOK_LEN_MAX - ids.len();
            let rest: Vec<i32> = waiting
                .actors
                .range(..=waiting.cursor)
                .take(left)
                .map(|(id, _)| *id)
                .collect();
            ids.extend(rest);
        }
        waiting.cursor = ids.last().copied().unwrap_or(0);
        ids
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
