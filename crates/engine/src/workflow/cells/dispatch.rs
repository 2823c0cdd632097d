//! From the dispatcher to the worker. State DISPATCH and the host are committed before the call goes out, so that whoever
//! reads the row after a crash knows which worker to ask.

use super::{Cell, ENDED, Verdict};
use crate::codes::{TaskState, WorkflowState};
use crate::workflow::{Draft, Effect, NodeId, Refusal, Stage, TaskChange, Timer};

impl Draft<'_> {
    pub(in crate::workflow) fn on_context_failed(&mut self, node: NodeId, reason: &str) -> Cell {
        match self.stage(node) {
            Stage::Queued => {
                self.fail(
                    node,
                    self.now,
                    &format!("its execution context cannot be built: {reason}"),
                );
                Ok(Verdict::Done)
            }
            Stage::Idle
            | Stage::AwaitingSlot
            | Stage::Sent
            | Stage::Doubtful
            | Stage::Held
            | Stage::Running
            | Stage::TakingOver => Err(self.not_queued(node)),
            Stage::Retrying | Stage::Failed | Stage::Paused | Stage::Killed | Stage::Succeeded => {
                Ok(Verdict::Nothing(ENDED))
            }
        }
    }

    pub(in crate::workflow) fn on_dispatch_timed_out(&mut self, node: NodeId, reason: &str) -> Cell {
        match self.stage(node) {
            Stage::Queued => {
                self.fail(node, self.now, &format!("no worker took it in time: {reason}"));
                Ok(Verdict::Done)
            }
            Stage::Idle
            | Stage::AwaitingSlot
            | Stage::Sent
            | Stage::Doubtful
            | Stage::Held
            | Stage::Running
            | Stage::TakingOver => Err(self.not_queued(node)),
            Stage::Retrying | Stage::Failed | Stage::Paused | Stage::Killed | Stage::Succeeded => {
                Ok(Verdict::Nothing(ENDED))
            }
        }
    }

    /// INV-DISPATCH-1: only an attempt in `Queued` is sent, and it leaves `Queued` by that.
    pub(in crate::workflow) fn on_worker_chosen(&mut self, node: NodeId, host: &str) -> Cell {
        match self.stage(node) {
            Stage::Queued => {
                let var_pool = Some(self.node(node).attempt.incoming.clone());
                let change = TaskChange {
                    state: Some(TaskState::Dispatch),
                    host: Some(Some(host.to_owned())),
                    var_pool,
                    ..TaskChange::default()
                };
                self.update_row(node, change);
                let now = self.now;
                let attempt = &mut self.node_mut(node).attempt;
                (attempt.sent_at, attempt.call_open) = (Some(now), true);
                self.set_stage(node, Stage::Sent);
                let (task_instance_id, host) = (self.id(node), host.to_owned());
                self.effect(Effect::SendDispatch {
                    node,
                    task_instance_id,
                    host,
                });
                Ok(Verdict::Done)
            }
            Stage::Idle
            | Stage::AwaitingSlot
            | Stage::Sent
            | Stage::Doubtful
            | Stage::Held
            | Stage::Running
            | Stage::TakingOver
            | Stage::Retrying
            | Stage::Failed
            | Stage::Paused
            | Stage::Killed
            | Stage::Succeeded => Err(self.not_queued(node)),
        }
    }

    pub(in crate::workflow) fn on_dispatch_accepted(&mut self, node: NodeId) -> Cell {
        match self.stage(node) {
            Stage::Sent | Stage::Doubtful => {
                self.confirmed(node);
                Ok(Verdict::Done)
            }
            Stage::Held | Stage::Running => Ok(Verdict::Nothing("a report has shown it already")),
            Stage::TakingOver => Ok(Verdict::Nothing("the take-over call answers the same question")),
            Stage::Idle | Stage::AwaitingSlot | Stage::Queued => Err(self.not_asked(node)),
            Stage::Retrying | Stage::Failed | Stage::Paused | Stage::Killed | Stage::Succeeded => {
                Ok(Verdict::Nothing(ENDED))
            }
        }
    }

    /// The worker does not have it, for certain: the attempt goes back to the dispatcher, or ends as it is wanted to.
    pub(in crate::workflow) fn on_dispatch_refused(&mut self, node: NodeId, reason: &str) -> Cell {
        match self.stage(node) {
            Stage::Sent | Stage::Doubtful => {
                self.take_back(node, reason);
                Ok(Verdict::Done)
            }
            Stage::Held | Stage::Running => Ok(Verdict::Nothing("a report has shown that the worker has it")),
            Stage::TakingOver => Ok(Verdict::Nothing("the take-over call answers the same question")),
            Stage::Idle | Stage::AwaitingSlot | Stage::Queued => Err(self.not_asked(node)),
            Stage::Retrying | Stage::Failed | Stage::Paused | Stage::Killed | Stage::Succeeded => {
                Ok(Verdict::Nothing(ENDED))
            }
        }
    }

    fn take_back(&mut self, node: NodeId, reason: &str) {
        let attempt = &mut self.node_mut(node).attempt;
        attempt.failures = attempt.failures.saturating_add(1);
        (attempt.sent_at, attempt.doubt_since) = (None, None);
        (attempt.worker_gone, attempt.unanswered, attempt.call_open) = (false, false, false);
        let (failures, kill_wanted) = (attempt.failures, attempt.kill_wanted);
        let change = TaskChange {
            state: Some(TaskState::SubmittedSuccess),
            host: Some(None),
            ..TaskChange::default()
        };
        self.update_row(node, change);
        self.set_stage(node, Stage::Queued);
        if kill_wanted || self.state() == WorkflowState::ReadyStop {
            self.close_killed(node, self.now);
        } else if self.state() == WorkflowState::ReadyPause {
            self.close_paused(node);
        } else {
            self.note(
                node,
                format!("was refused by its worker and is dispatched again: {reason}"),
            );
            self.effect(Effect::RequeueDispatch { node, failures });
        }
    }

    /// Nobody knows whether the worker has it. It is asked; the attempt is never sent again to find out.
    pub(in crate::workflow) fn on_dispatch_unknown(&mut self, node: NodeId, reason: &str) -> Cell {
        match self.stage(node) {
            Stage::Sent => {
                self.note(
                    node,
                    format!("may or may not be at its worker, which is asked: {reason}"),
                );
                self.doubt(node);
                Ok(Verdict::Done)
            }
            // Its worker was lost meanwhile. What was sent may have reached the process that answers there now.
            Stage::Doubtful if self.node(node).attempt.call_open => {
                self.doubt(node);
                Ok(Verdict::Done)
            }
            Stage::Doubtful => Ok(Verdict::Nothing("the worker is being asked already")),
            Stage::Held | Stage::Running => Ok(Verdict::Nothing("a report has shown that the worker has it")),
            Stage::TakingOver => Ok(Verdict::Nothing("the take-over call answers the same question")),
            Stage::Idle | Stage::AwaitingSlot | Stage::Queued => Err(self.not_asked(node)),
            Stage::Retrying | Stage::Failed | Stage::Paused | Stage::Killed | Stage::Succeeded => {
                Ok(Verdict::Nothing(ENDED))
            }
        }
    }

    /// The worker has it, by its answer or by a report: whatever was asked of the attempt meanwhile is sent now.
    pub(in crate::workflow) fn confirmed(&mut self, node: NodeId) {
        let state = self.row(node).state;
        let running = state == TaskState::RunningExecution;
        if state == TaskState::NeedFaultTolerance {
            self.update_row(
                node,
                TaskChange {
                    state: Some(TaskState::Dispatch),
                    ..TaskChange::default()
                },
            );
        }
        self.set_stage(node, if running { Stage::Running } else { Stage::Held });
        let now = self.now;
        let attempt = &mut self.node_mut(node).attempt;
        let gone = attempt.worker_gone;
        attempt.watched |= gone;
        (attempt.doubt_since, attempt.worker_gone, attempt.call_open) = (None, false, false);
        attempt.unanswered = false;
        (attempt.heard_at, attempt.asked_in_silence) = (Some(now), false);
        if gone {
            self.watch(node);
        }
        if self.node(node).attempt.kill_wanted {
            self.send_kill(node);
        } else if self.state() == WorkflowState::ReadyPause {
            self.send_pause(node);
        }
    }

    /// Begins to ask the worker whether it has the attempt.
    pub(in crate::workflow) fn doubt(&mut self, node: NodeId) {
        self.set_stage(node, Stage::Doubtful);
        let now = self.now;
        let attempt = &mut self.node_mut(node).attempt;
        (attempt.doubt_since, attempt.call_open) = (Some(now), false);
        self.ask(node);
    }

    /// One question, and the time of the next.
    pub(in crate::workflow) fn ask(&mut self, node: NodeId) {
        if let Some(host) = self.host(node) {
            let task_instance_id = self.id(node);
            self.effect(Effect::SendProbe {
                task_instance_id,
                host,
            });
        }
        self.ask_later(node);
    }

    pub(in crate::workflow) fn ask_later(&mut self, node: NodeId) {
        let timer = Timer::Probe {
            task_instance_id: self.id(node),
        };
        self.effect(Effect::ArmTimer {
            timer,
            at: self.now.plus(self.base.rules.probe_interval_ms),
        });
    }

    /// A worker that is not registered ends its tasks as soon as it learns of that, and nobody will say so: it is asked again until the attempt
    /// has ended.
    pub(in crate::workflow) fn watch(&mut self, node: NodeId) {
        let timer = Timer::Probe {
            task_instance_id: self.id(node),
        };
        self.effect(Effect::ArmTimer {
            timer,
            at: self.now.plus(self.base.rules.watch_interval_ms),
        });
    }

    fn not_queued(&self, node: NodeId) -> Refusal {
        Refusal::NotQueued {
            task_instance_id: self.id(node),
            stage: self.stage(node),
        }
    }

    pub(super) fn not_asked(&self, node: NodeId) -> Refusal {
        Refusal::NotAsked {
            task_instance_id: self.id(node),
            stage: self.stage(node),
        }
    }
}
