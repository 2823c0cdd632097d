//! The JSON of a heartbeat, in the order and the number format of Jackson.
//!
//! Reading is as lenient as the Java readers are: unknown fields are ignored, a missing or null number is zero, an unknown status is "not NORMAL".

use serde::{Deserialize, Deserializer};
use std::fmt::Write as _;

/// Value of the extra key `runtime` by which Orca's servers know each other. Java ignores it.
pub const RUNTIME: &str = "orca";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ServerStatus {
    Normal,
    Busy,
}

/// Shares are 0 to 1, sizes are bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Metrics {
    pub jvm_cpu_usage: f64,
    pub cpu_usage: f64,
    pub jvm_memory_usage: f64,
    pub jvm_heap_used: f64,
    pub jvm_non_heap_used: f64,
    pub jvm_heap_max: f64,
    pub jvm_non_heap_max: f64,
    pub memory_usage: f64,
    pub disk_usage: f64,
}

/// Payload of `/nodes/master/<address>`. An alert server writes the same fields.
#[derive(Clone, Debug, PartialEq)]
pub struct MasterHeartbeat {
    pub process_id: i32,
    /// Identifies the incarnation together with `process_id`. Milliseconds since the epoch.
    pub startup_time_ms: i64,
    pub report_time_ms: i64,
    pub metrics: Metrics,
    /// `None` for a status this version does not know: not NORMAL.
    pub server_status: Option<ServerStatus>,
    pub host: String,
    pub port: i32,
    /// `Some("orca")` for Orca's servers, nothing for Java's.
    pub runtime: Option<String>,
}

/// Payload of `/nodes/worker/<address>`.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkerHeartbeat {
    pub server: MasterHeartbeat,
    pub worker_host_weight: i32,
    /// Busy executor slots, 0 to 1.
    pub thread_pool_usage: f64,
    pub worker_group: String,
}

#[derive(Debug, thiserror::Error)]
#[error("not a heartbeat: {reason}")]
pub struct HeartbeatError {
    reason: String,
}

impl ServerStatus {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Normal => "NORMAL",
            Self::Busy => "BUSY",
        }
    }

    fn of(name: &str) -> Option<Self> {
        [Self::Normal, Self::Busy]
            .into_iter()
            .find(|status| status.name() == name)
    }
}

impl MasterHeartbeat {
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut json = String::with_capacity(512);
        self.write_fields(&mut json);
        self.write_runtime(&mut json);
        json
    }

    pub fn from_json(json: &str) -> Result<Self, HeartbeatError> {
        Wire::read(json).map(Wire::into_master)
    }

    /// `host:port`, with an IPv6 host as Java writes it: without brackets.
    #[must_use]
    pub fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    #[must_use]
    pub fn is_normal(&self) -> bool {
        self.server_status == Some(ServerStatus::Normal)
    }

    #[must_use]
    pub fn is_orca(&self) -> bool {
        self.runtime.as_deref() == Some(RUNTIME)
    }

    fn write_fields(&self, json: &mut String) {
        let metrics = &self.metrics;
        let _ = write!(
            json,
            "{{\"processId\":{},\"startupTime\":{},\"reportTime\":{}",
            self.process_id, self.startup_time_ms, self.report_time_ms
        );
        for (key, value) in [
            ("jvmCpuUsage", metrics.jvm_cpu_usage),
            ("cpuUsage", metrics.cpu_usage),
            ("jvmMemoryUsage", metrics.jvm_memory_usage),
            ("jvmHeapUsed", metrics.jvm_heap_used),
            ("jvmNonHeapUsed", metrics.jvm_non_heap_used),
            ("jvmHeapMax", metrics.jvm_heap_max),
            ("jvmNonHeapMax", metrics.jvm_non_heap_max),
            ("memoryUsage", metrics.memory_usage),
            ("diskUsage", metrics.disk_usage),
        ] {
            let _ = write!(json, ",\"{key}\":{}", java_double(value));
        }
        let status = self
            .server_status
            .map_or("null".to_owned(), |status| format!("\"{}\"", status.name()));
        let host = quoted(&self.host);
        let _ = write!(
            json,
            ",\"serverStatus\":{status},\"host\":{host},\"port\":{}",
            self.port
        );
    }

    /// Our own key comes last, so that everything before is byte for byte what Java writes.
    fn write_runtime(&self, json: &mut String) {
        if let Some(runtime) = &self.runtime {
            let _ = write!(json, ",\"runtime\":{}", quoted(runtime));
        }
        json.push('}');
    }
}

impl WorkerHeartbeat {
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut json = String::with_capacity(600);
        self.server.write_fields(&mut json);
        let _ = write!(
            json,
            ",\"workerHostWeight\":{},\"threadPoolUsage\":{},\"workerGroup\":{}",
            self.worker_host_weight,
            java_double(self.thread_pool_usage),
            quoted(&self.worker_group)
        );
        self.server.write_runtime(&mut json);
        json
    }

    pub fn from_json(json: &str) -> Result<Self, HeartbeatError> {
        let mut wire = Wire::read(json)?;
        Ok(Self {
            worker_host_weight: wire.worker_host_weight,
            thread_pool_usage: wire.thread_pool_usage,
            worker_group: std::mem::take(&mut wire.worker_group),
            server: wire.into_master(),
        })
    }
}

/// What `Double.toString` prints: decimal from 10^-3 up to 10^7, scientific outside, always with a fraction.
fn java_double(value: f64) -> String {
    if !value.is_finite() || value == 0.0 {
        return "0.0".to_owned();
    }
    if (1e-3..1e7).contains(&value.abs()) {
        return format!("{value:?}");
    }
    let scientific = format!("{value:e}");
    match scientific.split_once('e') {
        Some((mantissa, exponent)) if mantissa.contains('.') => format!("{mantissa}E{exponent}"),
        Some((mantissa, exponent)) => format!("{mantissa}.0E{exponent}"),
        None => scientific,
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Wire {
    #[serde(deserialize_with = "or_zero")]
    process_id: i32,
    #[serde(deserialize_with = "or_zero")]
    startup_time: i64,
    #[serde(deserialize_with = "or_zero")]
    report_time: i64,
    #[serde(deserialize_with = "or_zero")]
    jvm_cpu_usage: f64,
    #[serde(deserialize_with = "or_zero")]
    cpu_usage: f64,
    #[serde(deserialize_with = "or_zero")]
    jvm_memory_usage: f64,
    #[serde(deserialize_with = "or_zero")]
    jvm_heap_used: f64,
    #[serde(deserialize_with = "or_zero")]
    jvm_non_heap_used: f64,
    #[serde(deserialize_with = "or_zero")]
    jvm_heap_max: f64,
    #[serde(deserialize_with = "or_zero")]
    jvm_non_heap_max: f64,
    #[serde(deserialize_with = "or_zero")]
    memory_usage: f64,
    #[serde(deserialize_with = "or_zero")]
    disk_usage: f64,
    server_status: Option<String>,
    #[serde(deserialize_with = "or_zero")]
    host: String,
    #[serde(deserialize_with = "or_zero")]
    port: i32,
    #[serde(deserialize_with = "or_zero")]
    worker_host_weight: i32,
    #[serde(deserialize_with = "or_zero")]
    thread_pool_usage: f64,
    #[serde(deserialize_with = "or_zero")]
    worker_group: String,
    runtime: Option<String>,
}

fn or_zero<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Option::<T>::deserialize(from).map(Option::unwrap_or_default)
}

impl Wire {
    fn read(json: &str) -> Result<Self, HeartbeatError> {
        if json.trim().is_empty() {
            return Err(HeartbeatError {
                reason: "the payload is empty".to_owned(),
            });
        }
        let wire: Self = serde_json::from_str(json).map_err(|error| HeartbeatError {
            reason: format!("{error}, {} bytes", json.len()),
        })?;
        if wire.host.is_empty() {
            return Err(HeartbeatError {
                reason: "it names no host".to_owned(),
            });
        }
        Ok(wire)
    }

    fn into_master(self) -> MasterHeartbeat {
        MasterHeartbeat {
            process_id: self.process_id,
            startup_time_ms: self.startup_time,
            report_time_ms: self.report_time,
            metrics: Metrics {
                jvm_cpu_usage: self.jvm_cpu_usage,
                cpu_usage: self.cpu_usage,
                jvm_memory_usage: self.jvm_memory_usage,
                jvm_heap_used: self.jvm_heap_used,
                jvm_non_heap_used: self.jvm_non_heap_used,
                jvm_heap_max: self.jvm_heap_max,
                jvm_non_heap_max: self.jvm_non_heap_max,
                memory_usage: self.memory_usage,
                disk_usage: self.disk_usage,
            },
            server_status: self.server_status.as_deref().and_then(ServerStatus::of),
            host: self.host,
            port: self.port,
            runtime: self.runtime,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JAVA_MASTER: &str = r#"{"processId":4242,"startupTime":1764123193415,"reportTime":1764123203415,"jvmCpuUsage":0.01,"cpuUsage":0.05,"jvmMemoryUsage":0.2,"jvmHeapUsed":1.23456789E8,"jvmNonHeapUsed":9.0E7,"jvmHeapMax":4.294967296E9,"jvmNonHeapMax":1.2E9,"memoryUsage":0.41,"diskUsage":0.3,"serverStatus":"NORMAL","host":"10.0.0.1","port":5678}"#;

    fn java_worker() -> String {
        let open = JAVA_MASTER.trim_end_matches('}');
        format!(r#"{open},"workerHostWeight":100,"threadPoolUsage":0.01,"workerGroup":"default"}}"#)
    }

    #[test]
    fn a_java_master_reads_and_writes_back_byte_for_byte() {
        let heartbeat = MasterHeartbeat::from_json(JAVA_MASTER).unwrap();
        assert_eq!(heartbeat.address(), "10.0.0.1:5678");
        assert!(heartbeat.is_normal() && !heartbeat.is_orca());
        assert_eq!(heartbeat.to_json(), JAVA_MASTER);
    }

    #[test]
    fn a_java_worker_reads_and_writes_back_byte_for_byte() {
        let heartbeat = WorkerHeartbeat::from_json(&java_worker()).unwrap();
        assert_eq!(
            (heartbeat.worker_host_weight, heartbeat.worker_group.as_str()),
            (100, "default")
        );
        assert_eq!(heartbeat.to_json(), java_worker());
    }

    #[test]
    fn our_own_key_comes_last() {
        let mut heartbeat = WorkerHeartbeat::from_json(&java_worker()).unwrap();
        heartbeat.server.runtime = Some(RUNTIME.to_owned());
        let json = heartbeat.to_json();
        assert!(
            json.ends_with(r#""workerGroup":"default","runtime":"orca"}"#),
            "{json}"
        );
        let read = WorkerHeartbeat::from_json(&json).unwrap();
        assert!(read.server.is_orca());
        assert_eq!(read, heartbeat);
    }

    #[test]
    fn reading_is_lenient_as_jackson_is() {
        let odd = r#"{"host":"h","port":1,"serverStatus":"DRAINING","cpuUsage":1,"diskUsage":null,"new":{"x":[1]}}"#;
        let heartbeat = MasterHeartbeat::from_json(odd).unwrap();
        assert_eq!(heartbeat.server_status, None);
        assert!(!heartbeat.is_normal());
        assert_eq!(heartbeat.metrics.cpu_usage, 1.0);
        assert_eq!(heartbeat.startup_time_ms, 0);
    }

    #[test]
    fn what_is_no_heartbeat_is_an_error() {
        for bad in [
            "",
            " ",
            "x",
            "[]",
            "{}",
            r#"{"host":5}"#,
            r#"{"host":"h","port":1e99}"#,
        ] {
            assert!(MasterHeartbeat::from_json(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn doubles_look_as_java_prints_them() {
        let cases = [
            (0.0, "0.0"),
            (-0.0, "0.0"),
            (1.0, "1.0"),
            (0.05, "0.05"),
            (0.001, "0.001"),
            (0.000_999, "9.99E-4"),
            (9_999_999.0, "9999999.0"),
            (10_000_000.0, "1.0E7"),
            (123_456_789.0, "1.23456789E8"),
            (f64::NAN, "0.0"),
            (f64::INFINITY, "0.0"),
        ];
        for (value, text) in cases {
            assert_eq!(java_double(value), text);
        }
    }

    #[test]
    fn a_host_with_quotes_cannot_break_the_json() {
        let mut heartbeat = MasterHeartbeat::from_json(JAVA_MASTER).unwrap();
        heartbeat.host = "a\"b\\".to_owned();
        assert_eq!(
            MasterHeartbeat::from_json(&heartbeat.to_json()).unwrap(),
            heartbeat
        );
    }
}
