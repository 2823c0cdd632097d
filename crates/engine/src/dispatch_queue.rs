//! The attempts of one worker group that wait for a worker.
//!
//! Guarantees: an attempt is never handed out before it is due; of those that are due the most urgent goes first, and one
//! in back-off holds up nobody. Each attempt is in the queue at most once, which also bounds the queue: it is never longer
//! than the attempts this master owns, so nothing has to be refused. Refuses to know workers and clocks.

use crate::codes::Priority;
use crate::time::Millis;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// How urgent an attempt is; the smaller rank goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Urgency {
    pub workflow_priority: Priority,
    pub task_priority: Priority,
    /// The larger goes first.
    pub task_group_priority: i32,
    pub first_submit_time: Millis,
}

/// An attempt and whatever its owner needs for dispatching it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<T> {
    pub task_instance_id: i32,
    pub urgency: Urgency,
    pub payload: T,
}

/// Order among due attempts.
type Rank = (Priority, Priority, Reverse<i32>, Millis, i32);

#[derive(Clone, Debug)]
struct Place<T> {
    due: Millis,
    ready: bool,
    entry: Entry<T>,
}

#[derive(Clone, Debug)]
pub struct DispatchQueue<T> {
    places: BTreeMap<i32, Place<T>>,
    /// Not yet due: by due time, then rank.
    waiting: BTreeMap<(Millis, Rank), i32>,
    /// Due: by rank.
    ready: BTreeMap<Rank, i32>,
}

impl<T> Default for DispatchQueue<T> {
    fn default() -> Self {
        Self {
            places: BTreeMap::new(),
            waiting: BTreeMap::new(),
            ready: BTreeMap::new(),
        }
    }
}

impl<T> DispatchQueue<T> {
    /// Queue an attempt, not to be handed out before `due`. An attempt that is queued already moves to the new place.
    pub fn push(&mut self, entry: Entry<T>, due: Millis) {
        let id = entry.task_instance_id;
        self.cancel(id);
        self.waiting.insert((due, entry.rank()), id);
        self.places.insert(
            id,
            Place {
                due,
                ready: false,
                entry,
            },
        );
    }

    /// Take an attempt out: it has been paused, killed or superseded.
    pub fn cancel(&mut self, task_instance_id: i32) -> Option<Entry<T>> {
        let place = self.places.remove(&task_instance_id)?;
        let rank = place.entry.rank();
        if place.ready {
            self.ready.remove(&rank);
        } else {
            self.waiting.remove(&(place.due, rank));
        }
        Some(place.entry)
    }

    /// The most urgent attempt that is due.
    pub fn pop_ready(&mut self, now: Millis) -> Option<Entry<T>> {
        self.promote(now);
        let (_, id) = self.ready.pop_first()?;
        self.places.remove(&id).map(|place| place.entry)
    }

    /// When the next call of `pop_ready` can succeed: a time that has come already while due attempts are left.
    #[must_use]
    pub fn next_due(&self) -> Option<Millis> {
        let ready = self
            .ready
            .values()
            .filter_map(|id| self.places.get(id))
            .map(|place| place.due)
            .next();
        ready.or_else(|| self.waiting.keys().next().map(|(due, _)| *due))
    }

    #[must_use]
    pub fn contains(&self, task_instance_id: i32) -> bool {
        self.places.contains_key(&task_instance_id)
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Every queued attempt with its due time, by id.
    pub fn entries(&self) -> impl Iterator<Item = (Millis, &Entry<T>)> {
        self.places.values().map(|place| (place.due, &place.entry))
    }

    fn promote(&mut self, now: Millis) {
        while let Some(first) = self.waiting.first_entry().filter(|first| first.key().0 <= now) {
            let ((_, rank), id) = first.remove_entry();
            self.ready.insert(rank, id);
            if let Some(place) = self.places.get_mut(&id) {
                place.ready = true;
            }
        }
    }
}

impl<T> Entry<T> {
    fn rank(&self) -> Rank {
        let Urgency {
            workflow_priority,
            task_priority,
            task_group_priority,
            first_submit_time,
        } = self.urgency;
        (
            workflow_priority,
            task_priority,
            Reverse(task_group_priority),
            first_submit_time,
            self.task_instance_id,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Priority::{High, Low, Medium};

    fn entry(id: i32, workflow: Priority, task: Priority, group: i32, submitted: i64) -> Entry<()> {
        let urgency = Urgency {
            workflow_priority: workflow,
            task_priority: task,
            task_group_priority: group,
            first_submit_time: Millis(submitted),
        };
        Entry {
            task_instance_id: id,
            urgency,
            payload: (),
        }
    }

    fn drain(queue: &mut DispatchQueue<()>, now: i64) -> Vec<i32> {
        std::iter::from_fn(|| queue.pop_ready(Millis(now)))
            .map(|entry| entry.task_instance_id)
            .collect()
    }

    #[test]
    fn the_most_urgent_goes_first() {
        let mut queue = DispatchQueue::default();
        for one in [
            entry(7, Low, High, 9, 1),
            entry(6, Medium, Medium, 0, 5),
            entry(5, Medium, Medium, 0, 4),
            entry(4, Medium, Medium, 0, 4),
            entry(3, Medium, Medium, 2, 9),
            entry(2, Medium, High, 0, 9),
            entry(1, High, Low, 0, 9),
        ] {
            queue.push(one, Millis(0));
        }
        assert_eq!(drain(&mut queue, 0), [1, 2, 3, 4, 5, 6, 7]);
        assert!(queue.is_empty());
    }

    #[test]
    fn one_in_back_off_holds_up_nobody() {
        let mut queue = DispatchQueue::default();
        queue.push(entry(1, High, High, 0, 0), Millis(60_000));
        queue.push(entry(2, Low, Low, 0, 0), Millis(1_000));
        assert_eq!(queue.next_due(), Some(Millis(1_000)));
        assert_eq!(drain(&mut queue, 999), Vec::<i32>::new());
        assert_eq!(drain(&mut queue, 1_000), [2]);
        assert_eq!(queue.next_due(), Some(Millis(60_000)));
        assert_eq!(drain(&mut queue, 60_000), [1]);
        assert_eq!(queue.next_due(), None);
    }

    #[test]
    fn what_is_left_of_the_due_ones_is_due_already() {
        let mut queue = DispatchQueue::default();
        queue.push(entry(1, High, High, 0, 0), Millis(5));
        queue.push(entry(2, Low, Low, 0, 0), Millis(3));
        queue.push(entry(3, Low, Low, 0, 0), Millis(99));
        assert_eq!(
            queue.pop_ready(Millis(10)).map(|entry| entry.task_instance_id),
            Some(1)
        );
        assert_eq!(queue.next_due(), Some(Millis(3)));
    }

    #[test]
    fn an_attempt_is_there_once_or_not_at_all() {
        let mut queue = DispatchQueue::default();
        queue.push(entry(1, High, High, 0, 0), Millis(0));
        queue.push(entry(1, Low, Low, 0, 0), Millis(50));
        assert_eq!((queue.len(), queue.next_due()), (1, Some(Millis(50))));
        queue.push(entry(2, Low, Low, 0, 0), Millis(0));
        queue.push(entry(3, Low, Low, 0, 0), Millis(0));
        assert!(queue.pop_ready(Millis(10)).is_some(), "2 is out, 3 is ready");
        assert!(queue.cancel(3).is_some() && queue.cancel(1).is_some() && queue.cancel(1).is_none());
        assert!(queue.is_empty() && !queue.contains(3));
        assert_eq!(drain(&mut queue, 1_000), Vec::<i32>::new());
    }

    proptest::proptest! {
        /// Against the plain reading of the rule: among the due, the smallest rank.
        #[test]
        fn same_as_looking_through_all(operations in proptest::collection::vec((0..4_u8, 0..12_i32, 0..5_i32, 0..30_i64), 0..60)) {
            let mut queue = DispatchQueue::default();
            let mut model: BTreeMap<i32, (Millis, Entry<()>)> = BTreeMap::new();
            let mut now = Millis(0);
            for (operation, id, level, time) in operations {
                match operation {
                    0 | 1 => {
                        let priority = Priority::try_from(level).unwrap();
                        let one = entry(id, priority, Priority::try_from(4 - level).unwrap(), level, time);
                        let due = now.plus(time);
                        queue.push(one.clone(), due);
                        model.insert(id, (due, one));
                    }
                    2 => {
                        proptest::prop_assert_eq!(queue.cancel(id).is_some(), model.remove(&id).is_some());
                    }
                    _ => {
                        now = now.plus(time);
                        let expected = model
                            .values()
                            .filter(|(due, _)| *due <= now)
                            .map(|(_, one)| one)
                            .min_by_key(|one| one.rank())
                            .map(|one| one.task_instance_id);
                        proptest::prop_assert_eq!(queue.pop_ready(now).map(|one| one.task_instance_id), expected);
                        if let Some(id) = expected {
                            model.remove(&id);
                        }
                    }
                }
                proptest::prop_assert_eq!(queue.len(), model.len());
                let can_pop = queue.next_due().is_some_and(|due| due <= now);
                proptest::prop_assert_eq!(can_pop, model.values().any(|(due, _)| *due <= now));
            }
        }
    }
}
