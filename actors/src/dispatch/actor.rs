//! One worker group: who waits, whose turn it is, and which worker gets it.

use crate::cluster::ClusterState;
use crate::limits::{CONTROL_MAILBOX_LEN, DISPATCH_BURST_MAX};
use crate::term::wall_clock;
use crate::workflow::{Deliver, WorkflowActor};
use actix::{Actor, Addr, AsyncContext, Context, Handler, Message, SpawnHandle};
use orca_engine::backoff::{dispatch_backoff_ms, dispatch_timed_out};
use orca_engine::balancing::Balancer;
use orca_engine::dispatch_queue::{DispatchQueue, Entry};
use orca_engine::time::Millis;
use orca_engine::worker_groups::NoCandidate;
use orca_engine::workflow::Event;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;

/// What the queue keeps of an attempt that waits for a worker.
pub(crate) struct Waiting {
    pub(crate) workflow_instance_id: i32,
    pub(crate) workflow: Addr<WorkflowActor>,
    pub(crate) first_dispatch_time: Millis,
    pub(crate) failures: u32,
}

pub(crate) struct DispatchActor {
    group: String,
    cluster: watch::Receiver<Arc<ClusterState>>,
    balancer: Arc<Mutex<Balancer>>,
    duration_max: Option<Duration>,
    queue: DispatchQueue<Waiting>,
    /// Attempts that wait only because no worker was to be had: looked at again as soon as there is one.
    starved: HashMap<i32, Entry<Waiting>>,
    wake: Option<SpawnHandle>,
}

impl DispatchActor {
    pub(super) fn new(
        group: String,
        cluster: watch::Receiver<Arc<ClusterState>>,
        balancer: Arc<Mutex<Balancer>>,
        duration_max: Option<Duration>,
    ) -> Self {
        Self {
            group,
            cluster,
            balancer,
            duration_max,
            queue: DispatchQueue::default(),
            starved: HashMap::new(),
            wake: None,
        }
    }
}

impl Actor for DispatchActor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(CONTROL_MAILBOX_LEN);
    }
}

/// An attempt that may be dispatched from `not_before` on.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Enqueue {
    pub(crate) entry: Entry<Waiting>,
    pub(crate) not_before: Millis,
}

impl Handler<Enqueue> for DispatchActor {
    type Result = ();

    fn handle(&mut self, Enqueue { entry, not_before }: Enqueue, context: &mut Self::Context) {
        self.queue.push(entry, not_before);
        self.look_soon(context);
    }
}

/// The attempt is paused or killed before it found a worker.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Cancel {
    pub(crate) task_instance_id: i32,
}

impl Handler<Cancel> for DispatchActor {
    type Result = ();

    fn handle(&mut self, Cancel { task_instance_id }: Cancel, _: &mut Self::Context) {
        self.starved.remove(&task_instance_id);
        self.queue.cancel(task_instance_id);
    }
}

/// A worker came, went or changed its state.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct WorkersChanged;

impl Handler<WorkersChanged> for DispatchActor {
    type Result = ();

    fn handle(&mut self, _: WorkersChanged, context: &mut Self::Context) {
        if self.starved.is_empty() || self.candidates().is_err() {
            return;
        }
        for (_, entry) in std::mem::take(&mut self.starved) {
            self.queue.push(entry, wall_clock());
        }
        self.look_soon(context);
    }
}

/// Time to look at the queue.
#[derive(Message)]
#[rtype(result = "()")]
struct Look;

impl Handler<Look> for DispatchActor {
    type Result = ();

    fn handle(&mut self, _: Look, context: &mut Self::Context) {
        self.wake = None;
        let now = wall_clock();
        let mut chosen: HashMap<i32, (Addr<WorkflowActor>, Vec<Event>)> = HashMap::new();
        for _ in 0..DISPATCH_BURST_MAX {
            let Some(entry) = self.queue.pop_ready(now) else {
                break;
            };
            let id = entry.payload.workflow_instance_id;
            if let Some((workflow, event)) = self.dispatch(entry, now) {
                chosen
                    .entry(id)
                    .or_insert_with(|| (workflow, Vec::new()))
                    .1
                    .push(event);
            }
        }
        for (workflow, events) in chosen.into_values() {
            workflow.do_send(Deliver(events));
        }
        self.look_soon(context);
    }
}

impl DispatchActor {
    fn look_soon(&mut self, context: &mut Context<Self>) {
        if let Some(earlier) = self.wake.take() {
            context.cancel_future(earlier);
        }
        if let Some(due) = self.queue.next_due() {
            let wait = u64::try_from(due.since(wall_clock())).unwrap_or(0);
            self.wake = Some(context.notify_later(Look, Duration::from_millis(wait)));
        }
    }

    /// The event for the workflow, or nothing when the attempt goes on waiting.
    fn dispatch(&mut self, mut entry: Entry<Waiting>, now: Millis) -> Option<(Addr<WorkflowActor>, Event)> {
        let task_instance_id = entry.task_instance_id;
        let nobody = match self.candidates() {
            Ok(candidates) => match self.pick(&candidates) {
                Some(host) => {
                    let event = Event::WorkerChosen {
                        task_instance_id,
                        host: host.to_string(),
                    };
                    return Some((entry.payload.workflow, event));
                }
                None => format!("the balancer chose none of {} workers", candidates.len()),
            },
            Err(nobody) => nobody.to_string(),
        };
        entry.payload.failures = entry.payload.failures.saturating_add(1);
        let limit_ms = self
            .duration_max
            .map(|limit| i64::try_from(limit.as_millis()).unwrap_or(i64::MAX));
        if dispatch_timed_out(entry.payload.first_dispatch_time, now, limit_ms) {
            let reason = format!("it could not be dispatched in time: {nobody}");
            return Some((
                entry.payload.workflow,
                Event::DispatchTimedOut {
                    task_instance_id,
                    reason,
                },
            ));
        }
        self.wait_for_worker(entry, now, &nobody);
        None
    }

    /// Without a dispatch time-out nothing has to happen before a worker comes; with one the reference's back-off decides when to
    /// look again.
    fn wait_for_worker(&mut self, entry: Entry<Waiting>, now: Millis, nobody: &str) {
        if entry.payload.failures == 1 {
            log::info!(task_instance_id = entry.task_instance_id; "waiting: {nobody}");
        }
        if self.duration_max.is_some() {
            let due = now.plus(dispatch_backoff_ms(entry.payload.failures));
            self.queue.push(entry, due);
        } else {
            self.starved.insert(entry.task_instance_id, entry);
        }
    }

    fn pick(&self, candidates: &[Arc<str>]) -> Option<Arc<str>> {
        let mut balancer = self
            .balancer
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        balancer.pick(candidates, random())
    }

    fn candidates(&self) -> Result<Vec<Arc<str>>, NoCandidate> {
        self.cluster.borrow().workers.candidates(&self.group)
    }
}

fn random() -> u64 {
    uuid::Uuid::new_v4().as_u64_pair().0
}
