//! What happens after a commit. Each effect that leaves the process checks the lease last; its answer comes back as an
//! event of this instance.

use super::{Deliver, End, WorkflowActor};
use crate::dispatch::{Cancel, Enqueue, Waiting};
use crate::limits::CONTEXT_RETRY_PAUSE;
use crate::term::Term;
use actix::{Addr, AsyncContext, Context, WrapFuture, fut::ActorFutureExt};
use orca_engine::backoff::dispatch_backoff_ms;
use orca_engine::codes::ExecutorEventType;
use orca_engine::context::{self, ContextInputs};
use orca_engine::dispatch_queue::{Entry, Urgency};
use orca_engine::time::Millis;
use orca_engine::workflow::{Effect, Event, NodeId};
use orca_rpc::Outcome;
use std::sync::Arc;

impl WorkflowActor {
    pub(super) fn run_effects(&mut self, effects: Vec<Effect>, actor: &mut Context<Self>) {
        for effect in effects {
            self.run_effect(effect, actor);
        }
    }

    fn run_effect(&mut self, effect: Effect, actor: &mut Context<Self>) {
        match effect {
            Effect::QueueDispatch { node, not_before } => self.queue_dispatch(node, not_before, actor),
            Effect::RequeueDispatch { node, failures } => self.requeue_dispatch(node, failures, actor),
            Effect::CancelDispatch {
                task_instance_id,
                worker_group,
            } => {
                self.term
                    .dispatch
                    .cancel(&worker_group, Cancel { task_instance_id });
            }
            Effect::SendDispatch {
                node,
                task_instance_id,
                host,
            } => {
                self.send_dispatch(node, task_instance_id, host, actor);
            }
            Effect::SendKill {
                task_instance_id,
                host,
            } => self.send_kill(task_instance_id, host, actor),
            Effect::SendPause {
                task_instance_id,
                host,
            } => self.send_pause(task_instance_id, host),
            Effect::SendAck {
                task_instance_id,
                host,
                event_type,
            } => {
                self.send_ack(task_instance_id, host, event_type);
            }
            Effect::SendTakeOver {
                task_instance_id,
                host,
            } => self.send_take_over(task_instance_id, host, actor),
            Effect::SendProbe {
                task_instance_id,
                host,
            } => self.send_probe(task_instance_id, host, actor),
            Effect::ArmTimer { timer, at } => self.arm(timer, at, actor),
            Effect::Note {
                task_instance_id,
                text,
            } => {
                log::info!(workflow_instance_id = self.id(), task_instance_id = task_instance_id.unwrap_or(0); "{text}");
            }
            Effect::Retire { state } => {
                log::info!(workflow_instance_id = self.id(); "the workflow instance ended {state}");
                self.term.counters.finished(state);
                self.finish(End::Retired, actor);
            }
        }
    }

    /// Reads what the context needs (usually cached), builds it, and hands the attempt to its worker group.
    fn queue_dispatch(&mut self, node: NodeId, not_before: Millis, actor: &mut Context<Self>) {
        let needs = context::needs(&self.machine, node);
        match self.term.context_reads.cached(&needs) {
            Some(inputs) => self.build_and_queue(node, not_before, &inputs, actor),
            None => {
                let reads = self.term.context_reads.clone();
                let read = async move { reads.read(&needs).await };
                let done = read.into_actor(self).map(move |inputs, this, actor| match inputs {
                    Ok(inputs) => this.build_and_queue(node, not_before, &inputs, actor),
                    Err(error) => {
                        log::warn!(workflow_instance_id = this.id(); "a task waits, since what it needs cannot be read: {error}");
                        actor.run_later(CONTEXT_RETRY_PAUSE, move |this, actor| {
                            this.queue_dispatch(node, not_before, actor);
                        });
                    }
                });
                actor.spawn(done);
            }
        }
    }

    fn build_and_queue(
        &mut self,
        node: NodeId,
        not_before: Millis,
        inputs: &ContextInputs,
        actor: &mut Context<Self>,
    ) {
        let Some(task_instance_id) = self.machine.task_instance_id(node) else {
            return;
        };
        match context::build(&self.machine, node, inputs, self.term.now()) {
            Ok(built) => {
                self.contexts.insert(node, Arc::new(built));
                self.enqueue(node, not_before, 0, actor);
            }
            Err(error) => {
                let reason = error.to_string();
                actor.notify(Deliver(vec![Event::ContextFailed {
                    task_instance_id,
                    reason,
                }]));
            }
        }
    }

    fn requeue_dispatch(&mut self, node: NodeId, failures: u32, actor: &mut Context<Self>) {
        let not_before = self.term.now().plus(dispatch_backoff_ms(failures));
        if self.contexts.contains_key(&node) {
            self.enqueue(node, not_before, failures, actor);
        } else {
            self.queue_dispatch(node, not_before, actor);
        }
    }

    fn enqueue(&self, node: NodeId, not_before: Millis, failures: u32, actor: &mut Context<Self>) {
        let (Some(built), Some(task)) = (self.contexts.get(&node), self.machine.task(node)) else {
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

    /// Exactly one call for one attempt. What the answer means is the machine's business.
    fn send_dispatch(
        &mut self,
        node: NodeId,
        task_instance_id: i32,
        host: String,
        actor: &mut Context<Self>,
    ) {
        let Some(built) = self.contexts.remove(&node) else {
            let reason = "its execution context is gone".to_owned();
            actor.notify(Deliver(vec![Event::DispatchRefused {
                task_instance_id,
                host,
                reason,
            }]));
            return;
        };
        let (term, workflow, epoch) = (self.term.clone(), actor.address(), self.fence.epoch);
        self.term.io.spawn(async move {
            let event = match term.calls.dispatch(&host, &built, epoch).await {
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
            };
            workflow.do_send(Deliver(vec![event]));
        });
    }

    fn send_kill(&self, task_instance_id: i32, host: String, actor: &mut Context<Self>) {
        let (term, workflow) = (self.term.clone(), actor.address());
        self.term.io.spawn(async move {
            let queued = term.calls.kill(&host, task_instance_id).await;
            workflow.do_send(Deliver(vec![Event::KillAnswered {
                task_instance_id,
                host,
                queued,
            }]));
        });
    }

    fn send_pause(&self, task_instance_id: i32, host: String) {
        let term = self.term.clone();
        self.term
            .io
            .spawn(async move { term.calls.pause(&host, task_instance_id).await });
    }

    fn send_ack(&self, task_instance_id: i32, host: String, event_type: ExecutorEventType) {
        let term = self.term.clone();
        self.term
            .io
            .spawn(async move { term.calls.ack(&host, task_instance_id, event_type).await });
    }

    fn send_take_over(&self, task_instance_id: i32, host: String, actor: &mut Context<Self>) {
        let (term, workflow, epoch) = (self.term.clone(), actor.address(), self.fence.epoch);
        self.term.io.spawn(async move {
            let taken = term.calls.take_over(&host, task_instance_id, epoch).await;
            let answer = Event::TakeOverAnswered {
                task_instance_id,
                host: host.clone(),
                taken,
            };
            workflow.do_send(Deliver(vec![answer]));
            if taken.is_none() {
                report_missing_worker(&term, host, &workflow).await;
            }
        });
    }

    fn send_probe(&self, task_instance_id: i32, host: String, actor: &mut Context<Self>) {
        let (term, workflow) = (self.term.clone(), actor.address());
        self.term.io.spawn(async move {
            let present = term.calls.has_task(&host, task_instance_id).await;
            let answer = Event::Probed {
                task_instance_id,
                host: host.clone(),
                present,
            };
            workflow.do_send(Deliver(vec![answer]));
            if present.is_none() {
                report_missing_worker(&term, host, &workflow).await;
            }
        });
    }
}

/// A worker that does not answer and is not registered will never be reported as leaving, so this workflow would ask for ever.
async fn report_missing_worker(term: &Term, host: String, workflow: &Addr<WorkflowActor>) {
    let is_registered = || term.cluster.borrow().workers.worker(&host).is_some();
    let before = term.now();
    let Some(grace) = term.cluster.borrow().worker_grace.filter(|_| !is_registered()) else {
        return;
    };
    tokio::time::sleep(grace).await;
    if !is_registered() {
        workflow.do_send(Deliver(vec![Event::WorkerLost { host, before }]));
    }
}
