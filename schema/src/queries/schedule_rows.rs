//! The rows around one trigger: Quartz's own, the schedule, the workflow.

use crate::db::Connection;
use crate::error::Error;
use crate::queries::schedules::SCHED_NAME;
use crate::sql::Sql;
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Integer, Nullable, Text};
use orca_engine::schedule::{Misfire, Subject, Trigger};
use orca_engine::time::Millis;
use std::collections::{BTreeSet, HashMap};

const ONLINE: i32 = 1;
/// The names that the API server gives to jobs: this and the id of the schedule.
const JOB_PREFIX: &str = "job_";

/// A trigger that is due, with its cron row.
#[derive(QueryableByName)]
pub(crate) struct DueRow {
    #[diesel(sql_type = Text)]
    trigger_name: String,
    #[diesel(sql_type = Text)]
    trigger_group: String,
    #[diesel(sql_type = Text)]
    pub(crate) job_name: String,
    #[diesel(sql_type = Text)]
    job_group: String,
    #[diesel(sql_type = BigInt)]
    next_fire_time: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    end_time: Option<i64>,
    #[diesel(sql_type = Nullable<Integer>)]
    misfire_instr: Option<i32>,
    #[diesel(sql_type = Nullable<Text>)]
    cron_expression: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    time_zone_id: Option<String>,
}

#[derive(QueryableByName)]
pub(crate) struct ScheduleRow {
    #[diesel(sql_type = Integer)]
    pub(crate) id: i32,
    #[diesel(sql_type = BigInt)]
    pub(crate) workflow_definition_code: i64,
    #[diesel(sql_type = Nullable<Text>)]
    pub(crate) timezone_id: Option<String>,
    #[diesel(sql_type = Integer)]
    pub(crate) failure_strategy: i32,
    #[diesel(sql_type = Integer)]
    pub(crate) user_id: i32,
    #[diesel(sql_type = Integer)]
    release_state: i32,
    #[diesel(sql_type = Integer)]
    pub(crate) warning_type: i32,
    #[diesel(sql_type = Nullable<Integer>)]
    pub(crate) warning_group_id: Option<i32>,
    #[diesel(sql_type = Nullable<Integer>)]
    pub(crate) workflow_instance_priority: Option<i32>,
    #[diesel(sql_type = Nullable<Text>)]
    pub(crate) worker_group: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub(crate) tenant_code: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub(crate) environment_code: Option<i64>,
}

#[derive(QueryableByName)]
pub(crate) struct WorkflowRow {
    #[diesel(sql_type = BigInt)]
    code: i64,
    #[diesel(sql_type = Integer)]
    pub(crate) version: i32,
    #[diesel(sql_type = Nullable<Integer>)]
    release_state: Option<i32>,
}

/// What the due triggers are about.
pub(crate) struct SubjectRows {
    schedules: HashMap<i32, ScheduleRow>,
    workflows: HashMap<i64, WorkflowRow>,
}

/// Those that wait and are due, the longest due first.
pub(crate) fn due_rows(
    connection: &mut Connection,
    now: Millis,
    len_max: i64,
    lock: &str,
) -> Result<Vec<DueRow>, Error> {
    let text = format!(
        "SELECT t.TRIGGER_NAME AS trigger_name, t.TRIGGER_GROUP AS trigger_group, t.JOB_NAME AS job_name, t.JOB_GROUP AS job_group, \
         t.NEXT_FIRE_TIME AS next_fire_time, t.END_TIME AS end_time, t.MISFIRE_INSTR AS misfire_instr, \
         c.CRON_EXPRESSION AS cron_expression, c.TIME_ZONE_ID AS time_zone_id FROM QRTZ_TRIGGERS t LEFT JOIN QRTZ_CRON_TRIGGERS c \
         ON c.SCHED_NAME = t.SCHED_NAME AND c.TRIGGER_NAME = t.TRIGGER_NAME AND c.TRIGGER_GROUP = t.TRIGGER_GROUP \
         WHERE t.SCHED_NAME = ? AND t.TRIGGER_STATE = ? AND t.NEXT_FIRE_TIME <= ? \
         ORDER BY t.NEXT_FIRE_TIME, t.PRIORITY DESC, t.TRIGGER_NAME LIMIT ?{lock}"
    );
    let sql = Sql::fixed("read schedules that are due", text);
    connection.rows(sql.bind(SCHED_NAME).bind("WAITING").bind(now.0).bind(len_max))
}

impl DueRow {
    pub(crate) fn trigger(&self) -> Trigger {
        Trigger {
            cron_expression: self.cron_expression.clone(),
            zone_id: self.time_zone_id.clone(),
            next_fire_time: Millis(self.next_fire_time),
            // Quartz writes 0 for "none".
            end_time: self.end_time.filter(|end| *end > 0).map(Millis),
            misfire: Misfire::from_code(self.misfire_instr.unwrap_or(0)),
        }
    }

    /// The name says the same as the serialized map of the job, and is easier to read.
    fn schedule_id(&self) -> Option<i32> {
        self.job_name.strip_prefix(JOB_PREFIX)?.parse().ok()
    }

    pub(crate) fn is_same_trigger(&self, other: &Self) -> bool {
        (&self.trigger_name, &self.trigger_group) == (&other.trigger_name, &other.trigger_group)
    }

    /// Waits for the next time. The row is locked, so it must still be as it was read.
    pub(crate) fn advance(
        &self,
        connection: &mut Connection,
        previous: Option<i64>,
        next: i64,
    ) -> Result<(), Error> {
        let sql = match previous {
            Some(previous) => Sql::fixed(
                "advance a trigger",
                format!("UPDATE QRTZ_TRIGGERS SET PREV_FIRE_TIME = ?, NEXT_FIRE_TIME = ?{OF}"),
            )
            .bind(previous),
            None => Sql::fixed(
                "advance a trigger",
                format!("UPDATE QRTZ_TRIGGERS SET NEXT_FIRE_TIME = ?{OF}"),
            ),
        };
        self.expect_one(connection, sql.bind(next))
    }

    pub(crate) fn set_aside(&self, connection: &mut Connection) -> Result<(), Error> {
        let text = format!("UPDATE QRTZ_TRIGGERS SET TRIGGER_STATE = 'ERROR'{OF}");
        self.expect_one(connection, Sql::fixed("set a trigger aside", text))
    }

    /// Removes the trigger and its job, which has no other one. Referring rows go first.
    pub(crate) fn remove_job(&self, connection: &mut Connection) -> Result<(), Error> {
        const WHAT: &str = "remove a job of the scheduler";
        let text =
            "DELETE FROM QRTZ_CRON_TRIGGERS WHERE SCHED_NAME = ? AND TRIGGER_NAME = ? AND TRIGGER_GROUP = ?";
        let name = |sql: Sql<'static>| {
            sql.bind(SCHED_NAME)
                .bind(self.trigger_name.clone())
                .bind(self.trigger_group.clone())
        };
        connection.execute(name(Sql::fixed(WHAT, text)))?;
        self.expect_one(
            connection,
            Sql::fixed(WHAT, format!("DELETE FROM QRTZ_TRIGGERS{OF}")),
        )?;
        let text = "DELETE FROM QRTZ_JOB_DETAILS WHERE SCHED_NAME = ? AND JOB_NAME = ? AND JOB_GROUP = ? AND NOT EXISTS \
                    (SELECT 1 FROM QRTZ_TRIGGERS t WHERE t.SCHED_NAME = QRTZ_JOB_DETAILS.SCHED_NAME \
                    AND t.JOB_NAME = QRTZ_JOB_DETAILS.JOB_NAME AND t.JOB_GROUP = QRTZ_JOB_DETAILS.JOB_GROUP)";
        let sql = Sql::fixed(WHAT, text)
            .bind(SCHED_NAME)
            .bind(self.job_name.clone())
            .bind(self.job_group.clone());
        connection.execute(sql)?;
        Ok(())
    }

    /// Runs a change of this row, which ends in `OF`.
    fn expect_one(&self, connection: &mut Connection, sql: Sql<'static>) -> Result<(), Error> {
        let sql = sql
            .bind(SCHED_NAME)
            .bind(self.trigger_name.clone())
            .bind(self.trigger_group.clone())
            .bind(self.next_fire_time);
        match connection.execute(sql)? {
            1 => Ok(()),
            _ => Err(Error::Request {
                what: "the trigger",
                reason: format!(
                    "{} was changed by somebody who does not hold its lock",
                    self.trigger_name
                ),
            }),
        }
    }
}

/// The row as it was read.
const OF: &str = " WHERE SCHED_NAME = ? AND TRIGGER_NAME = ? AND TRIGGER_GROUP = ? AND TRIGGER_STATE = 'WAITING' AND NEXT_FIRE_TIME = ?";

pub(crate) fn subjects(connection: &mut Connection, due: &[DueRow]) -> Result<SubjectRows, Error> {
    let ids: BTreeSet<i32> = due.iter().filter_map(DueRow::schedule_id).collect();
    let text = "SELECT id, workflow_definition_code, timezone_id, failure_strategy, user_id, release_state, warning_type, warning_group_id, \
                workflow_instance_priority, worker_group, tenant_code, environment_code FROM t_ds_schedules WHERE id IN ";
    let schedules: Vec<ScheduleRow> = match ids.is_empty() {
        true => Vec::new(),
        false => connection.rows(Sql::batch("read schedules", text).list(ids))?,
    };
    let codes: BTreeSet<i64> = schedules
        .iter()
        .map(|schedule| schedule.workflow_definition_code)
        .collect();
    let text = "SELECT code, version, release_state FROM t_ds_workflow_definition WHERE code IN ";
    let workflows: Vec<WorkflowRow> = match codes.is_empty() {
        true => Vec::new(),
        false => connection.rows(Sql::batch("read the workflows of schedules", text).list(codes))?,
    };
    Ok(SubjectRows {
        schedules: schedules
            .into_iter()
            .map(|schedule| (schedule.id, schedule))
            .collect(),
        workflows: workflows
            .into_iter()
            .map(|workflow| (workflow.code, workflow))
            .collect(),
    })
}

impl SubjectRows {
    pub(crate) fn schedule(&self, due: &DueRow) -> Option<&ScheduleRow> {
        self.schedules.get(&due.schedule_id()?)
    }

    pub(crate) fn workflow(&self, schedule: &ScheduleRow) -> Option<&WorkflowRow> {
        self.workflows.get(&schedule.workflow_definition_code)
    }

    pub(crate) fn subject(&self, due: &DueRow) -> Subject {
        let schedule = self.schedule(due);
        Subject {
            schedule_is_online: schedule.map(|schedule| schedule.release_state == ONLINE),
            workflow_is_online: schedule
                .and_then(|schedule| self.workflow(schedule))
                .map(|workflow| workflow.release_state.unwrap_or(0) == ONLINE),
        }
    }
}
