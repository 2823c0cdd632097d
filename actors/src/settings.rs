//! What a master can be told. Values only; the binary's configuration module fills them and has validated them.

use chrono_tz::Tz;
use orca_engine::balancing::{BalancerKind, DynamicWeights};
use orca_registry::heartbeat::LoadProtection;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Settings of one master process.
#[derive(Clone, Debug)]
pub struct MasterSettings {
    /// Where the RPC server listens (`master.listen-port`, every interface unless told otherwise).
    pub listen: SocketAddr,
    /// `host:port` that peers dial: the name of the registry node and the value of the `host` columns.
    pub address: String,
    /// The zone of the wall clocks in rows and messages.
    pub zone: Tz,
    pub heartbeat: HeartbeatSettings,
    pub intake: IntakeSettings,
    pub dispatch: DispatchSettings,
    pub store: StoreSettings,
    pub logic: LogicSettings,
    /// `master.worker-group-refresh-interval`.
    pub worker_group_refresh_interval: Duration,
    /// How long a lost server that does not say `runtime: "orca"` may come back before it is failed over: Java's own pause. It is longer where
    /// the session of the registry is so long that the server could still be at work. An Orca server is fenced, so there is nothing to wait for.
    pub java_grace: Duration,
    /// How long a task at a worker may say nothing before the worker is asked for it.
    pub silence_interval: Duration,
    /// How often the rows are searched for owners that nobody saw die and for instances that nobody would ever run. Either has to be found in two sweeps.
    pub sweep_interval: Duration,
    /// `master.server-load-protection.max-task-instance-runtime`; `None` means no limit.
    pub task_runtime_max: Option<Duration>,
    /// How long a planned stop may take to drain what has been accepted.
    pub stop_timeout: Duration,
    /// How long after its start a master that becomes coordinator keeps the slots of task groups to itself, so that what a cold start brings back competes by
    /// priority. A coordinator that follows an Orca master does not wait.
    pub slot_settle: Duration,
    /// After a lost lease: join again as a new incarnation, or end the process.
    pub rejoin: bool,
    /// Threads that run workflow actors.
    pub workflow_threads: usize,
}

/// `master.max-heartbeat-interval` and `master.server-load-protection.*`.
#[derive(Clone, Debug)]
pub struct HeartbeatSettings {
    pub interval_max: Duration,
    /// Its `max_running` is `max-concurrent-workflow-instances`.
    pub load_protection: LoadProtection,
}

/// How commands are fetched.
#[derive(Clone, Debug)]
pub struct IntakeSettings {
    /// `master.command-fetch-strategy.config.id-step`.
    pub id_step: i32,
    /// Commands of one batch. The configuration takes the larger of Java's `fetch-size` and Orca's own batch size.
    pub batch_len: i32,
    /// Pause between looks at the command table while it is empty.
    pub poll_interval: Duration,
}

/// How tasks find their worker.
#[derive(Clone, Debug)]
pub struct DispatchSettings {
    /// `master.worker-load-balancer-configuration-properties.type`.
    pub balancer: BalancerKind,
    pub weights: DynamicWeights,
    /// `master.task-dispatch-policy`: fail a task that found no worker for this long. `None`: wait for ever.
    pub duration_max: Option<Duration>,
    /// How long one RPC may stay unanswered before its outcome is unknown.
    pub call_timeout: Duration,
}

/// Tasks that run inside the master.
#[derive(Clone, Debug)]
pub struct LogicSettings {
    /// Where their logs lie, as a whole path: it goes into rows. The log service reads nothing outside it.
    pub log_directory: PathBuf,
    /// Run `LogicFakeTask`, the plug-in for tests.
    pub fake_task_enabled: bool,
}

/// The blocking side of the store.
#[derive(Clone, Debug)]
pub struct StoreSettings {
    /// Threads that run queries; each holds at most one connection.
    pub threads: usize,
    /// Group commits that may be under way at the same time.
    pub commits_in_flight: usize,
}

impl MasterSettings {
    /// The defaults for a master that listens on `listen` and is dialled at `address`.
    #[must_use]
    pub fn new(listen: SocketAddr, address: impl Into<String>) -> Self {
        Self {
            listen,
            address: address.into(),
            zone: Tz::UTC,
            heartbeat: HeartbeatSettings::default(),
            intake: IntakeSettings::default(),
            dispatch: DispatchSettings::default(),
            store: StoreSettings::default(),
            logic: LogicSettings::default(),
            worker_group_refresh_interval: Duration::from_secs(300),
            java_grace: Duration::from_secs(30),
            silence_interval: Duration::from_secs(60),
            sweep_interval: Duration::from_secs(60),
            task_runtime_max: None,
            stop_timeout: Duration::from_secs(3),
            slot_settle: Duration::from_secs(20),
            rejoin: true,
            workflow_threads: 2,
        }
    }
}

impl Default for HeartbeatSettings {
    fn default() -> Self {
        Self {
            interval_max: Duration::from_secs(10),
            load_protection: LoadProtection::default(),
        }
    }
}

impl Default for IntakeSettings {
    fn default() -> Self {
        Self {
            id_step: 1,
            batch_len: 200,
            poll_interval: Duration::from_millis(50),
        }
    }
}

impl Default for DispatchSettings {
    fn default() -> Self {
        Self {
            balancer: BalancerKind::default(),
            weights: DynamicWeights::default(),
            duration_max: None,
            call_timeout: Duration::from_secs(10),
        }
    }
}

impl Default for LogicSettings {
    fn default() -> Self {
        Self {
            log_directory: PathBuf::from(".orca/logs"),
            fake_task_enabled: false,
        }
    }
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self {
            threads: 6,
            commits_in_flight: 2,
        }
    }
}
