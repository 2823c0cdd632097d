//! Where ready attempts wait for a worker: one [`DispatchActor`] per worker group.
//!
//! Guarantees: within a group the order of priority; an attempt in back-off holds nobody up; a slow worker delays nobody, since the
//! calls themselves are made by the workflows. It knows nothing of workflows but where to send the choice.

mod actor;

pub(crate) use actor::{Cancel, Enqueue, Waiting, WorkersChanged};

use crate::cluster::ClusterState;
use actix::{Actor, Addr, ArbiterHandle};
use actor::DispatchActor;
use orca_engine::balancing::Balancer;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;

/// The entrance to all groups. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Dispatchers {
    inner: Arc<Inner>,
}

struct Inner {
    arbiter: ArbiterHandle,
    cluster: watch::Receiver<Arc<ClusterState>>,
    /// One for all groups of a master, as in the reference.
    balancer: Arc<Mutex<Balancer>>,
    duration_max: Option<Duration>,
    groups: Mutex<HashMap<String, Addr<DispatchActor>>>,
}

impl Dispatchers {
    pub(crate) fn new(
        arbiter: ArbiterHandle,
        cluster: watch::Receiver<Arc<ClusterState>>,
        balancer: Arc<Mutex<Balancer>>,
        duration_max: Option<Duration>,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                arbiter,
                cluster,
                balancer,
                duration_max,
                groups: Mutex::default(),
            }),
        }
    }

    /// Never refused: an attempt that waits here is one row of one running instance, so the number is bounded by those.
    pub(crate) fn enqueue(&self, group: &str, message: Enqueue) {
        self.group(group).do_send(message);
    }

    pub(crate) fn cancel(&self, group: &str, message: Cancel) {
        self.group(group).do_send(message);
    }

    /// The set of workers or its state has changed: whoever waits for one is looked at again.
    pub(crate) fn workers_changed(&self) {
        for group in self.groups().values() {
            // Full means a look is coming anyway.
            let _ = group.try_send(WorkersChanged);
        }
    }

    fn group(&self, name: &str) -> Addr<DispatchActor> {
        let mut groups = self.groups();
        if let Some(known) = groups.get(name) {
            return known.clone();
        }
        let inner = &self.inner;
        let (group, cluster, balancer) = (name.to_owned(), inner.cluster.clone(), inner.balancer.clone());
        let duration_max = inner.duration_max;
        let started = DispatchActor::start_in_arbiter(&inner.arbiter, move |_| {
            DispatchActor::new(group, cluster, balancer, duration_max)
        });
        groups.insert(name.to_owned(), started.clone());
        started
    }

    fn groups(&self) -> std::sync::MutexGuard<'_, HashMap<String, Addr<DispatchActor>>> {
        self.inner
            .groups
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
