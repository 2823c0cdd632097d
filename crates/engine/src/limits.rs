//! Every bound of the engine, with its reason. A bound that an operator may move is in `workflow::Rules` instead.

/// Tasks, and relations, of one definition. Node numbers are 32 bits; this is far above any real definition and keeps a
/// broken one from taking the process with it.
pub const GRAPH_SIZE_MAX: usize = 1_000_000;

/// Bytes of one task's output parameters that are merged. The `var_pool` column is a `longtext`, but one row that grows by
/// megabytes with each task would stop the whole commit pipeline.
pub const VAR_POOL_TEXT_LEN_MAX: usize = 4 * 1024 * 1024;

/// Internal follow-ups of one event (tasks started, chains passed through). Each node is passed at most once per
/// event, so only an error in the engine reaches a multiple of the graph's size.
pub const FOLLOW_UPS_PER_NODE_MAX: usize = 4;
