//! `DependentParameters`: what the definition of a DEPENDENT task says.

use crate::limits::DEPENDENT_ITEMS_MAX;
use serde_json::Value;

/// `dependence` of the task's parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DependentParameters {
    pub relation: Relation,
    pub groups: Vec<Group>,
    pub failure_policy: FailurePolicy,
}

/// `DependentTaskModel`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    pub relation: Relation,
    pub items: Vec<Item>,
}

/// `DependentItem`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    pub project_code: i64,
    pub definition_code: i64,
    pub target: Target,
    /// Only shown: the intervals come from `date_value`.
    pub cycle: String,
    pub date_value: String,
}

/// What an item waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// The workflow as a whole.
    Workflow,
    /// Every task of the workflow.
    AllTasks,
    Task(i64),
}

/// `DependentRelation`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    And,
    Or,
}

/// `DependentFailurePolicyEnum`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailurePolicy {
    /// A failed dependency fails the task at once.
    Failure,
    /// The failure is not reported before that many minutes after the business date.
    Wait { minutes: i64 },
}

/// Why a text is no DEPENDENT task.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParametersError {
    #[error("the task parameters are not JSON: {reason}")]
    NotJson { reason: String },
    #[error("the task parameters have no member {member}")]
    Missing { member: &'static str },
    #[error("the task parameters have a bad member {member}: {value}")]
    BadMember { member: &'static str, value: String },
    #[error("the task waits for {count} things, and {DEPENDENT_ITEMS_MAX} is the most")]
    TooMany { count: usize },
}

const WORKFLOW_CODE: i64 = 0;
const ALL_TASKS_CODE: i64 = -1;

impl Target {
    #[must_use]
    pub const fn from_code(code: i64) -> Self {
        match code {
            WORKFLOW_CODE => Self::Workflow,
            ALL_TASKS_CODE => Self::AllTasks,
            code => Self::Task(code),
        }
    }

    /// `depTaskCode`
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::Workflow => WORKFLOW_CODE,
            Self::AllTasks => ALL_TASKS_CODE,
            Self::Task(code) => code,
        }
    }
}

impl DependentParameters {
    pub fn parse(text: Option<&str>) -> Result<Self, ParametersError> {
        let value: Value =
            serde_json::from_str(text.unwrap_or("null")).map_err(|error| ParametersError::NotJson {
                reason: error.to_string(),
            })?;
        let dependence = member(&value, "dependence")?;
        let groups = list(dependence, "dependTaskList")?
            .iter()
            .map(group)
            .collect::<Result<Vec<_>, _>>()?;
        let count = groups.iter().map(|group| group.items.len()).sum();
        if count > DEPENDENT_ITEMS_MAX {
            return Err(ParametersError::TooMany { count });
        }
        Ok(Self {
            relation: relation(dependence)?,
            groups,
            failure_policy: failure_policy(dependence)?,
        })
    }

    pub fn items(&self) -> impl Iterator<Item = &Item> {
        self.groups.iter().flat_map(|group| &group.items)
    }
}

fn group(value: &Value) -> Result<Group, ParametersError> {
    Ok(Group {
        relation: relation(value)?,
        items: list(value, "dependItemList")?
            .iter()
            .map(item)
            .collect::<Result<Vec<_>, _>>()?,
    })
}

fn item(value: &Value) -> Result<Item, ParametersError> {
    Ok(Item {
        project_code: number(value, "projectCode")?.unwrap_or(0),
        definition_code: number(value, "definitionCode")?.unwrap_or(0),
        target: Target::from_code(number(value, "depTaskCode")?.unwrap_or(WORKFLOW_CODE)),
        cycle: text(value, "cycle").unwrap_or_default(),
        date_value: text(value, "dateValue").ok_or(ParametersError::Missing { member: "dateValue" })?,
    })
}

fn relation(value: &Value) -> Result<Relation, ParametersError> {
    match member(value, "relation")?.as_str() {
        Some("AND") => Ok(Relation::And),
        Some("OR") => Ok(Relation::Or),
        _ => Err(bad(value, "relation")),
    }
}

/// Waiting needs a time to wait; without one a failure counts at once.
fn failure_policy(value: &Value) -> Result<FailurePolicy, ParametersError> {
    let minutes = number(value, "failureWaitingTime")?;
    match (value["failurePolicy"].as_str(), minutes) {
        (Some("DEPENDENT_FAILURE_WAITING"), Some(minutes)) => Ok(FailurePolicy::Wait { minutes }),
        (Some("DEPENDENT_FAILURE_WAITING" | "DEPENDENT_FAILURE_FAILURE"), _) => Ok(FailurePolicy::Failure),
        (None, _) if value["failurePolicy"].is_null() => Ok(FailurePolicy::Failure),
        _ => Err(bad(value, "failurePolicy")),
    }
}

fn member<'a>(value: &'a Value, name: &'static str) -> Result<&'a Value, ParametersError> {
    value
        .get(name)
        .filter(|value| !value.is_null())
        .ok_or(ParametersError::Missing { member: name })
}

fn list<'a>(value: &'a Value, name: &'static str) -> Result<&'a Vec<Value>, ParametersError> {
    member(value, name)?.as_array().ok_or_else(|| bad(value, name))
}

/// A number, or a text that is one.
fn number(value: &Value, name: &'static str) -> Result<Option<i64>, ParametersError> {
    match &value[name] {
        Value::Null => Ok(None),
        Value::String(text) if text.trim().is_empty() => Ok(None),
        Value::String(text) => text.trim().parse().map(Some).map_err(|_| bad(value, name)),
        other => other.as_i64().map(Some).ok_or_else(|| bad(value, name)),
    }
}

fn text(value: &Value, name: &'static str) -> Option<String> {
    value[name].as_str().map(str::to_owned)
}

fn bad(value: &Value, member: &'static str) -> ParametersError {
    ParametersError::BadMember {
        member,
        value: value[member].to_string(),
    }
}
