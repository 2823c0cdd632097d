//! Waiting for conditions, never for durations.

use super::Error;
use std::time::{Duration, Instant};

const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// A point in time that a wait must not pass.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    start: Instant,
    limit: Duration,
}

impl Deadline {
    #[must_use]
    pub fn after_seconds(seconds: u64) -> Self {
        Self {
            start: Instant::now(),
            limit: Duration::from_secs(seconds),
        }
    }

    #[must_use]
    pub fn is_over(&self) -> bool {
        self.start.elapsed() >= self.limit
    }

    fn error(&self, what: &str) -> Error {
        Error::TimedOut {
            what: what.to_owned(),
            seconds: self.limit.as_secs(),
        }
    }
}

/// Looks until `found` answers something; the answer.
///
/// # Errors
/// When the deadline passes first.
pub fn until<T>(what: &str, deadline: Deadline, mut found: impl FnMut() -> Option<T>) -> Result<T, Error> {
    loop {
        if let Some(answer) = found() {
            return Ok(answer);
        }
        if deadline.is_over() {
            return Err(deadline.error(what));
        }
        std::thread::sleep(POLL_INTERVAL);
    }
}
