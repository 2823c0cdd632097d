//! The command that waits in a serial queue, as the JSON of `t_ds_serial_command`, and the command row made of it.

use crate::clock::WallClock;
use crate::sql::Value;
use crate::statements::Rows;
use orca_engine::codes::{CommandType, FailureStrategy, Priority, TaskDependType, WarningType};
use serde::Deserialize;
use std::borrow::Cow;

/// `Command` as Java's serialiser writes it; members that are null or missing are left to the column's defaults.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StoredCommand {
    command_type: CommandType,
    workflow_definition_code: i64,
    workflow_definition_version: i32,
    workflow_instance_id: i32,
    #[serde(default)]
    command_param: Option<String>,
    #[serde(default)]
    workflow_instance_priority: Option<Priority>,
    #[serde(default)]
    executor_id: Option<i32>,
    #[serde(default)]
    task_depend_type: Option<TaskDependType>,
    #[serde(default)]
    failure_strategy: Option<FailureStrategy>,
    #[serde(default)]
    warning_type: Option<WarningType>,
    #[serde(default)]
    warning_group_id: Option<i32>,
    #[serde(default)]
    schedule_time: Option<String>,
    #[serde(default)]
    start_time: Option<String>,
    #[serde(default)]
    update_time: Option<String>,
    #[serde(default)]
    worker_group: Option<String>,
    #[serde(default)]
    tenant_code: Option<String>,
    #[serde(default)]
    environment_code: Option<i64>,
    #[serde(default)]
    dry_run: Option<i32>,
}

/// Reads the column.
pub(crate) fn parse(text: Option<&str>) -> Result<StoredCommand, String> {
    let text = text.ok_or_else(|| "the row holds no command".to_owned())?;
    serde_json::from_str(text).map_err(|error| format!("its command cannot be read: {error}"))
}

impl StoredCommand {
    pub(crate) fn instance_id(&self) -> i32 {
        self.workflow_instance_id
    }

    /// The row of `t_ds_command`.
    pub(crate) fn row(self, clock: WallClock) -> Rows<'static> {
        let mut columns: Vec<&'static str> = Vec::new();
        let mut values: Vec<Value<'static>> = Vec::new();
        let mut set = |column: &'static str, value: Option<Value<'static>>| {
            if let Some(value) = value {
                columns.push(column);
                values.push(value);
            }
        };
        let time = |text: Option<String>| {
            let time = clock.parse(&text?)?;
            Some(Value::from(clock.local(time)))
        };
        set("command_type", Some(self.command_type.code().into()));
        set(
            "workflow_definition_code",
            Some(self.workflow_definition_code.into()),
        );
        set(
            "workflow_definition_version",
            Some(self.workflow_definition_version.into()),
        );
        set("workflow_instance_id", Some(self.workflow_instance_id.into()));
        set("command_param", self.command_param.map(Value::from));
        set(
            "workflow_instance_priority",
            self.workflow_instance_priority.map(|code| code.code().into()),
        );
        set("executor_id", self.executor_id.map(Value::from));
        set(
            "task_depend_type",
            self.task_depend_type.map(|code| code.code().into()),
        );
        set(
            "failure_strategy",
            self.failure_strategy.map(|code| code.code().into()),
        );
        set("warning_type", self.warning_type.map(|code| code.code().into()));
        set("warning_group_id", self.warning_group_id.map(Value::from));
        set("schedule_time", time(self.schedule_time));
        set("start_time", time(self.start_time));
        set("update_time", time(self.update_time));
        set("worker_group", self.worker_group.map(Value::from));
        set("tenant_code", self.tenant_code.map(Value::from));
        set("environment_code", self.environment_code.map(Value::from));
        set("dry_run", self.dry_run.map(Value::from));
        let mut rows = Rows::new("write the command of a serial instance", "t_ds_command", &[]);
        rows.columns = Cow::Owned(columns);
        rows.rows.push(values);
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_java_writes() {
        let text = r#"{"id":null,"commandType":"START_PROCESS","workflowDefinitionCode":123,"workflowDefinitionVersion":1,"workflowInstanceId":7,
            "commandParam":"{}","workflowInstancePriority":"MEDIUM","executorId":0,"taskDependType":"TASK_POST","failureStrategy":"CONTINUE",
            "warningType":null,"warningGroupId":null,"scheduleTime":null,"startTime":null,"updateTime":"2026-11-23 01:38:02","workerGroup":null,
            "tenantCode":null,"environmentCode":null,"dryRun":0,"somethingNew":1}"#;
        let command = parse(Some(text)).unwrap();
        assert_eq!(command.instance_id(), 7);
        let rows = command.row(WallClock::new(chrono_tz::Tz::UTC));
        assert!(rows.columns.contains(&"update_time") && !rows.columns.contains(&"warning_type"));
        assert_eq!(rows.columns.len(), rows.rows[0].len());
    }

    #[test]
    fn says_what_is_wrong() {
        assert!(parse(None).unwrap_err().contains("no command"));
        assert!(parse(Some("{}")).unwrap_err().contains("commandType"));
        assert!(
            parse(Some(r#"{"commandType":"NO_SUCH"}"#))
                .unwrap_err()
                .contains("NO_SUCH")
        );
    }
}
