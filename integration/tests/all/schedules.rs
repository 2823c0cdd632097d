//! Schedules fire from the rows that the API server writes: each time once, whoever dies meanwhile.

use crate::support::Scene;
use orca_integration::harness::definitions::chain;
use orca_integration::harness::{ClusterOptions, Deadline, Stack, until};
use std::time::{SystemTime, UNIX_EPOCH};

const SECONDS: i64 = 20;

/// Goes online: fires each second, from two seconds ahead for `SECONDS` seconds.
fn put_online(scene: &Scene, code: i64) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let first = i64::try_from(now + 2).unwrap() * 1_000;
    let last = first + SECONDS * 1_000;
    for statement in [
        format!(
            "INSERT INTO t_ds_schedules (id, workflow_definition_code, start_time, end_time, timezone_id, crontab, failure_strategy, user_id, \
             release_state, warning_type, create_time, update_time) VALUES (1, {code}, '2024-01-01 00:00:00', '2034-01-01 00:00:00', 'UTC', \
             '* * * * * ?', 1, 1, 1, 0, '2024-01-01 00:00:00', '2024-01-01 00:00:00')"
        ),
        "INSERT INTO QRTZ_JOB_DETAILS (SCHED_NAME, JOB_NAME, JOB_GROUP, JOB_CLASS_NAME, IS_DURABLE, IS_NONCONCURRENT, IS_UPDATE_DATA, \
         REQUESTS_RECOVERY) VALUES ('DolphinScheduler', 'job_1', 'jobgroup_1', \
         'org.apache.dolphinscheduler.scheduler.quartz.ProcessScheduleTask', '0', '0', '0', '0')"
            .to_owned(),
        format!(
            "INSERT INTO QRTZ_TRIGGERS (SCHED_NAME, TRIGGER_NAME, TRIGGER_GROUP, JOB_NAME, JOB_GROUP, NEXT_FIRE_TIME, PREV_FIRE_TIME, PRIORITY, \
             TRIGGER_STATE, TRIGGER_TYPE, START_TIME, END_TIME, MISFIRE_INSTR) VALUES ('DolphinScheduler', 'job_1', 'jobgroup_1', 'job_1', \
             'jobgroup_1', {first}, -1, 5, 'WAITING', 'CRON', {first}, {last}, -1)"
        ),
        "INSERT INTO QRTZ_CRON_TRIGGERS (SCHED_NAME, TRIGGER_NAME, TRIGGER_GROUP, CRON_EXPRESSION, TIME_ZONE_ID) VALUES \
         ('DolphinScheduler', 'job_1', 'jobgroup_1', '* * * * * ?', 'UTC')"
            .to_owned(),
    ] {
        scene.cluster.execute_sql(&statement).unwrap();
    }
}

fn await_count(scene: &Scene, what: &str, from: &str, enough: impl Fn(i64) -> bool) {
    until(what, Deadline::after_seconds(180), || {
        scene.cluster.count_rows(from).ok().filter(|count| enough(*count))
    })
    .unwrap_or_else(|error| {
        let tails: Vec<_> = scene
            .cluster
            .masters
            .iter()
            .map(|master| master.process.log_tail())
            .collect();
        panic!("{error}\n{}", tails.join("\n---\n"))
    });
}

#[test]
fn each_time_fires_once_while_masters_die_and_come_back() {
    let mut scene = Scene::start(ClusterOptions::new(Stack::Real).masters(2));
    let (code, _) = scene.save(&chain("scheduled", 1, "true"));
    put_online(&scene, code);
    let instances = "t_ds_workflow_instance WHERE command_type = 6";
    for (index, fired) in [(0, 4), (1, 9), (0, 14)] {
        await_count(&scene, "schedules to fire", instances, |count| count >= fired);
        // Dropping it is SIGKILL to its whole group; the other one goes on alone until it is back.
        let port = scene.cluster.masters[index].port();
        let killed = scene.cluster.masters.remove(index);
        drop(killed);
        await_count(&scene, "the survivor to fire", instances, |count| count > fired);
        scene.cluster.add_master_at(index, port).unwrap();
    }
    await_count(
        &scene,
        "the last firing, which removes the trigger",
        "QRTZ_TRIGGERS",
        |count| count == 0,
    );
    let distinct = "(SELECT DISTINCT schedule_time FROM t_ds_workflow_instance WHERE command_type = 6) times";
    assert_eq!(scene.cluster.count_rows(instances).unwrap(), SECONDS + 1);
    assert_eq!(scene.cluster.count_rows(distinct).unwrap(), SECONDS + 1);
    await_count(
        &scene,
        "all of them to succeed",
        &format!("{instances} AND state = 7"),
        |count| count == SECONDS + 1,
    );
    assert_eq!(scene.cluster.count_rows("QRTZ_JOB_DETAILS").unwrap(), 0);
    scene.assert_released();
}
