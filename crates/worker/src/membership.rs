//! The worker's place in the registry: its node, its heartbeat, and the moment it has lost both.
//!
//! Guarantees: the node exists before this is joined and is the last thing to go; a worker that others have given up learns
//! it within a session time-out. Refuses to know: what a task is.

use crate::error::Error;
use crate::limits;
use orca_engine::time::Millis;
use orca_registry::heartbeat::{
    Beat, HeartbeatEnd, Heartbeater, LoadProtection, MasterHeartbeat, RUNTIME, Sampler, ServerStatus,
    WorkerHeartbeat, current_process_id, wall_clock_ms,
};
use orca_registry::{EphemeralNode, Registry, SessionState, paths};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

/// What the heartbeat tells about this worker.
#[derive(Clone, Debug)]
pub struct MembershipSettings {
    pub host: String,
    pub port: u16,
    pub worker_group: String,
    pub host_weight: i32,
    /// Identifies this start of the worker.
    pub startup_time: Millis,
    pub heartbeat_interval: Duration,
    pub load_protection: LoadProtection,
}

/// How busy the worker is at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub held_slots: usize,
    pub slots: usize,
    pub is_stopping: bool,
}

pub struct Membership {
    registry: Arc<dyn Registry>,
    node: EphemeralNode,
    session: watch::Receiver<SessionState>,
    heartbeat: JoinHandle<HeartbeatEnd>,
    hurry: Arc<Notify>,
}

impl Membership {
    /// Creates the node, with a first heartbeat in it, and keeps it beating.
    pub async fn join(
        registry: Arc<dyn Registry>,
        settings: MembershipSettings,
        load: impl Fn() -> Load + Send + 'static,
    ) -> Result<Self, Error> {
        let process_id = current_process_id();
        let address = format!("{}:{}", settings.host, settings.port);
        let marker = paths::failover_finished(&address, settings.startup_time.0, process_id);
        let max_interval = settings.heartbeat_interval;
        let mut sampler = Sampler::new();
        let mut sample = move || beat(&settings, process_id, &mut sampler, load());
        let node = registry
            .create_ephemeral(&paths::worker(&address), &sample().payload)
            .await?;
        let hurry = Arc::new(Notify::new());
        let heartbeater = Heartbeater {
            registry: Arc::clone(&registry),
            node: node.clone(),
            marker,
            max_interval,
            hurry: Arc::clone(&hurry),
            writes: Arc::default(),
        };
        let session = registry.session();
        let heartbeat = tokio::spawn(async move { heartbeater.run(sample).await });
        Ok(Self {
            registry,
            node,
            session,
            heartbeat,
            hurry,
        })
    }

    /// The load has changed in a way that masters should know at once.
    pub fn tell_now(&self) {
        self.hurry.notify_one();
    }

    /// Waits until the place is lost.
    pub async fn lost(&mut self) -> Error {
        let timeout = self.registry.session_timeout();
        tokio::select! {
            end = &mut self.heartbeat => match end {
                Ok(HeartbeatEnd::Deposed { .. }) => Error::Deposed,
                Ok(HeartbeatEnd::NodeLost(source) | HeartbeatEnd::SessionLost(source)) => Error::SessionLost(source.to_string()),
                Err(error) => Error::SessionLost(format!("the heartbeat has failed: {error}")),
            },
            reason = session_over(&mut self.session, timeout) => Error::SessionLost(reason),
        }
    }

    /// Deletes the node and ends the session. Bounded, for a registry that does not answer would keep the process; the
    /// session then ends by itself.
    pub async fn leave(self) {
        self.heartbeat.abort();
        let leave = async {
            if let Err(error) = self.node.delete().await {
                log::warn!("the node of this worker is left to the end of its session: {error}");
            }
            self.registry.close().await;
        };
        if tokio::time::timeout(limits::LEAVE_WAIT, leave).await.is_err() {
            log::warn!("the registry does not answer; the node of this worker goes with its session");
        }
    }
}

/// The session has ended, or nothing was heard of the registry for a whole session time-out: then it has ended there, and
/// only the news of it cannot reach us.
async fn session_over(session: &mut watch::Receiver<SessionState>, timeout: Duration) -> String {
    loop {
        let state = *session.borrow_and_update();
        let changed = match state {
            SessionState::Expired => return "it has expired".to_owned(),
            SessionState::Connected => session.changed().await,
            SessionState::Suspended => match tokio::time::timeout(timeout, session.changed()).await {
                Ok(changed) => changed,
                Err(_) => {
                    return format!(
                        "nothing was heard of the registry for {} s",
                        timeout.as_secs_f64()
                    );
                }
            },
        };
        if changed.is_err() {
            return "the registry client has ended".to_owned();
        }
    }
}

fn beat(settings: &MembershipSettings, process_id: i32, sampler: &mut Sampler, load: Load) -> Beat {
    let metrics = sampler.sample();
    let protection = LoadProtection {
        max_running: load.slots as u64,
        ..settings.load_protection
    };
    let status = if load.is_stopping {
        ServerStatus::Busy
    } else {
        protection.status(&metrics, load.held_slots as u64)
    };
    #[expect(clippy::cast_precision_loss, reason = "both are far below 2^52")]
    let thread_pool_usage = load.held_slots as f64 / load.slots.max(1) as f64;
    let heartbeat = WorkerHeartbeat {
        server: MasterHeartbeat {
            process_id,
            startup_time_ms: settings.startup_time.0,
            report_time_ms: wall_clock_ms(),
            metrics,
            server_status: Some(status),
            host: settings.host.clone(),
            port: i32::from(settings.port),
            runtime: Some(RUNTIME.to_owned()),
        },
        worker_host_weight: settings.host_weight,
        thread_pool_usage,
        worker_group: settings.worker_group.clone(),
    };
    Beat {
        status,
        payload: heartbeat.to_json(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(10);
    const LONG: Duration = Duration::from_secs(1_000);

    #[tokio::test]
    async fn a_session_is_over_when_it_says_so_or_is_silent_for_its_time_out() {
        let (_sender, mut expired) = watch::channel(SessionState::Expired);
        assert_eq!(session_over(&mut expired, LONG).await, "it has expired");

        let (sender, mut ended) = watch::channel(SessionState::Connected);
        drop(sender);
        assert_eq!(
            session_over(&mut ended, LONG).await,
            "the registry client has ended"
        );

        let (_sender, mut silent) = watch::channel(SessionState::Suspended);
        assert!(
            session_over(&mut silent, SHORT)
                .await
                .starts_with("nothing was heard")
        );
    }

    #[tokio::test]
    async fn a_silence_that_ends_in_time_is_no_end() {
        let (sender, mut session) = watch::channel(SessionState::Suspended);
        let mut over = std::pin::pin!(session_over(&mut session, LONG));
        assert!(futures::poll!(&mut over).is_pending());
        sender.send_replace(SessionState::Connected);
        assert!(futures::poll!(&mut over).is_pending());
        sender.send_replace(SessionState::Expired);
        assert_eq!(over.await, "it has expired");
    }
}
