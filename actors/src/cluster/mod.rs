//! Who is in the cluster: watches masters and workers, computes our slot, and tells those who depend on it.
//!
//! Guarantees: what it publishes is a complete picture, never a half-read one; a worker that left and one that came back as another process are told apart by
//! their start-up time. It decides nothing about tasks: a loss is told to the master node.

mod members;

use crate::dispatch::Dispatchers;
use crate::failover::{Loss, LossKind};
use crate::limits::CONTROL_MAILBOX_LEN;
use crate::master_node::{MasterLost, MasterNode, Sweep, WorkerLost};
use crate::store::StorePool;
use crate::term::wall_clock;
use actix::{Actor, ActorFutureExt, Addr, AsyncContext, Context, Handler, Message, SpawnHandle, WrapFuture};
use members::{Incarnation, Members};
use orca_engine::balancing::Balancer;
use orca_engine::slots::{Slot, SlotTable};
use orca_engine::time::Millis;
use orca_engine::worker_groups::WorkerTable;
use orca_registry::MemberEvent;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// What everybody else may know of the cluster.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClusterState {
    /// Our share of the command table, when it may be used now.
    pub(crate) slot: Option<Slot>,
    /// Masters that would share the table without us.
    pub(crate) takers: usize,
    /// A Java master is registered, or was in this term: its mistakes have to be put right.
    pub(crate) java_masters_seen: bool,
    pub(crate) workers: WorkerTable,
    /// Registered masters, and whether each is Orca's.
    pub(crate) masters: Arc<BTreeMap<String, bool>>,
    /// When the process at each worker's address started, by its own clock: which process it is.
    pub(crate) worker_starts: Arc<BTreeMap<String, Millis>>,
    /// How long a worker that is not registered may still come back; `None` while the workers have not been read yet.
    pub(crate) worker_grace: Option<Duration>,
}

/// What the actor needs from its term.
pub(crate) struct ClusterParts {
    pub(crate) own_address: Arc<str>,
    pub(crate) pool: StorePool,
    pub(crate) balancer: Arc<Mutex<Balancer>>,
    pub(crate) dispatch: Dispatchers,
    pub(crate) node: Addr<MasterNode>,
    pub(crate) refresh_interval: Duration,
    pub(crate) java_grace: Duration,
}

pub(crate) struct ClusterActor {
    parts: ClusterParts,
    published: watch::Sender<Arc<ClusterState>>,
    masters: Members,
    workers: Members,
    table: WorkerTable,
    slot: Option<Slot>,
    slot_changed: Instant,
    /// Both directories have been read whole at least once.
    masters_known: bool,
    workers_known: bool,
    java_masters_seen: bool,
    next_refresh: Option<SpawnHandle>,
}

impl ClusterActor {
    pub(crate) fn new(parts: ClusterParts, published: watch::Sender<Arc<ClusterState>>) -> Self {
        Self {
            parts,
            published,
            masters: Members::default(),
            workers: Members::default(),
            table: WorkerTable::default(),
            slot: None,
            slot_changed: Instant::now(),
            masters_known: false,
            workers_known: false,
            java_masters_seen: false,
            next_refresh: None,
        }
    }

    fn publish(&mut self) {
        self.java_masters_seen |= !self.masters.all_orca();
        let state = ClusterState {
            slot: self.usable_slot(),
            takers: self.takers(),
            java_masters_seen: self.java_masters_seen,
            workers: self.table.clone(),
            masters: Arc::new(self.masters.kinds()),
            worker_starts: Arc::new(self.workers.starts()),
            worker_grace: self.workers_known.then(|| self.worker_grace()),
        };
        self.published.send_replace(Arc::new(state));
    }

    fn takers(&self) -> usize {
        let mut others = self.masters.slot_members();
        others.retain(|member| member.address != *self.parts.own_address);
        SlotTable::of(&others).addresses().len()
    }

    /// The slot, once it has rested long enough for Java peers (which punish the loser of a claim race).
    fn usable_slot(&self) -> Option<Slot> {
        let rested = self.slot_changed.elapsed() >= slot_grace();
        self.slot.filter(|_| rested || self.masters.all_orca())
    }

    /// Where every worker is Orca's, one that is missing was too, and its tasks have ended with it.
    fn worker_grace(&self) -> Duration {
        if self.workers.all_orca() {
            Duration::ZERO
        } else {
            self.parts.java_grace
        }
    }

    fn recompute_slot(&mut self, context: &mut Context<Self>) {
        let members = self.masters.slot_members();
        let slot = SlotTable::compute(&members, &self.parts.own_address).filter(|_| self.masters_known);
        if slot == self.slot {
            return;
        }
        match slot {
            Some(slot) => log::info!("this master has slot {} of {}", slot.index, slot.total),
            None => log::info!("this master has no slot"),
        }
        self.slot = slot;
        self.slot_changed = Instant::now();
        if !self.masters.all_orca() {
            context.run_later(slot_grace(), |actor, _| actor.publish());
        }
    }
}

fn slot_grace() -> Duration {
    Duration::from_millis(orca_engine::slots::SLOT_GRACE_MS)
}

impl Actor for ClusterActor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(CONTROL_MAILBOX_LEN);
        context.notify(RefreshWorkerGroups);
    }
}

/// A change below `/nodes/master`. Sent with `do_send`: a lost change of membership would be missed for ever.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct MasterChanged(pub(crate) MemberEvent);

impl Handler<MasterChanged> for ClusterActor {
    type Result = ();

    fn handle(&mut self, MasterChanged(event): MasterChanged, context: &mut Self::Context) {
        let is_first_picture = event == MemberEvent::Resynced && !self.masters_known;
        self.masters_known |= is_first_picture;
        let name = member_name(&event).map(str::to_owned);
        let gone = self.masters.take(event);
        self.recompute_slot(context);
        self.publish();
        if let (Some(name), Some(gone)) = (name, gone) {
            self.master_gone(name, gone, context);
        }
        if is_first_picture {
            self.parts.node.do_send(Sweep { is_first: true });
        }
    }
}

impl ClusterActor {
    /// An Orca master whose node is gone is dead by verdict. A Java master may come back with the same start-up time, and then nothing was lost.
    fn master_gone(&self, address: String, gone: Incarnation, context: &mut Context<Self>) {
        if *address == *self.parts.own_address {
            return;
        }
        log::warn!(
            "master {address} (process {}) has left the registry",
            gone.process_id
        );
        let kind = LossKind::Removed {
            startup_time_ms: gone.startup_time_ms,
            process_id: gone.process_id,
        };
        let loss = Loss {
            address,
            kind,
            detected_at: wall_clock(),
        };
        let grace = if gone.is_orca {
            Duration::ZERO
        } else {
            self.parts.java_grace
        };
        context.run_later(grace, move |actor, _| {
            if !actor.masters.is_same(&loss.address, &gone) {
                actor.parts.node.do_send(MasterLost(loss));
            }
        });
    }
}

fn member_name(event: &MemberEvent) -> Option<&str> {
    match event {
        MemberEvent::Added { name, .. }
        | MemberEvent::Updated { name, .. }
        | MemberEvent::Removed { name, .. } => Some(name),
        MemberEvent::Resynced => None,
    }
}

/// A change below `/nodes/worker`.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct WorkerChanged(pub(crate) MemberEvent);

impl Handler<WorkerChanged> for ClusterActor {
    type Result = ();

    fn handle(&mut self, WorkerChanged(event): WorkerChanged, context: &mut Self::Context) {
        self.workers_known |= event == MemberEvent::Resynced;
        let replaced = self.workers.take(event.clone());
        match &event {
            MemberEvent::Added { name, .. } | MemberEvent::Updated { name, .. } => self.worker_seen(name),
            MemberEvent::Removed { name, .. } => {
                self.table.remove(name);
                self.balancer().worker_removed(name);
                log::info!("worker {name} has left the registry");
            }
            MemberEvent::Resynced => {}
        }
        self.publish();
        self.parts.dispatch.workers_changed();
        match (replaced, event) {
            // Another process at the same address: the tasks of the earlier one are lost now.
            (Some(_), MemberEvent::Added { name, .. } | MemberEvent::Updated { name, .. }) => {
                self.parts.node.do_send(WorkerLost {
                    host: name,
                    before: wall_clock(),
                    is_replaced: true,
                });
            }
            (Some(gone), MemberEvent::Removed { name, .. }) => self.await_return(name, gone, context),
            (_, MemberEvent::Resynced) | (None, _) => {}
        }
    }
}

impl ClusterActor {
    fn worker_seen(&mut self, address: &str) {
        let Some((worker, load)) = self.workers.worker(address) else {
            return;
        };
        let key = worker.address.clone();
        if self.table.heartbeat(worker) {
            log::info!("worker {address} has registered");
            self.balancer().worker_added(&key, &load);
        } else {
            self.balancer().worker_updated(&key, &load);
        }
    }

    /// The node of a worker is gone. A process that runs on comes back with the same start-up time, and then nothing was lost.
    fn await_return(&self, address: String, gone: Incarnation, context: &mut Context<Self>) {
        let grace = if gone.is_orca {
            Duration::ZERO
        } else {
            self.parts.java_grace
        };
        let before = wall_clock();
        context.run_later(grace, move |actor, _| {
            if actor.workers.is_same(&address, &gone) {
                log::info!("worker {address} is back as the same process; nothing was lost");
                return;
            }
            let is_replaced = actor.table.worker(&address).is_some();
            actor.parts.node.do_send(WorkerLost {
                host: address,
                before,
                is_replaced,
            });
        });
    }

    fn balancer(&self) -> std::sync::MutexGuard<'_, Balancer> {
        self.parts
            .balancer
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Read the worker groups from the database now: on a timer, and when the API server says that they have changed.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct RefreshWorkerGroups;

impl Handler<RefreshWorkerGroups> for ClusterActor {
    type Result = ();

    fn handle(&mut self, _: RefreshWorkerGroups, context: &mut Self::Context) {
        let pool = self.parts.pool.clone();
        let read = async move { pool.run(orca_schema::Store::worker_groups).await };
        let done = read.into_actor(self).map(|groups, actor, context| {
            let pause = match groups {
                Ok(groups) => {
                    let rows: Vec<_> = groups
                        .iter()
                        .map(|(name, addresses)| (name.as_str(), addresses.join(",")))
                        .collect();
                    actor
                        .table
                        .set_db_groups(rows.iter().map(|(name, list)| (*name, list.as_str())));
                    actor.publish();
                    actor.parts.dispatch.workers_changed();
                    actor.parts.refresh_interval
                }
                Err(error) => {
                    log::warn!("the worker groups cannot be read: {error}");
                    crate::limits::INTAKE_RETRY_PAUSE
                }
            };
            let next = context.notify_later(RefreshWorkerGroups, pause);
            if let Some(earlier) = actor.next_refresh.replace(next) {
                context.cancel_future(earlier);
            }
        });
        context.spawn(done);
    }
}
