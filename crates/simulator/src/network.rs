//! Who can reach whom, and how long a message takes.

use crate::chance::Chance;
use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    Master(usize),
    Worker(usize),
    Store,
    Registry,
}

#[derive(Debug, Default)]
pub struct Network {
    /// Cut links, with the time at which they heal.
    cut: BTreeMap<(End, End), u64>,
    /// Messages may take long, calls may break.
    pub troubled: bool,
}

fn pair(one: End, other: End) -> (End, End) {
    (one.min(other), one.max(other))
}

impl Network {
    pub fn cut(&mut self, one: End, other: End, until_ms: u64) {
        self.cut.insert(pair(one, other), until_ms);
    }

    /// When the cut link heals; `None` when it is whole.
    #[must_use]
    pub fn heals_at(&self, one: End, other: End, now_ms: u64) -> Option<u64> {
        self.cut
            .get(&pair(one, other))
            .copied()
            .filter(|until_ms| now_ms < *until_ms)
    }

    pub fn heal(&mut self) {
        self.cut.clear();
        self.troubled = false;
    }

    /// How long one message takes on a whole link.
    pub fn delay_ms(&self, chance: &mut Chance) -> u64 {
        if self.troubled && chance.one_in(60) {
            return chance.between(50, 4_000);
        }
        chance.between(1, 4)
    }
}
