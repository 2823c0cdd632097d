//! Task groups and serial queues: never more holders of a group than its size, a slot is kept until its attempt is over, never two runs of a serial
//! definition at once.

use super::{Ledger, Promise};
use crate::scenario::Scenario;
use crate::store::Tables;
use orca_engine::codes::{Flag, WorkflowState};
use std::collections::BTreeMap;

impl Ledger {
    /// After every commit.
    pub fn look_at_queues(&mut self, scenario: &Scenario, tables: &Tables, now_ms: u64) {
        if !scenario.features.has_queues() {
            return;
        }
        self.look_at_groups(tables, now_ms);
        let Some((code, _)) = scenario.features.serial else {
            return;
        };
        let running: Vec<i32> = tables
            .instances
            .values()
            .filter(|row| row.workflow_definition_code == code && runs(row.state))
            .map(|row| row.id)
            .collect();
        if running.len() > 1 {
            let text = format!("the serial definition {code} has {running:?} running at once");
            self.violation(Promise::OneAtATime, now_ms, text);
        }
    }

    fn look_at_groups(&mut self, tables: &Tables, now_ms: u64) {
        let mut holders: BTreeMap<i32, i32> = BTreeMap::new();
        let mut holding = BTreeMap::new();
        for place in tables.places.values().filter(|place| place.has_slot) {
            *holders.entry(place.group_id).or_default() += 1;
            holding.insert(place.task_instance_id, place.group_id);
        }
        for (group, used) in holders {
            let size = tables.groups.get(&group).copied().unwrap_or(0);
            if used > size {
                let text = format!("{used} attempts hold a slot of task group {group} of size {size}");
                self.violation(Promise::Slots, now_ms, text);
            }
        }
        for (task, group) in std::mem::replace(&mut self.holding, holding.clone()) {
            let over = tables.tasks.get(&task).is_none_or(|row| {
                let instance = tables.instances.get(&row.workflow_instance_id);
                row.flag == Flag::No
                    || row.state.is_finished()
                    || instance.is_none_or(|row| row.state.is_final())
            });
            if !over && !holding.contains_key(&task) {
                let text =
                    format!("task instance {task} has lost its slot of task group {group} before its end");
                self.violation(Promise::Slots, now_ms, text);
            }
        }
    }

    /// An attempt of a limited task runs with its slot alone.
    pub(super) fn check_slot(&mut self, tables: &Tables, now_ms: u64, id: i32) {
        let Some(group) = tables
            .tasks
            .get(&id)
            .map(|row| row.task_group_id)
            .filter(|group| *group > 0)
        else {
            return;
        };
        let has_slot = tables
            .places
            .values()
            .any(|place| place.task_instance_id == id && place.has_slot);
        if !has_slot {
            let text = format!("task instance {id} runs without a slot of task group {group}");
            self.violation(Promise::Slots, now_ms, text);
        }
    }
}

/// When every workflow has ended, nobody holds or waits for anything.
pub(super) fn leftovers(tables: &Tables, now_ms: u64, ledger: &mut Ledger) {
    for place in tables.places.values() {
        ledger.violation(
            Promise::Slots,
            now_ms,
            format!("a place in a task group is left: {place:?}"),
        );
    }
    for turn in tables.turns.values() {
        let text = format!("a place in a serial queue is left: {turn:?}");
        ledger.violation(Promise::OneAtATime, now_ms, text);
    }
}

const fn runs(state: WorkflowState) -> bool {
    matches!(
        state,
        WorkflowState::RunningExecution
            | WorkflowState::ReadyPause
            | WorkflowState::ReadyStop
            | WorkflowState::Failover
    )
}
