//! Virtual time. One monotonic clock for all; each host's wall clock is that plus its own, changing, offset.

use orca_engine::time::Millis;
use orca_registry::Clock;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// 2026-01-01 00:00:00 UTC: the wall clock of a host without an offset at the start of a run.
pub const EPOCH_MS: i64 = 1_767_225_600_000;

/// Shared with the leases, which are the real ones.
#[derive(Clone, Debug, Default)]
pub struct VirtualClock(Arc<AtomicU64>);

impl VirtualClock {
    pub fn set(&self, now_ms: u64) {
        self.0.store(now_ms, Ordering::Relaxed);
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Duration {
        // A lease measures from a start that must not be zero.
        Duration::from_millis(self.0.load(Ordering::Relaxed) + 1)
    }
}

/// The wall clock of a host with this offset.
#[must_use]
pub fn wall(now_ms: u64, offset_ms: i64) -> Millis {
    Millis(EPOCH_MS + i64::try_from(now_ms).unwrap_or(i64::MAX / 4) + offset_ms)
}
