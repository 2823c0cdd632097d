//! What DEPENDENT tasks ask, answered from rows.

use crate::harness::{Database, Raw, on_databases, two_tasks};
use orca_engine::codes::{Flag, WorkflowState};
use orca_engine::logic::dependent::{Candidate, CandidateQuestion, Interval, LastTask, Question, Target};
use orca_engine::time::Millis;
use orca_schema::MissingReference;
use std::collections::BTreeSet;

/// 2026-03-11 00:00:00 UTC.
const DAY: Millis = Millis(1_773_187_200_000);
const TODAY: Interval = Interval {
    start: DAY,
    end: Millis(DAY.0 + 86_400_000),
};

struct Rows<'a> {
    raw: Raw,
    database: &'a Database,
}

impl<'a> Rows<'a> {
    fn new(database: &'a Database) -> Self {
        let raw = database.raw();
        Self { raw, database }
    }

    /// Times are quoted texts, or NULL.
    fn instance(&mut self, id: i32, definition: i64, state: i32, schedule: &str, start: &str, end: &str) {
        self.raw.run(&format!(
            "INSERT INTO t_ds_workflow_instance (id, name, workflow_definition_code, workflow_definition_version, state, schedule_time, start_time, end_time, executor_id) \
             VALUES ({id}, 'i{id}', {definition}, 1, {state}, {schedule}, {start}, {end}, 1)"
        ));
    }

    fn task(&mut self, id: i32, instance: i32, code: i64, state: i32, end: &str, flag: i32) {
        self.raw.run(&format!(
            "INSERT INTO t_ds_task_instance (id, name, task_type, task_code, task_definition_version, workflow_instance_id, state, end_time, flag, retry_times, max_retry_times) \
             VALUES ({id}, 't', 'SHELL', {code}, 1, {instance}, {state}, {end}, {flag}, 1, 2)"
        ));
    }

    fn candidate(&self, definition_code: i64, task_code: Option<i64>) -> Option<Candidate> {
        let question = CandidateQuestion {
            definition_code,
            task_code,
            interval: TODAY,
        };
        let asked = BTreeSet::from([Question::Candidate(question)]);
        self.database.store.answer(&asked).unwrap().candidates[&question].chosen()
    }
}

fn is(id: i32, state: WorkflowState) -> Option<Candidate> {
    Some(Candidate { id, state })
}

#[test]
fn the_run_that_counts_is_found() {
    on_databases(|database| {
        let mut rows = Rows::new(database);
        assert_eq!(rows.candidate(1, None), None);
        rows.instance(1, 1, 7, "NULL", "'2026-03-10 23:59:59'", "'2026-03-11 01:00:00'");
        rows.instance(2, 1, 7, "NULL", "'2026-03-12 00:00:00'", "'2026-03-12 01:00:00'");
        rows.instance(3, 2, 7, "NULL", "'2026-03-11 10:00:00'", "'2026-03-11 11:00:00'");
        assert_eq!(rows.candidate(1, None), None, "outside, and of another workflow");
        rows.instance(4, 1, 6, "NULL", "'2026-03-11 00:00:00'", "'2026-03-11 05:00:00'");
        assert_eq!(rows.candidate(1, None), is(4, WorkflowState::Failure));
        rows.instance(5, 1, 7, "NULL", "'2026-03-11 23:59:59'", "'2026-03-11 04:00:00'");
        assert_eq!(
            rows.candidate(1, None),
            is(4, WorkflowState::Failure),
            "the later end counts"
        );
        // Scheduled for the day, run a day later.
        rows.instance(
            6,
            1,
            7,
            "'2026-03-11 08:00:00'",
            "'2026-03-12 08:00:00'",
            "'2026-03-12 09:00:00'",
        );
        assert_eq!(
            rows.candidate(1, None),
            is(6, WorkflowState::Success),
            "the larger id of the two"
        );
        // Started on the day for another day: that is no run of this day.
        rows.instance(
            7,
            1,
            6,
            "'2026-03-09 08:00:00'",
            "'2026-03-11 08:00:00'",
            "'2026-03-11 09:00:00'",
        );
        assert_eq!(rows.candidate(1, None), is(6, WorkflowState::Success));
        rows.instance(8, 1, 1, "'2026-03-09 08:00:00'", "'2026-03-11 08:00:00'", "NULL");
        assert_eq!(
            rows.candidate(1, None),
            is(8, WorkflowState::RunningExecution),
            "what runs comes first"
        );
        rows.task(1, 6, 11, 7, "'2026-03-11 01:00:00'", 1);
        rows.raw
            .run("UPDATE t_ds_workflow_instance SET state = 6 WHERE id = 8");
        assert_eq!(rows.candidate(1, Some(11)), is(6, WorkflowState::Success));
        assert_eq!(rows.candidate(1, Some(12)), None, "no run has that task");
    });
}

#[test]
fn hundreds_of_questions_are_answered_together() {
    on_databases(|database| {
        let mut rows = Rows::new(database);
        let codes: Vec<i32> = (1..=350).collect();
        for code in &codes {
            rows.instance(
                *code,
                i64::from(*code),
                7,
                "NULL",
                "'2026-03-11 10:00:00'",
                "'2026-03-11 11:00:00'",
            );
        }
        let question = |code: &i32| CandidateQuestion {
            definition_code: i64::from(*code),
            task_code: None,
            interval: TODAY,
        };
        let asked: BTreeSet<Question> = codes
            .iter()
            .map(|code| Question::Candidate(question(code)))
            .collect();
        let answers = database.store.answer(&asked).unwrap();
        for code in &codes {
            assert_eq!(
                answers.candidates[&question(code)].chosen(),
                is(*code, WorkflowState::Success)
            );
        }
    });
}

#[test]
fn tasks_count_by_their_rows_or_their_definition() {
    on_databases(|database| {
        let (_, _) = database.store.save_definition(&two_tasks()).unwrap();
        let mut rows = Rows::new(database);
        let code: i64 = rows
            .raw
            .texts("code", "FROM t_ds_task_definition WHERE name = 'b'")[0]
            .parse()
            .unwrap();
        rows.instance(1, 1, 7, "NULL", "'2026-03-11 00:00:00'", "NULL");
        rows.task(1, 1, 11, 6, "'2026-03-11 02:00:00'", 0);
        rows.task(2, 1, 11, 7, "'2026-03-11 03:00:00'", 1);
        rows.task(3, 1, 12, 8, "'2026-03-11 03:00:00'", 0);
        let ask = |task_code| Question::LastTask {
            workflow_instance_id: 1,
            task_code,
        };
        let asked = BTreeSet::from([ask(11), ask(12), ask(code)]);
        let answers = database.store.answer(&asked).unwrap();
        assert!(
            matches!(answers.last_tasks[&(1, 11)], LastTask::Row(row) if row.id == 2 && row.max_retry_times == 2)
        );
        assert_eq!(
            answers.last_tasks[&(1, 12)],
            LastTask::None(None),
            "a lost attempt, and no definition"
        );
        assert_eq!(answers.last_tasks[&(1, code)], LastTask::None(Some(Flag::Yes)));
        rows.raw.run(&format!(
            "UPDATE t_ds_task_definition SET flag = 0 WHERE code = {code}"
        ));
        let answers = database.store.answer(&asked).unwrap();
        assert_eq!(answers.last_tasks[&(1, code)], LastTask::None(Some(Flag::No)));
    });
}

#[test]
fn all_tasks_are_those_of_the_version_that_ran() {
    on_databases(|database| {
        let (code, _) = database.store.save_definition(&two_tasks()).unwrap();
        let mut rows = Rows::new(database);
        let task = |rows: &mut Rows<'_>, name: &str| -> i64 {
            rows.raw.texts(
                "code",
                &format!("FROM t_ds_task_definition WHERE name = '{name}'"),
            )[0]
            .parse()
            .unwrap()
        };
        let (a, b) = (task(&mut rows, "a"), task(&mut rows, "b"));
        rows.instance(1, code, 7, "NULL", "'2026-03-11 00:00:00'", "NULL");
        let asked = BTreeSet::from([Question::AllTasks {
            workflow_instance_id: 1,
        }]);
        let all = || database.store.answer(&asked).unwrap().all_tasks[&1];
        rows.task(1, 1, a, 7, "'2026-03-11 02:00:00'", 1);
        assert!(!all(), "b has no row");
        rows.task(2, 1, b, 13, "'2026-03-11 02:00:00'", 1);
        assert!(!all(), "a forced success is none");
        rows.raw
            .run("UPDATE t_ds_task_instance SET state = 7 WHERE id = 2");
        assert!(all());
        rows.raw.run(&format!("UPDATE t_ds_task_definition_log SET flag = 0 WHERE code = {b}; DELETE FROM t_ds_task_instance WHERE id = 2"));
        assert!(all(), "a forbidden task needs no row");
    });
}

#[test]
fn the_first_run_is_the_earliest_schedule_else_the_earliest_start() {
    on_databases(|database| {
        let mut rows = Rows::new(database);
        let first = || {
            let asked = BTreeSet::from([Question::First { definition_code: 1 }]);
            database.store.answer(&asked).unwrap().firsts[&1]
        };
        assert_eq!(first(), None);
        rows.instance(1, 1, 7, "NULL", "'2026-03-11 00:00:00'", "NULL");
        rows.instance(2, 1, 7, "NULL", "'2026-03-10 00:00:00'", "NULL");
        assert_eq!(first(), Some(2));
        rows.instance(3, 1, 7, "'2026-03-12 00:00:00'", "'2026-03-12 00:00:00'", "NULL");
        assert_eq!(first(), Some(3));
    });
}

#[test]
fn what_does_not_exist_is_named() {
    on_databases(|database| {
        let (code, _) = database.store.save_definition(&two_tasks()).unwrap();
        let mut raw = database.raw();
        let project: i64 = raw.texts("project_code", "FROM t_ds_workflow_definition")[0]
            .parse()
            .unwrap();
        let task: i64 = raw.texts("code", "FROM t_ds_task_definition WHERE name = 'a'")[0]
            .parse()
            .unwrap();
        let missing = |items: &[(i64, i64, Target)]| database.store.missing_reference(items).unwrap();
        assert_eq!(
            missing(&[
                (project, code, Target::Workflow),
                (project, code, Target::Task(task))
            ]),
            None
        );
        assert_eq!(
            missing(&[(1, code, Target::Workflow)]),
            Some(MissingReference::Project(1))
        );
        assert_eq!(
            missing(&[(project, 2, Target::AllTasks)]),
            Some(MissingReference::Workflow(2))
        );
        assert_eq!(
            missing(&[(project, code, Target::Task(3))]),
            Some(MissingReference::Task(3))
        );
    });
}
