//! A worker that runs nothing, for benches and tests of masters.
//!
//! Guarantees: to a master it is an ordinary worker: the same node, the same calls, the same stop-and-wait of events, the
//! same resends and take-overs. Each accepted task reports DISPATCHED, RUNNING and SUCCESS, each as soon as the one before
//! is acknowledged. Refuses to know: what a task is. It starts no process, writes no file, and keeps one small entry per
//! task, so that a bench measures the masters.

mod counters;
mod settings;

use crate::error::Error;
use crate::events::{QueuedEvent, TaskEvent};
use crate::limits;
use crate::membership::{Load, Membership, MembershipSettings};
use crate::operator;
use crate::reporter::{self, Envelope, tick};
use crate::server;
use chrono::Utc;
use counters::Counters;
use futures::FutureExt as _;
use orca_engine::codes::ExecutorEventType;
use orca_engine::time::{Millis, Tick};
use orca_registry::Registry;
use orca_registry::heartbeat::LoadProtection;
use orca_rpc::dto::{
    TaskExecutionContext, TaskExecutorDispatchRequest, TaskExecutorDispatchResponse, TaskExecutorDto,
    TaskExecutorKillRequest, TaskExecutorKillResponse, TaskExecutorLifecycleEventAck,
    TaskExecutorPauseRequest, TaskExecutorPauseResponse, TaskExecutorQueryResponse,
    TaskExecutorReassignMasterRequest, TaskExecutorReassignMasterResponse,
};
use orca_rpc::methods::QueryTaskInstances;
use orca_rpc::methods::worker::{
    AckLifecycleEvent, DispatchTask, KillTask, PauseTask, ReassignWorkflowInstanceHost,
};
use orca_rpc::{Client, Router, Server, WireDate};
use std::collections::HashMap;
use std::future::ready;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

pub use counters::{StubAccept, StubCounters};
pub use settings::StubSettings;

/// A running stub.
pub struct StubWorker {
    shared: Arc<Shared>,
    server: Server,
    membership: Option<Membership>,
    address: String,
    resender: tokio::task::JoinHandle<()>,
}

struct Shared {
    tasks: Mutex<HashMap<i32, StubTask>>,
    client: Client,
    settings: StubSettings,
    counters: Counters,
    accepts: Mutex<Vec<StubAccept>>,
    /// Whether take-over calls are answered.
    answers_take_overs: watch::Sender<bool>,
}

struct StubTask {
    owner: Arc<str>,
    host: Arc<str>,
    workflow_instance_id: i32,
    start_time: Millis,
    /// What waits for its acknowledgement; none while the task "runs".
    waiting: Option<ExecutorEventType>,
    sent: Tick,
    killed: bool,
}

/// One event to send, decided under the lock and sent outside of it.
struct Outgoing {
    task_instance_id: i32,
    owner: Arc<str>,
    host: Arc<str>,
    workflow_instance_id: i32,
    event_type: ExecutorEventType,
    start_time: Millis,
}

impl StubWorker {
    /// Listens, and registers when a registry is given.
    pub async fn start(settings: StubSettings, registry: Option<Arc<dyn Registry>>) -> Result<Self, Error> {
        let shared = Arc::new(Shared {
            tasks: Mutex::default(),
            client: Client::default(),
            settings,
            counters: Counters::default(),
            accepts: Mutex::default(),
            answers_take_overs: watch::Sender::new(true),
        });
        let settings = &shared.settings;
        let server = server::bind(&settings.listen_host, settings.listen_port, router(&shared)).await?;
        let port = server.local_address().port();
        let address = format!("{}:{port}", settings.advertised_host);
        let membership = match registry {
            Some(registry) => Some(shared.join(registry, port).await?),
            None => None,
        };
        let resender = tokio::spawn(resend_forever(Arc::clone(&shared)));
        Ok(Self {
            shared,
            server,
            membership,
            address,
            resender,
        })
    }

    /// `host:port`, as masters know it.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    #[must_use]
    pub fn counters(&self) -> StubCounters {
        self.shared.counters.snapshot()
    }

    /// Tasks whose end no master has acknowledged.
    #[must_use]
    pub fn open_tasks(&self) -> usize {
        self.shared.lock().len()
    }

    /// The first tasks that were accepted, as many as the settings say.
    #[must_use]
    pub fn accepts(&self) -> Vec<StubAccept> {
        self.shared.lock_accepts().clone()
    }

    /// Loses a task without a word, as a defect would; whether it was there.
    #[must_use]
    pub fn forget(&self, task_instance_id: i32) -> bool {
        self.shared.lock().remove(&task_instance_id).is_some()
    }

    /// Take-over calls are taken in and, from now on, answered or not; those that wait are answered as soon as they may be.
    pub fn answer_take_overs(&self, answers: bool) {
        self.shared.answers_take_overs.send_replace(answers);
    }

    /// Leaves the registry and closes the port.
    pub async fn stop(self) {
        self.resender.abort();
        if let Some(membership) = self.membership {
            membership.leave().await;
        }
        self.server.drain(limits::SERVER_DRAIN).await;
        self.shared.client.shutdown();
    }
}

impl Shared {
    async fn join(self: &Arc<Self>, registry: Arc<dyn Registry>, port: u16) -> Result<Membership, Error> {
        let settings = MembershipSettings {
            host: self.settings.advertised_host.clone(),
            port,
            worker_group: self.settings.worker_group.clone(),
            host_weight: self.settings.host_weight,
            startup_time: Millis(Utc::now().timestamp_millis()),
            heartbeat_interval: self.settings.heartbeat_interval,
            load_protection: LoadProtection {
                enabled: false,
                ..LoadProtection::default()
            },
        };
        let shared = Arc::clone(self);
        let slots = self.settings.slots;
        let load = move || Load {
            held_slots: shared.lock().len(),
            slots,
            is_stopping: false,
        };
        Membership::join(registry, settings, load).await
    }

    async fn dispatch(self: Arc<Self>, request: TaskExecutorDispatchRequest) -> TaskExecutorDispatchResponse {
        pause(self.settings.accept_after).await;
        let refusal = match request.task_execution_context {
            Some(context) => self.accept(context).err(),
            None => Some("NullPointerException: The taskExecutionContext is missing".to_owned()),
        };
        pause(self.settings.answer_after).await;
        operator::dispatch_response(refusal)
    }

    fn accept(self: &Arc<Self>, context: TaskExecutionContext) -> Result<(), String> {
        let id = context.task_instance_id;
        let mut tasks = self.lock();
        if tasks.contains_key(&id) {
            // Counted and accepted: a second dispatch has the effect of one.
            self.counters.duplicates.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        if tasks.len() >= self.settings.slots {
            self.counters.refused.fetch_add(1, Ordering::Relaxed);
            return Err(
                "TaskExecutorRuntimeException: All ExclusiveThreadTaskExecutorWorker are busy".to_owned(),
            );
        }
        let mut task = StubTask {
            owner: context.workflow_instance_host.unwrap_or_default().into(),
            host: context.host.unwrap_or_default().into(),
            workflow_instance_id: context.workflow_instance_id,
            start_time: now(),
            waiting: None,
            sent: Tick(0),
            killed: false,
        };
        let outgoing = task.expect(id, ExecutorEventType::Dispatched);
        self.keep(id, &task);
        tasks.insert(id, task);
        drop(tasks);
        self.counters.accepted.fetch_add(1, Ordering::Relaxed);
        self.send(outgoing);
        Ok(())
    }

    fn keep(&self, id: i32, task: &StubTask) {
        let mut accepts = self.lock_accepts();
        if accepts.len() < self.settings.accepts_kept {
            accepts.push(StubAccept {
                workflow_instance_id: task.workflow_instance_id,
                task_instance_id: id,
                at: Instant::now(),
            });
        }
    }

    fn acknowledge(self: &Arc<Self>, ack: &TaskExecutorLifecycleEventAck) {
        let id = ack.task_executor_id;
        let mut tasks = self.lock();
        let Some(task) = tasks.get_mut(&id) else { return };
        if task.waiting.is_none() || task.waiting != ack.task_executor_lifecycle_event_type {
            return;
        }
        let outgoing = match task.waiting.take() {
            Some(ExecutorEventType::Dispatched) => task.expect(id, ExecutorEventType::Running),
            Some(ExecutorEventType::Running) if task.killed => task.expect(id, ExecutorEventType::Killed),
            Some(ExecutorEventType::Running) if self.settings.run_for.is_zero() => {
                task.expect(id, ExecutorEventType::Success)
            }
            Some(ExecutorEventType::Running) => {
                drop(tasks);
                let (shared, run_for) = (Arc::clone(self), self.settings.run_for);
                tokio::spawn(async move {
                    tokio::time::sleep(run_for).await;
                    shared.end(id, ExecutorEventType::Success);
                });
                return;
            }
            _ => {
                tasks.remove(&id);
                self.counters.finished.fetch_add(1, Ordering::Relaxed);
                return;
            }
        };
        drop(tasks);
        self.send(outgoing);
    }

    /// The "run" is over, if nothing else ended it before.
    fn end(self: &Arc<Self>, id: i32, event_type: ExecutorEventType) {
        let outgoing = match self.lock().get_mut(&id) {
            Some(task) if task.waiting.is_none() => task.expect(id, event_type),
            _ => return,
        };
        self.send(outgoing);
    }

    fn kill(self: &Arc<Self>, request: &TaskExecutorKillRequest) -> TaskExecutorKillResponse {
        self.counters.kills.fetch_add(1, Ordering::Relaxed);
        let id = request.task_instance_id.unwrap_or_default();
        let found = self.lock().get_mut(&id).map(|task| task.killed = true).is_some();
        // A task between two events is told at the next acknowledgement.
        self.end(id, ExecutorEventType::Killed);
        let message =
            (!found).then(|| format!("TaskExecutorNotFoundException: Cannot find the TaskExecutor(id={id})"));
        TaskExecutorKillResponse {
            success: found,
            message,
        }
    }

    fn pause(&self, request: &TaskExecutorPauseRequest) -> TaskExecutorPauseResponse {
        let id = request.task_instance_id.unwrap_or_default();
        let found = self.lock().contains_key(&id);
        let message =
            (!found).then(|| format!("TaskExecutorNotFoundException: Cannot find the TaskExecutor(id={id})"));
        TaskExecutorPauseResponse {
            success: found,
            message,
        }
    }

    async fn reassign(
        self: Arc<Self>,
        request: TaskExecutorReassignMasterRequest,
    ) -> TaskExecutorReassignMasterResponse {
        self.counters.take_overs.fetch_add(1, Ordering::Relaxed);
        let mut answers = self.answers_take_overs.subscribe();
        // The sender lives as long as this value.
        let _ = answers.wait_for(|answers| *answers).await;
        self.take_over(request)
    }

    fn take_over(
        self: &Arc<Self>,
        request: TaskExecutorReassignMasterRequest,
    ) -> TaskExecutorReassignMasterResponse {
        let id = request.task_instance_id;
        let mut tasks = self.lock();
        let Some(task) = tasks.get_mut(&id) else {
            let message = Some("Reassign master host failed".to_owned());
            return TaskExecutorReassignMasterResponse {
                success: false,
                message,
            };
        };
        task.owner = request.workflow_host.unwrap_or_default().into();
        let outgoing = task.waiting.map(|event_type| task.expect(id, event_type));
        drop(tasks);
        if let Some(outgoing) = outgoing {
            self.send(outgoing);
        }
        TaskExecutorReassignMasterResponse {
            success: true,
            message: None,
        }
    }

    fn query(&self) -> TaskExecutorQueryResponse {
        let zone = self.settings.zone;
        let line = |(id, task): (&i32, &StubTask)| TaskExecutorDto {
            id: *id,
            workflow_instance_id: task.workflow_instance_id,
            start_time: WireDate::from_millis(task.start_time, zone),
            ..TaskExecutorDto::default()
        };
        let task_executors = Some(self.lock().iter().map(line).collect());
        TaskExecutorQueryResponse {
            success: true,
            message: None,
            task_executors,
        }
    }

    fn send(self: &Arc<Self>, outgoing: Outgoing) {
        let shared = Arc::clone(self);
        tokio::spawn(async move {
            shared.counters.events_sent.fetch_add(1, Ordering::Relaxed);
            let envelope = Envelope {
                task_instance_id: outgoing.task_instance_id,
                workflow_instance_id: outgoing.workflow_instance_id,
                host: outgoing.host.to_string(),
            };
            if reporter::call(&shared.client, &outgoing.owner, envelope, outgoing.event())
                .await
                .is_err()
            {
                shared.counters.events_failed.fetch_add(1, Ordering::Relaxed);
            }
        });
    }

    /// Sends again what was not acknowledged in time.
    fn resend(self: &Arc<Self>, resend_ms: u64) {
        let now = tick();
        let mut due = Vec::new();
        for (id, task) in self.lock().iter_mut() {
            if task.sent + resend_ms <= now
                && let Some(event_type) = task.waiting
            {
                due.push(task.expect(*id, event_type));
            }
        }
        for outgoing in due {
            self.send(outgoing);
        }
    }

    fn lock_accepts(&self) -> MutexGuard<'_, Vec<StubAccept>> {
        self.accepts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<i32, StubTask>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn router(shared: &Arc<Shared>) -> Router {
    let with = || Arc::clone(shared);
    let (dispatch, kill, pause, reassign, ack, query) = (with(), with(), with(), with(), with(), with());
    Router::new()
        .on::<DispatchTask, _>(move |request| Arc::clone(&dispatch).dispatch(request).map(Ok))
        .on::<KillTask, _>(move |request| ready(Ok(kill.kill(&request))))
        .on::<PauseTask, _>(move |request| ready(Ok(pause.pause(&request))))
        .on::<ReassignWorkflowInstanceHost, _>(move |request| Arc::clone(&reassign).reassign(request).map(Ok))
        .on::<AckLifecycleEvent, _>(move |request| {
            ack.acknowledge(&request);
            ready(Ok(()))
        })
        .on::<QueryTaskInstances, _>(move |_| ready(Ok(query.query())))
}

async fn resend_forever(shared: Arc<Shared>) {
    let interval = shared
        .settings
        .event_resend_interval
        .max(Duration::from_millis(4));
    let resend_ms = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
    let mut ticker = tokio::time::interval(interval / 4);
    loop {
        ticker.tick().await;
        shared.resend(resend_ms);
    }
}

impl StubTask {
    /// From now on this event waits for its acknowledgement.
    fn expect(&mut self, task_instance_id: i32, event_type: ExecutorEventType) -> Outgoing {
        self.waiting = Some(event_type);
        self.sent = tick();
        Outgoing {
            task_instance_id,
            owner: Arc::clone(&self.owner),
            host: Arc::clone(&self.host),
            workflow_instance_id: self.workflow_instance_id,
            event_type,
            start_time: self.start_time,
        }
    }
}

impl Outgoing {
    fn event(&self) -> QueuedEvent {
        let created = now();
        let event = match self.event_type {
            ExecutorEventType::Running => TaskEvent::Running {
                start_time: self.start_time,
                log_path: "/stub/no.log".to_owned(),
                execute_path: None,
            },
            ExecutorEventType::Success => TaskEvent::Succeeded {
                end_time: created,
                var_pool: None,
            },
            ExecutorEventType::Killed => TaskEvent::Killed { end_time: created },
            _ => TaskEvent::Dispatched,
        };
        QueuedEvent { event, created }
    }
}

async fn pause(duration: Duration) {
    if !duration.is_zero() {
        tokio::time::sleep(duration).await;
    }
}

fn now() -> Millis {
    Millis(Utc::now().timestamp_millis())
}
