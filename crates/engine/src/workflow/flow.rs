//! The walk over the graph: which tasks become ready, which are passed through, and when the run is over
//! (`WorkflowExecutionGraph`, `AbstractWorkflowStateAction`). Every edge is looked at once per run.

use super::node::{Chain, Phase};
use super::{Draft, NodeId, Stage};
use crate::codes::{FailureStrategy, Flag, WorkflowState};

/// What follows from an event inside the machine, handled first in, first out as the reference's event bus does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FollowUp {
    /// The node is ready: go on from its row, or make one.
    Start(NodeId),
    /// The node has ended, or is passed through.
    Passed(NodeId),
}

impl Draft<'_> {
    /// Handles everything that follows, and ends the run when nothing is active any more.
    ///
    /// The reference looks at the predecessors of the candidates instead and can miss the end for ever when one of them never
    /// runs; "nothing is active" gives the same answer in every other case.
    pub(super) fn run_follow_ups(&mut self) {
        while let Some(follow_up) = self.follow_ups.pop_front() {
            match follow_up {
                FollowUp::Start(node) => self.start_task(node),
                FollowUp::Passed(node) => self.passed(node),
            }
        }
        if self.started && !self.retired && self.counts.active == 0 {
            self.finish();
        }
    }

    /// Begins the nodes, in the order of their names: the order of the rows.
    pub(super) fn activate(&mut self, mut nodes: Vec<NodeId>) {
        nodes.sort_by_key(|&node| self.definition(node).name.as_str());
        for node in nodes {
            self.node_mut(node).phase = Phase::Active;
            self.counts.active += 1;
            let passes = self.node(node).skipped || self.is_forbidden(node);
            self.follow_ups.push_back(if passes {
                FollowUp::Passed(node)
            } else {
                FollowUp::Start(node)
            });
        }
    }

    fn passed(&mut self, node: NodeId) {
        let place = self.node_mut(node);
        place.phase = Phase::Inactive;
        let blocks = place.chain.is_some();
        self.counts.active -= 1;
        self.counts.inactive += 1;
        let successors = self.base.graph.successors(node);
        for &successor in successors {
            let place = self.node_mut(successor);
            place.open_predecessors -= 1;
            place.blocking_predecessors += u32::from(blocks);
        }
        self.adjust_flow(node);
        if self.stage(node) == Stage::Failed && self.instance().failure_strategy == FailureStrategy::End {
            self.kill_live_tasks();
        }
        if !blocks {
            let ready = successors
                .iter()
                .copied()
                .filter(|&successor| self.node(successor).can_run())
                .collect();
            self.activate(ready);
        }
    }

    /// Which nodes are passed through because of how this one ended.
    fn adjust_flow(&mut self, node: NodeId) {
        if self.node(node).skipped {
            let graph = &self.base.graph;
            for &successor in graph.successors(node) {
                if self.node(successor).unskipped_predecessors == 0 {
                    self.mark_skipped(successor);
                }
            }
        } else if !self.is_forbidden(node) && self.stage(node) == Stage::Succeeded {
            for left_out in self.left_out_by(node) {
                self.mark_skipped(left_out);
            }
        }
    }

    fn mark_skipped(&mut self, node: NodeId) {
        if std::mem::replace(&mut self.node_mut(node).skipped, true) {
            return;
        }
        for &successor in self.base.graph.successors(node) {
            self.node_mut(successor).unskipped_predecessors -= 1;
        }
    }

    fn kill_live_tasks(&mut self) {
        for node in self.live_nodes() {
            self.kill_task(node);
        }
    }

    pub(super) fn is_forbidden(&self, node: NodeId) -> bool {
        self.definition(node).flag == Flag::No
    }

    /// A failed task whose successors are all conditions (or skipped) fails no chain: they decide what it means.
    pub(super) fn failure_is_tolerated(&self, node: NodeId) -> bool {
        let successors = self.base.graph.successors(node);
        let tolerates = |&successor: &NodeId| {
            self.node(successor).skipped
                || super::support::is_condition(self.definition(successor)) && !self.is_forbidden(successor)
        };
        !successors.is_empty() && successors.iter().all(tolerates)
    }

    /// The node's chain ends here (or goes on, with `None`); what follows is handled in its turn.
    pub(super) fn end_task(&mut self, node: NodeId, stage: Stage, chain: Option<Chain>) {
        let place = self.node_mut(node);
        place.stage = stage;
        place.chain = chain;
        match chain {
            Some(Chain::Failed) => self.counts.failed += 1,
            Some(Chain::Paused) => self.counts.paused += 1,
            Some(Chain::Killed) => self.counts.killed += 1,
            None => {}
        }
        self.follow_ups.push_back(FollowUp::Passed(node));
    }

    fn finish(&mut self) {
        let (state, now) = (self.final_state(), self.now);
        let instance = self.instance_mut();
        instance.state = state;
        instance.end_time = Some(now);
        self.retired = true;
        self.continue_backfill();
        self.finish_alert();
    }

    /// The first reason that applies; which comes first depends on what was asked of the workflow.
    fn final_state(&self) -> WorkflowState {
        let (failed, paused, killed) = (
            self.counts.failed > 0,
            self.counts.paused > 0,
            self.counts.killed > 0,
        );
        match self.state() {
            WorkflowState::ReadyPause if paused => WorkflowState::Pause,
            WorkflowState::ReadyStop if killed => WorkflowState::Stop,
            _ if failed => WorkflowState::Failure,
            _ if killed => WorkflowState::Stop,
            _ if paused => WorkflowState::Pause,
            _ => WorkflowState::Success,
        }
    }
}
