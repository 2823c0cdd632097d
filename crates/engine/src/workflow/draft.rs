//! A step in the making: the machine as it will be, laid over the machine as it is. Only what is touched is copied, so a
//! step costs what it changes and not what the workflow is large.

use super::flow::FollowUp;
use super::node::{Attempt, Phase};
use super::step::provisional_id;
use super::{Counts, Delta, Effect, Node, NodeId, Refusal, Stage, Step, TaskChange, WorkflowMachine, Write};
use crate::codes::WorkflowState;
use crate::model::{TaskDefinition, TaskInstance, WorkflowInstance};
use crate::time::Millis;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

pub(super) struct Draft<'m> {
    pub(super) base: &'m WorkflowMachine,
    pub(super) now: Millis,
    nodes: BTreeMap<NodeId, Node>,
    instance: Option<Box<WorkflowInstance>>,
    pub(super) counts: Counts,
    pub(super) started: bool,
    pub(super) retired: bool,
    writes: Vec<Planned>,
    /// Where the update of a row stands in `writes`: later changes of the row join it.
    update_of: BTreeMap<i32, usize>,
    inserted: Vec<NodeId>,
    pub(super) effects: Vec<Effect>,
    pub(super) follow_ups: VecDeque<FollowUp>,
}

/// A write whose row may still change before the step is complete.
enum Planned {
    Insert(NodeId),
    Ready(Write),
    /// Taken back within the step that planned it.
    Dropped,
}

impl<'m> Draft<'m> {
    pub(super) fn new(base: &'m WorkflowMachine, now: Millis) -> Self {
        Self {
            base,
            now,
            nodes: BTreeMap::new(),
            instance: None,
            counts: base.counts,
            started: base.started,
            retired: base.retired,
            writes: Vec::new(),
            update_of: BTreeMap::new(),
            inserted: Vec::new(),
            effects: Vec::new(),
            follow_ups: VecDeque::new(),
        }
    }

    pub(super) fn node(&self, node: NodeId) -> &Node {
        self.nodes.get(&node).unwrap_or_else(|| self.base.node(node))
    }

    pub(super) fn node_mut(&mut self, node: NodeId) -> &mut Node {
        self.nodes
            .entry(node)
            .or_insert_with(|| self.base.node(node).clone())
    }

    pub(super) fn stage(&self, node: NodeId) -> Stage {
        self.node(node).stage
    }

    pub(super) fn set_stage(&mut self, node: NodeId, stage: Stage) {
        self.node_mut(node).stage = stage;
    }

    pub(super) fn definition(&self, node: NodeId) -> &'m TaskDefinition {
        self.base.task_definition(node)
    }

    pub(super) fn instance(&self) -> &WorkflowInstance {
        self.instance.as_deref().unwrap_or(&self.base.instance)
    }

    pub(super) fn instance_mut(&mut self) -> &mut WorkflowInstance {
        self.instance
            .get_or_insert_with(|| Box::new(self.base.instance.clone()))
    }

    pub(super) fn state(&self) -> WorkflowState {
        self.instance().state
    }

    /// The row of a node that has one. Every stage but `Idle` has.
    pub(super) fn row(&self, node: NodeId) -> &TaskInstance {
        self.node(node)
            .task()
            .expect("every stage but Idle has a row (INV-ATTEMPT-1)")
    }

    pub(super) fn id(&self, node: NodeId) -> i32 {
        self.row(node).id
    }

    pub(super) fn host(&self, node: NodeId) -> Option<String> {
        self.row(node).host.clone().filter(|host| !host.is_empty())
    }

    /// Active nodes, in node order.
    pub(super) fn active_nodes(&self) -> Vec<NodeId> {
        self.members(&self.base.active, |node| node.phase == Phase::Active)
    }

    /// Active nodes that nobody has asked to die, in node order.
    pub(super) fn live_nodes(&self) -> Vec<NodeId> {
        self.members(&self.base.live, Node::is_live)
    }

    fn members(
        &self,
        base: &std::collections::BTreeSet<NodeId>,
        is_member: impl Fn(&Node) -> bool,
    ) -> Vec<NodeId> {
        let untouched = base.iter().copied().filter(|node| !self.nodes.contains_key(node));
        let touched = self
            .nodes
            .iter()
            .filter(|(_, node)| is_member(node))
            .map(|(&id, _)| id);
        let mut all: Vec<NodeId> = untouched.chain(touched).collect();
        all.sort_unstable();
        all
    }

    /// Gives the node a new row and a new attempt; the row's id comes with the commit.
    pub(super) fn insert_row(&mut self, node: NodeId, mut row: TaskInstance) {
        debug_assert!(
            !self.inserted.contains(&node),
            "one new row per node and step: no event can name the first"
        );
        row.id = provisional_id(node);
        let place = self.node_mut(node);
        place.row = Some(Arc::new(row));
        place.attempt = Attempt::default();
        self.inserted.push(node);
        self.writes.push(Planned::Insert(node));
    }

    /// Changes the node's row, in memory and in the database, as far as it is a change.
    pub(super) fn update_row(&mut self, node: NodeId, change: TaskChange) {
        let change = super::rows::reduce(change, self.row(node));
        if change == TaskChange::default() {
            return;
        }
        let row = Arc::make_mut(self.node_mut(node).row.as_mut().expect("`row` has just read it"));
        super::rows::merge_into_row(&change, row);
        let id = row.id;
        self.update(id, change);
    }

    /// Changes a row by its id: also one that is no node's current row any more.
    fn update(&mut self, id: i32, change: TaskChange) {
        if id < 0 {
            return; // the insert of this step carries it
        }
        match self.update_of.get(&id).map(|&at| &mut self.writes[at]) {
            Some(Planned::Ready(Write::UpdateTask { change: earlier, .. })) => {
                super::rows::join(earlier, change);
            }
            _ => {
                self.update_of.insert(id, self.writes.len());
                self.writes.push(Planned::Ready(Write::UpdateTask { id, change }));
            }
        }
    }

    pub(super) fn write(&mut self, write: Write) {
        self.writes.push(Planned::Ready(write));
    }

    /// Takes back the request for a slot that this very step has planned for the node.
    pub(super) fn drop_slot_request(&mut self, node: NodeId) {
        for planned in &mut self.writes {
            if matches!(planned, Planned::Ready(Write::QueueForSlot { node: asker, .. }) if *asker == node) {
                *planned = Planned::Dropped;
            }
        }
    }

    pub(super) fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    pub(super) fn note(&mut self, node: NodeId, text: String) {
        let task_instance_id = self.node(node).task().map(|row| row.id);
        let text = format!("task {}: {text}", self.definition(node).name);
        self.effect(Effect::Note {
            task_instance_id,
            text,
        });
    }

    /// The finished step. The instance's own write comes last: the end, or a changed state.
    pub(super) fn into_step(
        mut self,
        refused: Vec<(usize, Refusal)>,
        ignored: Vec<(usize, &'static str)>,
    ) -> Step {
        self.write_instance();
        let rows = &self.nodes;
        let writes = self
            .writes
            .into_iter()
            .filter_map(|planned| match planned {
                Planned::Ready(write) => Some(write),
                Planned::Insert(node) => Some(Write::InsertTask {
                    node,
                    row: Box::new(new_row(&rows[&node])),
                }),
                Planned::Dropped => None,
            })
            .collect();
        let delta = Delta {
            nodes: self.nodes,
            instance: self.instance,
            counts: self.counts,
            started: self.started,
            retired: self.retired,
            inserted: self.inserted,
        };
        Step {
            delta,
            writes,
            after_commit: self.effects,
            refused,
            ignored,
        }
    }

    fn write_instance(&mut self) {
        let state = self.state();
        if self.retired && !self.base.retired {
            let instance = self.instance();
            let (end_time, var_pool) = (instance.end_time.unwrap_or(self.now), instance.var_pool.clone());
            let serial =
                self.base.definition.workflow.execution_type != crate::codes::ExecutionType::Parallel;
            self.write(Write::Finish {
                state,
                end_time,
                var_pool,
                serial,
            });
            self.effect(Effect::Retire { state });
        } else if state != self.base.instance.state {
            self.write(Write::SetState { state });
        }
    }
}

fn new_row(node: &Node) -> TaskInstance {
    let row = node.task().expect("a node with an insert has the row");
    TaskInstance { id: 0, ..row.clone() }
}
