//! Reports of executors.
//!
//! Answered as soon as they are queued: an open call blocks a Java worker's only reporter. A report for a workflow that is not in memory is
//! looked up in the rows: finished attempts are acknowledged, replaced ones killed and acknowledged, and while a claim may be under way the answer
//! is held, since an executor that hears "not found" waits three minutes.

use super::{Desk, Reception};
use crate::limits::{EVENT_PARK_INTERVAL, EVENT_PARK_ROUNDS_MAX};
use crate::workflow::Deliver;
use orca_engine::stray_report::{Standing, Verdict as Found, judge};
use orca_engine::time::Millis;
use orca_engine::workflow::{Event, ExecutorEvent, ExecutorEventKind};
use orca_rpc::{Declined, Router, methods};
use std::sync::Arc;

pub(super) fn routes(router: Router, reception: &Reception) -> Router {
    macro_rules! report {
        ($router:expr, $method:ident, |$event:ident| $kind:expr) => {{
            let reception = reception.clone();
            $router.on::<methods::$method, _>(move |$event| {
                let desk = reception.desk();
                let kind = $kind;
                let report = Report {
                    workflow_instance_id: $event.workflow_instance_id,
                    event: ExecutorEvent {
                        task_instance_id: $event.task_instance_id,
                        host: $event.task_instance_host.unwrap_or_default(),
                        kind,
                    },
                };
                async move { receive(desk, report).await }
            })
        }};
    }
    let router = report!(router, OnTaskExecutorDispatched, |event| {
        ExecutorEventKind::Dispatched
    });
    let router = report!(router, OnTaskExecutorRunning, |event| {
        ExecutorEventKind::Running {
            start_time: Millis(event.start_time),
            log_path: event.log_path,
        }
    });
    let router = report!(router, OnTaskExecutorRuntimeContextChanged, |event| {
        ExecutorEventKind::RuntimeContextChanged {
            app_ids: event.app_ids,
        }
    });
    let router = report!(router, OnTaskExecutorSuccess, |event| {
        ExecutorEventKind::Succeeded {
            end_time: Millis(event.end_time),
            var_pool: event.var_pool.unwrap_or_default(),
        }
    });
    let router = report!(router, OnTaskExecutorFailed, |event| ExecutorEventKind::Failed {
        end_time: Millis(event.end_time)
    });
    let router = report!(router, OnTaskExecutorKilled, |event| ExecutorEventKind::Killed {
        end_time: Millis(event.end_time)
    });
    report!(router, OnTaskExecutorPaused, |event| ExecutorEventKind::Paused {
        end_time: Millis(event.end_time)
    })
}

struct Report {
    workflow_instance_id: i32,
    event: ExecutorEvent,
}

async fn receive(desk: Option<Arc<Desk>>, report: Report) -> Result<(), Declined> {
    let Some(desk) = desk else {
        return Err(Declined::Silence);
    };
    for _ in 0..EVENT_PARK_ROUNDS_MAX {
        // A master that stops has given the workflow away, or will: its next owner asks for the report.
        if !desk.term.lease.holds() || desk.term.leaving.has_begun() {
            return Err(Declined::Silence);
        }
        // The actor may have been dropped between the look and the message; then the next round asks the rows.
        if let Some(workflow) = desk.term.directory.actor(report.workflow_instance_id)
            && workflow.connected()
        {
            workflow.do_send(Deliver(vec![Event::Executor(report.event)]));
            return Ok(());
        }
        match look_up(&desk, &report).await {
            Found::Finished => {
                acknowledge(&desk, &report.event).await;
                return Ok(());
            }
            Found::Replaced => {
                desk.term
                    .calls
                    .kill(&report.event.host, report.event.task_instance_id)
                    .await;
                acknowledge(&desk, &report.event).await;
                return Ok(());
            }
            Found::Elsewhere => {
                let id = report.workflow_instance_id;
                return Err(Declined::failed(format!(
                    "Cannot find the WorkflowExecuteRunnable: {id}"
                )));
            }
            Found::Coming => tokio::time::sleep(EVENT_PARK_INTERVAL).await,
        }
    }
    Err(Declined::Silence)
}

async fn acknowledge(desk: &Desk, event: &ExecutorEvent) {
    desk.term
        .calls
        .ack(&event.host, event.task_instance_id, event.kind.event_type())
        .await;
}

/// No row is like another owner's; rows that cannot be read now may be ours.
async fn look_up(desk: &Desk, report: &Report) -> Found {
    let id = report.event.task_instance_id;
    let row = match desk.term.pool.run(move |store| store.attempt(id)).await {
        Ok(Some(row)) => row,
        Ok(None) => return Found::Elsewhere,
        Err(error) => {
            log::warn!(task_instance_id = id; "a report waits, since its row cannot be read: {error}");
            return Found::Coming;
        }
    };
    let standing = Standing {
        task_state: row.task_state,
        task_is_valid: row.task_is_valid,
        workflow_state: row.workflow_state,
        workflow_host: row.workflow_host.as_deref(),
    };
    judge(standing, &desk.term.incarnation.address)
}
