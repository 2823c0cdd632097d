//! Our node under `/nodes/master`: what peers, workers and the API server see of this master.

use crate::settings::MasterSettings;
use crate::term::Term;
use orca_registry::heartbeat::{
    Beat, HeartbeatEnd, Heartbeater, MasterHeartbeat, Metrics, RUNTIME, Sampler, ServerStatus,
    current_process_id, wall_clock_ms,
};
use orca_registry::{EphemeralNode, Error, Registry, paths};
use std::sync::Arc;

/// A registered heartbeat, to be kept up with [`HeartbeatNode::run`].
pub(crate) struct HeartbeatNode {
    beats: Heartbeater,
    source: Source,
}

/// What a heartbeat is made from.
struct Source {
    term: Arc<Term>,
    sampler: Sampler,
    startup_time_ms: i64,
    host: String,
    port: i32,
}

impl HeartbeatNode {
    /// Creates the node, which announces this master.
    pub(crate) async fn register(registry: Arc<dyn Registry>, term: Arc<Term>) -> Result<Self, Error> {
        let (host, port) = split_address(&term.settings);
        let mut source = Source {
            sampler: Sampler::new(),
            startup_time_ms: wall_clock_ms(),
            host,
            port,
            term,
        };
        let settings = source.term.settings.clone();
        let node: EphemeralNode = registry
            .create_ephemeral(&paths::master(&settings.address), &source.beat().payload)
            .await?;
        let marker =
            paths::failover_finished(&settings.address, source.startup_time_ms, current_process_id());
        let max_interval = settings.heartbeat.interval_max;
        let beats = Heartbeater {
            registry,
            node,
            marker,
            max_interval,
            hurry: source.term.leaving.hurry.clone(),
            writes: source.term.metrics.heartbeats.clone(),
        };
        Ok(Self { beats, source })
    }

    /// Until the place is lost.
    pub(crate) async fn run(self) -> HeartbeatEnd {
        let mut source = self.source;
        self.beats.run(move || source.beat()).await
    }
}

impl Source {
    fn beat(&mut self) -> Beat {
        let metrics = self.sampler.sample();
        self.measure(&metrics);
        let running = u64::try_from(self.term.directory.len()).unwrap_or(u64::MAX);
        let status = match self.term.leaving.has_begun() {
            true => ServerStatus::Busy,
            false => self
                .term
                .settings
                .heartbeat
                .load_protection
                .status(&metrics, running),
        };
        Beat {
            status,
            payload: self.payload(metrics, status).to_json(),
        }
    }

    fn measure(&self, sample: &Metrics) {
        const GIB: f64 = (1_u64 << 30) as f64;
        let gauges = &self.term.metrics;
        gauges.system_cpu.set(sample.cpu_usage);
        gauges.process_cpu.set(sample.jvm_cpu_usage);
        gauges.process_memory.set(sample.jvm_memory_usage);
        // The largest heap of a process without a JVM is the machine's memory.
        gauges
            .memory_available
            .set(sample.jvm_heap_max * (1.0 - sample.memory_usage) / GIB);
    }

    fn payload(&self, metrics: Metrics, status: ServerStatus) -> MasterHeartbeat {
        MasterHeartbeat {
            process_id: current_process_id(),
            startup_time_ms: self.startup_time_ms,
            report_time_ms: wall_clock_ms(),
            metrics,
            server_status: Some(status),
            host: self.host.clone(),
            port: self.port,
            runtime: Some(RUNTIME.to_owned()),
        }
    }
}

/// Split at the last colon, as every peer does.
fn split_address(settings: &MasterSettings) -> (String, i32) {
    match settings.address.rsplit_once(':') {
        Some((host, port)) => (
            host.to_owned(),
            port.parse().unwrap_or_else(|_| i32::from(settings.listen.port())),
        ),
        None => (settings.address.clone(), i32::from(settings.listen.port())),
    }
}
