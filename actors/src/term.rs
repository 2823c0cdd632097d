//! One term of a master: everything that is valid from its registration to the loss of its lease.
//!
//! A term is a value. When the lease is gone the term is dropped, and a new registration makes a new one with a new epoch; nothing of the
//! old one can act, since every actor and call holds the old lease.

use crate::calls::Calls;
use crate::cluster::ClusterState;
use crate::context_reads::ContextReads;
use crate::definitions::Definitions;
use crate::directory::Directory;
use crate::dispatch::Dispatchers;
use crate::leave::Leaving;
use crate::logic::{Children, Dependents, LogicTasks};
use crate::metrics::Metrics;
use crate::settings::MasterSettings;
use crate::slot_watch::SlotWatch;
use crate::store::{Commits, StorePool};
use crate::timeline::Timeline;
use orca_engine::fence::Incarnation;
use orca_engine::time::Millis;
use orca_engine::workflow::Rules;
use orca_registry::{Lease, Registry};
use std::sync::Arc;
use tokio::sync::{Notify, watch};

pub(crate) struct Term {
    pub(crate) settings: Arc<MasterSettings>,
    pub(crate) incarnation: Incarnation,
    pub(crate) lease: Lease,
    pub(crate) registry: Arc<dyn Registry>,
    /// Our name below `/orca/masters`: our place in the order of the survivors.
    pub(crate) node_name: String,
    pub(crate) pool: StorePool,
    pub(crate) commits: Commits,
    pub(crate) timeline: Timeline,
    pub(crate) definitions: Definitions,
    pub(crate) context_reads: ContextReads,
    pub(crate) calls: Calls,
    pub(crate) dispatch: Dispatchers,
    pub(crate) logic: LogicTasks,
    pub(crate) children: Children,
    pub(crate) dependents: Dependents,
    pub(crate) cluster: watch::Receiver<Arc<ClusterState>>,
    pub(crate) directory: Directory,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) slots: SlotWatch,
    /// Rung when something new waits in a queue; heard when this master is the coordinator.
    pub(crate) coordinator_bell: Arc<Notify>,
    pub(crate) rules: Arc<Rules>,
    pub(crate) leaving: Arc<Leaving>,
    /// The runtime of the sockets: calls run there, never on an arbiter.
    pub(crate) io: tokio::runtime::Handle,
}

impl Term {
    /// Wall time. The one clock that the engine's decisions are given.
    #[expect(
        clippy::unused_self,
        reason = "the clock belongs to the term, so that a test can give it another"
    )]
    pub(crate) fn now(&self) -> Millis {
        wall_clock()
    }
}

pub(crate) fn wall_clock() -> Millis {
    Millis(chrono::Utc::now().timestamp_millis())
}
