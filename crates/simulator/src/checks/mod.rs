//! The checkers: what is promised, held against what happened. They know the rows, the executors and the registry, and nothing of the code under test.

mod acting;
mod attempts;
mod children;
mod ends;
mod ledger;
mod queues;

pub use ends::ends;
pub use ledger::Ledger;

/// A broken promise. The numerals are those of the promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Promise {
    /// One task instance id accepted by two executors.
    OneExecutor,
    /// A finished task run again.
    FinishedOnce,
    /// A new attempt while the old executor was registered and had neither denied nor ended.
    OldAttemptOver,
    /// A workflow lost, stuck, or in a state that its definition does not imply.
    NothingLost,
    /// A row written by somebody who does not own it.
    OwnerWrites,
    /// Something sent by a master whose lease had run out.
    Leased,
    /// A task group with more holders than its size, or an attempt that runs without a slot or has lost it.
    Slots,
    /// Two runs of a serial definition at once, or a run that never leaves the queue.
    OneAtATime,
    /// A child started twice.
    OneChild,
    /// A time-out that began anew, or was forgotten.
    TimeOuts,
}

impl Promise {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OneExecutor => "(i) one task instance id accepted by two executors",
            Self::FinishedOnce => "(ii) a finished task run again",
            Self::OldAttemptOver => "(iii) a new attempt while the old executor had neither denied nor ended",
            Self::NothingLost => "(iv) a workflow lost, stuck or in a wrong state",
            Self::OwnerWrites => "a write by a former owner",
            Self::Leased => "sent without a lease",
            Self::Slots => "a slot of a task group leaked, lost or given twice",
            Self::OneAtATime => "a serial queue that lets two run, or one wait for ever",
            Self::OneChild => "a sub-workflow started twice",
            Self::TimeOuts => "a time-out that began anew or was forgotten",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub promise: Promise,
    pub at_ms: u64,
    pub text: String,
}
