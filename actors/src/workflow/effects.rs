//! What happens after a commit. Each effect that leaves the process checks the lease last; its answer comes back as an
//! event of this instance.

use super::{Deliver, End, WorkflowActor};
use crate::coordinator::settle_soon;
use crate::dispatch::Cancel;
use crate::term::Term;
use actix::{Addr, AsyncContext, Context};
use orca_engine::codes::ExecutorEventType;
use orca_engine::workflow::{Effect, Event};
use orca_registry::paths;

impl WorkflowActor {
    pub(super) fn run_effects(&mut self, effects: Vec<Effect>, actor: &mut Context<Self>) {
        for effect in effects {
            self.run_effect(effect, actor);
        }
    }

    fn run_effect(&mut self, effect: Effect, actor: &mut Context<Self>) {
        match effect {
            Effect::QueueDispatch { node, not_before } => self.queue_dispatch(node, not_before, 0, actor),
            Effect::RequeueDispatch { node, failures } => self.requeue_dispatch(node, failures, actor),
            Effect::AwaitSlot { task_instance_id } => {
                self.term.slots.wait_for(task_instance_id, actor.address());
                self.term.coordinator_bell.notify_one();
            }
            Effect::CancelDispatch {
                task_instance_id,
                worker_group,
            } => {
                if self.logic_type_of(task_instance_id).is_some() {
                    return self.cancel_inside(task_instance_id, actor);
                }
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
            } => match self.logic_type_of(task_instance_id) {
                Some(_) => self.kill_inside(task_instance_id, host, actor),
                None => self.send_kill(task_instance_id, host, actor),
            },
            Effect::SendPause {
                task_instance_id,
                host,
            } => match self.logic_type_of(task_instance_id) {
                Some(_) => self.pause_inside(task_instance_id),
                None => self.send_pause(task_instance_id, host),
            },
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
            } => match self.logic_type_of(task_instance_id) {
                Some(_) => self.probe_inside(task_instance_id, host, actor),
                None => self.send_probe(task_instance_id, host, actor),
            },
            Effect::FollowChild {
                task_instance_id,
                child,
            } => self.term.children.follow(task_instance_id, child),
            Effect::AskChild { child, wish } => self.term.children.ask(child, wish),
            Effect::ArmTimer { timer, at } => self.arm(timer, at, actor),
            Effect::Note {
                task_instance_id,
                text,
            } => {
                log::info!(workflow_instance_id = self.id(), task_instance_id = task_instance_id.unwrap_or(0); "{text}");
            }
            Effect::Retire { state } => {
                log::info!(workflow_instance_id = self.id(); "the workflow instance ended {state}");
                self.term.metrics.workflow(state, self.card.definition_code);
                settle_soon(&self.term, self.machine.definition());
                self.finish(End::Retired, actor);
            }
        }
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
        let (term, open) = (self.term.clone(), self.term.leaving.open_ack());
        self.term.io.spawn(async move {
            term.calls.ack(&host, task_instance_id, event_type).await;
            drop(open);
        });
    }

    fn send_take_over(&self, task_instance_id: i32, host: String, actor: &mut Context<Self>) {
        let (term, workflow, epoch) = (self.term.clone(), actor.address(), self.fence.epoch);
        let watched = self.machine.is_watched(task_instance_id);
        let is_told = self.machine.is_without_worker(task_instance_id);
        self.term.io.spawn(async move {
            let taken = term.calls.take_over(&host, task_instance_id, epoch).await;
            let answer = Event::TakeOverAnswered {
                task_instance_id,
                host: host.clone(),
                taken,
            };
            workflow.do_send(Deliver(vec![answer]));
            if taken.is_none() || !watched {
                report_missing_worker(&term, host, &workflow, is_told).await;
            }
        });
    }

    fn send_probe(&self, task_instance_id: i32, host: String, actor: &mut Context<Self>) {
        let (term, workflow) = (self.term.clone(), actor.address());
        let watched = self.machine.is_watched(task_instance_id);
        let is_told = self.machine.is_without_worker(task_instance_id);
        self.term.io.spawn(async move {
            let present = term.calls.has_task(&host, task_instance_id).await;
            let answer = Event::Probed {
                task_instance_id,
                host: host.clone(),
                present,
            };
            workflow.do_send(Deliver(vec![answer]));
            if present.is_none() || !watched {
                report_missing_worker(&term, host, &workflow, is_told).await;
            }
        });
    }
}

/// A worker that is not registered will never be reported as leaving, whether it answers or not: so that is said here, unless the attempt is watched.
/// `is_told`: the attempt knows already that its worker is gone, and its grace is over.
pub(super) async fn report_missing_worker(
    term: &Term,
    host: String,
    workflow: &Addr<WorkflowActor>,
    is_told: bool,
) {
    let is_registered = || term.cluster.borrow().workers.worker(&host).is_some();
    // What was sent up to this very moment.
    let before = term.now().plus(1);
    let Some(grace) = term.cluster.borrow().worker_grace.filter(|_| !is_registered()) else {
        return;
    };
    if !is_told {
        tokio::time::sleep(grace).await;
    }
    // What we have been told may be old: the registry itself has the last word. Whoever is registered there by now is asked in its turn.
    let node = term.registry.exists(&paths::worker(&host)).await;
    if !is_registered() && matches!(node, Ok(false)) {
        workflow.do_send(Deliver(vec![Event::WorkerLost {
            host,
            before,
            is_replaced: false,
        }]));
    }
}
