//! From the engine's context of an attempt to the one that travels.

use orca_engine::codes::TaskTimeoutStrategy;
use orca_engine::model::{DataSource, ExecutionContext, Property};
use orca_engine::time::Millis;
use orca_rpc::dto::{DbType, Payload, TaskExecutionContext, task_execution_context};
use serde_json::{Value, json};

pub(crate) fn context() -> ExecutionContext {
    ExecutionContext {
        task_instance_id: 5,
        task_name: "t".to_owned(),
        first_submit_time: Millis(1_800_000_000_000),
        start_time: None,
        task_type: "SHELL".to_owned(),
        workflow_instance_host: "master:5678".into(),
        log_path: None,
        workflow_definition_code: 11,
        workflow_definition_version: 2,
        app_ids: None,
        workflow_instance_id: 7,
        workflow_instance_name: "w-1".to_owned(),
        project_code: 13,
        schedule_time: None,
        global_params: Some("[]".to_owned()),
        executor_id: 1,
        tenant_code: Some("default".to_owned()),
        task_params: Some("{\"rawScript\":\"echo secret-script\"}".to_owned()),
        environment_config: Some("export SECRET=environment-text".to_owned()),
        prepare_params: [(
            "p".to_owned(),
            Property {
                prop: Some("p".to_owned()),
                ..Property::default()
            },
        )]
        .into(),
        timeout_strategy: Some(TaskTimeoutStrategy::WarnFailed),
        timeout_seconds: 300,
        worker_group: "default".to_owned(),
        data_sources: [
            (
                1,
                Some(DataSource {
                    id: 1,
                    db_type: 28,
                    connection_params: "{\"password\":\"hush\"}".to_owned(),
                }),
            ),
            (2, None),
        ]
        .into(),
        kubernetes: Some(("kube-config-text".to_owned(), "ns".to_owned())),
        dry_run: true,
        cpu_quota: -1,
        memory_max: 128,
        first_dispatch_time: Millis(1_800_000_000_009),
    }
}

fn json_of(context: &TaskExecutionContext) -> Value {
    serde_json::from_slice(&context.to_json().unwrap()).unwrap()
}

#[test]
fn everything_arrives_under_its_java_name() {
    let mut wire = task_execution_context(&context(), "worker:1234", 3);
    wire.orca_owner_epoch = Some(9);
    wire.orca_worker_startup_time = Some(8);
    assert_eq!(
        json_of(&wire),
        json!({
            "taskInstanceId": 5, "taskName": "t", "firstSubmitTime": 1_800_000_000_000_i64, "startTime": 0,
            "taskType": "SHELL", "workflowInstanceHost": "master:5678", "host": "worker:1234", "processId": 0,
            "workflowDefinitionCode": 11, "workflowDefinitionVersion": 2, "workflowInstanceId": 7,
            "workflowInstanceName": "w-1", "projectCode": 13, "scheduleTime": 0, "globalParams": "[]",
            "executorId": 1, "tenantCode": "default", "workflowDefinitionId": 0,
            "taskParams": "{\"rawScript\":\"echo secret-script\"}",
            "environmentConfig": "export SECRET=environment-text",
            "prepareParamsMap": {"p": {"prop": "p", "direct": null, "type": null, "value": null}},
            "taskTimeoutStrategy": "WARNFAILED", "taskTimeout": 300, "workerGroup": "default",
            "resourceParametersHelper": {"resourceMap": {"DATASOURCE": {
                "1": {"resourceType": "DATASOURCE", "type": "DOLPHINDB",
                      "connectionParams": "{\"password\":\"hush\"}", "DATASOURCE": null},
                "2": null,
            }}},
            "endTime": 0,
            "k8sTaskExecutionContext": {"configYaml": "kube-config-text", "namespace": "ns", "connectionParams": null},
            "dryRun": 1, "cpuQuota": -1, "memoryMax": 128, "dispatchFailTimes": 3,
            "firstDispatchTime": 1_800_000_000_009_i64, "orcaOwnerEpoch": 9, "orcaWorkerStartupTime": 8,
        })
    );
}

#[test]
fn a_worker_never_sees_what_it_would_choke_on() {
    let mut plain = context();
    plain.first_submit_time = Millis(0);
    plain.data_sources.clear();
    let value = json_of(&task_execution_context(&plain, "worker:1234", 0));
    assert_eq!(value["firstSubmitTime"], 1_800_000_000_009_i64);
    assert_eq!(value["resourceParametersHelper"], json!({"resourceMap": {}}));
    for absent in ["varPool", "orcaOwnerEpoch", "orcaWorkerStartupTime", "startTime "] {
        assert_eq!(value.get(absent), None, "{absent}");
    }
    plain.first_dispatch_time = Millis(0);
    assert_eq!(
        json_of(&task_execution_context(&plain, "worker:1234", 0))["firstSubmitTime"],
        1
    );
}

#[test]
fn what_is_printed_for_debugging_has_no_secrets() {
    let wire = task_execution_context(&context(), "worker:1234", 0);
    let resources = wire.resource_parameters_helper.clone();
    let printed = format!("{wire:?} {resources:?} {:?}", wire.k8s_task_execution_context);
    for secret in ["hush", "environment-text", "kube-config-text", "secret-script"] {
        assert!(!printed.contains(secret), "{printed}");
    }
    assert!(printed.contains("worker:1234"), "{printed}");
}

#[test]
fn data_source_kinds_have_the_codes_of_the_rows() {
    assert_eq!(DbType::from_code(0), Some(DbType::Mysql));
    assert_eq!(DbType::from_code(17), Some(DbType::Ssh));
    assert_eq!(DbType::from_code(28), Some(DbType::Dolphindb));
    assert_eq!(DbType::from_code(29), None);
    assert_eq!(DbType::from_code(-1), None);
}
