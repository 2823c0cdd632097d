//! `worker.*`: the keys of Java's `WorkerConfig`, and the few that only Orca's worker has.

use super::above_zero;
use crate::config::section::{Checks, section};
use crate::config::value::{Port, Share};
use std::path::PathBuf;
use std::time::Duration;

section! {
    /// A worker server.
    pub(crate) struct Worker {
        /// Port of the RPC server.
        "listen-port" => listen_port: Port = Port(1234);
        /// `host:port` that masters dial. Without it: `orca.worker.host`, else the host as `dolphin.scheduler.network.*` says, and `worker.listen-port`.
        "worker-address" => address: Option<String> = None;
        /// A heartbeat is written at least this often; sooner when the status changes.
        "max-heartbeat-interval" => max_heartbeat_interval: Duration = Duration::from_secs(10);
        /// How many tasks this worker is given, compared with others of its group.
        "host-weight" => host_weight: i32 = 100;
        /// The worker group this worker joins. Groups made in the database count too.
        "group" => group: String = "default".to_owned();
        /// Tasks at once.
        "physical-task-config.task-executor-thread-size" => execution_slots: usize = 100;
    }
}

section! {
    /// When a worker calls itself BUSY and is given no tasks.
    pub(crate) struct WorkerLoadProtection {
        /// Off: the worker is always NORMAL.
        "enabled" => enabled: bool = true;
        /// Above this processor usage of the machine.
        "max-system-cpu-usage-percentage-thresholds" => system_cpu: Share = Share(0.8);
        /// Above this processor usage of the process.
        "max-jvm-cpu-usage-percentage-thresholds" => process_cpu: Share = Share(0.8);
        /// Above this memory usage of the machine.
        "max-system-memory-usage-percentage-thresholds" => system_memory: Share = Share(0.8);
        /// Above this usage of the file system of the working directory.
        "max-disk-usage-percentage-thresholds" => disk: Share = Share(0.8);
    }
}

section! {
    /// What only Orca's worker has.
    pub(crate) struct OrcaWorker {
        /// The host that masters dial, without port.
        "host" => host: Option<String> = None;
        /// Task logs. Without it: `logs` in `orca.data-directory`.
        "log-directory" => log_directory: Option<PathBuf> = None;
        /// Working directories of tasks. Without it: `work` in `orca.data-directory`.
        "execution-directory" => execution_directory: Option<PathBuf> = None;
        /// How PYTHON tasks are started when their environment does not set `PYTHON_LAUNCHER`.
        "python-launcher" => python_launcher: String = "python3".to_owned();
        /// After how long a report that no master acknowledged is sent again.
        "event-resend-interval" => event_resend_interval: Duration = Duration::from_secs(180);
        /// How long a stop lets running tasks go on before it ends them. Launchers kill the worker after 5 s.
        "stop-wait" => stop_wait: Duration = Duration::ZERO;
        /// How long a task may then take to end by itself before it is ended by force.
        "leave-wait" => leave_wait: Duration = Duration::from_secs(3);
    }
}

section! {
    /// Keys of `common.properties` that a worker uses.
    pub(crate) struct Common {
        /// Seconds that a killed task may take to end by itself before it is ended by force.
        "shell.kill.wait.timeout" => kill_wait_seconds: u32 = 10;
        /// Keep the working directories of ended tasks, for debugging.
        "development.state" => development_state: bool = false;
        /// Folder of working directories, when `orca.worker.execution-directory` is not set. Java's default is `/tmp/dolphinscheduler`; without it
        /// Orca uses its data directory.
        "data.basedir.path" => base_directory: Option<PathBuf> = None;
    }
}

impl Worker {
    pub(crate) fn check(&self, checks: &mut Checks<'_>) {
        if let Some(address) = &self.address {
            let key = "worker.worker-address";
            match crate::address::split(address) {
                None => checks.that(
                    false,
                    key,
                    format!("\"{address}\" must look like host:port, an IPv6 host in brackets"),
                ),
                Some((_, port)) => {
                    checks.that(
                        port == self.listen_port.0,
                        key,
                        "must have the port of worker.listen-port",
                    );
                }
            }
        }
        let most = orca_worker::limits::EXECUTION_SLOTS_MAX;
        let slots = (1..=most).contains(&self.execution_slots);
        checks.that(
            slots,
            "worker.physical-task-config.task-executor-thread-size",
            format!("must be from 1 to {most}"),
        );
        above_zero(
            checks,
            "worker.max-heartbeat-interval",
            self.max_heartbeat_interval,
        );
        checks.that(self.host_weight > 0, "worker.host-weight", "must be 1 or more");
        checks.that(
            !self.group.trim().is_empty(),
            "worker.group",
            "must be the name of a worker group",
        );
    }
}

impl OrcaWorker {
    pub(crate) fn check(&self, checks: &mut Checks<'_>) {
        above_zero(
            checks,
            "orca.worker.event-resend-interval",
            self.event_resend_interval,
        );
    }
}
