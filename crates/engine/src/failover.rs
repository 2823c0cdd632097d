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

/// The last dead epoch behind the fence. It was judged before; a life that had its row then, and not yet its node, is seen by a second look: what that one has
/// claimed is its own until it notices that it may claim no more and gives up its place. What no second look sees has claimed nothing, and never will.
#[must_use]
pub const fn fenced_dead_epoch(judged: i64, second_look: Option<i64>) -> Option<i64> {
    match second_look {
        Some(epoch) if epoch < judged => Some(epoch),
        Some(_) => Some(judged),
        None => None,
    }
}

/// What a Java master needs to end itself once it has noticed that its session is over.
const JAVA_EXIT_MS: u64 = 5_000;

/// How long a lost Java server may go on writing and working after its node has gone. Its client notices silence after two thirds of the session time-out,
/// and gives the session up a whole time-out later; the registry has removed the node by then for two thirds of a time-out. Java waits a fixed time, which is
/// too short for sessions of more than 45 s.
#[must_use]
pub const fn java_grace_ms(configured_ms: u64, session_timeout_ms: u64) -> u64 {
    let least = session_timeout_ms / 3 * 2 + JAVA_EXIT_MS;
    if configured_ms > least {
        configured_ms
    } else {
        least
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
    fn a_life_that_came_up_under_the_fence_keeps_what_it_has() {
        let look = |is_registered| dead_epoch(7, is_registered);
        assert_eq!(fenced_dead_epoch(7, look(false)), Some(7));
        assert_eq!(fenced_dead_epoch(7, look(true)), Some(6));
        assert_eq!(fenced_dead_epoch(7, dead_epoch(8, false)), Some(7), "not fenced");
        assert_eq!(
            fenced_dead_epoch(0, dead_epoch(0, true)),
            None,
            "a Java master came"
        );
    }

    #[test]
    fn a_lost_java_server_has_time_to_end_itself_whatever_its_session() {
        assert_eq!(java_grace_ms(30_000, 10_000), 30_000, "as Java waits");
        assert_eq!(java_grace_ms(30_000, 60_000), 45_000);
        assert_eq!(java_grace_ms(30_000, 90_000), 65_000);
        assert_eq!(java_grace_ms(1_000, 9_000), 11_000, "it cannot be set too short");
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
