//! What the master counts, under the names the Java master exports where it has one.

use orca_engine::codes::WorkflowState;
use std::sync::atomic::{AtomicU64, Ordering};

/// Monotonic counters of one process; they survive a change of term.
#[derive(Debug, Default)]
pub struct Counters {
    /// `ds.master.consume.command.count`: successful claims.
    pub commands_claimed: AtomicU64,
    /// Commands that another master had taken.
    pub commands_lost: AtomicU64,
    /// Commands moved to the error table.
    pub commands_failed: AtomicU64,
    /// `ds.master.overload.count`.
    pub overloaded: AtomicU64,
    /// Instances dropped because their row has another owner.
    pub fences_lost: AtomicU64,
    /// Instances kept aside after a panic or an impossible write.
    pub quarantined: AtomicU64,
    finished: [AtomicU64; 4],
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64, by: u64) {
        counter.fetch_add(by, Ordering::Relaxed);
    }

    pub(crate) fn finished(&self, state: WorkflowState) {
        if let Some(index) = final_index(state) {
            Self::add(&self.finished[index], 1);
        }
    }

    /// `ds.workflow.instance.count` of a final state.
    #[must_use]
    pub fn finished_count(&self, state: WorkflowState) -> u64 {
        final_index(state).map_or(0, |index| self.finished[index].load(Ordering::Relaxed))
    }
}

const fn final_index(state: WorkflowState) -> Option<usize> {
    match state {
        WorkflowState::Success => Some(0),
        WorkflowState::Failure => Some(1),
        WorkflowState::Stop => Some(2),
        WorkflowState::Pause => Some(3),
        WorkflowState::SubmittedSuccess
        | WorkflowState::RunningExecution
        | WorkflowState::ReadyPause
        | WorkflowState::ReadyStop
        | WorkflowState::SerialWait
        | WorkflowState::Failover => None,
    }
}
