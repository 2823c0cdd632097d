//! How an attempt ends, whoever says so.

use crate::codes::{TaskState, WorkflowState};
use crate::logic::sub_workflow::Wish;
use crate::model::Property;
use crate::time::Millis;
use crate::workflow::node::Chain;
use crate::workflow::{Draft, Effect, NodeId, Stage, TaskChange, Timer, rows};

impl Draft<'_> {
    pub(in crate::workflow) fn succeed(&mut self, node: NodeId, end_time: Millis, put_out: Vec<Property>) {
        self.release_slot(node);
        let var_pool = self.outgoing_var_pool(node, put_out);
        self.close(node, TaskState::Success, Some(end_time), Some(var_pool));
        self.merge_into_workflow(node);
        self.end_task(node, Stage::Succeeded, None);
    }

    pub(in crate::workflow) fn close_killed(&mut self, node: NodeId, end_time: Millis) {
        self.release_slot(node);
        self.close(node, TaskState::Kill, Some(end_time), None);
        self.end_task(node, Stage::Killed, Some(Chain::Killed));
    }

    /// A pause sets no end time.
    pub(in crate::workflow) fn close_paused(&mut self, node: NodeId) {
        self.release_slot(node);
        self.close(node, TaskState::Pause, None, None);
        self.end_task(node, Stage::Paused, Some(Chain::Paused));
    }

    /// The attempt has failed. A retry that is left follows, unless somebody wants the task to end.
    pub(in crate::workflow) fn fail(&mut self, node: NodeId, end_time: Millis, reason: &str) {
        if self.can_retry(node) {
            if self.state() == WorkflowState::ReadyStop || self.node(node).attempt.kill_wanted {
                self.note(
                    node,
                    format!("failed ({reason}) and is not tried again, since it is to be killed"),
                );
                return self.close_killed(node, end_time);
            }
            if self.state() == WorkflowState::ReadyPause {
                self.note(
                    node,
                    format!("failed ({reason}) and is paused before its next attempt"),
                );
                return self.close_paused(node);
            }
        }
        self.release_slot(node);
        self.close(node, TaskState::Failure, Some(end_time), None);
        self.note(node, format!("failed: {reason}"));
        self.failed(node, self.now, true);
    }

    /// Another attempt would fail for the same reason.
    pub(in crate::workflow) fn fail_for_good(&mut self, node: NodeId, end_time: Millis, reason: &str) {
        self.release_slot(node);
        self.close(node, TaskState::Failure, Some(end_time), None);
        self.note(node, format!("failed: {reason}"));
        self.failed(node, end_time, false);
    }

    /// What follows from a row in FAILURE.
    pub(in crate::workflow) fn failed(&mut self, node: NodeId, ended: Millis, may_retry: bool) {
        if may_retry && self.can_retry(node) {
            if self.state() == WorkflowState::ReadyStop {
                self.set_stage(node, Stage::Retrying);
                return self.close_killed(node, self.now);
            }
            if self.state() == WorkflowState::ReadyPause {
                return self.close_paused(node);
            }
            self.set_stage(node, Stage::Retrying);
            let row = self.row(node);
            let (timer, interval) = (
                Timer::Retry {
                    task_instance_id: row.id,
                },
                row.retry_interval.max(0),
            );
            let at = ended.plus_minutes(i64::from(interval));
            return self.effect(Effect::ArmTimer { timer, at });
        }
        if self.failure_is_tolerated(node) {
            self.merge_into_workflow(node);
            self.end_task(node, Stage::Failed, None);
        } else {
            self.end_task(node, Stage::Failed, Some(Chain::Failed));
        }
    }

    fn can_retry(&self, node: NodeId) -> bool {
        let row = self.row(node);
        row.retry_times < row.max_retry_times
    }

    /// Nobody has the attempt any more: a fresh one takes its place and costs no retry. Where the task is to be killed while the
    /// workflow runs on, the attempt just ends.
    pub(in crate::workflow) fn replace_attempt(&mut self, node: NodeId, reason: &str) {
        if self.node(node).attempt.kill_wanted && self.state() == WorkflowState::RunningExecution {
            self.note(node, format!("is gone ({reason}) and counts as killed"));
            self.ask_child(node, Wish::Stop);
            return self.close_killed(node, self.now);
        }
        self.note(node, format!("is replaced by a new attempt: {reason}"));
        let fresh = rows::recovered(self.row(node), self.now);
        self.supersede(node, Some(TaskState::NeedFaultTolerance), fresh);
        self.start_attempt(node);
    }

    fn close(
        &mut self,
        node: NodeId,
        state: TaskState,
        end_time: Option<Millis>,
        var_pool: Option<Option<String>>,
    ) {
        let change = TaskChange {
            state: Some(state),
            end_time: end_time.map(Some),
            var_pool,
            ..TaskChange::default()
        };
        self.update_row(node, change);
    }
}
