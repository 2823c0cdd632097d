//! Log files of tasks, for whoever runs tasks: a worker, and a master for the tasks that run inside it.
//!
//! Guarantees: the Java layout and line format, bounded files, and a log service that reads nothing outside its folder. It refuses to
//! know what a task is.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod directory;
mod file;
pub mod limits;
mod lines;
mod output;
mod service;

pub use directory::{LogDirectory, LogError};
pub use file::{Level, LineBatch, LogName, TaskLog};
pub use lines::LineSplitter;
pub use output::record_output;
pub use service::routes;
