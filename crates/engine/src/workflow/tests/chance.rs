//! Any graph, any order of events: one end, and no task twice.

use super::kit;
use super::world::{Chance, Troubles, World};
use crate::codes::{FailureStrategy, Flag, TaskState, WorkflowState};
use crate::model::{DefinitionSnapshot, TaskDefinition};
use proptest::prelude::*;

/// A graph of up to `len` tasks; edges go from a task to later ones, so there is no cycle.
fn any_definition(chance: &mut Chance, len: usize) -> DefinitionSnapshot {
    let mut tasks: Vec<TaskDefinition> = Vec::new();
    let mut edges = Vec::new();
    for code in 1..=i64::try_from(chance.below(len) + 1).unwrap() {
        let mut task = kit::task(code, &format!("T{code}"));
        task.fail_retry_times = i32::try_from(chance.below(3)).unwrap();
        task.fail_retry_interval = i32::try_from(chance.below(2)).unwrap();
        if chance.one_in(8) {
            task.flag = Flag::No;
        }
        task.task_group_id = i32::from(chance.one_in(4));
        if chance.one_in(8) {
            task.timeout = 1;
            task.timeout_notify_strategy = Some(crate::codes::TaskTimeoutStrategy::Failed);
        }
        tasks.push(task);
        for before in 1..code {
            if chance.one_in(3) {
                edges.push((before, code));
            }
        }
    }
    kit::definition(tasks, &edges)
}

fn run(seed: u64, len: usize, troubles: Troubles) -> World {
    let mut chance = Chance::new(seed);
    let definition = any_definition(&mut chance, len);
    let mut instance = kit::instance();
    if chance.one_in(3) {
        instance.failure_strategy = FailureStrategy::End;
    }
    let mut world = World::new(definition, instance, troubles, seed.wrapping_mul(31));
    world.run();
    world
}

fn check_end(world: &World) {
    let state = world.machine.instance().state;
    assert!(state.is_final() && world.machine.counts().active == 0);
    assert!(world.slots.is_empty(), "every slot is given back");
    let valid: Vec<_> = world.rows.values().filter(|row| row.flag == Flag::Yes).collect();
    assert!(
        valid.iter().all(|row| row.state.is_finished()),
        "every valid row has ended: {valid:#?}"
    );
    let any = |state: TaskState| valid.iter().any(|row| row.state == state);
    match state {
        WorkflowState::Success => assert!(valid.iter().all(|row| row.state == TaskState::Success)),
        WorkflowState::Failure => assert!(any(TaskState::Failure)),
        WorkflowState::Stop => assert!(any(TaskState::Kill) || any(TaskState::Pause)),
        WorkflowState::Pause => assert!(any(TaskState::Pause)),
        other => panic!("{other} is no end"),
    }
}

const CALM: Troubles = Troubles {
    lost_calls: false,
    lost_workers: false,
    lost_masters: false,
    operators: false,
};

/// Worlds per test; the environment may ask for more.
fn cases() -> u32 {
    let asked = std::env::var_os("PROPTEST_CASES").and_then(|text| text.to_str()?.parse().ok());
    asked.unwrap_or(150)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_graph_comes_to_one_end(seed in any::<u64>()) {
        check_end(&run(seed, 12, CALM));
    }

    #[test]
    fn lost_calls_never_make_a_task_run_twice(seed in any::<u64>()) {
        check_end(&run(seed, 8, Troubles { lost_calls: true, ..CALM }));
    }

    #[test]
    fn lost_workers_cost_only_their_attempts(seed in any::<u64>()) {
        check_end(&run(seed, 8, Troubles { lost_calls: true, lost_workers: true, ..CALM }));
    }

    #[test]
    fn operators_end_it_at_any_time(seed in any::<u64>()) {
        check_end(&run(seed, 8, Troubles { lost_calls: true, operators: true, ..CALM }));
    }

    #[test]
    fn a_master_that_dies_anywhere_is_replaced(seed in any::<u64>()) {
        check_end(&run(seed, 8, Troubles { lost_calls: true, lost_masters: true, ..CALM }));
    }

    #[test]
    fn everything_at_once(seed in any::<u64>()) {
        let all = Troubles { lost_calls: true, lost_workers: true, lost_masters: true, operators: true };
        check_end(&run(seed, 10, all));
    }
}
