//! How a stub worker behaves.

use chrono_tz::Tz;
use std::time::Duration;

#[derive(Clone, Debug)]
pub struct StubSettings {
    pub listen_host: String,
    /// 0 takes a free port.
    pub listen_port: u16,
    pub advertised_host: String,
    pub worker_group: String,
    pub host_weight: i32,
    pub slots: usize,
    /// Time between the acknowledgement of RUNNING and SUCCESS; none for at once.
    pub run_for: Duration,
    /// How long a dispatch lies there before the task is accepted.
    pub accept_after: Duration,
    /// How long after that the dispatch is answered. The task runs meanwhile.
    pub answer_after: Duration,
    /// So many accepted tasks are kept for [`StubWorker::accepts`](super::StubWorker::accepts).
    pub accepts_kept: usize,
    pub event_resend_interval: Duration,
    pub heartbeat_interval: Duration,
    pub zone: Tz,
}

impl Default for StubSettings {
    fn default() -> Self {
        Self {
            listen_host: "0.0.0.0".to_owned(),
            listen_port: 0,
            advertised_host: "127.0.0.1".to_owned(),
            worker_group: "default".to_owned(),
            host_weight: 100,
            slots: 10_000,
            run_for: Duration::ZERO,
            accept_after: Duration::ZERO,
            answer_after: Duration::ZERO,
            accepts_kept: 0,
            event_resend_interval: Duration::from_secs(180),
            heartbeat_interval: Duration::from_secs(10),
            zone: Tz::UTC,
        }
    }
}
