//! What a master counts and measures, under the names of the Java master where it has one.
//!
//! Guarantees: an observation never blocks for longer than another one takes, and never fails; the number of series is bounded, whatever names definitions and
//! servers have. It refuses to know who reads it.

mod catalogue;
mod exposition;
mod instruments;

pub(crate) use catalogue::*;
pub(crate) use exposition::Exposition;
pub(crate) use instruments::{Counter, Gauge, Histogram, Labelled};

use crate::limits::{METRIC_SERIES_MAX, WORKFLOW_SERIES_MAX};
use orca_engine::codes::WorkflowState;
use orca_rpc::{Outcome, Refusal, UnknownReason};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

/// Code under which Java registers each state at 0, so that a dashboard has the series before the first instance.
const DUMMY_CODE: &str = "dummy";

/// The instruments of one process; they survive a change of term.
#[derive(Debug)]
pub(crate) struct Metrics {
    pub(crate) commands_claimed: Counter,
    /// Commands that another master had taken.
    pub(crate) commands_lost: Counter,
    /// Commands moved to the error table.
    pub(crate) commands_failed: Counter,
    pub(crate) overloaded: Counter,
    /// Shared with the heartbeat, which counts its writes.
    pub(crate) heartbeats: Arc<AtomicU64>,
    pub(crate) panics: Counter,
    /// Instances dropped because their row has another owner.
    pub(crate) fences_lost: Counter,
    pub(crate) leases_lost: Counter,
    /// Instances kept aside after a panic or an impossible write.
    pub(crate) quarantined: Counter,
    pub(crate) workers_lost: Counter,
    pub(crate) failovers: Counter,
    pub(crate) instances_moved: Counter,
    /// Instances that nobody would have run.
    pub(crate) orphans_recovered: Counter,
    pub(crate) failover_duration: Histogram,
    pub(crate) command_query: Histogram,
    pub(crate) instance_generate: Histogram,
    pub(crate) commit_steps: Histogram,
    pub(crate) commit_duration: Histogram,
    pub(crate) dispatch_latency: Histogram,
    pub(crate) dispatch_accepted: Counter,
    pub(crate) dispatch_refused: Counter,
    pub(crate) dispatch_unknown: Counter,
    pub(crate) schedules_fired: Counter,
    pub(crate) schedules_lost: Counter,
    pub(crate) schedule_time: Histogram,
    pub(crate) schedule_delay: Histogram,
    pub(crate) system_cpu: Gauge,
    pub(crate) process_cpu: Gauge,
    pub(crate) process_memory: Gauge,
    pub(crate) memory_available: Gauge,
    /// By state and definition code.
    workflows: Labelled<Counter>,
    /// By method and server.
    calls: Labelled<Histogram>,
    /// By method, server and kind of failure.
    call_failures: Labelled<Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        let workflows = Labelled::new(WORKFLOW_SERIES_MAX, Counter::default);
        for state in WorkflowState::ALL {
            workflows.with(&[state.name(), DUMMY_CODE], |_| {});
        }
        Self {
            commands_claimed: Counter::default(),
            commands_lost: Counter::default(),
            commands_failed: Counter::default(),
            overloaded: Counter::default(),
            heartbeats: Arc::default(),
            panics: Counter::default(),
            fences_lost: Counter::default(),
            leases_lost: Counter::default(),
            quarantined: Counter::default(),
            workers_lost: Counter::default(),
            failovers: Counter::default(),
            instances_moved: Counter::default(),
            orphans_recovered: Counter::default(),
            failover_duration: Histogram::new(SECONDS_LONG),
            command_query: Histogram::new(&[]),
            instance_generate: Histogram::new(&[]),
            commit_steps: Histogram::new(STEPS),
            commit_duration: Histogram::new(SECONDS_SHORT),
            dispatch_latency: Histogram::new(SECONDS_LONG),
            dispatch_accepted: Counter::default(),
            dispatch_refused: Counter::default(),
            dispatch_unknown: Counter::default(),
            schedules_fired: Counter::default(),
            schedules_lost: Counter::default(),
            schedule_time: Histogram::new(SECONDS_SHORT),
            schedule_delay: Histogram::new(SECONDS_LONG),
            system_cpu: Gauge::default(),
            process_cpu: Gauge::default(),
            process_memory: Gauge::default(),
            memory_available: Gauge::default(),
            workflows,
            calls: Labelled::new(METRIC_SERIES_MAX, || Histogram::new(SECONDS_SHORT)),
            call_failures: Labelled::new(METRIC_SERIES_MAX, Counter::default),
        }
    }
}

impl Metrics {
    /// `ds.workflow.instance.count`: an instance was claimed (SUBMITTED_SUCCESS), moved (FAILOVER) or ended.
    pub(crate) fn workflow(&self, state: WorkflowState, definition_code: i64) {
        self.workflows
            .with(&[state.name(), &definition_code.to_string()], |counter| {
                counter.add(1)
            });
    }

    /// One call on another server, with what became of it.
    pub(crate) fn call<T>(&self, method: &str, server: &str, took: Duration, outcome: &Outcome<T>) {
        match failure_name(outcome) {
            None => self
                .calls
                .with(&[method, server], |histogram| histogram.observe(took)),
            Some(name) => self
                .call_failures
                .with(&[method, server, name], |counter| counter.add(1)),
        }
    }

    /// Writes everything that this process counts by itself. `client_host` is our own address.
    pub(crate) fn write(&self, text: &mut Exposition, client_host: &str) {
        self.write_java(text);
        self.write_schedules(text);
        self.write_calls(text, client_host);
        self.write_own(text);
    }

    fn write_java(&self, text: &mut Exposition) {
        text.counter(&COMMANDS_CLAIMED, &self.commands_claimed);
        text.counter(&OVERLOADED, &self.overloaded);
        text.value(
            &HEARTBEATS,
            whole(self.heartbeats.load(std::sync::atomic::Ordering::Relaxed)),
        );
        text.value(&UNCAUGHT, whole(self.panics.get()));
        text.value(&SYSTEM_CPU, self.system_cpu.get());
        text.value(&MEMORY_AVAILABLE, self.memory_available.get());
        text.value(&MEMORY_USAGE, self.process_memory.get());
        text.histogram(&COMMAND_QUERY, &self.command_query);
        text.histogram(&INSTANCE_GENERATE, &self.instance_generate);
        text.begin(&WORKFLOWS);
        self.workflows.each(|labels, counter| {
            text.sample(&WORKFLOWS, &pairs(WORKFLOWS.labels, labels), whole(counter.get()));
        });
        let dispatched =
            self.dispatch_accepted.get() + self.dispatch_refused.get() + self.dispatch_unknown.get();
        text.value(&DISPATCHES, whole(dispatched));
        text.value(&DISPATCH_FAILURES, whole(self.dispatch_refused.get()));
        text.value(&DISPATCH_ERRORS, whole(self.dispatch_unknown.get()));
        text.value(&PROCESS_CPU, self.process_cpu.get());
        text.value(&MACHINE_CPU, self.system_cpu.get());
    }

    fn write_schedules(&self, text: &mut Exposition) {
        const JOB: [(&str, &str); 3] = [
            (
                "class",
                "org.apache.dolphinscheduler.scheduler.quartz.ProcessScheduleTask",
            ),
            ("exception", "none"),
            ("method", "executeInternal"),
        ];
        text.begin(&SCHEDULES_FIRED);
        for (result, counter) in [
            ("failure", &self.schedules_lost),
            ("success", &self.schedules_fired),
        ] {
            let labels: Vec<_> = JOB.into_iter().chain([("result", result)]).collect();
            text.sample(&SCHEDULES_FIRED, &labels, whole(counter.get()));
        }
        text.begin(&SCHEDULE_TIME);
        text.histogram_sample(&SCHEDULE_TIME, &JOB, &self.schedule_time);
    }

    fn write_calls(&self, text: &mut Exposition, client_host: &str) {
        text.begin(&CALLS);
        self.calls.each(|labels, histogram| {
            let mut labels = pairs(&["method_name", "server_host"], labels);
            labels.insert(0, ("client_host", client_host));
            text.histogram_sample(&CALLS, &labels, histogram);
        });
        text.begin(&CALL_FAILURES);
        self.call_failures.each(|labels, counter| {
            let mut labels = pairs(&["method_name", "server_host", "exception_name"], labels);
            labels.insert(0, ("client_host", client_host));
            text.sample(&CALL_FAILURES, &labels, whole(counter.get()));
        });
    }

    fn write_own(&self, text: &mut Exposition) {
        text.counter(&COMMANDS_LOST, &self.commands_lost);
        text.counter(&COMMANDS_FAILED, &self.commands_failed);
        text.counter(&FENCES_LOST, &self.fences_lost);
        text.counter(&LEASES_LOST, &self.leases_lost);
        text.counter(&QUARANTINED, &self.quarantined);
        text.counter(&WORKERS_LOST, &self.workers_lost);
        text.counter(&FAILOVERS, &self.failovers);
        text.counter(&INSTANCES_MOVED, &self.instances_moved);
        text.counter(&ORPHANS_RECOVERED, &self.orphans_recovered);
        text.histogram(&FAILOVER_DURATION, &self.failover_duration);
        text.histogram(&COMMIT_STEPS, &self.commit_steps);
        text.histogram(&COMMIT_DURATION, &self.commit_duration);
        text.histogram(&DISPATCH_LATENCY, &self.dispatch_latency);
        text.histogram(&SCHEDULE_DELAY, &self.schedule_delay);
    }
}

/// Names of Java's exceptions where there is one that says the same.
fn failure_name<T>(outcome: &Outcome<T>) -> Option<&'static str> {
    match outcome {
        Outcome::Accepted(_) => None,
        Outcome::Refused(Refusal::Unreachable { .. }) => Some("RemotingException"),
        Outcome::Refused(Refusal::NotSent { .. }) => Some("NotSent"),
        Outcome::Refused(Refusal::Failed { .. }) => Some("MethodInvocationException"),
        Outcome::Unknown(UnknownReason::TimedOut { .. }) => Some("RemotingTimeoutException"),
        Outcome::Unknown(UnknownReason::ConnectionLost { .. }) => Some("ConnectionLost"),
        Outcome::Unknown(UnknownReason::BadAnswer { .. }) => Some("BadAnswer"),
    }
}

fn pairs<'a>(names: &[&'a str], values: &'a [String]) -> Vec<(&'a str, &'a str)> {
    names
        .iter()
        .copied()
        .zip(values.iter().map(String::as_str))
        .collect()
}

/// Counts are shown as floating point numbers, as the format has it; whole up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "a count above 2^53 is not reached")]
pub(crate) fn whole(count: u64) -> f64 {
    count as f64
}
