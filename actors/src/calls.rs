//! The calls a master makes on executors, with what their answers mean.
//!
//! Every call checks the lease last: past it nothing leaves the process, and the outcome is a refusal, since no byte was sent.

use crate::metrics::Metrics;
use orca_engine::codes::ExecutorEventType;
use orca_engine::model::ExecutionContext;
use orca_engine::time::Millis;
use orca_registry::Lease;
use orca_rpc::dto::{
    TaskExecutorDispatchRequest, TaskExecutorDispatchResponse, TaskExecutorKillRequest,
    TaskExecutorLifecycleEventAck, TaskExecutorPauseRequest, TaskExecutorQueryRequest,
    TaskExecutorReassignMasterRequest, task_execution_context,
};
use orca_rpc::methods::worker::{
    AckLifecycleEvent, DispatchTask, KillTask, PauseTask, ReassignWorkflowInstanceHost,
};
use orca_rpc::methods::{Method, QueryTaskInstances};
use orca_rpc::{Client, Outcome, Refusal, UnknownReason};
use std::sync::Arc;
use std::time::Instant;

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Calls {
    client: Client,
    lease: Lease,
    /// Our own address: where executors report to.
    address: Arc<str>,
    metrics: Arc<Metrics>,
}

impl Calls {
    pub(crate) fn new(client: Client, lease: Lease, address: Arc<str>, metrics: Arc<Metrics>) -> Self {
        Self {
            client,
            lease,
            address,
            metrics,
        }
    }

    /// Asks the worker process that started then to run an attempt. Never repeated by this layer. Where nobody knows what became of it, the connection goes: what
    /// has not left this host must not arrive when the attempt may have been given up.
    pub(crate) async fn dispatch(
        &self,
        host: &str,
        worker_startup_time: Millis,
        context: &ExecutionContext,
        owner_epoch: i64,
    ) -> Outcome<TaskExecutorDispatchResponse> {
        let mut wire = task_execution_context(context, host, 0);
        wire.orca_owner_epoch = Some(owner_epoch);
        wire.orca_worker_startup_time = Some(worker_startup_time.0);
        let request = TaskExecutorDispatchRequest {
            task_execution_context: Some(wire),
        };
        let outcome = self.call::<DispatchTask>(host, &request).await;
        if matches!(outcome, Outcome::Unknown(UnknownReason::TimedOut { .. })) {
            self.client.close_connection(host);
        }
        outcome
    }

    /// `Some(true)`: the kill is queued there; `Some(false)`: the worker does not have the attempt; `None`: no answer.
    pub(crate) async fn kill(&self, host: &str, task_instance_id: i32) -> Option<bool> {
        let request = TaskExecutorKillRequest {
            task_instance_id: Some(task_instance_id),
        };
        answered(
            "kill",
            host,
            task_instance_id,
            self.call::<KillTask>(host, &request).await,
            |answer| answer.success,
        )
    }

    /// Physical tasks ignore a pause and run on, so nothing depends on the answer.
    pub(crate) async fn pause(&self, host: &str, task_instance_id: i32) {
        let request = TaskExecutorPauseRequest {
            task_instance_id: Some(task_instance_id),
        };
        answered(
            "pause",
            host,
            task_instance_id,
            self.call::<PauseTask>(host, &request).await,
            |answer| answer.success,
        );
    }

    /// A lost ack is no loss: the executor sends its event again and gets another.
    pub(crate) async fn ack(&self, host: &str, task_instance_id: i32, event_type: ExecutorEventType) {
        let request = TaskExecutorLifecycleEventAck {
            task_executor_id: task_instance_id,
            task_executor_lifecycle_event_type: Some(event_type),
        };
        answered(
            "ack",
            host,
            task_instance_id,
            self.call::<AckLifecycleEvent>(host, &request).await,
            |()| true,
        );
    }

    /// Points the attempt's reports to this master. `Some(false)`: the worker does not have it; `None`: no answer.
    pub(crate) async fn take_over(
        &self,
        host: &str,
        task_instance_id: i32,
        owner_epoch: i64,
    ) -> Option<bool> {
        let request = TaskExecutorReassignMasterRequest {
            task_instance_id,
            workflow_host: Some(self.address.to_string()),
            orca_owner_epoch: Some(owner_epoch),
        };
        let outcome = self.call::<ReassignWorkflowInstanceHost>(host, &request).await;
        answered("take-over", host, task_instance_id, outcome, |answer| {
            answer.success
        })
    }

    /// The read-only question whether an executor has the attempt. `None`: no usable answer.
    pub(crate) async fn has_task(&self, host: &str, task_instance_id: i32) -> Option<bool> {
        let outcome = self
            .call::<QueryTaskInstances>(host, &TaskExecutorQueryRequest {})
            .await;
        let Outcome::Accepted(answer) = outcome else {
            return None;
        };
        let tasks = answer.task_executors.filter(|_| answer.success)?;
        Some(tasks.iter().any(|task| task.id == task_instance_id))
    }

    pub(crate) async fn call<M: Method>(&self, host: &str, request: &M::Request) -> Outcome<M::Response> {
        if !self.lease.holds() {
            return Outcome::Refused(Refusal::NotSent {
                reason: "the lease of this master has run out".to_owned(),
            });
        }
        let begun = Instant::now();
        let lease = self.lease.clone();
        let outcome = self
            .client
            .call_with_permit::<M>(host, request, Arc::new(move || lease.holds()))
            .await;
        self.metrics.call(M::NAME, host, begun.elapsed(), &outcome);
        outcome
    }
}

/// A refused connection is "no answer" here: a worker that is starting again may be the one that has the task.
fn answered<T>(
    what: &str,
    host: &str,
    task: i32,
    outcome: Outcome<T>,
    yes: impl Fn(T) -> bool,
) -> Option<bool> {
    match outcome {
        Outcome::Accepted(answer) => Some(yes(answer)),
        Outcome::Refused(refusal) => {
            log::warn!(task_instance_id = task; "{what} was refused by {host}: {refusal}");
            None
        }
        Outcome::Unknown(reason) => {
            log::warn!(task_instance_id = task; "{what} to {host} has no answer: {reason}");
            None
        }
    }
}
