//! One workflow instance: decide, commit, apply, act (ARCHITECTURE.md).
//!
//! Guarantees: events are decided in the order they came; the machine changes only after its step is committed; an effect
//! runs only after that. It holds no rule of its own: what an event means is the machine's business.

mod chronicle;
mod dispatching;
mod effects;
mod inside;
mod progress;
mod repair;
mod settle;
mod timers;

pub(crate) use chronicle::Chronicle;
pub(crate) use repair::{Repair, Verify};
pub(crate) use settle::Settle;

use crate::directory::Card;
use crate::limits::WORKFLOW_MAILBOX_LEN;
use crate::master_node::{Ended, MasterNode};
use crate::term::Term;
use actix::{Actor, ActorContext, Addr, Context, Handler, Message};
use dispatching::FirstBuilt;
use orca_engine::fence::Fence;
use orca_engine::workflow::{Event, NodeId, WorkflowMachine};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use timers::Timers;

/// Why an actor stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The instance is final and committed.
    Retired,
    /// The row has another owner, or our right to act is gone: forget it, somebody else goes on.
    NotOwner,
    /// A decision panicked or a write can never succeed: kept aside, with the reason, for an operator.
    Quarantined(String),
    /// A planned stop: another master goes on from the rows.
    HandedOver,
}

pub(crate) struct WorkflowActor {
    term: Arc<Term>,
    node: Addr<MasterNode>,
    card: Arc<Card>,
    machine: WorkflowMachine,
    fence: Fence,
    /// Committed steps of this ownership (`t_orca_instance.step`).
    step: i64,
    waiting: VecDeque<Event>,
    /// A step is being committed, or waits for its next try.
    committing: bool,
    commit_failures: u32,
    timers: Timers,
    first_built: BTreeMap<NodeId, FirstBuilt>,
    /// Attempts of logic tasks that wait for their time.
    inside: inside::Waits,
    /// While tasks that came by a failover are open.
    chronicle: Option<Chronicle>,
    end: Option<End>,
    /// A planned stop: only what was begun is brought to its end.
    settling: bool,
    /// Dispatch calls that are out, or on their way out.
    dispatches_open: usize,
}

impl WorkflowActor {
    pub(crate) fn new(
        term: Arc<Term>,
        node: Addr<MasterNode>,
        card: Arc<Card>,
        machine: WorkflowMachine,
        fence: Fence,
    ) -> Self {
        Self {
            term,
            node,
            card,
            machine,
            fence,
            step: 0,
            waiting: VecDeque::from([Event::Started]),
            committing: false,
            commit_failures: 0,
            timers: Timers::default(),
            first_built: BTreeMap::new(),
            inside: inside::Waits::new(),
            chronicle: None,
            end: None,
            settling: false,
            dispatches_open: 0,
        }
    }

    pub(crate) fn with_chronicle(mut self, chronicle: Option<Chronicle>) -> Self {
        self.chronicle = chronicle;
        self
    }

    fn id(&self) -> i32 {
        self.fence.workflow_instance_id
    }

    fn finish(&mut self, end: End, context: &mut Context<Self>) {
        self.end.get_or_insert(end);
        context.stop();
    }
}

impl Actor for WorkflowActor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(WORKFLOW_MAILBOX_LEN);
        self.progress(context);
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        let end = self.end.take().unwrap_or(End::NotOwner);
        self.term.logic.abandon(&self.fence);
        self.node.do_send(Ended {
            card: self.card.clone(),
            end,
        });
    }
}

/// Events for this instance, in order. Sent with `do_send` where losing one would lose work (reports, dispatch answers):
/// their number is bounded by the tasks in flight.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Deliver(pub(crate) Vec<Event>);

impl Handler<Deliver> for WorkflowActor {
    type Result = ();

    fn handle(&mut self, Deliver(events): Deliver, context: &mut Self::Context) {
        self.count_answers(&events);
        self.waiting.extend(events);
        self.progress(context);
        self.settle(context);
    }
}

/// The term is over: stop without writing anything.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Drop;

impl Handler<Drop> for WorkflowActor {
    type Result = ();

    fn handle(&mut self, _: Drop, context: &mut Self::Context) {
        self.finish(End::NotOwner, context);
    }
}
