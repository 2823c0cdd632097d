//! The log: one line per record, in the form of the Java servers' logs, to the standard error.
//!
//! `[WI-<workflow instance>][TI-<task instance>] - yyyy-MM-dd HH:mm:ss.SSS LEVEL [thread] target:[line] - message key=value`. The ids come from the
//! keys `workflow_instance_id` and `task_instance_id` of a record and are 0 without them, so that searches made for Java's logs find Orca's lines.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use env_logger::{Builder, Target};
use log::kv::{Error, Key, Value, VisitSource};
use log::{LevelFilter, Record};
use std::fmt::Write as _;
use std::io::Write as _;

/// Starts logging. A second call has no effect: the first one stays.
pub(crate) fn start(filter: &str, zone: Tz) {
    let mut builder = Builder::new();
    builder.parse_filters(filter).target(Target::Stderr);
    builder
        .format(move |output, record| writeln!(output, "{}", line(record, Utc::now().with_timezone(&zone))));
    // Fails only when a logger is in place already, as in tests.
    let _ = builder.try_init();
}

/// What is wrong with a filter.
pub(crate) fn check_filter(filter: &str) -> Result<(), String> {
    for part in filter.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let level = part.split_once('=').map_or("info", |(_, level)| level);
        let is_filter =
            level.parse::<LevelFilter>().is_ok() && !part.contains('/') && part.matches('=').count() < 2;
        if !is_filter {
            return Err(format!(
                "\"{part}\" must be error, warn, info, debug, trace, off, or target=level"
            ));
        }
    }
    Ok(())
}

fn line(record: &Record<'_>, now: DateTime<Tz>) -> String {
    let mut keys = Keys::default();
    // Fails only when the visitor does, which it never does.
    let _ = record.key_values().visit(&mut keys);
    format!(
        "[WI-{}][TI-{}] - {} {} [{}] {}:[{}] - {}{}",
        keys.workflow_instance_id.as_deref().unwrap_or("0"),
        keys.task_instance_id.as_deref().unwrap_or("0"),
        now.format("%Y-%m-%d %H:%M:%S%.3f"),
        record.level(),
        std::thread::current().name().unwrap_or("unnamed"),
        record.target(),
        record.line().unwrap_or(0),
        record.args(),
        keys.others,
    )
}

#[derive(Default)]
struct Keys {
    workflow_instance_id: Option<String>,
    task_instance_id: Option<String>,
    others: String,
}

impl<'kvs> VisitSource<'kvs> for Keys {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        match key.as_str() {
            "workflow_instance_id" => self.workflow_instance_id = Some(value.to_string()),
            "task_instance_id" => self.task_instance_id = Some(value.to_string()),
            name => {
                // Writing to a string cannot fail.
                let _ = write!(self.others, " {name}={value}");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use log::Level;

    fn shown(keys: &dyn log::kv::Source, zone: Tz) -> String {
        let time: DateTime<Utc> = "2026-02-03T04:05:06.007Z".parse().unwrap();
        let mut builder = Record::builder();
        builder
            .level(Level::Warn)
            .target("orca::test")
            .line(Some(42))
            .key_values(keys);
        line(
            &builder.args(format_args!("it happened")).build(),
            time.with_timezone(&zone),
        )
    }

    #[test]
    fn a_line_looks_like_java() {
        let thread = std::thread::current().name().unwrap_or("unnamed").to_owned();
        let keys = [
            ("workflow_instance_id", 7),
            ("attempt", 2),
            ("task_instance_id", 9),
        ];
        let expected = format!(
            "[WI-7][TI-9] - 2026-02-03 12:05:06.007 WARN [{thread}] orca::test:[42] - it happened attempt=2"
        );
        assert_eq!(shown(&keys, Tz::Asia__Shanghai), expected);
        let none: [(&str, i32); 0] = [];
        assert!(shown(&none, Tz::UTC).starts_with("[WI-0][TI-0] - 2026-02-03 04:05:06.007 WARN ["));
    }

    #[test]
    fn filters_are_checked() {
        for good in [
            "",
            "info",
            "orca=debug,zookeeper_client=warn",
            " off , orca_actors = trace".replace(" = ", "=").as_str(),
        ] {
            assert_eq!(check_filter(good), Ok(()), "{good}");
        }
        for bad in ["orca=loud", "a=b=c", "info/x", "debug=", "orca=debug, x=verbose"] {
            assert!(check_filter(bad).is_err(), "{bad}");
        }
    }
}
