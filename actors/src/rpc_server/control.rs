//! Control of workflow instances, as the API server asks for it (`WorkflowControlClient`).
//!
//! A trigger writes an instance and a command and answers with the id; any master may pick the command up. So does a repetition or a recovery, for an instance that is there. Pause and stop go to the instance in memory and are
//! answered once they are queued.

use super::forward::{self, Wish, deliver};
use super::{Desk, NOT_REGISTERED, Reception};
use crate::intake::Look;
use orca_engine::codes::{FailureStrategy, Flag, Priority, TaskDependType, WarningType};
use orca_engine::model::RunOptions;
use orca_engine::workflow::Event;
use orca_rpc::dto::{
    TaskGroupSlotAcquireSuccessNotifyResponse, WorkflowBackfillTriggerRequest,
    WorkflowBackfillTriggerResponse, WorkflowInstancePauseResponse,
    WorkflowInstanceRecoverFailureTasksResponse, WorkflowInstanceRecoverSuspendTasksResponse,
    WorkflowInstanceRepeatRunningResponse, WorkflowInstanceStopResponse, WorkflowManualTriggerRequest,
    WorkflowManualTriggerResponse, WorkflowScheduleTriggerRequest, WorkflowScheduleTriggerResponse,
};
use orca_rpc::{Router, methods};
use orca_schema::{Again, AgainError, AgainRequest, NewRun, RunKind, TriggerError};
use std::sync::Arc;

pub(super) fn routes(router: Router, reception: &Reception) -> Router {
    again_routes(
        instance_routes(trigger_routes(router, reception), reception),
        reception,
    )
}

fn trigger_routes(router: Router, reception: &Reception) -> Router {
    let (manual, backfill, schedule) = (reception.clone(), reception.clone(), reception.clone());
    router
        .on::<methods::ManualTriggerWorkflow, _>(move |request| {
            let reception = manual.clone();
            async move {
                let answer = trigger(&reception, "Trigger workflow failed: ", manual_run(request)).await;
                let (workflow_instance_id, message) = split(answer);
                Ok(WorkflowManualTriggerResponse {
                    success: message.is_none(),
                    message,
                    workflow_instance_id,
                })
            }
        })
        .on::<methods::BackfillTriggerWorkflow, _>(move |request| {
            let reception = backfill.clone();
            async move {
                let answer = trigger(&reception, "Backfill workflow failed: ", backfill_run(request)).await;
                let (workflow_instance_id, message) = split(answer);
                Ok(WorkflowBackfillTriggerResponse {
                    success: message.is_none(),
                    message,
                    workflow_instance_id,
                })
            }
        })
        .on::<methods::ScheduleTriggerWorkflow, _>(move |request| {
            let reception = schedule.clone();
            async move {
                let zone = reception.desk().map(|desk| desk.term.settings.zone);
                let run = zone
                    .ok_or_else(|| NOT_REGISTERED.to_owned())
                    .and_then(|zone| schedule_run(request, zone));
                let answer = trigger(&reception, "Schedule trigger workflow failed: ", run).await;
                let (workflow_instance_id, message) = split(answer);
                Ok(WorkflowScheduleTriggerResponse {
                    success: message.is_none(),
                    message,
                    workflow_instance_id,
                })
            }
        })
}

fn instance_routes(router: Router, reception: &Reception) -> Router {
    let (pause, stop, slot) = (reception.clone(), reception.clone(), reception.clone());
    router
        .on::<methods::PauseWorkflowInstance, _>(move |request| {
            let reception = pause.clone();
            async move {
                let id = request.workflow_instance_id;
                let message = forward::control(&reception, id, Wish::Pause).await.err();
                Ok(WorkflowInstancePauseResponse {
                    success: message.is_none(),
                    message,
                })
            }
        })
        .on::<methods::StopWorkflowInstance, _>(move |request| {
            let reception = stop.clone();
            async move {
                let id = request.workflow_instance_id;
                let message = forward::control(&reception, id, Wish::Stop).await.err();
                Ok(WorkflowInstanceStopResponse {
                    success: message.is_none(),
                    message,
                })
            }
        })
        .on::<methods::NotifyTaskGroupSlotAcquireSuccess, _>(move |request| {
            let task_instance_id = request.task_instance_id.unwrap_or_default();
            let message = deliver(
                &slot,
                request.workflow_instance_id,
                Event::SlotAcquired { task_instance_id },
            )
            .err();
            async move {
                Ok(TaskGroupSlotAcquireSuccessNotifyResponse {
                    success: message.is_none(),
                    message,
                })
            }
        })
}

/// Instances that have ended and are to run again.
fn again_routes(router: Router, reception: &Reception) -> Router {
    let (repeat, failure, suspended) = (reception.clone(), reception.clone(), reception.clone());
    router
        .on::<methods::RepeatTriggerWorkflowInstance, _>(move |request| {
            let reception = repeat.clone();
            let request = again_request(request.workflow_instance_id, request.user_id, Again::Repeat);
            async move {
                let prefix = "Repeat trigger workflow instance failed: ";
                let message = again(&reception, prefix, request).await.err();
                Ok(WorkflowInstanceRepeatRunningResponse {
                    success: message.is_none(),
                    message,
                })
            }
        })
        .on::<methods::TriggerFromFailureTasks, _>(move |request| {
            let reception = failure.clone();
            let (id, user_id) = (request.workflow_instance_id, request.user_id);
            let request = again_request(id, user_id, Again::RecoverFailure);
            async move {
                let message = again(&reception, "Recover failure task failed: ", request)
                    .await
                    .err();
                Ok(WorkflowInstanceRecoverFailureTasksResponse {
                    success: message.is_none(),
                    message,
                })
            }
        })
        .on::<methods::TriggerFromSuspendTasks, _>(move |request| {
            let reception = suspended.clone();
            let (id, user_id) = (request.workflow_instance_id, request.user_id);
            let request = again_request(id, user_id, Again::RecoverSuspended);
            async move {
                let message = again(&reception, "Recover suspend task failed: ", request)
                    .await
                    .err();
                Ok(WorkflowInstanceRecoverSuspendTasksResponse {
                    success: message.is_none(),
                    message,
                })
            }
        })
}

fn again_request(
    workflow_instance_id: Option<i32>,
    user_id: Option<i32>,
    kind: Again,
) -> Result<AgainRequest, String> {
    Ok(AgainRequest {
        workflow_instance_id: required(workflow_instance_id, "workflowInstanceId")?,
        user_id: required(user_id, "userId")?,
        kind,
    })
}

/// These are rare, and each locks a row of its own: they are not gathered into batches.
async fn again(
    reception: &Reception,
    prefix: &str,
    request: Result<AgainRequest, String>,
) -> Result<(), String> {
    let triggered = async {
        let request = request?;
        let desk = desk_that_may_act(reception)?;
        let answer = desk
            .term
            .pool
            .run(move |store| Ok(store.trigger_again(&request)))
            .await;
        answer
            .unwrap_or_else(|error| Err(AgainError::Store(error)))
            .map_err(|error| format!("{}: {error}", error.java_class()))
    };
    let triggered = triggered.await.map_err(|message| format!("{prefix}{message}"));
    if triggered.is_ok() {
        look_at_commands(reception);
    }
    triggered
}

fn desk_that_may_act(reception: &Reception) -> Result<Arc<Desk>, String> {
    reception
        .desk()
        .filter(|desk| desk.term.lease.holds())
        .ok_or_else(|| NOT_REGISTERED.to_owned())
}

fn look_at_commands(reception: &Reception) {
    if let Some(desk) = reception.desk() {
        // Full: a look is coming anyway.
        let _ = desk.intake.try_send(Look);
        desk.term.coordinator_bell.notify_one();
    }
}

async fn trigger(reception: &Reception, prefix: &str, run: Result<NewRun, String>) -> Result<i32, String> {
    let inserted = async {
        let run = run?;
        let desk = desk_that_may_act(reception)?;
        desk.triggers
            .trigger(run)
            .await
            .map_err(|error| java_message(&error))
    };
    let inserted = inserted.await.map_err(|message| format!("{prefix}{message}"));
    if inserted.is_ok() {
        look_at_commands(reception);
    }
    inserted
}

/// `ExceptionUtils.getMessage`: the short class name in front of the message, as callers of the reference see it.
fn java_message(error: &TriggerError) -> String {
    format!("{}: {error}", error.java_class())
}

fn split(answer: Result<i32, String>) -> (Option<i32>, Option<String>) {
    match answer {
        Ok(id) => (Some(id), None),
        Err(message) => (None, Some(message)),
    }
}

fn required<T>(value: Option<T>, name: &str) -> Result<T, String> {
    value.ok_or_else(|| format!("IllegalArgumentException: {name} is missing"))
}

/// Sets what the three trigger requests have in common; they are different classes with equal members.
macro_rules! set_common {
    ($run:ident, $request:ident) => {
        $run.task_depend_type = $request.task_depend_type.unwrap_or(TaskDependType::TaskPost);
        $run.options = RunOptions {
            failure_strategy: $request.failure_strategy.unwrap_or(FailureStrategy::Continue),
            warning_type: $request.warning_type.unwrap_or(WarningType::None),
            warning_group_id: $request.warning_group_id,
            priority: $request.workflow_instance_priority.unwrap_or(Priority::Medium),
            worker_group: $request.worker_group,
            tenant_code: $request.tenant_code,
            environment_code: $request.environment_code,
            dry_run: required($request.dry_run, "dryRun")? == Flag::Yes,
        };
    };
}

fn manual_run(request: WorkflowManualTriggerRequest) -> Result<NewRun, String> {
    let mut run = NewRun::manual(
        required(request.user_id, "userId")?,
        required(request.workflow_definition_code, "workflowDefinitionCode")?,
        required(request.workflow_definition_version, "workflowDefinitionVersion")?,
    );
    run.start_nodes = request.start_nodes;
    run.start_params = request.start_param_list;
    run.time_zone = request.time_zone;
    set_common!(run, request);
    Ok(run)
}

fn backfill_run(request: WorkflowBackfillTriggerRequest) -> Result<NewRun, String> {
    let times = required(request.backfill_time_list, "backfillTimeList")?;
    if times.is_empty() {
        return Err("IllegalArgumentException: backfillTimeList is empty".to_owned());
    }
    let mut run = NewRun::manual(
        required(request.user_id, "userId")?,
        required(request.workflow_code, "workflowCode")?,
        required(request.workflow_version, "workflowVersion")?,
    );
    run.kind = RunKind::Backfill { times };
    run.start_nodes = request.start_nodes;
    run.start_params = request.start_param_list;
    set_common!(run, request);
    Ok(run)
}

fn schedule_run(request: WorkflowScheduleTriggerRequest, zone: chrono_tz::Tz) -> Result<NewRun, String> {
    let schedule_time = required(request.schedule_time, "scheduleTIme")?.to_millis(zone);
    let mut run = NewRun::manual(
        required(request.user_id, "userId")?,
        required(request.workflow_code, "workflowCode")?,
        required(request.workflow_version, "workflowVersion")?,
    );
    run.kind = RunKind::Schedule;
    run.schedule_time = Some(schedule_time);
    run.time_zone = request.timezone_id;
    set_common!(run, request);
    Ok(run)
}
