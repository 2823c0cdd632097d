//! The Quartz schedulers of Java masters: which of them have died with a trigger in their hands.
//!
//! A scheduler that lives writes a new check-in time every five seconds. It is watched for a change, not compared with a clock.

use crate::limits::QUARTZ_SILENCE_MAX_MS;
use crate::time::Tick;
use std::collections::BTreeMap;

/// A scheduler that holds triggers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Peer {
    pub instance_name: String,
    /// What its state row says; `None` without one.
    pub last_checkin: Option<i64>,
}

#[derive(Clone, Debug, Default)]
pub struct Peers {
    seen: BTreeMap<Peer, Tick>,
}

impl Peers {
    /// Takes in what the rows say now; those that have said nothing new for longer than any living scheduler.
    pub fn observe(&mut self, holders: Vec<Peer>, now: Tick) -> Vec<Peer> {
        let before = std::mem::take(&mut self.seen);
        for holder in holders {
            let since = before.get(&holder).copied().unwrap_or(now);
            self.seen.insert(holder, since);
        }
        let silent = self
            .seen
            .iter()
            .filter(|(_, since)| now.0.saturating_sub(since.0) >= QUARTZ_SILENCE_MAX_MS);
        silent.map(|(peer, _)| peer.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(last_checkin: Option<i64>) -> Vec<Peer> {
        vec![Peer {
            instance_name: "java-1".to_owned(),
            last_checkin,
        }]
    }

    #[test]
    fn only_silence_is_death() {
        let mut peers = Peers::default();
        for round in 0..10 {
            // It writes, whatever its clock says.
            let found = peers.observe(
                peer(Some(1_000 - round)),
                Tick(round.unsigned_abs() * QUARTZ_SILENCE_MAX_MS),
            );
            assert!(found.is_empty(), "{round}");
        }
        let last = 9 * QUARTZ_SILENCE_MAX_MS;
        assert!(
            peers
                .observe(peer(Some(991)), Tick(last + QUARTZ_SILENCE_MAX_MS - 1))
                .is_empty()
        );
        assert_eq!(
            peers.observe(peer(Some(991)), Tick(last + QUARTZ_SILENCE_MAX_MS)),
            peer(Some(991))
        );
    }

    #[test]
    fn one_that_lets_go_is_forgotten() {
        let mut peers = Peers::default();
        assert!(peers.observe(peer(None), Tick(0)).is_empty());
        assert!(peers.observe(Vec::new(), Tick(QUARTZ_SILENCE_MAX_MS)).is_empty());
        assert!(
            peers
                .observe(peer(None), Tick(2 * QUARTZ_SILENCE_MAX_MS))
                .is_empty()
        );
        assert_eq!(
            peers.observe(peer(None), Tick(3 * QUARTZ_SILENCE_MAX_MS)),
            peer(None)
        );
    }
}
