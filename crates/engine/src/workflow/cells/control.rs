//! Pause and stop, of the workflow and of one task.

use super::{Cell, ENDED, NOT_DISPATCHED, Verdict};
use crate::codes::WorkflowState;
use crate::workflow::{Draft, Effect, NodeId, Refusal, Stage, Timer};

const FINAL: &str = "the workflow instance has ended";

impl Draft<'_> {
    pub(in crate::workflow) fn on_pause_requested(&mut self) -> Cell {
        match self.state() {
            WorkflowState::RunningExecution => {
                self.instance_mut().state = WorkflowState::ReadyPause;
                for node in self.active_nodes() {
                    self.pause_task(node);
                }
                Ok(Verdict::Done)
            }
            WorkflowState::ReadyPause => {
                Ok(Verdict::Nothing("the workflow instance is being paused already"))
            }
            WorkflowState::ReadyStop => Ok(Verdict::Nothing("the workflow instance is being stopped")),
            WorkflowState::Pause | WorkflowState::Stop | WorkflowState::Failure | WorkflowState::Success => {
                Ok(Verdict::Nothing(FINAL))
            }
            state @ (WorkflowState::SubmittedSuccess
            | WorkflowState::SerialWait
            | WorkflowState::Failover) => Err(Refusal::NotRunning { state }),
        }
    }

    /// Also from READY_PAUSE, and again in READY_STOP: then each kill is sent once more.
    pub(in crate::workflow) fn on_stop_requested(&mut self) -> Cell {
        match self.state() {
            WorkflowState::RunningExecution | WorkflowState::ReadyPause => {
                self.instance_mut().state = WorkflowState::ReadyStop;
                self.kill_active_tasks();
                Ok(Verdict::Done)
            }
            WorkflowState::ReadyStop => {
                self.kill_active_tasks();
                Ok(Verdict::Done)
            }
            WorkflowState::Pause | WorkflowState::Stop | WorkflowState::Failure | WorkflowState::Success => {
                Ok(Verdict::Nothing(FINAL))
            }
            state @ (WorkflowState::SubmittedSuccess
            | WorkflowState::SerialWait
            | WorkflowState::Failover) => Err(Refusal::NotRunning { state }),
        }
    }

    fn kill_active_tasks(&mut self) {
        for node in self.active_nodes() {
            self.kill_task(node);
        }
    }

    fn pause_task(&mut self, node: NodeId) {
        match self.stage(node) {
            Stage::Queued => {
                self.cancel_dispatch(node);
                self.close_paused(node);
            }
            Stage::AwaitingSlot | Stage::Retrying => self.close_paused(node),
            Stage::Held | Stage::Running => self.send_pause(node),
            // The workflow's state is read when the answer comes.
            Stage::Sent | Stage::Doubtful | Stage::TakingOver => {}
            Stage::Idle | Stage::Failed | Stage::Paused | Stage::Killed | Stage::Succeeded => {}
        }
    }

    pub(in crate::workflow) fn kill_task(&mut self, node: NodeId) {
        match self.stage(node) {
            Stage::Queued => {
                self.cancel_dispatch(node);
                self.close_killed(node, self.now);
            }
            Stage::AwaitingSlot | Stage::Retrying => self.close_killed(node, self.now),
            Stage::Held | Stage::Running => {
                self.want_kill(node);
                self.send_kill(node);
            }
            // Sent when the answer comes, since a worker that does not have it yet would let the kill pass.
            Stage::Sent | Stage::Doubtful | Stage::TakingOver => self.want_kill(node),
            // About to be started: it is closed then.
            Stage::Idle => self.want_kill(node),
            Stage::Failed | Stage::Paused | Stage::Killed | Stage::Succeeded => {}
        }
    }

    fn want_kill(&mut self, node: NodeId) {
        let attempt = &mut self.node_mut(node).attempt;
        attempt.kill_wanted = true;
        attempt.kills_sent = 0;
    }

    fn cancel_dispatch(&mut self, node: NodeId) {
        let row = self.row(node);
        let (task_instance_id, worker_group) = (row.id, row.worker_group.clone().unwrap_or_default());
        self.effect(Effect::CancelDispatch {
            task_instance_id,
            worker_group,
        });
    }

    pub(in crate::workflow) fn send_pause(&mut self, node: NodeId) {
        if let Some(host) = self.host(node) {
            let task_instance_id = self.id(node);
            self.effect(Effect::SendPause {
                task_instance_id,
                host,
            });
        }
    }

    /// One kill call, and the time of the next should the end not be reported by then.
    pub(in crate::workflow) fn send_kill(&mut self, node: NodeId) {
        self.kill_call(node);
        let attempt = &mut self.node_mut(node).attempt;
        attempt.kills_sent = attempt.kills_sent.saturating_add(1);
        let timer = Timer::KillAgain {
            task_instance_id: self.id(node),
        };
        self.effect(Effect::ArmTimer {
            timer,
            at: self.now.plus(self.base.rules.kill_interval_ms),
        });
    }

    pub(in crate::workflow) fn kill_call(&mut self, node: NodeId) {
        if let Some(host) = self.host(node) {
            let task_instance_id = self.id(node);
            self.effect(Effect::SendKill {
                task_instance_id,
                host,
            });
        }
    }

    pub(in crate::workflow) fn on_kill_again_due(&mut self, node: NodeId) -> Verdict {
        match self.stage(node) {
            Stage::Held | Stage::Running if !self.node(node).attempt.kill_wanted => {
                Verdict::Nothing("nobody wants this attempt killed")
            }
            Stage::Held | Stage::Running => {
                let (sent, max) = (self.node(node).attempt.kills_sent, self.base.rules.kill_tries_max);
                if sent < max {
                    self.send_kill(node);
                } else {
                    self.note(
                        node,
                        format!("has not ended after {max} kills; stop the workflow again to go on"),
                    );
                }
                Verdict::Done
            }
            Stage::Idle | Stage::AwaitingSlot | Stage::Queued => Verdict::Nothing(NOT_DISPATCHED),
            Stage::Sent | Stage::Doubtful | Stage::TakingOver => {
                Verdict::Nothing("the kill is sent when the worker is known to have the attempt")
            }
            Stage::Retrying | Stage::Failed | Stage::Paused | Stage::Killed | Stage::Succeeded => {
                Verdict::Nothing(ENDED)
            }
        }
    }

    /// "Queued" only means that the worker tries; the end is what it reports. A denial is checked by a question.
    pub(in crate::workflow) fn on_kill_answered(&mut self, node: NodeId, queued: Option<bool>) -> Cell {
        match self.stage(node) {
            Stage::Doubtful if self.node(node).attempt.doubt_kill_sent => {
                Ok(self.doubt_kill_answered(node, queued))
            }
            Stage::Doubtful => Ok(Verdict::Nothing("no kill was sent for this doubt")),
            Stage::Held | Stage::Running if queued == Some(false) && self.node(node).attempt.kill_wanted => {
                if let Some(host) = self.host(node) {
                    let task_instance_id = self.id(node);
                    self.effect(Effect::SendProbe {
                        task_instance_id,
                        host,
                    });
                }
                Ok(Verdict::Done)
            }
            Stage::Held | Stage::Running => Ok(Verdict::Nothing("the executor reports the end")),
            Stage::Sent | Stage::TakingOver => Ok(Verdict::Nothing("the answer that is awaited decides")),
            Stage::Idle | Stage::AwaitingSlot | Stage::Queued => Ok(Verdict::Nothing(NOT_DISPATCHED)),
            Stage::Retrying | Stage::Failed | Stage::Paused | Stage::Killed | Stage::Succeeded => {
                Ok(Verdict::Nothing(ENDED))
            }
        }
    }

    fn doubt_kill_answered(&mut self, node: NodeId, queued: Option<bool>) -> Verdict {
        match queued {
            Some(true) => {
                self.found_at_worker(node);
                Verdict::Done
            }
            Some(false) => {
                self.replace_attempt(node, "its worker has denied it for good");
                Verdict::Done
            }
            None => Verdict::Nothing("the worker has not answered; it is asked again"),
        }
    }
}
