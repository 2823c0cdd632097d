//! From a ready attempt to the dispatch call, and its answer back as an event.
//!
//! A context is built twice: once before the attempt is queued, since an attempt whose context cannot be built must fail at once, and once when a worker is
//! chosen. In between it is not kept, because thousands of attempts may wait for days.

use super::effects::report_missing_worker;
use super::{Deliver, WorkflowActor};
use crate::dispatch::{Enqueue, Waiting};
use crate::limits::CONTEXT_RETRY_PAUSE;
use crate::term::Term;
use actix::{AsyncContext, Context, WrapFuture, fut::ActorFutureExt};
use orca_engine::backoff::dispatch_backoff_ms;
use orca_engine::context::{self, ContextInputs};
use orca_engine::dispatch_queue::{Entry, Urgency};
use orca_engine::model::ExecutionContext;
use orca_engine::time::Millis;
use orca_engine::workflow::{Event, NodeId};
use orca_rpc::dto::TaskExecutorDispatchResponse;
use orca_rpc::{Outcome, Refusal};
use orca_schema::Error;
use std::sync::Arc;
use std::time::Duration;

/// When the first context of an attempt was built: the dispatch policy counts from there.
pub(super) struct FirstBuilt {
    task_instance_id: i32,
    at: Millis,
}

impl WorkflowActor {
    /// Reads what the context needs (usually cached), builds it, and hands the attempt to its worker group.
    pub(super) fn queue_dispatch(
        &mut self,
        node: NodeId,
        not_before: Millis,
        failures: u32,
        actor: &mut Context<Self>,
    ) {
        self.with_inputs(node, actor, move |this, inputs, actor| match inputs {
            Ok(inputs) => match this.build(node, &inputs) {
                Ok(built) => this.enqueue(node, &built, not_before, failures, actor),
                Err(reason) => this.context_failed(node, reason, actor),
            },
            Err(error) => {
                log::warn!(workflow_instance_id = this.id(); "a task waits, since what it needs cannot be read: {error}");
                actor.run_later(CONTEXT_RETRY_PAUSE, move |this, actor| {
                    this.queue_dispatch(node, not_before, failures, actor);
                });
            }
        });
    }

    /// After a refusal: again, when the back-off is over.
    pub(super) fn requeue_dispatch(&mut self, node: NodeId, failures: u32, actor: &mut Context<Self>) {
        let not_before = self.term.now().plus(dispatch_backoff_ms(failures));
        self.queue_dispatch(node, not_before, failures, actor);
    }

    /// Exactly one call for one attempt. What the answer means is the machine's business.
    pub(super) fn send_dispatch(
        &mut self,
        node: NodeId,
        task_instance_id: i32,
        host: String,
        actor: &mut Context<Self>,
    ) {
        self.dispatches_open += 1;
        self.with_inputs(node, actor, move |this, inputs, actor| {
            let built = inputs
                .map_err(|error| error.to_string())
                .and_then(|inputs| this.build(node, &inputs));
            match built
                .ok()
                .filter(|built| built.task_instance_id == task_instance_id)
            {
                Some(built) if this.machine.logic_type(node).is_some() => {
                    this.start_inside(node, built, host, actor);
                }
                Some(built) => this.call_dispatch(built, host, actor),
                // Nothing was sent, so the attempt goes back; if its context is bad now, it fails there.
                None => {
                    let reason = "its execution context could not be built again".to_owned();
                    actor.notify(Deliver(vec![Event::DispatchRefused {
                        task_instance_id,
                        host,
                        reason,
                    }]));
                }
            }
        });
    }

    fn call_dispatch(&self, built: ExecutionContext, host: String, actor: &mut Context<Self>) {
        let (term, workflow, epoch) = (self.term.clone(), actor.address(), self.fence.epoch);
        self.term.io.spawn(async move {
            let worker = term.cluster.borrow().worker_starts.get(&host).copied();
            let outcome = match worker {
                Some(worker) => term.calls.dispatch(&host, worker, &built, epoch).await,
                None => Outcome::Refused(Refusal::NotSent {
                    reason: "the worker has left the registry".to_owned(),
                }),
            };
            measure(&term, &built, &outcome);
            workflow.do_send(Deliver(vec![answer(
                outcome,
                built.task_instance_id,
                host.clone(),
            )]));
            // It may have left the registry between the choice and the call, and that was told before the attempt was there.
            report_missing_worker(&term, host, &workflow, false).await;
        });
    }

    fn with_inputs(
        &mut self,
        node: NodeId,
        actor: &mut Context<Self>,
        then: impl FnOnce(&mut Self, Result<Arc<ContextInputs>, Error>, &mut Context<Self>) + 'static,
    ) {
        let needs = context::needs(&self.machine, node);
        if let Some(inputs) = self.term.context_reads.cached(&needs) {
            return then(self, Ok(inputs), actor);
        }
        let reads = self.term.context_reads.clone();
        let read = async move { reads.read(&needs).await };
        actor.spawn(read.into_actor(self).map(then_with(then)));
    }

    fn build(&mut self, node: NodeId, inputs: &ContextInputs) -> Result<ExecutionContext, String> {
        let now = self.term.now();
        let mut built =
            context::build(&self.machine, node, inputs, now).map_err(|error| error.to_string())?;
        let first = self.first_built.entry(node).or_insert(FirstBuilt {
            task_instance_id: built.task_instance_id,
            at: now,
        });
        if first.task_instance_id != built.task_instance_id {
            *first = FirstBuilt {
                task_instance_id: built.task_instance_id,
                at: now,
            };
        }
        built.first_dispatch_time = first.at;
        Ok(built)
    }

    fn context_failed(&self, node: NodeId, reason: String, actor: &mut Context<Self>) {
        if let Some(task_instance_id) = self.machine.task_instance_id(node) {
            actor.notify(Deliver(vec![Event::ContextFailed {
                task_instance_id,
                reason,
            }]));
        }
    }

    fn enqueue(
        &mut self,
        node: NodeId,
        built: &ExecutionContext,
        not_before: Millis,
        failures: u32,
        actor: &mut Context<Self>,
    ) {
        if self.machine.logic_type(node).is_some() {
            return self.choose_this_master(built.task_instance_id, not_before, actor);
        }
        let Some(task) = self.machine.task(node) else {
            return;
        };
        let urgency = Urgency {
            workflow_priority: self.machine.instance().priority,
            task_priority: task.priority,
            task_group_priority: self.machine.task_definition(node).task_group_priority,
            first_submit_time: built.first_submit_time,
        };
        let payload = Waiting {
            workflow_instance_id: self.id(),
            workflow: actor.address(),
            first_dispatch_time: built.first_dispatch_time,
            failures,
        };
        let entry = Entry {
            task_instance_id: task.id,
            urgency,
            payload,
        };
        self.term
            .dispatch
            .enqueue(&built.worker_group, Enqueue { entry, not_before });
    }
}

/// The shape that `ActorFutureExt::map` wants.
fn then_with<T>(
    then: impl FnOnce(&mut WorkflowActor, T, &mut Context<WorkflowActor>),
) -> impl FnOnce(T, &mut WorkflowActor, &mut Context<WorkflowActor>) {
    move |value, this, actor| then(this, value, actor)
}

fn measure(term: &Term, built: &ExecutionContext, outcome: &Outcome<TaskExecutorDispatchResponse>) {
    match outcome {
        Outcome::Accepted(answer) if answer.dispatch_success => {
            let waited = u64::try_from(term.now().since(built.first_dispatch_time)).unwrap_or(0);
            term.metrics
                .dispatch_latency
                .observe(Duration::from_millis(waited));
            term.metrics.dispatch_accepted.add(1);
        }
        Outcome::Accepted(_) | Outcome::Refused(_) => term.metrics.dispatch_refused.add(1),
        Outcome::Unknown(_) => term.metrics.dispatch_unknown.add(1),
    }
}

fn answer(outcome: Outcome<TaskExecutorDispatchResponse>, task_instance_id: i32, host: String) -> Event {
    match outcome {
        Outcome::Accepted(answer) if answer.dispatch_success => Event::DispatchAccepted {
            task_instance_id,
            host,
        },
        Outcome::Accepted(answer) => {
            let reason = answer
                .message
                .unwrap_or_else(|| "the worker gave no reason".to_owned());
            Event::DispatchRefused {
                task_instance_id,
                host,
                reason,
            }
        }
        Outcome::Refused(refusal) => Event::DispatchRefused {
            task_instance_id,
            host,
            reason: refusal.to_string(),
        },
        Outcome::Unknown(reason) => Event::DispatchUnknown {
            task_instance_id,
            host,
            reason: reason.to_string(),
        },
    }
}
