//! Which share of the command table belongs to this master (`MasterSlotManager`).
//!
//! Guarantees: every master that sees the same members computes the same table, Java masters included. Refuses to know
//! how members are found, and makes no promise that two masters see the same members at the same moment: the claim is
//! the safety, the slot only keeps masters out of each other's way.

use crate::time::Tick;

/// How long a changed slot rests while a Java master is in the cluster: a Java master that loses the race for a command
/// sets the workflow to FAILURE, and it may go on reading our slot for two or three heartbeat notifications.
pub const SLOT_GRACE_MS: u64 = 3_000;

/// `ServerStatus` of a heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ServerStatus {
    Normal,
    Busy,
}

/// Which program runs a member. Orca says so in its heartbeat; whoever says nothing is Java.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Runtime {
    Java,
    Orca,
}

/// A registered master.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// `host:port` as the heartbeat says it.
    pub address: String,
    /// `None`: a status this version does not know, which counts as not NORMAL.
    pub status: Option<ServerStatus>,
    pub runtime: Runtime,
}

/// The share: commands whose `id % total == index`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Slot {
    pub index: u32,
    pub total: u32,
}

/// The masters that share the table, in slot order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SlotTable {
    addresses: Vec<String>,
    all_orca: bool,
}

impl SlotTable {
    /// The NORMAL members by address in byte order. When no member at all is NORMAL, Java masters stop reading commands,
    /// and with them every overloaded cluster whose workflows wait for their sub-workflows; the BUSY masters that are Orca
    /// share the table instead.
    #[must_use]
    pub fn of(members: &[Member]) -> Self {
        let is_orca = |member: &&Member| member.runtime == Runtime::Orca;
        let mut addresses = with_status(members.iter(), ServerStatus::Normal);
        if addresses.is_empty() {
            addresses = with_status(members.iter().filter(is_orca), ServerStatus::Busy);
        }
        Self {
            addresses,
            all_orca: members.iter().all(|member| is_orca(&member)),
        }
    }

    /// The slot of `own_address` among `members`, `None` when it has none.
    #[must_use]
    pub fn compute(members: &[Member], own_address: &str) -> Option<Slot> {
        Self::of(members).slot_of(own_address)
    }

    #[must_use]
    pub fn slot_of(&self, own_address: &str) -> Option<Slot> {
        let own = normalised(own_address);
        let index = self.addresses.iter().position(|address| *address == own)?;
        Some(Slot {
            index: u32::try_from(index).ok()?,
            total: u32::try_from(self.addresses.len()).ok()?,
        })
    }

    /// No member, counted or not, is a Java master.
    #[must_use]
    pub fn all_orca(&self) -> bool {
        self.all_orca
    }

    /// In slot order, without the brackets of IPv6 hosts.
    #[must_use]
    pub fn addresses(&self) -> &[String] {
        &self.addresses
    }
}

impl Slot {
    /// Whether a command belongs to this slot; `id_step` is `master.command-fetch-strategy.config.id-step`.
    #[must_use]
    pub fn owns(self, command_id: i32, id_step: i32) -> bool {
        let step = i64::from(id_step.max(1));
        (i64::from(command_id) / step).rem_euclid(i64::from(self.total.max(1))) == i64::from(self.index)
    }
}

/// Whether commands may be read: at once when all members are Orca, else when the slot has been the same for the grace.
#[must_use]
pub fn may_fetch(slot_changed_at: Tick, now: Tick, all_orca: bool) -> bool {
    all_orca || now.0.saturating_sub(slot_changed_at.0) >= SLOT_GRACE_MS
}

fn with_status<'a>(members: impl Iterator<Item = &'a Member>, status: ServerStatus) -> Vec<String> {
    let mut addresses: Vec<String> = members
        .filter(|member| member.status == Some(status))
        .map(|member| normalised(&member.address))
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

/// A Java master writes its IPv6 node name with brackets and its heartbeat without; the two are one address.
fn normalised(address: &str) -> String {
    address
        .chars()
        .filter(|letter| !matches!(letter, '[' | ']'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ServerStatus::{Busy, Normal};

    fn member(address: &str, status: Option<ServerStatus>, runtime: Runtime) -> Member {
        Member {
            address: address.to_owned(),
            status,
            runtime,
        }
    }

    fn orca(address: &str, status: ServerStatus) -> Member {
        member(address, Some(status), Runtime::Orca)
    }

    fn java(address: &str, status: ServerStatus) -> Member {
        member(address, Some(status), Runtime::Java)
    }

    fn slot(members: &[Member], own: &str) -> Option<(u32, u32)> {
        SlotTable::compute(members, own).map(|slot| (slot.index, slot.total))
    }

    #[test]
    fn normal_members_by_address_in_byte_order() {
        let members = [
            orca("10.0.0.2:5678", Normal),
            java("10.0.0.10:5678", Normal),
            java("10.0.0.1:5678", Busy),
            member("10.0.0.0:5678", None, Runtime::Java),
            orca("host-a:5678", Normal),
        ];
        assert_eq!(slot(&members, "10.0.0.10:5678"), Some((0, 3)));
        assert_eq!(slot(&members, "10.0.0.2:5678"), Some((1, 3)));
        assert_eq!(slot(&members, "host-a:5678"), Some((2, 3)));
        for without in ["10.0.0.1:5678", "10.0.0.0:5678", "10.0.0.3:5678", ""] {
            assert_eq!(slot(&members, without), None, "{without}");
        }
        assert_eq!(slot(&[], "a:1"), None);
    }

    #[test]
    fn busy_members_share_only_when_nobody_is_normal_and_java_ones_never() {
        let busy = [
            orca("b:1", Busy),
            orca("a:1", Busy),
            member("c:1", None, Runtime::Orca),
        ];
        assert_eq!(slot(&busy, "b:1"), Some((1, 2)));
        assert_eq!(slot(&busy, "c:1"), None);
        let mixed = [java("a:1", Busy), orca("b:1", Busy), orca("c:1", Busy)];
        assert_eq!(slot(&mixed, "a:1"), None, "a Java master reads nothing then");
        assert_eq!(slot(&mixed, "c:1"), Some((1, 2)));
        assert_eq!(slot(&[orca("a:1", Busy), java("b:1", Normal)], "a:1"), None);
        assert_eq!(slot(&[orca("a:1", Busy), orca("b:1", Normal)], "a:1"), None);
    }

    #[test]
    fn an_address_is_the_same_with_and_without_brackets() {
        let members = [java("fe80::1:5678", Normal), orca("[fe80::0]:5678", Normal)];
        assert_eq!(slot(&members, "[fe80::1]:5678"), Some((1, 2)));
        assert_eq!(slot(&members, "fe80::0:5678"), Some((0, 2)));
    }

    #[test]
    fn a_changed_slot_rests_while_a_java_master_is_there() {
        let at = Tick(10_000);
        assert!(may_fetch(at, at, true));
        assert!(!may_fetch(at, at, false));
        assert!(!may_fetch(at, at + (SLOT_GRACE_MS - 1), false));
        assert!(may_fetch(at, at + SLOT_GRACE_MS, false));
        assert!(
            !may_fetch(at, Tick(0), false),
            "a clock that is behind is no grace"
        );
        assert!(!SlotTable::of(&[java("a:1", Busy), orca("b:1", Normal)]).all_orca());
    }

    proptest::proptest! {
        /// Whatever the cluster, each command belongs to exactly one of the masters that have a slot.
        #[test]
        fn every_command_has_one_owner(
            normal in proptest::collection::btree_set("[a-z]{1,3}", 1..8),
            command_id: i32,
            id_step in 1..5_i32,
        ) {
            let members: Vec<Member> = normal.iter().map(|address| orca(address, Normal)).collect();
            let owners = normal
                .iter()
                .filter_map(|own| SlotTable::compute(&members, own))
                .filter(|slot| slot.owns(command_id, id_step))
                .count();
            proptest::prop_assert_eq!(owners, 1);
        }
    }
}
