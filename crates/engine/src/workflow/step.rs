//! What a run of events leads to, and how it becomes true in memory.

use super::node::Phase;
use super::{Effect, Node, NodeId, Stage, Timer, WorkflowMachine, Write};
use crate::model::WorkflowInstance;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One decision: commit `writes` in one fenced transaction, then `apply` the step and run the effects it returns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub delta: Delta,
    pub writes: Vec<Write>,
    /// Effects before the ids of new rows are known; `apply` returns them resolved.
    pub after_commit: Vec<Effect>,
    /// Index of each event that does not fit, with the reason. Such an event has changed nothing; the others count.
    pub refused: Vec<(usize, Refusal)>,
    /// Index of each event that fits and changes nothing, with the reason.
    pub ignored: Vec<(usize, &'static str)>,
}

/// What changes in memory. Opaque: only `apply` reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delta {
    pub(super) nodes: BTreeMap<NodeId, Node>,
    pub(super) instance: Option<Box<WorkflowInstance>>,
    pub(super) counts: Counts,
    pub(super) started: bool,
    pub(super) retired: bool,
    /// Nodes of the inserted rows, in the order of the inserts.
    pub(super) inserted: Vec<NodeId>,
}

/// How many nodes stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub nodes: u32,
    pub active: u32,
    pub inactive: u32,
    /// Chains that ended, by reason.
    pub failed: u32,
    pub paused: u32,
    pub killed: u32,
}

/// Why an event does not fit the machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("task instance {task_instance_id} does not belong to this workflow instance")]
    UnknownAttempt { task_instance_id: i32 },
    #[error("task {name:?} has not been reached yet")]
    NotReached { name: String },
    #[error("task instance {task_instance_id} does not wait at the dispatcher (it is {})", stage.name())]
    NotQueued { task_instance_id: i32, stage: Stage },
    #[error("task instance {task_instance_id} has no call that this could answer (it is {})", stage.name())]
    NotAsked { task_instance_id: i32, stage: Stage },
    #[error("task instance {task_instance_id} does not wait for a task-group slot")]
    NoSlotWanted { task_instance_id: i32 },
    #[error("the workflow instance has been started already")]
    AlreadyStarted,
    #[error("the workflow instance is {state}, which no master runs")]
    NotRunning { state: crate::codes::WorkflowState },
}

impl WorkflowMachine {
    /// Makes a committed step true in memory and returns what is to be done now. `inserted_ids` are the ids of the new rows,
    /// in the order of the step's `InsertTask` writes.
    ///
    /// # Panics
    /// When there are fewer ids than inserts, since then the memory and the database would go apart.
    pub fn apply(&mut self, step: Step, inserted_ids: &[i32]) -> Vec<Effect> {
        let Step {
            mut delta,
            mut after_commit,
            ..
        } = step;
        assert_eq!(
            delta.inserted.len(),
            inserted_ids.len(),
            "the store reports one id per inserted row"
        );
        for (&node, &id) in delta.inserted.iter().zip(inserted_ids) {
            if let Some(row) = delta.nodes.get_mut(&node).and_then(|node| node.row.as_mut()) {
                Arc::make_mut(row).id = id;
            }
            self.node_of_attempt.insert(id, node);
        }
        let ids: BTreeMap<i32, i32> = delta
            .inserted
            .iter()
            .zip(inserted_ids)
            .map(|(&node, &id)| (provisional_id(node), id))
            .collect();
        let touched: Vec<NodeId> = delta.nodes.keys().copied().collect();
        for (id, node) in delta.nodes {
            self.put(id, node);
        }
        if let Some(instance) = delta.instance {
            self.instance = *instance;
        }
        self.counts = delta.counts;
        self.started = delta.started;
        self.retired = delta.retired;
        if cfg!(debug_assertions) {
            crate::invariants::check_touched(self, &touched);
        }
        if !ids.is_empty() {
            after_commit.iter_mut().for_each(|effect| resolve(effect, &ids));
        }
        after_commit
    }

    fn put(&mut self, id: NodeId, node: Node) {
        let keep = |set: &mut std::collections::BTreeSet<NodeId>, member: bool| {
            if member {
                set.insert(id);
            } else {
                set.remove(&id);
            }
        };
        keep(&mut self.active, node.phase == Phase::Active);
        keep(&mut self.live, node.is_live());
        self.nodes[id.index()] = node;
    }
}

/// What stands for the id of a row that the same step inserts: negative, since the database gives positive ids.
pub(super) fn provisional_id(node: NodeId) -> i32 {
    -1 - i32::try_from(node.0).expect("a graph has at most GRAPH_SIZE_MAX nodes, which fits")
}

fn resolve(effect: &mut Effect, ids: &BTreeMap<i32, i32>) {
    let id = match effect {
        Effect::AwaitSlot { task_instance_id }
        | Effect::CancelDispatch { task_instance_id, .. }
        | Effect::SendDispatch { task_instance_id, .. }
        | Effect::SendKill { task_instance_id, .. }
        | Effect::SendPause { task_instance_id, .. }
        | Effect::SendAck { task_instance_id, .. }
        | Effect::SendTakeOver { task_instance_id, .. }
        | Effect::SendProbe { task_instance_id, .. }
        | Effect::FollowChild { task_instance_id, .. }
        | Effect::Note {
            task_instance_id: Some(task_instance_id),
            ..
        } => task_instance_id,
        Effect::ArmTimer { timer, .. } => match timer {
            Timer::TaskTimeout { task_instance_id }
            | Timer::SystemTimeout { task_instance_id }
            | Timer::Retry { task_instance_id }
            | Timer::Probe { task_instance_id }
            | Timer::KillAgain { task_instance_id } => task_instance_id,
            Timer::WorkflowTimeout | Timer::Silence => return,
        },
        Effect::QueueDispatch { .. }
        | Effect::RequeueDispatch { .. }
        | Effect::Note {
            task_instance_id: None,
            ..
        }
        | Effect::AskChild { .. }
        | Effect::Retire { .. } => return,
    };
    if let Some(&real) = ids.get(id) {
        *id = real;
    }
}
