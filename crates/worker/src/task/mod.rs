//! One attempt of one task, from its context to its end.

pub mod execute;
pub mod outcome;
pub mod parameters;
pub mod script;

/// Why a task is to be ended. A later value is never replaced by an earlier one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stop {
    #[default]
    No,
    /// A master asked for it: ask the processes to end, then make them, then report KILLED.
    Kill,
    /// The worker is stopping: ask the processes to end, then make them, and report nothing. The masters see the worker
    /// gone and start the task elsewhere.
    Leave,
    /// The worker has lost its right to run tasks, they may already run elsewhere: end the processes at once and report
    /// nothing.
    Abandon,
}
