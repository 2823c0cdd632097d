//! Tasks that have said nothing for long. Their owner asks the worker to report here, as at a take-over: reports that went to an earlier owner come, a worker
//! that lost the task says so, and one that is merely slow is never taken for dead.

use super::{Cell, Verdict};
use crate::codes::WorkflowState;
use crate::logic::LogicType;
use crate::workflow::{Draft, Effect, NodeId, Refusal, Stage, Timer};

impl Draft<'_> {
    pub(in crate::workflow) fn arm_silence(&mut self) {
        if let Some(interval_ms) = self.base.rules.silence_interval_ms {
            self.effect(Effect::ArmTimer {
                timer: Timer::Silence,
                at: self.now.plus(interval_ms),
            });
        }
    }

    pub(in crate::workflow) fn on_silence_due(&mut self) -> Cell {
        match self.state() {
            WorkflowState::RunningExecution | WorkflowState::ReadyPause | WorkflowState::ReadyStop => {
                for node in self.active_nodes() {
                    if self.is_silent(node) {
                        self.node_mut(node).attempt.asked_in_silence = true;
                        self.send_take_over(node);
                    }
                }
                self.arm_silence();
                Ok(Verdict::Done)
            }
            WorkflowState::Pause | WorkflowState::Stop | WorkflowState::Failure | WorkflowState::Success => {
                Ok(Verdict::Nothing("the workflow instance has ended"))
            }
            state @ (WorkflowState::SubmittedSuccess
            | WorkflowState::SerialWait
            | WorkflowState::Failover) => Err(Refusal::NotRunning { state }),
        }
    }

    /// A worker has it, and nothing has been heard of it for the interval. What runs inside a master has no worker to ask.
    fn is_silent(&self, node: NodeId) -> bool {
        let place = self.node(node);
        let is_at_worker = matches!(place.stage, Stage::Held | Stage::Running)
            && LogicType::of(&self.row(node).task_type).is_none();
        let interval_ms = self.base.rules.silence_interval_ms.unwrap_or(i64::MAX);
        let heard = place.attempt.heard_at;
        is_at_worker && heard.is_none_or(|heard| self.now.since(heard) >= interval_ms)
    }

    /// The worker's answer to a question that was asked while the attempt was known to be there.
    pub(super) fn silence_answered(&mut self, node: NodeId, taken: Option<bool>) -> Verdict {
        let Some(taken) = taken else {
            return Verdict::Nothing("the worker has not answered; it is asked again");
        };
        let now = self.now;
        let attempt = &mut self.node_mut(node).attempt;
        attempt.asked_in_silence = false;
        if taken {
            attempt.heard_at = Some(now);
        } else if attempt.kill_wanted {
            self.gone_as_wanted(node);
        } else if self.stage(node) == Stage::Running {
            // It would be there until its end is acknowledged, and that is not before the end is committed.
            self.kill_call(node);
            self.replace_attempt(node, "its worker does not have it any more");
        } else {
            self.note(
                node,
                "is not at the worker that took it; it is asked for until the bound".to_owned(),
            );
            self.doubt(node);
        }
        Verdict::Done
    }
}
