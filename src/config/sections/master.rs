//! `master.*`: the keys of Java's `MasterConfig`.

use super::{above_zero, off_or_a_minute};
use crate::config::section::{Checks, section};
use crate::config::value::{Port, Share, choice};
use std::time::Duration;

choice! {
    /// `master.worker-load-balancer-configuration-properties.type`
    Balancer,
    "RANDOM, ROUND_ROBIN, FIXED_WEIGHTED_ROUND_ROBIN or DYNAMIC_WEIGHTED_ROUND_ROBIN",
    {
        Random => "RANDOM",
        RoundRobin => "ROUND_ROBIN",
        FixedWeightedRoundRobin => "FIXED_WEIGHTED_ROUND_ROBIN",
        DynamicWeightedRoundRobin => "DYNAMIC_WEIGHTED_ROUND_ROBIN",
    }
}

choice! {
    /// `master.command-fetch-strategy.type`
    FetchStrategy, "ID_SLOT_BASED", { IdSlotBased => "ID_SLOT_BASED" }
}

section! {
    /// A master server.
    pub(crate) struct Master {
        /// Port of the RPC server, on every interface.
        "listen-port" => listen_port: Port = Port(5678);
        /// `host:port` that peers dial, the name of the registry node and the value of the `host` columns. Without it: the host as
        /// `dolphin.scheduler.network.*` says, and `master.listen-port`.
        "master-address" => address: Option<String> = None;
        /// A heartbeat is written at least this often; sooner when the status changes.
        "max-heartbeat-interval" => max_heartbeat_interval: Duration = Duration::from_secs(10);
        /// Threads that run workflows. Without it: one for each processor.
        "workflow-event-bus-fire-thread-count" => workflow_threads: Option<usize> = None;
        /// How often the worker groups are read from the database, beside the notices of the API server.
        "worker-group-refresh-interval" => worker_group_refresh_interval: Duration = Duration::from_secs(300);
        /// Fail a task that found no worker for `max-task-dispatch-duration`.
        "task-dispatch-policy.dispatch-timeout-enabled" => dispatch_timeout_enabled: bool = false;
        /// See `dispatch-timeout-enabled`.
        "task-dispatch-policy.max-task-dispatch-duration" => max_task_dispatch_duration: Duration = Duration::from_secs(3600);
        /// How masters share commands among them. There is one way.
        "command-fetch-strategy.type" => fetch_strategy: FetchStrategy = FetchStrategy::IdSlotBased;
        /// The step of command ids: above 1 when the database counts ids in such steps.
        "command-fetch-strategy.config.id-step" => id_step: i32 = 1;
        /// Commands of one fetch. The larger of this and `orca.intake.batch-size` counts.
        "command-fetch-strategy.config.fetch-size" => fetch_size: i32 = 10;
        /// How a worker is chosen within its group.
        "worker-load-balancer-configuration-properties.type" => balancer: Balancer = Balancer::DynamicWeightedRoundRobin;
        /// `DYNAMIC_WEIGHTED_ROUND_ROBIN`: how much a worker's processor usage counts. The three weights sum to 100.
        "worker-load-balancer-configuration-properties.dynamic-weight-config-properties.cpu-usage-weight" => cpu_usage_weight: u32 = 30;
        /// The same for its memory usage.
        "worker-load-balancer-configuration-properties.dynamic-weight-config-properties.memory-usage-weight" => memory_usage_weight: u32 = 30;
        /// The same for its busy slots.
        "worker-load-balancer-configuration-properties.dynamic-weight-config-properties.task-thread-pool-usage-weight" => slot_usage_weight: u32 = 40;
    }
}

section! {
    /// When a master calls itself BUSY and takes no new workflows.
    pub(crate) struct MasterLoadProtection {
        /// Off: the master is always NORMAL.
        "enabled" => enabled: bool = true;
        /// Above this processor usage of the machine.
        "max-system-cpu-usage-percentage-thresholds" => system_cpu: Share = Share(0.8);
        /// Above this processor usage of the process.
        "max-jvm-cpu-usage-percentage-thresholds" => process_cpu: Share = Share(0.8);
        /// Above this memory usage of the machine.
        "max-system-memory-usage-percentage-thresholds" => system_memory: Share = Share(0.8);
        /// Above this usage of the file system of the working directory.
        "max-disk-usage-percentage-thresholds" => disk: Share = Share(0.8);
        /// From this many running workflow instances on.
        "max-concurrent-workflow-instances" => max_concurrent_workflow_instances: i32 = i32::MAX;
        /// Read and not used, as in Java.
        "max-workflow-instance-runtime" => max_workflow_instance_runtime: Duration = Duration::ZERO;
        /// A task that runs longer fails. 0 means no limit; whole minutes count.
        "max-task-instance-runtime" => max_task_instance_runtime: Duration = Duration::ZERO;
    }
}

section! {
    /// The HTTP server of a process.
    pub(crate) struct Server {
        /// Port of the HTTP server of a master: `/actuator/health` and `/actuator/prometheus`. Also part of the default of `registry.jdbc-registry-client-name`.
        "port" => port: Port = Port(5679);
    }
}

impl Master {
    pub(crate) fn check(&self, checks: &mut Checks<'_>) {
        let key = |name: &str| format!("master.{name}");
        if let Some(address) = &self.address {
            let good = crate::address::split(address).is_some();
            checks.that(
                good,
                &key("master-address"),
                format!("\"{address}\" must look like host:port, an IPv6 host in brackets"),
            );
        }
        let refresh = self.worker_group_refresh_interval >= Duration::from_secs(10);
        checks.that(
            refresh,
            &key("worker-group-refresh-interval"),
            "must be at least 10s",
        );
        let threads = self
            .workflow_threads
            .is_none_or(|threads| (1..=crate::limits::WORKFLOW_THREADS_MAX).contains(&threads));
        let most = crate::limits::WORKFLOW_THREADS_MAX;
        checks.that(
            threads,
            &key("workflow-event-bus-fire-thread-count"),
            format!("must be from 1 to {most}"),
        );
        if self.dispatch_timeout_enabled {
            above_zero(
                checks,
                &key("task-dispatch-policy.max-task-dispatch-duration"),
                self.max_task_dispatch_duration,
            );
        }
        checks.that(
            self.id_step > 0,
            &key("command-fetch-strategy.config.id-step"),
            "must be 1 or more",
        );
        checks.that(
            self.fetch_size > 0,
            &key("command-fetch-strategy.config.fetch-size"),
            "must be 1 or more",
        );
        let weights = [
            self.cpu_usage_weight,
            self.memory_usage_weight,
            self.slot_usage_weight,
        ];
        let sum = weights
            .iter()
            .fold(0_u32, |sum, weight| sum.saturating_add(*weight));
        let prefix = key("worker-load-balancer-configuration-properties.dynamic-weight-config-properties");
        checks.that(
            sum == 100,
            &prefix,
            format!("the three weights must sum to 100, not {sum}"),
        );
    }
}

impl MasterLoadProtection {
    pub(crate) fn check(&self, checks: &mut Checks<'_>) {
        let key = |name: &str| format!("master.server-load-protection.{name}");
        let some = self.max_concurrent_workflow_instances > 0;
        checks.that(
            some,
            &key("max-concurrent-workflow-instances"),
            "must be 1 or more",
        );
        off_or_a_minute(
            checks,
            &key("max-workflow-instance-runtime"),
            self.max_workflow_instance_runtime,
        );
        off_or_a_minute(
            checks,
            &key("max-task-instance-runtime"),
            self.max_task_instance_runtime,
        );
    }
}
