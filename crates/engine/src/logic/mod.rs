//! Tasks that run inside the master (`ILogicTask`): what they are and what they decide.
//!
//! The workflow machine treats such a task as an attempt whose worker is the own master. What is here is pure; the executors are in the
//! shell.

pub mod fake;

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
    serde_json::from_str(text).map_err(|error| LogicError::Malformed {
        line: error.line(),
        column: error.column(),
        needs,
    })
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
