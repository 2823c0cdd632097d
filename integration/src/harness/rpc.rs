//! Control calls as the API server makes them.

use super::Error;
use orca_engine::codes::Flag;
use orca_engine::model::Property;
use orca_rpc::dto::{
    TaskExecutorQueryRequest, WorkflowBackfillTriggerRequest, WorkflowExecutorQueryRequest,
    WorkflowInstancePauseRequest, WorkflowInstanceRecoverFailureTasksRequest,
    WorkflowInstanceRecoverSuspendTasksRequest, WorkflowInstanceRepeatRunningRequest,
    WorkflowInstanceStopRequest, WorkflowManualTriggerRequest,
};
use orca_rpc::methods::{
    BackfillTriggerWorkflow, ManualTriggerWorkflow, Method, PauseWorkflowInstance, QueryTaskInstances,
    QueryWorkflowExecutors, RepeatTriggerWorkflowInstance, StopWorkflowInstance, TriggerFromFailureTasks,
    TriggerFromSuspendTasks,
};
use orca_rpc::{Client, ClientSettings, Outcome};
use tokio::runtime::Runtime;

/// Blocking calls on masters. The user is the seeded administrator.
pub struct MasterRpc {
    runtime: Runtime,
    client: Client,
}

const ADMINISTRATOR: i32 = 1;

impl MasterRpc {
    /// # Errors
    /// When no runtime can be started.
    pub fn new() -> Result<Self, Error> {
        let failed = |source| Error::Start {
            what: "a runtime".to_owned(),
            source,
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(failed)?;
        let client = {
            let _inside = runtime.enter();
            Client::new(ClientSettings::default())
        };
        Ok(Self { runtime, client })
    }

    /// A run of all tasks with these start parameters; the new instance's id.
    ///
    /// # Errors
    /// When the master refuses or does not answer.
    pub fn trigger(
        &self,
        master: &str,
        code: i64,
        version: i32,
        parameters: Vec<Property>,
    ) -> Result<i32, Error> {
        self.trigger_request(master, &request(code, version, parameters))
    }

    /// Any manual trigger.
    ///
    /// # Errors
    /// When the master refuses or does not answer.
    pub fn trigger_request(
        &self,
        master: &str,
        request: &WorkflowManualTriggerRequest,
    ) -> Result<i32, Error> {
        let answer = self.call::<ManualTriggerWorkflow>(master, request)?;
        match (answer.success, answer.workflow_instance_id) {
            (true, Some(id)) => Ok(id),
            (_, _) => Err(refused("manualTriggerWorkflow", answer.message)),
        }
    }

    /// The first run of a backfill over these dates.
    ///
    /// # Errors
    /// When the master refuses or does not answer.
    pub fn backfill(&self, master: &str, (code, version): (i64, i32), dates: &[&str]) -> Result<i32, Error> {
        let request = WorkflowBackfillTriggerRequest {
            user_id: Some(ADMINISTRATOR),
            backfill_time_list: Some(dates.iter().map(|date| (*date).to_owned()).collect()),
            workflow_code: Some(code),
            workflow_version: Some(version),
            dry_run: Some(Flag::No),
            ..WorkflowBackfillTriggerRequest::default()
        };
        let answer = self.call::<BackfillTriggerWorkflow>(master, &request)?;
        match (answer.success, answer.workflow_instance_id) {
            (true, Some(id)) => Ok(id),
            (_, _) => Err(refused("backfillTriggerWorkflow", answer.message)),
        }
    }

    /// `count` runs over `masters` in turn, many calls at a time; the ids in no particular order.
    ///
    /// # Errors
    /// The first refusal.
    pub fn trigger_many(
        &self,
        masters: &[String],
        code: i64,
        version: i32,
        count: usize,
    ) -> Result<Vec<i32>, Error> {
        const CALLS_AT_A_TIME: usize = 64;
        let request = request(code, version, Vec::new());
        self.runtime.block_on(async {
            use futures::{StreamExt, TryStreamExt};
            futures::stream::iter(0..count)
                .map(|index| {
                    let (client, request) = (self.client.clone(), request.clone());
                    let master = masters[index % masters.len()].clone();
                    async move {
                        let answer = accepted(client.call::<ManualTriggerWorkflow>(&master, &request).await)?;
                        answer
                            .workflow_instance_id
                            .filter(|_| answer.success)
                            .ok_or_else(|| refused("manualTriggerWorkflow", answer.message))
                    }
                })
                .buffer_unordered(CALLS_AT_A_TIME)
                .try_collect()
                .await
        })
    }

    /// # Errors
    /// When the master refuses or does not answer.
    pub fn pause(&self, master: &str, id: i32) -> Result<(), Error> {
        let request = WorkflowInstancePauseRequest {
            workflow_instance_id: Some(id),
        };
        let answer = self.call::<PauseWorkflowInstance>(master, &request)?;
        if answer.success {
            Ok(())
        } else {
            Err(refused("pauseWorkflowInstance", answer.message))
        }
    }

    /// # Errors
    /// When the master refuses or does not answer.
    pub fn stop(&self, master: &str, id: i32) -> Result<(), Error> {
        let request = WorkflowInstanceStopRequest {
            workflow_instance_id: Some(id),
        };
        let answer = self.call::<StopWorkflowInstance>(master, &request)?;
        if answer.success {
            Ok(())
        } else {
            Err(refused("stopWorkflowInstance", answer.message))
        }
    }

    /// # Errors
    /// When the master refuses or does not answer.
    pub fn repeat(&self, master: &str, id: i32) -> Result<(), Error> {
        let request = WorkflowInstanceRepeatRunningRequest {
            workflow_instance_id: Some(id),
            user_id: Some(ADMINISTRATOR),
        };
        let answer = self.call::<RepeatTriggerWorkflowInstance>(master, &request)?;
        if answer.success {
            Ok(())
        } else {
            Err(refused("repeatTriggerWorkflowInstance", answer.message))
        }
    }

    /// # Errors
    /// When the master refuses or does not answer.
    pub fn recover_failure(&self, master: &str, id: i32) -> Result<(), Error> {
        let request = WorkflowInstanceRecoverFailureTasksRequest {
            workflow_instance_id: Some(id),
            user_id: Some(ADMINISTRATOR),
        };
        let answer = self.call::<TriggerFromFailureTasks>(master, &request)?;
        if answer.success {
            Ok(())
        } else {
            Err(refused("triggerFromFailureTasks", answer.message))
        }
    }

    /// # Errors
    /// When the master refuses or does not answer.
    pub fn recover_suspended(&self, master: &str, id: i32) -> Result<(), Error> {
        let request = WorkflowInstanceRecoverSuspendTasksRequest {
            workflow_instance_id: Some(id),
            user_id: Some(ADMINISTRATOR),
        };
        let answer = self.call::<TriggerFromSuspendTasks>(master, &request)?;
        if answer.success {
            Ok(())
        } else {
            Err(refused("triggerFromSuspendTasks", answer.message))
        }
    }

    /// Ids of the instances that a master holds in memory.
    ///
    /// # Errors
    /// When the master does not answer.
    pub fn running(&self, master: &str) -> Result<Vec<i32>, Error> {
        let answer = self.call::<QueryWorkflowExecutors>(master, &WorkflowExecutorQueryRequest {})?;
        Ok(answer
            .workflow_executors
            .unwrap_or_default()
            .iter()
            .map(|one| one.id)
            .collect())
    }

    /// Ids of the attempts that a worker holds: those that run, and those whose end nobody has acknowledged.
    ///
    /// # Errors
    /// When the worker does not answer.
    pub fn held_by_worker(&self, worker: &str) -> Result<Vec<i32>, Error> {
        let answer = self.call::<QueryTaskInstances>(worker, &TaskExecutorQueryRequest {})?;
        Ok(answer
            .task_executors
            .unwrap_or_default()
            .iter()
            .map(|one| one.id)
            .collect())
    }

    /// Whether the master has entered the cluster: then it knows that there is no definition 0.
    #[must_use]
    pub fn is_registered(&self, master: &str) -> bool {
        match self.trigger(master, 0, 0, Vec::new()) {
            Err(Error::Failed { reason, .. }) => reason.contains("definition not found"),
            Ok(_) | Err(_) => false,
        }
    }

    /// Any method; what the master answers, also when it says no.
    ///
    /// # Errors
    /// When the master does not answer.
    pub fn call<M: Method>(&self, address: &str, request: &M::Request) -> Result<M::Response, Error> {
        accepted(self.runtime.block_on(self.client.call::<M>(address, request)))
    }
}

fn request(code: i64, version: i32, parameters: Vec<Property>) -> WorkflowManualTriggerRequest {
    WorkflowManualTriggerRequest {
        user_id: Some(ADMINISTRATOR),
        workflow_definition_code: Some(code),
        workflow_definition_version: Some(version),
        start_param_list: Some(parameters),
        dry_run: Some(Flag::No),
        ..WorkflowManualTriggerRequest::default()
    }
}

fn accepted<T>(outcome: Outcome<T>) -> Result<T, Error> {
    let failed = |reason| Error::Failed {
        what: "an RPC".to_owned(),
        reason,
    };
    match outcome {
        Outcome::Accepted(answer) => Ok(answer),
        Outcome::Refused(refusal) => Err(failed(format!("refused: {refusal}"))),
        Outcome::Unknown(reason) => Err(failed(format!("no answer: {reason}"))),
    }
}

fn refused(what: &str, message: Option<String>) -> Error {
    Error::Failed {
        what: what.to_owned(),
        reason: message.unwrap_or_else(|| "no reason given".to_owned()),
    }
}
