//! What the API server writes when a schedule goes online or offline.

use super::context::now;
use super::database::Database;
use super::format::{Scalar, Schedule};
use super::snapshot::integer;
use crate::harness::Error;
use chrono::{DateTime, TimeDelta, Utc};
use orca_engine::cron::Cron;
use orca_engine::time::Millis;
use orca_engine::zone::Zone;
use std::collections::BTreeMap;

const SCHEDULER: &str = "DolphinScheduler";
const JOB_CLASS: &str = "org.apache.dolphinscheduler.scheduler.quartz.ProcessScheduleTask";
/// Java's form of a `JobDataMap` with the entries `projectId` and `scheduleId`, cut where their numbers stand.
const JOB_DATA: [&str; 3] = [
    "aced0005737200156f72672e71756172747a2e4a6f62446174614d61709fb083e8bfa9b0cb020000787200266f72672e71756172747a2e7574696c732e53\
     7472696e674b65794469727479466c61674d61708208e8c3fbc55d280200015a0013616c6c6f77735472616e7369656e74446174617872001d6f72672e71\
     756172747a2e7574696c732e4469727479466c61674d617013e62ead28760ace0200025a000564697274794c00036d617074000f4c6a6176612f7574696c\
     2f4d61703b787001737200116a6176612e7574696c2e486173684d61700507dac1c31660d103000246000a6c6f6164466163746f72490009746872657368\
     6f6c6478703f4000000000000c7708000000100000000274000970726f6a6563744964737200116a6176612e6c616e672e496e746567657212e2a0a4f781\
     873802000149000576616c7565787200106a6176612e6c616e672e4e756d62657286ac951d0b94e08b0200007870",
    "74000a7363686564756c6549647371007e0008",
    "7800",
];

/// Rows of a schedule that is online: the id of the schedule and of its project.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scheduled {
    schedule: i64,
    project: i64,
}

/// Writes the schedule, and job and trigger if it is online.
///
/// # Errors
/// A time or cron expression that is none, or what the database says.
pub(super) fn put_online(database: &mut Database, wanted: &Schedule) -> Result<Scheduled, Error> {
    let (start, end) = (moment(&wanted.start)?, moment(&wanted.end)?);
    let project = only_id(database, "t_ds_project")?;
    let row: BTreeMap<String, Scalar> = [
        ("workflow_definition_code", Scalar::Integer(wanted.workflow)),
        ("start_time", Scalar::Text(written(start))),
        ("end_time", Scalar::Text(written(end))),
        ("timezone_id", Scalar::Text("UTC".to_owned())),
        ("crontab", Scalar::Text(wanted.crontab.clone())),
        ("failure_strategy", code(wanted.failure_strategy.code())),
        ("warning_type", code(wanted.warning_type.code())),
        ("warning_group_id", Scalar::Integer(0)),
        ("user_id", Scalar::Integer(1)),
        ("release_state", code(wanted.release_state.code())),
        ("workflow_instance_priority", code(wanted.priority.code())),
        ("create_time", Scalar::Text(now())),
        ("update_time", Scalar::Text(now())),
    ]
    .into_iter()
    .map(|(column, value)| (column.to_owned(), value))
    .collect();
    database.execute(&super::context::insert(database, "t_ds_schedules", &row))?;
    let scheduled = Scheduled {
        schedule: only_id(database, "t_ds_schedules ORDER BY id DESC LIMIT 1")?,
        project,
    };
    put_trigger(database, wanted, scheduled, start, end)?;
    Ok(scheduled)
}

fn put_trigger(
    database: &mut Database,
    wanted: &Schedule,
    scheduled: Scheduled,
    start: DateTime<Utc>,
    end: DateTime<Utc>,
) -> Result<(), Error> {
    let expression = wanted.crontab.to_uppercase();
    let invalid = |reason: String| Error::Failed {
        what: format!("the cron expression {:?}", wanted.crontab),
        reason,
    };
    let cron = Cron::parse(&expression).map_err(|error| invalid(error.to_string()))?;
    // Quartz counts from the second before the start, so that the start itself may be a fire time.
    let before = Millis((start - TimeDelta::seconds(1)).timestamp_millis());
    let zone = Zone::parse("UTC").map_err(|error| invalid(error.to_string()))?;
    let first = cron
        .next_after(before, &zone)
        .ok_or_else(|| invalid("never fires".to_owned()))?;
    let (name, group) = scheduled.key();
    let data = job_data(scheduled);
    database.execute_all(&[
        format!(
            "INSERT INTO QRTZ_JOB_DETAILS (SCHED_NAME, JOB_NAME, JOB_GROUP, JOB_CLASS_NAME, IS_DURABLE, \
             IS_NONCONCURRENT, IS_UPDATE_DATA, REQUESTS_RECOVERY, JOB_DATA) \
             VALUES ('{SCHEDULER}', '{name}', '{group}', '{JOB_CLASS}', '0', '0', '0', '0', X'{data}')"
        ),
        format!(
            "INSERT INTO QRTZ_TRIGGERS (SCHED_NAME, TRIGGER_NAME, TRIGGER_GROUP, JOB_NAME, JOB_GROUP, NEXT_FIRE_TIME, \
             PREV_FIRE_TIME, PRIORITY, TRIGGER_STATE, TRIGGER_TYPE, START_TIME, END_TIME, MISFIRE_INSTR, JOB_DATA) \
             VALUES ('{SCHEDULER}', '{name}', '{group}', '{name}', '{group}', {}, -1, 5, 'WAITING', 'CRON', {}, {}, -1, X'')",
            first.0,
            start.timestamp() * 1_000,
            end.timestamp_millis(),
        ),
        format!(
            "INSERT INTO QRTZ_CRON_TRIGGERS (SCHED_NAME, TRIGGER_NAME, TRIGGER_GROUP, CRON_EXPRESSION, TIME_ZONE_ID) \
             VALUES ('{SCHEDULER}', '{name}', '{group}', {}, 'UTC')",
            database.literal(&Scalar::Text(expression)),
        ),
    ])
}

/// Deletes job and trigger; the schedule stays.
///
/// # Errors
/// What the database says.
pub(super) fn take_offline(database: &mut Database, scheduled: Scheduled) -> Result<(), Error> {
    let (name, group) = scheduled.key();
    let trigger =
        format!("WHERE SCHED_NAME = '{SCHEDULER}' AND TRIGGER_NAME = '{name}' AND TRIGGER_GROUP = '{group}'");
    database.execute_all(&[
        format!("DELETE FROM QRTZ_CRON_TRIGGERS {trigger}"),
        format!("DELETE FROM QRTZ_TRIGGERS {trigger}"),
        format!(
            "DELETE FROM QRTZ_JOB_DETAILS WHERE SCHED_NAME = '{SCHEDULER}' AND JOB_NAME = '{name}' AND JOB_GROUP = '{group}'"
        ),
    ])
}

impl Scheduled {
    fn key(self) -> (String, String) {
        (
            format!("job_{}", self.schedule),
            format!("jobgroup_{}", self.project),
        )
    }
}

fn code(code: i32) -> Scalar {
    Scalar::Integer(i64::from(code))
}

fn only_id(database: &mut Database, rest: &str) -> Result<i64, Error> {
    let rows = database.select(&["id"], rest)?;
    rows.first()
        .and_then(|row| integer(row, "id"))
        .ok_or_else(|| Error::Failed {
            what: format!("a row of {rest}"),
            reason: "there is none: load the context first".to_owned(),
        })
}

/// `now`, `now+seconds` or `now-seconds`.
fn moment(text: &str) -> Result<DateTime<Utc>, Error> {
    let invalid = || Error::Failed {
        what: format!("the time {text:?}"),
        reason: "is not now, now+seconds or now-seconds".to_owned(),
    };
    let rest = text.strip_prefix("now").ok_or_else(invalid)?;
    let seconds: i64 = if rest.is_empty() {
        0
    } else {
        rest.parse().map_err(|_| invalid())?
    };
    Ok(Utc::now() + TimeDelta::seconds(seconds))
}

fn written(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%S").to_string()
}

fn job_data(scheduled: Scheduled) -> String {
    let [head, middle, tail] = JOB_DATA;
    let number = |id: i64| format!("{:08x}", id & 0xffff_ffff);
    format!(
        "{head}{}{middle}{}{tail}",
        number(scheduled.project),
        number(scheduled.schedule)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn job_data_has_the_two_numbers_where_java_reads_them() {
        let data = job_data(Scheduled {
            schedule: 2,
            project: 1,
        });
        assert_eq!(data.len(), 2 * 385);
        assert_eq!(&data[2 * 356..2 * 360], "00000001");
        assert_eq!(&data[2 * 379..2 * 383], "00000002");
    }

    #[test]
    fn moments_are_relative() {
        assert!(moment("now+600").unwrap() > Utc::now());
        assert!(moment("now-600").unwrap() < Utc::now());
        assert!(moment("tomorrow").is_err());
    }
}
