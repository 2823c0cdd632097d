//! What becomes of a workflow whose master is killed, for each state that it and its tasks can be in at that moment. One story
//! ([`story`]) brings a workflow into every situation, kills their master and lets the survivor finish them; each test looks at one.

mod story;

use orca_engine::codes::{Flag, TaskState, WorkflowState};
use std::collections::BTreeMap;
use story::found;

/// A task's row: name, state and whether it counts, in the order in which the rows were made.
type Row<'a> = (&'a str, TaskState, Flag);

const fn valid(name: &str, state: TaskState) -> Row<'_> {
    (name, state, Flag::Yes)
}

/// The row of an attempt that another has replaced.
const fn replaced(name: &str) -> Row<'_> {
    (name, TaskState::NeedFaultTolerance, Flag::No)
}

/// The workflow `name` ended so, with these rows, and its tasks really began so often.
fn expect(name: &str, state: WorkflowState, rows: &[Row<'_>], began: &[(&str, usize)]) {
    let found = found(name);
    let seen: Vec<Row<'_>> = found
        .tasks
        .iter()
        .map(|task| (task.name.as_str(), task.state, task.flag))
        .collect();
    assert_eq!((found.state, seen.as_slice()), (state, rows), "{name}");
    let began: BTreeMap<String, usize> = began
        .iter()
        .map(|(task, times)| ((*task).to_owned(), *times))
        .collect();
    assert_eq!(found.began, began, "how often the tasks of {name} began");
}

#[test]
fn running_with_a_submitted_task_goes_on_with_the_same_attempt() {
    let rows = [valid("only", TaskState::Success)];
    expect("submitted", WorkflowState::Success, &rows, &[("only", 1)]);
}

/// The worker was frozen with the dispatch call of the dead master in its socket.
#[test]
fn running_with_a_dispatched_task_finds_it_at_the_worker_that_wakes_up() {
    let rows = [valid("only", TaskState::Success)];
    expect("dispatched", WorkflowState::Success, &rows, &[("only", 1)]);
}

#[test]
fn running_with_a_task_dispatched_to_a_worker_that_dies_too_gets_a_new_attempt() {
    let rows = [replaced("only"), valid("only", TaskState::Success)];
    expect(
        "dispatched_and_lost",
        WorkflowState::Success,
        &rows,
        &[("only", 1)],
    );
}

#[test]
fn running_with_a_running_task_takes_it_over_in_place() {
    let rows = [valid("only", TaskState::Success)];
    expect("running", WorkflowState::Success, &rows, &[("only", 1)]);
}

#[test]
fn running_with_a_running_task_whose_worker_dies_too_gets_a_new_attempt() {
    let rows = [replaced("only"), valid("only", TaskState::Success)];
    expect("running_and_lost", WorkflowState::Success, &rows, &[("only", 2)]);
}

#[test]
fn running_with_a_task_that_ends_while_no_master_is_there_gets_its_result() {
    let rows = [valid("only", TaskState::Success)];
    expect("ended_meanwhile", WorkflowState::Success, &rows, &[("only", 1)]);
}

#[test]
fn running_with_a_task_that_fails_while_no_master_is_there_gets_its_result() {
    let rows = [valid("only", TaskState::Failure)];
    expect("failed_meanwhile", WorkflowState::Failure, &rows, &[("only", 1)]);
}

/// `second` fails unless it is given what `first` put out before the death.
#[test]
fn running_with_a_finished_task_keeps_its_output_and_goes_on_behind_it() {
    let rows = [
        valid("first", TaskState::Success),
        valid("second", TaskState::Success),
    ];
    let began = [("first", 1), ("second", 1)];
    expect("finished_then_submitted", WorkflowState::Success, &rows, &began);
}

#[test]
fn running_with_a_failed_task_takes_the_other_over_and_fails_when_that_has_ended() {
    let rows = [
        valid("failing", TaskState::Failure),
        valid("other", TaskState::Success),
    ];
    let began = [("failing", 1), ("other", 1)];
    expect("failed_beside_running", WorkflowState::Failure, &rows, &began);
}

#[test]
fn running_on_at_the_survivor_can_be_stopped_there() {
    let rows = [valid("only", TaskState::Kill)];
    expect("stopped_later", WorkflowState::Stop, &rows, &[("only", 1)]);
}

#[test]
fn about_to_pause_with_a_running_and_a_paused_task_pauses_when_the_running_one_has_ended() {
    let rows = [
        valid("paused", TaskState::Pause),
        valid("running", TaskState::Success),
    ];
    expect(
        "pause_with_paused",
        WorkflowState::Pause,
        &rows,
        &[("running", 1)],
    );
}

#[test]
fn about_to_pause_with_a_finished_and_a_last_running_task_succeeds() {
    let rows = [
        valid("first", TaskState::Success),
        valid("second", TaskState::Success),
    ];
    let began = [("first", 1), ("second", 1)];
    expect("pause_with_finished", WorkflowState::Success, &rows, &began);
}

/// The successor has no row yet when the master dies.
#[test]
fn about_to_pause_with_a_running_task_pauses_what_comes_after_it() {
    let rows = [
        valid("first", TaskState::Success),
        valid("second", TaskState::Pause),
    ];
    expect(
        "pause_before_second",
        WorkflowState::Pause,
        &rows,
        &[("first", 1)],
    );
}

#[test]
fn about_to_pause_with_a_dispatched_task_whose_worker_dies_too_pauses_the_new_attempt() {
    let rows = [replaced("only"), valid("only", TaskState::Pause)];
    expect("pause_with_lost", WorkflowState::Pause, &rows, &[]);
}

/// The worker of the running one was frozen when it was to kill it: the survivor asks again.
#[test]
fn about_to_stop_with_a_killed_and_a_running_task_kills_the_running_one_too() {
    let rows = [
        valid("killed", TaskState::Kill),
        valid("running", TaskState::Kill),
    ];
    let began = [("killed", 1), ("running", 1)];
    expect("stop_with_killed", WorkflowState::Stop, &rows, &began);
}

/// Whether the worker begins it before it is told to kill it is its own affair.
#[test]
fn about_to_stop_with_a_dispatched_task_kills_it_when_its_worker_wakes_up() {
    let found = found("stop_with_dispatched");
    assert_eq!(found.state, WorkflowState::Stop);
    let states: Vec<TaskState> = found.tasks.iter().map(|task| task.state).collect();
    assert_eq!(states, [TaskState::Kill]);
    assert!(found.began.values().all(|times| *times == 1), "{:?}", found.began);
}

/// Rows as a master leaves them that dies between two of its transactions (Java's masters have many): the workflow's state, that of its only
/// task, and how it ends. Nothing may run.
#[test]
fn rows_between_two_transactions_are_finished_without_running_anything() {
    for left in story::LEFT {
        let rows = [valid("only", left.task_ends)];
        expect(left.name, left.workflow_ends, &rows, &[]);
    }
}
