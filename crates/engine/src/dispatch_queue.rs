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
