//! The mark in the environment of every process of a task. Children inherit it, whatever group, session or parent
//! they move to, so it finds what a process group does not.

use std::fmt;

/// The environment variable that carries the mark.
pub const TOKEN_VARIABLE: &str = "ORCA_TASK";

/// One start of one worker: `<host:port>-<start time>-<process id>`, which is also the name of its failover marker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerToken {
    address: String,
    incarnation: String,
}

/// The mark of one task of one start of one worker.
#[derive(Clone, PartialEq, Eq)]
pub struct TaskToken {
    pub(crate) value: String,
}

impl WorkerToken {
    #[must_use]
    pub fn new(address: &str, startup_time_ms: i64, process_id: u32) -> Self {
        Self {
            address: address.to_owned(),
            incarnation: format!("{address}-{startup_time_ms}-{process_id}"),
        }
    }

    /// The mark of a task.
    #[must_use]
    pub fn task(&self, task_instance_id: i32) -> TaskToken {
        TaskToken {
            value: format!("{}/{task_instance_id}", self.incarnation),
        }
    }

    /// The start of the environment entry of every task of this start of the worker.
    #[must_use]
    pub fn entry_prefix(&self) -> String {
        format!("{TOKEN_VARIABLE}={}/", self.incarnation)
    }

    /// The start of the environment entry of every task of any start of a worker at this address.
    #[must_use]
    pub fn address_prefix(&self) -> String {
        format!("{TOKEN_VARIABLE}={}-", self.address)
    }
}

impl TaskToken {
    /// The whole environment entry.
    #[must_use]
    pub fn entry(&self) -> String {
        format!("{TOKEN_VARIABLE}={}", self.value)
    }
}

impl fmt::Debug for TaskToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.value)
    }
}
