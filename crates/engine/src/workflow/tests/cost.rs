//! Cost grows with what an event touches, not with the workflow.

use super::kit;
use crate::workflow::{Event, ExecutorEventKind, WorkflowMachine};

/// 5,000 tasks in layers of 50, each with two predecessors in the layer before.
fn layers() -> crate::model::DefinitionSnapshot {
    let (width, count) = (50, 5_000);
    let tasks = (1..=count)
        .map(|code| kit::task(code, &format!("T{code:05}")))
        .collect();
    let edges: Vec<(i64, i64)> = (width + 1..=count)
        .flat_map(|code| {
            let (layer, place) = ((code - 1) / width, (code - 1) % width);
            let before = |place: i64| (layer - 1) * width + place % width + 1;
            [(before(place), code), (before(place + 1), code)]
        })
        .collect();
    kit::definition(tasks, &edges)
}

/// Nodes that steps copied, in a whole run with one event per step.
fn copied_nodes(machine: &mut WorkflowMachine) -> usize {
    let (mut copied, mut next_id) = (0, 0);
    let mut open = vec![Event::Started];
    while let Some(event) = open.pop() {
        let step = machine.decide(std::slice::from_ref(&event), kit::START);
        assert!(step.refused.is_empty(), "{:?}", step.refused);
        copied += step.delta.nodes.len();
        let inserted = step.delta.inserted.clone();
        let ids: Vec<i32> = inserted
            .iter()
            .map(|_| {
                next_id += 1;
                next_id
            })
            .collect();
        machine.apply(step, &ids);
        for id in ids {
            let host = "w1:1234".to_owned();
            let end = ExecutorEventKind::Succeeded {
                end_time: kit::START,
                var_pool: Vec::new(),
            };
            open.push(kit::report(id, "w1:1234", end));
            open.push(Event::WorkerChosen {
                task_instance_id: id,
                host,
            });
        }
    }
    copied
}

#[test]
fn a_run_touches_each_task_and_edge_a_bounded_number_of_times() {
    let definition = layers();
    let (tasks, edges) = (definition.tasks.len(), definition.relations.len());
    let mut machine = kit::machine(definition, kit::instance(), Vec::new());
    let copied = copied_nodes(&mut machine);
    assert!(machine.is_retired());
    crate::invariants::check(&machine);
    assert!(
        copied <= 3 * tasks + 2 * edges,
        "{copied} copies for {tasks} tasks and {edges} edges"
    );
}

#[test]
fn a_long_chain_of_forbidden_tasks_is_passed_in_one_step() {
    let mut tasks: Vec<_> = (1..=5_000)
        .map(|code| kit::task(code, &format!("T{code}")))
        .collect();
    tasks
        .iter_mut()
        .for_each(|task| task.flag = crate::codes::Flag::No);
    let edges: Vec<(i64, i64)> = (1..5_000).map(|code| (code, code + 1)).collect();
    let mut machine = kit::machine(kit::definition(tasks, &edges), kit::instance(), Vec::new());
    let step = machine.decide(&[Event::Started], kit::START);
    machine.apply(step, &[]);
    assert!(machine.is_retired());
}
