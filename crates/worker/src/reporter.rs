//! Sends the events of the tasks, one sender per task, so that a slow master delays nobody but itself.
//!
//! Guarantees: per task the order and the stop-and-wait of the event queue; the result of a call changes nothing, only an
//! acknowledgement does. Refuses to know: what an event means.

use crate::events::{QueuedEvent, TaskEvent};
use crate::executors::{Executors, Next};
use crate::limits;
use chrono::Utc;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use orca_engine::codes::ExecutorEventType;
use orca_engine::time::Tick;
use orca_rpc::dto::{
    TaskExecutorDispatchedLifecycleEvent, TaskExecutorFailedLifecycleEvent, TaskExecutorKilledLifecycleEvent,
    TaskExecutorRuntimeContextChangedLifecycleEvent, TaskExecutorStartedLifecycleEvent,
    TaskExecutorSuccessLifecycleEvent,
};
use orca_rpc::{Client, Method, Outcome, methods};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Monotonic time since the first use in this process.
#[must_use]
pub fn tick() -> Tick {
    Tick(u64::try_from(start().elapsed().as_millis()).unwrap_or(u64::MAX))
}

fn start() -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(Instant::now)
}

/// What surrounds an event on the wire.
#[derive(Clone, Debug)]
pub struct Envelope {
    pub task_instance_id: i32,
    pub workflow_instance_id: i32,
    /// The executor's address, as the master wrote it.
    pub host: String,
}

/// Sends the events of one task until it is finalised.
pub async fn report(client: Client, executors: Arc<Executors>, task_instance_id: i32, wake: Arc<Notify>) {
    // More than one call is open when the acknowledgement came before the answer, or a resend before the time-out.
    let mut calls = FuturesUnordered::new();
    loop {
        while calls.len() >= limits::REPORT_CALLS_OPEN_MAX {
            calls.next().await;
        }
        let until = match executors.next(task_instance_id, tick()) {
            Next::Gone => break,
            Next::Wait => None,
            Next::WaitUntil(at) => Some(start() + Duration::from_millis(at.0)),
            Next::Send {
                owner,
                host,
                workflow_instance_id,
                event,
            } => {
                let envelope = Envelope {
                    task_instance_id,
                    workflow_instance_id,
                    host,
                };
                calls.push(send(client.clone(), owner, envelope, event));
                continue;
            }
        };
        tokio::select! {
            () = wake.notified() => {}
            Some(()) = calls.next() => {}
            () = sleep_until(until) => {}
        }
    }
    // The answers of the last calls interest nobody, but an open call is not to be cut off.
    while calls.next().await.is_some() {}
}

async fn sleep_until(until: Option<Instant>) {
    match until {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

async fn send(client: Client, owner: String, envelope: Envelope, event: QueuedEvent) {
    let (task_instance_id, name) = (envelope.task_instance_id, event.event.name());
    if let Err(reason) = call(&client, &owner, envelope, event).await {
        log::warn!(
            task_instance_id = task_instance_id;
            "the event {name} of task {task_instance_id} did not reach {owner}, it stays queued: {reason}"
        );
    }
}

/// Sends one event; an error is for the log only.
#[expect(
    clippy::needless_update,
    reason = "DISPATCHED has no members of its own, the others have"
)]
pub async fn call(
    client: &Client,
    owner: &str,
    envelope: Envelope,
    event: QueuedEvent,
) -> Result<(), String> {
    let Envelope {
        task_instance_id,
        workflow_instance_id,
        host,
    } = envelope;
    let task_instance_host = Some(host);
    let event_create_time = event.created.0;
    let latest_report_time = Some(Utc::now().timestamp_millis());
    // The members that all events have, in their own classes.
    macro_rules! common {
        ($class:ident, $type:ident) => {
            $class {
                task_instance_id,
                event_create_time,
                r#type: Some(ExecutorEventType::$type),
                workflow_instance_id,
                task_instance_host,
                latest_report_time,
                ..$class::default()
            }
        };
    }
    match event.event {
        TaskEvent::Dispatched => {
            let event = common!(TaskExecutorDispatchedLifecycleEvent, Dispatched);
            call_one::<methods::OnTaskExecutorDispatched>(client, owner, &event).await
        }
        TaskEvent::Running {
            start_time,
            log_path,
            execute_path,
        } => {
            let event = TaskExecutorStartedLifecycleEvent {
                start_time: start_time.0,
                log_path: Some(log_path),
                execute_path,
                ..common!(TaskExecutorStartedLifecycleEvent, Running)
            };
            call_one::<methods::OnTaskExecutorRunning>(client, owner, &event).await
        }
        TaskEvent::RuntimeContextChanged { process_id } => {
            let event = TaskExecutorRuntimeContextChangedLifecycleEvent {
                process_id,
                ..common!(
                    TaskExecutorRuntimeContextChangedLifecycleEvent,
                    RuntimeContextChange
                )
            };
            call_one::<methods::OnTaskExecutorRuntimeContextChanged>(client, owner, &event).await
        }
        TaskEvent::Succeeded { end_time, var_pool } => {
            let end_time = end_time.0;
            let event = TaskExecutorSuccessLifecycleEvent {
                end_time,
                var_pool,
                ..common!(TaskExecutorSuccessLifecycleEvent, Success)
            };
            call_one::<methods::OnTaskExecutorSuccess>(client, owner, &event).await
        }
        TaskEvent::Failed { end_time } => {
            let end_time = end_time.0;
            let event = TaskExecutorFailedLifecycleEvent {
                end_time,
                ..common!(TaskExecutorFailedLifecycleEvent, Failed)
            };
            call_one::<methods::OnTaskExecutorFailed>(client, owner, &event).await
        }
        TaskEvent::Killed { end_time } => {
            let end_time = end_time.0;
            let event = TaskExecutorKilledLifecycleEvent {
                end_time,
                ..common!(TaskExecutorKilledLifecycleEvent, Killed)
            };
            call_one::<methods::OnTaskExecutorKilled>(client, owner, &event).await
        }
    }
}

async fn call_one<M: Method>(client: &Client, owner: &str, request: &M::Request) -> Result<(), String> {
    match client.call::<M>(owner, request).await {
        Outcome::Accepted(_) => Ok(()),
        Outcome::Refused(refusal) => Err(refusal.to_string()),
        Outcome::Unknown(reason) => Err(reason.to_string()),
    }
}
