//! What executors report. A report proves that the executor has the attempt, whatever was known before.

use super::{Cell, Verdict};
use crate::codes::{TaskState, WorkflowState};
use crate::workflow::{Draft, Effect, ExecutorEvent, ExecutorEventKind, NodeId, Stage, TaskChange};

const ENDED_BEFORE: &str = "a late report: the attempt has ended";

impl Draft<'_> {
    pub(in crate::workflow) fn on_current_report(&mut self, node: NodeId, report: &ExecutorEvent) -> Cell {
        if let ExecutorEventKind::RuntimeContextChanged { app_ids } = &report.kind {
            self.keep_runtime_context(node, app_ids.as_deref());
        }
        match self.stage(node) {
            Stage::AwaitingSlot | Stage::Queued => {
                self.adopt(node, &report.host);
                Ok(self.apply_report(node, report))
            }
            Stage::Sent | Stage::Doubtful | Stage::TakingOver => {
                self.confirmed_by_report(node, report);
                Ok(self.apply_report(node, report))
            }
            Stage::Held | Stage::Running => Ok(self.apply_report(node, report)),
            Stage::Retrying | Stage::Failed | Stage::Paused | Stage::Killed | Stage::Succeeded => {
                Ok(Verdict::Nothing(ENDED_BEFORE))
            }
            Stage::Idle => Err(self.not_asked(node)),
        }
    }

    /// Taken out of the dispatcher: a worker has it, from a call that another master made or that was thought refused.
    fn adopt(&mut self, node: NodeId, host: &str) {
        let row = self.row(node);
        let (task_instance_id, worker_group) = (row.id, row.worker_group.clone().unwrap_or_default());
        self.effect(Effect::CancelDispatch {
            task_instance_id,
            worker_group,
        });
        let change = TaskChange {
            state: Some(TaskState::Dispatch),
            host: Some(Some(host.to_owned())),
            var_pool: Some(self.node(node).attempt.incoming.clone()),
            ..TaskChange::default()
        };
        self.update_row(node, change);
        self.node_mut(node).attempt.sent_at = Some(self.now);
        self.set_stage(node, Stage::Held);
    }

    /// An attempt that reports its end needs neither kill nor pause any more.
    fn confirmed_by_report(&mut self, node: NodeId, report: &ExecutorEvent) {
        let effects = self.effects.len();
        self.confirmed(node);
        if report.kind.ends() {
            self.effects.truncate(effects);
        }
    }

    fn apply_report(&mut self, node: NodeId, report: &ExecutorEvent) -> Verdict {
        self.node_mut(node).attempt.heard_at = Some(self.now);
        match &report.kind {
            ExecutorEventKind::Dispatched => {
                let change = TaskChange {
                    host: Some(Some(report.host.clone())),
                    ..TaskChange::default()
                };
                self.update_row(node, change);
            }
            ExecutorEventKind::Running { start_time, log_path } => {
                let change = TaskChange {
                    state: Some(TaskState::RunningExecution),
                    start_time: Some(Some(*start_time)),
                    log_path: log_path.clone(),
                    ..TaskChange::default()
                };
                self.update_row(node, change);
                self.set_stage(node, Stage::Running);
            }
            ExecutorEventKind::RuntimeContextChanged { .. } => {}
            ExecutorEventKind::Succeeded { end_time, var_pool } => {
                self.succeed(node, *end_time, var_pool.clone());
            }
            ExecutorEventKind::Failed { end_time } => {
                self.fail(node, *end_time, "the executor reported a failure")
            }
            ExecutorEventKind::Killed { .. } if self.died_of_doubt(node) => {
                self.replace_attempt(node, "it was killed because its worker had denied it before");
            }
            ExecutorEventKind::Killed { end_time } => self.close_killed(node, *end_time),
            ExecutorEventKind::Paused { .. } => self.close_paused(node),
        }
        Verdict::Done
    }

    /// Nobody but the question whether it exists wanted this attempt dead: ours, or that of an earlier owner, whose other reasons (a stop, a time-out, the failure
    /// strategy) would be ours too.
    fn died_of_doubt(&self, node: NodeId) -> bool {
        let attempt = &self.node(node).attempt;
        let was_doubted = attempt.doubt_kill_sent || attempt.sent_at.is_none();
        was_doubted && !attempt.kill_wanted && self.state() != WorkflowState::ReadyStop
    }

    /// Kept in every stage: for an ended attempt it still names what runs outside.
    fn keep_runtime_context(&mut self, node: NodeId, app_ids: Option<&str>) {
        if let Some(app_ids) = app_ids.filter(|ids| !ids.is_empty()) {
            let change = TaskChange {
                app_link: Some(app_ids.to_owned()),
                ..TaskChange::default()
            };
            self.update_row(node, change);
        }
    }

    /// Kept in the row before the success is: from there the graph goes on, in any master.
    pub(in crate::workflow) fn on_branch_chosen(&mut self, node: NodeId, task_params: &str) -> Cell {
        match self.stage(node) {
            Stage::Sent | Stage::Doubtful | Stage::TakingOver | Stage::Held | Stage::Running => {
                let change = TaskChange {
                    task_params: Some(task_params.to_owned()),
                    ..TaskChange::default()
                };
                self.update_row(node, change);
                Ok(Verdict::Done)
            }
            Stage::Retrying | Stage::Failed | Stage::Paused | Stage::Killed | Stage::Succeeded => {
                Ok(Verdict::Nothing(ENDED_BEFORE))
            }
            Stage::Idle | Stage::AwaitingSlot | Stage::Queued => Err(self.not_asked(node)),
        }
    }

    /// The executor of a replaced attempt is told to stop, unless it has.
    pub(in crate::workflow) fn on_replaced_report(&mut self, report: &ExecutorEvent) -> Verdict {
        if !report.kind.ends() && !report.host.is_empty() {
            let (task_instance_id, host) = (report.task_instance_id, report.host.clone());
            self.effect(Effect::SendKill {
                task_instance_id,
                host,
            });
        }
        Verdict::Nothing("the attempt was replaced by a newer one")
    }
}
