//! Every limit of the binary, with its reason.

use std::time::Duration;

/// Placeholders inside placeholders. Deeper ones refer to themselves.
pub(crate) const PLACEHOLDER_DEPTH_MAX: usize = 16;

/// Bytes of a configuration file. A real one has a few thousand; this keeps a wrong path from filling memory.
pub(crate) const CONFIGURATION_LEN_MAX: u64 = 1 << 20;

/// Pause between two attempts to reach the database or the registry at the start.
pub(crate) const CONNECT_PAUSE: Duration = Duration::from_secs(1);

/// What a stop may take beyond the time that is set for it, before the process ends by force. With the default of `orca.stop-timeout` a master is gone in
/// the 5 s after which launchers kill.
pub(crate) const STOP_MARGIN: Duration = Duration::from_millis(500);

/// The same for a worker, whose connections drain after its tasks have ended.
pub(crate) const WORKER_STOP_MARGIN: Duration = Duration::from_secs(5);

/// Threads that run workflows when none are set: see `servers::default_workflow_threads`.
pub(crate) const WORKFLOW_THREADS_DEFAULT_MIN: usize = 2;
pub(crate) const WORKFLOW_THREADS_DEFAULT_MAX: usize = 8;

/// Threads that run workflows. Each is an operating-system thread with an event loop; more than a few per processor only cost memory.
pub(crate) const WORKFLOW_THREADS_MAX: usize = 256;

/// Connections of one process. MySQL's default for all clients together is 151.
pub(crate) const POOL_SIZE_MAX: u32 = 128;

/// Commands of one claim transaction. More make its locks last too long.
pub(crate) const INTAKE_BATCH_LEN_MAX: u32 = 5_000;

/// Lines of `/etc/hosts` that are looked at.
pub(crate) const HOSTS_LINES_MAX: usize = 10_000;

/// Masters, and workers, of one `orca standalone`. Each is a process with threads of its own; more prove nothing on one machine.
pub(crate) const MEMBERS_MAX: i64 = 16;

/// How often rows and processes are looked at while somebody watches. Faster than anybody reads.
pub(crate) const WATCH_INTERVAL: Duration = Duration::from_millis(200);

/// How long a member of `orca standalone` may take until it is registered. A loaded machine needs several seconds.
pub(crate) const MEMBER_START_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a member may take to end when asked to. Above `orca.stop-timeout`, after which it ends by itself.
pub(crate) const MEMBER_STOP_TIMEOUT: Duration = Duration::from_secs(8);

/// How long a command waits for a session with the registry before it says that there is none.
pub(crate) const REGISTRY_WAIT: Duration = Duration::from_secs(20);

/// How long `orca workflow start` looks for a master that takes the workflow.
pub(crate) const START_TIMEOUT: Duration = Duration::from_secs(30);

/// How long an instance may take to appear after a trigger call whose answer was lost: its transaction is under way or never comes.
pub(crate) const UNKNOWN_OUTCOME_WAIT: Duration = Duration::from_secs(10);

/// How long the database may be silent before following a run is given up.
pub(crate) const DATABASE_SILENCE_MAX: Duration = Duration::from_secs(60);

/// The end of a member's log that is shown when it does not start, and how many bytes are read for it.
pub(crate) const LOG_TAIL_LINES: usize = 12;
pub(crate) const LOG_TAIL_BYTES: u64 = 64 << 10;

/// Lines of a failed task's log that are shown.
pub(crate) const LOG_LINES: usize = 10;

/// Lines of one page of the log service, and pages that are read to find the end of a log: 100,000 lines.
pub(crate) const LOG_PAGE_LINES: i32 = 2_000;
pub(crate) const LOG_PAGES_MAX: i32 = 50;

/// How long the log service of a worker may take for one page. The log is a help, not the result.
pub(crate) const LOG_CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// Lines of one failover, and instances of a plan, that are shown: more than a master can run, and little enough for memory.
pub(crate) const FAILOVER_ENTRIES_MAX: usize = 200_000;
pub(crate) const FAILOVER_PLAN_MAX: u32 = 20_000;

/// Runs of one list: what fits a screen, and what one query may bring.
pub(crate) const LIST_LEN: u32 = 20;
pub(crate) const LIST_LEN_MAX: u32 = 500;

/// Between two tries of a guardian to reach the registry once its master is gone.
pub(crate) const GUARDIAN_RETRY_PAUSE: Duration = Duration::from_millis(200);
/// Connections of the HTTP server at the same time: a few probes and scrapers. One more is closed at once.
pub(crate) const HTTP_CONNECTIONS_MAX: usize = 64;
/// How long a client may take to send the head of a request, or leave its connection idle.
pub(crate) const HTTP_HEAD_TIME_MAX: Duration = Duration::from_secs(5);
/// How long one connection may last in all, which also bounds a client that does not read its answer.
pub(crate) const HTTP_CONNECTION_TIME_MAX: Duration = Duration::from_secs(60);
/// Bytes of the head of a request.
pub(crate) const HTTP_HEAD_BYTES_MAX: usize = 16 * 1024;
/// How long the answer of the database to a health check is used again, and waited for.
pub(crate) const HTTP_CHECK_AGE_MAX: Duration = Duration::from_secs(1);
pub(crate) const HTTP_CHECK_TIME_MAX: Duration = Duration::from_secs(2);

/// The shortest pause between two searches for orphans. What the first has found must have had the time to be on its way.
pub(crate) const SWEEP_INTERVAL_MIN: Duration = Duration::from_secs(1);
