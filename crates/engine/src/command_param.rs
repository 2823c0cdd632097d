//! `command_param`: the JSON text that says how a run was asked for (`ICommandParam`, polymorphic on `commandType`).

use crate::codes::WorkflowState;
use crate::model::Property;
use crate::params::write_properties;
use serde_json::{Map, Value, json};

/// What all kinds share, and the kind with its own members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandParam {
    pub kind: Kind,
    pub sub_workflow_instance: bool,
    /// Task codes; empty means every root.
    pub start_nodes: Vec<i64>,
    /// Start parameters.
    pub command_params: Vec<Property>,
    pub time_zone: Option<String>,
}

/// The value of `commandType`, with the members only that kind has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    StartProcess,
    Scheduler,
    ComplementData {
        backfill_times: Vec<String>,
    },
    RepeatRunning {
        workflow_instance_id: Option<i32>,
    },
    StartFailureTaskProcess,
    RecoverToleranceFault {
        workflow_execution_status: Option<WorkflowState>,
    },
}

/// Why a text is no command parameter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParamError {
    #[error("Invalid command param : {text}")]
    Missing { text: String },
    #[error("the command param is not JSON: {reason}")]
    NotJson { reason: String },
    #[error("the command param has no member commandType")]
    NoKind,
    #[error("the command param has the unknown commandType {kind:?}")]
    UnknownKind { kind: String },
    #[error("the command param has a bad member {member}: {reason}")]
    BadMember { member: &'static str, reason: String },
    #[error("Invalid command param, the start nodes is empty: {text}")]
    NoStartNodes { text: String },
}

impl CommandParam {
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            sub_workflow_instance: false,
            start_nodes: Vec::new(),
            command_params: Vec::new(),
            time_zone: None,
        }
    }

    /// The column of an instance, which must hold one.
    pub fn of_instance(text: Option<&str>) -> Result<Self, ParamError> {
        match text {
            Some(text) if !text.trim().is_empty() => Self::parse(text),
            absent => Err(ParamError::Missing {
                text: absent.unwrap_or("null").to_owned(),
            }),
        }
    }

    pub fn parse(text: &str) -> Result<Self, ParamError> {
        let value: Value = serde_json::from_str(text).map_err(|error| ParamError::NotJson {
            reason: error.to_string(),
        })?;
        let Value::Object(members) = value else {
            return Err(ParamError::NotJson {
                reason: "it is not an object".to_owned(),
            });
        };
        Ok(Self {
            kind: Kind::read(&members)?,
            sub_workflow_instance: read_or_default(&members, "subWorkflowInstance")?,
            start_nodes: read_or_default(&members, "startNodes")?,
            command_params: read_properties(&members)?,
            time_zone: read_or_default(&members, "timeZone")?,
        })
    }

    /// The text as the reference writes it.
    #[must_use]
    pub fn to_text(&self) -> String {
        let lists_parameters = matches!(self.kind, Kind::StartProcess | Kind::ComplementData { .. });
        let parameters = match self.command_params.as_slice() {
            [] if !lists_parameters => "null".to_owned(),
            parameters => write_properties(parameters),
        };
        let start_nodes = Some(&self.start_nodes).filter(|codes| !codes.is_empty());
        let mut text = format!(
            r#"{{"commandType":{},"subWorkflowInstance":{},"startNodes":{},"commandParams":{parameters},"timeZone":{}"#,
            json!(self.kind.name()),
            self.sub_workflow_instance,
            json!(start_nodes),
            json!(self.time_zone),
        );
        match &self.kind {
            Kind::ComplementData { backfill_times } => {
                text.push_str(&format!(r#","backfillTimeList":{}"#, json!(backfill_times)));
            }
            Kind::RepeatRunning { workflow_instance_id } => {
                text.push_str(&format!(
                    r#","workflowInstanceId":{}"#,
                    json!(workflow_instance_id)
                ));
            }
            Kind::RecoverToleranceFault {
                workflow_execution_status,
            } => {
                text.push_str(&format!(
                    r#","workflowExecutionStatus":{}"#,
                    json!(workflow_execution_status)
                ));
            }
            Kind::StartProcess | Kind::Scheduler | Kind::StartFailureTaskProcess => {}
        }
        text.push('}');
        text
    }
}

impl Kind {
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::StartProcess => "START_PROCESS",
            Self::Scheduler => "SCHEDULER",
            Self::ComplementData { .. } => "COMPLEMENT_DATA",
            Self::RepeatRunning { .. } => "REPEAT_RUNNING",
            Self::StartFailureTaskProcess => "START_FAILURE_TASK_PROCESS",
            Self::RecoverToleranceFault { .. } => "RECOVER_TOLERANCE_FAULT",
        }
    }

    fn read(members: &Map<String, Value>) -> Result<Self, ParamError> {
        let kind = match members.get("commandType") {
            None | Some(Value::Null) => return Err(ParamError::NoKind),
            Some(Value::String(kind)) => kind.as_str(),
            Some(other) => {
                return Err(ParamError::UnknownKind {
                    kind: other.to_string(),
                });
            }
        };
        match kind {
            "START_PROCESS" => Ok(Self::StartProcess),
            "SCHEDULER" => Ok(Self::Scheduler),
            "COMPLEMENT_DATA" => Ok(Self::ComplementData {
                backfill_times: read_or_default(members, "backfillTimeList")?,
            }),
            "REPEAT_RUNNING" => Ok(Self::RepeatRunning {
                workflow_instance_id: read_or_default(members, "workflowInstanceId")?,
            }),
            "START_FAILURE_TASK_PROCESS" => Ok(Self::StartFailureTaskProcess),
            "RECOVER_TOLERANCE_FAULT" => Ok(Self::RecoverToleranceFault {
                workflow_execution_status: read_or_default(members, "workflowExecutionStatus")?,
            }),
            unknown => Err(ParamError::UnknownKind {
                kind: unknown.to_owned(),
            }),
        }
    }
}

/// Start nodes of an EXECUTE_TASK command, whose parameter is an untyped object: `StartNodeList` is text, the codes are
/// separated by commas.
pub fn execute_task_start_nodes(text: Option<&str>) -> Result<Vec<i64>, ParamError> {
    let text = text.unwrap_or_default();
    let empty = || ParamError::NoStartNodes {
        text: text.to_owned(),
    };
    let members: Map<String, Value> = serde_json::from_str(text).map_err(|error| ParamError::NotJson {
        reason: error.to_string(),
    })?;
    let list = match members.get("StartNodeList") {
        Some(Value::String(list)) => list.clone(),
        Some(Value::Number(code)) => code.to_string(),
        _ => return Err(empty()),
    };
    let bad = |reason: String| ParamError::BadMember {
        member: "StartNodeList",
        reason,
    };
    let codes = list
        .split(',')
        .map(str::trim)
        .filter(|code| !code.is_empty())
        .map(|code| {
            code.parse::<i64>()
                .map_err(|error| bad(format!("{code:?}: {error}")))
        })
        .collect::<Result<Vec<_>, _>>()?;
    if codes.is_empty() { Err(empty()) } else { Ok(codes) }
}

fn read_or_default<T: serde::de::DeserializeOwned + Default>(
    members: &Map<String, Value>,
    member: &'static str,
) -> Result<T, ParamError> {
    match members.get(member) {
        None | Some(Value::Null) => Ok(T::default()),
        Some(value) => T::deserialize(value).map_err(|error: serde_json::Error| ParamError::BadMember {
            member,
            reason: error.to_string(),
        }),
    }
}

/// A null entry counts for nothing, as in the reference.
fn read_properties(members: &Map<String, Value>) -> Result<Vec<Property>, ParamError> {
    let entries: Vec<Option<Property>> = read_or_default(members, "commandParams")?;
    Ok(entries.into_iter().flatten().collect())
}
