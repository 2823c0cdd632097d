//! Requests to a master, and what it answers.

use super::format::{Backfill, Step, Success, Trigger};
use crate::harness::{Error, MasterRpc};
use orca_engine::codes::{Flag, Priority};
use orca_rpc::dto::{
    TaskExecutorQueryRequest, WorkflowBackfillTriggerRequest, WorkflowInstancePauseRequest,
    WorkflowInstanceRecoverFailureTasksRequest, WorkflowInstanceRecoverSuspendTasksRequest,
    WorkflowInstanceRepeatRunningRequest, WorkflowInstanceStopRequest, WorkflowManualTriggerRequest,
};
use orca_rpc::methods::{
    BackfillTriggerWorkflow, ManualTriggerWorkflow, PauseWorkflowInstance, QueryTaskInstances,
    RepeatTriggerWorkflowInstance, StopWorkflowInstance, TriggerFromFailureTasks, TriggerFromSuspendTasks,
};

const ADMINISTRATOR: i32 = 1;

/// What every answer says.
pub(super) struct Answer {
    pub(super) success: bool,
    pub(super) message: Option<String>,
    pub(super) instance: Option<i32>,
}

macro_rules! answer {
    ($answer:expr) => {{
        let answer = $answer;
        Answer {
            success: answer.success,
            message: answer.message,
            instance: None,
        }
    }};
}

/// A run of a workflow. What the case leaves out goes out as null.
///
/// # Errors
/// When the master does not answer.
pub(super) fn trigger(rpc: &MasterRpc, address: &str, user: i32, wanted: &Trigger) -> Result<Answer, Error> {
    let request = WorkflowManualTriggerRequest {
        user_id: Some(user),
        workflow_definition_code: Some(wanted.workflow),
        workflow_definition_version: Some(wanted.version),
        start_nodes: wanted.start_nodes.clone(),
        start_param_list: wanted
            .start_params
            .as_ref()
            .map(|parameters| parameters.iter().map(Into::into).collect()),
        dry_run: Some(wanted.dry_run.unwrap_or(Flag::No)),
        warning_group_id: wanted.warning_group_id,
        workflow_instance_priority: Some(Priority::Medium),
        ..with_defaults(wanted)
    };
    let answer = rpc.call::<ManualTriggerWorkflow>(address, &request)?;
    Ok(Answer {
        success: answer.success,
        message: answer.message,
        instance: answer.workflow_instance_id,
    })
}

/// The strategies of the request are TASK_POST, CONTINUE and NONE unless the case says otherwise.
fn with_defaults(wanted: &Trigger) -> WorkflowManualTriggerRequest {
    let mut request = WorkflowManualTriggerRequest::default();
    if wanted.task_depend_type.is_some() {
        request.task_depend_type = wanted.task_depend_type;
    }
    if wanted.failure_strategy.is_some() {
        request.failure_strategy = wanted.failure_strategy;
    }
    if wanted.warning_type.is_some() {
        request.warning_type = wanted.warning_type;
    }
    request
}

/// One run for each of several days.
///
/// # Errors
/// When the master does not answer.
pub(super) fn backfill(
    rpc: &MasterRpc,
    address: &str,
    user: i32,
    wanted: &Backfill,
) -> Result<Answer, Error> {
    let request = WorkflowBackfillTriggerRequest {
        user_id: Some(user),
        backfill_time_list: Some(wanted.times.clone()),
        workflow_code: Some(wanted.workflow),
        workflow_version: Some(wanted.version),
        start_nodes: wanted.start_nodes.clone(),
        start_param_list: wanted
            .start_params
            .as_ref()
            .map(|parameters| parameters.iter().map(Into::into).collect()),
        dry_run: Some(Flag::No),
        ..WorkflowBackfillTriggerRequest::default()
    };
    let answer = rpc.call::<BackfillTriggerWorkflow>(address, &request)?;
    Ok(Answer {
        success: answer.success,
        message: answer.message,
        instance: answer.workflow_instance_id,
    })
}

/// # Errors
/// When the master does not answer.
pub(super) fn stop(rpc: &MasterRpc, address: &str, id: i32) -> Result<Answer, Error> {
    let request = WorkflowInstanceStopRequest {
        workflow_instance_id: Some(id),
    };
    Ok(answer!(rpc.call::<StopWorkflowInstance>(address, &request)?))
}

/// The requests that need nothing but an instance.
///
/// # Errors
/// When the master does not answer, or the step is none of them.
pub(super) fn on_instance(rpc: &MasterRpc, address: &str, step: &Step, id: i32) -> Result<Answer, Error> {
    let (workflow_instance_id, user_id) = (Some(id), Some(ADMINISTRATOR));
    let answer = match step {
        Step::Pause(_) => {
            let request = WorkflowInstancePauseRequest { workflow_instance_id };
            answer!(rpc.call::<PauseWorkflowInstance>(address, &request)?)
        }
        Step::RecoverSuspendedTasks(_) => {
            let request = WorkflowInstanceRecoverSuspendTasksRequest {
                workflow_instance_id,
                user_id,
            };
            answer!(rpc.call::<TriggerFromSuspendTasks>(address, &request)?)
        }
        Step::RecoverFailureTasks(_) => {
            let request = WorkflowInstanceRecoverFailureTasksRequest {
                workflow_instance_id,
                user_id,
            };
            answer!(rpc.call::<TriggerFromFailureTasks>(address, &request)?)
        }
        Step::RepeatRunning(_) => {
            let request = WorkflowInstanceRepeatRunningRequest {
                workflow_instance_id,
                user_id,
            };
            answer!(rpc.call::<RepeatTriggerWorkflowInstance>(address, &request)?)
        }
        other => {
            return Err(Error::Failed {
                what: other.name().to_owned(),
                reason: "is no request about an instance".to_owned(),
            });
        }
    };
    Ok(answer)
}

/// How many workflows and logic tasks a master holds in memory.
///
/// # Errors
/// When the master does not answer.
pub(super) fn held(rpc: &MasterRpc, address: &str) -> Result<(usize, usize), Error> {
    let workflows = rpc.running(address)?.len();
    let tasks = rpc.call::<QueryTaskInstances>(address, &TaskExecutorQueryRequest {})?;
    Ok((workflows, tasks.task_executors.unwrap_or_default().len()))
}

/// Whether the answer is the one the case wants.
///
/// # Errors
/// How it is not.
pub(super) fn judge(answer: &Result<Answer, Error>, wanted: Success) -> Result<(), String> {
    match (wanted, answer) {
        (Success::Any, _) => Ok(()),
        (_, Err(error)) => Err(error.to_string()),
        (Success::Yes, Ok(answer)) if !answer.success => Err(format!(
            "refused: {}",
            answer.message.as_deref().unwrap_or("no reason given")
        )),
        (Success::No, Ok(answer)) if answer.success => Err("accepted, but should be refused".to_owned()),
        (_, Ok(_)) => Ok(()),
    }
}
