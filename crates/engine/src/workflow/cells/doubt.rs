//! What is known of an attempt at a worker that does not answer, does not know it, or is gone.
//!
//! One attempt, one executor: a fresh attempt is made only when the worker has denied this one for good (a "no" after the
//! bound and after a kill for its id), or when nobody is registered at its address any more. Another process that is registered there may have been reached by
//! the call that was meant for the lost one, so it is asked until it answers.

use super::{Cell, ENDED, NOT_DISPATCHED, Verdict};
use crate::codes::TaskState;
use crate::time::Millis;
use crate::workflow::{Draft, Effect, NodeId, Stage};

impl Draft<'_> {
    pub(in crate::workflow) fn on_probed(&mut self, node: NodeId, present: Option<bool>) -> Cell {
        match self.stage(node) {
            Stage::Doubtful => Ok(self.probed_in_doubt(node, present)),
            Stage::Held | Stage::Running if self.node(node).attempt.kill_wanted && present == Some(false) => {
                self.gone_as_wanted(node);
                Ok(Verdict::Done)
            }
            Stage::Held | Stage::Running => Ok(Verdict::Nothing("the attempt is in no doubt")),
            Stage::Sent => Ok(Verdict::Nothing("the dispatch call's own answer decides")),
            Stage::TakingOver => Ok(Verdict::Nothing("the take-over call's own answer decides")),
            Stage::Idle | Stage::AwaitingSlot | Stage::Queued => Ok(Verdict::Nothing(NOT_DISPATCHED)),
            Stage::Retrying | Stage::Failed | Stage::Paused | Stage::Killed | Stage::Succeeded => {
                Ok(Verdict::Nothing(ENDED))
            }
        }
    }

    /// Its worker does not have it, and it was to be killed: nothing else will say that it is.
    pub(super) fn gone_as_wanted(&mut self, node: NodeId) {
        self.note(
            node,
            "is not at its worker any more and counts as killed".to_owned(),
        );
        self.close_killed(node, self.now);
    }

    fn probed_in_doubt(&mut self, node: NodeId, present: Option<bool>) -> Verdict {
        match present {
            Some(true) => {
                self.found_at_worker(node);
                Verdict::Done
            }
            Some(false) if self.bound_is_over(node) => {
                let attempt = &mut self.node_mut(node).attempt;
                attempt.doubt_kill_sent = true;
                self.kill_call(node);
                Verdict::Done
            }
            Some(false) => Verdict::Nothing("the call may still be on its way to the worker"),
            None => Verdict::Nothing("the worker has not answered; it is asked again"),
        }
    }

    /// The worker has it after all. What an earlier owner has sent reports to that one until it is taken over.
    pub(super) fn found_at_worker(&mut self, node: NodeId) {
        if self.node(node).attempt.sent_at.is_some() {
            self.confirmed(node);
        } else {
            self.set_stage(node, Stage::TakingOver);
            self.send_take_over(node);
        }
    }

    /// Nothing that was sent can still be on its way: the call itself has been answered, or given up, for long enough.
    fn bound_is_over(&self, node: NodeId) -> bool {
        let attempt = &self.node(node).attempt;
        let since = attempt.doubt_since.unwrap_or(self.now);
        !attempt.call_open && self.now.since(since) >= self.base.rules.doubt_bound_ms
    }

    pub(in crate::workflow) fn on_probe_due(&mut self, node: NodeId) -> Verdict {
        match self.stage(node) {
            Stage::Doubtful => {
                self.ask(node);
                Verdict::Done
            }
            Stage::TakingOver => {
                self.send_take_over(node);
                Verdict::Done
            }
            Stage::Held | Stage::Running if self.node(node).attempt.watched => {
                self.send_take_over(node);
                self.watch(node);
                Verdict::Done
            }
            Stage::Idle
            | Stage::AwaitingSlot
            | Stage::Queued
            | Stage::Sent
            | Stage::Held
            | Stage::Running => Verdict::Nothing("the attempt is in no doubt"),
            Stage::Retrying | Stage::Failed | Stage::Paused | Stage::Killed | Stage::Succeeded => {
                Verdict::Nothing(ENDED)
            }
        }
    }

    pub(in crate::workflow) fn on_take_over_answered(&mut self, node: NodeId, taken: Option<bool>) -> Cell {
        match self.stage(node) {
            Stage::TakingOver => {
                self.take_over_answered(node, taken);
                Ok(Verdict::Done)
            }
            // It had it when it was asked before, and would still have it if its end were not committed.
            Stage::Held | Stage::Running if self.node(node).attempt.watched && taken == Some(false) => {
                self.replace_attempt(node, "its worker does not have it any more");
                Ok(Verdict::Done)
            }
            Stage::Held | Stage::Running if self.node(node).attempt.asked_in_silence => {
                Ok(self.silence_answered(node, taken))
            }
            Stage::Held | Stage::Running => Ok(Verdict::Nothing("the worker has it, or has not answered")),
            Stage::Idle | Stage::AwaitingSlot | Stage::Queued | Stage::Sent | Stage::Doubtful => {
                Err(self.not_asked(node))
            }
            Stage::Retrying | Stage::Failed | Stage::Paused | Stage::Killed | Stage::Succeeded => {
                Ok(Verdict::Nothing(ENDED))
            }
        }
    }

    fn take_over_answered(&mut self, node: NodeId, taken: Option<bool>) {
        let gone = self.node(node).attempt.worker_gone;
        match taken {
            Some(true) => self.confirmed(node),
            Some(false) if gone => {
                self.kill_call(node);
                self.replace_attempt(node, "its worker is gone");
            }
            // The worker had it, since it has reported; it would still have it if its end were not committed.
            Some(false) if self.row(node).state == TaskState::RunningExecution => {
                self.replace_attempt(node, "its worker does not have it any more");
            }
            // The dispatch call of the previous owner may still be on its way.
            Some(false) => {
                if self.row(node).state != TaskState::Dispatch {
                    return self.replace_attempt(node, "its worker does not have it any more");
                }
                self.note(
                    node,
                    "is not at its worker, or not yet; it is asked for until the bound".to_owned(),
                );
                self.doubt(node);
            }
            // No answer is no answer: it is asked again, until it is said that nobody is registered there.
            None => {
                self.node_mut(node).attempt.unanswered = gone;
                self.ask_later(node);
            }
        }
    }

    pub(super) fn send_take_over(&mut self, node: NodeId) {
        if let Some(host) = self.host(node) {
            let task_instance_id = self.id(node);
            self.effect(Effect::SendTakeOver {
                task_instance_id,
                host,
            });
        }
    }

    /// The worker process at `host` is gone. What was sent there before `before` is looked at; what is on its way is unknown,
    /// not lost.
    pub(in crate::workflow) fn on_worker_lost(
        &mut self,
        host: &str,
        before: Millis,
        is_replaced: bool,
    ) -> Verdict {
        let there: Vec<NodeId> = self
            .active_nodes()
            .into_iter()
            .filter(|&node| self.was_sent_to(node, host, before))
            .collect();
        if there.is_empty() {
            return Verdict::Nothing("no attempt of this workflow is at that worker");
        }
        for node in there {
            self.lose_worker(node, is_replaced);
        }
        Verdict::Done
    }

    fn was_sent_to(&self, node: NodeId, host: &str, before: Millis) -> bool {
        let place = self.node(node);
        if place.task().and_then(|row| row.host.as_deref()) != Some(host) {
            return false;
        }
        // What an earlier owner has sent was sent before this one heard of any loss. A time that lies ahead was taken before our clock was set back,
        // and so before the loss.
        place
            .attempt
            .sent_at
            .is_none_or(|sent| sent < before || sent > self.now && before <= self.now)
    }

    fn lose_worker(&mut self, node: NodeId, is_replaced: bool) {
        let attempt = &mut self.node_mut(node).attempt;
        attempt.worker_gone = true;
        let is_given_up = std::mem::take(&mut attempt.unanswered) && !is_replaced;
        match self.stage(node) {
            Stage::Sent => {
                self.note(node, "was being sent to a worker that is gone".to_owned());
                self.doubt(node);
                self.node_mut(node).attempt.call_open = true;
            }
            // The call may have reached, or still reach, whatever answers at that address.
            Stage::Doubtful if self.node(node).attempt.call_open || is_replaced => {}
            Stage::Doubtful => self.replace_attempt(node, "its worker is gone and never confirmed it"),
            Stage::Held | Stage::Running | Stage::TakingOver
                if self.base.rules.take_over_on_worker_loss && !is_given_up =>
            {
                self.set_stage(node, Stage::TakingOver);
                self.send_take_over(node);
            }
            Stage::Held | Stage::Running | Stage::TakingOver => {
                self.kill_call(node);
                self.replace_attempt(node, "its worker is gone");
            }
            // Such a row names a worker only from an earlier time.
            Stage::Idle
            | Stage::AwaitingSlot
            | Stage::Queued
            | Stage::Retrying
            | Stage::Failed
            | Stage::Paused
            | Stage::Killed
            | Stage::Succeeded => self.node_mut(node).attempt.worker_gone = false,
        }
    }
}
