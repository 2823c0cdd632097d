//! The parameters of one attempt: eight steps from the weakest source to the strongest
//! (`CuringParamsServiceImpl.paramParsingPreparation`).

use super::ParamError;
use super::builtin::{builtin_parameters, schedule_parameters};
use super::placeholder::substitute;
use super::property::parse_properties;
use crate::codes::Direct;
use crate::model::{Property, TaskInstance, WorkflowInstance};
use crate::time::Millis;
use crate::zone::Zone;
use std::collections::BTreeMap;

/// Everything the steps read.
#[derive(Clone, Copy, Debug)]
pub struct PrepareInputs<'a> {
    pub task: &'a TaskInstance,
    pub instance: &'a WorkflowInstance,
    pub workflow_definition_name: &'a str,
    pub project_name: &'a str,
    /// `t_ds_task_instance.execute_path`.
    pub execute_path: Option<&'a str>,
    /// Rows of `t_ds_project_parameter`, direction IN.
    pub project_params: &'a [Property],
    /// `localParams` of the task definition.
    pub local_params: &'a [Property],
    /// `commandParams` of the instance's command_param.
    pub command_params: &'a [Property],
    /// `timeZone` of the instance's command_param; empty means the zone of the process.
    pub time_zone: Option<&'a str>,
    /// What the predecessors hand over.
    pub var_pool: &'a [Property],
    pub now: Millis,
    /// The zone of the process.
    pub zone: &'a Zone,
}

/// Merge the sources and resolve every value. An entry without a name, or with a blank one, is skipped.
pub fn prepare_params(inputs: &PrepareInputs<'_>) -> Result<BTreeMap<String, Property>, ParamError> {
    let instance = inputs.instance;
    let globals = parse_properties(instance.global_params.as_deref(), "global_params of the instance")?;
    let mut params = BTreeMap::new();
    put_all(&mut params, builtin_parameters(inputs)?);
    put_all(&mut params, inputs.project_params.to_vec());
    put_all(&mut params, globals);
    put_all(&mut params, inputs.local_params.to_vec());
    put_all(&mut params, inputs.command_params.to_vec());
    take_over_values(&mut params, inputs.var_pool);
    put_all(
        &mut params,
        schedule_parameters(instance.schedule_time, inputs.zone)?,
    );
    resolve_values(params, inputs)
}

fn put_all(params: &mut BTreeMap<String, Property>, source: Vec<Property>) {
    for property in source {
        if let Some(name) = property.prop.clone().filter(|name| !name.trim().is_empty()) {
            params.insert(name, property);
        }
    }
}

/// Step 6: an upstream output gives its value to an IN entry of its name; it adds no name and leaves OUT entries alone.
fn take_over_values(params: &mut BTreeMap<String, Property>, var_pool: &[Property]) {
    for output in var_pool {
        let target = output.prop.as_ref().and_then(|name| params.get_mut(name));
        if let Some(target) = target.filter(|target| target.direct == Some(Direct::In)) {
            target.value.clone_from(&output.value);
        }
    }
}

/// Step 8. Each value is resolved against the unresolved map, so the result does not depend on an order.
fn resolve_values(
    params: BTreeMap<String, Property>,
    inputs: &PrepareInputs<'_>,
) -> Result<BTreeMap<String, Property>, ParamError> {
    let mut resolved = BTreeMap::new();
    for (name, property) in &params {
        let value = match &property.value {
            Some(text) if text.contains('$') => Some(substitute(text, &params, inputs.now, inputs.zone)?),
            other => other.clone(),
        };
        resolved.insert(
            name.clone(),
            Property {
                value,
                ..property.clone()
            },
        );
    }
    Ok(resolved)
}
