//! Promise (iv): how each workflow has to end, from its graph and what its tasks were told to do, computed without the engine.

use super::{Ledger, Promise};
use crate::scenario::{Flow, Scenario};
use crate::store::Tables;
use orca_engine::codes::{FailureStrategy, TaskState, WorkflowState};
use std::collections::BTreeMap;

/// How one task has to end when nothing is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Succeeds,
    Fails,
    /// A task before it fails.
    NotReached,
}

/// Looks at every workflow at the end of a run.
pub fn ends(scenario: &Scenario, tables: &Tables, now_ms: u64, ledger: &mut Ledger) {
    for flow in &scenario.flows {
        if let Err(text) = check(flow, tables) {
            ledger.violation(
                Promise::NothingLost,
                now_ms,
                format!("workflow {}: {text}", flow.instance.id),
            );
        }
    }
    for reason in &tables.error_commands {
        ledger.violation(
            Promise::NothingLost,
            now_ms,
            format!("a command was given up: {reason}"),
        );
    }
}

fn check(flow: &Flow, tables: &Tables) -> Result<(), String> {
    let id = flow.instance.id;
    let row = tables.instances.get(&id).ok_or("it has no row")?;
    if !row.state.is_final() {
        return Err(format!("it is still {}, owned by {:?}", row.state, row.host));
    }
    let expected = expected(flow);
    let fails = expected.values().any(|one| *one == Expected::Fails);
    // A stop may come at any time before the end, the failure strategy END may stop any task that is not through.
    let is_exact =
        flow.stop_at_ms.is_none() && !(fails && flow.instance.failure_strategy == FailureStrategy::End);
    let wanted = if fails {
        WorkflowState::Failure
    } else {
        WorkflowState::Success
    };
    if flow.stop_at_ms.is_none() && row.state != wanted {
        return Err(format!("it ended {} instead of {wanted}", row.state));
    }
    if flow.stop_at_ms.is_some() && row.state != wanted && row.state != WorkflowState::Stop && !fails {
        return Err(format!("it was stopped and ended {}", row.state));
    }
    for (code, expected) in expected {
        let states: Vec<TaskState> = tables
            .valid_tasks(id)
            .filter(|task| task.task_code == code)
            .map(|task| task.state)
            .collect();
        check_task(code, expected, &states, is_exact)?;
    }
    Ok(())
}

fn check_task(code: i64, expected: Expected, states: &[TaskState], is_exact: bool) -> Result<(), String> {
    let fits = match (expected, states) {
        (_, [_, _, ..]) => false,
        (Expected::Succeeds, [state]) => {
            *state == TaskState::Success || !is_exact && *state == TaskState::Kill
        }
        (Expected::Fails, [state]) => *state == TaskState::Failure || !is_exact && *state == TaskState::Kill,
        (Expected::NotReached, [_]) => false,
        (Expected::NotReached, []) => true,
        (Expected::Succeeds | Expected::Fails, []) => !is_exact,
    };
    if fits {
        Ok(())
    } else {
        Err(format!("task {code} should be {expected:?} and has {states:?}"))
    }
}

fn expected(flow: &Flow) -> BTreeMap<i64, Expected> {
    let mut found: BTreeMap<i64, Expected> = BTreeMap::new();
    // Codes rise along the edges.
    for task in &flow.definition.tasks {
        let before = flow
            .definition
            .relations
            .iter()
            .filter(|(from, to)| *to == task.code && *from != 0);
        let reached = before
            .clone()
            .all(|(from, _)| found.get(from) == Some(&Expected::Succeeds));
        let fails = flow
            .scripts
            .get(&task.code)
            .is_some_and(|script| script.fails > task.fail_retry_times);
        let one = match (reached, fails) {
            (false, _) => Expected::NotReached,
            (true, true) => Expected::Fails,
            (true, false) => Expected::Succeeds,
        };
        found.insert(task.code, one);
    }
    found
}
