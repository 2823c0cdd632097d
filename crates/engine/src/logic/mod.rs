//! Tasks that run inside the master (`ILogicTask`): what they are and what they decide.
//!
//! The workflow machine treats such a task as an attempt whose worker is the own master. What is here is pure; the executors are in the
//! shell.

pub mod conditions;
pub mod dependent;
pub mod fake;
pub mod script;
pub mod sub_workflow;
pub mod switch;

/// A task type that is never sent to a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LogicType {
    SubWorkflow,
    Dependent,
    Conditions,
    Switch,
    /// The plug-in for tests, off unless the settings say otherwise.
    Fake,
}

impl LogicType {
    pub const ALL: &'static [Self] = &[
        Self::SubWorkflow,
        Self::Dependent,
        Self::Conditions,
        Self::Switch,
        Self::Fake,
    ];

    /// `None`: a task for workers.
    #[must_use]
    pub fn of(task_type: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|one| one.name() == task_type)
    }

    /// The value of `task_type`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SubWorkflow => "SUB_WORKFLOW",
            Self::Dependent => "DEPENDENT",
            Self::Conditions => "CONDITIONS",
            Self::Switch => "SWITCH",
            Self::Fake => "LogicFakeTask",
        }
    }
}

/// Why the parameters of a logic task cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogicError {
    #[error("the task has no parameters; {needs}")]
    NoParams { needs: &'static str },
    /// The position only: the text may hold secrets.
    #[error("the task parameters are no JSON object (line {line}, column {column}); {needs}")]
    Malformed {
        line: usize,
        column: usize,
        needs: &'static str,
    },
    #[error(transparent)]
    Params(#[from] crate::params::ParamError),
}

/// The members of the task parameters. `needs` says what the task wants to find there.
fn members(
    task_params: Option<&str>,
    needs: &'static str,
) -> Result<serde_json::Map<String, serde_json::Value>, LogicError> {
    let text = task_params
        .filter(|text| !text.trim().is_empty())
        .ok_or(LogicError::NoParams { needs })?;
    // What follows the object is ignored, as by the reference's reader.
    let mut values = serde_json::Deserializer::from_str(text).into_iter();
    let first = values.next().ok_or(LogicError::NoParams { needs })?;
    first.map_err(|error| LogicError::Malformed {
        line: error.line(),
        column: error.column(),
        needs,
    })
}

fn array(list: Option<&serde_json::Value>) -> &[serde_json::Value] {
    list.and_then(serde_json::Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// How results are combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    And,
    Or,
}

impl Relation {
    /// AND where nothing, or nothing known, is written.
    fn of(name: Option<&serde_json::Value>) -> Self {
        match name.and_then(serde_json::Value::as_str) {
            Some("OR") => Self::Or,
            _ => Self::And,
        }
    }

    fn holds(self, results: Vec<bool>) -> bool {
        match self {
            Self::And => results.into_iter().all(|result| result),
            Self::Or => results.into_iter().any(|result| result),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_found_by_its_name_and_no_other_is_one() {
        for &one in LogicType::ALL {
            assert_eq!(LogicType::of(one.name()), Some(one));
        }
        for other in ["SHELL", "switch", "", "FAKE", "SUB_PROCESS"] {
            assert_eq!(LogicType::of(other), None, "{other}");
        }
    }
}
