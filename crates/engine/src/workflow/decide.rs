//! From events to a step. Each event goes to the cell for (where the attempt stands, what happened); the cells are in
//! `cells/`, one file per topic, and none of their matches has a wildcard arm.

use super::cells::{Cell, Verdict};
use super::{Draft, Effect, Event, ExecutorEvent, NodeId, Refusal, Stage, Step, Timer, WorkflowMachine};
use crate::time::Millis;

/// Whose event it is.
enum Attempt {
    Current(NodeId),
    Replaced,
}

const REPORTED_SINCE: &str = "a report that came later shows that the worker has it";
const REPLACED: &str = "the attempt was replaced by a newer one";

impl WorkflowMachine {
    /// Decides the events in their order, as one step. An event that does not fit is refused and changes nothing; the others
    /// are decided as if it had not come. The machine itself is not changed.
    #[must_use]
    pub fn decide(&self, events: &[Event], now: Millis) -> Step {
        let mut draft = Draft::new(self, now);
        let (mut refused, mut ignored) = (Vec::new(), Vec::new());
        for (index, event) in events.iter().enumerate() {
            if is_outdated(event, &events[index + 1..]) {
                ignored.push((index, REPORTED_SINCE));
                continue;
            }
            match draft.decide_one(event) {
                Ok(Verdict::Done) => draft.run_follow_ups(),
                Ok(Verdict::Nothing(reason)) => ignored.push((index, reason)),
                Err(refusal) => refused.push((index, refusal)),
            }
        }
        draft.into_step(refused, ignored)
    }
}

/// A "no" of a worker that reports the attempt afterwards: the call that it denied was still on its way to it. Both may wait together when the database
/// does not answer.
fn is_outdated(event: &Event, later: &[Event]) -> bool {
    let denied = match event {
        Event::Probed {
            task_instance_id,
            present: Some(false),
            ..
        }
        | Event::TakeOverAnswered {
            task_instance_id,
            taken: Some(false),
            ..
        }
        | Event::KillAnswered {
            task_instance_id,
            queued: Some(false),
            ..
        } => *task_instance_id,
        _ => return false,
    };
    later
        .iter()
        .any(|event| matches!(event, Event::Executor(report) if report.task_instance_id == denied))
}

impl Draft<'_> {
    fn decide_one(&mut self, event: &Event) -> Cell {
        match event {
            Event::Started => self.on_started(),
            Event::PauseRequested => self.on_pause_requested(),
            Event::StopRequested => self.on_stop_requested(),
            Event::WorkerLost {
                host,
                before,
                is_replaced,
            } => Ok(self.on_worker_lost(host, *before, *is_replaced)),
            Event::ContextFailed {
                task_instance_id,
                reason,
            } => self.current(*task_instance_id, |draft, node| {
                draft.on_context_failed(node, reason)
            }),
            Event::WorkerChosen {
                task_instance_id,
                host,
            } => self.current(*task_instance_id, |draft, node| {
                draft.on_worker_chosen(node, host)
            }),
            Event::DispatchTimedOut {
                task_instance_id,
                reason,
            } => self.current(*task_instance_id, |draft, node| {
                draft.on_dispatch_timed_out(node, reason)
            }),
            Event::DispatchAccepted {
                task_instance_id,
                host,
            } => self.answered(*task_instance_id, host, |draft, node| {
                draft.on_dispatch_accepted(node)
            }),
            Event::DispatchRefused {
                task_instance_id,
                host,
                reason,
            } => self.answered(*task_instance_id, host, |draft, node| {
                draft.on_dispatch_refused(node, reason)
            }),
            Event::DispatchUnknown {
                task_instance_id,
                host,
                reason,
            } => self.answered(*task_instance_id, host, |draft, node| {
                draft.on_dispatch_unknown(node, reason)
            }),
            Event::Probed {
                task_instance_id,
                host,
                present,
            } => self.answered(*task_instance_id, host, |draft, node| {
                draft.on_probed(node, *present)
            }),
            Event::TakeOverAnswered {
                task_instance_id,
                host,
                taken,
            } => self.answered(*task_instance_id, host, |draft, node| {
                draft.on_take_over_answered(node, *taken)
            }),
            Event::KillAnswered {
                task_instance_id,
                host,
                queued,
            } => self.answered(*task_instance_id, host, |draft, node| {
                draft.on_kill_answered(node, *queued)
            }),
            Event::Executor(report) => self.on_report(report),
            Event::BranchChosen {
                task_instance_id,
                task_params,
            } => self.current(*task_instance_id, |draft, node| {
                draft.on_branch_chosen(node, task_params)
            }),
            Event::SlotAcquired { task_instance_id } => {
                self.current(*task_instance_id, |draft, node| draft.on_slot_acquired(node))
            }
            Event::ChildPrepared {
                task_instance_id,
                found,
            } => self.current(*task_instance_id, |draft, node| {
                draft.on_child_prepared(node, found)
            }),
            Event::ResultsSettled {
                task_instance_id,
                context,
            } => self.current(*task_instance_id, |draft, node| {
                draft.on_results_settled(node, context)
            }),
            Event::TimerFired(timer) => self.on_timer(timer),
        }
    }

    fn on_timer(&mut self, timer: &Timer) -> Cell {
        match timer {
            Timer::WorkflowTimeout => self.on_workflow_timeout(),
            Timer::Silence => self.on_silence_due(),
            Timer::TaskTimeout { task_instance_id } => {
                self.current(*task_instance_id, |draft, node| Ok(draft.on_task_timeout(node)))
            }
            Timer::SystemTimeout { task_instance_id } => {
                self.current(*task_instance_id, |draft, node| Ok(draft.on_system_timeout(node)))
            }
            Timer::Retry { task_instance_id } => {
                self.current(*task_instance_id, |draft, node| Ok(draft.on_retry_due(node)))
            }
            Timer::Probe { task_instance_id } => {
                self.current(*task_instance_id, |draft, node| Ok(draft.on_probe_due(node)))
            }
            Timer::KillAgain { task_instance_id } => {
                self.current(*task_instance_id, |draft, node| Ok(draft.on_kill_again_due(node)))
            }
        }
    }

    /// A report is acknowledged whenever it is applied or known to change nothing: the executor sends nothing else before.
    fn on_report(&mut self, report: &ExecutorEvent) -> Cell {
        let attempt = self.locate(report.task_instance_id)?;
        let effects = self.effects.len();
        self.acknowledge(report);
        let verdict = match attempt {
            Attempt::Current(node) => self.on_current_report(node, report),
            Attempt::Replaced => Ok(self.on_replaced_report(report)),
        };
        if verdict.is_err() {
            self.effects.truncate(effects);
        }
        verdict
    }

    fn acknowledge(&mut self, report: &ExecutorEvent) {
        if report.host.is_empty() {
            return;
        }
        self.effect(Effect::SendAck {
            task_instance_id: report.task_instance_id,
            host: report.host.clone(),
            event_type: report.kind.event_type(),
        });
    }

    /// Something between two tries ended up here for the attempt: only the current one counts.
    fn current(&mut self, task_instance_id: i32, cell: impl FnOnce(&mut Self, NodeId) -> Cell) -> Cell {
        match self.locate(task_instance_id)? {
            Attempt::Current(node) => cell(self, node),
            Attempt::Replaced => Ok(Verdict::Nothing(REPLACED)),
        }
    }

    /// As [`Self::current`], for an answer to a call: only the host that the row names counts.
    fn answered(&mut self, id: i32, host: &str, cell: impl FnOnce(&mut Self, NodeId) -> Cell) -> Cell {
        self.current(id, |draft, node| {
            let asked = draft.row(node).host.as_deref();
            if asked.is_some_and(|asked| asked != host) {
                return Ok(Verdict::Nothing(
                    "the answer is about an earlier call to another worker",
                ));
            }
            cell(draft, node)
        })
    }

    fn locate(&self, task_instance_id: i32) -> Result<Attempt, Refusal> {
        let unknown = Refusal::UnknownAttempt { task_instance_id };
        let node = self.base.node_of(task_instance_id).ok_or(unknown)?;
        let place = self.node(node);
        if place.task().map(|row| row.id) != Some(task_instance_id) {
            return Ok(Attempt::Replaced);
        }
        if place.stage == Stage::Idle {
            return Err(Refusal::NotReached {
                name: self.definition(node).name.clone(),
            });
        }
        Ok(Attempt::Current(node))
    }
}
