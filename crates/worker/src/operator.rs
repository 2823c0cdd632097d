//! The calls a worker answers, as functions from message to message (`IPhysicalTaskExecutorOperator`,
//! `ITaskExecutorQueryClient`).
//!
//! Guarantees: every answer is one a Java worker could give, with the texts of a Java worker where masters or people may
//! look for them. Refuses to know: connections.

use crate::executors::{Admitted, Dispatch, Executors, Listed};
use crate::task::execute::Job;
use chrono_tz::Tz;
use orca_engine::time::{Millis, Tick};
use orca_rpc::date::WireDate;
use orca_rpc::dto::{
    TaskExecutionContext, TaskExecutorDispatchResponse, TaskExecutorDto, TaskExecutorKillRequest,
    TaskExecutorKillResponse, TaskExecutorLifecycleEventAck, TaskExecutorPauseRequest,
    TaskExecutorPauseResponse, TaskExecutorQueryResponse, TaskExecutorReassignMasterRequest,
    TaskExecutorReassignMasterResponse,
};
use orca_task_log::LogName;

/// An accepted dispatch: what to run, and what holds it.
pub struct Accepted {
    pub task_instance_id: i32,
    pub job: Job,
    pub admitted: Admitted,
}

/// Takes a dispatched task in, or says why not. `None`: it is here already and goes on.
pub fn admit(
    executors: &Executors,
    context: Option<TaskExecutionContext>,
    now: Tick,
    created: Millis,
) -> Result<Option<Accepted>, String> {
    let context = context.ok_or("NullPointerException: The taskExecutionContext is missing")?;
    if context.first_submit_time == 0 {
        return Err("NullPointerException: The firstSubmitTime is missing".to_owned());
    }
    let admitted = executors
        .admit(dispatch(&context), now, created)
        .map_err(|refusal| refusal.to_string())?;
    Ok(admitted.map(|admitted| Accepted {
        task_instance_id: context.task_instance_id,
        job: job(context),
        admitted,
    }))
}

#[must_use]
pub fn dispatch_response(refusal: Option<String>) -> TaskExecutorDispatchResponse {
    TaskExecutorDispatchResponse {
        dispatch_success: refusal.is_none(),
        message: refusal,
    }
}

fn dispatch(context: &TaskExecutionContext) -> Dispatch {
    Dispatch {
        task_instance_id: context.task_instance_id,
        task_name: context.task_name.clone().unwrap_or_default(),
        task_type: context.task_type.clone().unwrap_or_default(),
        project_code: context.project_code.unwrap_or_default(),
        workflow_instance_id: context.workflow_instance_id,
        workflow_instance_name: context.workflow_instance_name.clone().unwrap_or_default(),
        first_submit_time: Millis(context.first_submit_time),
        owner: context.workflow_instance_host.clone(),
        owner_epoch: context.orca_owner_epoch,
        worker_startup_time: context.orca_worker_startup_time.map(Millis),
        host: context.host.clone().unwrap_or_default(),
    }
}

fn job(context: TaskExecutionContext) -> Job {
    Job {
        name: LogName {
            first_submit_time: Millis(context.first_submit_time),
            workflow_definition_code: context.workflow_definition_code.unwrap_or_default(),
            workflow_definition_version: context.workflow_definition_version,
            workflow_instance_id: context.workflow_instance_id,
            task_instance_id: context.task_instance_id,
        },
        task_name: context.task_name.unwrap_or_default(),
        task_type: context.task_type.unwrap_or_default(),
        task_params: context.task_params,
        environment: context.environment_config,
        prepared: context
            .prepare_params_map
            .unwrap_or_default()
            .into_iter()
            .filter_map(|(name, property)| Some((name, property?)))
            .collect(),
        tenant: context.tenant_code,
        timeout_seconds: context.task_timeout,
        dry_run: context.dry_run == 1,
    }
}

#[must_use]
pub fn kill(executors: &Executors, request: &TaskExecutorKillRequest, now: Tick) -> TaskExecutorKillResponse {
    let found = request.task_instance_id.is_some_and(|id| executors.kill(id, now));
    TaskExecutorKillResponse {
        success: found,
        message: not_found(found, request.task_instance_id),
    }
}

/// A process cannot be paused; the answer is still yes, as a Java worker's is.
#[must_use]
pub fn pause(executors: &Executors, request: &TaskExecutorPauseRequest) -> TaskExecutorPauseResponse {
    let found = request.task_instance_id.is_some_and(|id| executors.contains(id));
    TaskExecutorPauseResponse {
        success: found,
        message: not_found(found, request.task_instance_id),
    }
}

#[must_use]
pub fn reassign(
    executors: &Executors,
    request: TaskExecutorReassignMasterRequest,
    now: Tick,
) -> TaskExecutorReassignMasterResponse {
    let taken = request.workflow_host.is_some_and(|host| {
        executors.reassign(request.task_instance_id, host, request.orca_owner_epoch, now)
    });
    let message = (!taken).then(|| "Reassign master host failed".to_owned());
    TaskExecutorReassignMasterResponse {
        success: taken,
        message,
    }
}

pub fn acknowledge(executors: &Executors, ack: &TaskExecutorLifecycleEventAck, now: Tick) {
    if let Some(event_type) = ack.task_executor_lifecycle_event_type {
        executors.acknowledge(ack.task_executor_id, event_type, now);
    }
}

#[must_use]
pub fn query(executors: &Executors, zone: Tz) -> TaskExecutorQueryResponse {
    let line = |task: Listed| TaskExecutorDto {
        id: task.task_instance_id,
        name: Some(task.task_name),
        task_type: Some(task.task_type),
        project_code: task.project_code,
        workflow_instance_id: task.workflow_instance_id,
        workflow_instance_name: Some(task.workflow_instance_name),
        start_time: task.start_time.and_then(|time| WireDate::from_millis(time, zone)),
    };
    let task_executors = Some(executors.list().into_iter().map(line).collect());
    TaskExecutorQueryResponse {
        success: true,
        message: None,
        task_executors,
    }
}

fn not_found(found: bool, task_instance_id: Option<i32>) -> Option<String> {
    let id = task_instance_id.map_or_else(|| "null".to_owned(), |id| id.to_string());
    (!found).then(|| format!("TaskExecutorNotFoundException: Cannot find the TaskExecutor(id={id})"))
}
