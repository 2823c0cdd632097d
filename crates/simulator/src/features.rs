//! What a run has beyond plain workflows on workers. Drawn from a stream of its own, so that the plain part of a seed stays what it was.

use crate::chance::Chance;
use crate::scenario::{Flow, Scenario, Script};
use orca_engine::codes::{ExecutionType, TaskTimeoutStrategy, TimeoutFlag, WorkflowState};
use orca_engine::logic::LogicType;
use orca_engine::model::DefinitionSnapshot;
use std::collections::BTreeMap;
use std::sync::Arc;

const STREAM: u64 = 0x6f72_6361_2d66_6561;
/// Nothing but its time-out ends such a task while the run lasts.
const ENDLESS_MS: u64 = 10 * 3_600_000;

#[derive(Clone, Debug, Default)]
pub struct Features {
    /// The network delivers calls twice.
    pub duplicates: bool,
    /// Task groups with their sizes.
    pub groups: BTreeMap<i32, i32>,
    /// A definition whose runs take turns.
    pub serial: Option<(i64, ExecutionType)>,
    /// Time-outs are watched.
    pub time_outs: bool,
    /// Some tasks wait for other workflows of the same day.
    pub dependents: bool,
    /// Some tasks run inside the master.
    pub inside: bool,
    /// Definitions that run as children alone.
    pub children: BTreeMap<i64, Child>,
}

/// What a SUB_WORKFLOW task starts.
#[derive(Clone, Debug)]
pub struct Child {
    pub definition: Arc<DefinitionSnapshot>,
    pub scripts: BTreeMap<i64, Script>,
}

impl Features {
    /// Whether what is looked at goes by wall clocks.
    #[must_use]
    pub const fn needs_clocks(&self) -> bool {
        self.time_outs || self.dependents
    }

    /// Whether a coordinator has anything to do.
    #[must_use]
    pub fn has_queues(&self) -> bool {
        !self.groups.is_empty() || self.serial.is_some()
    }
}

/// Each feature is in some of the seeds, alone and beside the others.
pub fn add(scenario: &mut Scenario, seed: u64) {
    let mut chance = Chance::new(seed ^ STREAM);
    let chance = &mut chance;
    scenario.features.duplicates = chance.one_in(3);
    if chance.one_in(3) {
        serial(scenario, chance);
    }
    if chance.one_in(3) {
        groups(scenario, chance);
    }
    if chance.one_in(3) {
        inside(scenario, chance);
    }
    if chance.one_in(3) {
        time_outs(scenario, chance);
    }
    if chance.one_in(3) {
        children(scenario, chance);
    }
    if chance.one_in(3) {
        dependents(scenario, chance);
    }
}

/// The first workflows become runs of one definition.
fn serial(scenario: &mut Scenario, chance: &mut Chance) {
    let strategy = [
        ExecutionType::SerialWait,
        ExecutionType::SerialDiscard,
        ExecutionType::SerialPriority,
    ][chance.index(3)];
    let Some(first) = scenario.flows.first().cloned() else {
        return;
    };
    let mut definition = (*first.definition).clone();
    definition.workflow.execution_type = strategy;
    let definition = Arc::new(definition);
    let len = scenario.flows.len().min(2 + chance.index(3));
    for flow in &mut scenario.flows[..len] {
        flow.definition = definition.clone();
        flow.scripts = first.scripts.clone();
        flow.instance.workflow_definition_code = definition.workflow.code;
        flow.instance.state = WorkflowState::SerialWait;
        flow.serial = Some(strategy);
        // A burst, so that they meet.
        flow.starts_at_ms = flow.starts_at_ms.min(scenario.trouble_until_ms / 4);
    }
    scenario.features.serial = Some((definition.workflow.code, strategy));
}

/// Runs the same change on every definition, and once on one that several flows share.
fn each_definition(flows: &mut [Flow], mut change: impl FnMut(&mut Flow)) {
    let mut done: BTreeMap<i64, Flow> = BTreeMap::new();
    for flow in flows {
        let code = flow.definition.workflow.code;
        match done.get(&code) {
            Some(other) => {
                flow.definition = other.definition.clone();
                flow.scripts = other.scripts.clone();
            }
            None => {
                change(flow);
                done.insert(code, flow.clone());
            }
        }
    }
}

fn groups(scenario: &mut Scenario, chance: &mut Chance) {
    let len = i32::try_from(chance.between(1, 2)).unwrap_or(1);
    for id in 1..=len {
        let size = i32::try_from(chance.between(1, 2)).unwrap_or(1);
        scenario.features.groups.insert(id, size);
    }
    each_definition(&mut scenario.flows, |flow| {
        let mut definition = (*flow.definition).clone();
        for task in &mut definition.tasks {
            if !chance.one_in(2) {
                continue;
            }
            task.task_group_id = i32::try_from(chance.below(2)).unwrap_or(0) % len + 1;
            task.task_group_priority = i32::try_from(chance.below(3)).unwrap_or(0);
        }
        flow.definition = Arc::new(definition);
    });
}

fn inside(scenario: &mut Scenario, chance: &mut Chance) {
    scenario.features.inside = true;
    each_definition(&mut scenario.flows, |flow| {
        let mut definition = (*flow.definition).clone();
        for task in &mut definition.tasks {
            if !chance.one_in(3) {
                continue;
            }
            LogicType::Fake.name().clone_into(&mut task.task_type);
        }
        flow.definition = Arc::new(definition);
    });
}

/// Some tasks start another workflow, which is like those of the run and has a definition of its own.
fn children(scenario: &mut Scenario, chance: &mut Chance) {
    let mut found = BTreeMap::new();
    each_definition(&mut scenario.flows, |flow| {
        let mut definition = (*flow.definition).clone();
        for task in &mut definition.tasks {
            if !chance.one_in(3) {
                continue;
            }
            // Codes of workflows are thousands, those of their tasks follow them.
            let code = task.code * 1_000;
            let mut child = crate::scenario::flow(chance, 0, 10_000);
            let base = child.definition.workflow.code;
            let mut snapshot = (*child.definition).clone();
            let moved = |one: i64| if one == 0 { 0 } else { one - base + code };
            snapshot.workflow.code = code;
            snapshot.workflow.name = format!("child-{code}");
            for task in &mut snapshot.tasks {
                task.code = moved(task.code);
                task.name = format!("task-{}", task.code);
            }
            for (from, to) in &mut snapshot.relations {
                (*from, *to) = (moved(*from), moved(*to));
            }
            let scripts = std::mem::take(&mut child.scripts);
            let scripts = scripts.into_iter().map(|(one, script)| (moved(one), script));
            found.insert(
                code,
                Child {
                    definition: Arc::new(snapshot),
                    scripts: scripts.collect(),
                },
            );
            LogicType::SubWorkflow.name().clone_into(&mut task.task_type);
            task.task_params = Some(format!(r#"{{"workflowDefinitionCode":{code}}}"#));
            (task.fail_retry_times, task.timeout) = (0, 0);
            task.timeout_notify_strategy = None;
            flow.scripts.remove(&task.code);
        }
        flow.definition = Arc::new(definition);
    });
    scenario.features.children = found;
}

/// Tasks that wait for a workflow before their own, which nobody stops.
fn dependents(scenario: &mut Scenario, chance: &mut Chance) {
    scenario.features.dependents = true;
    let mut before: Vec<i64> = Vec::new();
    for flow in &mut scenario.flows {
        let code = flow.definition.workflow.code;
        if flow.serial.is_some() {
            continue;
        }
        let mut definition = (*flow.definition).clone();
        for task in &mut definition.tasks {
            let is_plain = task.task_type == "SHELL" && !flow.scripts[&task.code].is_endless;
            if !is_plain || before.is_empty() || !chance.one_in(3) {
                continue;
            }
            let other = before[chance.index(before.len())];
            LogicType::Dependent.name().clone_into(&mut task.task_type);
            task.task_params = Some(format!(
                r#"{{"dependence":{{"relation":"AND","dependTaskList":[{{"relation":"AND","dependItemList":[{{"projectCode":9,"definitionCode":{other},"depTaskCode":0,"cycle":"day","dateValue":"today"}}]}}]}}}}"#
            ));
            // One that waits with a slot could wait for one that needs the slot.
            task.task_group_id = 0;
            (task.fail_retry_times, task.timeout) = (0, 0);
            task.timeout_notify_strategy = None;
        }
        flow.definition = Arc::new(definition);
        if flow.stop_at_ms.is_none() {
            before.push(code);
        }
    }
}

/// Tasks that nothing else ends, and a time-out of the workflow that only warns.
fn time_outs(scenario: &mut Scenario, chance: &mut Chance) {
    scenario.features.time_outs = true;
    each_definition(&mut scenario.flows, |flow| {
        let mut definition = (*flow.definition).clone();
        for task in &mut definition.tasks {
            if !chance.one_in(3) {
                continue;
            }
            let kind = chance.index(3);
            task.timeout_flag = TimeoutFlag::Open;
            task.timeout = i32::try_from(chance.between(1, 3)).unwrap_or(1);
            task.timeout_notify_strategy = Some(
                [
                    TaskTimeoutStrategy::Failed,
                    TaskTimeoutStrategy::WarnFailed,
                    TaskTimeoutStrategy::Warn,
                ][kind],
            );
            if let Some(script) = flow.scripts.get_mut(&task.code).filter(|_| kind < 2) {
                (script.duration_ms, script.fails, script.is_endless) = (ENDLESS_MS, 0, true);
            }
        }
        flow.definition = Arc::new(definition);
    });
    for flow in &mut scenario.flows {
        if chance.one_in(2) {
            flow.instance.timeout = i32::try_from(chance.between(1, 2)).unwrap_or(1);
            flow.instance.warning_group_id = Some(1);
        }
    }
}
