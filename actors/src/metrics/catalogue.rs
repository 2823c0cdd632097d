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
    FAILOVER_DURATION: Orca Histogram "orca_failover_duration_seconds" [] "s", "From the moment a death was noticed until all instances had moved.";
    COMMIT_STEPS: Orca Histogram "orca_commit_batch_steps" [] "steps", "Steps of workflows in one transaction.";
    COMMIT_DURATION: Orca Histogram "orca_commit_duration_seconds" [] "s", "One such transaction, with the wait for a database thread.";
    COMMIT_WAITING: Orca Gauge "orca_commit_waiting" [] "steps", "Steps that wait for their transaction.";
    DISPATCH_LATENCY: Orca Histogram "orca_dispatch_latency_seconds" [] "s", "From an attempt that is ready to its acceptance by a worker, waiting for a worker included.";
    SCHEDULE_DELAY: Orca Histogram "orca_schedule_delay_seconds" [] "s", "From the time of a schedule until its workflow instance was there.";
    REGISTERED: Orca Gauge "orca_master_registered" [] "0 or 1", "Whether this master is registered and may act.";
}

#[cfg(test)]
mod tests {
    use super::super::{Exposition, Metrics};
    use super::*;
    use crate::observatory::Observatory;
    use orca_engine::codes::WorkflowState;
    use orca_rpc::{Outcome, UnknownReason};
    use std::collections::BTreeSet;
    use std::path::Path;
    use std::time::Duration;

    fn helped(text: &str) -> BTreeSet<&str> {
        let helps = text.lines().filter_map(|line| line.strip_prefix("# HELP "));
        helps
            .filter_map(|line| line.split_once(' '))
            .map(|(name, _)| name)
            .collect()
    }

    #[test]
    fn every_family_is_exported_once_and_nothing_else() {
        let text = Observatory::default().exposition();
        let names: BTreeSet<&str> = ALL.iter().map(|family| family.name).collect();
        assert_eq!(names.len(), ALL.len(), "a name is used twice");
        assert_eq!(helped(&text), names);
        assert_eq!(
            text.matches("# HELP ").count(),
            ALL.len(),
            "a family is written twice"
        );
    }

    #[test]
    fn samples_have_the_labels_of_their_family() {
        let metrics = Metrics::default();
        metrics.workflow(WorkflowState::Success, 210_101);
        metrics.call(
            "ITaskExecutorOperator.dispatchTask",
            "w:1",
            Duration::from_millis(3),
            &Outcome::Accepted(()),
        );
        let late: Outcome<()> = Outcome::Unknown(UnknownReason::TimedOut {
            after: Duration::from_secs(1),
        });
        metrics.call(
            "ITaskExecutorOperator.killTask",
            "w:1",
            Duration::from_secs(1),
            &late,
        );
        let mut text = Exposition::default();
        metrics.write(&mut text, "m:5678");
        let text = text.into_text();
        for expected in [
            r#"ds_workflow_instance_count_total{application="master-server",state="SUCCESS",workflow_definition_code="210101"} 1.0"#,
            r#"ds_workflow_instance_count_total{application="master-server",state="SERIAL_WAIT",workflow_definition_code="dummy"} 0.0"#,
            r#"ds_rpc_client_sync_request_duration_time_seconds_bucket{application="master-server",client_host="m:5678",method_name="ITaskExecutorOperator.dispatchTask",server_host="w:1",le="0.005"} 1.0"#,
            r#"ds_rpc_client_sync_request_exception_count_total{application="master-server",client_host="m:5678",method_name="ITaskExecutorOperator.killTask",server_host="w:1",exception_name="RemotingTimeoutException"} 1.0"#,
        ] {
            assert!(
                text.lines().any(|line| line == expected),
                "no {expected} in\n{text}"
            );
        }
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (name, _) = line.split_once('{').unwrap();
            let family = ALL
                .iter()
                .filter(|family| name.starts_with(family.name))
                .max_by_key(|family| family.name.len());
            let family = family.unwrap_or_else(|| panic!("{line} has no family"));
            assert!(
                family
                    .labels
                    .iter()
                    .all(|label| line.contains(&format!("{label}=\""))),
                "{line}"
            );
        }
    }

    fn table(origin: Origin) -> String {
        let mut text = "| name | type | labels | unit | what it says, and when it moves |\n| --- | --- | --- | --- | --- |\n".to_owned();
        for family in ALL.iter().filter(|family| family.origin == origin) {
            let kind = format!("{:?}", family.kind).to_lowercase();
            let labels = family
                .labels
                .iter()
                .map(|label| format!("`{label}`"))
                .collect::<Vec<_>>()
                .join(", ");
            text += &format!(
                "| `{}` | {kind} | {labels} | {} | {} |\n",
                family.name, family.unit, family.help
            );
        }
        text
    }

    fn page() -> String {
        format!(
            "# Metrics and health\n\n\
            A master answers HTTP on `server.port` (5679), `GET` and `HEAD`:\n\n\
            | path | answer |\n| --- | --- |\n\
            | `/actuator/health` | 200 with `\"status\":\"UP\"` when the database answers (`db`) and this master is registered (`master`), else 503 with `DOWN` |\n\
            | `/actuator/health/liveness` | 200 as long as the process answers |\n\
            | `/actuator/health/readiness` | 200 while this master takes requests, else 503 with `OUT_OF_SERVICE`: while it starts, without a lease, and while it stops |\n\
            | `/actuator/prometheus` | the metrics below, in the text format 0.0.4 |\n\n\
            The database is asked at most once a second, whoever asks. A check without an answer within two seconds counts as `DOWN`.\n\n\
            Every sample has the label `application=\"master-server\"`. Summaries and histograms have `_count`, `_sum` and `_max`, the largest value of the\n\
            last one to two minutes; histograms have `_bucket` as well. Beyond a limit of series the label values of new ones become `other`.\n\
            This page is made from `actors/src/metrics/catalogue.rs`.\n\n\
            ## Names that a Java master 3.4.2 exports\n\n{}\n\
            A Java master exports `jvm_*`, `jetty_*` and the like as well, which say nothing about a process without a JVM. Where its series of calls carry the\n\
            host of the first call of a method, these carry the host that was called.\n\n\
            ## Names of the Java sources and dashboards that no Java master exports\n\n{}\n\
            ## Orca's own\n\n{}",
            table(Origin::Java),
            table(Origin::JavaUnused),
            table(Origin::Orca)
        )
    }

    #[test]
    fn the_reference_is_up_to_date() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/metrics.md");
        if std::env::var_os("ORCA_REGENERATE").is_some() {
            std::fs::write(&path, page()).unwrap();
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            found == page(),
            "docs/reference/metrics.md is stale; run this test with ORCA_REGENERATE=1"
        );
    }
}
