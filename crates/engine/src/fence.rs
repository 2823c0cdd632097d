//! Who may write to an owned row. Every write to a workflow instance or its tasks carries a [`Fence`].

use std::sync::Arc;

/// One start of one master process. A master that restarts at the same address is another incarnation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Incarnation {
    /// `host:port`, the name of its registry node and the value of the `host` columns.
    pub address: Arc<str>,
    /// Raised by one at each start of a master at this address (`t_orca_master.epoch`).
    pub epoch: i64,
}

/// The right of one owner to write to one workflow instance and its task rows.
///
/// The store checks it inside the writing transaction: the instance row is locked, its `host` is ours, its state is
/// neither FAILOVER nor final, and `t_orca_instance.epoch` is this epoch. The epoch is Orca's own integer, raised when
/// an instance moves to FAILOVER and again when it is claimed; it is never derived from a clock.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Fence {
    pub workflow_instance_id: i32,
    pub host: Arc<str>,
    pub epoch: i64,
}
