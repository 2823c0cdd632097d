//! The rounds of one term of leadership.

use super::markers;
use crate::intake::{IntakeActor, Look};
use crate::limits::{COORDINATOR_RETRY_PAUSE, COORDINATOR_SWEEP, MARKER_SWEEP, SERIAL_STOP_AGAIN};
use crate::term::Term;
use crate::workflow::Deliver;
use actix::Addr;
use orca_engine::codes::WorkflowState;
use orca_engine::coordinator::{Grant, needs_attention};
use orca_engine::workflow::Event;
use orca_schema::{Error, QueueSettled, SerialStop, SlotOwners, Store};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// What one term of leadership remembers: when what was done last, and nothing that a successor would need.
pub(super) struct Rounds {
    term: Arc<Term>,
    intake: Addr<IntakeActor>,
    first_slots: Instant,
    next_sweep: Instant,
    next_markers: Instant,
    /// When each instance that has to give way was asked last.
    asked: HashMap<i32, Instant>,
    failed_before: bool,
}

impl Rounds {
    pub(super) fn new(term: Arc<Term>, intake: Addr<IntakeActor>, first_slots: Instant) -> Self {
        let now = Instant::now();
        Self {
            term,
            intake,
            first_slots,
            next_sweep: now,
            next_markers: now,
            asked: HashMap::new(),
            failed_before: false,
        }
    }

    pub(super) async fn run(&mut self) {
        match self.round().await {
            Ok(()) => self.failed_before = false,
            Err(error) => {
                if !std::mem::replace(&mut self.failed_before, true) {
                    log::warn!("the coordinator cannot look at the queues: {error}");
                }
                tokio::time::sleep(COORDINATOR_RETRY_PAUSE).await;
            }
        }
    }

    async fn round(&mut self) -> Result<(), Error> {
        let now = Instant::now();
        if now >= self.next_sweep {
            self.next_sweep = now + COORDINATOR_SWEEP;
            self.sweep().await?;
        }
        if now >= self.next_markers {
            self.next_markers = now + MARKER_SWEEP;
            match markers::remove_old(&self.term).await {
                Ok(0) => {}
                Ok(removed) => log::info!("{removed} old finish markers were removed"),
                Err(error) => log::warn!("old finish markers cannot be removed: {error}"),
            }
        }
        self.serial_queues().await?;
        self.forced_starts().await?;
        if now >= self.first_slots {
            self.slots().await?;
        }
        Ok(())
    }

    async fn sweep(&mut self) -> Result<(), Error> {
        let pool = &self.term.pool;
        let slots = pool.run(Store::sweep_task_groups).await?;
        let serial = pool.run(Store::sweep_serial_queues).await?;
        if slots + serial > 0 {
            log::info!(
                "{slots} places in task groups and {serial} in serial queues belonged to nobody and are freed"
            );
        }
        self.asked.retain(|_, at| at.elapsed() < SERIAL_STOP_AGAIN);
        Ok(())
    }

    async fn serial_queues(&mut self) -> Result<(), Error> {
        let queues = self.term.pool.run(Store::serial_queues).await?;
        let busy = queues
            .into_iter()
            .filter(|queue| needs_attention(queue.strategy, queue.rows, queue.launched));
        for queue in busy {
            let settled = settle_queue(&self.term, queue.code, queue.version).await?;
            if !settled.launched.is_empty() {
                // Full: a look is coming anyway.
                let _ = self.intake.try_send(Look);
            }
            for stop in settled.to_stop {
                self.ask_to_stop(stop);
            }
        }
        Ok(())
    }

    /// The request has the effect of one, so it is simply made again while the instance runs.
    fn ask_to_stop(&mut self, stop: SerialStop) {
        let now = Instant::now();
        let asked = self.asked.get(&stop.workflow_instance_id);
        if asked.is_some_and(|at| now.duration_since(*at) < SERIAL_STOP_AGAIN) {
            return;
        }
        self.asked.insert(stop.workflow_instance_id, now);
        let (
            term,
            SerialStop {
                workflow_instance_id: id,
                host,
            },
        ) = (self.term.clone(), stop);
        log::info!(workflow_instance_id = id; "has to give way to a later run and is stopped");
        if *host == *self.term.incarnation.address {
            tell(&term, id, Event::StopRequested);
            return;
        }
        self.term.io.spawn(async move {
            if let Some(Err(reason)) = term.calls.stop_instance(&host, id).await {
                log::info!(workflow_instance_id = id; "{host} does not stop it: {reason}");
            }
        });
    }

    fn owners(&self) -> SlotOwners {
        let mut owners = SlotOwners::default();
        for (host, is_orca) in self.term.cluster.borrow().masters.iter() {
            let of_kind = if *is_orca {
                &mut owners.orca
            } else {
                &mut owners.java
            };
            of_kind.insert(host.clone());
        }
        owners
    }

    /// Owners that are Orca's find in the rows what an operator starts by force.
    async fn forced_starts(&self) -> Result<(), Error> {
        let java = self.owners().java;
        if java.is_empty() {
            return Ok(());
        }
        let forced = self
            .term
            .pool
            .run(move |store| store.forced_requests(&java))
            .await?;
        for grant in forced {
            let answer = self
                .term
                .calls
                .notify_slot(&grant.host, grant.workflow_instance_id, grant.task_instance_id)
                .await;
            if answer.is_some() {
                self.term
                    .pool
                    .run(move |store| store.drop_slot_request(grant.queue_id))
                    .await?;
            }
        }
        Ok(())
    }

    async fn slots(&self) -> Result<(), Error> {
        for group in self.term.pool.run(Store::groups_waited_for).await? {
            let owners = self.owners();
            let slots = self
                .term
                .pool
                .run(move |store| store.give_slots(group, &owners))
                .await?;
            for grant in slots.given {
                self.announce(grant);
            }
            self.offer(group, slots.to_offer).await?;
        }
        Ok(())
    }

    /// The slot is given; a message that is lost costs its owner one look.
    fn announce(&self, grant: Grant) {
        let (task_instance_id, instance) = (grant.task_instance_id, grant.workflow_instance_id);
        log::debug!(workflow_instance_id = instance, task_instance_id; "has a slot of its task group");
        if *grant.host == *self.term.incarnation.address {
            tell(&self.term, instance, Event::SlotAcquired { task_instance_id });
            return;
        }
        let term = self.term.clone();
        self.term.io.spawn(async move {
            term.calls
                .notify_slot(&grant.host, instance, task_instance_id)
                .await;
        });
    }

    /// To Java masters, as their own coordinator does it: told first, written when they have it, taken out of the queue when they refuse.
    async fn offer(&self, group: i32, grants: Vec<Grant>) -> Result<(), Error> {
        let mut calls = JoinSet::new();
        for grant in grants {
            let term = self.term.clone();
            calls.spawn_on(
                async move {
                    let (instance, task) = (grant.workflow_instance_id, grant.task_instance_id);
                    let answer = term.calls.notify_slot(&grant.host, instance, task).await;
                    (grant, answer)
                },
                &self.term.io,
            );
        }
        while let Some(done) = calls.join_next().await {
            let Ok((grant, Some(answer))) = done else {
                continue;
            };
            let taken = answer.is_ok();
            self.term
                .pool
                .run(move |store| {
                    if taken {
                        store.take_slot(group, &grant)
                    } else {
                        store.drop_slot_request(grant.queue_id)
                    }
                })
                .await?;
        }
        Ok(())
    }
}

/// To an instance of our own; one that has just ended needs nothing.
fn tell(term: &Term, workflow_instance_id: i32, event: Event) {
    if let Some(workflow) = term.directory.actor(workflow_instance_id) {
        workflow.do_send(Deliver(vec![event]));
    }
}

/// Any master may do it: it is decided under the lock of the definition version.
pub(super) async fn settle_queue(term: &Arc<Term>, code: i64, version: i32) -> Result<QueueSettled, Error> {
    if !term.lease.holds() {
        return Ok(QueueSettled::default());
    }
    let settled = term
        .pool
        .run(move |store| store.settle_serial_queue(code, version))
        .await?;
    for id in &settled.launched {
        log::info!(workflow_instance_id = *id; "its turn in the serial queue has come");
    }
    for id in &settled.discarded {
        log::info!(workflow_instance_id = *id; "discarded by the serial strategy of its workflow");
        term.metrics.workflow(WorkflowState::Stop, code);
    }
    Ok(settled)
}
