//! What happens when a time is over. A timer belongs to one attempt: that of an earlier one is dropped before it gets here.

use super::{Cell, ENDED, Verdict};
use crate::codes::{TaskTimeoutStrategy, WorkflowState};
use crate::workflow::{Draft, NodeId, Refusal, Stage, rows};

impl Draft<'_> {
    /// An alert; the workflow runs on.
    pub(in crate::workflow) fn on_workflow_timeout(&mut self) -> Cell {
        match self.state() {
            WorkflowState::RunningExecution | WorkflowState::ReadyPause | WorkflowState::ReadyStop => {
                if self.workflow_timeout_alert() {
                    Ok(Verdict::Done)
                } else {
                    Ok(Verdict::Nothing("the workflow instance has no alert group"))
                }
            }
            WorkflowState::Pause | WorkflowState::Stop | WorkflowState::Failure | WorkflowState::Success => {
                Ok(Verdict::Nothing("the workflow instance has ended"))
            }
            state @ (WorkflowState::SubmittedSuccess
            | WorkflowState::SerialWait
            | WorkflowState::Failover) => Err(Refusal::NotRunning { state }),
        }
    }

    pub(in crate::workflow) fn on_task_timeout(&mut self, node: NodeId) -> Verdict {
        let Some(strategy) = self.definition(node).timeout_notify_strategy else {
            return Verdict::Nothing("the task has no time-out strategy");
        };
        self.on_time_over(node, strategy)
    }

    /// The server's limit ends the task as the strategy FAILED does.
    pub(in crate::workflow) fn on_system_timeout(&mut self, node: NodeId) -> Verdict {
        self.on_time_over(node, TaskTimeoutStrategy::Failed)
    }

    fn on_time_over(&mut self, node: NodeId, strategy: TaskTimeoutStrategy) -> Verdict {
        match self.stage(node) {
            Stage::AwaitingSlot
            | Stage::Queued
            | Stage::Sent
            | Stage::Doubtful
            | Stage::Held
            | Stage::Running
            | Stage::TakingOver => {
                self.time_over(node, strategy);
                Verdict::Done
            }
            Stage::Retrying | Stage::Failed | Stage::Paused | Stage::Killed | Stage::Succeeded => {
                Verdict::Nothing(ENDED)
            }
            Stage::Idle => Verdict::Nothing("the task has not been reached"),
        }
    }

    fn time_over(&mut self, node: NodeId, strategy: TaskTimeoutStrategy) {
        let (kill, warn) = match strategy {
            TaskTimeoutStrategy::Warn => (false, true),
            TaskTimeoutStrategy::Failed => (true, false),
            TaskTimeoutStrategy::WarnFailed => (true, true),
        };
        self.note(node, format!("has run out of time (strategy {strategy})"));
        if warn {
            self.task_timeout_alert(node);
        }
        if kill {
            self.kill_task(node);
        }
    }

    pub(in crate::workflow) fn on_retry_due(&mut self, node: NodeId) -> Verdict {
        match self.stage(node) {
            Stage::Retrying => {
                let next = rows::retry(self.row(node), self.now);
                self.supersede(node, None, next);
                self.start_attempt(node);
                Verdict::Done
            }
            Stage::Idle
            | Stage::AwaitingSlot
            | Stage::Queued
            | Stage::Sent
            | Stage::Doubtful
            | Stage::Held
            | Stage::Running
            | Stage::TakingOver => Verdict::Nothing("the attempt has not failed"),
            Stage::Failed | Stage::Paused | Stage::Killed | Stage::Succeeded => {
                Verdict::Nothing("the attempt is not tried again any more")
            }
        }
    }
}
