//! The settings that decisions depend on.

use chrono_tz::Tz;
use std::sync::Arc;

/// One value per master, shared by its machines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// `host:port` of this master: what a context names as the place to report to.
    pub address: Arc<str>,
    /// The zone of wall clocks in alerts, state histories and time expressions.
    pub zone: Tz,
    /// `max-task-instance-runtime`; `None` is no limit.
    pub task_runtime_max_ms: Option<i64>,
    /// Pause between two questions about an attempt of unknown outcome, and between two take-over calls.
    pub probe_interval_ms: i64,
    /// Pause between two questions about an attempt whose worker runs it without being registered.
    pub watch_interval_ms: i64,
    /// How long a dispatch of unknown outcome is asked for before a "no" may become final. Longer than a worker may need
    /// to get to a request that was already in its queue.
    pub doubt_bound_ms: i64,
    /// How long an attempt at a worker may say nothing before its worker is asked for it. `None`: never.
    pub silence_interval_ms: Option<i64>,
    /// Pause between two kill calls for an attempt whose end has not been reported.
    pub kill_interval_ms: i64,
    /// Kill calls per request. After that the operator has to stop the workflow again.
    pub kill_tries_max: u32,
    /// Ask the address of a lost worker for its attempts before they are started anew.
    pub take_over_on_worker_loss: bool,
    /// Run tasks of type `LogicFakeTask`, the plug-in for tests.
    pub fake_task_enabled: bool,
}

impl Rules {
    /// The defaults for a master at this address.
    #[must_use]
    pub fn new(address: impl Into<Arc<str>>, zone: Tz) -> Self {
        Self {
            address: address.into(),
            zone,
            task_runtime_max_ms: None,
            probe_interval_ms: 1_000,
            watch_interval_ms: 5_000,
            doubt_bound_ms: 10_000,
            silence_interval_ms: Some(60_000),
            kill_interval_ms: 10_000,
            kill_tries_max: 60,
            take_over_on_worker_loss: true,
            fake_task_enabled: false,
        }
    }
}
