//! Every limit of the binary, with its reason.

use std::time::Duration;

/// Placeholders inside placeholders. Deeper ones refer to themselves.
pub(crate) const PLACEHOLDER_DEPTH_MAX: usize = 16;

/// Bytes of a configuration file. A real one has a few thousand; this keeps a wrong path from filling memory.
pub(crate) const CONFIGURATION_LEN_MAX: u64 = 1 << 20;

/// Pause between two attempts to reach the database or the registry at the start.
pub(crate) const CONNECT_PAUSE: Duration = Duration::from_secs(1);

/// Threads that run workflows. Each is an operating-system thread with an event loop; more than a few per processor only cost memory.
pub(crate) const WORKFLOW_THREADS_MAX: usize = 256;

/// Connections of one process. MySQL's default for all clients together is 151.
pub(crate) const POOL_SIZE_MAX: u32 = 128;

/// Commands of one claim transaction. More make its locks last too long.
pub(crate) const INTAKE_BATCH_LEN_MAX: u32 = 5_000;

/// Lines of `/etc/hosts` that are looked at.
pub(crate) const HOSTS_LINES_MAX: usize = 10_000;
