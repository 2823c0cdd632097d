//! Every bound of the engine, with its reason. A bound that an operator may move is in `workflow::Rules` instead.

/// Tasks, and relations, of one definition. Node numbers are 32 bits; this is far above any real definition and keeps a
/// broken one from taking the process with it.
pub const GRAPH_SIZE_MAX: usize = 1_000_000;

/// Active tasks that one view of a machine lists: it goes over a monitor endpoint.
pub const VIEW_TASKS_MAX: usize = 200;

/// Things that one DEPENDENT task waits for. Each is asked about for every interval of its cycle.
pub const DEPENDENT_ITEMS_MAX: usize = 1_000;
