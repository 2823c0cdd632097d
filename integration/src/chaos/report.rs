//! What a run prints.

use super::check::{InstanceRow, TaskRow, Verdict, Violation};
use super::evidence::{Evidence, Micros};
use super::load::Triggered;
use super::recovery::{Recovery, percentile};
use orca_engine::codes::TaskState;
use std::collections::BTreeMap;
use std::time::Duration;

#[derive(Default)]
pub(crate) struct Report {
    cycles: u64,
    workflows: usize,
    tasks: usize,
    runs: usize,
    failed_calls: u64,
    faults: BTreeMap<String, usize>,
    violations: Vec<Violation>,
    overlaps: Vec<Micros>,
    drains: Vec<Duration>,
    pub(crate) recoveries: Vec<Recovery>,
    pub(crate) own_ends: BTreeMap<&'static str, usize>,
}

impl Report {
    pub(crate) fn fault(&mut self, kind: &str) {
        *self.faults.entry(kind.to_owned()).or_default() += 1;
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }

    #[expect(clippy::too_many_arguments, reason = "one line of output, from all over")]
    pub(crate) fn cycle(
        &mut self,
        number: u64,
        instances: &[InstanceRow],
        tasks: &[TaskRow],
        triggered: &Triggered,
        evidence: &Evidence,
        drained_after: Duration,
        verdict: Verdict,
    ) {
        let runs = tasks
            .iter()
            .filter_map(|task| evidence.runs.get(&task.id))
            .map(Vec::len)
            .sum::<usize>();
        let replaced = tasks
            .iter()
            .filter(|task| task.state == TaskState::NeedFaultTolerance.code())
            .count();
        println!(
            "  {} workflows ({} triggers failed), {} task instances, {replaced} lost with their workers, {runs} real runs, {} restarted, \
             all ended {:.1} s after healing, {} violations",
            instances.len(),
            triggered.failed_calls,
            tasks.len(),
            verdict.restarted.len(),
            drained_after.as_secs_f64(),
            verdict.violations.len()
        );
        for violation in &verdict.violations {
            println!("  VIOLATION in cycle {number}: {violation}");
        }
        self.cycles += 1;
        self.workflows += instances.len();
        self.tasks += tasks.len();
        self.runs += runs;
        self.failed_calls += triggered.failed_calls;
        self.drains.push(drained_after);
        self.overlaps
            .extend(verdict.restarted.iter().map(|restarted| restarted.overlap));
        self.violations.extend(verdict.violations);
    }

    pub(crate) fn print(&self) {
        println!(
            "\n{} cycles, {} faults, {} workflows, {} task instances, {} real runs, {} failed triggers",
            self.cycles,
            self.faults.values().sum::<usize>(),
            self.workflows,
            self.tasks,
            self.runs,
            self.failed_calls
        );
        println!("\n| fault | times |\n| --- | --- |");
        for (kind, times) in &self.faults {
            println!("| {kind} | {times} |");
        }
        self.print_recoveries();
        let longest = self.drains.iter().max().copied().unwrap_or_default();
        println!(
            "\nlongest time from healing to the end of every workflow: {:.1} s",
            longest.as_secs_f64()
        );
        for (kind, times) in &self.own_ends {
            println!("{kind}s that ended by themselves and were started again: {times}");
        }
        self.print_restarted();
        println!("violations: {}", self.violations.len());
        for violation in &self.violations {
            println!("  {violation}");
        }
    }

    fn print_recoveries(&self) {
        println!(
            "\n| from this fault to running under a new owner | instances | p50 ms | p99 ms | longest ms |\n| --- | --- | --- | --- | --- |"
        );
        let mut groups: BTreeMap<String, Vec<Micros>> = BTreeMap::new();
        for recovery in &self.recoveries {
            let others = if recovery.is_alone {
                ""
            } else {
                ", during other faults"
            };
            let group = format!("{}{others}", recovery.kind);
            groups.entry(group).or_default().push(recovery.took);
        }
        groups.insert(
            "all".to_owned(),
            self.recoveries.iter().map(|recovery| recovery.took).collect(),
        );
        for (group, mut took) in groups {
            took.sort_unstable();
            let ms = |percent| percentile(&took, percent) / 1_000;
            println!(
                "| {group} | {} | {} | {} | {} |",
                took.len(),
                ms(50),
                ms(99),
                ms(100)
            );
        }
    }

    fn print_restarted(&self) {
        let mut overlaps = self.overlaps.clone();
        overlaps.sort_unstable();
        let ms = |percent| percentile(&overlaps, percent) / 1_000;
        println!(
            "restarted while the old run, cut off from the registry, still went on: {}; overlap p50 {} ms, p99 {} ms, longest {} ms",
            overlaps.len(),
            ms(50),
            ms(99),
            ms(100)
        );
    }
}
