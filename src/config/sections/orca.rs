//! `orca.*`: what the Java master does not have.

use super::above_zero;
use crate::config::section::{Checks, section};
use crate::limits;
use std::path::PathBuf;
use std::time::Duration;

section! {
    /// The process as a whole.
    pub(crate) struct Orca {
        /// Folder for everything this process writes: databases of `orca standalone`, the embedded registry, task logs.
        "data-directory" => data_directory: PathBuf = PathBuf::from(".orca");
        /// The zone of the times in rows and messages, like `Asia/Shanghai`: the one the Java peers run in. Without it: `-Duser.timezone` in
        /// `JAVA_OPTS`, else `spring.jackson.time-zone`, else UTC.
        "time-zone" => time_zone: Option<String> = None;
        /// Folder for the logs of tasks that run inside the master. Without it: `logs` below `orca.data-directory`.
        "log-directory" => log_directory: Option<PathBuf> = None;
        /// What is logged: a level, or `target=level` pairs separated by commas. Also `RUST_LOG`.
        "log.filter" => log_filter: String = "info".to_owned();
        /// The task type `LogicFakeTask`, a plug-in for tests that runs a shell script inside the master.
        "fake-task.enabled" => fake_task_enabled: bool = false;
        /// A process beside each master that removes the master's registry nodes the moment the master is gone, so that a crash is noticed in
        /// milliseconds at any session time-out. With ZooKeeper only; the embedded registry notices by itself.
        "guardian.enabled" => guardian_enabled: bool = true;
        /// How long a planned stop may take to finish what has been accepted. Launchers kill after 5 s.
        "stop-timeout" => stop_timeout: Duration = Duration::from_secs(4);
    }
}

section! {
    /// How the database is used.
    pub(crate) struct Database {
        /// Threads that run queries, and connections with them.
        "pool-size" => pool_size: u32 = 6;
        /// Group commits that may be under way at the same time. Less than `pool-size`.
        "commits-in-flight" => commits_in_flight: u32 = 2;
        /// For one address of `spring.datasource.url`. A `connectTimeout` there wins.
        "connect-timeout" => connect_timeout: Duration = Duration::from_secs(5);
        /// The server ends a transaction that is idle for so long, so that a frozen master keeps no locks. Well below the registry's session
        /// time-out; whole seconds; 0 leaves the server's own. MySQL has none: there, and with 0, whoever takes over ends the dead master's sessions.
        "idle-transaction-timeout" => idle_transaction_timeout: Duration = Duration::from_secs(5);
        /// A master that starts makes what is missing, as `orca migrate` does: Orca's few own tables beside DolphinScheduler's, or everything in an empty
        /// database. Without this it ends with a message when something is missing.
        "migrate-at-start" => migrate_at_start: bool = true;
        /// How long a process that starts keeps trying to reach the database before it gives up.
        "startup-timeout" => startup_timeout: Duration = Duration::from_secs(60);
    }
}

section! {
    /// How a master takes commands.
    pub(crate) struct Intake {
        /// Commands of one fetch and one claim.
        "batch-size" => batch_len: u32 = 200;
        /// Pause between looks at the command table while it is empty.
        "poll-interval" => poll_interval: Duration = Duration::from_millis(50);
    }
}

section! {
    /// How a master sends tasks to workers.
    pub(crate) struct Dispatch {
        /// After how long a call without an answer has an unknown outcome.
        "call-timeout" => call_timeout: Duration = Duration::from_secs(10);
    }
}

section! {
    /// What is done about the dead.
    pub(crate) struct Failover {
        /// How long a lost Java master or worker may come back before it is failed over; at least two thirds of the session time-out and five seconds, since it may be
        /// at work for so long. Java waits 30 s. Orca's own servers are believed at once.
        "java-worker-grace" => java_worker_grace: Duration = Duration::from_secs(30);
        /// How long a task at a worker may say nothing before the worker is asked for it. One that has lost the task makes room for a new attempt; one that
        /// does not answer is only asked again.
        "silence-interval" => silence_interval: Duration = Duration::from_secs(60);
        /// How often each master searches the rows for owners that nobody saw die and for instances that nobody would ever run. What is found is acted on by the
        /// next search, if it is still so. At least a second.
        "sweep-interval" => sweep_interval: Duration = Duration::from_secs(60);
    }
}

section! {
    /// What one master does for all: the slots of task groups, the serial queues.
    pub(crate) struct Coordinator {
        /// How long after its start a master that becomes coordinator waits before it gives slots of task groups, so that what a cold start brings back
        /// competes by priority (a Java master waits 60 s). A coordinator that follows an Orca master does not wait.
        "slot-settle" => slot_settle: Duration = Duration::from_secs(20);
    }
}

section! {
    /// The right of a master to act, which it loses when the registry has not heard of it for too long.
    pub(crate) struct Lease {
        /// After a lost lease the master joins again as a new one. Without this it ends with exit code 1, as Java's does.
        "rejoin" => rejoin: bool = true;
    }
}

section! {
    /// Keys of other owners that Orca reads.
    pub(crate) struct Spring {
        /// The zone, when `orca.time-zone` and `-Duser.timezone` are not set.
        "jackson.time-zone" => time_zone: Option<String> = None;
    }
}

impl Orca {
    pub(crate) fn check(&self, checks: &mut Checks<'_>) {
        checks.that(
            !self.data_directory.as_os_str().is_empty(),
            "orca.data-directory",
            "must name a folder",
        );
        let filter = crate::logging::check_filter(&self.log_filter);
        checks.that(
            filter.is_ok(),
            "orca.log.filter",
            filter.err().unwrap_or_default(),
        );
    }
}

impl Database {
    pub(crate) fn check(&self, checks: &mut Checks<'_>) {
        let most = limits::POOL_SIZE_MAX;
        checks.that(
            (2..=most).contains(&self.pool_size),
            "orca.database.pool-size",
            format!("must be from 2 to {most}"),
        );
        let commits = self.commits_in_flight > 0 && self.commits_in_flight < self.pool_size;
        checks.that(
            commits,
            "orca.database.commits-in-flight",
            "must be at least 1 and less than orca.database.pool-size",
        );
        above_zero(checks, "orca.database.connect-timeout", self.connect_timeout);
        let whole = self.idle_transaction_timeout.subsec_nanos() == 0;
        checks.that(
            whole,
            "orca.database.idle-transaction-timeout",
            "must be whole seconds",
        );
    }
}

impl Intake {
    pub(crate) fn check(&self, checks: &mut Checks<'_>) {
        let most = limits::INTAKE_BATCH_LEN_MAX;
        checks.that(
            (1..=most).contains(&self.batch_len),
            "orca.intake.batch-size",
            format!("must be from 1 to {most}"),
        );
        above_zero(checks, "orca.intake.poll-interval", self.poll_interval);
    }
}

impl Failover {
    pub(crate) fn check(&self, checks: &mut Checks<'_>) {
        above_zero(checks, "orca.failover.silence-interval", self.silence_interval);
        checks.that(
            self.sweep_interval >= limits::SWEEP_INTERVAL_MIN,
            "orca.failover.sweep-interval",
            format!("must be at least {:?}", limits::SWEEP_INTERVAL_MIN),
        );
    }
}

impl Dispatch {
    pub(crate) fn check(&self, checks: &mut Checks<'_>) {
        above_zero(checks, "orca.dispatch.call-timeout", self.call_timeout);
    }
}
