//! What a waiting task asks of the database, and what an answer means.

use super::Interval;
use crate::codes::{Flag, TaskExecuteType, TaskState, WorkflowState};
use crate::time::Millis;
use std::collections::BTreeMap;

/// One thing to find out. Equal questions of different tasks are one question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Question {
    /// Which run of the workflow counts for the interval?
    Candidate(CandidateQuestion),
    /// How did this task go in that run?
    LastTask {
        workflow_instance_id: i32,
        task_code: i64,
    },
    /// Have all tasks of that successful run succeeded?
    AllTasks { workflow_instance_id: i32 },
    /// Which run of the workflow is the first ever?
    First { definition_code: i64 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CandidateQuestion {
    pub definition_code: i64,
    /// A run that is over counts only when it has this task.
    pub task_code: Option<i64>,
    pub interval: Interval,
}

/// A workflow instance that may count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub id: i32,
    pub state: WorkflowState,
}

/// The last instance of each kind in an interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Candidates {
    /// Not over; scheduled for the interval or started in it; the latest start.
    pub running: Option<Candidate>,
    /// Scheduled for the interval; the latest end.
    pub scheduled: Option<Candidate>,
    /// Not scheduled, started in the interval; the latest end.
    pub manual: Option<Candidate>,
}

impl Candidates {
    /// What runs comes first; else the later one of the two.
    #[must_use]
    pub fn chosen(&self) -> Option<Candidate> {
        self.running.or_else(|| {
            self.scheduled
                .into_iter()
                .chain(self.manual)
                .max_by_key(|one| one.id)
        })
    }
}

/// One row of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskRow {
    pub id: i32,
    pub state: TaskState,
    pub execute_type: TaskExecuteType,
    pub end_time: Option<Millis>,
    pub retry_times: i32,
    pub max_retry_times: i32,
}

/// The row that counts: one that has not ended, else the one of the latest end. A superseded attempt never counts.
#[must_use]
pub fn last_of(rows: impl IntoIterator<Item = TaskRow>) -> Option<TaskRow> {
    rows.into_iter()
        .filter(|row| row.state != TaskState::NeedFaultTolerance)
        .max_by_key(|row| (row.end_time.is_none(), row.end_time, row.id))
}

/// The answer to [`Question::LastTask`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastTask {
    Row(TaskRow),
    /// It has no row; the flag of its definition, if that exists.
    None(Option<Flag>),
}

/// Answers by question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    pub candidates: BTreeMap<CandidateQuestion, Candidates>,
    /// By workflow instance and task code.
    pub last_tasks: BTreeMap<(i32, i64), LastTask>,
    pub all_tasks: BTreeMap<i32, bool>,
    pub firsts: BTreeMap<i64, Option<i32>>,
}

/// `DependResult`
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DependResult {
    Success,
    Waiting,
    Failed,
}

impl DependResult {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::Waiting => "WAITING",
            Self::Failed => "FAILED",
        }
    }
}

/// How a run stands for an item that waits for the whole workflow.
pub(super) const fn of_workflow(run: Candidate) -> DependResult {
    match run.state {
        WorkflowState::Success => DependResult::Success,
        state if state.is_final() => DependResult::Failed,
        _ => DependResult::Waiting,
    }
}

/// How a task stands in a run. A forced success is no success here, as in the reference.
pub(super) fn of_task(run: Candidate, last: &LastTask) -> DependResult {
    let over = run.state.is_final();
    match last {
        LastTask::None(None) => DependResult::Failed,
        LastTask::None(Some(Flag::No)) => DependResult::Success,
        LastTask::None(Some(Flag::Yes)) if over => DependResult::Failed,
        LastTask::None(Some(Flag::Yes)) => DependResult::Waiting,
        LastTask::Row(row) if row.execute_type == TaskExecuteType::Stream => DependResult::Success,
        LastTask::Row(row) => match row.state {
            TaskState::Success => DependResult::Success,
            TaskState::Failure | TaskState::Kill | TaskState::Pause | TaskState::ForcedSuccess => {
                if !over && row.retry_times < row.max_retry_times {
                    DependResult::Waiting
                } else {
                    DependResult::Failed
                }
            }
            TaskState::SubmittedSuccess
            | TaskState::RunningExecution
            | TaskState::NeedFaultTolerance
            | TaskState::DelayExecution
            | TaskState::Dispatch => DependResult::Waiting,
        },
    }
}
