//! The beginning: of the run, and of each task, from its row where it has one.

use super::{Cell, Verdict};
use crate::codes::{TaskState, WorkflowState};
use crate::logic::LogicType;
use crate::logic::sub_workflow::Wish;
use crate::time::{MILLIS_PER_MINUTE, Millis};
use crate::workflow::node::Chain;
use crate::workflow::{
    Draft, Effect, NodeId, Refusal, Stage, TIMEOUT_SETTLED, TaskChange, Timer, rows, support,
};

impl Draft<'_> {
    /// Begins at the start nodes. A run that goes on from rows is walked again from there: ended tasks are passed in memory, and
    /// what is found at a worker is taken over.
    pub(in crate::workflow) fn on_started(&mut self) -> Cell {
        if self.started {
            return Err(Refusal::AlreadyStarted);
        }
        match self.state() {
            WorkflowState::RunningExecution | WorkflowState::ReadyPause | WorkflowState::ReadyStop => {
                self.started = true;
                self.arm_workflow_timeout();
                self.arm_silence();
                self.activate(self.base.graph.start_nodes());
                Ok(Verdict::Done)
            }
            state @ (WorkflowState::SubmittedSuccess
            | WorkflowState::SerialWait
            | WorkflowState::Failover
            | WorkflowState::Pause
            | WorkflowState::Stop
            | WorkflowState::Failure
            | WorkflowState::Success) => Err(Refusal::NotRunning { state }),
        }
    }

    fn arm_workflow_timeout(&mut self) {
        let minutes = i64::from(self.instance().timeout);
        if minutes > 0 && self.base.timeout_base != TIMEOUT_SETTLED {
            let at = self.base.timeout_base.plus_minutes(minutes);
            self.effect(Effect::ArmTimer {
                timer: Timer::WorkflowTimeout,
                at,
            });
        }
    }

    /// The task's turn has come: make its first row, or go on from the row it has.
    pub(in crate::workflow) fn start_task(&mut self, node: NodeId) {
        let Some(row) = self.node(node).task() else {
            let row = rows::first_run(self.definition(node), self.instance(), self.now);
            let kill_wanted = self.node(node).attempt.kill_wanted;
            self.insert_row(node, row);
            self.node_mut(node).attempt.kill_wanted = kill_wanted;
            return self.start_attempt(node);
        };
        match row.state {
            TaskState::SubmittedSuccess | TaskState::DelayExecution => self.start_attempt(node),
            TaskState::Dispatch | TaskState::RunningExecution | TaskState::NeedFaultTolerance => {
                self.recover_attempt(node);
            }
            TaskState::Failure => self.resume_failed(node),
            TaskState::Pause => self.end_task(node, Stage::Paused, Some(Chain::Paused)),
            TaskState::Kill => self.end_task(node, Stage::Killed, Some(Chain::Killed)),
            // A forced success that is walked again becomes a plain one, as in the reference.
            TaskState::Success | TaskState::ForcedSuccess => {
                self.update_row(
                    node,
                    TaskChange {
                        state: Some(TaskState::Success),
                        ..TaskChange::default()
                    },
                );
                self.merge_into_workflow(node);
                self.end_task(node, Stage::Succeeded, None);
            }
        }
    }

    /// A row that waits to be dispatched: as the workflow's state wants it, closed or handed to the dispatcher.
    pub(in crate::workflow) fn start_attempt(&mut self, node: NodeId) {
        self.set_stage(node, Stage::Queued);
        if self.state() == WorkflowState::ReadyStop || self.node(node).attempt.kill_wanted {
            self.ask_child(node, Wish::Stop);
            return self.close_killed(node, self.now);
        }
        if self.state() == WorkflowState::ReadyPause {
            self.ask_child(node, Wish::Pause);
            return self.close_paused(node);
        }
        if let Some(reason) = support::unsupported(self.definition(node), &self.base.rules) {
            return self.fail_for_good(node, self.now, &reason);
        }
        self.arm_task_timers(node);
        self.begin_attempt(node);
    }

    /// To the dispatcher, not before the end of its start delay.
    pub(in crate::workflow) fn queue_dispatch(&mut self, node: NodeId) {
        self.set_stage(node, Stage::Queued);
        let incoming = self.incoming_var_pool(node);
        self.node_mut(node).attempt.incoming = incoming;
        let not_before = self.delay(node);
        self.effect(Effect::QueueDispatch { node, not_before });
    }

    /// The end of the task's start delay, which counts from its first submission in whole seconds.
    fn delay(&mut self, node: NodeId) -> Millis {
        let row = self.row(node);
        let first = row.first_submit_time.unwrap_or(self.now);
        let until = first.plus_minutes(i64::from(row.delay_time.max(0)));
        if until.since(self.now) <= 0 {
            return self.now;
        }
        self.update_row(
            node,
            TaskChange {
                state: Some(TaskState::DelayExecution),
                ..TaskChange::default()
            },
        );
        until
    }

    /// Found in a state that says a worker has it. A worker that does is asked to report here; what has no worker to ask is
    /// started anew.
    fn recover_attempt(&mut self, node: NodeId) {
        self.set_stage(node, Stage::TakingOver);
        let kill = self.state() == WorkflowState::ReadyStop;
        self.node_mut(node).attempt.kill_wanted |= kill;
        match self.host(node) {
            Some(host) if LogicType::of(&self.row(node).task_type).is_none() => {
                self.arm_task_timers(node);
                let task_instance_id = self.id(node);
                self.effect(Effect::SendTakeOver {
                    task_instance_id,
                    host,
                });
            }
            Some(_) => self.replace_attempt(node, "a task inside a master ends with that master"),
            None => self.replace_attempt(node, "its row names no worker"),
        }
    }

    /// A failed row: the retry that is left to it counts from its end, by the clock of the executor but never from the
    /// future.
    fn resume_failed(&mut self, node: NodeId) {
        let ended = self.row(node).end_time.map_or(self.now, |end| end.min(self.now));
        self.failed(node, ended, true);
    }

    pub(in crate::workflow) fn arm_task_timers(&mut self, node: NodeId) {
        let (task, row) = (self.definition(node), self.row(node));
        let (task_instance_id, submitted) = (row.id, row.submit_time.unwrap_or(self.now));
        if task.timeout > 0 && task.timeout_notify_strategy.is_some() {
            let at = submitted.plus(i64::from(task.timeout) * MILLIS_PER_MINUTE);
            self.effect(Effect::ArmTimer {
                timer: Timer::TaskTimeout { task_instance_id },
                at,
            });
        }
        if let Some(limit_ms) = self.base.rules.task_runtime_max_ms {
            let timer = Timer::SystemTimeout { task_instance_id };
            self.effect(Effect::ArmTimer {
                timer,
                at: submitted.plus(limit_ms),
            });
        }
    }
}
