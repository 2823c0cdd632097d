//! Every bound of this crate, with its reason.

use std::time::Duration;

/// Placeholders of one statement. MySQL allows 65,535 and SQLite 32,766; longer batches are cut into several statements.
pub(crate) const BINDS_PER_STATEMENT_MAX: usize = 16_000;
/// Rows of one `CASE id WHEN ...` update. The server walks the list for each row, so the cost grows with the square.
pub(crate) const CASE_ROWS_MAX: usize = 64;
/// Ids of one `IN (...)` list.
pub(crate) const IDS_PER_STATEMENT_MAX: usize = 1_000;
/// Rows of one page of a list.
pub const PAGE_LEN_MAX: u32 = 1_000;
/// Commands of one fetch, whatever the configuration asks for.
pub const FETCH_LEN_MAX: i64 = 1_000;
/// Waiting attempts of one task group that one look takes in: more than any group has free slots.
pub(crate) const SLOT_REQUESTS_MAX: i64 = 1_000;
/// Rows of the queue of one serial definition version that one look takes in. Past it the queue is settled piece by piece.
pub(crate) const SERIAL_QUEUE_LEN_MAX: i64 = 100_000;
/// Bytes of a MySQL `text` column. Longer values are refused by a strict server.
pub(crate) const TEXT_LEN_MAX: usize = 65_535;
/// How long a statement waits for a row lock: a locked row must stop only its own workflow, and for not longer than this.
pub(crate) const LOCK_WAIT_SECONDS: u32 = 1;
/// By how much two readings of the start of one server may differ: both clocks are in whole seconds.
pub(crate) const SERVER_START_TOLERANCE_SECONDS: u64 = 3;
/// How long SQLite waits for the one writer of another process.
pub(crate) const SQLITE_BUSY_WAIT: Duration = Duration::from_secs(5);
/// How long a caller waits for a free connection of the pool before it is told to come back.
pub(crate) const POOL_WAIT: Duration = Duration::from_secs(5);
/// Age at which a pooled connection is replaced, below the usual `wait_timeout` of servers and proxies.
pub(crate) const CONNECTION_AGE_MAX: Duration = Duration::from_secs(30 * 60);
/// Tries to learn whether a claim whose COMMIT was not answered took place, and the pause between them.
pub(crate) const CLAIM_RESOLVE_TRIES: u32 = 10;
pub(crate) const CLAIM_RESOLVE_PAUSE: Duration = Duration::from_millis(200);
/// How long a start waits for another process that is creating the tables.
pub(crate) const MIGRATION_WAIT_SECONDS: u32 = 120;
/// Tasks of one definition version: all of them are held in memory by each run.
pub(crate) const TASKS_PER_DEFINITION_MAX: usize = 10_000;
/// Questions of waiting tasks in one statement: each is three selects of a UNION, and SQLite takes 500.
pub(crate) const CANDIDATES_PER_STATEMENT_MAX: usize = 100;
/// Triggers that one transaction fires: it holds the lock by which all schedulers take turns. With the fire times of one decision, two thousand new instances at most.
pub(crate) const DUE_TRIGGERS_MAX: i64 = 100;
/// Quartz schedulers that are watched: one for each Java master.
pub(crate) const QUARTZ_HOLDERS_MAX: i64 = 1_000;
