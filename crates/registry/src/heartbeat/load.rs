//! NORMAL or BUSY: a pure decision on one sample.

use super::json::{Metrics, ServerStatus};

/// `<server>.server-load-protection.*`. Thresholds are shares, 0 to 1; a value must be above its threshold, not at it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LoadProtection {
    pub enabled: bool,
    pub max_system_cpu: f64,
    /// `max-jvm-cpu-usage-percentage-thresholds`: the share of this process.
    pub max_process_cpu: f64,
    pub max_system_memory: f64,
    pub max_disk: f64,
    /// Reached, not only exceeded, it makes a server busy.
    pub max_running: u64,
}

/// What is too high.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overload {
    SystemCpu,
    ProcessCpu,
    Disk,
    SystemMemory,
    Running,
}

impl Default for LoadProtection {
    /// As in the shipped `application.yaml`.
    fn default() -> Self {
        Self {
            enabled: true,
            max_system_cpu: 0.8,
            max_process_cpu: 0.8,
            max_system_memory: 0.8,
            max_disk: 0.8,
            max_running: 2_147_483_647,
        }
    }
}

impl LoadProtection {
    /// The first thing that is too high, in the order Java asks.
    #[must_use]
    pub fn overload(&self, metrics: &Metrics, running: u64) -> Option<Overload> {
        if !self.enabled {
            return None;
        }
        if metrics.cpu_usage > self.max_system_cpu {
            Some(Overload::SystemCpu)
        } else if metrics.jvm_cpu_usage > self.max_process_cpu {
            Some(Overload::ProcessCpu)
        } else if metrics.disk_usage > self.max_disk {
            Some(Overload::Disk)
        } else if metrics.memory_usage > self.max_system_memory {
            Some(Overload::SystemMemory)
        } else if running >= self.max_running {
            Some(Overload::Running)
        } else {
            None
        }
    }

    #[must_use]
    pub fn status(&self, metrics: &Metrics, running: u64) -> ServerStatus {
        match self.overload(metrics, running) {
            Some(_) => ServerStatus::Busy,
            None => ServerStatus::Normal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_at_its_threshold_is_normal_and_a_full_house_is_not() {
        let protection = LoadProtection {
            max_running: 10,
            ..LoadProtection::default()
        };
        let at = Metrics {
            cpu_usage: 0.8,
            jvm_cpu_usage: 0.8,
            disk_usage: 0.8,
            memory_usage: 0.8,
            ..Metrics::default()
        };
        assert_eq!(protection.overload(&at, 9), None);
        assert_eq!(protection.status(&at, 9), ServerStatus::Normal);
        assert_eq!(protection.overload(&at, 10), Some(Overload::Running));
        assert_eq!(protection.status(&at, 10), ServerStatus::Busy);
    }

    #[test]
    fn the_first_cause_in_javas_order_is_named() {
        let protection = LoadProtection::default();
        let mut metrics = Metrics {
            cpu_usage: 0.9,
            jvm_cpu_usage: 0.9,
            disk_usage: 0.9,
            memory_usage: 0.9,
            ..Metrics::default()
        };
        assert_eq!(protection.overload(&metrics, 0), Some(Overload::SystemCpu));
        metrics.cpu_usage = 0.0;
        assert_eq!(protection.overload(&metrics, 0), Some(Overload::ProcessCpu));
        metrics.jvm_cpu_usage = 0.0;
        assert_eq!(protection.overload(&metrics, 0), Some(Overload::Disk));
        metrics.disk_usage = 0.0;
        assert_eq!(protection.overload(&metrics, 0), Some(Overload::SystemMemory));
    }

    #[test]
    fn switched_off_it_never_objects() {
        let protection = LoadProtection {
            enabled: false,
            max_running: 0,
            ..LoadProtection::default()
        };
        let metrics = Metrics {
            cpu_usage: 1.0,
            ..Metrics::default()
        };
        assert_eq!(protection.status(&metrics, 5), ServerStatus::Normal);
    }
}
