//! The check that comes before every write: the rows are locked, and they are still ours.

use crate::db::Connection;
use crate::error::{CommitError, Error};
use crate::limits::IDS_PER_STATEMENT_MAX;
use crate::sql::Sql;
use crate::types::StepCommit;
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Integer, Nullable, Text};
use orca_engine::codes::WorkflowState;
use orca_engine::time::Millis;
use std::collections::HashMap;

#[derive(QueryableByName)]
struct LockedRow {
    #[diesel(sql_type = Integer)]
    id: i32,
    #[diesel(sql_type = Nullable<Text>)]
    host: Option<String>,
    #[diesel(sql_type = Nullable<Integer>)]
    state: Option<i32>,
    #[diesel(sql_type = BigInt)]
    epoch: i64,
    #[diesel(sql_type = BigInt)]
    step: i64,
    #[diesel(sql_type = BigInt)]
    now: i64,
}

/// Locks the instances of all steps in ascending id and says of each step whether it may be written; also the database's time.
pub(super) fn lock_and_check(
    connection: &mut Connection,
    steps: &[StepCommit],
) -> Result<(Vec<Result<(), CommitError>>, Millis), Error> {
    let mut ids: Vec<i32> = steps.iter().map(|step| step.fence.workflow_instance_id).collect();
    ids.sort_unstable();
    let mut locked = HashMap::with_capacity(ids.len());
    let mut now = Millis(0);
    for ids in ids.chunks(IDS_PER_STATEMENT_MAX) {
        for row in connection.rows::<LockedRow>(lock(connection, ids))? {
            now = Millis(row.now);
            locked.insert(row.id, row);
        }
    }
    let verdict = |step: &StepCommit| match locked.get(&step.fence.workflow_instance_id) {
        Some(row) => check(row, step),
        None => Err(CommitError::NotOwner),
    };
    Ok((steps.iter().map(verdict).collect(), now))
}

fn lock(connection: &Connection, ids: &[i32]) -> Sql<'static> {
    let text = format!(
        "SELECT i.id, i.host, i.state, o.epoch, o.step, {} AS now FROM t_ds_workflow_instance i \
         JOIN t_orca_instance o ON o.workflow_instance_id = i.id WHERE i.id IN ",
        connection.dialect.now_millis()
    );
    let what = "lock workflow instances";
    let sql = if ids.len() == 1 {
        Sql::fixed(what, text)
    } else {
        Sql::batch(what, text)
    };
    sql.list(ids.iter().copied())
        .then(" ORDER BY i.id")
        .then(connection.dialect.for_update())
}

fn check(row: &LockedRow, step: &StepCommit) -> Result<(), CommitError> {
    let state = row.state.and_then(|code| WorkflowState::try_from(code).ok());
    let may_be_written = state.is_some_and(|state| !state.is_final() && state != WorkflowState::Failover);
    let ours = row.host.as_deref() == Some(step.fence.host.as_ref()) && row.epoch == step.fence.epoch;
    // The counter is looked at first: the step that ended the instance is recorded although its state is final.
    if ours && row.step >= step.step {
        return Err(CommitError::Unknown {
            reason: format!("step {} is already recorded", row.step),
        });
    }
    if ours && may_be_written {
        Ok(())
    } else {
        Err(CommitError::NotOwner)
    }
}
