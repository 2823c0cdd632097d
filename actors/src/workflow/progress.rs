//! The four steps: decide what waits, have it committed, apply it, run its effects.

use super::repair::restore;
use super::{End, WorkflowActor};
use crate::limits::{COMMIT_RETRY_FIRST, COMMIT_RETRY_MAX, EVENTS_PER_STEP_MAX};
use crate::term::Term;
use actix::{AsyncContext, Context, WrapFuture, fut::ActorFutureExt};
use orca_engine::codes::WorkflowState;
use orca_engine::fence::Fence;
use orca_engine::workflow::{Event, Step, Write};
use orca_schema::{CommitError, Committed, StepCommit};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// What has become of a step that was sent to the store.
enum Outcome {
    Committed(Vec<i32>),
    /// Nothing was written; the same events are decided again later.
    TryAgain(String),
    NotOwner,
    Impossible(String),
}

impl WorkflowActor {
    /// Goes on as far as possible: one step at a time, the next when this one is committed.
    pub(super) fn progress(&mut self, context: &mut Context<Self>) {
        self.keep_what_is_begun();
        while !self.committing && self.end.is_none() && !self.waiting.is_empty() {
            let events = self.next_events();
            let step = match self.decide(&events) {
                Ok(step) => step,
                Err(reason) => return self.quarantine(&reason, context),
            };
            if step.writes.is_empty() {
                self.apply(step, &[], &events, context);
            } else {
                self.commit(events, step, context);
            }
        }
    }

    fn next_events(&mut self) -> Vec<Event> {
        let len = self.waiting.len().min(EVENTS_PER_STEP_MAX);
        self.waiting.drain(..len).collect()
    }

    /// A panic in the machine has changed nothing, so it ends only this workflow.
    fn decide(&self, events: &[Event]) -> Result<Step, String> {
        let now = self.term.now();
        match catch_unwind(AssertUnwindSafe(|| self.machine.decide(events, now))) {
            Ok(step) => {
                for (index, refusal) in &step.refused {
                    log::warn!(workflow_instance_id = self.id(); "refused {:?}: {refusal}", events[*index]);
                }
                Ok(step)
            }
            Err(panic) => Err(format!("the decision panicked: {}", panic_text(panic.as_ref()))),
        }
    }

    fn commit(&mut self, events: Vec<Event>, mut step: Step, context: &mut Context<Self>) {
        self.committing = true;
        let number = self.step + 1;
        let request = StepCommit {
            fence: self.fence.clone(),
            step: number,
            writes: std::mem::take(&mut step.writes),
        };
        let (term, state) = (self.term.clone(), self.machine.instance().state);
        let committed = async move { commit_and_resolve(&term, request, state).await };
        let done = committed.into_actor(self).map(move |outcome, actor, context| {
            actor.committed(outcome, number, events, step, context);
        });
        context.spawn(done);
    }

    fn committed(
        &mut self,
        outcome: Outcome,
        number: i64,
        events: Vec<Event>,
        step: Step,
        context: &mut Context<Self>,
    ) {
        match outcome {
            Outcome::Committed(ids) => {
                self.step = number;
                self.committing = false;
                self.commit_failures = 0;
                self.apply(step, &ids, &events, context);
                self.progress(context);
                self.settle(context);
            }
            Outcome::TryAgain(reason) => {
                for event in events.into_iter().rev() {
                    self.waiting.push_front(event);
                }
                self.commit_failures += 1;
                let pause = self.commit_pause();
                log::warn!(workflow_instance_id = self.id();
                    "step {number} is not committed (try {}): {reason}; again in {pause:?}", self.commit_failures);
                context.run_later(pause, |actor, context| {
                    actor.committing = false;
                    actor.progress(context);
                    actor.settle(context);
                });
            }
            Outcome::NotOwner => {
                log::info!(workflow_instance_id = self.id(); "the instance has another owner or is final; it is dropped here");
                self.finish(End::NotOwner, context);
            }
            Outcome::Impossible(reason) => {
                self.quarantine(&format!("step {number} cannot be written: {reason}"), context)
            }
        }
    }

    fn apply(&mut self, step: Step, ids: &[i32], events: &[Event], context: &mut Context<Self>) {
        let effects = self.machine.apply(step, ids);
        if let Some(chronicle) = &mut self.chronicle {
            let is_over = chronicle.tell(&self.term, &self.machine, events, &effects);
            self.chronicle.take_if(|_| is_over);
        }
        self.card.set_state(self.machine.instance().state);
        self.run_effects(effects, context);
    }

    fn quarantine(&mut self, reason: &str, context: &mut Context<Self>) {
        self.finish(End::Quarantined(reason.to_owned()), context);
    }

    /// Doubles with each failure, spread by the instance id so that a thousand workflows do not come back at once.
    fn commit_pause(&self) -> Duration {
        let doubled = COMMIT_RETRY_FIRST.saturating_mul(1 << (self.commit_failures - 1).min(10));
        let spread = Duration::from_millis(u64::from(self.id().unsigned_abs() % 97));
        doubled.min(COMMIT_RETRY_MAX) + spread
    }
}

/// Commits one step. When nobody knows whether the COMMIT took place, the instance's step counter is asked until it
/// answers: deciding the same events again before that could run them twice.
async fn commit_and_resolve(term: &Term, request: StepCommit, state: WorkflowState) -> Outcome {
    let inserted = inserted_names(&request.writes);
    let (fence, number) = (request.fence.clone(), request.step);
    match term.commits.commit(request).await {
        Ok(Committed { task_ids }) => Outcome::Committed(task_ids),
        Err(CommitError::Unknown { reason }) => resolve(term, &fence, number, inserted, &reason).await,
        Err(CommitError::Retry { reason }) => Outcome::TryAgain(reason),
        Err(CommitError::NotOwner) if restore(term, &fence, number - 1, state).await => {
            Outcome::TryAgain("a peer had overwritten the row".to_owned())
        }
        Err(CommitError::NotOwner | CommitError::LeaseLost) => Outcome::NotOwner,
        Err(CommitError::Fatal { reason }) => Outcome::Impossible(reason),
    }
}

async fn resolve(term: &Term, fence: &Fence, number: i64, inserted: Vec<String>, reason: &str) -> Outcome {
    let id = fence.workflow_instance_id;
    log::warn!(workflow_instance_id = id; "the outcome of step {number} is unknown ({reason}); reading the step counter");
    let mut pause = COMMIT_RETRY_FIRST;
    while term.lease.holds() {
        let (fence, inserted) = (fence.clone(), inserted.clone());
        let read = term
            .pool
            .run(move |store| store.read_step(&fence, &inserted))
            .await;
        match read {
            Ok(Some(state)) if state.step >= number => return Outcome::Committed(state.task_ids),
            Ok(Some(_)) => return Outcome::TryAgain("the step was not committed".to_owned()),
            Ok(None) => return Outcome::NotOwner,
            Err(error) => log::warn!(workflow_instance_id = id; "the step counter cannot be read: {error}"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(COMMIT_RETRY_MAX);
    }
    Outcome::NotOwner
}

/// Names of the inserted tasks, in the order of the inserts: by them the new row ids are found after a lost answer.
fn inserted_names(writes: &[Write]) -> Vec<String> {
    let name = |write: &Write| match write {
        Write::InsertTask { row, .. } => Some(row.name.clone()),
        _ => None,
    };
    writes.iter().filter_map(name).collect()
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}
