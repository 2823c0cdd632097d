//! A virtual worker process: the executor protocol around a bench of tasks that end when their script says so.

mod bench;
mod calls;
mod life;

pub use bench::Bench;
use bench::Post;

use crate::registry;
use crate::store::Client;
use orca_engine::codes::ExecutorEventType;
use orca_engine::time::Millis;
use orca_engine::workflow::ExecutorEventKind;
use orca_worker::events::TaskEvent;
use std::collections::BTreeMap;

/// Tasks of one worker at a time; never reached by the workflows of a run, so that only faults make anybody wait.
pub const SLOTS: usize = 64;

/// A call from a master.
#[derive(Clone, Debug)]
pub enum Call {
    Dispatch(Box<Order>),
    Kill(i32),
    Pause,
    Ack(i32, ExecutorEventType),
    TakeOver { id: i32, owner: String, epoch: i64 },
    Probe(i32),
}

/// What of an execution context the simulation needs.
#[derive(Clone, Debug)]
pub struct Order {
    pub task_instance_id: i32,
    pub task_code: i64,
    pub workflow_instance_id: i32,
    pub workflow_instance_name: String,
    pub first_submit_time: Millis,
    pub owner: String,
    pub owner_epoch: i64,
    /// The start of the process that is meant.
    pub worker_startup_ms: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    Dispatched(Result<(), String>),
    Flag(bool),
}

/// What the caller learns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallAnswer {
    Accepted(Reply),
    /// No byte has left.
    NotSent,
    /// Sent, and nobody knows.
    Broken,
}

#[derive(Clone, Debug)]
pub enum WorkerEvent {
    /// Join the registry, or keep the place there.
    Beat,
    Registry(registry::Answer),
    Call {
        client: Client,
        call: u64,
        what: Call,
    },
    /// Look at the events of this task that wait.
    Post(i32),
    Begins(i32),
    Ends(i32),
    Dies(i32),
}

/// A report on its way to a master.
#[derive(Clone, Debug)]
pub struct Report {
    pub workflow_instance_id: i32,
    pub task_instance_id: i32,
    pub host: String,
    pub kind: ExecutorEventKind,
}

/// One accepted attempt and what it will do.
struct Job {
    workflow_instance_id: i32,
    duration_ms: u64,
    succeeds: bool,
    ended: bool,
}

pub struct Worker {
    pub address: String,
    pub life: u32,
    pub up: bool,
    pub frozen: bool,
    pub backlog: Vec<WorkerEvent>,
    pub clock_offset_ms: i64,
    /// Its answers take long until then.
    pub slow_until_ms: u64,
    pub(crate) startup_ms: i64,
    java: bool,
    session: Option<u64>,
    announced: bool,
    bench: Bench,
    jobs: BTreeMap<i32, Job>,
    /// Looks at waiting events that are scheduled already.
    posts: BTreeMap<i32, u64>,
}

impl Worker {
    #[must_use]
    pub fn new(index: usize, java: bool, resend_ms: u64) -> Self {
        Self {
            address: format!("w{index}:1234"),
            life: 0,
            up: false,
            frozen: false,
            backlog: Vec::new(),
            clock_offset_ms: 0,
            slow_until_ms: 0,
            startup_ms: 0,
            java,
            session: None,
            announced: false,
            bench: Bench::new(java, SLOTS, resend_ms, Millis(0)),
            jobs: BTreeMap::new(),
            posts: BTreeMap::new(),
        }
    }
}

/// As it comes over the wire.
fn kind_of(event: TaskEvent) -> ExecutorEventKind {
    match event {
        TaskEvent::Dispatched => ExecutorEventKind::Dispatched,
        TaskEvent::Running {
            start_time, log_path, ..
        } => ExecutorEventKind::Running {
            start_time,
            log_path: Some(log_path),
        },
        TaskEvent::RuntimeContextChanged { .. } => ExecutorEventKind::RuntimeContextChanged { app_ids: None },
        TaskEvent::Succeeded { end_time, var_pool } => ExecutorEventKind::Succeeded {
            end_time,
            var_pool: var_pool.unwrap_or_default(),
        },
        TaskEvent::Failed { end_time } => ExecutorEventKind::Failed { end_time },
        TaskEvent::Killed { end_time } => ExecutorEventKind::Killed { end_time },
    }
}
