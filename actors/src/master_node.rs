//! The supervisor: starts one [`WorkflowActor`] per claimed instance, knows which run here, and what became of them.
//!
//! Guarantees: an instance runs at most once in this process; an actor that ends for any reason leaves the directory, so the
//! directory names running instances only.

use crate::directory::{Card, Entry as Listed};
use crate::failover::{FailoverActor, Loss, LossKind};
use crate::limits::{CONTROL_MAILBOX_LEN, REPAIR_INTERVAL};
use crate::sweep::{self, Aside, owners_and_masters};
use crate::term::Term;
use crate::workflow::{self, Chronicle, Deliver, Drop, End, Repair, WorkflowActor};
use actix::{
    Actor, ActorContext, ActorFutureExt, ArbiterHandle, AsyncContext, Context, Handler, Message, WrapFuture,
};
use orca_engine::failover as engine_failover;
use orca_engine::fence::Fence;
use orca_engine::orphan::Search;
use orca_engine::time::Millis;
use orca_engine::workflow::{Event, WorkflowMachine};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

pub(crate) struct MasterNode {
    term: Arc<Term>,
    /// Workflow actors are spread over these by instance id.
    arbiters: Vec<ArbiterHandle>,
    /// Failovers under way, with a later loss of the same address that has to wait for its turn.
    failovers: BTreeMap<String, Option<Loss>>,
    sweep: engine_failover::Sweep,
    orphans: Search,
    aside: Aside,
}

impl MasterNode {
    pub(crate) fn new(term: Arc<Term>, arbiters: Vec<ArbiterHandle>) -> Self {
        Self {
            term,
            arbiters,
            failovers: BTreeMap::new(),
            sweep: engine_failover::Sweep::default(),
            orphans: Search::default(),
            aside: Aside::default(),
        }
    }

    fn arbiter(&self, id: i32) -> &ArbiterHandle {
        let index = usize::try_from(id.unsigned_abs()).unwrap_or(0) % self.arbiters.len();
        &self.arbiters[index]
    }
}

impl Actor for MasterNode {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(CONTROL_MAILBOX_LEN);
        context.run_interval(REPAIR_INTERVAL, |node, context| {
            node.look_for_overwritten(context)
        });
    }
}

/// A claimed instance, ready to run. Sent with `do_send`: it is claimed, so it must not be lost.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Run {
    pub(crate) fence: Fence,
    pub(crate) machine: Box<WorkflowMachine>,
    /// For an instance that came by a failover.
    pub(crate) chronicle: Option<Chronicle>,
}

impl Handler<Run> for MasterNode {
    type Result = ();

    fn handle(&mut self, run: Run, context: &mut Self::Context) {
        let Run {
            fence,
            machine,
            chronicle,
        } = run;
        let id = fence.workflow_instance_id;
        self.aside.remove(id);
        if self.term.leaving.has_begun() {
            return log::info!(workflow_instance_id = id; "claimed while this master stops: it is handed over");
        }
        let card = Arc::new(Card::new(machine.instance()));
        let (term, node, shown) = (self.term.clone(), context.address(), card.clone());
        let actor = WorkflowActor::start_in_arbiter(self.arbiter(id), move |_| {
            WorkflowActor::new(term, node, shown, *machine, fence).with_chronicle(chronicle)
        });
        if let Some(older) = self.term.directory.put(id, Listed { actor, card }) {
            // Claimed a second time while it runs here: the claim has raised the epoch, so the older run could not write any more.
            log::warn!(workflow_instance_id = id; "claimed again while it runs here; the older run gives way");
            older.actor.do_send(Drop);
        }
    }
}

/// A workflow actor has stopped.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Ended {
    pub(crate) card: Arc<Card>,
    pub(crate) end: End,
}

impl Handler<Ended> for MasterNode {
    type Result = ();

    fn handle(&mut self, Ended { card, end }: Ended, _: &mut Self::Context) {
        let id = card.id;
        self.term.directory.remove(&card);
        match end {
            End::Retired => {
                self.term.children.ended(id);
                self.term.dependents.ended(card.definition_code);
            }
            End::HandedOver => {}
            End::NotOwner => self.term.metrics.fences_lost.add(1),
            End::Quarantined(reason) => {
                log::error!(workflow_instance_id = id; "quarantined: {reason}; the other workflows go on");
                self.term.metrics.quarantined.add(1);
                self.set_aside(id, reason);
            }
        }
    }
}

impl MasterNode {
    /// Leaves an alert row, so that the operator learns of it where they look.
    fn set_aside(&mut self, id: i32, reason: String) {
        self.aside.put(id);
        let pool = self.term.pool.clone();
        actix::spawn(async move {
            if let Err(error) = pool.run(move |store| store.alert_quarantine(id, &reason)).await {
                log::error!(workflow_instance_id = id; "the quarantine alert cannot be written: {error}");
            }
        });
    }
}

/// An instance that is claimed and cannot run: kept aside for an operator.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct SetAside {
    pub(crate) workflow_instance_id: i32,
    pub(crate) reason: String,
}

impl Handler<SetAside> for MasterNode {
    type Result = ();

    fn handle(&mut self, set_aside: SetAside, _: &mut Self::Context) {
        self.term.metrics.quarantined.add(1);
        self.set_aside(set_aside.workflow_instance_id, set_aside.reason);
    }
}

/// A worker has left for good: every instance looks at its own tasks.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct WorkerLost {
    pub(crate) host: String,
    pub(crate) before: Millis,
    /// Another process is registered at the address.
    pub(crate) is_replaced: bool,
}

impl Handler<WorkerLost> for MasterNode {
    type Result = ();

    fn handle(&mut self, lost: WorkerLost, _: &mut Self::Context) {
        self.term.metrics.workers_lost.add(1);
        for workflow in self.term.directory.actors() {
            workflow.do_send(Deliver(vec![Event::WorkerLost {
                host: lost.host.clone(),
                before: lost.before,
                is_replaced: lost.is_replaced,
            }]));
        }
    }
}

/// A master is gone: its instances have to move.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct MasterLost(pub(crate) Loss);

impl Handler<MasterLost> for MasterNode {
    type Result = ();

    fn handle(&mut self, MasterLost(loss): MasterLost, context: &mut Self::Context) {
        match self.failovers.entry(loss.address.clone()) {
            Entry::Occupied(mut under_way) => {
                under_way.insert(Some(loss));
            }
            Entry::Vacant(place) => {
                place.insert(None);
                FailoverActor::new(self.term.clone(), context.address(), loss).start();
            }
        }
    }
}

/// A failover is done, or the term is over.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct FailoverEnded {
    pub(crate) address: String,
    pub(crate) moved: usize,
}

impl Handler<FailoverEnded> for MasterNode {
    type Result = ();

    fn handle(&mut self, FailoverEnded { address, moved }: FailoverEnded, context: &mut Self::Context) {
        if moved > 0 {
            log::warn!("failover of {address}: {moved} instances moved");
        }
        if let Some(Some(next)) = self.failovers.remove(&address) {
            context.notify(MasterLost(next));
        }
    }
}

/// Search the rows for owners that nobody saw die, and for instances that nobody would ever run.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Sweep {
    pub(crate) is_first: bool,
}

impl Handler<Sweep> for MasterNode {
    type Result = ();

    fn handle(&mut self, Sweep { is_first }: Sweep, context: &mut Self::Context) {
        if self.term.leaving.has_begun() {
            return;
        }
        let search =
            owners_and_masters(self.term.clone())
                .into_actor(self)
                .map(move |found, node, context| {
                    match found {
                        Ok((hosts, registered)) => node.owners_missing(hosts, &registered, is_first, context),
                        Err(reason) => log::warn!("the search for dead owners failed: {reason}"),
                    }
                    node.look_for_orphans(context);
                });
        context.spawn(search);
    }
}

impl MasterNode {
    /// The last part of a sweep: the next one comes an interval after it.
    fn look_for_orphans(&self, context: &mut Context<Self>) {
        let (term, aside) = (self.term.clone(), self.aside.clone());
        let look = sweep::look(term.clone(), self.orphans.clone(), aside.clone());
        let done = look.into_actor(self).map(move |looked, node, context| {
            match looked {
                Ok((search, due)) => {
                    node.orphans = search;
                    context.spawn(sweep::recover(term, due, aside).into_actor(node));
                }
                Err(reason) => log::warn!("the search for orphaned instances failed: {reason}"),
            }
            let pause = node.term.settings.sweep_interval;
            context.notify_later(Sweep { is_first: false }, pause);
        });
        context.spawn(done);
        context.spawn(sweep::verify_owned(self.term.clone()).into_actor(self));
    }

    /// Rows of running instances that a Java peer has set to FAILURE.
    fn look_for_overwritten(&self, context: &mut Context<Self>) {
        if !self.term.cluster.borrow().java_masters_seen {
            return;
        }
        let (pool, ids) = (self.term.pool.clone(), self.term.directory.ids());
        let search = async move { pool.run(move |store| store.failed_among(&ids)).await };
        let done = search.into_actor(self).map(|failed, node, _| match failed {
            Ok(failed) => {
                for workflow in failed.iter().filter_map(|id| node.term.directory.actor(*id)) {
                    workflow.do_send(Repair);
                }
            }
            Err(error) => log::warn!("rows that a peer may have overwritten cannot be read: {error}"),
        });
        context.spawn(done);
    }
}

impl MasterNode {
    fn owners_missing(
        &mut self,
        hosts: Vec<String>,
        registered: &[String],
        is_first: bool,
        context: &mut Context<Self>,
    ) {
        let own = &self.term.incarnation.address;
        let act = self.sweep.look(hosts, registered, own, is_first);
        for address in act {
            let loss = Loss {
                address,
                kind: LossKind::Orphaned,
                detected_at: self.term.now(),
            };
            context.notify(MasterLost(loss));
        }
    }
}

/// A planned stop: every workflow ends where it stands, once what it has begun is done.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Settle;

impl Handler<Settle> for MasterNode {
    type Result = ();

    fn handle(&mut self, _: Settle, _: &mut Self::Context) {
        for workflow in self.term.directory.actors() {
            workflow.do_send(workflow::Settle);
        }
    }
}

/// The term is over: every workflow is dropped here without a write.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct EndTerm;

impl Handler<EndTerm> for MasterNode {
    type Result = ();

    fn handle(&mut self, _: EndTerm, context: &mut Self::Context) {
        for workflow in self.term.directory.actors() {
            workflow.do_send(Drop);
        }
        context.stop();
    }
}
