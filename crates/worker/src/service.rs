//! A worker without its place in the registry: the port, the tasks, the guard.
//!
//! Guarantees: an accepted dispatch ends in a terminal event, even when the code that runs it panics; after the end of the
//! service no process of a task is left. Refuses to know: whether masters can find it.

use crate::error::Error;
use crate::events::TaskEvent;
use crate::executors::Executors;
use crate::limits;
use crate::operator::{self, Accepted};
use crate::process::guard::Guard;
use crate::process::kill_leftovers;
use crate::process::token::WorkerToken;
use crate::reporter::{self, tick};
use crate::server;
use crate::settings::TaskSettings;
use crate::task::Stop;
use crate::task::execute::Workshop;
use chrono::Utc;
use chrono_tz::Tz;
use orca_engine::time::Millis;
use orca_rpc::dto::TaskExecutionContext;
use orca_rpc::{Client, ClientSettings, Server};
use orca_task_log::LogDirectory;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::watch;

/// What the calls work on.
pub(crate) struct Core {
    executors: Arc<Executors>,
    logs: LogDirectory,
    zone: Tz,
    client: Client,
    /// Known once the port is: the mark of the tasks carries the address.
    workshop: OnceLock<Workshop>,
    /// Tasks whose processes may be alive.
    running: watch::Sender<usize>,
}

/// A listening worker that no master can find yet.
pub struct Service {
    core: Arc<Core>,
    server: Server,
    guard: Guard,
    address: String,
}

/// How a service ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Let running tasks go on for a while, then end them politely.
    Orderly { wait: Duration },
    /// The tasks may already run elsewhere: end them now.
    AtOnce,
}

impl Service {
    /// Listens and accepts dispatches. `listen` may have port 0; the address then has the real one.
    pub async fn start(
        listen: (&str, u16),
        advertised_host: &str,
        startup_time: Millis,
        settings: TaskSettings,
    ) -> Result<Self, Error> {
        let problems = settings.problems();
        if !problems.is_empty() {
            return Err(Error::Settings { problems });
        }
        let logs = LogDirectory::open(&settings.log_directory).map_err(|source| Error::LogDirectory {
            path: settings.log_directory.clone(),
            source,
        })?;
        let resend_ms = u64::try_from(settings.event_resend_interval.as_millis()).unwrap_or(u64::MAX);
        let core = Arc::new(Core {
            executors: Arc::new(Executors::new(settings.execution_slots, resend_ms).of_process(startup_time)),
            logs,
            zone: settings.zone,
            client: Client::new(ClientSettings::default()),
            workshop: OnceLock::new(),
            running: watch::Sender::new(0),
        });
        let server = server::bind(listen.0, listen.1, server::router(&core)).await?;
        let address = format!("{advertised_host}:{}", server.local_address().port());
        let token = WorkerToken::new(&address, startup_time.0, std::process::id());
        // The port is ours, so no other worker of this name lives here.
        let left = kill_leftovers(&token);
        if left > 0 {
            log::warn!(
                "{left} processes of an earlier start of this worker were still running and are killed"
            );
        }
        let guard = Guard::start(token.clone()).map_err(|source| Error::Guard { source })?;
        // Nobody has set it: this is the only place that does.
        let _ = core.workshop.set(Workshop {
            settings,
            token,
            guard: guard.handle(),
        });
        Ok(Self {
            core,
            server,
            guard,
            address,
        })
    }

    /// `host:port`, as masters know it.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    #[must_use]
    pub fn port(&self) -> u16 {
        self.server.local_address().port()
    }

    #[must_use]
    pub fn executors(&self) -> &Arc<Executors> {
        &self.core.executors
    }

    /// Ends all tasks and closes the port. Tasks that are ended here are not reported: the masters see the worker go and
    /// start them elsewhere.
    pub async fn stop(self, ending: Ending) {
        let executors = &self.core.executors;
        executors.stop_admitting();
        let how = match ending {
            Ending::Orderly { wait } => {
                let _ = tokio::time::timeout(wait, executors.wait_until_empty()).await;
                let _ = tokio::time::timeout(limits::STOP_REPORT_WAIT, executors.wait_until_reported()).await;
                Stop::Leave
            }
            Ending::AtOnce => Stop::Abandon,
        };
        executors.end_all(how);
        let mut running = self.core.running.subscribe();
        let most = self.core.leave_wait() + limits::END_ALL_WAIT;
        if tokio::time::timeout(most, running.wait_for(|running| *running == 0))
            .await
            .is_err()
        {
            log::error!("some tasks do not end; the guard kills what it can find of them");
        }
        self.guard.stop().await;
        self.server.drain(limits::SERVER_DRAIN).await;
        self.core.client.shutdown();
    }
}

impl Core {
    pub(crate) fn executors(&self) -> &Executors {
        &self.executors
    }

    pub(crate) const fn logs(&self) -> &LogDirectory {
        &self.logs
    }

    pub(crate) const fn zone(&self) -> Tz {
        self.zone
    }

    fn leave_wait(&self) -> Duration {
        self.workshop
            .get()
            .map_or(Duration::ZERO, |workshop| workshop.settings.leave_wait)
    }

    /// Accepts a dispatch and starts what it needs, or says why not.
    pub(crate) fn dispatch(self: &Arc<Self>, context: Option<TaskExecutionContext>) -> Result<(), String> {
        if self.workshop.get().is_none() {
            return Err("TaskExecutorRuntimeException: The worker is starting".to_owned());
        }
        let Some(accepted) = operator::admit(&self.executors, context, tick(), now())? else {
            return Ok(());
        };
        let id = accepted.task_instance_id;
        let wake = Arc::clone(&accepted.admitted.wake);
        tokio::spawn(reporter::report(
            self.client.clone(),
            Arc::clone(&self.executors),
            id,
            wake,
        ));
        tokio::spawn(run(Arc::clone(self), accepted));
        Ok(())
    }

    fn publish(&self, task_instance_id: i32, event: TaskEvent) {
        self.executors.publish(task_instance_id, event, now());
    }
}

/// Runs a task in a task of its own, so that a panic fails the task and nothing else.
async fn run(core: Arc<Core>, accepted: Accepted) {
    let Accepted {
        task_instance_id: id,
        job,
        admitted,
    } = accepted;
    core.running.send_modify(|running| *running += 1);
    let runner = Arc::clone(&core);
    let ran = tokio::spawn(async move {
        let Some(workshop) = runner.workshop.get() else {
            return;
        };
        let publish = |event| runner.publish(id, event);
        Box::pin(workshop.run(job, admitted.stop, &publish)).await;
    });
    if let Err(error) = ran.await {
        log::error!(task_instance_id = id; "the code that runs task {id} has failed: {error}");
        core.publish(id, TaskEvent::Failed { end_time: now() });
    }
    core.running.send_modify(|running| *running -= 1);
}

fn now() -> Millis {
    Millis(Utc::now().timestamp_millis())
}
