//! What the outside may see of a master: whether it is registered, whether it takes requests, and its metrics.
//!
//! Guarantees: a look never waits for the master's work. Outlives terms; made before the first one, so that a master that is still waiting for its database can be
//! seen too.

use crate::metrics::{
    COMMIT_WAITING, CPU_COUNT, Exposition, Metrics, POOL, POOL_ACTIVE, POOL_IDLE, POOL_MAX, REGISTERED,
    RUNNING, START_TIME, UPTIME, whole,
};
use crate::term::{Term, wall_clock};
use orca_engine::time::Millis;
use orca_registry::SessionState;
use std::sync::{Arc, RwLock};

/// Cheap to clone.
#[derive(Clone)]
pub struct Observatory {
    pub(crate) metrics: Arc<Metrics>,
    started_at: Millis,
    term: Arc<RwLock<Option<Arc<Term>>>>,
}

impl Default for Observatory {
    fn default() -> Self {
        Self {
            metrics: Arc::default(),
            started_at: wall_clock(),
            term: Arc::default(),
        }
    }
}

impl Observatory {
    /// The term that takes requests from now on, or none.
    pub(crate) fn show(&self, term: Option<Arc<Term>>) {
        *self.term.write().unwrap_or_else(|poisoned| poisoned.into_inner()) = term;
    }

    fn term(&self) -> Option<Arc<Term>> {
        self.term
            .read()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .clone()
    }

    /// Whether the registry answers this master. Java's indicator `master` says the same.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.term()
            .is_some_and(|term| *term.registry.session().borrow() == SessionState::Connected)
    }

    /// Whether this master may act.
    #[must_use]
    pub fn takes_requests(&self) -> bool {
        self.term().is_some_and(|term| term.lease.holds())
    }

    /// A panic has been survived somewhere in the process.
    pub fn count_panic(&self) {
        self.metrics.panics.add(1);
    }

    /// All metrics in the text format of Prometheus.
    #[must_use]
    pub fn exposition(&self) -> String {
        let term = self.term();
        let mut text = Exposition::default();
        let address = term.as_ref().map_or("", |term| &*term.incarnation.address);
        self.metrics.write(&mut text, address);
        let running = term.as_ref().map_or(0, |term| term.directory.len());
        text.value(&RUNNING, count(running));
        text.value(
            &COMMIT_WAITING,
            count(term.as_ref().map_or(0, |term| term.commits.waiting())),
        );
        text.value(&REGISTERED, f64::from(u8::from(self.takes_requests())));
        let pool = term
            .as_ref()
            .map(|term| term.pool.connections())
            .unwrap_or_default();
        for (family, connections) in [
            (&POOL, pool.open),
            (&POOL_ACTIVE, pool.open.saturating_sub(pool.idle)),
            (&POOL_IDLE, pool.idle),
            (&POOL_MAX, pool.max),
        ] {
            text.begin(family);
            text.sample(family, &[("pool", "DolphinScheduler")], f64::from(connections));
        }
        let seconds = |millis: i64| whole(u64::try_from(millis).unwrap_or(0)) / 1000.0;
        text.value(
            &CPU_COUNT,
            count(std::thread::available_parallelism().map_or(1, usize::from)),
        );
        text.value(&UPTIME, seconds(wall_clock().since(self.started_at)));
        text.value(&START_TIME, seconds(self.started_at.0));
        text.into_text()
    }
}

fn count(len: usize) -> f64 {
    whole(len as u64)
}
