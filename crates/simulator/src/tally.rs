//! What was done and seen over many runs.

use crate::checks::Ledger;
use std::collections::BTreeMap;

#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub seeds: u64,
    pub virtual_ms: u64,
    pub happenings: u64,
    pub faults: BTreeMap<&'static str, u64>,
    /// Instances moved from a dead master.
    pub moved: u64,
    pub taken_over: u64,
    pub attempts: u64,
    /// New attempts beside an old one on a worker that had left the registry.
    pub restarted: u64,
    /// Java workers only: an old dispatch that arrived after its attempt was replaced.
    pub windows: u64,
}

impl Tally {
    pub fn fault(&mut self, kind: &'static str) {
        *self.faults.entry(kind).or_default() += 1;
    }

    pub fn take(&mut self, ledger: &Ledger) {
        self.moved += ledger.moved;
        self.attempts += ledger.attempts();
        self.restarted += ledger.restarted;
        self.windows += ledger.windows;
    }

    pub fn add(&mut self, other: &Self) {
        self.seeds += other.seeds;
        self.virtual_ms += other.virtual_ms;
        self.happenings += other.happenings;
        self.moved += other.moved;
        self.taken_over += other.taken_over;
        self.attempts += other.attempts;
        self.restarted += other.restarted;
        self.windows += other.windows;
        for (kind, count) in &other.faults {
            *self.faults.entry(kind).or_default() += count;
        }
    }
}
