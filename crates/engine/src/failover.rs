//! Who takes up a death, and of which life the instances are that have to move.
//!
//! Guarantees: an incarnation that may be alive is never among the dead. What it refuses to know: locks, rows, and how anybody learned of a death. The
//! order of the survivors is a preference; the safety is the lock and the compare-and-set of each move.

use crate::fence::Incarnation;
use std::collections::BTreeSet;

/// How many ranks a survivor waits for before it takes up a death: its place in the order of the survivors.
#[must_use]
pub fn rank(order: &[String], own_name: &str) -> usize {
    let mut names: Vec<&str> = order.iter().map(String::as_str).collect();
    names.sort_unstable();
    names
        .iter()
        .position(|name| *name == own_name)
        .unwrap_or(names.len())
}

/// The last dead epoch at our own address: every life before this one.
#[must_use]
pub fn own_dead_epoch(own: &Incarnation, address: &str) -> Option<i64> {
    (*address == *own.address).then(|| own.epoch - 1)
}

/// The last dead epoch at another address, whose latest epoch is `latest` (0: no Orca master was ever there). A later life may be registered there already;
/// then it stays out of this. `None`: a living Java master, which moves the leftovers of its earlier life itself.
#[must_use]
pub const fn dead_epoch(latest: i64, is_registered: bool) -> Option<i64> {
    match (is_registered, latest) {
        (true, 0) => None,
        (true, latest) => Some(latest - 1),
        (false, latest) => Some(latest),
    }
}

/// Owners that rows name and the registry does not. The registry has to be read after the rows, so that a master that registers and claims meanwhile
/// is seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sweep {
    /// Found by the last look.
    missing: BTreeSet<String>,
}

impl Sweep {
    /// Takes in what one look has found, and says whose instances have to move now. The first look of a term acts at once, as a starting Java master does,
    /// and takes up what an earlier life of this master has left; later ones act on an owner that is missing twice in a row.
    pub fn look(
        &mut self,
        hosts: Vec<String>,
        registered: &[String],
        own_address: &str,
        is_first: bool,
    ) -> Vec<String> {
        let missing: BTreeSet<String> = hosts
            .into_iter()
            .filter(|host| host != own_address && !registered.contains(host))
            .collect();
        let mut act: Vec<String> = missing
            .iter()
            .filter(|owner| is_first || self.missing.contains(*owner))
            .cloned()
            .collect();
        if is_first {
            act.push(own_address.to_owned());
        }
        self.missing = missing;
        act
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn the_lowest_sequence_comes_first_and_a_stranger_last() {
        let order = names(&["m-3", "m-1", "m-2"]);
        assert_eq!(rank(&order, "m-1"), 0);
        assert_eq!(rank(&order, "m-3"), 2);
        assert_eq!(rank(&order, "m-9"), 3);
    }

    #[test]
    fn a_later_life_is_never_among_the_dead() {
        let own = Incarnation {
            address: Arc::from("a:1"),
            epoch: 4,
        };
        assert_eq!(own_dead_epoch(&own, "a:1"), Some(3));
        assert_eq!(own_dead_epoch(&own, "b:1"), None);
        assert_eq!(dead_epoch(7, false), Some(7));
        assert_eq!(dead_epoch(7, true), Some(6));
        assert_eq!(dead_epoch(0, true), None, "a living Java master");
        assert_eq!(dead_epoch(0, false), Some(0), "a dead Java master");
    }

    #[test]
    fn a_later_look_acts_on_an_owner_that_is_missing_twice() {
        let mut sweep = Sweep::default();
        let rows = || names(&["a:1", "b:1", "me:1"]);
        let registered = names(&["a:1", "me:1"]);
        assert_eq!(
            sweep.look(rows(), &registered, "me:1", true),
            names(&["b:1", "me:1"])
        );
        let mut sweep = Sweep::default();
        assert_eq!(sweep.look(rows(), &registered, "me:1", false), names(&[]));
        assert_eq!(sweep.look(rows(), &registered, "me:1", false), names(&["b:1"]));
        assert_eq!(
            sweep.look(rows(), &names(&["a:1", "b:1"]), "me:1", false),
            names(&[])
        );
        assert_eq!(
            sweep.look(rows(), &registered, "me:1", false),
            names(&[]),
            "it was back in between"
        );
    }
}
