//! Measures this machine and this process, from `/proc` and the file system. The `jvm*` figures are those of the process, which is what they stand for.
//!
//! A figure that cannot be read keeps its last value, as Java keeps the last good one.

use super::json::Metrics;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Ticks per second of the times in `/proc`: 100 on every Linux that user space sees.
const TICKS_PER_SECOND: f64 = 100.0;

#[derive(Debug)]
pub struct Sampler {
    last: Metrics,
    system: Option<CpuTimes>,
    process: Option<(f64, Instant)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct CpuTimes {
    busy: u64,
    total: u64,
}

impl Default for Sampler {
    fn default() -> Self {
        Self::new()
    }
}

impl Sampler {
    #[must_use]
    pub fn new() -> Self {
        Self {
            last: Metrics::default(),
            system: system_times(),
            process: process_seconds(),
        }
    }

    /// One sample. CPU shares are over the time since the previous one.
    pub fn sample(&mut self) -> Metrics {
        self.sample_system_cpu();
        self.sample_process_cpu();
        let memory = read("/proc/meminfo");
        let total = memory.as_deref().and_then(|text| kilobytes(text, "MemTotal:"));
        let available = memory
            .as_deref()
            .and_then(|text| kilobytes(text, "MemAvailable:"));
        if let (Some(total), Some(available)) = (total, available) {
            self.last.memory_usage = share(total - available, total);
            self.last.jvm_heap_max = total;
        }
        if let Some(resident) = read("/proc/self/status")
            .as_deref()
            .and_then(|text| kilobytes(text, "VmRSS:"))
        {
            self.last.jvm_heap_used = resident;
            self.last.jvm_memory_usage = share(resident, self.last.jvm_heap_max);
        }
        if let Ok(disk) = rustix::fs::statvfs(".") {
            let (blocks, usable) = (as_f64(disk.f_blocks), as_f64(disk.f_bavail));
            self.last.disk_usage = share(blocks - usable, blocks);
        }
        self.last
    }

    fn sample_system_cpu(&mut self) {
        let now = system_times();
        if let (Some(before), Some(now)) = (self.system, now) {
            let total = now.total.saturating_sub(before.total);
            if total > 0 {
                self.last.cpu_usage = share(as_f64(now.busy.saturating_sub(before.busy)), as_f64(total));
            }
        }
        self.system = now.or(self.system);
    }

    fn sample_process_cpu(&mut self) {
        let now = process_seconds();
        if let (Some((before, at)), Some((now, now_at))) = (self.process, now) {
            let elapsed = now_at.duration_since(at).as_secs_f64();
            let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
            if elapsed > 0.0 {
                self.last.jvm_cpu_usage = share(now - before, elapsed * as_f64(processors as u64));
            }
        }
        self.process = now.or(self.process);
    }
}

/// The process id as the heartbeat carries it.
#[must_use]
pub fn current_process_id() -> i32 {
    i32::try_from(std::process::id()).unwrap_or(i32::MAX)
}

/// Milliseconds since the epoch.
#[must_use]
pub fn wall_clock_ms() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}

fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

fn system_times() -> Option<CpuTimes> {
    parse_system_times(&read("/proc/stat")?)
}

/// The line `cpu user nice system idle iowait irq softirq steal …`.
fn parse_system_times(stat: &str) -> Option<CpuTimes> {
    let line = stat.lines().find(|line| line.starts_with("cpu "))?;
    let times: Vec<u64> = line
        .split_ascii_whitespace()
        .skip(1)
        .take(8)
        .map_while(|field| field.parse().ok())
        .collect();
    let (idle, iowait) = (times.get(3)?, times.get(4).unwrap_or(&0));
    let total = times.iter().fold(0_u64, |sum, time| sum.saturating_add(*time));
    Some(CpuTimes {
        busy: total.saturating_sub(idle.saturating_add(*iowait)),
        total,
    })
}

fn process_seconds() -> Option<(f64, Instant)> {
    Some((parse_process_seconds(&read("/proc/self/stat")?)?, Instant::now()))
}

/// User and system time, fields 14 and 15; the name in field 2 may hold anything, also spaces and brackets.
fn parse_process_seconds(stat: &str) -> Option<f64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(as_f64(user.saturating_add(system)) / TICKS_PER_SECOND)
}

/// Bytes behind a label of `/proc/meminfo` or `/proc/self/status`.
fn kilobytes(text: &str, label: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(label))?;
    let value: u64 = line.split_ascii_whitespace().next()?.parse().ok()?;
    Some(as_f64(value) * 1024.0)
}

fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 {
        (part / whole).clamp(0.0, 1.0)
    } else {
        0.0
    }
}

/// Exact up to 2^53, which is more than any of these figures.
#[expect(
    clippy::cast_precision_loss,
    reason = "figures are below 2^53, and shares need no more"
)]
fn as_f64(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_proc_are_read_as_they_are_written() {
        let stat = "cpu  100 0 50 800 50 0 0 0 0 0\ncpu0 1 2 3\n";
        assert_eq!(
            parse_system_times(stat),
            Some(CpuTimes {
                busy: 150,
                total: 1000
            })
        );
        assert_eq!(parse_system_times("cpu  \n"), None);
        assert_eq!(parse_system_times(""), None);
        let own = "42 (a b) c)) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0";
        assert_eq!(parse_process_seconds(own), Some(3.0));
        assert_eq!(parse_process_seconds("42 (x"), None);
        assert_eq!(
            kilobytes("MemTotal:       2 kB\nMemAvailable: 1 kB", "MemAvailable:"),
            Some(1024.0)
        );
        assert_eq!(kilobytes("MemTotal: x", "MemTotal:"), None);
    }

    #[test]
    fn a_sample_of_this_machine_is_within_bounds() {
        let mut sampler = Sampler::new();
        let metrics = sampler.sample();
        for share in [
            metrics.cpu_usage,
            metrics.jvm_cpu_usage,
            metrics.memory_usage,
            metrics.disk_usage,
            metrics.jvm_memory_usage,
        ] {
            assert!((0.0..=1.0).contains(&share), "{metrics:?}");
        }
        assert!(metrics.jvm_heap_used > 0.0 && metrics.jvm_heap_max > metrics.jvm_heap_used);
    }
}
