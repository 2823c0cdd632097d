//! The context of one attempt, as it travels to the executor.
//!
//! Secrets pass through here (data sources, environments, cluster configurations): `Debug` shows identities only.

use crate::json::{self, Nullable};
use orca_engine::codes::TaskTimeoutStrategy;
use orca_engine::model::{DataSource, ExecutionContext, Property};
use serde::{Deserializer, Serialize, Serializer, de};
use std::collections::BTreeMap;
use std::fmt;

super::dto! {
    /// Nulls are left out of the JSON, unlike in every other message.
    struct TaskExecutionContext = "org.apache.dolphinscheduler.plugin.task.api.TaskExecutionContext" {
        task_instance_id: i32 = "taskInstanceId",
        #[serde(skip_serializing_if = "Option::is_none")]
        task_name: Option<String> = "taskName",
        /// Epoch milliseconds; a worker rejects a task with 0.
        first_submit_time: i64 = "firstSubmitTime",
        /// Epoch milliseconds, 0 for none.
        start_time: i64 = "startTime",
        #[serde(skip_serializing_if = "Option::is_none")]
        task_type: Option<String> = "taskType",
        /// Where the executor reports to.
        #[serde(skip_serializing_if = "Option::is_none")]
        workflow_instance_host: Option<String> = "workflowInstanceHost",
        /// The executor's own address, echoed in its reports.
        #[serde(skip_serializing_if = "Option::is_none")]
        host: Option<String> = "host",
        #[serde(skip_serializing_if = "Option::is_none")]
        execute_path: Option<String> = "executePath",
        #[serde(skip_serializing_if = "Option::is_none")]
        log_path: Option<String> = "logPath",
        #[serde(skip_serializing_if = "Option::is_none")]
        app_info_path: Option<String> = "appInfoPath",
        process_id: i32 = "processId",
        #[serde(skip_serializing_if = "Option::is_none")]
        workflow_definition_code: Option<i64> = "workflowDefinitionCode",
        workflow_definition_version: i32 = "workflowDefinitionVersion",
        #[serde(skip_serializing_if = "Option::is_none")]
        app_ids: Option<String> = "appIds",
        workflow_instance_id: i32 = "workflowInstanceId",
        #[serde(skip_serializing_if = "Option::is_none")]
        workflow_instance_name: Option<String> = "workflowInstanceName",
        #[serde(skip_serializing_if = "Option::is_none")]
        project_code: Option<i64> = "projectCode",
        /// Epoch milliseconds, 0 for none.
        schedule_time: i64 = "scheduleTime",
        #[serde(skip_serializing_if = "Option::is_none")]
        global_params: Option<String> = "globalParams",
        executor_id: i32 = "executorId",
        #[serde(skip_serializing_if = "Option::is_none")]
        tenant_code: Option<String> = "tenantCode",
        workflow_definition_id: i32 = "workflowDefinitionId",
        #[serde(skip_serializing_if = "Option::is_none")]
        task_params: Option<String> = "taskParams",
        #[serde(skip_serializing_if = "Option::is_none")]
        environment_config: Option<String> = "environmentConfig",
        #[serde(skip_serializing_if = "Option::is_none")]
        prepare_params_map: Option<BTreeMap<String, Option<Property>>> = "prepareParamsMap",
        #[serde(skip_serializing_if = "Option::is_none")]
        task_app_id: Option<String> = "taskAppId",
        #[serde(skip_serializing_if = "Option::is_none")]
        task_timeout_strategy: Option<TaskTimeoutStrategy> = "taskTimeoutStrategy",
        /// Seconds; `i32::MAX` means none, 0 makes every task fail.
        task_timeout: i32 = "taskTimeout",
        #[serde(skip_serializing_if = "Option::is_none")]
        worker_group: Option<String> = "workerGroup",
        #[serde(skip_serializing_if = "Option::is_none")]
        resource_parameters_helper: Option<ResourceParametersHelper> = "resourceParametersHelper",
        /// Epoch milliseconds; set by the executor.
        end_time: i64 = "endTime",
        #[serde(skip_serializing_if = "Option::is_none")]
        sql_task_execution_context: Option<SqlTaskExecutionContext> = "sqlTaskExecutionContext",
        #[serde(skip_serializing_if = "Option::is_none")]
        k8s_task_execution_context: Option<K8sTaskExecutionContext> = "k8sTaskExecutionContext",
        #[serde(skip_serializing_if = "Option::is_none")]
        resource_context: Option<ResourceContext> = "resourceContext",
        /// The executor's own; a master never sends it.
        #[serde(skip_serializing_if = "Option::is_none")]
        var_pool: Option<Vec<Property>> = "varPool",
        /// 0 or 1.
        dry_run: i32 = "dryRun",
        #[serde(skip_serializing_if = "Option::is_none")]
        cpu_quota: Option<i32> = "cpuQuota",
        #[serde(skip_serializing_if = "Option::is_none")]
        memory_max: Option<i32> = "memoryMax",
        dispatch_fail_times: i32 = "dispatchFailTimes",
        /// Epoch milliseconds.
        first_dispatch_time: i64 = "firstDispatchTime",
        /// Orca's own: the epoch of the owner that dispatches. Java ignores it; Orca's worker refuses a lower one.
        #[serde(skip_serializing_if = "Option::is_none")]
        orca_owner_epoch: Option<i64> = "orcaOwnerEpoch",
        /// Orca's own: the `startupTime` of the worker process that is meant. Java ignores it; another Orca process at the address refuses.
        #[serde(skip_serializing_if = "Option::is_none")]
        orca_worker_startup_time: Option<i64> = "orcaWorkerStartupTime",
    }

    #[derive(Debug)]
    struct ResourceParametersHelper =
        "org.apache.dolphinscheduler.plugin.task.api.parameters.resource.ResourceParametersHelper"
    {
        resource_map: Option<ResourceMap> = "resourceMap" or Some(ResourceMap::default()),
    }

    /// By kind of resource; there is one kind.
    #[derive(Debug)]
    struct ResourceMap = "java.util.Map" {
        /// By id; null for a data source that does not exist.
        #[serde(skip_serializing_if = "Option::is_none")]
        data_sources: Option<BTreeMap<String, Option<DataSourceParameters>>> = "DATASOURCE",
    }

    /// The connection parameters hold credentials.
    struct DataSourceParameters =
        "org.apache.dolphinscheduler.plugin.task.api.parameters.resource.DataSourceParameters"
    {
        resource_type: Option<DataSourceTag> = "resourceType",
        r#type: Option<DbType> = "type",
        connection_params: Option<String> = "connectionParams",
        /// An artefact of Java's mapping.
        artefact: AlwaysNull = "DATASOURCE",
    }

    struct SqlTaskExecutionContext = "org.apache.dolphinscheduler.plugin.task.api.SQLTaskExecutionContext" {
        warning_group_id: i32 = "warningGroupId",
        connection_params: Option<String> = "connectionParams",
        default_fs: Option<String> = "defaultFS",
    }

    /// The configuration holds credentials.
    struct K8sTaskExecutionContext = "org.apache.dolphinscheduler.plugin.task.api.K8sTaskExecutionContext" {
        config_yaml: Option<String> = "configYaml",
        namespace: Option<String> = "namespace",
        connection_params: Option<String> = "connectionParams",
    }

    #[derive(Debug)]
    struct ResourceContext = "org.apache.dolphinscheduler.plugin.task.api.resource.ResourceContext" {}
}

/// What a worker needs to run one attempt. `dispatch_fail_times` counts the refusals so far.
#[must_use]
pub fn task_execution_context(
    context: &ExecutionContext,
    host: &str,
    dispatch_fail_times: i32,
) -> TaskExecutionContext {
    TaskExecutionContext {
        task_instance_id: context.task_instance_id,
        task_name: Some(context.task_name.clone()),
        first_submit_time: submit_time(context),
        start_time: context.start_time.map_or(0, |time| time.0),
        task_type: Some(context.task_type.clone()),
        workflow_instance_host: Some(context.workflow_instance_host.to_string()),
        host: Some(host.to_owned()),
        log_path: context.log_path.clone(),
        workflow_definition_code: Some(context.workflow_definition_code),
        workflow_definition_version: context.workflow_definition_version,
        app_ids: context.app_ids.clone(),
        workflow_instance_id: context.workflow_instance_id,
        workflow_instance_name: Some(context.workflow_instance_name.clone()),
        project_code: Some(context.project_code),
        schedule_time: context.schedule_time.map_or(0, |time| time.0),
        global_params: context.global_params.clone(),
        executor_id: context.executor_id,
        tenant_code: context.tenant_code.clone(),
        task_params: context.task_params.clone(),
        environment_config: context.environment_config.clone(),
        prepare_params_map: Some(
            context
                .prepare_params
                .iter()
                .map(|(name, value)| (name.clone(), Some(value.clone())))
                .collect(),
        ),
        task_timeout_strategy: context.timeout_strategy,
        task_timeout: context.timeout_seconds,
        worker_group: Some(context.worker_group.clone()),
        resource_parameters_helper: Some(resources(&context.data_sources)),
        k8s_task_execution_context: context.kubernetes.as_ref().map(|(config, namespace)| {
            K8sTaskExecutionContext {
                config_yaml: Some(config.clone()),
                namespace: Some(namespace.clone()),
                connection_params: None,
            }
        }),
        dry_run: i32::from(context.dry_run),
        cpu_quota: Some(context.cpu_quota),
        memory_max: Some(context.memory_max),
        dispatch_fail_times,
        first_dispatch_time: context.first_dispatch_time.0,
        ..TaskExecutionContext::default()
    }
}

/// Never 0, which a worker rejects: it stands in the path of the log.
fn submit_time(context: &ExecutionContext) -> i64 {
    match (context.first_submit_time.0, context.first_dispatch_time.0) {
        (0, 0) => 1,
        (0, dispatched) => dispatched,
        (submitted, _) => submitted,
    }
}

fn resources(data_sources: &BTreeMap<i32, Option<DataSource>>) -> ResourceParametersHelper {
    let wire = |source: &DataSource| DataSourceParameters {
        resource_type: Some(DataSourceTag),
        r#type: DbType::from_code(source.db_type),
        connection_params: Some(source.connection_params.clone()),
        artefact: AlwaysNull,
    };
    let data_sources = (!data_sources.is_empty()).then(|| {
        data_sources
            .iter()
            .map(|(id, source)| (id.to_string(), source.as_ref().map(wire)))
            .collect()
    });
    ResourceParametersHelper {
        resource_map: Some(ResourceMap { data_sources }),
    }
}

impl fmt::Debug for TaskExecutionContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskExecutionContext")
            .field("task_instance_id", &self.task_instance_id)
            .field("task_name", &self.task_name)
            .field("task_type", &self.task_type)
            .field("workflow_instance_id", &self.workflow_instance_id)
            .field("host", &self.host)
            .field("worker_group", &self.worker_group)
            .field("orca_owner_epoch", &self.orca_owner_epoch)
            .field("orca_worker_startup_time", &self.orca_worker_startup_time)
            .finish_non_exhaustive()
    }
}

macro_rules! secret {
    ($($name:ident: $shown:ident),+) => {
        $(impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).field(stringify!($shown), &self.$shown).finish_non_exhaustive()
            }
        })+
    };
}
secret!(DataSourceParameters: r#type, SqlTaskExecutionContext: warning_group_id, K8sTaskExecutionContext: namespace);

/// A member that is written as null and whose value does not matter when read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AlwaysNull;

impl Serialize for AlwaysNull {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

impl json::Member for AlwaysNull {
    fn read_member<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_ignored_any(de::IgnoredAny)?;
        Ok(Self)
    }
}

/// The type tag of [`DataSourceParameters`]; a worker refuses a context with another one or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataSourceTag;

impl Serialize for DataSourceTag {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("DATASOURCE")
    }
}

impl Nullable for DataSourceTag {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        match String::read(deserializer)?.as_deref() {
            Some("DATASOURCE") => Ok(Some(Self)),
            Some(other) => Err(de::Error::invalid_value(
                de::Unexpected::Str(json::shortened(other)),
                &"the resource type DATASOURCE",
            )),
            None => Ok(None),
        }
    }
}

macro_rules! db_types {
    ($($variant:ident = $name:literal),+ $(,)?) => {
        /// `DbType`; the database stores its position.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum DbType { $($variant),+ }

        json::java_enum!(DbType, &[$(DbType::$variant),+], |value| match value { $(DbType::$variant => $name),+ });
    };
}

db_types! {
    Mysql = "MYSQL", Postgresql = "POSTGRESQL", Hive = "HIVE", Spark = "SPARK", Clickhouse = "CLICKHOUSE",
    Oracle = "ORACLE", Sqlserver = "SQLSERVER", Db2 = "DB2", Presto = "PRESTO", H2 = "H2", Redshift = "REDSHIFT",
    Athena = "ATHENA", Trino = "TRINO", Starrocks = "STARROCKS", Azuresql = "AZURESQL", Dameng = "DAMENG",
    Oceanbase = "OCEANBASE", Ssh = "SSH", Kyuubi = "KYUUBI", Databend = "DATABEND", Snowflake = "SNOWFLAKE",
    Vertica = "VERTICA", Hana = "HANA", Doris = "DORIS", Zeppelin = "ZEPPELIN", Sagemaker = "SAGEMAKER",
    K8s = "K8S", AliyunServerlessSpark = "ALIYUN_SERVERLESS_SPARK", Dolphindb = "DOLPHINDB",
}

impl DbType {
    /// The kind that a row's `type` column names; `None` for a code that 3.4.2 does not have.
    #[must_use]
    pub fn from_code(code: i32) -> Option<Self> {
        <Self as json::JavaEnum>::VALUES
            .get(usize::try_from(code).ok()?)
            .copied()
    }
}

impl Serialize for DbType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(json::JavaEnum::java_name(*self))
    }
}
