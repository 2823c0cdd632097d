//! What a stub worker has seen.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// What the stub has seen, for the bench's report and for checks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StubCounters {
    pub accepted: u64,
    /// Dispatches of an id that was already here: a master made a mistake.
    pub duplicates: u64,
    pub refused: u64,
    pub finished: u64,
    pub kills: u64,
    pub take_overs: u64,
    pub events_sent: u64,
    pub events_failed: u64,
}

/// One task that was accepted.
#[derive(Clone, Copy, Debug)]
pub struct StubAccept {
    pub workflow_instance_id: i32,
    pub task_instance_id: i32,
    pub at: Instant,
}

#[derive(Default)]
pub(super) struct Counters {
    pub(super) accepted: AtomicU64,
    pub(super) duplicates: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) finished: AtomicU64,
    pub(super) kills: AtomicU64,
    pub(super) take_overs: AtomicU64,
    pub(super) events_sent: AtomicU64,
    pub(super) events_failed: AtomicU64,
}

impl Counters {
    pub(super) fn snapshot(&self) -> StubCounters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        StubCounters {
            accepted: read(&self.accepted),
            duplicates: read(&self.duplicates),
            refused: read(&self.refused),
            finished: read(&self.finished),
            kills: read(&self.kills),
            take_overs: read(&self.take_overs),
            events_sent: read(&self.events_sent),
            events_failed: read(&self.events_failed),
        }
    }
}
