//! What there is to say about one run: the rows of an instance and its tasks, and what is still to come. Values only.

use orca_engine::codes::{Flag, TaskState, WorkflowState};
use orca_engine::model::{DefinitionSnapshot, TaskInstance, WorkflowInstance};
use orca_engine::time::Millis;
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RunView {
    pub(crate) workflow_instance_id: i32,
    pub(crate) name: String,
    /// A name of `WorkflowState`.
    pub(crate) state: &'static str,
    pub(crate) finished: bool,
    pub(crate) succeeded: bool,
    /// The master that runs it or has run it.
    pub(crate) host: Option<String>,
    pub(crate) start_time: Option<String>,
    pub(crate) end_time: Option<String>,
    pub(crate) duration_millis: Option<i64>,
    pub(crate) tasks: Vec<TaskView>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TaskView {
    pub(crate) name: String,
    pub(crate) task_type: String,
    /// A name of `TaskState`, or one of the words for a task without a row.
    pub(crate) state: &'static str,
    pub(crate) task_instance_id: Option<i32>,
    /// Attempts so far, this one included.
    pub(crate) attempts: usize,
    pub(crate) attempts_max: i32,
    pub(crate) host: Option<String>,
    pub(crate) start_time: Option<String>,
    pub(crate) end_time: Option<String>,
    pub(crate) duration_millis: Option<i64>,
    pub(crate) log_path: Option<String>,
    /// Why it did not succeed.
    pub(crate) reason: Option<String>,
    /// The end of its log, when it was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) log_lines: Vec<String>,
}

/// A task whose turn has not come.
const WAITING: &str = "WAITING";
/// A task whose turn will not come: the run has ended.
const NOT_RUN: &str = "NOT_RUN";
/// A forbidden task: passed through.
const SKIPPED: &str = "SKIPPED";

/// One look at a run. `tasks` are all rows of the instance, superseded attempts too; `definition` adds what has no row yet and
/// gives the order.
pub(crate) fn view(
    instance: &WorkflowInstance,
    tasks: &[TaskInstance],
    definition: Option<&DefinitionSnapshot>,
    now: Millis,
    zone: chrono_tz::Tz,
) -> RunView {
    let finished = instance.state.is_final();
    let mut attempts: BTreeMap<i64, Vec<&TaskInstance>> = BTreeMap::new();
    for task in tasks {
        attempts.entry(task.task_code).or_default().push(task);
    }
    let planned = definition.map_or(&[][..], |definition| &definition.tasks);
    let mut views = Vec::new();
    for task in planned {
        views.push(match attempts.remove(&task.code) {
            Some(rows) => of_rows(&rows, now, zone),
            None => without_row(
                &task.name,
                &task.task_type,
                task.flag,
                task.fail_retry_times,
                finished,
            ),
        });
    }
    views.extend(attempts.values().map(|rows| of_rows(rows, now, zone)));
    let text = |time: Millis| orca_engine::time::wall_clock_text(time, zone);
    RunView {
        workflow_instance_id: instance.id,
        name: instance.name.clone(),
        state: instance.state.name(),
        finished,
        succeeded: instance.state == WorkflowState::Success,
        host: known_host(instance.host.as_deref()),
        start_time: instance.start_time.map(text),
        end_time: instance.end_time.map(text),
        duration_millis: instance
            .start_time
            .map(|start| instance.end_time.unwrap_or(now).since(start)),
        tasks: views,
    }
}

fn without_row(name: &str, task_type: &str, flag: Flag, retry_times: i32, finished: bool) -> TaskView {
    let state = match flag {
        Flag::No => SKIPPED,
        Flag::Yes if finished => NOT_RUN,
        Flag::Yes => WAITING,
    };
    TaskView {
        name: name.to_owned(),
        task_type: task_type.to_owned(),
        state,
        task_instance_id: None,
        attempts: 0,
        attempts_max: retry_times.saturating_add(1),
        host: None,
        start_time: None,
        end_time: None,
        duration_millis: None,
        log_path: None,
        reason: None,
        log_lines: Vec::new(),
    }
}

/// The newest row counts; the others are earlier attempts.
fn of_rows(rows: &[&TaskInstance], now: Millis, zone: chrono_tz::Tz) -> TaskView {
    let Some(task) = rows.iter().max_by_key(|task| task.id) else {
        return without_row("", "", Flag::Yes, 0, true);
    };
    let attempts_max = task.max_retry_times.saturating_add(1);
    let text = |time: Millis| orca_engine::time::wall_clock_text(time, zone);
    // A retry that waits for its turn carries times of the attempt before on no account: its row has none.
    TaskView {
        name: task.name.clone(),
        task_type: task.task_type.clone(),
        state: task.state.name(),
        task_instance_id: Some(task.id),
        attempts: rows.len(),
        attempts_max,
        host: known_host(task.host.as_deref()),
        start_time: task.start_time.map(text),
        end_time: task.end_time.map(text),
        duration_millis: task
            .start_time
            .map(|start| task.end_time.unwrap_or(now).since(start)),
        log_path: task.log_path.clone().filter(|path| !path.is_empty()),
        reason: reason(task, rows.len(), attempts_max),
        log_lines: Vec::new(),
    }
}

fn reason(task: &TaskInstance, attempts: usize, attempts_max: i32) -> Option<String> {
    let ended_on_a_worker = task.start_time.is_some();
    match task.state {
        TaskState::Failure if !ended_on_a_worker && task.host.is_none() => {
            Some("failed before it was sent to a worker; the master's log says why".to_owned())
        }
        TaskState::Failure if attempts_max > 1 => {
            Some(format!("failed in attempt {attempts} of {attempts_max}"))
        }
        TaskState::Failure => Some("failed".to_owned()),
        TaskState::Kill => Some("was killed".to_owned()),
        TaskState::NeedFaultTolerance => Some("its worker was lost".to_owned()),
        TaskState::Pause => Some("was paused".to_owned()),
        TaskState::SubmittedSuccess
        | TaskState::RunningExecution
        | TaskState::Success
        | TaskState::DelayExecution
        | TaskState::ForcedSuccess
        | TaskState::Dispatch => None,
    }
}

/// Rows carry an empty text or `NULL` in words where there is no host.
fn known_host(host: Option<&str>) -> Option<String> {
    host.filter(|host| !matches!(*host, "" | "NULL" | "-"))
        .map(str::to_owned)
}

impl TaskView {
    /// It has ended and not well.
    pub(crate) fn failed(&self) -> bool {
        let ended_badly = [TaskState::Failure, TaskState::Kill, TaskState::NeedFaultTolerance];
        ended_badly.iter().any(|state| state.name() == self.state)
    }

    /// `2/3`, or nothing before the first attempt.
    pub(crate) fn attempts_text(&self) -> String {
        match self.attempts {
            0 => String::new(),
            attempts => format!(
                "{attempts}/{}",
                self.attempts_max.max(i32::try_from(attempts).unwrap_or(i32::MAX))
            ),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
#[path = "view_tests.rs"]
pub(crate) mod tests;
