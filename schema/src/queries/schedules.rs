//! Firing schedules from the `QRTZ_` rows that the API server writes.
//!
//! Guarantees: a trigger is advanced and its instances are inserted in one transaction, under the lock by which Quartz takes turns (`TRIGGER_ACCESS`), so each fire time
//! fires once, whoever looks and whoever dies; a trigger that a Java master has taken (`ACQUIRED`) is left to it. What fires is decided by `orca_engine::schedule`.

use crate::db::Connection;
use crate::error::{Error, ErrorClass};
use crate::limits::{DUE_TRIGGERS_MAX, QUARTZ_HOLDERS_MAX};
use crate::queries::schedule_rows::{DueRow, ScheduleRow, SubjectRows, due_rows, subjects};
use crate::rows::code;
use crate::sql::Sql;
use crate::store::{Store, now};
use crate::tx;
use crate::types::{NewRun, RunKind};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Nullable, Text};
use orca_engine::model::RunOptions;
use orca_engine::schedule::{Decision, Peer, decide};
use orca_engine::time::Millis;
use orca_engine::zone::Zone;

pub(crate) const SCHED_NAME: &str = "DolphinScheduler";
const OFFLINE: i32 = 0;

/// When something is due, by the database's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextFire {
    pub due: Option<Millis>,
    pub now: Millis,
}

/// One fire time and what came of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Firing {
    pub schedule_id: i32,
    pub scheduled: Millis,
    /// The new workflow instance, or why there is none: that firing is lost, as with Java.
    pub outcome: Result<i32, String>,
}

/// What one look at the triggers has done.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Fired {
    pub firings: Vec<Firing>,
    /// Triggers that were removed, or set aside, and why.
    pub notes: Vec<String>,
}

/// Which due triggers to take up.
#[derive(Clone, Copy)]
enum Scope<'a> {
    All,
    /// This one alone, because it does not go together with the others.
    One(&'a DueRow),
    /// This one alone and without its instances, because they cannot be written.
    Skip(&'a DueRow, &'a str),
}

#[derive(QueryableByName)]
struct NextRow {
    #[diesel(sql_type = Nullable<BigInt>)]
    due: Option<i64>,
    #[diesel(sql_type = BigInt)]
    now: i64,
}

#[derive(QueryableByName)]
struct NameRow {
    #[diesel(sql_type = Text)]
    #[expect(dead_code, reason = "the row is there or not")]
    name: String,
}

#[derive(QueryableByName)]
struct HolderRow {
    #[diesel(sql_type = Text)]
    instance_name: String,
    #[diesel(sql_type = Nullable<BigInt>)]
    last_checkin: Option<i64>,
}

impl Store {
    /// The earliest fire time of all triggers that wait: one read of an index.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn next_fire(&self) -> Result<NextFire, Error> {
        let text = format!(
            "SELECT MIN(NEXT_FIRE_TIME) AS due, {} AS now FROM QRTZ_TRIGGERS WHERE SCHED_NAME = ? AND TRIGGER_STATE = ?",
            self.dialect.now_millis()
        );
        let sql = Sql::fixed("look for the next schedule", text)
            .bind(SCHED_NAME)
            .bind("WAITING");
        let row = self.reader()?.rows::<NextRow>(sql)?.pop();
        let row = row.ok_or(Error::Missing {
            what: "the answer to",
            id: "the next schedule".to_owned(),
        })?;
        Ok(NextFire {
            due: row.due.map(Millis),
            now: Millis(row.now),
        })
    }

    /// Takes up the triggers that are due, as many as one transaction may.
    ///
    /// # Errors
    /// When the database does not answer, another scheduler holds the lock for longer than a moment, or the lease is lost. Nothing has fired then; with an unknown
    /// outcome the next look tells.
    pub fn fire_due(&self, may_commit: &dyn Fn() -> bool) -> Result<Fired, Error> {
        match self.fire(Scope::All, may_commit) {
            Err(error) if error.class() == ErrorClass::Refuse => self.fire_one_by_one(may_commit),
            result => result,
        }
    }

    fn fire_one_by_one(&self, may_commit: &dyn Fn() -> bool) -> Result<Fired, Error> {
        let due = {
            let mut reader = self.reader()?;
            let at = now(&mut reader)?;
            due_rows(&mut reader, at, DUE_TRIGGERS_MAX, "")?
        };
        let mut fired = Fired::default();
        for row in &due {
            let one = match self.fire(Scope::One(row), may_commit) {
                Err(error) if error.class() == ErrorClass::Refuse => {
                    self.fire(Scope::Skip(row, &error.to_string()), may_commit)?
                }
                result => result?,
            };
            fired.firings.extend(one.firings);
            fired.notes.extend(one.notes);
        }
        Ok(fired)
    }

    fn fire(&self, scope: Scope<'_>, may_commit: &dyn Fn() -> bool) -> Result<Fired, Error> {
        const WHAT: &str = "fire schedules";
        let body = |connection: &mut Connection| {
            take_lock(connection, "TRIGGER_ACCESS")?;
            let at = now(connection)?;
            let for_update = connection.dialect.for_update();
            let mut due = due_rows(connection, at, DUE_TRIGGERS_MAX, for_update)?;
            if let Scope::One(only) | Scope::Skip(only, _) = scope {
                due.retain(|row| row.is_same_trigger(only));
            }
            self.carry_out(connection, &due, scope, at)
        };
        let mut writer = self.writer()?;
        tx::write(&mut writer, may_commit, body).map_err(|ended| ended.into_error(WHAT))
    }

    fn carry_out(
        &self,
        connection: &mut Connection,
        due: &[DueRow],
        scope: Scope<'_>,
        at: Millis,
    ) -> Result<Fired, Error> {
        let subjects = subjects(connection, due)?;
        let own_zone = Zone::Region(self.clock.zone());
        let (mut fired, mut runs) = (Fired::default(), Vec::new());
        for row in due {
            let decision = decide(&row.trigger(), subjects.subject(row), &own_zone, at);
            if let Some(note) = note(row, &decision) {
                fired.notes.push(note);
            }
            self.write_trigger(connection, row, &subjects, &decision, at)?;
            let (Decision::Fire { times, .. }, Some(schedule)) = (decision, subjects.schedule(row)) else {
                continue;
            };
            for time in times {
                match scope {
                    Scope::Skip(_, reason) => fired.firings.push(Firing {
                        schedule_id: schedule.id,
                        scheduled: time,
                        outcome: Err(reason.to_owned()),
                    }),
                    Scope::All | Scope::One(_) => runs.push((schedule.id, run(schedule, &subjects, time)?)),
                }
            }
        }
        self.start(connection, &runs, &mut fired)?;
        Ok(fired)
    }

    /// Inserts the instances; a run that cannot be started is a firing that is lost.
    fn start(
        &self,
        connection: &mut Connection,
        runs: &[(i32, NewRun)],
        fired: &mut Fired,
    ) -> Result<(), Error> {
        if runs.is_empty() {
            return Ok(());
        }
        let new: Vec<NewRun> = runs.iter().map(|(_, run)| run.clone()).collect();
        let outcomes = self.trigger_within(connection, &new)?;
        for ((schedule_id, run), outcome) in runs.iter().zip(outcomes) {
            fired.firings.push(Firing {
                schedule_id: *schedule_id,
                scheduled: run.schedule_time.unwrap_or_default(),
                outcome: outcome.map_err(|refusal| refusal.to_string()),
            });
        }
        Ok(())
    }

    fn write_trigger(
        &self,
        connection: &mut Connection,
        row: &DueRow,
        subjects: &SubjectRows,
        decision: &Decision,
        at: Millis,
    ) -> Result<(), Error> {
        match decision {
            Decision::Fire {
                times,
                next: Some(next),
            } => {
                let previous = times.last().map(|time| time.0);
                row.advance(connection, previous, next.0)
            }
            Decision::Fire { next: None, .. } | Decision::RemoveJob => row.remove_job(connection),
            Decision::RemoveSchedule => {
                row.remove_job(connection)?;
                if let Some(schedule) = subjects.schedule(row) {
                    let sql = Sql::fixed("delete a schedule", "DELETE FROM t_ds_schedules WHERE id = ?");
                    connection.execute(sql.bind(schedule.id))?;
                }
                Ok(())
            }
            Decision::TakeOffline => {
                row.remove_job(connection)?;
                if let Some(schedule) = subjects.schedule(row) {
                    let text = "UPDATE t_ds_schedules SET release_state = ?, update_time = ? WHERE id = ?";
                    let sql = Sql::fixed("take a schedule offline", text);
                    connection.execute(sql.bind(OFFLINE).bind(self.clock.local(at)).bind(schedule.id))?;
                }
                Ok(())
            }
            Decision::SetAside(_) => row.set_aside(connection),
        }
    }

    /// The Quartz schedulers that hold triggers, dead or alive. Usually none.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn quartz_holders(&self) -> Result<Vec<Peer>, Error> {
        let text = "SELECT f.INSTANCE_NAME AS instance_name, MAX(s.LAST_CHECKIN_TIME) AS last_checkin FROM QRTZ_FIRED_TRIGGERS f \
                    LEFT JOIN QRTZ_SCHEDULER_STATE s ON s.SCHED_NAME = f.SCHED_NAME AND s.INSTANCE_NAME = f.INSTANCE_NAME \
                    WHERE f.SCHED_NAME = ? GROUP BY f.INSTANCE_NAME ORDER BY f.INSTANCE_NAME LIMIT ?";
        let sql = Sql::fixed("look for schedulers", text)
            .bind(SCHED_NAME)
            .bind(QUARTZ_HOLDERS_MAX);
        let rows = self.reader()?.rows::<HolderRow>(sql)?;
        let peer = |row: HolderRow| Peer {
            instance_name: row.instance_name,
            last_checkin: row.last_checkin,
        };
        Ok(rows.into_iter().map(peer).collect())
    }

    /// Gives back the triggers of a scheduler that is dead, as Quartz's own recovery does; whether it still was.
    ///
    /// # Errors
    /// When the database does not answer, or the locks are held for longer than a moment.
    pub fn recover_quartz(&self, dead: &Peer, may_commit: &dyn Fn() -> bool) -> Result<bool, Error> {
        const WHAT: &str = "give back the triggers of a dead scheduler";
        let body = |connection: &mut Connection| {
            take_lock(connection, "STATE_ACCESS")?;
            take_lock(connection, "TRIGGER_ACCESS")?;
            let name = dead.instance_name.as_str();
            let text = "SELECT INSTANCE_NAME AS instance_name, LAST_CHECKIN_TIME AS last_checkin FROM QRTZ_SCHEDULER_STATE \
                        WHERE SCHED_NAME = ? AND INSTANCE_NAME = ?";
            let state = connection
                .rows::<HolderRow>(Sql::fixed(WHAT, text).bind(SCHED_NAME).bind(name))?
                .pop();
            if state.and_then(|state| state.last_checkin) != dead.last_checkin {
                return Ok(false);
            }
            for (from, to) in [
                ("ACQUIRED", "WAITING"),
                ("BLOCKED", "WAITING"),
                ("PAUSED_BLOCKED", "PAUSED"),
            ] {
                let text = "UPDATE QRTZ_TRIGGERS SET TRIGGER_STATE = ? WHERE SCHED_NAME = ? AND TRIGGER_STATE = ? AND EXISTS \
                            (SELECT 1 FROM QRTZ_FIRED_TRIGGERS f WHERE f.SCHED_NAME = QRTZ_TRIGGERS.SCHED_NAME AND f.INSTANCE_NAME = ? \
                            AND f.TRIGGER_NAME = QRTZ_TRIGGERS.TRIGGER_NAME AND f.TRIGGER_GROUP = QRTZ_TRIGGERS.TRIGGER_GROUP)";
                connection.execute(
                    Sql::fixed(WHAT, text)
                        .bind(to)
                        .bind(SCHED_NAME)
                        .bind(from)
                        .bind(name),
                )?;
            }
            for table in ["QRTZ_FIRED_TRIGGERS", "QRTZ_SCHEDULER_STATE"] {
                let text = format!("DELETE FROM {table} WHERE SCHED_NAME = ? AND INSTANCE_NAME = ?");
                connection.execute(Sql::fixed(WHAT, text).bind(SCHED_NAME).bind(name))?;
            }
            Ok(true)
        };
        let mut writer = self.writer()?;
        tx::write(&mut writer, may_commit, body).map_err(|ended| ended.into_error(WHAT))
    }
}

/// Quartz's way: the row of the lock is read for update, and made when it is missing.
fn take_lock(connection: &mut Connection, lock: &'static str) -> Result<(), Error> {
    const WHAT: &str = "take a lock of the scheduler";
    let text = format!(
        "SELECT LOCK_NAME AS name FROM QRTZ_LOCKS WHERE SCHED_NAME = ? AND LOCK_NAME = ?{}",
        connection.dialect.for_update()
    );
    let locked = |connection: &mut Connection| {
        connection.rows::<NameRow>(Sql::fixed(WHAT, text.clone()).bind(SCHED_NAME).bind(lock))
    };
    if locked(connection)?.is_empty() {
        let text = format!(
            "{} INTO QRTZ_LOCKS (SCHED_NAME, LOCK_NAME) VALUES (?, ?)",
            connection.dialect.insert_unless_there()
        );
        connection.execute(Sql::fixed(WHAT, text).bind(SCHED_NAME).bind(lock))?;
        locked(connection)?;
    }
    Ok(())
}

/// What an operator should know of a decision; firing is said elsewhere.
fn note(row: &DueRow, decision: &Decision) -> Option<String> {
    let job = row.job_name.as_str();
    match decision {
        Decision::Fire { next: Some(_), .. } => None,
        Decision::Fire { next: None, .. } => {
            Some(format!("{job} has fired for the last time; it is removed"))
        }
        Decision::RemoveJob => Some(format!(
            "{job}: its schedule is gone or offline; the job is removed"
        )),
        Decision::RemoveSchedule => Some(format!(
            "{job}: its workflow is gone; schedule and job are removed"
        )),
        Decision::TakeOffline => Some(format!(
            "{job}: its workflow is offline; the schedule is taken offline and the job removed"
        )),
        Decision::SetAside(broken) => Some(format!(
            "{job} cannot fire and is set aside (TRIGGER_STATE ERROR): {broken}; put the schedule offline, repair it and put it online again"
        )),
    }
}

/// The run that `ProcessScheduleTask` asks for.
fn run(schedule: &ScheduleRow, subjects: &SubjectRows, scheduled: Millis) -> Result<NewRun, Error> {
    const TABLE: &str = "t_ds_schedules";
    let workflow = schedule.workflow_definition_code;
    let version = subjects.workflow(schedule).map_or(0, |workflow| workflow.version);
    let base = RunOptions::DEFAULT;
    let strategy = Some(schedule.failure_strategy);
    let warning = Some(schedule.warning_type);
    let priority = schedule.workflow_instance_priority;
    let options = RunOptions {
        failure_strategy: code(
            TABLE,
            schedule.id,
            "failure_strategy",
            strategy,
            base.failure_strategy,
        )?,
        warning_type: code(TABLE, schedule.id, "warning_type", warning, base.warning_type)?,
        priority: code(
            TABLE,
            schedule.id,
            "workflow_instance_priority",
            priority,
            base.priority,
        )?,
        warning_group_id: schedule.warning_group_id,
        worker_group: schedule.worker_group.clone(),
        tenant_code: schedule.tenant_code.clone(),
        environment_code: schedule.environment_code,
        ..base
    };
    Ok(NewRun {
        kind: RunKind::Schedule,
        time_zone: schedule.timezone_id.clone(),
        schedule_time: Some(scheduled),
        options,
        ..NewRun::manual(schedule.user_id, workflow, version)
    })
}
