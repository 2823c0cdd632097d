//! Every family of metrics: its name, what it means, and when it moves. `docs/reference/metrics.md` is made from this table.

/// How a family is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Counter,
    Gauge,
    /// `_count`, `_sum` and `_max`.
    Summary,
    /// The same with buckets.
    Histogram,
}

/// Whose name it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The Java master exports it.
    Java,
    /// The Java sources define it and the dashboards show it, but no Java master exports it.
    JavaUnused,
    Orca,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Definition {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) labels: &'static [&'static str],
    pub(crate) unit: &'static str,
    /// What it counts and when it moves.
    pub(crate) help: &'static str,
    #[cfg_attr(not(test), expect(dead_code, reason = "only the reference page groups by it"))]
    pub(crate) origin: Origin,
}

/// Bounds of what usually takes milliseconds, and of what may take minutes. Seconds.
pub(crate) const SECONDS_SHORT: &[f64] = &[
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0,
];
pub(crate) const SECONDS_LONG: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0,
];
/// Steps of a group commit.
pub(crate) const STEPS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

macro_rules! families {
    ($($name:ident: $origin:ident $kind:ident $exported:literal [$($label:literal),*] $unit:literal, $help:literal;)+) => {
        $(pub(crate) const $name: Definition = Definition {
            name: $exported, kind: Kind::$kind, labels: &[$($label),*], unit: $unit, help: $help, origin: Origin::$origin,
        };)+
        #[cfg(test)]
        const ALL: &[Definition] = &[$($name),+];
    };
}

families! {
    COMMANDS_CLAIMED: Java Counter "ds_master_consume_command_count_total" [] "", "Commands that this master has claimed.";
    OVERLOADED: Java Counter "ds_master_overload_count_total" [] "", "Looks at the command table left out because max-concurrent-workflow-instances was reached.";
    HEARTBEATS: Java Counter "ds_master_heartbeat_count_total" [] "", "Heartbeats written to the registry.";
    UNCAUGHT: Java Gauge "ds_master_uncached_exception" [] "", "Panics: defects of this program that it has survived.";
    SYSTEM_CPU: Java Gauge "ds_master_cpu_usage" [] "0 to 1", "CPU use of the machine over the last second.";
    MEMORY_AVAILABLE: Java Gauge "ds_master_memory_available" [] "GiB", "Memory of the machine that is available.";
    MEMORY_USAGE: Java Gauge "ds_master_memory_usage" [] "0 to 1", "Resident memory of this process as a share of the machine's.";
    RUNNING: Java Gauge "ds_workflow_instance_running" [] "", "Workflow instances that run on this master.";
    WORKFLOWS: Java Counter "ds_workflow_instance_count_total" ["state", "workflow_definition_code"] "", "Workflow instances: SUBMITTED_SUCCESS at each claim, FAILOVER when this master moved one from a dead master, and each final state.";
    COMMAND_QUERY: Java Summary "ds_workflow_command_query_duration_seconds" [] "s", "One read of the command table.";
    INSTANCE_GENERATE: Java Summary "ds_workflow_instance_generate_duration_seconds" [] "s", "From a batch of commands to running instances. A Java master registers it and never records it.";
    CALLS: Java Histogram "ds_rpc_client_sync_request_duration_time_seconds" ["client_host", "method_name", "server_host"] "s", "Calls on other servers that were answered.";
    CALL_FAILURES: Java Counter "ds_rpc_client_sync_request_exception_count_total" ["client_host", "method_name", "server_host", "exception_name"] "", "Calls on other servers that were refused or not answered.";
    POOL: Java Gauge "hikaricp_connections" ["pool"] "", "Connections to the database.";
    POOL_ACTIVE: Java Gauge "hikaricp_connections_active" ["pool"] "", "Connections in use.";
    POOL_IDLE: Java Gauge "hikaricp_connections_idle" ["pool"] "", "Connections that wait for use.";
    POOL_MAX: Java Gauge "hikaricp_connections_max" ["pool"] "", "Connections at most.";
    PROCESS_CPU: Java Gauge "process_cpu_usage" [] "0 to 1", "CPU use of this process over the last second.";
    MACHINE_CPU: Java Gauge "system_cpu_usage" [] "0 to 1", "CPU use of the machine over the last second.";
    CPU_COUNT: Java Gauge "system_cpu_count" [] "", "Processors that this process may use.";
    UPTIME: Java Gauge "process_uptime_seconds" [] "s", "Time since this process started.";
    START_TIME: Java Gauge "process_start_time_seconds" [] "s", "When this process started, since 1970.";
    SCHEDULES_FIRED: Java Counter "ds_master_quartz_job_executed_total" ["class", "method", "exception", "result"] "", "Fire times of schedules: with result success those that became a workflow instance, with failure those that are lost.";
    SCHEDULE_TIME: Java Histogram "ds_master_quartz_job_execution_time_seconds" ["class", "method", "exception"] "s", "One transaction that fires what is due.";
    DISPATCHES: JavaUnused Counter "ds_task_dispatch_count_total" [] "", "Attempts sent to a worker.";
    DISPATCH_FAILURES: JavaUnused Counter "ds_task_dispatch_failure_count_total" [] "", "Attempts that a worker refused, or that could not be sent.";
    DISPATCH_ERRORS: JavaUnused Counter "ds_task_dispatch_error_count_total" [] "", "Attempts sent without an answer.";
    COMMANDS_LOST: Orca Counter "orca_command_lost_total" [] "", "Commands that another master claimed first.";
    COMMANDS_FAILED: Orca Counter "orca_command_failed_total" [] "", "Commands that can never run, moved to t_ds_error_command.";
    FENCES_LOST: Orca Counter "orca_fence_lost_total" [] "", "Workflow instances dropped here because their row has another owner.";
    LEASES_LOST: Orca Counter "orca_lease_lost_total" [] "", "Times this master lost its right to act.";
    QUARANTINED: Orca Counter "orca_workflow_quarantined_total" [] "", "Workflow instances kept aside for an operator.";
    WORKERS_LOST: Orca Counter "orca_worker_lost_total" [] "", "Workers that have left for good.";
    FAILOVERS: Orca Counter "orca_failover_total" [] "", "Dead masters whose instances this master has moved, those without any included.";
    INSTANCES_MOVED: Orca Counter "orca_failover_instance_total" [] "", "Workflow instances that this master has moved from dead masters.";
    ORPHANS_RECOVERED: Orca Counter "orca_orphan_recovered_total" [] "", "Workflow instances that nobody would have run, taken up again or ended.";
    FAILOVER_DURATION: Orca Histogram "orca_failover_duration_seconds" [] "s", "From the moment a death was noticed until all instances had moved.";
    COMMIT_STEPS: Orca Histogram "orca_commit_batch_steps" [] "steps", "Steps of workflows in one transaction.";
    COMMIT_DURATION: Orca Histogram "orca_commit_duration_seconds" [] "s", "One such transaction, with the wait for a database thread.";
    COMMIT_WAITING: Orca Gauge "orca_commit_waiting" [] "steps", "Steps that wait for their transaction.";
    DISPATCH_LATENCY: Orca Histogram "orca_dispatch_latency_seconds" [] "s", "From an attempt that is ready to its acceptance by a worker, waiting for a worker included.";
    SCHEDULE_DELAY: Orca Histogram "orca_schedule_delay_seconds" [] "s", "From the time of a schedule until its workflow instance was there.";
    REGISTERED: Orca Gauge "orca_master_registered" [] "0 or 1", "Whether this master is registered and may act.";
}

#[cfg(test)]
#[path = "catalogue_tests.rs"]
mod tests;
