//! What a worker has to be told. All of it comes from the caller: nothing here reads the environment.

use crate::limits;
use chrono_tz::Tz;
use std::path::PathBuf;
use std::time::Duration;

/// When a worker calls itself BUSY (`WorkerServerLoadProtection`): shares of 1, compared strictly.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadProtection {
    pub enabled: bool,
    pub system_cpu_max: f64,
    pub process_cpu_max: f64,
    pub system_memory_max: f64,
    pub disk_max: f64,
}

impl Default for LoadProtection {
    fn default() -> Self {
        Self {
            enabled: true,
            system_cpu_max: 0.8,
            process_cpu_max: 0.8,
            system_memory_max: 0.8,
            disk_max: 0.8,
        }
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
