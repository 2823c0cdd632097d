//! Every bound of this crate, with its reason.

use std::time::Duration;

/// A lease is valid for this share of the session time-out after its renewal was sent: the other half covers the time a peer needs to see us gone
/// and the coarse ticks in which a server counts.
pub const LEASE_SHARE_OF_SESSION: u32 = 2;
/// Renewals per session time-out. Three tries fit into one lease, so a single lost answer costs nothing.
pub const LEASE_RENEWALS_PER_SESSION: u32 = 6;
/// Waiting for the end of a lease looks at the clock at least this often, because timers stand still while a machine sleeps.
pub const LEASE_CHECK_MAX: Duration = Duration::from_millis(200);
/// And at most this often.
pub const LEASE_CHECK_MIN: Duration = Duration::from_millis(5);

/// A connection silent for this share of the session time-out is given up for another server. A lease has at least a third of a time-out left when
/// its server falls silent (half, less one renewal interval); this leaves the other half of that third to reconnect and renew.
pub const CONNECTION_SILENCE_PER_SESSION: u32 = 6;
/// But never for less: a server that collects garbage is not gone.
pub const CONNECTION_SILENCE_MIN: Duration = Duration::from_secs(1);

/// The client library gets a list of at least so many servers, see `zookeeper/endpoints.rs`. With it no pause between two attempts to reconnect
/// is longer than a second in the first eleven seconds of an outage, and than eight in the first minute.
pub const CONNECT_LIST_LEN_MIN: usize = 20;

/// A path is a key in a `varchar(256)` column of the JDBC registry.
pub const PATH_LEN_MAX: usize = 256;
/// A payload is a value in a `text` column of the JDBC registry (64 KiB), and ZooKeeper refuses a megabyte.
pub const DATA_LEN_MAX: usize = 60 * 1024;
/// Events a watch holds for a slow consumer. When it is full the watch waits and folds further changes of one member into one.
pub const WATCH_EVENTS_MAX: usize = 1024;
/// Members one watch reads. Far above any cluster; a directory with more is somebody else's.
pub const MEMBERS_MAX: usize = 10_000;
/// How often a create, a conditional write or a delete starts over because another process got in between.
pub const RACE_ATTEMPTS_MAX: usize = 8;
/// Depth of a recursive delete. The deepest tree of DolphinScheduler has four levels.
pub const DELETE_DEPTH_MAX: usize = 8;
/// Each of the two steps of closing (delete our nodes, end the session). Both together fit into the five seconds after SIGTERM with room for the rest.
pub const CLOSE_STEP_MAX: Duration = Duration::from_millis(1000);
/// A watch looks at everything again this often, whatever it was told. It bounds the harm of a notification that a library or server lost.
pub const WATCH_RESYNC_INTERVAL: Duration = Duration::from_secs(30);
/// Pause of a watch after a failed look, so that it neither spins nor lags behind a server that is back.
pub const WATCH_RETRY_PAUSE: Duration = Duration::from_millis(50);
/// Jobs that wait for one database connection. There are a handful of callers; more means that the database does not answer.
pub const DATABASE_JOBS_MAX: usize = 256;
/// Tries of one job that other transactions got in the way of.
pub const DATABASE_RETRIES_MAX: usize = 5;
/// A connection unused for longer is tried before it is used: servers hang up on idle clients.
pub const DATABASE_IDLE_MAX: Duration = Duration::from_secs(30);
/// Waiting for the other writers of the SQLite file, whose transactions take a millisecond or so.
pub const SQLITE_BUSY_TIMEOUT: Duration = Duration::from_secs(2);
/// Age at which change events are purged, as in `JdbcRegistryDataManager`.
pub const CHANGE_EVENT_AGE_MAX: Duration = Duration::from_secs(2 * 3600);
/// Events purged in one transaction, so that it stays short.
pub const CHANGE_EVENT_PURGE_MAX: i64 = 1000;
/// How often the head of a lock table is tried by a waiter.
pub const LOCK_POLL_INTERVAL: Duration = Duration::from_millis(50);
/// A server looks at itself this often, as `BaseHeartBeatTask` does.
pub const HEARTBEAT_SAMPLE_INTERVAL: Duration = Duration::from_secs(1);
