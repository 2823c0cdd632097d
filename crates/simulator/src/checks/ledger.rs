//! What the checkers remember of a run.

use super::{Promise, Violation};
use crate::master::Master;
use crate::store::{Changes, Client, Output};
use orca_engine::codes::TaskState;
use orca_engine::time::Millis;
use orca_engine::workflow::Timer;
use std::collections::BTreeMap;

/// One acceptance of one attempt by one executor.
#[derive(Clone, Debug)]
pub(super) struct Execution {
    pub(super) task_instance_id: i32,
    /// Workflow instance and task code.
    pub(super) task: (i32, i64),
    pub(super) worker: usize,
    pub(super) life: u32,
    pub(super) end: End,
    /// Its worker has been out of the registry since.
    pub(super) unregistered: bool,
    /// It was superseded already when it was accepted.
    pub(super) is_late: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    None,
    Succeeded,
    Failed,
    Killed,
    /// With its worker.
    Died,
}

#[derive(Default)]
pub struct Ledger {
    pub(super) executions: Vec<Execution>,
    /// Who owns an instance by the commits alone: the client and the epoch of its claim.
    owners: BTreeMap<i32, Option<(Client, i64)>>,
    /// The last committed state of each attempt.
    states: BTreeMap<i32, TaskState>,
    /// Attempts that hold a slot of a task group, with the group.
    pub(super) holding: BTreeMap<i32, i32>,
    /// Until when each master may act.
    pub(super) leases: BTreeMap<usize, u64>,
    /// When each time-out was due at first.
    pub(super) due: BTreeMap<(i32, Timer), Millis>,
    /// Children that were looked at.
    pub(super) children: usize,
    violations: Vec<Violation>,
    pub moved: u64,
    pub restarted: u64,
    pub windows: u64,
}

impl Ledger {
    pub fn violation(&mut self, promise: Promise, at_ms: u64, text: String) {
        self.violations.push(Violation { promise, at_ms, text });
    }

    #[must_use]
    pub fn has_violations(&self) -> bool {
        !self.violations.is_empty()
    }

    #[must_use]
    pub fn into_violations(self) -> Vec<Violation> {
        self.violations
    }

    #[must_use]
    pub fn attempts(&self) -> u64 {
        self.executions.len() as u64
    }

    pub fn worker_died(&mut self, worker: usize, life: u32) {
        for one in &mut self.executions {
            if (one.worker, one.life) == (worker, life) && one.end == End::None {
                one.end = End::Died;
            }
            // What it had not told is lost with it.
            if (one.worker, one.life) == (worker, life) {
                one.unregistered = true;
            }
        }
    }

    pub fn unregistered(&mut self, worker: usize) {
        for one in self.executions.iter_mut().filter(|one| one.worker == worker) {
            one.unregistered = true;
        }
    }

    /// One committed transaction.
    pub fn committed(
        &mut self,
        client: Client,
        changes: &Changes,
        output: &Output,
        masters: &[Master],
        now_ms: u64,
    ) {
        match output {
            Output::Claimed(_) => {
                for (id, row) in &changes.owned {
                    self.owners.insert(*id, Some((client, row.epoch)));
                }
            }
            Output::Moved(moved) => {
                self.moved += moved.len() as u64;
                for one in moved {
                    self.owners.insert(one.workflow_instance_id, None);
                }
            }
            Output::Steps(_) => self.step_committed(client, changes, masters, now_ms),
            Output::Registered(_) | Output::Done | Output::Granted(_) | Output::Settled(_) => {}
        }
        self.states_change(changes, now_ms);
    }

    fn step_committed(&mut self, client: Client, changes: &Changes, masters: &[Master], now_ms: u64) {
        for (id, row) in &changes.owned {
            let owner = self.owners.get(id).copied().flatten();
            if owner != Some((client, row.epoch)) {
                let name = &masters[client.0].address;
                let text = format!(
                    "{name} writes to workflow {id} with epoch {}, its owner is {owner:?}",
                    row.epoch
                );
                self.violation(Promise::OwnerWrites, now_ms, text);
            }
        }
    }

    /// An attempt that has ended stays as it is.
    fn states_change(&mut self, changes: &Changes, now_ms: u64) {
        for (id, row) in &changes.tasks {
            let before = self.states.insert(*id, row.state);
            let may_follow = match before {
                Some(TaskState::Success | TaskState::Kill) => before == Some(row.state),
                // A retry that was to come is given up.
                Some(TaskState::Failure) => {
                    matches!(row.state, TaskState::Failure | TaskState::Kill | TaskState::Pause)
                }
                _ => true,
            };
            if !may_follow {
                let text = format!("task instance {id} was {before:?} and becomes {:?}", row.state);
                self.violation(Promise::FinishedOnce, now_ms, text);
            }
        }
    }
}
