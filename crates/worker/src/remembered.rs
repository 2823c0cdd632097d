//! A bounded memory of things that happened: at most so many, for at most so long, the oldest forgotten first.

use orca_engine::time::Tick;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

#[derive(Debug)]
pub(crate) struct Remembered<K, V> {
    entries: BTreeMap<K, (V, Tick)>,
    /// Insertions in order; one that was renewed since has a younger entry in the map and is skipped.
    order: VecDeque<(K, Tick)>,
    most: usize,
    for_ms: u64,
}

impl<K: Ord + Clone, V> Remembered<K, V> {
    #[must_use]
    pub(crate) fn new(most: usize, remembered_for: Duration) -> Self {
        let for_ms = u64::try_from(remembered_for.as_millis()).unwrap_or(u64::MAX);
        Self {
            entries: BTreeMap::new(),
            order: VecDeque::new(),
            most,
            for_ms,
        }
    }

    pub(crate) fn insert(&mut self, key: K, value: V, now: Tick) {
        self.entries.insert(key.clone(), (value, now));
        self.order.push_back((key, now));
        while let Some((oldest, inserted)) = self.order.front() {
            let is_due = self.order.len() > self.most || *inserted + self.for_ms <= now;
            if !is_due {
                break;
            }
            if self.entries.get(oldest).is_some_and(|(_, at)| at == inserted) {
                self.entries.remove(oldest);
            }
            self.order.pop_front();
        }
    }

    #[must_use]
    pub(crate) fn get(&self, key: &K, now: Tick) -> Option<&V> {
        self.entries
            .get(key)
            .filter(|(_, at)| now < *at + self.for_ms)
            .map(|(value, _)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_forgotten_after_its_time_even_when_nothing_else_is_inserted() {
        let mut memory = Remembered::new(10, Duration::from_millis(100));
        memory.insert(1, 'a', Tick(0));
        assert_eq!(memory.get(&1, Tick(99)), Some(&'a'));
        assert_eq!(memory.get(&1, Tick(100)), None);
    }

    #[test]
    fn the_oldest_goes_first_when_there_are_too_many() {
        let mut memory = Remembered::new(2, Duration::from_secs(1));
        for key in 1..=3 {
            memory.insert(key, key, Tick(key));
        }
        assert_eq!(memory.get(&1, Tick(3)), None);
        assert_eq!(memory.get(&2, Tick(3)), Some(&2));
        assert_eq!((memory.entries.len(), memory.order.len()), (2, 2));
    }

    #[test]
    fn a_renewed_entry_survives_its_first_insertion() {
        let mut memory = Remembered::new(2, Duration::from_secs(1));
        memory.insert(1, 'a', Tick(0));
        memory.insert(2, 'b', Tick(1));
        memory.insert(1, 'c', Tick(2));
        memory.insert(3, 'd', Tick(3));
        assert_eq!(memory.get(&1, Tick(3)), Some(&'c'));
        assert_eq!(memory.get(&2, Tick(3)), None);
    }
}
