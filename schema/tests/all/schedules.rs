//! What fires from the rows that the API server writes.

use crate::harness::{Database, Raw, on_databases, two_tasks};
use orca_engine::schedule::Peer;
use orca_schema::{Fired, Store};
use std::collections::BTreeSet;

const ALWAYS: &dyn Fn() -> bool = &|| true;

/// A workflow, and what the API server leaves when its schedule goes online.
struct Scheduled {
    code: i64,
    version: i32,
}

fn online(database: &Database) -> Scheduled {
    let (code, version) = database.store.save_definition(&two_tasks()).unwrap();
    let mut raw = database.raw();
    raw.run(&format!(
        "INSERT INTO t_ds_schedules (id, workflow_definition_code, start_time, end_time, timezone_id, crontab, failure_strategy, user_id, \
         release_state, warning_type, warning_group_id, workflow_instance_priority, worker_group, tenant_code, environment_code, create_time, \
         update_time) VALUES (7, {code}, '2024-01-01 00:00:00', '2034-01-01 00:00:00', 'Asia/Shanghai', '0/5 * * * * ?', 0, 1, 1, 3, 0, 1, \
         'fast', 'me', 11, '2024-01-01 00:00:00', '2024-01-01 00:00:00')"
    ));
    raw.run(
        "INSERT INTO QRTZ_JOB_DETAILS (SCHED_NAME, JOB_NAME, JOB_GROUP, JOB_CLASS_NAME, IS_DURABLE, IS_NONCONCURRENT, IS_UPDATE_DATA, \
         REQUESTS_RECOVERY) VALUES ('DolphinScheduler', 'job_7', 'jobgroup_1', 'org.apache.dolphinscheduler.scheduler.quartz.ProcessScheduleTask', \
         '0', '0', '0', '0')",
    );
    Scheduled { code, version }
}

/// The trigger, due so many seconds before now, at a whole five seconds.
fn trigger(database: &Database, seconds_ago: i64, end: Option<i64>) -> i64 {
    let now = database.store.database_time().unwrap().0 / 5_000 * 5_000;
    let due = now - seconds_ago * 1_000;
    let end = end.map_or("NULL".to_owned(), |seconds| (due + seconds * 1_000).to_string());
    let mut raw = database.raw();
    raw.run(&format!(
        "INSERT INTO QRTZ_TRIGGERS (SCHED_NAME, TRIGGER_NAME, TRIGGER_GROUP, JOB_NAME, JOB_GROUP, NEXT_FIRE_TIME, PREV_FIRE_TIME, PRIORITY, \
         TRIGGER_STATE, TRIGGER_TYPE, START_TIME, END_TIME, MISFIRE_INSTR) VALUES ('DolphinScheduler', 'job_7', 'jobgroup_1', 'job_7', \
         'jobgroup_1', {due}, -1, 5, 'WAITING', 'CRON', {due}, {end}, -1)"
    ));
    raw.run(
        "INSERT INTO QRTZ_CRON_TRIGGERS (SCHED_NAME, TRIGGER_NAME, TRIGGER_GROUP, CRON_EXPRESSION, TIME_ZONE_ID) VALUES ('DolphinScheduler', \
         'job_7', 'jobgroup_1', '0/5 * * * * ?', 'Asia/Shanghai')",
    );
    due
}

fn next(raw: &mut Raw) -> i64 {
    raw.texts(
        "NEXT_FIRE_TIME",
        "FROM QRTZ_TRIGGERS WHERE TRIGGER_NAME = 'job_7'",
    )[0]
    .parse()
    .unwrap()
}

/// Fires until nothing is due.
fn fire_all(store: &Store) -> Fired {
    let mut all = Fired::default();
    loop {
        let fired = store.fire_due(ALWAYS).unwrap();
        if fired.firings.is_empty() && fired.notes.is_empty() {
            return all;
        }
        all.firings.extend(fired.firings);
        all.notes.extend(fired.notes);
    }
}

fn nothing_is_left(raw: &mut Raw) {
    for table in ["QRTZ_TRIGGERS", "QRTZ_CRON_TRIGGERS", "QRTZ_JOB_DETAILS"] {
        assert_eq!(raw.count(&format!("FROM {table}")), 0, "{table}");
    }
}

#[test]
fn a_due_trigger_becomes_an_instance_and_waits_for_its_next_time() {
    on_databases(|database| {
        let workflow = online(database);
        assert_eq!(database.store.next_fire().unwrap().due, None);
        let due = trigger(database, 0, None);
        assert_eq!(database.store.next_fire().unwrap().due.unwrap().0, due);
        let fired = database.store.fire_due(ALWAYS).unwrap();
        assert!(fired.notes.is_empty(), "{fired:?}");
        let firing = &fired.firings[0];
        assert_eq!((firing.schedule_id, firing.scheduled.0), (7, due));
        let id = *firing.outcome.as_ref().unwrap();

        let mut raw = database.raw();
        let of = format!("FROM t_ds_workflow_instance WHERE id = {id}");
        let columns = "workflow_definition_code, workflow_definition_version, state, command_type, task_depend_type, failure_strategy, warning_type, \
                       warning_group_id, workflow_instance_priority, worker_group, tenant_code, environment_code, executor_id, dry_run";
        let expected = format!(
            "{},{},0,6,2,0,3,0,1,fast,me,11,1,0",
            workflow.code, workflow.version
        );
        assert_eq!(raw.row(columns, &of), expected);
        let shown = chrono::DateTime::from_timestamp_millis(due)
            .unwrap()
            .format("%Y-%m-%d %H:%M:%S")
            .to_string();
        assert_eq!(raw.row("schedule_time", &of), shown);
        let of = format!("FROM t_ds_command WHERE workflow_instance_id = {id}");
        assert_eq!(raw.row("command_type, workflow_instance_priority", &of), "6,1");
        let param = raw.row("command_param", &of);
        assert!(
            param.contains(r#""commandType":"SCHEDULER""#) && param.contains(r#""timeZone":"Asia/Shanghai""#),
            "{param}"
        );
        let trigger = raw.row(
            "TRIGGER_STATE, PREV_FIRE_TIME, NEXT_FIRE_TIME",
            "FROM QRTZ_TRIGGERS",
        );
        assert_eq!(trigger, format!("WAITING,{due},{}", due + 5_000));
        assert_eq!(raw.count("FROM QRTZ_LOCKS WHERE LOCK_NAME = 'TRIGGER_ACCESS'"), 1);
    });
}

#[test]
fn every_missed_time_fires_once_and_the_end_removes_the_job() {
    on_databases(|database| {
        online(database);
        let due = trigger(database, 600, Some(300));
        let fired = fire_all(&database.store);
        let times: Vec<i64> = fired.firings.iter().map(|firing| firing.scheduled.0).collect();
        assert_eq!(times, (0..=60).map(|n| due + n * 5_000).collect::<Vec<_>>());
        assert!(fired.firings.iter().all(|firing| firing.outcome.is_ok()));
        assert_eq!(fired.notes, ["job_7 has fired for the last time; it is removed"]);
        let mut raw = database.raw();
        nothing_is_left(&mut raw);
        assert_eq!(raw.count("FROM t_ds_command"), 61);
        assert_eq!(raw.count("FROM t_ds_schedules"), 1);
    });
}

#[test]
fn what_is_not_there_or_offline_is_cleared_away_as_by_java() {
    for (change, schedules, note) in [
        (
            "DELETE FROM t_ds_schedules",
            "",
            "its schedule is gone or offline",
        ),
        (
            "UPDATE t_ds_schedules SET release_state = 0",
            "0",
            "its schedule is gone or offline",
        ),
        ("DELETE FROM t_ds_workflow_definition", "", "its workflow is gone"),
        (
            "UPDATE t_ds_workflow_definition SET release_state = 0",
            "0",
            "its workflow is offline",
        ),
    ] {
        on_databases(|database| {
            online(database);
            trigger(database, 5, None);
            let mut raw = database.raw();
            raw.run(change);
            let fired = fire_all(&database.store);
            assert!(
                fired.firings.is_empty() && fired.notes.len() == 1,
                "{change}: {fired:?}"
            );
            assert!(fired.notes[0].contains(note), "{change}: {fired:?}");
            nothing_is_left(&mut raw);
            assert_eq!(
                raw.texts("release_state", "FROM t_ds_schedules").join(""),
                schedules,
                "{change}"
            );
            assert_eq!(raw.count("FROM t_ds_command"), 0, "{change}");
        });
    }
}

#[test]
fn a_trigger_that_a_java_master_holds_is_left_to_it_while_it_lives() {
    on_databases(|database| {
        online(database);
        let due = trigger(database, 5, None);
        let mut raw = database.raw();
        raw.run("UPDATE QRTZ_TRIGGERS SET TRIGGER_STATE = 'ACQUIRED'");
        raw.run(&format!(
            "INSERT INTO QRTZ_FIRED_TRIGGERS (SCHED_NAME, ENTRY_ID, TRIGGER_NAME, TRIGGER_GROUP, INSTANCE_NAME, FIRED_TIME, SCHED_TIME, PRIORITY, \
             STATE) VALUES ('DolphinScheduler', 'java1', 'job_7', 'jobgroup_1', 'java', {due}, {due}, 5, 'ACQUIRED')"
        ));
        raw.run("INSERT INTO QRTZ_SCHEDULER_STATE VALUES ('DolphinScheduler', 'java', 100, 5000)");
        assert_eq!(database.store.next_fire().unwrap().due, None);
        assert_eq!(fire_all(&database.store), Fired::default());
        let seen = Peer {
            instance_name: "java".to_owned(),
            last_checkin: Some(100),
        };
        assert_eq!(
            database.store.quartz_holders().unwrap(),
            std::slice::from_ref(&seen)
        );

        // It has checked in since it was looked at.
        raw.run("UPDATE QRTZ_SCHEDULER_STATE SET LAST_CHECKIN_TIME = 200");
        assert!(!database.store.recover_quartz(&seen, ALWAYS).unwrap());
        assert_eq!(fire_all(&database.store), Fired::default());

        let dead = Peer {
            last_checkin: Some(200),
            ..seen
        };
        assert!(database.store.recover_quartz(&dead, ALWAYS).unwrap());
        assert_eq!(database.store.quartz_holders().unwrap(), []);
        assert_eq!(raw.count("FROM QRTZ_SCHEDULER_STATE"), 0);
        assert_eq!(fire_all(&database.store).firings[0].scheduled.0, due);
    });
}

#[test]
fn one_bad_schedule_harms_only_itself() {
    on_databases(|database| {
        online(database);
        let due = trigger(database, 0, None);
        let mut raw = database.raw();
        // Another schedule, of the same workflow, that is as bad as each of these.
        for (id, change) in [
            (
                8,
                "UPDATE QRTZ_CRON_TRIGGERS SET CRON_EXPRESSION = '@daily' WHERE TRIGGER_NAME = 'job_8'",
            ),
            (
                9,
                "UPDATE QRTZ_CRON_TRIGGERS SET TIME_ZONE_ID = 'Mars/Base' WHERE TRIGGER_NAME = 'job_9'",
            ),
            (10, "UPDATE t_ds_schedules SET user_id = 99 WHERE id = 10"),
            (
                11,
                "UPDATE t_ds_schedules SET failure_strategy = 42 WHERE id = 11",
            ),
        ] {
            copy(&mut raw, id);
            raw.run(change);
        }
        raw.run(
            "INSERT INTO QRTZ_TRIGGERS (SCHED_NAME, TRIGGER_NAME, TRIGGER_GROUP, JOB_NAME, JOB_GROUP, NEXT_FIRE_TIME, TRIGGER_STATE, \
             TRIGGER_TYPE, START_TIME) VALUES ('DolphinScheduler', 'other', 'g', 'job_7', 'jobgroup_1', 1, 'WAITING', 'CRON', 1)",
        );
        let fired = fire_all(&database.store);
        let outcomes: Vec<(i32, bool)> = fired
            .firings
            .iter()
            .filter(|firing| firing.scheduled.0 == due)
            .map(|f| (f.schedule_id, f.outcome.is_ok()))
            .collect();
        assert_eq!(
            outcomes.iter().copied().collect::<BTreeSet<_>>(),
            BTreeSet::from([(7, true), (10, false), (11, false)])
        );
        let states = raw.texts("TRIGGER_STATE", "FROM QRTZ_TRIGGERS ORDER BY TRIGGER_NAME");
        assert_eq!(
            states,
            ["WAITING", "WAITING", "WAITING", "ERROR", "ERROR", "ERROR"]
        );
        let said = fired.notes.join("\n");
        assert!(
            said.contains("\"@daily\"") && said.contains("Mars/Base") && said.contains("no cron expression"),
            "{said}"
        );
        let why: Vec<_> = fired
            .firings
            .iter()
            .filter_map(|firing| firing.outcome.as_ref().err())
            .cloned()
            .collect();
        assert!(
            why.iter().any(|why| why.contains("99")) && why.iter().any(|why| why.contains("42")),
            "{why:?}"
        );
        assert!(next(&mut raw) > due);
    });
}

/// The schedule 7 and its trigger once more.
fn copy(raw: &mut Raw, id: i32) {
    raw.run(&format!(
        "INSERT INTO t_ds_workflow_definition (code, name, version, project_code, release_state, user_id, create_time, update_time) \
         SELECT code + {id}, 'w{id}', version, project_code, release_state, user_id, create_time, update_time FROM t_ds_workflow_definition \
         ORDER BY code LIMIT 1"
    ));
    raw.run(&format!(
        "INSERT INTO t_ds_workflow_definition_log (code, name, version, project_code, release_state, user_id, execution_type, create_time, \
         update_time) SELECT code + {id}, 'w{id}', version, project_code, release_state, user_id, 0, create_time, update_time \
         FROM t_ds_workflow_definition_log ORDER BY code LIMIT 1"
    ));
    raw.run(&format!(
        "INSERT INTO t_ds_schedules (id, workflow_definition_code, start_time, end_time, timezone_id, crontab, failure_strategy, user_id, \
         release_state, warning_type, create_time, update_time) SELECT {id}, workflow_definition_code + {id}, start_time, end_time, timezone_id, \
         crontab, failure_strategy, user_id, release_state, warning_type, create_time, update_time FROM t_ds_schedules WHERE id = 7"
    ));
    raw.run(&format!(
        "INSERT INTO QRTZ_JOB_DETAILS (SCHED_NAME, JOB_NAME, JOB_GROUP, JOB_CLASS_NAME, IS_DURABLE, IS_NONCONCURRENT, IS_UPDATE_DATA, \
         REQUESTS_RECOVERY) SELECT SCHED_NAME, 'job_{id}', JOB_GROUP, JOB_CLASS_NAME, '0', '0', '0', '0' FROM QRTZ_JOB_DETAILS \
         WHERE JOB_NAME = 'job_7'"
    ));
    raw.run(&format!(
        "INSERT INTO QRTZ_TRIGGERS (SCHED_NAME, TRIGGER_NAME, TRIGGER_GROUP, JOB_NAME, JOB_GROUP, NEXT_FIRE_TIME, PREV_FIRE_TIME, PRIORITY, \
         TRIGGER_STATE, TRIGGER_TYPE, START_TIME, MISFIRE_INSTR) SELECT SCHED_NAME, 'job_{id}', TRIGGER_GROUP, 'job_{id}', JOB_GROUP, \
         NEXT_FIRE_TIME, -1, 5, 'WAITING', 'CRON', START_TIME, -1 FROM QRTZ_TRIGGERS WHERE TRIGGER_NAME = 'job_7'"
    ));
    raw.run(&format!(
        "INSERT INTO QRTZ_CRON_TRIGGERS SELECT SCHED_NAME, 'job_{id}', TRIGGER_GROUP, CRON_EXPRESSION, TIME_ZONE_ID FROM QRTZ_CRON_TRIGGERS \
         WHERE TRIGGER_NAME = 'job_7'"
    ));
}

#[test]
fn many_masters_fire_each_time_once() {
    on_databases(|database| {
        online(database);
        let due = trigger(database, 1_000, Some(900));
        let stores: Vec<Store> = (0..3).map(|_| Store::open(&database.settings).unwrap()).collect();
        let fired: Vec<i64> = std::thread::scope(|scope| {
            let work = |store: &Store| {
                let mut times = Vec::new();
                while store.next_fire().unwrap().due.is_some() {
                    // Whoever does not get the lock in time comes again.
                    if let Ok(fired) = store.fire_due(ALWAYS) {
                        times.extend(fired.firings.into_iter().map(|firing| firing.scheduled.0));
                    }
                }
                times
            };
            let threads: Vec<_> = stores
                .iter()
                .map(|store| scope.spawn(move || work(store)))
                .collect();
            threads
                .into_iter()
                .flat_map(|thread| thread.join().unwrap())
                .collect()
        });
        let expected: BTreeSet<i64> = (0..=180).map(|n| due + n * 5_000).collect();
        assert_eq!(fired.len(), expected.len());
        assert_eq!(fired.into_iter().collect::<BTreeSet<_>>(), expected);
        let mut raw = database.raw();
        assert_eq!(raw.count("FROM t_ds_workflow_instance"), 181);
        assert_eq!(
            raw.texts("COUNT(DISTINCT schedule_time)", "FROM t_ds_workflow_instance"),
            ["181"]
        );
    });
}

#[test]
fn without_a_lease_nothing_fires() {
    on_databases(|database| {
        online(database);
        let due = trigger(database, 5, None);
        assert!(database.store.fire_due(&|| false).is_err());
        let mut raw = database.raw();
        assert_eq!(
            (next(&mut raw), raw.count("FROM t_ds_workflow_instance")),
            (due, 0)
        );
    });
}
