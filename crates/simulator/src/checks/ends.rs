//! Promise (iv): how each workflow has to end, from its graph and what its tasks were told to do, computed without the engine.

use super::{Ledger, Promise};
use crate::scenario::{Flow, Scenario, Script};
use crate::store::Tables;
use orca_engine::codes::{AlertType, ExecutionType, FailureStrategy, TaskState, WorkflowState};
use orca_engine::logic::dependent::DependentParameters;
use orca_engine::logic::sub_workflow::definition_code;
use orca_engine::model::{DefinitionSnapshot, TaskDefinition};
use orca_engine::time::Millis;
use std::collections::BTreeMap;

/// How one task has to end when nothing is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Succeeds,
    Fails,
    /// Its time-out ends it.
    TimesOut,
    /// A task before it fails.
    NotReached,
}

/// Looks at every workflow at the end of a run.
pub fn ends(scenario: &Scenario, tables: &Tables, now_ms: u64, ledger: &mut Ledger) {
    for flow in &scenario.flows {
        if let Err(text) = check(scenario, flow, tables) {
            ledger.violation(
                Promise::NothingLost,
                now_ms,
                format!("workflow {}: {text}", flow.instance.id),
            );
        }
    }
    if !ledger.has_violations() {
        super::queues::leftovers(tables, now_ms, ledger);
        time_outs(scenario, tables, now_ms, ledger);
    }
    for reason in &tables.error_commands {
        ledger.violation(
            Promise::NothingLost,
            now_ms,
            format!("a command was given up: {reason}"),
        );
    }
}

fn check(scenario: &Scenario, flow: &Flow, tables: &Tables) -> Result<(), String> {
    let id = flow.instance.id;
    let row = tables.instances.get(&id).ok_or("it has no row")?;
    if !row.state.is_final() {
        return Err(format!("it is still {}, owned by {:?}", row.state, row.host));
    }
    let expected = expected(scenario, &flow.definition, &flow.scripts);
    let any = |wanted: Expected| expected.values().any(|one| *one == wanted);
    let (fails, times_out) = (any(Expected::Fails), any(Expected::TimesOut));
    // One that has to give way may never have begun.
    let gives_way = matches!(
        flow.serial,
        Some(ExecutionType::SerialDiscard | ExecutionType::SerialPriority)
    );
    let may_stop = flow.stop_at_ms.is_some() || gives_way;
    // A stop may come at any time before the end, the failure strategy END may stop any task that is not through.
    let ends_early = fails && flow.instance.failure_strategy == FailureStrategy::End;
    let is_exact = !(may_stop || ends_early);
    let wanted = if fails {
        WorkflowState::Failure
    } else if times_out {
        WorkflowState::Stop
    } else {
        WorkflowState::Success
    };
    if !may_stop && row.state != wanted {
        return Err(format!("it ended {} instead of {wanted}", row.state));
    }
    if may_stop && row.state != wanted && row.state != WorkflowState::Stop && !fails {
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
        (Expected::TimesOut, [state]) => *state == TaskState::Kill,
        (Expected::NotReached, [_]) => false,
        (Expected::NotReached, []) => true,
        (Expected::Succeeds | Expected::Fails | Expected::TimesOut, []) => !is_exact,
    };
    if fits {
        Ok(())
    } else {
        Err(format!("task {code} should be {expected:?} and has {states:?}"))
    }
}

fn expected(
    scenario: &Scenario,
    definition: &DefinitionSnapshot,
    scripts: &BTreeMap<i64, Script>,
) -> BTreeMap<i64, Expected> {
    let mut found: BTreeMap<i64, Expected> = BTreeMap::new();
    // Codes rise along the edges.
    for task in &definition.tasks {
        let before = definition
            .relations
            .iter()
            .filter(|(from, to)| *to == task.code && *from != 0);
        let reached = before
            .clone()
            .all(|(from, _)| found.get(from) == Some(&Expected::Succeeds));
        let one = if reached {
            outcome(scenario, task, scripts.get(&task.code))
        } else {
            Expected::NotReached
        };
        found.insert(task.code, one);
    }
    found
}

/// Of a task that is reached.
fn outcome(scenario: &Scenario, task: &TaskDefinition, script: Option<&Script>) -> Expected {
    let of_run = |definition: &DefinitionSnapshot, scripts: &BTreeMap<i64, Script>| {
        let ends = expected(scenario, definition, scripts);
        let bad = |one: &Expected| matches!(one, Expected::Fails | Expected::TimesOut);
        if ends.values().any(bad) {
            Expected::Fails
        } else {
            Expected::Succeeds
        }
    };
    let params = task.task_params.as_deref();
    let child = definition_code(params).ok();
    if let Some(child) = child.and_then(|code| scenario.features.children.get(&code)) {
        return of_run(&child.definition, &child.scripts);
    }
    let awaited = DependentParameters::parse(params)
        .ok()
        .and_then(|parameters| parameters.items().next().map(|item| item.definition_code));
    let mut flows = scenario.flows.iter();
    if let Some(flow) = flows.find(|flow| Some(flow.definition.workflow.code) == awaited) {
        return of_run(&flow.definition, &flow.scripts);
    }
    match script {
        Some(script) if script.is_endless => Expected::TimesOut,
        Some(script) if script.fails > task.fail_retry_times => Expected::Fails,
        _ => Expected::Succeeds,
    }
}

/// A workflow that has run for long beyond its time-out has told so, if anybody is to be told.
fn time_outs(scenario: &Scenario, tables: &Tables, now_ms: u64, ledger: &mut Ledger) {
    // Longer than everybody may be dead or cut off.
    const PATIENCE_MINUTES: i32 = 5;
    for flow in &scenario.flows {
        let id = flow.instance.id;
        let (Some(row), Some(owned)) = (tables.instances.get(&id), tables.owned.get(&id)) else {
            continue;
        };
        let due =
            Millis(owned.timeout_base).plus_minutes(i64::from(flow.instance.timeout + PATIENCE_MINUTES));
        let is_late = row.end_time.is_some_and(|end| end.since(due) > 0);
        let is_told = tables.alerts.iter().any(|alert| {
            alert.workflow_instance_id == id && alert.alert_type == AlertType::WorkflowInstanceTimeout
        });
        if flow.instance.timeout > 0 && is_late && !is_told {
            let text = format!("workflow {id} has run out of time, and nobody was told");
            ledger.violation(Promise::TimeOuts, now_ms, text);
        }
    }
}
