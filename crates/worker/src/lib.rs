//! The native worker: runs SHELL and PYTHON tasks and speaks the RPC of a Java worker.
//!
//! What it guarantees: a task instance id is executed at most once by one start of a worker; no process of a task outlives
//! the task, a kill, or the worker; events reach whoever owns the task until they are acknowledged. What it refuses to know:
//! workflows, the database, and the environment of the process (settings come from the caller).
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod events;
pub mod executors;
pub mod limits;
pub mod log_service;
pub mod process;
mod remembered;
pub mod settings;
pub mod task;

pub use settings::{LoadProtection, TaskSettings};
