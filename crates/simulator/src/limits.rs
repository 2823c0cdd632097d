//! Every bound of the simulator, with its reason. Those that mirror a bound of the system name it.

/// Happenings of one run. A healthy run has a tenth of it; beyond it something goes in circles, which is a violation (iv).
pub const HAPPENINGS_MAX: u64 = 3_000_000;
/// How long after the last fault a workflow may need. Longer than every time-out, back-off and resend interval one after the other.
pub const RECOVERY_MAX_MS: u64 = 40 * 60_000;
/// Lines of a trace that are kept: the end of a run is what explains it.
pub const TRACE_LINES_MAX: usize = 200_000;

/// `orca_rpc::limits::CALL_TIMEOUT` and `CONNECT_TIMEOUT`.
pub const CALL_TIMEOUT_MS: u64 = 10_000;
pub const CONNECT_TIMEOUT_MS: u64 = 3_000;
/// `orca_rpc::limits::UNACKNOWLEDGED_MAX_MS`: then the kernel gives a connection up, with what waits in it.
pub const UNACKNOWLEDGED_MAX_MS: u64 = 30_000;
/// How long the database client waits for an answer.
pub const STORE_TIMEOUT_MS: u64 = 10_000;
/// `innodb_lock_wait_timeout` and `idle_transaction_timeout` of our sessions.
pub const LOCK_WAIT_MS: u64 = 1_000;
pub const IDLE_TRANSACTION_MS: u64 = 5_000;

/// The actors' own: `COMMIT_RETRY_FIRST` and `_MAX`, `INTAKE_RETRY_PAUSE`, the poll interval (longer here, to spare happenings).
pub const COMMIT_RETRY_FIRST_MS: u64 = 100;
pub const COMMIT_RETRY_MAX_MS: u64 = 5_000;
pub const COMMIT_BATCH_LEN_MAX: usize = 16;
pub const COMMITS_IN_FLIGHT: usize = 2;
pub const INTAKE_RETRY_MS: u64 = 1_000;
pub const INTAKE_POLL_MS: u64 = 300;
pub const INTAKE_BATCH_LEN: usize = 10;
pub const EVENT_PARK_MS: u64 = 50;
pub const EVENT_PARK_ROUNDS_MAX: u32 = 60;
pub const FAILOVER_LOCK_WAIT_MS: u64 = 5_000;
pub const FAILOVER_RETRY_MS: u64 = 500;
pub const FAILOVER_PAGE_LEN: usize = 2;
pub const FAILOVER_SCAN_LEN: usize = 5;
/// `COORDINATOR_LOOK`, `COORDINATOR_SWEEP`, and the gathering of attempts that wait for a slot.
pub const COORDINATOR_LOOK_MS: u64 = 1_000;
pub const COORDINATOR_SWEEP_MS: u64 = 30_000;
/// `DEPENDENT_LOOK_INTERVAL`.
pub const DEPENDENT_LOOK_MS: u64 = 5_000;
/// `CHILD_LOOK_INTERVAL`.
pub const CHILD_LOOK_MS: u64 = 1_000;
pub const SLOT_LOOK_MS: u64 = 50;
pub const SWEEP_MS: u64 = 60_000;
pub const ENTRY_PAUSE_MS: u64 = 1_000;
/// How often a master looks whether its lease is over; the real one looks more often.
pub const LEASE_LOOK_MS: u64 = 500;
/// Grace for a Java server whose node is gone (the reference's setting is a multiple of the session time-out).
pub const JAVA_GRACE_MS: u64 = 15_000;
