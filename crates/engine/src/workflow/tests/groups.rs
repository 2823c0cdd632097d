//! A task group of one slot in the small world: who waits, and who has the slot.

use crate::model::TaskInstance;
use crate::workflow::{Event, Stage};
use std::collections::BTreeSet;

#[derive(Default)]
pub(super) struct SlotQueue {
    rows: BTreeSet<i32>,
    holder: Option<i32>,
}

impl SlotQueue {
    /// An attempt that has its row keeps its place or its slot.
    pub(super) fn ask(&mut self, task_instance_id: i32) {
        self.rows.insert(task_instance_id);
    }

    pub(super) fn release(&mut self, task_instance_id: i32) {
        self.rows.remove(&task_instance_id);
        self.holder = self.holder.filter(|holder| *holder != task_instance_id);
    }

    /// The holder is told again and again, as by a poll; a free slot goes to the first that waits.
    pub(super) fn give(&mut self) -> Option<Event> {
        self.holder = self.holder.or_else(|| self.rows.first().copied());
        let task_instance_id = self.holder?;
        Some(Event::SlotAcquired { task_instance_id })
    }

    /// Only the holder is on its way to a worker, and a row that has ended has given its slot back.
    pub(super) fn check(&self, row: &TaskInstance, stage: Stage) {
        if row.task_group_id == 0 {
            return;
        }
        let goes_on = matches!(
            stage,
            Stage::Queued | Stage::Sent | Stage::Doubtful | Stage::Held | Stage::Running
        );
        assert!(
            !goes_on || self.holder == Some(row.id),
            "{} goes on without a slot",
            row.id
        );
        assert!(
            !row.state.is_finished() || !self.rows.contains(&row.id),
            "{} has ended and keeps its slot",
            row.id
        );
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}
