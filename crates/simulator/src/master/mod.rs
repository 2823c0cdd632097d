//! A virtual master: the shell of `orca_actors` again, without actix, sockets and clocks, around the same decisions of the engine.
//!
//! Each handler mirrors one of an actor's; whatever is more than that belongs into the engine. A message that leaves the process goes through
//! [`Transmit`] one happening after the last check of the lease, so that a process may freeze in between.

mod calls;
mod cluster;
mod coordinator;
mod dependent;
mod dispatch;
mod failover;
mod inside;
mod intake;
mod life;
mod reports;
mod sub_workflow;
mod transactions;
mod workflow;

pub use failover::Rescue;
pub use intake::Planned;
pub use workflow::{Run, Submitted};

use crate::registry;
use crate::store;
use crate::worker::{Call, CallAnswer, Report};
use orca_engine::balancing::Balancer;
use orca_engine::dispatch_queue::{DispatchQueue, Entry};
use orca_engine::failover::Sweep;
use orca_engine::fence::Incarnation;
use orca_engine::logic::dependent::Answers;
use orca_engine::logic::sub_workflow::Wish;
use orca_engine::slots::Slot;
use orca_engine::time::Millis;
use orca_engine::worker_groups::WorkerTable;
use orca_engine::workflow::{Rules, Timer};
use orca_registry::{Lease, LeaseKeeper};
use orca_schema::ClaimOutcome;
use registry::Seen;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// A workflow instance under one ownership: a later one of the same master is another.
pub type Owned = (i32, i64);

#[derive(Clone, Debug)]
pub enum MasterEvent {
    Join {
        attempt: u32,
    },
    Renew {
        term: u32,
    },
    LeaseLook {
        term: u32,
    },
    Sweep {
        term: u32,
        is_first: bool,
    },
    Registry {
        call: u64,
        answer: registry::Answer,
    },
    Store {
        call: u64,
        answered: store::Answered,
    },
    Answered {
        call: u64,
        answer: CallAnswer,
    },
    CallTimeout {
        call: u64,
    },
    Transmit(Box<Transmit>),
    Look {
        term: u32,
    },
    DispatchLook {
        term: u32,
    },
    Coordinate {
        term: u32,
    },
    SlotLook {
        term: u32,
    },
    Noticed(coordinator::Notice),
    ChooseSelf {
        term: u32,
        owned: Owned,
        id: i32,
    },
    FindChild {
        term: u32,
        owned: Owned,
        id: i32,
    },
    ChildLook {
        term: u32,
    },
    DependentLook {
        term: u32,
        id: i32,
    },
    InsideEnds {
        term: u32,
        id: i32,
        killed: bool,
    },
    Report {
        report: Report,
        round: u32,
    },
    Timer {
        term: u32,
        owned: Owned,
        timer: Timer,
        serial: u64,
    },
    CommitAgain {
        term: u32,
        owned: Owned,
    },
    ReadAgain {
        term: u32,
        read: Box<ThenRead>,
    },
    MissingWorker {
        term: u32,
        owned: Owned,
        host: String,
        before: Millis,
    },
    WorkerLost {
        term: u32,
        host: String,
        gone: Seen,
        before: Millis,
    },
    Rescue {
        term: u32,
        address: String,
        number: u64,
        due: failover::Due,
    },
}

/// Bytes that leave the process now.
#[derive(Clone, Debug)]
pub enum Transmit {
    Store { call: u64, ask: store::Ask },
    Worker { call: u64, host: String, what: Call },
}

/// What an answer is for.
#[derive(Clone, Debug)]
pub enum Pending {
    Begin(Then),
    Commit(Then),
    Read(ThenRead),
    Worker { owned: Owned, host: String, what: Call },
    Nothing,
}

/// A transaction, and what follows it.
#[derive(Clone, Debug)]
pub enum Then {
    Register {
        attempt: u32,
    },
    Claim {
        planned: Vec<Planned>,
        outcomes: Vec<ClaimOutcome>,
    },
    Steps(Vec<Submitted>),
    Fence {
        address: String,
        number: u64,
    },
    Move {
        address: String,
        number: u64,
    },
    FailCommand,
    TakeUpOwn,
    /// What a coordinator does.
    Queues,
}

#[derive(Clone, Debug)]
pub enum ThenRead {
    Commands,
    Step {
        one: Box<Submitted>,
        pause_ms: u64,
    },
    Claimed {
        planned: Vec<Planned>,
        outcomes: Vec<ClaimOutcome>,
        tries: u32,
    },
    Attempt {
        report: Report,
        round: u32,
    },
    Hosts {
        is_first: bool,
    },
    /// Instances that are ours by their rows.
    Own,
    Places(Vec<i32>),
    SerialQueues,
    FindChild {
        owned: Owned,
        id: i32,
    },
    Children,
    Answers {
        id: i32,
        answers: Box<Answers>,
    },
    LatestEpoch {
        address: String,
        number: u64,
    },
    OfDead {
        address: String,
        number: u64,
    },
}

/// What the dispatcher keeps of an attempt.
#[derive(Clone, Debug)]
pub struct Waiting {
    pub owned: Owned,
}

/// Everything that is valid from a registration to the loss of its lease.
pub struct Term {
    pub number: u32,
    pub incarnation: Incarnation,
    pub session: u64,
    pub node_name: String,
    pub keeper: LeaseKeeper,
    pub lease: Lease,
    pub rules: Arc<Rules>,
    pub announced: bool,
    pub picture: Option<Arc<registry::Picture>>,
    pub slot: Option<Slot>,
    pub table: WorkerTable,
    pub balancer: Balancer,
    pub queue: DispatchQueue<Waiting>,
    pub starved: BTreeMap<i32, Entry<Waiting>>,
    pub runs: BTreeMap<i32, Run>,
    pub commits: VecDeque<Submitted>,
    pub commits_in_flight: usize,
    pub intake_busy: bool,
    pub rescues: BTreeMap<String, Rescue>,
    pub sweep: Sweep,
    /// Instances of ours that did not run here at the last look.
    pub unheld: BTreeSet<i32>,
    pub timer_serial: u64,
    pub slots_awaited: BTreeMap<i32, Owned>,
    pub inside: BTreeMap<i32, inside::Inside>,
    /// What is wanted of children, until their rows show it.
    pub wishes: BTreeMap<i32, Wish>,
}

pub struct Master {
    pub address: Arc<str>,
    pub life: u32,
    pub up: bool,
    pub frozen: bool,
    pub backlog: Vec<MasterEvent>,
    pub clock_offset_ms: i64,
    pub startup_ms: i64,
    pub terms: u32,
    pub term: Option<Term>,
    pub join_attempt: u32,
    /// When the request was sent that the lease of the next term counts from.
    pub entering_at_ms: u64,
    /// A session and an incarnation on the way to a term.
    pub joining: (Option<u64>, Option<Incarnation>),
    /// Open calls with the term they belong to.
    pub open: BTreeMap<u64, (u32, Pending)>,
    pub next_call: u64,
    /// How often the connection to each worker was closed on this side.
    pub resets: BTreeMap<String, u64>,
}

impl Master {
    #[must_use]
    pub fn new(index: usize) -> Self {
        Self {
            address: Arc::from(format!("m{index}:5678")),
            life: 0,
            up: false,
            frozen: false,
            backlog: Vec::new(),
            clock_offset_ms: 0,
            startup_ms: 0,
            terms: 0,
            term: None,
            join_attempt: 0,
            entering_at_ms: 0,
            joining: (None, None),
            open: BTreeMap::new(),
            next_call: 0,
            resets: BTreeMap::new(),
        }
    }

    /// One line for the end of a trace.
    #[must_use]
    pub fn describe(&self) -> String {
        let Some(term) = &self.term else {
            return format!("{}: no term, up {}", self.address, self.up);
        };
        let runs: Vec<_> = term.runs.values().map(Run::describe).collect();
        let registered: Vec<_> = term
            .picture
            .iter()
            .flat_map(|picture| picture.masters.keys())
            .collect();
        format!(
            "{}: lease {}, slot {:?}, sees {registered:?}, intake busy {}, rescues {:?}, runs {runs:?}",
            self.address,
            term.lease.holds(),
            term.slot,
            term.intake_busy,
            term.rescues.keys()
        )
    }
}
