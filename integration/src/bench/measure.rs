//! What is read off a process and a database server, and how a row is printed.

use orca_integration::harness::{Cluster, Error};
use std::fs;
use std::time::{Duration, Instant};

pub(super) fn row(what: &str, ours: f64, java: f64, unit: &str, more_is_better: bool) {
    let ratio = if more_is_better { ours / java } else { java / ours };
    println!("| {what} | {ours:.3} {unit} | {java} {unit} | {ratio:.1} |");
}

fn proc_file(pid: u32, name: &str) -> Result<String, Error> {
    fs::read_to_string(format!("/proc/{pid}/{name}")).map_err(|error| Error::Failed {
        what: format!("/proc/{pid}/{name}"),
        reason: error.to_string(),
    })
}

pub(super) fn resident_mb(pid: u32) -> Result<f64, Error> {
    let status = proc_file(pid, "status")?;
    let kib = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.split_whitespace().next());
    Ok(kib.and_then(|kib| kib.parse::<f64>().ok()).unwrap_or_default() / 1_024.0)
}

/// User and system time of the process.
pub(super) fn cpu_seconds(pid: u32) -> Result<f64, Error> {
    let stat = proc_file(pid, "stat")?;
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: f64 = after_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<f64>().ok())
        .sum();
    // USER_HZ is 100 on every Linux that Rust runs on.
    Ok(ticks / 100.0)
}

/// What a master costs while it does nothing but wait.
pub(super) struct Rest {
    /// Of one core.
    pub(super) cpu_percent: f64,
    pub(super) statements_per_second: f64,
}

/// Watches a master for that long. The database server must have no other client that talks.
pub(super) fn rest(cluster: &Cluster, pid: u32, watched_for: Duration) -> Result<Rest, Error> {
    let (statements, cpu, from) = (statements(cluster)?, cpu_seconds(pid)?, Instant::now());
    std::thread::sleep(watched_for);
    let (cpu, seconds) = (cpu_seconds(pid)? - cpu, from.elapsed().as_secs_f64());
    // The second look is a connection and a statement of ours.
    let statements = (self::statements(cluster)? - statements - 2).max(0);
    Ok(Rest {
        cpu_percent: cpu * 100.0 / seconds,
        statements_per_second: statements as f64 / seconds,
    })
}

/// Statements that clients have sent to the server since it started.
fn statements(cluster: &Cluster) -> Result<i64, Error> {
    cluster.number(
        "SELECT CAST(variable_value AS SIGNED) AS number FROM information_schema.global_status \
         WHERE variable_name = 'QUESTIONS'",
    )
}

/// The value below which this share of the sorted samples lies.
pub(super) fn at_share(sorted: &[Duration], share: f64) -> Duration {
    let last = sorted.len().saturating_sub(1);
    sorted
        .get((last as f64 * share) as usize)
        .copied()
        .unwrap_or_default()
}
