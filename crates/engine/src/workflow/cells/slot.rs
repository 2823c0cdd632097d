//! Task groups: an attempt of a limited task waits for its slot before it goes to the dispatcher.
//!
//! The queue row is written in the step that makes the attempt wait, and removed in the step that ends it, so a slot is given back exactly once however
//! the attempt ends. The slot goes with the row: whoever takes the instance over finds it.

use super::{Cell, ENDED, Verdict};
use crate::workflow::{Draft, Effect, NodeId, Refusal, Stage, Write};

impl Draft<'_> {
    /// Queues the attempt for a slot when its task belongs to a group, else hands it to the dispatcher.
    pub(in crate::workflow) fn begin_attempt(&mut self, node: NodeId) {
        if self.row(node).task_group_id <= 0 {
            return self.queue_dispatch(node);
        }
        self.set_stage(node, Stage::AwaitingSlot);
        let (row, task) = (self.row(node), self.definition(node));
        let (task_instance_id, group_id) = (row.id, row.task_group_id);
        self.write(Write::QueueForSlot {
            node,
            task_instance_id: Some(task_instance_id).filter(|id| *id > 0),
            task_name: task.name.clone(),
            group_id,
            priority: task.task_group_priority,
        });
        self.effect(Effect::AwaitSlot { task_instance_id });
    }

    /// It has its slot, or needs none: its group is gone or closed, or an operator lets it go.
    pub(in crate::workflow) fn on_slot_acquired(&mut self, node: NodeId) -> Cell {
        match self.stage(node) {
            Stage::AwaitingSlot => {
                self.queue_dispatch(node);
                Ok(Verdict::Done)
            }
            Stage::Queued
            | Stage::Sent
            | Stage::Doubtful
            | Stage::Held
            | Stage::Running
            | Stage::TakingOver => Ok(Verdict::Nothing("the attempt does not wait for a slot any more")),
            Stage::Retrying | Stage::Failed | Stage::Paused | Stage::Killed | Stage::Succeeded => {
                Ok(Verdict::Nothing(ENDED))
            }
            Stage::Idle => Err(Refusal::NoSlotWanted {
                task_instance_id: self.id(node),
            }),
        }
    }
}
