//! Schedules: how late a fire time's instance row is there, and many that fire in the same second.

use super::measure::at_share;
use super::{Bench, LOAD_SECONDS};
use orca_integration::harness::definitions::{shell, workflow};
use orca_integration::harness::{ClusterOptions, Deadline, Error, Stack, until};
use orca_worker::StubSettings;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const FIRES: usize = 30;
const BURST: usize = 200;
const FIRED: &str = "t_ds_workflow_instance WHERE command_type = 6";
/// Rows of one INSERT.
const ROWS_PER_STATEMENT: usize = 500;
const LOOK_INTERVAL: Duration = Duration::from_millis(1);

/// Each second, or only once at a time that lies ahead.
#[derive(Clone, Copy)]
pub(super) enum Fires {
    EachSecond { from: u64, until: u64 },
    Once { at: u64 },
}

/// That many seconds from now, as a single fire time.
pub(super) fn in_seconds(seconds: u64) -> Fires {
    Fires::Once {
        at: now().as_secs() + seconds,
    }
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Workflows with a schedule each, which is what the tables allow; and the rows that the API server writes when they go online.
pub(super) fn insert(bench: &Bench, count: usize, fires: impl FnOnce() -> Fires) -> Result<(), Error> {
    let definition = |number: usize| {
        let name = format!("scheduled-{number}");
        bench.save(&workflow(&name, vec![shell("t", "true", &[])]))
    };
    let codes = (1..=count)
        .map(|number| definition(number).map(|(code, _)| code))
        .collect::<Result<Vec<_>, _>>()?;
    put_online(bench, &codes, fires())
}

fn put_online(bench: &Bench, codes: &[i64], fires: Fires) -> Result<(), Error> {
    let (first, last) = match fires {
        Fires::EachSecond { from, until } => (from * 1_000, until * 1_000),
        Fires::Once { at } => (at * 1_000, at * 1_000),
    };
    let schedules: Vec<(usize, i64)> = (1..).zip(codes.iter().copied()).collect();
    for schedules in schedules.chunks(ROWS_PER_STATEMENT) {
        let insert = |head: &str, values: &dyn Fn(usize, i64) -> String| {
            let rows: Vec<String> = schedules.iter().map(|&(id, code)| values(id, code)).collect();
            bench
                .cluster
                .execute_sql(&format!("INSERT INTO {head} VALUES {}", rows.join(", ")))
        };
        insert(
            "t_ds_schedules (id, workflow_definition_code, start_time, end_time, timezone_id, crontab, failure_strategy, user_id, \
             release_state, warning_type, create_time, update_time)",
            &|id, code| {
                format!(
                    "({id}, {code}, '2024-01-01 00:00:00', '2034-01-01 00:00:00', 'UTC', '* * * * * ?', 1, 1, 1, 0, \
                     '2024-01-01 00:00:00', '2024-01-01 00:00:00')"
                )
            },
        )?;
        insert(
            "QRTZ_JOB_DETAILS (SCHED_NAME, JOB_NAME, JOB_GROUP, JOB_CLASS_NAME, IS_DURABLE, IS_NONCONCURRENT, IS_UPDATE_DATA, REQUESTS_RECOVERY)",
            &|id, _| {
                format!(
                    "('DolphinScheduler', 'job_{id}', 'jobgroup_1', \
                     'org.apache.dolphinscheduler.scheduler.quartz.ProcessScheduleTask', '0', '0', '0', '0')"
                )
            },
        )?;
        insert(
            "QRTZ_TRIGGERS (SCHED_NAME, TRIGGER_NAME, TRIGGER_GROUP, JOB_NAME, JOB_GROUP, NEXT_FIRE_TIME, PREV_FIRE_TIME, PRIORITY, \
             TRIGGER_STATE, TRIGGER_TYPE, START_TIME, END_TIME, MISFIRE_INSTR)",
            &|id, _| {
                format!(
                    "('DolphinScheduler', 'job_{id}', 'jobgroup_1', 'job_{id}', 'jobgroup_1', {first}, -1, 5, 'WAITING', 'CRON', {first}, {last}, -1)"
                )
            },
        )?;
        insert(
            "QRTZ_CRON_TRIGGERS (SCHED_NAME, TRIGGER_NAME, TRIGGER_GROUP, CRON_EXPRESSION, TIME_ZONE_ID)",
            &|id, _| format!("('DolphinScheduler', 'job_{id}', 'jobgroup_1', '* * * * * ?', 'UTC')"),
        )?;
    }
    Ok(())
}

pub(super) fn run() -> Result<(), Error> {
    println!("\n| schedules | |\n| --- | --- |");
    latency()?;
    burst()
}

/// One schedule that fires each second. Looked at from outside, so that a look is in each figure.
fn latency() -> Result<(), Error> {
    let bench = Bench::start()?;
    let mut from = 0;
    insert(&bench, 1, || {
        from = now().as_secs() + 3;
        Fires::EachSecond {
            from,
            until: from + FIRES as u64 - 1,
        }
    })?;
    let mut samples = Vec::with_capacity(FIRES);
    for number in 0..FIRES {
        let due = Duration::from_secs(from + number as u64);
        std::thread::sleep(due.saturating_sub(now()));
        until(
            "the row of a fire time",
            Deadline::after_seconds(LOAD_SECONDS),
            || {
                let fired = bench.cluster.count_rows(FIRED).ok()?;
                let there = usize::try_from(fired).is_ok_and(|fired| fired > number);
                if !there {
                    std::thread::sleep(LOOK_INTERVAL);
                }
                there.then_some(())
            },
        )?;
        samples.push(now().saturating_sub(due));
    }
    samples.sort_unstable();
    let ms = |share: f64| at_share(&samples, share).as_secs_f64() * 1_000.0;
    println!(
        "| fire time to instance row, {FIRES} times of one schedule, p50 / p99 | {:.0} ms / {:.0} ms |",
        ms(0.5),
        ms(0.99)
    );
    Ok(())
}

/// Two masters, and many schedules for the same second: each fires once.
fn burst() -> Result<(), Error> {
    let bench = Bench::start_with(
        ClusterOptions::new(Stack::Real).workers(0).masters(2),
        StubSettings::default(),
    )?;
    let mut at = 0;
    insert(&bench, BURST, || {
        at = now().as_secs() + 5;
        Fires::Once { at }
    })?;
    let due = Duration::from_secs(at);
    std::thread::sleep(due.saturating_sub(now()));
    let await_rows = |what: &str, rest: &str| {
        until(what, Deadline::after_seconds(LOAD_SECONDS), || {
            let found = bench.cluster.count_rows(rest).ok()?;
            usize::try_from(found)
                .is_ok_and(|found| found >= BURST)
                .then_some(())
        })?;
        Ok::<_, Error>(now().saturating_sub(due).as_secs_f64())
    };
    let there = await_rows("an instance for each schedule", FIRED)?;
    let ended = await_rows("each of them to end", &format!("{FIRED} AND state = 7"))?;
    until(
        "the last trigger to go",
        Deadline::after_seconds(LOAD_SECONDS),
        || (bench.cluster.count_rows("QRTZ_TRIGGERS").ok()? == 0).then_some(()),
    )?;
    let fired = bench.cluster.count_rows(FIRED)?;
    println!(
        "| {BURST} schedules in the same second, two masters: instances | {fired}, all there after {there:.3} s, all ended after {ended:.3} s |"
    );
    if usize::try_from(fired) == Ok(BURST) {
        return Ok(());
    }
    Err(Error::Failed {
        what: "the schedules".to_owned(),
        reason: format!("{fired} instances for {BURST} fire times"),
    })
}
