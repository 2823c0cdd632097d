//! One life of a worker, and the order of its end: first the tasks, then the port, last the node. While the node is there
//! nobody starts its tasks elsewhere.

use crate::error::Error;
use crate::membership::{Load, Membership, MembershipSettings};
use crate::service::{Ending, Service};
use crate::settings::WorkerSettings;
use chrono::Utc;
use orca_engine::time::Millis;
use orca_registry::Registry;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A registered, working worker.
pub struct Worker {
    service: Service,
    membership: Membership,
    is_stopping: Arc<AtomicBool>,
    stop_wait: Duration,
}

/// Runs a worker until `shutdown` is ready, or until it has lost its place in the registry, which is an error.
pub async fn run(settings: WorkerSettings, shutdown: impl Future<Output = ()> + Send) -> Result<(), Error> {
    let problems = settings.problems();
    if !problems.is_empty() {
        return Err(Error::Settings { problems });
    }
    let registry = orca_registry::connect(&settings.registry).await?;
    let mut worker = match Worker::start(settings, Arc::clone(&registry)).await {
        Ok(worker) => worker,
        Err(error) => {
            registry.close().await;
            return Err(error);
        }
    };
    tokio::select! {
        () = shutdown => {
            worker.stop().await;
            Ok(())
        }
        error = worker.lost() => {
            log::error!("{error}");
            worker.abandon().await;
            Err(error)
        }
    }
}

impl Worker {
    /// Listens first and registers then: a worker that masters can see answers.
    pub async fn start(settings: WorkerSettings, registry: Arc<dyn Registry>) -> Result<Self, Error> {
        let startup_time = Millis(Utc::now().timestamp_millis());
        let slots = settings.tasks.execution_slots;
        let listen = (settings.listen_host.as_str(), settings.listen_port);
        let service = Service::start(listen, &settings.advertised_host, startup_time, settings.tasks).await?;
        let is_stopping = Arc::new(AtomicBool::new(false));
        let membership_settings = MembershipSettings {
            host: settings.advertised_host,
            port: service.port(),
            worker_group: settings.worker_group,
            host_weight: settings.host_weight,
            startup_time,
            heartbeat_interval: settings.heartbeat_interval,
            load_protection: settings.load_protection,
        };
        let (executors, stopping) = (Arc::clone(service.executors()), Arc::clone(&is_stopping));
        let load = move || Load {
            held_slots: executors.held_slots(),
            slots,
            is_stopping: stopping.load(Ordering::Relaxed),
        };
        match Membership::join(registry, membership_settings, load).await {
            Ok(membership) => {
                log::info!("the worker {} takes tasks", service.address());
                Ok(Self {
                    service,
                    membership,
                    is_stopping,
                    stop_wait: settings.stop_wait,
                })
            }
            Err(error) => {
                service.stop(Ending::AtOnce).await;
                Err(error)
            }
        }
    }

    /// `host:port`, as masters know it.
    #[must_use]
    pub fn address(&self) -> &str {
        self.service.address()
    }

    /// Waits until this worker has lost its place in the registry. Then [`abandon`](Self::abandon) it.
    pub async fn lost(&mut self) -> Error {
        self.membership.lost().await
    }

    /// An orderly end.
    pub async fn stop(self) {
        log::info!("the worker {} stops", self.address());
        self.is_stopping.store(true, Ordering::Relaxed);
        self.membership.tell_now();
        self.service.stop(Ending::Orderly { wait: self.stop_wait }).await;
        self.membership.leave().await;
    }

    /// The tasks may already run elsewhere: they end now.
    pub async fn abandon(self) {
        self.service.stop(Ending::AtOnce).await;
        self.membership.leave().await;
    }
}
