//! Instances that nobody would ever run: how they are searched for, and what becomes of them.
//!
//! Guarantees: what becomes of one is decided by its row alone, so that every master that looks comes to the same end; one look costs a bounded number of rows,
//! however long the table is; what one look has found is acted on by the next one at the earliest, so that a claim or a move under way is left alone.

use crate::codes::WorkflowState;
use crate::limits::{ORPHAN_RECENT_LEN, ORPHAN_SUSPECTS_MAX, ORPHAN_WALK_LEN};
use std::collections::BTreeSet;

/// An instance that one look has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Suspect {
    pub workflow_instance_id: i32,
    /// Its epoch then, 0 without one. Another one later: somebody has taken it up meanwhile.
    pub epoch: i64,
    pub kind: SuspectKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SuspectKind {
    /// No command and no owner stands for it.
    Unrun,
    /// Its row names this master, where it does not run.
    Unheld,
}

/// Ids from `first` to `last`, both among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdRange {
    pub first: i32,
    pub last: i32,
}

/// Which part of the table each look reads, and what the look before has found.
#[derive(Clone, Debug, Default)]
pub struct Search {
    suspects: BTreeSet<Suspect>,
    /// The last id of the older instances that the walk has come to.
    walked_to: i32,
}

impl Search {
    /// What a look reads: the newest instances, in which nearly all that runs is found, and the next piece of a walk through all older ones.
    #[must_use]
    pub fn ranges(&self, newest_id: i32) -> Vec<IdRange> {
        let recent = IdRange {
            first: newest_id.saturating_sub(ORPHAN_RECENT_LEN - 1).max(1),
            last: newest_id,
        };
        let older = IdRange {
            first: self.walked_to.saturating_add(1),
            last: self
                .walked_to
                .saturating_add(ORPHAN_WALK_LEN)
                .min(recent.first - 1),
        };
        [older, recent]
            .into_iter()
            .filter(|range| range.first <= range.last)
            .collect()
    }

    /// Takes in what a look at `ranges` has found; the suspects of the look before, which are due now.
    pub fn look(
        &mut self,
        ranges: &[IdRange],
        found: impl IntoIterator<Item = Suspect>,
    ) -> BTreeSet<Suspect> {
        // A look without an older piece has come to the end of the walk.
        self.walked_to = match ranges {
            [older, _recent] => older.last,
            _ => 0,
        };
        let found = found.into_iter().take(ORPHAN_SUSPECTS_MAX).collect();
        std::mem::replace(&mut self.suspects, found)
    }
}

/// What is done with an instance that no command and no owner stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// A command takes it up again, as after a failover; it goes on in this state.
    TakeUp(WorkflowState),
    /// What it was to run is not known any more: it ends, and an operator is told why.
    GiveUp(&'static str),
}

/// Whether the row is an orphan when no command names it, and its fate. `None`: it is not.
#[must_use]
pub fn fate(state: WorkflowState, host: Option<&str>, state_history: Option<&str>) -> Option<Fate> {
    match state {
        // Its parameters and start nodes were in the command alone.
        WorkflowState::SubmittedSuccess => Some(Fate::GiveUp(
            "its command is gone, and with it what was to be run",
        )),
        WorkflowState::Failover => Some(Fate::TakeUp(state_before_failover(state_history))),
        WorkflowState::RunningExecution | WorkflowState::ReadyPause | WorkflowState::ReadyStop => {
            host.is_none_or(str::is_empty).then_some(Fate::TakeUp(state))
        }
        // A place in the serial queue stands for it.
        WorkflowState::SerialWait => None,
        WorkflowState::Pause | WorkflowState::Stop | WorkflowState::Failure | WorkflowState::Success => None,
    }
}

/// A move to FAILOVER leaves no line in the history, so the last one is the state before.
fn state_before_failover(history: Option<&str>) -> WorkflowState {
    let lines: Vec<serde_json::Value> = history
        .and_then(|history| serde_json::from_str(history).ok())
        .unwrap_or_default();
    match lines.last().and_then(|line| line["state"].as_str()) {
        Some("READY_STOP") => WorkflowState::ReadyStop,
        Some("READY_PAUSE") => WorkflowState::ReadyPause,
        Some(_) | None => WorkflowState::RunningExecution,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_never_claimed_is_given_up_and_what_ran_is_taken_up() {
        let fate = |state| fate(state, Some("10.0.0.1:5678"), None);
        assert!(matches!(
            fate(WorkflowState::SubmittedSuccess),
            Some(Fate::GiveUp(_))
        ));
        assert_eq!(
            fate(WorkflowState::Failover),
            Some(Fate::TakeUp(WorkflowState::RunningExecution))
        );
        for state in [
            WorkflowState::RunningExecution,
            WorkflowState::SerialWait,
            WorkflowState::Success,
            WorkflowState::Failure,
        ] {
            assert_eq!(fate(state), None, "{state}");
        }
    }

    #[test]
    fn without_an_owner_it_goes_on_in_its_state() {
        for host in [None, Some("")] {
            assert_eq!(
                fate(WorkflowState::ReadyStop, host, None),
                Some(Fate::TakeUp(WorkflowState::ReadyStop))
            );
        }
    }

    #[test]
    fn the_history_tells_what_a_failover_found() {
        let taken_up = |history| fate(WorkflowState::Failover, None, Some(history));
        let history = r#"[{"time":"2026-01-01 00:00:00","state":"RUNNING_EXECUTION","desc":"start"},{"time":"2026-01-01 00:00:01","state":"READY_STOP","desc":"stop"}]"#;
        assert_eq!(taken_up(history), Some(Fate::TakeUp(WorkflowState::ReadyStop)));
        assert_eq!(
            taken_up("no json"),
            Some(Fate::TakeUp(WorkflowState::RunningExecution))
        );
    }

    fn suspect(workflow_instance_id: i32) -> Suspect {
        Suspect {
            workflow_instance_id,
            epoch: 1,
            kind: SuspectKind::Unrun,
        }
    }

    #[test]
    fn a_suspect_is_due_one_look_later() {
        let mut search = Search::default();
        let ranges = search.ranges(10);
        assert!(search.look(&ranges, [suspect(3), suspect(4)]).is_empty());
        assert_eq!(
            search.look(&ranges, [suspect(4)]),
            BTreeSet::from([suspect(3), suspect(4)])
        );
        assert_eq!(search.look(&ranges, []), BTreeSet::from([suspect(4)]));
        assert!(search.look(&ranges, []).is_empty());
    }

    #[test]
    fn every_look_reads_the_newest_and_the_walk_comes_to_every_older_one() {
        let newest = ORPHAN_RECENT_LEN + 2 * ORPHAN_WALK_LEN + 7;
        let (mut search, mut next, mut looks) = (Search::default(), 1, 0);
        loop {
            let ranges = search.ranges(newest);
            let recent = ranges.last().unwrap();
            assert_eq!(
                (recent.last, recent.last - recent.first + 1),
                (newest, ORPHAN_RECENT_LEN)
            );
            looks += 1;
            search.look(&ranges, []);
            let [older, recent] = ranges[..] else { break };
            assert_eq!(older.first, next, "no id is left out");
            assert!(older.last - older.first < ORPHAN_WALK_LEN && older.last < recent.first);
            next = older.last + 1;
        }
        assert_eq!((next, looks), (newest - ORPHAN_RECENT_LEN + 1, 4));
        assert_eq!(search.ranges(newest)[0].first, 1, "and begins again");
    }

    #[test]
    fn an_empty_table_and_the_last_id_of_all_are_ranges_too() {
        assert!(Search::default().ranges(0).is_empty());
        let last = Search {
            walked_to: i32::MAX - ORPHAN_RECENT_LEN - 3,
            ..Search::default()
        };
        let ranges = last.ranges(i32::MAX);
        assert_eq!(ranges[0].last + 1, ranges[1].first);
        assert_eq!(ranges[1].last, i32::MAX);
    }

    #[test]
    fn what_is_too_much_for_one_look_waits_for_the_next() {
        let mut search = Search::default();
        search.look(&[], (1..=5_000).map(suspect));
        assert_eq!(search.look(&[], []).len(), ORPHAN_SUSPECTS_MAX);
    }
}
