//! How long instances are without a working owner: from the fault until they run under a new one. Pure.

use super::evidence::Micros;
use super::rows::OwnerRow;
use orca_engine::codes::WorkflowState;
use std::collections::BTreeMap;

struct Waiting {
    kind: String,
    since: Micros,
    epoch: i64,
    is_alone: bool,
}

/// One measured recovery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recovery {
    pub(crate) kind: String,
    pub(crate) took: Micros,
    /// No other fault was under way when this one began.
    pub(crate) is_alone: bool,
}

#[derive(Default)]
pub(crate) struct Recoveries {
    waiting: BTreeMap<i32, Waiting>,
    done: Vec<Recovery>,
}

impl Recoveries {
    /// These instances lose their owner now. One that waits already goes on waiting since its first fault.
    pub(crate) fn lost(&mut self, kind: &str, at: Micros, is_alone: bool, owned: &[OwnerRow]) {
        for row in owned {
            self.waiting.entry(row.id).or_insert_with(|| Waiting {
                kind: kind.to_owned(),
                since: at,
                epoch: row.epoch,
                is_alone,
            });
        }
    }

    pub(crate) fn waiting(&self) -> Vec<i32> {
        self.waiting.keys().copied().collect()
    }

    /// The rows as they are now.
    pub(crate) fn look(&mut self, owners: &[OwnerRow], at: Micros) {
        for row in owners {
            let state = WorkflowState::try_from(row.state);
            let is_final = state.as_ref().is_ok_and(|state| state.is_final());
            let has_moved = self
                .waiting
                .get(&row.id)
                .is_some_and(|waiting| row.epoch > waiting.epoch);
            let runs = matches!(
                state,
                Ok(WorkflowState::RunningExecution | WorkflowState::ReadyPause | WorkflowState::ReadyStop)
            );
            if !(is_final || has_moved && runs) {
                continue;
            }
            // One that ended under its old owner did not have to be recovered.
            if let Some(waiting) = self.waiting.remove(&row.id).filter(|_| has_moved) {
                self.done.push(Recovery {
                    kind: waiting.kind,
                    took: at - waiting.since,
                    is_alone: waiting.is_alone,
                });
            }
        }
    }

    pub(crate) fn done(&self) -> &[Recovery] {
        &self.done
    }
}

/// The value that `percent` of the sorted `values` do not exceed.
pub(crate) fn percentile(values: &[Micros], percent: usize) -> Micros {
    let rank = (values.len() * percent).div_ceil(100).max(1);
    values.get(rank - 1).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(epoch: i64, state: WorkflowState) -> [OwnerRow; 1] {
        [OwnerRow {
            id: 1,
            state: state.code(),
            epoch,
        }]
    }

    #[test]
    fn an_instance_has_recovered_when_it_runs_at_a_higher_epoch() {
        let mut recoveries = Recoveries::default();
        recoveries.lost("kill", 100, true, &owner(3, WorkflowState::RunningExecution));
        recoveries.lost("freeze", 200, false, &owner(3, WorkflowState::RunningExecution));
        recoveries.look(&owner(3, WorkflowState::RunningExecution), 300);
        recoveries.look(&owner(4, WorkflowState::Failover), 400);
        assert_eq!(recoveries.waiting(), [1]);
        recoveries.look(&owner(5, WorkflowState::RunningExecution), 500);
        assert!(recoveries.waiting().is_empty());
        let expected = Recovery {
            kind: "kill".to_owned(),
            took: 400,
            is_alone: true,
        };
        assert_eq!(recoveries.done(), [expected]);
    }

    #[test]
    fn an_instance_that_ended_under_its_old_owner_is_no_recovery() {
        let mut recoveries = Recoveries::default();
        recoveries.lost("kill", 100, true, &owner(3, WorkflowState::RunningExecution));
        recoveries.look(&owner(3, WorkflowState::Success), 300);
        assert!(recoveries.waiting().is_empty() && recoveries.done().is_empty());
    }

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let values: Vec<Micros> = (1..=10).collect();
        assert_eq!((percentile(&values, 50), percentile(&values, 99)), (5, 10));
        assert_eq!((percentile(&[7], 50), percentile(&[], 99)), (7, 0));
    }
}
