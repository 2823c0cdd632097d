//! When a heartbeat is written, and when a server must stop because others have given it up.

use super::json::ServerStatus;
use crate::error::{Error, ErrorClass};
use crate::limits::HEARTBEAT_SAMPLE_INTERVAL;
use crate::node::EphemeralNode;
use crate::registry::Registry;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior};

/// One sample, ready to be written.
#[derive(Clone, Debug)]
pub struct Beat {
    pub status: ServerStatus,
    pub payload: String,
}

/// Why a heartbeat came to its end.
#[derive(Debug)]
pub enum HeartbeatEnd {
    /// The marker of this incarnation is there: it has been failed over and must not go on.
    Deposed { marker: String },
    /// The node is gone or belongs to another session.
    NodeLost(Error),
    /// The session has ended.
    SessionLost(Error),
}

/// Writes the heartbeat of one server.
#[derive(Debug)]
pub struct Heartbeater {
    pub registry: Arc<dyn Registry>,
    pub node: EphemeralNode,
    /// Path of the marker that says this incarnation was failed over: [`paths::failover_finished`](crate::paths::failover_finished).
    pub marker: String,
    /// `max-heartbeat-interval`
    pub max_interval: Duration,
    /// Samples at once when notified, instead of within a second: for a status that must be known now.
    pub hurry: Arc<Notify>,
    /// Counts the heartbeats written.
    pub writes: Arc<AtomicU64>,
}

impl Heartbeater {
    /// Samples every second; writes when the interval is over or the status has changed. Returns when this server has lost its place. A write without
    /// an answer is tried again a second later, for as long as it takes.
    pub async fn run(self, mut sample: impl FnMut() -> Beat + Send) -> HeartbeatEnd {
        let mut ticks = tokio::time::interval(HEARTBEAT_SAMPLE_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut written: Option<(Instant, ServerStatus)> = None;
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.hurry.notified() => {}
            }
            let beat = sample();
            let due =
                written.is_none_or(|(at, status)| status != beat.status || at.elapsed() >= self.max_interval);
            if !due {
                continue;
            }
            match self.write(&beat).await {
                Ok(Written::Done) => written = Some((Instant::now(), beat.status)),
                Ok(Written::Deposed) => return HeartbeatEnd::Deposed { marker: self.marker },
                Err(error) => match error.class() {
                    ErrorClass::SessionLost => return HeartbeatEnd::SessionLost(error),
                    ErrorClass::NotOwner => return HeartbeatEnd::NodeLost(error),
                    ErrorClass::Retry | ErrorClass::Refused => log::warn!("heartbeat not written: {error}"),
                },
            }
        }
    }

    /// The marker is asked for before each write: whoever has been failed over must not look alive again.
    async fn write(&self, beat: &Beat) -> Result<Written, Error> {
        if self.registry.exists(&self.marker).await? {
            return Ok(Written::Deposed);
        }
        self.node.update(&beat.payload).await?;
        self.writes.fetch_add(1, Ordering::Relaxed);
        Ok(Written::Done)
    }
}

enum Written {
    Done,
    Deposed,
}
