//! What a task's parameters name outside the run: data sources and the Kubernetes namespace (`AbstractParameters.getResources`).

use crate::model::TaskDefinition;
use crate::params::first_value;
use serde_json::Value;

/// Where Kubernetes tasks run.
pub(super) struct Namespace {
    pub(super) name: String,
    pub(super) cluster: String,
}

const KUBERNETES_TYPES: &[&str] = &["K8S", "KUBEFLOW"];

/// Members of the parameters that name a data source, by task type.
fn data_source_members(task_type: &str) -> &'static [&'static str] {
    match task_type {
        "SQL"
        | "PROCEDURE"
        | "REMOTESHELL"
        | "SAGEMAKER"
        | "ZEPPELIN"
        | "ALIYUN_SERVERLESS_SPARK"
        | "K8S" => &["datasource"],
        "DATAX" | "CHUNJUN" => &["dataSource", "dataTarget"],
        _ => &[],
    }
}

/// Ids of the data sources, in the order of the parameters, each once. Parameters that cannot be read name none: the worker
/// says what is wrong with them.
pub(super) fn data_source_ids(task: &TaskDefinition) -> Vec<i32> {
    let members = data_source_members(&task.task_type);
    if members.is_empty() && task.task_type != "SQOOP" {
        return Vec::new();
    }
    let params = parsed(task.task_params.as_deref());
    let named = members.iter().filter_map(|member| id(&params[*member]));
    let mut ids: Vec<i32> = if task.task_type == "SQOOP" {
        sqoop_ids(&params)
    } else {
        named.collect()
    };
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// SQOOP keeps each side as JSON text inside its JSON.
fn sqoop_ids(params: &Value) -> Vec<i32> {
    let side = |text: &str, member: &str| id(&parsed(params[text].as_str())[member]);
    [
        side("sourceParams", "srcDatasource"),
        side("targetParams", "targetDatasource"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Ids are numbers, or numbers written as text.
fn id(value: &Value) -> Option<i32> {
    let number = value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())?;
    i32::try_from(number).ok().filter(|id| *id > 0)
}

/// The namespace is JSON text inside the JSON.
pub(super) fn namespace(task: &TaskDefinition) -> Option<Namespace> {
    if !KUBERNETES_TYPES.contains(&task.task_type.as_str()) {
        return None;
    }
    let params = parsed(task.task_params.as_deref());
    let namespace = parsed(params["namespace"].as_str());
    let text = |member: &str| namespace[member].as_str().map(str::to_owned);
    Some(Namespace {
        name: text("name")?,
        cluster: text("cluster")?,
    })
}

fn parsed(text: Option<&str>) -> Value {
    text.and_then(|text| first_value(text).ok()).unwrap_or_default()
}
