//! The promises, held against the evidence. Pure.

use super::evidence::{Ending, Evidence, Micros, Run};
use orca_engine::codes::{TaskState, WorkflowState};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// One row of `t_ds_task_instance`.
#[derive(Clone, Debug)]
pub(crate) struct TaskRow {
    pub(crate) id: i32,
    pub(crate) workflow_instance_id: i32,
    pub(crate) task_code: i64,
    pub(crate) state: i32,
}

/// One row of `t_ds_workflow_instance`.
#[derive(Clone, Debug)]
pub(crate) struct InstanceRow {
    pub(crate) id: i32,
    pub(crate) state: i32,
    /// Tasks of its definition.
    pub(crate) tasks: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Violation {
    /// (i)
    AcceptedTwice {
        task_instance_id: i32,
        runs: usize,
    },
    /// (ii)
    FinishedRunAgain {
        finished: i32,
        again: i32,
    },
    /// (iii)
    ReplacedWhileRunning {
        running: i32,
        replacement: i32,
        worker_pid: u32,
    },
    /// (iv)
    Lost {
        workflow_instance_id: i32,
    },
    /// (iv)
    Stuck {
        workflow_instance_id: i32,
        state: String,
    },
    /// (iv)
    LeftOver {
        what: String,
    },
    WrongEnd {
        workflow_instance_id: i32,
        state: String,
    },
    /// Recorded as a success without a run that ended so.
    SuccessWithoutRun {
        task_instance_id: i32,
    },
    /// A process that must not end by itself did, or said that it panicked.
    Crash {
        what: String,
    },
    UnreadableLine {
        line: String,
    },
}

impl Violation {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::AcceptedTwice { .. } => "i: one task instance accepted twice",
            Self::FinishedRunAgain { .. } => "ii: a finished task run again",
            Self::ReplacedWhileRunning { .. } => {
                "iii: replaced while its executor was registered and busy with it"
            }
            Self::Lost { .. } | Self::Stuck { .. } | Self::LeftOver { .. } => {
                "iv: lost or stuck after healing"
            }
            Self::WrongEnd { .. } => "wrong end state",
            Self::SuccessWithoutRun { .. } => "success without a run",
            Self::Crash { .. } => "crash",
            Self::UnreadableLine { .. } => "wrong output of a task",
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.kind())?;
        match self {
            Self::AcceptedTwice {
                task_instance_id,
                runs,
            } => {
                write!(f, "task instance {task_instance_id} was started {runs} times")
            }
            Self::FinishedRunAgain { finished, again } => {
                write!(
                    f,
                    "task instance {finished} had succeeded, {again} was made for the same task"
                )
            }
            Self::ReplacedWhileRunning {
                running,
                replacement,
                worker_pid,
            } => write!(
                f,
                "task instance {running} ran on the registered worker with process id {worker_pid} when {replacement} was made"
            ),
            Self::Lost { workflow_instance_id } => {
                write!(
                    f,
                    "workflow instance {workflow_instance_id} was promised and has no row"
                )
            }
            Self::Stuck {
                workflow_instance_id,
                state,
            } => {
                write!(f, "workflow instance {workflow_instance_id} is still {state}")
            }
            Self::LeftOver { what } | Self::Crash { what } => f.write_str(what),
            Self::WrongEnd {
                workflow_instance_id,
                state,
            } => {
                write!(f, "workflow instance {workflow_instance_id} ended as {state}")
            }
            Self::SuccessWithoutRun { task_instance_id } => {
                write!(
                    f,
                    "task instance {task_instance_id} is SUCCESS, no run of it ended"
                )
            }
            Self::UnreadableLine { line } => f.write_str(line),
        }
    }
}

/// A task that was started anew because its worker had lost its place in the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Restarted {
    pub(crate) overlap: Micros,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) violations: Vec<Violation>,
    pub(crate) restarted: Vec<Restarted>,
}

/// Everything a cycle has left, after all of it should have ended.
pub(crate) fn judge(
    accepted: &BTreeSet<i32>,
    instances: &[InstanceRow],
    tasks: &[TaskRow],
    evidence: &Evidence,
) -> Verdict {
    let mut verdict = Verdict::default();
    workflows(accepted, instances, tasks, &mut verdict);
    for (id, runs) in &evidence.runs {
        if runs.len() > 1 {
            verdict.violations.push(Violation::AcceptedTwice {
                task_instance_id: *id,
                runs: runs.len(),
            });
        }
    }
    let mut attempts: BTreeMap<(i32, i64), Vec<&TaskRow>> = BTreeMap::new();
    for task in tasks {
        attempts
            .entry((task.workflow_instance_id, task.task_code))
            .or_default()
            .push(task);
        let ended = |run: &Run| run.ended.is_some_and(|(ending, _)| ending == Ending::Success);
        let ran = evidence
            .runs
            .get(&task.id)
            .is_some_and(|runs| runs.iter().any(ended));
        if task.state == TaskState::Success.code() && !ran {
            verdict.violations.push(Violation::SuccessWithoutRun {
                task_instance_id: task.id,
            });
        }
    }
    for attempts in attempts.values_mut() {
        attempts.sort_by_key(|task| task.id);
        for pair in attempts.windows(2) {
            replaced(pair[0], pair[1], evidence, &mut verdict);
        }
    }
    verdict.violations.extend(
        evidence
            .unreadable
            .iter()
            .map(|line| Violation::UnreadableLine { line: line.clone() }),
    );
    verdict
}

fn workflows(accepted: &BTreeSet<i32>, instances: &[InstanceRow], tasks: &[TaskRow], verdict: &mut Verdict) {
    let present: BTreeSet<i32> = instances.iter().map(|row| row.id).collect();
    for id in accepted.difference(&present) {
        verdict.violations.push(Violation::Lost {
            workflow_instance_id: *id,
        });
    }
    let mut done: BTreeMap<i32, BTreeSet<i64>> = BTreeMap::new();
    for task in tasks
        .iter()
        .filter(|task| task.state == TaskState::Success.code())
    {
        done.entry(task.workflow_instance_id)
            .or_default()
            .insert(task.task_code);
    }
    for row in instances {
        let state = WorkflowState::try_from(row.state);
        let name = state
            .as_ref()
            .map_or_else(ToString::to_string, ToString::to_string);
        if !state.as_ref().is_ok_and(|state| state.is_final()) {
            verdict.violations.push(Violation::Stuck {
                workflow_instance_id: row.id,
                state: name,
            });
        } else if state != Ok(WorkflowState::Success)
            || done.get(&row.id).map_or(0, BTreeSet::len) != row.tasks
        {
            verdict.violations.push(Violation::WrongEnd {
                workflow_instance_id: row.id,
                state: name,
            });
        }
    }
}

/// `new` was made although `old` was there: with what right?
fn replaced(old: &TaskRow, new: &TaskRow, evidence: &Evidence, verdict: &mut Verdict) {
    let again = Violation::FinishedRunAgain {
        finished: old.id,
        again: new.id,
    };
    if old.state == TaskState::Success.code() {
        verdict.violations.push(again);
        return;
    }
    let (Some(run), started) = (
        evidence.runs.get(&old.id).and_then(|runs| runs.last()),
        first_start(new, evidence),
    ) else {
        return;
    };
    // The row is seen a moment after it was made; a run of it may have been sooner.
    let Some(made) = evidence
        .rows
        .get(&new.id)
        .copied()
        .into_iter()
        .chain(started)
        .min()
    else {
        return;
    };
    if run.started > made {
        return;
    }
    let was_registered = evidence.was_registered(run.worker_pid, made);
    match run.over() {
        Some(over) if over <= made => {
            let succeeded = run.ended.is_some_and(|(ending, _)| ending == Ending::Success);
            if succeeded && was_registered {
                verdict.violations.push(again);
            }
        }
        _ if was_registered => verdict.violations.push(Violation::ReplacedWhileRunning {
            running: old.id,
            replacement: new.id,
            worker_pid: run.worker_pid,
        }),
        over => {
            let until = over
                .unwrap_or(Micros::MAX)
                .min(last_end(new, evidence).unwrap_or(Micros::MAX));
            let from = started.unwrap_or(made);
            let overlap = if until == Micros::MAX {
                0
            } else {
                (until - from).max(0)
            };
            verdict.restarted.push(Restarted { overlap });
        }
    }
}

fn first_start(task: &TaskRow, evidence: &Evidence) -> Option<Micros> {
    evidence.runs.get(&task.id)?.iter().map(|run| run.started).min()
}

fn last_end(task: &TaskRow, evidence: &Evidence) -> Option<Micros> {
    evidence.runs.get(&task.id)?.iter().filter_map(Run::over).max()
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
