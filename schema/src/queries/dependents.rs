//! What DEPENDENT tasks ask: the questions of many tasks in a few statements (`DependentExecute`, `WorkflowInstanceMapper`).

use crate::clock::WallClock;
use crate::db::Connection;
use crate::error::Error;
use crate::limits::{CANDIDATES_PER_STATEMENT_MAX, IDS_PER_STATEMENT_MAX};
use crate::sql::Sql;
use crate::store::Store;
use chrono::NaiveDateTime;
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Integer, Nullable, Timestamp};
use orca_engine::codes::{Flag, TaskExecuteType, TaskState, UnknownCode, WorkflowState};
use orca_engine::logic::dependent::{
    Answers, Candidate, CandidateQuestion, LastTask, Question, Target, TaskRow, last_of,
};
use std::collections::{BTreeMap, BTreeSet};

/// Something that a DEPENDENT task names and that does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MissingReference {
    #[error("the project {0} that it depends on does not exist")]
    Project(i64),
    #[error("the workflow {0} that it depends on does not exist")]
    Workflow(i64),
    #[error("the task {0} that it depends on does not exist")]
    Task(i64),
}

#[derive(QueryableByName)]
struct CandidateRow {
    #[diesel(sql_type = BigInt)]
    question: i64,
    #[diesel(sql_type = BigInt)]
    kind: i64,
    #[diesel(sql_type = Integer)]
    id: i32,
    #[diesel(sql_type = Nullable<Integer>)]
    state: Option<i32>,
}

#[derive(QueryableByName)]
struct LastTaskRow {
    #[diesel(sql_type = Integer)]
    id: i32,
    #[diesel(sql_type = Integer)]
    workflow_instance_id: i32,
    #[diesel(sql_type = BigInt)]
    task_code: i64,
    #[diesel(sql_type = Nullable<Integer>)]
    state: Option<i32>,
    #[diesel(sql_type = Nullable<Integer>)]
    task_execute_type: Option<i32>,
    #[diesel(sql_type = Nullable<Timestamp>)]
    end_time: Option<NaiveDateTime>,
    #[diesel(sql_type = Nullable<Integer>)]
    retry_times: Option<i32>,
    #[diesel(sql_type = Nullable<Integer>)]
    max_retry_times: Option<i32>,
}

#[derive(QueryableByName)]
struct FlagRow {
    #[diesel(sql_type = BigInt)]
    code: i64,
    #[diesel(sql_type = Nullable<Integer>)]
    flag: Option<i32>,
}

#[derive(QueryableByName)]
struct CodeRow {
    #[diesel(sql_type = BigInt)]
    code: i64,
}

#[derive(QueryableByName)]
struct IdRow {
    #[diesel(sql_type = Integer)]
    id: i32,
}

const RUNNING: i64 = 0;
const SCHEDULED: i64 = 1;

impl Store {
    /// Answers every question.
    ///
    /// # Errors
    /// When the database does not answer, or a row has a code that this version does not know.
    pub fn answer(&self, questions: &BTreeSet<Question>) -> Result<Answers, Error> {
        let mut connection = self.reader()?;
        let mut answers = Answers::default();
        let (mut candidates, mut last_tasks) = (Vec::new(), Vec::new());
        for question in questions {
            match *question {
                Question::Candidate(question) => candidates.push(question),
                Question::LastTask {
                    workflow_instance_id,
                    task_code,
                } => last_tasks.push((workflow_instance_id, task_code)),
                Question::AllTasks {
                    workflow_instance_id: id,
                } => {
                    let done = all_tasks_succeeded(&mut connection, self.clock, id)?;
                    answers.all_tasks.insert(id, done);
                }
                Question::First { definition_code } => {
                    let first = first(&mut connection, definition_code)?;
                    answers.firsts.insert(definition_code, first);
                }
            }
        }
        for part in candidates.chunks(CANDIDATES_PER_STATEMENT_MAX) {
            answer_candidates(&mut connection, self.clock, part, &mut answers)?;
        }
        for part in last_tasks.chunks(CANDIDATES_PER_STATEMENT_MAX) {
            answer_last_tasks(&mut connection, self.clock, part, &mut answers)?;
        }
        Ok(answers)
    }

    /// The first thing that a task depends on and that does not exist.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn missing_reference(&self, items: &[(i64, i64, Target)]) -> Result<Option<MissingReference>, Error> {
        let mut connection = self.reader()?;
        let projects = items.iter().map(|(project, ..)| *project).collect();
        if let Some(code) = missing(&mut connection, "t_ds_project", projects)? {
            return Ok(Some(MissingReference::Project(code)));
        }
        let workflows = items.iter().map(|(_, workflow, _)| *workflow).collect();
        if let Some(code) = missing(&mut connection, "t_ds_workflow_definition", workflows)? {
            return Ok(Some(MissingReference::Workflow(code)));
        }
        let task = |(_, _, target): &(i64, i64, Target)| match target {
            Target::Task(code) => Some(*code),
            Target::Workflow | Target::AllTasks => None,
        };
        let tasks = items.iter().filter_map(task).collect();
        Ok(missing(&mut connection, "t_ds_task_definition", tasks)?.map(MissingReference::Task))
    }
}

fn missing(connection: &mut Connection, table: &str, codes: BTreeSet<i64>) -> Result<Option<i64>, Error> {
    let mut left = codes.clone();
    for codes in codes
        .into_iter()
        .collect::<Vec<_>>()
        .chunks(IDS_PER_STATEMENT_MAX)
    {
        let text = format!("SELECT code FROM {table} WHERE code IN ");
        let sql = Sql::batch("look for what a task depends on", text).list(codes.iter().copied());
        for row in connection.rows::<CodeRow>(sql)? {
            left.remove(&row.code);
        }
    }
    Ok(left.pop_first())
}

/// The last running, scheduled and manual instance for each question.
fn answer_candidates(
    connection: &mut Connection,
    clock: WallClock,
    questions: &[CandidateQuestion],
    answers: &mut Answers,
) -> Result<(), Error> {
    let mut sql = Sql::batch("look for the runs that tasks depend on", "");
    for (number, question) in questions.iter().enumerate() {
        if number > 0 {
            sql.push(" UNION ALL ");
        }
        ask_for_candidates(&mut sql, number, question, clock);
        answers.candidates.entry(*question).or_default();
    }
    for row in connection.rows::<CandidateRow>(sql)? {
        let place = usize::try_from(row.question).ok();
        let found = place.and_then(|number| questions.get(number));
        let Some(candidates) = found.and_then(|question| answers.candidates.get_mut(question)) else {
            continue;
        };
        let candidate = Candidate {
            id: row.id,
            state: WorkflowState::try_from(row.state.unwrap_or(-1))
                .map_err(|source| bad("t_ds_workflow_instance", row.id, "state", source))?,
        };
        match row.kind {
            RUNNING => candidates.running = Some(candidate),
            SCHEDULED => candidates.scheduled = Some(candidate),
            _ => candidates.manual = Some(candidate),
        }
    }
    Ok(())
}

fn ask_for_candidates(sql: &mut Sql<'_>, number: usize, question: &CandidateQuestion, clock: WallClock) {
    let (start, end) = (
        clock.local(question.interval.start),
        clock.local(question.interval.end),
    );
    let head = |kind: i64| {
        format!(
            "SELECT {number} AS question, {kind} AS kind, id, state FROM (SELECT i.id, i.state FROM t_ds_workflow_instance i \
             WHERE i.workflow_definition_code = "
        )
    };
    let code = question.definition_code;
    sql.push(&head(RUNNING)).push_bind(code);
    // SUBMITTED_SUCCESS, RUNNING_EXECUTION, READY_PAUSE, READY_STOP
    sql.push(" AND i.state IN (0, 1, 2, 4) AND ((i.schedule_time >= ")
        .push_bind(start);
    sql.push(" AND i.schedule_time < ").push_bind(end);
    sql.push(") OR (i.start_time >= ").push_bind(start);
    sql.push(" AND i.start_time < ").push_bind(end);
    sql.push(")) ORDER BY i.start_time DESC, i.id DESC LIMIT 1) AS running UNION ALL ");
    sql.push(&head(SCHEDULED)).push_bind(code);
    sql.push(" AND i.schedule_time >= ").push_bind(start);
    sql.push(" AND i.schedule_time < ").push_bind(end);
    with_task(sql, question);
    sql.push(" ORDER BY i.end_time DESC, i.id DESC LIMIT 1) AS scheduled UNION ALL ");
    sql.push(&head(SCHEDULED + 1)).push_bind(code);
    sql.push(" AND i.schedule_time IS NULL AND i.start_time >= ")
        .push_bind(start);
    sql.push(" AND i.start_time < ").push_bind(end);
    with_task(sql, question);
    sql.push(" ORDER BY i.end_time DESC, i.id DESC LIMIT 1) AS manual");
}

fn with_task(sql: &mut Sql<'_>, question: &CandidateQuestion) {
    if let Some(code) = question.task_code {
        sql.push(
            " AND EXISTS (SELECT 1 FROM t_ds_task_instance t WHERE t.workflow_instance_id = i.id AND t.task_code = ",
        )
        .push_bind(code)
        .push(")");
    }
}

fn answer_last_tasks(
    connection: &mut Connection,
    clock: WallClock,
    questions: &[(i32, i64)],
    answers: &mut Answers,
) -> Result<(), Error> {
    let mut sql = Sql::batch("read the tasks that tasks depend on", LAST_TASKS);
    for (number, (instance, code)) in questions.iter().enumerate() {
        sql.push(if number > 0 { " OR (" } else { "(" });
        sql.push("workflow_instance_id = ").push_bind(*instance);
        sql.push(" AND task_code = ").push_bind(*code).push(")");
    }
    let mut rows: BTreeMap<(i32, i64), Vec<TaskRow>> = BTreeMap::new();
    for row in connection.rows::<LastTaskRow>(sql)? {
        rows.entry((row.workflow_instance_id, row.task_code))
            .or_default()
            .push(row.into_row(clock)?);
    }
    let mut without = Vec::new();
    for question in questions {
        match rows.remove(question).and_then(last_of) {
            Some(row) => {
                answers.last_tasks.insert(*question, LastTask::Row(row));
            }
            None => without.push(*question),
        }
    }
    let codes: BTreeSet<i64> = without.iter().map(|(_, code)| *code).collect();
    let flags = flags(connection, codes)?;
    for question in without {
        let flag = flags.get(&question.1).copied();
        answers.last_tasks.insert(question, LastTask::None(flag));
    }
    Ok(())
}

const LAST_TASKS: &str = "SELECT id, workflow_instance_id, task_code, state, task_execute_type, end_time, retry_times, max_retry_times \
     FROM t_ds_task_instance WHERE ";

impl LastTaskRow {
    fn into_row(self, clock: WallClock) -> Result<TaskRow, Error> {
        let bad = |column| move |source| bad("t_ds_task_instance", self.id, column, source);
        Ok(TaskRow {
            id: self.id,
            state: TaskState::try_from(self.state.unwrap_or(-1)).map_err(bad("state"))?,
            execute_type: TaskExecuteType::try_from(self.task_execute_type.unwrap_or(0))
                .map_err(bad("task_execute_type"))?,
            end_time: clock.instant_option(self.end_time),
            retry_times: self.retry_times.unwrap_or(0),
            max_retry_times: self.max_retry_times.unwrap_or(0),
        })
    }
}

/// Flags of the current versions; a code without a definition is absent.
fn flags(connection: &mut Connection, codes: BTreeSet<i64>) -> Result<BTreeMap<i64, Flag>, Error> {
    if codes.is_empty() {
        return Ok(BTreeMap::new());
    }
    let text = "SELECT code, flag FROM t_ds_task_definition WHERE code IN ";
    let rows = connection.rows::<FlagRow>(Sql::batch("read task definitions", text).list(codes))?;
    let forbidden = |row: &FlagRow| row.flag == Some(Flag::No.code());
    Ok(rows
        .into_iter()
        .map(|row| (row.code, if forbidden(&row) { Flag::No } else { Flag::Yes }))
        .collect())
}

/// Whether every enabled task of the version that ran has succeeded.
fn all_tasks_succeeded(connection: &mut Connection, clock: WallClock, id: i32) -> Result<bool, Error> {
    let enabled = Sql::fixed(
        "read the tasks of a run's definition",
        "SELECT DISTINCT d.code AS code FROM t_ds_workflow_instance i \
         JOIN t_ds_workflow_task_relation_log r ON r.workflow_definition_code = i.workflow_definition_code \
         AND r.workflow_definition_version = i.workflow_definition_version \
         JOIN t_ds_task_definition_log d ON d.code = r.post_task_code AND d.version = r.post_task_version \
         WHERE i.id = ? AND d.flag = 1",
    );
    let codes = connection.rows::<CodeRow>(enabled.bind(id))?;
    let text = format!("{LAST_TASKS}workflow_instance_id = ?");
    let mut rows: BTreeMap<i64, Vec<TaskRow>> = BTreeMap::new();
    for row in connection.rows::<LastTaskRow>(Sql::fixed("read the tasks of a run", text).bind(id))? {
        rows.entry(row.task_code).or_default().push(row.into_row(clock)?);
    }
    Ok(codes.into_iter().all(|row| {
        let last = rows.remove(&row.code).and_then(last_of);
        last.is_some_and(|last| {
            last.state == TaskState::Success || last.execute_type == TaskExecuteType::Stream
        })
    }))
}

/// The instance of the earliest schedule time, else of the earliest start.
fn first(connection: &mut Connection, definition_code: i64) -> Result<Option<i32>, Error> {
    let by = |column: &str| {
        Sql::fixed(
            "read the first run of a workflow",
            format!(
                "SELECT id FROM t_ds_workflow_instance WHERE workflow_definition_code = ? AND {column} IS NOT NULL \
                 ORDER BY {column}, id LIMIT 1"
            ),
        )
        .bind(definition_code)
    };
    let scheduled = connection.rows::<IdRow>(by("schedule_time"))?.pop();
    let first = match scheduled {
        Some(row) => Some(row),
        None => connection.rows::<IdRow>(by("start_time"))?.pop(),
    };
    Ok(first.map(|row| row.id))
}

fn bad(table: &'static str, id: i32, column: &'static str, source: UnknownCode) -> Error {
    Error::BadCode {
        table,
        id: id.into(),
        column,
        source,
    }
}
