//! Every bound of the worker in one place, with the reason for its size.

use std::time::Duration;

/// Slots a worker may be given: each one can be a process group with two pipes, and descriptors are finite.
pub const EXECUTION_SLOTS_MAX: usize = 4_096;

/// Rounds of "signal whoever is left, look again" before a kill is given up. A process in an uninterruptible
/// system call cannot be killed at all, and waiting for it for ever would hold the slot for ever.
pub const KILL_ROUNDS_MAX: u32 = 200;

/// Pause between two of those rounds: short, because a kill is what somebody is waiting for.
pub const KILL_ROUND_PAUSE: Duration = Duration::from_millis(25);

/// How long the output of a killed task may stay open before it is abandoned: nothing that holds it can be killed.
pub const OUTPUT_DRAIN_AFTER_KILL: Duration = Duration::from_secs(5);

/// Script text after substitution: what a parameter could blow up without bound.
pub const SCRIPT_LEN_MAX: usize = 16 * 1024 * 1024;

/// Finished and killed attempts that are remembered to refuse a late dispatch of the same id.
pub const REMEMBERED_ATTEMPTS_MAX: usize = 65_536;

/// How long a refusal is remembered. Longer than any frozen master is expected to sleep, short enough that ids of
/// a database that was created anew do not meet those of the old one.
pub const REMEMBERED_FOR: Duration = Duration::from_secs(60 * 60);

/// Messages to the guard that may wait. It reads two short lines per task, so a full queue means it is stuck; the
/// guard then works from the token alone.
pub const GUARD_QUEUE_LEN_MAX: usize = 1_024;

/// Times the guard is started again after it died, before the worker counts it as a fault of the machine.
pub const GUARD_RESTARTS_MAX: u32 = 100;

/// The guard sweeps for a fraction of a second; an orderly stop does not wait longer than this for it.
pub const GUARD_END_WAIT: Duration = Duration::from_secs(6);

/// One read of `/proc/<pid>/environ`. The kernel bounds an environment by a quarter of the stack limit, 2 MiB.
pub const ENVIRONMENT_LEN_MAX: u64 = 4 * 1024 * 1024;
/// How long an orderly stop waits for open answers before it closes the connections.
pub const SERVER_DRAIN: Duration = Duration::from_secs(2);

/// How long a stopping worker waits until its masters have acknowledged the ends of tasks that ended before.
pub const STOP_REPORT_WAIT: Duration = Duration::from_secs(2);

/// Calls of one task that may be open at a time. One per event type is the rule; resends only come on top when the
/// resend interval is set below the call time-out.
pub const REPORT_CALLS_OPEN_MAX: usize = 4;

/// How long leaving the registry may take; after that the session is left to its time-out.
pub const LEAVE_WAIT: Duration = Duration::from_secs(3);

/// How long the end of all task processes may take after they were told, beyond the patience of the settings.
pub const END_ALL_WAIT: Duration = Duration::from_secs(10);
