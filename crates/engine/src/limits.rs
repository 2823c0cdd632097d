//! Every bound of the engine, with its reason. A bound that an operator may move is in `workflow::Rules` instead.

/// Tasks, and relations, of one definition. Node numbers are 32 bits; this is far above any real definition and keeps a
/// broken one from taking the process with it.
pub const GRAPH_SIZE_MAX: usize = 1_000_000;

/// Active tasks that one view of a machine lists: it goes over a monitor endpoint.
pub const VIEW_TASKS_MAX: usize = 200;

/// Things that one DEPENDENT task waits for. Each is asked about for every interval of its cycle.
pub const DEPENDENT_ITEMS_MAX: usize = 1_000;
/// Fire times of one trigger that are decided together. After a long outage the rest follows in further transactions, so that one schedule holds up no other.
pub const FIRES_PER_DECISION_MAX: usize = 20;

/// A Quartz scheduler checks in every 5 s and its peers give it up 7.5 s after the next one is missing. Longer, so that they go first where there are any.
pub const QUARTZ_SILENCE_MAX_MS: u64 = 20_000;

/// Ids of the newest instances that each look for orphans reads: a day of a busy installation.
pub const ORPHAN_RECENT_LEN: i32 = 20_000;
/// Ids of older instances that each look reads besides. There is no index on the state: a table of a million rows is read in twenty looks rather than in each.
pub const ORPHAN_WALK_LEN: i32 = 50_000;
/// Orphans of one look, each recovered in a transaction of its own; the rest is found again by the next.
pub const ORPHAN_SUSPECTS_MAX: usize = 1_000;
