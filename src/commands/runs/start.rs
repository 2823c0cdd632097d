//! Starts a workflow file: saves its definition, then asks a living master to run it.
//!
//! Guarantees that a file is started at most once: a call whose outcome nobody knows is looked up in the database, never repeated.

use crate::commands::cluster::Cluster;
use crate::exit::Failure;
use crate::flowfile::{Flow, FlowTask};
use crate::limits::{START_TIMEOUT, UNKNOWN_OUTCOME_WAIT, WATCH_INTERVAL};
use orca_engine::codes::TimeoutFlag;
use orca_engine::model::DefinitionSnapshot;
use orca_rpc::dto::WorkflowManualTriggerRequest;
use orca_rpc::methods::ManualTriggerWorkflow;
use orca_rpc::{Outcome, Refusal};
use orca_schema::{InstanceFilter, NewDefinition, NewTask, Page};
use std::sync::Arc;
use std::time::Instant;

/// The user `admin` of a new database.
pub(crate) const ADMIN_USER_ID: i32 = 1;

/// The tenant that stands for the user the worker runs as.
const DEFAULT_TENANT: &str = "default";

/// A workflow that a master has taken.
pub(crate) struct StartedRun {
    pub(crate) workflow_instance_id: i32,
    pub(crate) definition: Arc<DefinitionSnapshot>,
}

pub(crate) async fn start(cluster: &Cluster, flow: &Flow) -> Result<StartedRun, Failure> {
    let definition = definition_of(flow);
    let (code, version) = cluster
        .database
        .must(move |store| store.save_definition(&definition))
        .await?;
    let snapshot = cluster
        .database
        .must(move |store| store.load_definition(code, version))
        .await?;
    let Some(snapshot) = snapshot else {
        return Err(Failure::failed(format!(
            "{}: the saved definition {code} version {version} cannot be read back",
            flow.name
        )));
    };
    let workflow_instance_id = trigger(cluster, flow, code, version).await?;
    Ok(StartedRun {
        workflow_instance_id,
        definition: Arc::new(snapshot),
    })
}

fn definition_of(flow: &Flow) -> NewDefinition {
    NewDefinition {
        project: flow.project.clone(),
        name: flow.name.clone(),
        description: Some(flow.description.clone()),
        user_id: ADMIN_USER_ID,
        global_params: flow.params.clone(),
        timeout_minutes: flow.timeout_minutes,
        execution_type: flow.execution_type,
        tasks: flow.tasks.iter().map(|task| task_of(task, flow)).collect(),
    }
}

fn task_of(task: &FlowTask, flow: &Flow) -> NewTask {
    NewTask {
        description: Some(task.description.clone()),
        flag: task.flag,
        priority: task.priority,
        worker_group: task
            .worker_group
            .clone()
            .unwrap_or_else(|| flow.worker_group.clone()),
        fail_retry_times: task.retry_times,
        fail_retry_interval: task.retry_interval_minutes,
        timeout_flag: if task.timeout_minutes > 0 {
            TimeoutFlag::Open
        } else {
            TimeoutFlag::Close
        },
        timeout_notify_strategy: task.timeout_strategy,
        timeout: task.timeout_minutes,
        delay_time: task.delay_minutes,
        cpu_quota: task.cpu_quota,
        memory_max: task.memory_max,
        depends_on: task
            .deps
            .iter()
            .filter_map(|index| flow.tasks.get(*index))
            .map(|task| task.name.clone())
            .collect(),
        ..NewTask::new(task.name.clone(), task.kind.task_type(), task.task_params())
    }
}

fn request_of(flow: &Flow, code: i64, version: i32) -> WorkflowManualTriggerRequest {
    WorkflowManualTriggerRequest {
        user_id: Some(ADMIN_USER_ID),
        workflow_definition_code: Some(code),
        workflow_definition_version: Some(version),
        warning_type: Some(flow.warning_type),
        warning_group_id: Some(flow.warning_group_id),
        worker_group: Some(flow.worker_group.clone()),
        tenant_code: Some(flow.tenant.clone().unwrap_or_else(|| DEFAULT_TENANT.to_owned())),
        environment_code: Some(-1),
        ..WorkflowManualTriggerRequest::default()
    }
}

/// Asks one master after the other until one has taken it; the id of the instance.
async fn trigger(cluster: &Cluster, flow: &Flow, code: i64, version: i32) -> Result<i32, Failure> {
    let request = request_of(flow, code, version);
    let newest_before = newest_instance(cluster, code).await?.unwrap_or(0);
    let deadline = Instant::now() + START_TIMEOUT;
    let mut last = "no master is registered".to_owned();
    while Instant::now() < deadline {
        for master in cluster.masters().await? {
            match cluster
                .client
                .call::<ManualTriggerWorkflow>(&master, &request)
                .await
            {
                Outcome::Accepted(answer) => match (answer.success, answer.workflow_instance_id) {
                    (true, Some(id)) => return Ok(id),
                    _ => return Err(refused(flow, &master, answer.message.as_deref())),
                },
                Outcome::Refused(Refusal::Failed { message }) => {
                    return Err(refused(flow, &master, message.as_deref()));
                }
                Outcome::Refused(not_sent) => last = not_sent.to_string(),
                Outcome::Unknown(reason) => {
                    return look_up(cluster, flow, code, newest_before, &format!("{master}: {reason}")).await;
                }
            }
        }
        tokio::time::sleep(WATCH_INTERVAL).await;
    }
    let seconds = START_TIMEOUT.as_secs();
    Err(Failure::failed(format!(
        "{}: no master took the workflow within {seconds} s: {last}; start a master first",
        flow.name
    )))
}

fn refused(flow: &Flow, master: &str, message: Option<&str>) -> Failure {
    let message = message.unwrap_or("no reason given");
    Failure::failed(format!(
        "{}: master {master} refused the workflow: {message}",
        flow.name
    ))
}

async fn newest_instance(cluster: &Cluster, code: i64) -> Result<Option<i32>, Failure> {
    let filter = InstanceFilter {
        workflow_definition_code: Some(code),
        ..InstanceFilter::default()
    };
    let page = Page {
        before_id: None,
        len: 1,
    };
    let found = cluster
        .database
        .must(move |store| store.list_instances(&filter, page))
        .await?;
    Ok(found.first().map(|instance| instance.id))
}

/// The answer was lost: an instance that is newer than every one before the call is ours.
async fn look_up(
    cluster: &Cluster,
    flow: &Flow,
    code: i64,
    newest_before: i32,
    reason: &str,
) -> Result<i32, Failure> {
    let deadline = Instant::now() + UNKNOWN_OUTCOME_WAIT;
    while Instant::now() < deadline {
        match newest_instance(cluster, code).await? {
            Some(id) if id > newest_before => return Ok(id),
            _ => tokio::time::sleep(WATCH_INTERVAL).await,
        }
    }
    let text = format!(
        "{}: nobody knows whether the workflow was started: {reason}; see `orca workflow list`",
        flow.name
    );
    Err(Failure::failed(text))
}

#[cfg(test)]
#[path = "start_tests.rs"]
#[allow(clippy::unwrap_used)]
mod tests;
