//! Serial strategies: at most one instance of a definition version runs (`WorkflowSerialCoordinator`).

use crate::codes::ExecutionType;

/// One row of `t_ds_serial_command`, in the order of the ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queued {
    pub id: i32,
    pub workflow_instance_id: i32,
    pub state: SerialState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SerialState {
    Waiting,
    /// Its command has been inserted; the row goes when the instance ends.
    Launched,
}

/// What is to be done with one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SerialAction {
    /// Insert its command.
    Launch(Queued),
    /// The instance never runs: it becomes STOP, and its row goes.
    Discard(Queued),
    /// A later instance has priority: ask the owner of the running one to stop it.
    Stop(Queued),
}

/// What is to be done with the queue of one definition version. Nothing is launched while another instance of the version is launched: where the
/// reference goes by the place in the queue and may let two run, this goes by what runs.
#[must_use]
pub fn settle(strategy: ExecutionType, queue: &[Queued]) -> Vec<SerialAction> {
    let waiting = || {
        queue
            .iter()
            .copied()
            .filter(|row| row.state == SerialState::Waiting)
    };
    let is_running = queue.iter().any(|row| row.state == SerialState::Launched);
    match strategy {
        // The strategy of a version does not change; a row of a parallel one was left by an operator's hand.
        ExecutionType::Parallel => waiting().map(SerialAction::Launch).collect(),
        ExecutionType::SerialWait => {
            let next = waiting().next().filter(|_| !is_running);
            next.map(SerialAction::Launch).into_iter().collect()
        }
        ExecutionType::SerialDiscard => {
            let mut left = waiting();
            let next = if is_running { None } else { left.next() };
            next.map(SerialAction::Launch)
                .into_iter()
                .chain(left.map(SerialAction::Discard))
                .collect()
        }
        ExecutionType::SerialPriority => settle_by_priority(queue, is_running),
    }
}

/// The last one counts. What waits before it is discarded, what runs before it is stopped, and it runs when that has ended.
fn settle_by_priority(queue: &[Queued], is_running: bool) -> Vec<SerialAction> {
    let Some((last, earlier)) = queue.split_last() else {
        return Vec::new();
    };
    let mut actions: Vec<SerialAction> = earlier
        .iter()
        .map(|row| match row.state {
            SerialState::Waiting => SerialAction::Discard(*row),
            SerialState::Launched => SerialAction::Stop(*row),
        })
        .collect();
    if last.state == SerialState::Waiting && !is_running {
        actions.push(SerialAction::Launch(*last));
    }
    actions
}

/// Whether [`settle`] can have anything to do for a queue of so many rows of which so many are launched: asked of every queue at every look, so
/// that a thousand instances that wait cost one line of an answer.
#[must_use]
pub const fn needs_attention(strategy: ExecutionType, rows: i64, launched: i64) -> bool {
    match strategy {
        ExecutionType::Parallel => rows > launched,
        ExecutionType::SerialWait => launched == 0,
        ExecutionType::SerialDiscard => rows > launched,
        ExecutionType::SerialPriority => rows > 1 || launched == 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `w` waits, `L` is launched.
    fn queue(text: &str) -> Vec<Queued> {
        let row = |(index, letter)| Queued {
            id: i32::try_from(index).unwrap() + 1,
            workflow_instance_id: 100 + i32::try_from(index).unwrap(),
            state: if letter == 'L' {
                SerialState::Launched
            } else {
                SerialState::Waiting
            },
        };
        text.chars().enumerate().map(row).collect()
    }

    fn shown(strategy: ExecutionType, text: &str) -> String {
        let show = |action| match action {
            SerialAction::Launch(row) => format!("launch {}", row.id),
            SerialAction::Discard(row) => format!("discard {}", row.id),
            SerialAction::Stop(row) => format!("stop {}", row.id),
        };
        let actions: Vec<String> = settle(strategy, &queue(text)).into_iter().map(show).collect();
        actions.join(", ")
    }

    #[test]
    fn each_strategy_has_its_way() {
        use ExecutionType::*;
        for (strategy, text, expected) in [
            (SerialWait, "", ""),
            (SerialWait, "www", "launch 1"),
            (SerialWait, "Lww", ""),
            (SerialWait, "wL", ""),
            (SerialDiscard, "www", "launch 1, discard 2, discard 3"),
            (SerialDiscard, "Lw", "discard 2"),
            (SerialDiscard, "wL", "discard 1"),
            (SerialDiscard, "L", ""),
            (SerialPriority, "www", "discard 1, discard 2, launch 3"),
            (SerialPriority, "Lww", "stop 1, discard 2"),
            (SerialPriority, "LL", "stop 1"),
            (SerialPriority, "L", ""),
            (SerialPriority, "w", "launch 1"),
            (Parallel, "wLw", "launch 1, launch 3"),
        ] {
            assert_eq!(shown(strategy, text), expected, "{strategy:?} of {text:?}");
        }
    }

    fn any_strategy() -> impl Strategy<Value = ExecutionType> {
        prop_oneof![
            Just(ExecutionType::SerialWait),
            Just(ExecutionType::SerialDiscard),
            Just(ExecutionType::SerialPriority),
            Just(ExecutionType::Parallel),
        ]
    }

    proptest! {
        /// Whatever is triggered and ends in whatever order, never two run, and everything comes to an end.
        #[test]
        fn never_two_at_once(strategy in any_strategy(), triggers in proptest::collection::vec(0u8..3, 1..40)) {
            prop_assume!(strategy != ExecutionType::Parallel);
            let mut rows: Vec<Queued> = Vec::new();
            let mut next = 0;
            for trigger in triggers.into_iter().chain([2; 80]) {
                match trigger {
                    0 | 1 => {
                        next += 1;
                        rows.push(Queued { id: next, workflow_instance_id: next, state: SerialState::Waiting });
                    }
                    _ => rows.retain(|row| row.state == SerialState::Waiting),
                }
                for action in settle(strategy, &rows) {
                    match action {
                        SerialAction::Launch(one) => {
                            rows.iter_mut().filter(|row| row.id == one.id).for_each(|row| row.state = SerialState::Launched);
                        }
                        SerialAction::Discard(one) => rows.retain(|row| row.id != one.id),
                        SerialAction::Stop(_) => {}
                    }
                }
                let launched = rows.iter().filter(|row| row.state == SerialState::Launched).count();
                prop_assert!(launched <= 1);
            }
            prop_assert!(rows.is_empty());
        }

        /// A queue that is passed over has nothing to do.
        #[test]
        fn attention_is_enough(strategy in any_strategy(), text in "[wL]{0,6}") {
            let rows = queue(&text);
            let launched = rows.iter().filter(|row| row.state == SerialState::Launched).count();
            let (rows_len, launched) = (i64::try_from(rows.len()).unwrap(), i64::try_from(launched).unwrap());
            if !needs_attention(strategy, rows_len, launched) {
                prop_assert_eq!(settle(strategy, &rows), vec![]);
            }
        }
    }
}
