//! The rows a case starts from.

use super::database::Database;
use super::format::Scalar;
use crate::harness::Error;
use orca_engine::codes::{
    CommandType, ExecutionType, FailureStrategy, Flag, Priority, ReleaseState, TaskDependType,
    TaskExecuteType, TaskState, TaskTimeoutStrategy, TimeoutFlag, UnknownCode, WarningType, WorkflowState,
};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;

/// The address that files write for the master under test.
const OWN_ADDRESS: &str = "127.0.0.1:5678";

type Record = BTreeMap<String, Scalar>;

/// One file of rows.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Context {
    project: Option<Record>,
    #[serde(default)]
    workflows: Vec<Record>,
    #[serde(default)]
    tasks: Vec<Record>,
    #[serde(default)]
    task_relations: Vec<Record>,
    #[serde(default)]
    workflow_instances: Vec<Record>,
    #[serde(default)]
    task_instances: Vec<Record>,
    #[serde(default)]
    task_groups: Vec<Record>,
    #[serde(default)]
    environments: Vec<Record>,
}

/// How the rows of one section are stored.
struct Section {
    table: &'static str,
    /// The table of versions that gets the same rows.
    log_table: Option<&'static str>,
    /// Columns that are written also when the file leaves them out.
    always: &'static [(&'static str, i64)],
    /// Keys of the files that are no columns.
    not_stored: &'static [&'static str],
    states: States,
}

#[derive(Clone, Copy)]
enum States {
    None,
    Workflow,
    Task,
}

const PROJECT: Section = Section {
    table: "t_ds_project",
    log_table: None,
    always: &[],
    not_stored: &["userName"],
    states: States::None,
};
const WORKFLOWS: Section = Section {
    table: "t_ds_workflow_definition",
    log_table: Some("t_ds_workflow_definition_log"),
    always: &[("timeout", 0)],
    not_stored: &["warningGroupId"],
    states: States::None,
};
const TASKS: Section = Section {
    table: "t_ds_task_definition",
    log_table: Some("t_ds_task_definition_log"),
    always: &[
        ("environment_code", 0),
        ("fail_retry_times", 0),
        ("fail_retry_interval", 0),
        ("timeout", 0),
        ("delay_time", 0),
        ("task_group_id", 0),
        ("task_group_priority", 0),
        ("cpu_quota", -1),
        ("memory_max", -1),
    ],
    not_stored: &[],
    states: States::None,
};
const RELATIONS: Section = Section {
    table: "t_ds_workflow_task_relation",
    log_table: Some("t_ds_workflow_task_relation_log"),
    always: &[],
    not_stored: &[],
    states: States::None,
};
const WORKFLOW_INSTANCES: Section = Section {
    table: "t_ds_workflow_instance",
    log_table: None,
    always: &[
        ("timeout", 0),
        ("max_try_times", 0),
        ("next_workflow_instance_id", 0),
    ],
    not_stored: &[],
    states: States::Workflow,
};
const TASK_INSTANCES: Section = Section {
    table: "t_ds_task_instance",
    log_table: None,
    always: &[("pid", 0), ("task_group_id", 0), ("dry_run", 0)],
    not_stored: &[],
    states: States::Task,
};
const TASK_GROUPS: Section = Section {
    table: "t_ds_task_group",
    log_table: None,
    always: &[],
    not_stored: &[],
    states: States::None,
};
const ENVIRONMENTS: Section = Section {
    table: "t_ds_environment",
    log_table: None,
    always: &[],
    not_stored: &[],
    states: States::None,
};

impl Context {
    /// # Errors
    /// What is wrong with the file, and where.
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let failed = |reason: String| Error::Failed {
            what: path.display().to_string(),
            reason,
        };
        let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        serde_yaml_ng::from_str(&text).map_err(|error| failed(error.to_string()))
    }

    /// Inserts everything as one transaction; `own_address` stands where the file has the stand-in.
    ///
    /// # Errors
    /// A value that no column takes, or what the database says.
    pub(super) fn load(&self, database: &mut Database, own_address: &str) -> Result<(), Error> {
        let project: Vec<Record> = self.project.iter().cloned().collect();
        let sections = [
            (&PROJECT, &project),
            (&WORKFLOWS, &self.workflows),
            (&TASKS, &self.tasks),
            (&RELATIONS, &self.task_relations),
            (&WORKFLOW_INSTANCES, &self.workflow_instances),
            (&TASK_INSTANCES, &self.task_instances),
            (&TASK_GROUPS, &self.task_groups),
            (&ENVIRONMENTS, &self.environments),
        ];
        let mut statements = Vec::new();
        for (section, records) in sections {
            for record in records {
                let row = section.row(record, own_address)?;
                statements.push(insert(database, section.table, &row));
                if let Some(table) = section.log_table {
                    let operator = row.get("user_id").cloned().unwrap_or(Scalar::Integer(0));
                    let mut logged = row;
                    logged.insert("operator".to_owned(), operator);
                    logged.insert("operate_time".to_owned(), Scalar::Text(now()));
                    statements.push(insert(database, table, &logged));
                }
            }
        }
        database.execute_all(&statements)
    }
}

impl Section {
    fn row(&self, record: &Record, own_address: &str) -> Result<Record, Error> {
        let mut row = Record::new();
        for (key, value) in record {
            if self.not_stored.contains(&key.as_str()) {
                continue;
            }
            let stored = match value {
                Scalar::Text(text) if key == "host" && text == OWN_ADDRESS => {
                    Scalar::Text(own_address.to_owned())
                }
                Scalar::Text(text) => self.coded(key, text)?,
                Scalar::Bool(value) => Scalar::Integer(i64::from(*value)),
                other => other.clone(),
            };
            row.insert(snake_case(key), stored);
        }
        for (column, value) in self.always {
            row.entry((*column).to_owned()).or_insert(Scalar::Integer(*value));
        }
        Ok(row)
    }

    /// The number of a name, where the column stores numbers.
    fn coded(&self, key: &str, name: &str) -> Result<Scalar, Error> {
        let found = match (key, self.states) {
            ("state", States::Workflow) => code::<WorkflowState>(name, WorkflowState::code),
            ("state", States::Task) => code::<TaskState>(name, TaskState::code),
            ("releaseState", _) => code::<ReleaseState>(name, ReleaseState::code),
            ("executionType", _) => code::<ExecutionType>(name, ExecutionType::code),
            ("taskExecuteType", _) => code::<TaskExecuteType>(name, TaskExecuteType::code),
            ("taskPriority" | "taskInstancePriority" | "workflowInstancePriority", _) => {
                code::<Priority>(name, Priority::code)
            }
            ("timeoutFlag", _) => code::<TimeoutFlag>(name, TimeoutFlag::code),
            ("timeoutNotifyStrategy", _) => code::<TaskTimeoutStrategy>(name, TaskTimeoutStrategy::code),
            ("commandType", _) => code::<CommandType>(name, CommandType::code),
            ("taskDependType", _) => code::<TaskDependType>(name, TaskDependType::code),
            ("failureStrategy", _) => code::<FailureStrategy>(name, FailureStrategy::code),
            ("warningType", _) => code::<WarningType>(name, WarningType::code),
            ("flag" | "isSubWorkflow" | "recovery" | "status", _) => code::<Flag>(name, Flag::code),
            _ => return Ok(Scalar::Text(name.to_owned())),
        };
        found.map_err(|error| Error::Failed {
            what: format!("{key} of a row of {}", self.table),
            reason: error.to_string(),
        })
    }
}

fn code<T: FromStr<Err = UnknownCode>>(name: &str, code: fn(T) -> i32) -> Result<Scalar, UnknownCode> {
    T::from_str(name).map(|value| Scalar::Integer(i64::from(code(value))))
}

/// `INSERT INTO table (...) VALUES (...)`.
#[must_use]
pub(super) fn insert(database: &Database, table: &str, row: &Record) -> String {
    let columns: Vec<&str> = row.keys().map(String::as_str).collect();
    let values: Vec<String> = row.values().map(|value| database.literal(value)).collect();
    format!(
        "INSERT INTO {table} ({}) VALUES ({})",
        columns.join(", "),
        values.join(", ")
    )
}

/// Now, as the columns store it.
#[must_use]
pub(super) fn now() -> String {
    chrono::Utc::now().format("%Y-%m-%d %H:%M:%S").to_string()
}

fn snake_case(key: &str) -> String {
    let mut column = String::with_capacity(key.len() + 4);
    for letter in key.chars() {
        if letter.is_ascii_uppercase() {
            column.push('_');
        }
        column.push(letter.to_ascii_lowercase());
    }
    column
}
