//! What the machine keeps of one node: the row of its current attempt, and what memory knows beyond the row.

use crate::codes::TaskState;
use crate::model::TaskInstance;
use crate::time::Millis;
use std::sync::Arc;

/// Where the current attempt of a node stands. Each stage goes with the row states given by [`Stage::allows`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Not reached yet; a row found at the start may be attached.
    Idle,
    /// Waits for a slot of its task group.
    AwaitingSlot,
    /// At the dispatcher, or on its way there.
    Queued,
    /// The dispatch call is out and not answered.
    Sent,
    /// The dispatch call has no answer: the worker is being asked whether it has the attempt.
    Doubtful,
    /// The worker has it and has not reported that it runs.
    Held,
    /// The worker has reported that it runs.
    Running,
    /// Found at the start, or after its worker was lost: the worker is being asked to report to this master.
    TakingOver,
    /// Failed, with another attempt to come.
    Retrying,
    /// Failed for good.
    Failed,
    Paused,
    Killed,
    /// SUCCESS, or FORCED_SUCCESS by an operator.
    Succeeded,
}

impl Stage {
    pub const ALL: &'static [Self] = &[
        Self::Idle,
        Self::AwaitingSlot,
        Self::Queued,
        Self::Sent,
        Self::Doubtful,
        Self::Held,
        Self::Running,
        Self::TakingOver,
        Self::Retrying,
        Self::Failed,
        Self::Paused,
        Self::Killed,
        Self::Succeeded,
    ];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "Idle",
            Self::AwaitingSlot => "AwaitingSlot",
            Self::Queued => "Queued",
            Self::Sent => "Sent",
            Self::Doubtful => "Doubtful",
            Self::Held => "Held",
            Self::Running => "Running",
            Self::TakingOver => "TakingOver",
            Self::Retrying => "Retrying",
            Self::Failed => "Failed",
            Self::Paused => "Paused",
            Self::Killed => "Killed",
            Self::Succeeded => "Succeeded",
        }
    }

    /// Whether a row in `state` can stand here (INV-ATTEMPT-1).
    #[must_use]
    pub const fn allows(self, state: TaskState) -> bool {
        match self {
            Self::Idle => true,
            Self::AwaitingSlot | Self::Queued => {
                matches!(state, TaskState::SubmittedSuccess | TaskState::DelayExecution)
            }
            Self::Sent | Self::Doubtful | Self::Held => matches!(state, TaskState::Dispatch),
            Self::Running => matches!(state, TaskState::RunningExecution),
            Self::TakingOver => matches!(
                state,
                TaskState::Dispatch | TaskState::RunningExecution | TaskState::NeedFaultTolerance
            ),
            Self::Retrying | Self::Failed => matches!(state, TaskState::Failure),
            Self::Paused => matches!(state, TaskState::Pause),
            Self::Killed => matches!(state, TaskState::Kill),
            Self::Succeeded => matches!(state, TaskState::Success | TaskState::ForcedSuccess),
        }
    }
}

/// Where a node stands in the walk over the graph.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    #[default]
    Idle,
    Active,
    /// Passed: ended, skipped or forbidden.
    Inactive,
}

/// How a chain of tasks came to its end at a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chain {
    Failed,
    Paused,
    Killed,
}

/// What memory knows of the current attempt beyond its row. A new attempt starts with the default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attempt {
    /// The var pool that goes in, fixed when the attempt was queued.
    pub(crate) incoming: Option<String>,
    /// When the dispatch call went out, by our clock.
    pub(crate) sent_at: Option<Millis>,
    /// The dispatch call is out and has not been answered in any way.
    pub(crate) call_open: bool,
    /// Refused dispatch calls.
    pub(crate) failures: u32,
    /// It is to be killed: by a stop, a time-out or the failure strategy.
    pub(crate) kill_wanted: bool,
    /// Kill calls since it was last asked for.
    pub(crate) kills_sent: u32,
    /// Since when nobody knows whether the worker has it.
    pub(crate) doubt_since: Option<Millis>,
    /// The kill that makes a "no" final is out.
    pub(crate) doubt_kill_sent: bool,
    /// Its child is started, or followed.
    pub(crate) child_followed: bool,
    /// When the worker last showed that it has the attempt, by our clock.
    pub(crate) heard_at: Option<Millis>,
    /// The worker has been asked for it although it was known to be there.
    pub(crate) asked_in_silence: bool,
    /// The worker has left the registry.
    pub(crate) worker_gone: bool,
    /// Since then it was asked for at its address, and nobody answered.
    pub(crate) unanswered: bool,
    /// The worker has it although it had left the registry: it is asked now and then whether it still has.
    pub(crate) watched: bool,
}

/// One node of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The current attempt's row as committed; shared with steps that do not change it.
    pub(crate) row: Option<Arc<TaskInstance>>,
    pub(crate) stage: Stage,
    pub(crate) phase: Phase,
    pub(crate) chain: Option<Chain>,
    pub(crate) skipped: bool,
    /// Predecessors that are not inactive yet.
    pub(crate) open_predecessors: u32,
    /// Inactive predecessors at which a chain ended.
    pub(crate) blocking_predecessors: u32,
    /// Predecessors that are not marked skipped.
    pub(crate) unskipped_predecessors: u32,
    pub(crate) attempt: Attempt,
}

impl Node {
    pub(super) fn new(predecessors: u32) -> Self {
        Self {
            row: None,
            stage: Stage::Idle,
            phase: Phase::Idle,
            chain: None,
            skipped: false,
            open_predecessors: predecessors,
            blocking_predecessors: 0,
            unskipped_predecessors: predecessors,
            attempt: Attempt::default(),
        }
    }

    #[must_use]
    pub fn task(&self) -> Option<&TaskInstance> {
        self.row.as_deref()
    }

    #[must_use]
    pub const fn stage(&self) -> Stage {
        self.stage
    }

    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// The var pool the attempt starts from, fixed when it was queued.
    #[must_use]
    pub fn incoming_var_pool(&self) -> Option<&str> {
        self.attempt.incoming.as_deref()
    }

    /// Active and not yet asked to die: what the failure strategy END still has to kill.
    pub(super) fn is_live(&self) -> bool {
        self.phase == Phase::Active && !self.attempt.kill_wanted
    }

    pub(super) fn can_run(&self) -> bool {
        self.phase == Phase::Idle && self.open_predecessors == 0 && self.blocking_predecessors == 0
    }
}
