//! The native worker: runs SHELL and PYTHON tasks and speaks the RPC of a Java worker.
//!
//! What it guarantees: a task instance id is executed at most once by one start of a worker; no process of a task outlives
//! the task, a kill, or the worker; events reach whoever owns the task until they are acknowledged. What it refuses to know:
//! workflows, the database, and the environment of the process (settings come from the caller).
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod error;
pub mod events;
pub mod executors;
pub mod limits;
pub mod membership;
pub mod operator;
pub mod process;
mod remembered;
pub mod reporter;
mod run;
mod server;
mod service;
mod settings;
pub mod stub;
pub mod task;

pub use error::{Error, ErrorClass};
pub use orca_registry::heartbeat::LoadProtection;
pub use run::{Worker, run};
pub use service::{Ending, Service};
pub use settings::{TaskSettings, WorkerSettings};
pub use stub::{StubAccept, StubCounters, StubSettings, StubWorker};
