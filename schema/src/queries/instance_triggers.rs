//! An instance that has ended is run again: all of it, or what failed, or what was suspended (`AbstractWorkflowInstanceTrigger`).
//!
//! Guarantees: instance and command change in one transaction, with the instance row locked and its state checked, so of two requests at the same time one is carried
//! out and the other refused. That the state allows it is checked here and not only by whoever asks: the API server looks at the row before it calls.

use crate::clock::WallClock;
use crate::db::Connection;
use crate::error::{AgainError, Error};
use crate::queries::trigger_rows::{AgainRows, again_command, again_serial};
use crate::queries::triggers::{definitions, execution_type};
use crate::rows::InstanceRow;
use crate::sql::Sql;
use crate::store::{Store, now};
use crate::types::{Again, AgainRequest};
use diesel::QueryableByName;
use diesel::sql_types::Integer;
use orca_engine::codes::{CommandType, ExecutionType, WorkflowState};
use orca_engine::command::append_state_history;
use orca_engine::model::WorkflowInstance;
use orca_engine::time::Millis;

#[derive(QueryableByName)]
struct IdRow {
    #[diesel(sql_type = Integer)]
    id: i32,
}

/// A serial command that no coordinator has launched yet.
const SERIAL_WAITING: i32 = 0;

impl Store {
    /// Lets an instance run again, in one transaction.
    ///
    /// # Errors
    /// When there is no such instance, when its state does not allow it, when a command for it is waiting already, or when the database does not answer. Nothing was
    /// written, except that with an unknown outcome nobody knows.
    pub fn trigger_again(&self, request: &AgainRequest) -> Result<(), AgainError> {
        self.write("let a workflow instance run again", |connection| {
            run_again(connection, self.clock, request)
        })?
    }
}

/// As [`Store::trigger_again`], inside a transaction of the caller.
pub(crate) fn run_again(
    connection: &mut Connection,
    clock: WallClock,
    request: &AgainRequest,
) -> Result<Result<(), AgainError>, Error> {
    let Some(instance) = lock_instance(connection, clock, request.workflow_instance_id)? else {
        let id = request.workflow_instance_id;
        return Ok(Err(AgainError::InstanceNotFound { id }));
    };
    if let Err(refusal) = check(connection, &instance, request.kind)? {
        return Ok(Err(refusal));
    }
    let (code, version) = (
        instance.workflow_definition_code,
        instance.workflow_definition_version,
    );
    let definition = definitions(connection, &[(code, version)])?.remove(&(code, version));
    let Some(definition) = definition else {
        return Ok(Err(AgainError::DefinitionNotFound { code, version }));
    };
    let parallel = execution_type(&definition)? == ExecutionType::Parallel;
    let now = now(connection)?;
    change_instance(connection, clock, &instance, request.kind, parallel, now)?;
    let rows = AgainRows {
        instance: &instance,
        command_type: request.kind.command_type(),
        user_id: request.user_id,
    };
    let insert = if parallel { again_command } else { again_serial };
    insert(&rows, clock, now).insert(connection)?;
    Ok(Ok(()))
}

pub(crate) fn lock_instance(
    connection: &mut Connection,
    clock: WallClock,
    id: i32,
) -> Result<Option<WorkflowInstance>, Error> {
    let text = format!(
        "SELECT {} FROM t_ds_workflow_instance WHERE id = ?{}",
        InstanceRow::COLUMNS,
        connection.dialect.for_update()
    );
    let sql = Sql::fixed("lock a workflow instance", text).bind(id);
    let row = connection.rows::<InstanceRow>(sql)?.pop();
    row.map(|row| row.into_model(clock)).transpose()
}

/// A recovery counts as a run from now on; a repetition only once its command is handled.
fn change_instance(
    connection: &mut Connection,
    clock: WallClock,
    instance: &WorkflowInstance,
    kind: Again,
    parallel: bool,
    now: Millis,
) -> Result<(), Error> {
    let recovery = kind != Again::Repeat;
    if parallel && !recovery {
        return Ok(());
    }
    let state = if parallel {
        WorkflowState::SubmittedSuccess
    } else {
        WorkflowState::SerialWait
    };
    let mut sql = Sql::batch(
        "change a workflow instance that runs again",
        "UPDATE t_ds_workflow_instance SET state = ",
    );
    sql.push_bind(state.code());
    if recovery {
        // The reference gives this reason for both kinds of recovery, and a serial queue adds none.
        let history = append_state_history(
            instance.state_history.as_deref(),
            WorkflowState::SubmittedSuccess,
            CommandType::StartFailureTaskProcess.name(),
            now,
            clock.zone(),
        );
        sql.push(", state_history = ").push_bind(history);
        sql.push(", run_times = ")
            .push_bind(instance.run_times.saturating_add(1));
        sql.push(", restart_time = ").push_bind(clock.local(now));
        sql.push(", end_time = NULL");
    }
    sql.push(" WHERE id = ").push_bind(instance.id);
    sql.push(" AND state = ").push_bind(instance.state.code());
    match connection.execute(sql)? {
        1 => Ok(()),
        // It was locked a moment ago.
        changed => Err(Error::Batch {
            reason: format!("{changed} rows of workflow instance {} were changed", instance.id),
        }),
    }
}

/// Whether the instance may run again. Its row is locked, so nobody inserts a command or claims one meanwhile.
fn check(
    connection: &mut Connection,
    instance: &WorkflowInstance,
    kind: Again,
) -> Result<Result<(), AgainError>, Error> {
    if !kind.allows(instance.state) {
        return Ok(Err(AgainError::WrongState {
            name: instance.name.clone(),
            state: instance.state,
            kind,
        }));
    }
    if is_waiting(connection, instance.id)? {
        return Ok(Err(AgainError::Waiting {
            name: instance.name.clone(),
            kind,
        }));
    }
    Ok(Ok(()))
}

fn is_waiting(connection: &mut Connection, id: i32) -> Result<bool, Error> {
    let commands = Sql::fixed(
        "look for a command of a workflow instance",
        "SELECT id FROM t_ds_command WHERE workflow_instance_id = ? LIMIT 1",
    );
    let serial = Sql::fixed(
        "look for a serial command of a workflow instance",
        "SELECT id FROM t_ds_serial_command WHERE workflow_instance_id = ? AND state = ? LIMIT 1",
    );
    let mut found = connection.rows::<IdRow>(commands.bind(id))?;
    if found.is_empty() {
        found = connection.rows::<IdRow>(serial.bind(i64::from(id)).bind(SERIAL_WAITING))?;
    }
    if let Some(row) = found.first() {
        log::debug!(workflow_instance_id = id; "command {} is waiting", row.id);
    }
    Ok(!found.is_empty())
}
