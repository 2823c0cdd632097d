//! The execution context of one attempt: everything a worker needs to run it (`TaskExecutionContextFactory`).
//!
//! Two steps, because the engine reads nothing: [`needs`] says which rows are wanted, [`build`] makes the context from them.

mod resources;
#[cfg(test)]
mod tests;

use crate::codes::{TaskTimeoutStrategy, TimeoutFlag};
use crate::model::{DataSource, ExecutionContext, Property, TaskDefinition, TaskInstance};
use crate::params::{PrepareInputs, local_params, parse_properties, prepare_params};
use crate::time::Millis;
use crate::workflow::{NodeId, WorkflowMachine};
use crate::zone::Zone;
use std::collections::BTreeMap;

/// The worker group of a row that names none.
const DEFAULT_WORKER_GROUP: &str = "default";
const NO_TIMEOUT: i32 = i32::MAX;

/// The rows that a context is made from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContextNeeds {
    /// Parameters of this project.
    pub project_code: i64,
    pub environment_code: Option<i64>,
    pub data_source_ids: Vec<i32>,
    /// Name of a Kubernetes cluster.
    pub cluster: Option<String>,
}

/// What was read. No `Debug`: environments and data sources carry secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ContextInputs {
    pub project_params: Vec<Property>,
    /// `Some(None)`: an environment is needed and there is none of that code.
    pub environment: Option<Option<String>>,
    pub data_sources: Vec<DataSource>,
    /// The cluster's configuration; `None` when there is no such cluster, or none is needed.
    pub cluster_config: Option<String>,
}

/// Why a context cannot be built: fatal for the attempt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContextError {
    #[error("Cannot find the environment: {code}")]
    NoEnvironment { code: i64 },
    #[error(transparent)]
    Params(#[from] crate::params::ParamError),
    #[error("the task has no row to build a context for")]
    NoRow,
}

/// What has to be read before [`build`].
#[must_use]
pub fn needs(machine: &WorkflowMachine, node: NodeId) -> ContextNeeds {
    let task = machine.task_definition(node);
    ContextNeeds {
        project_code: machine.instance().project_code,
        environment_code: machine.task(node).and_then(environment_code),
        data_source_ids: resources::data_source_ids(task),
        cluster: resources::namespace(task).map(|namespace| namespace.cluster),
    }
}

/// The context of the node's current attempt at `now`.
pub fn build(
    machine: &WorkflowMachine,
    node: NodeId,
    inputs: &ContextInputs,
    now: Millis,
) -> Result<ExecutionContext, ContextError> {
    let row = machine.task(node).ok_or(ContextError::NoRow)?;
    let (task, instance) = (machine.task_definition(node), machine.instance());
    let environment_config = environment(row, inputs)?;
    Ok(ExecutionContext {
        task_instance_id: row.id,
        task_name: row.name.clone(),
        first_submit_time: row.first_submit_time.unwrap_or(now),
        start_time: row.start_time,
        task_type: row.task_type.clone(),
        workflow_instance_host: machine.rules().address.clone(),
        log_path: row.log_path.clone(),
        workflow_definition_code: instance.workflow_definition_code,
        workflow_definition_version: instance.workflow_definition_version,
        app_ids: row.app_link.clone(),
        workflow_instance_id: instance.id,
        workflow_instance_name: instance.name.clone(),
        project_code: instance.project_code,
        schedule_time: instance.schedule_time,
        global_params: instance.global_params.clone(),
        executor_id: instance.executor_id,
        tenant_code: instance.tenant_code.clone(),
        task_params: task.task_params.clone(),
        environment_config,
        prepare_params: parameters(machine, node, row, inputs, now)?,
        timeout_strategy: timeout_strategy(task),
        timeout_seconds: timeout_seconds(task),
        worker_group: row
            .worker_group
            .clone()
            .unwrap_or_else(|| DEFAULT_WORKER_GROUP.to_owned()),
        data_sources: data_sources(task, inputs),
        kubernetes: resources::namespace(task)
            .and_then(|namespace| Some((inputs.cluster_config.clone()?, namespace.name))),
        dry_run: row.dry_run,
        cpu_quota: row.cpu_quota,
        memory_max: row.memory_max,
        first_dispatch_time: now,
    })
}

fn parameters(
    machine: &WorkflowMachine,
    node: NodeId,
    row: &TaskInstance,
    inputs: &ContextInputs,
    now: Millis,
) -> Result<BTreeMap<String, Property>, ContextError> {
    let (task, param) = (machine.task_definition(node), machine.command_param());
    let incoming = machine.node(node).incoming_var_pool();
    let prepared = prepare_params(&PrepareInputs {
        task: row,
        instance: machine.instance(),
        workflow_definition_name: &machine.definition().workflow.name,
        project_name: &machine.definition().project.name,
        execute_path: None,
        project_params: &inputs.project_params,
        local_params: &local_params(task.task_params.as_deref())?,
        command_params: &param.command_params,
        time_zone: param.time_zone.as_deref(),
        var_pool: &parse_properties(incoming, "the var pool of the task")?,
        now,
        zone: &Zone::Region(machine.rules().zone),
    })?;
    Ok(prepared)
}

fn environment_code(row: &TaskInstance) -> Option<i64> {
    (row.environment_code > 0).then_some(row.environment_code)
}

fn environment(row: &TaskInstance, inputs: &ContextInputs) -> Result<Option<String>, ContextError> {
    match environment_code(row) {
        None => Ok(None),
        Some(code) => match inputs.environment.clone().flatten() {
            Some(config) => Ok(Some(config)),
            None => Err(ContextError::NoEnvironment { code }),
        },
    }
}

/// Every id the task names, also one whose row is missing.
fn data_sources(task: &TaskDefinition, inputs: &ContextInputs) -> BTreeMap<i32, Option<DataSource>> {
    let found = |id: i32| inputs.data_sources.iter().find(|source| source.id == id).cloned();
    resources::data_source_ids(task)
        .into_iter()
        .map(|id| (id, found(id)))
        .collect()
}

fn timeout_strategy(task: &TaskDefinition) -> Option<TaskTimeoutStrategy> {
    task.timeout_notify_strategy
        .filter(|_| task.timeout_flag == TimeoutFlag::Open)
}

/// A limit for the worker only where the strategy ends the task; 0 would fail every task.
fn timeout_seconds(task: &TaskDefinition) -> i32 {
    match timeout_strategy(task) {
        Some(TaskTimeoutStrategy::Failed | TaskTimeoutStrategy::WarnFailed) if task.timeout > 0 => {
            task.timeout.saturating_mul(60)
        }
        Some(TaskTimeoutStrategy::Failed | TaskTimeoutStrategy::WarnFailed | TaskTimeoutStrategy::Warn)
        | None => NO_TIMEOUT,
    }
}
