//! What a worker has to be told. All of it comes from the caller: nothing here reads the environment.

use crate::limits;
use chrono_tz::Tz;
use orca_registry::RegistrySettings;
use orca_registry::heartbeat::LoadProtection;
use std::path::PathBuf;
use std::time::Duration;

/// One worker.
#[derive(Clone, Debug)]
pub struct WorkerSettings {
    /// The address to listen on; all by default.
    pub listen_host: String,
    /// `worker.listen-port`; 0 takes a free one.
    pub listen_port: u16,
    /// What masters dial. Together with the port it is the name of the worker.
    pub advertised_host: String,
    /// `worker.group`
    pub worker_group: String,
    /// `worker.host-weight`
    pub host_weight: i32,
    /// `worker.max-heartbeat-interval`
    pub heartbeat_interval: Duration,
    /// `worker.server-load-protection`; the limit of running tasks is the number of slots, whatever it says here.
    pub load_protection: LoadProtection,
    pub registry: RegistrySettings,
    /// How long an orderly stop lets running tasks go on, before it ends them.
    pub stop_wait: Duration,
    pub tasks: TaskSettings,
}

impl WorkerSettings {
    /// A worker at Java's defaults.
    #[must_use]
    pub fn new(advertised_host: impl Into<String>, registry: RegistrySettings) -> Self {
        Self {
            listen_host: "0.0.0.0".to_owned(),
            listen_port: 1234,
            advertised_host: advertised_host.into(),
            worker_group: "default".to_owned(),
            host_weight: 100,
            heartbeat_interval: Duration::from_secs(10),
            load_protection: LoadProtection::default(),
            registry,
            stop_wait: Duration::ZERO,
            tasks: TaskSettings::default(),
        }
    }

    /// Every problem at once, each with the name of the setting.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = self.tasks.problems();
        if let Err(error) = self.registry.validate() {
            problems.push(error.to_string());
        }
        if self.advertised_host.is_empty() || self.advertised_host.contains('/') {
            problems.push(
                "advertised host: has to be a host name or an address that masters can reach".to_owned(),
            );
        }
        if self.worker_group.is_empty() {
            problems.push("worker group: is empty; the usual one is `default`".to_owned());
        }
        if self.heartbeat_interval.is_zero() {
            problems.push("heartbeat interval: has to be longer than nothing".to_owned());
        }
        problems
    }
}

/// How tasks are run; no network in here.
#[derive(Clone, Debug)]
pub struct TaskSettings {
    /// Tasks at once (`worker.physical-task-config.task-executor-thread-size`). A task holds its slot until its master
    /// has acknowledged its end.
    pub execution_slots: usize,
    /// Working directories are `<this>/exec/process/<task instance id>` (`data.basedir.path`).
    pub execution_directory: PathBuf,
    /// Log files are `<this>/<yyyyMMdd>/<definition code>/<version>/<workflow instance id>/<task instance id>.log`.
    pub log_directory: PathBuf,
    /// The zone of the date in the log path and of the times in the log.
    pub zone: Tz,
    /// How long a killed task may take to end by itself before it is ended by force (`shell.kill.wait.timeout`).
    pub kill_wait: Duration,
    /// The same for tasks that run when the worker stops: somebody waits for that stop.
    pub leave_wait: Duration,
    /// Leave the working directories of ended tasks (`development.state`).
    pub keep_working_directories: bool,
    /// How PYTHON tasks are started when the task's environment does not set `PYTHON_LAUNCHER`.
    pub python_launcher: String,
    /// Variables of the worker's own environment that tasks do not get: the worker's credentials.
    pub hidden_variables: Vec<String>,
    /// After how long an event that was not acknowledged is sent again. The Java worker waits 180 s.
    pub event_resend_interval: Duration,
}

impl Default for TaskSettings {
    fn default() -> Self {
        Self {
            execution_slots: 100,
            execution_directory: PathBuf::from("/tmp/dolphinscheduler"),
            log_directory: PathBuf::from("logs"),
            zone: Tz::UTC,
            kill_wait: Duration::from_secs(10),
            leave_wait: Duration::from_secs(3),
            keep_working_directories: false,
            python_launcher: "python3".to_owned(),
            hidden_variables: [
                "SPRING_DATASOURCE_URL",
                "SPRING_DATASOURCE_USERNAME",
                "SPRING_DATASOURCE_PASSWORD",
                "REGISTRY_ZOOKEEPER_DIGEST",
            ]
            .map(str::to_owned)
            .to_vec(),
            event_resend_interval: Duration::from_secs(180),
        }
    }
}

impl TaskSettings {
    /// Every problem at once, each with the name of the setting.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if !(1..=limits::EXECUTION_SLOTS_MAX).contains(&self.execution_slots) {
            let (most, slots) = (limits::EXECUTION_SLOTS_MAX, self.execution_slots);
            problems.push(format!("execution slots: {slots} is not between 1 and {most}"));
        }
        if self.event_resend_interval.is_zero() {
            problems.push("event resend interval: has to be longer than nothing".to_owned());
        }
        for (name, directory) in [
            ("execution directory", &self.execution_directory),
            ("log directory", &self.log_directory),
        ] {
            if directory.as_os_str().is_empty() {
                problems.push(format!(
                    "{name}: is empty; name a directory the worker may write to"
                ));
            }
        }
        problems
    }
}
