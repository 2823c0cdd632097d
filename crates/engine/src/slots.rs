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
    /// and with them every overloaded cluster whose workflows wait for their sub-workflows; when all members are Orca the
    /// BUSY ones share the table instead.
    #[must_use]
    pub fn of(members: &[Member]) -> Self {
        let all_orca = members.iter().all(|member| member.runtime == Runtime::Orca);
        let mut addresses = with_status(members, ServerStatus::Normal);
        if addresses.is_empty() && all_orca {
            addresses = with_status(members, ServerStatus::Busy);
        }
        Self { addresses, all_orca }
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

fn with_status(members: &[Member], status: ServerStatus) -> Vec<String> {
    let mut addresses: Vec<String> = members
        .iter()
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
