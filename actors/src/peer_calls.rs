//! The calls a master makes on other masters.

use crate::calls::Calls;
use orca_rpc::Outcome;
use orca_rpc::dto::{
    TaskGroupSlotAcquireSuccessNotifyRequest, WorkflowInstancePauseRequest, WorkflowInstanceStopRequest,
};
use orca_rpc::methods::{NotifyTaskGroupSlotAcquireSuccess, PauseWorkflowInstance, StopWorkflowInstance};

/// What the other master says; `None`: no answer.
type Answer = Option<Result<(), String>>;

impl Calls {
    pub(crate) async fn pause_instance(&self, host: &str, workflow_instance_id: i32) -> Answer {
        let request = WorkflowInstancePauseRequest {
            workflow_instance_id: Some(workflow_instance_id),
        };
        let outcome = self.call::<PauseWorkflowInstance>(host, &request).await;
        answer("pause", host, outcome, |answer| (answer.success, answer.message))
    }

    pub(crate) async fn stop_instance(&self, host: &str, workflow_instance_id: i32) -> Answer {
        let request = WorkflowInstanceStopRequest {
            workflow_instance_id: Some(workflow_instance_id),
        };
        let outcome = self.call::<StopWorkflowInstance>(host, &request).await;
        answer("stop", host, outcome, |answer| (answer.success, answer.message))
    }

    /// Tells the owner of an instance that one of its attempts has a slot of its task group.
    pub(crate) async fn notify_slot(
        &self,
        host: &str,
        workflow_instance_id: i32,
        task_instance_id: i32,
    ) -> Answer {
        let request = TaskGroupSlotAcquireSuccessNotifyRequest {
            workflow_instance_id: Some(workflow_instance_id),
            task_instance_id: Some(task_instance_id),
        };
        let outcome = self
            .call::<NotifyTaskGroupSlotAcquireSuccess>(host, &request)
            .await;
        answer("slot", host, outcome, |answer| (answer.success, answer.message))
    }
}

fn answer<T>(
    what: &str,
    host: &str,
    outcome: Outcome<T>,
    read: impl Fn(T) -> (bool, Option<String>),
) -> Answer {
    match outcome {
        Outcome::Accepted(answer) => Some(match read(answer) {
            (true, _) => Ok(()),
            (false, message) => Err(message.unwrap_or_else(|| format!("{host} refuses without a reason"))),
        }),
        Outcome::Refused(refusal) => {
            log::debug!("{what} was not taken by {host}: {refusal}");
            None
        }
        Outcome::Unknown(reason) => {
            log::debug!("{what} to {host} has no answer: {reason}");
            None
        }
    }
}
