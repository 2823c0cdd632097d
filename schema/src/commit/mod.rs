//! Group commit: the steps of many workflows in one transaction, each behind its own fence (INV-FENCE-1).
//!
//! Guarantees: a step is written completely or not at all; one whose fence fails falls out and changes nothing; any other error rolls the batch back and
//! runs its members one by one, so that it stops only the member it belongs to. Instance rows are locked in ascending id, so batches cannot
//! deadlock each other. The same step is never written twice: its number is checked against the instance's counter under the lock.

mod batch;
mod children;
mod fence;
mod instances;
mod tasks;

use crate::db::Connection;
use crate::error::{CommitError, Error, ErrorClass};
use crate::sql::Sql;
use crate::store::Store;
use crate::tx::{self, Ended};
use crate::types::{Committed, StepCommit, StepState};
use batch::Batch;
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Integer, Nullable, Text};
use orca_engine::fence::Fence;
use std::collections::{BTreeMap, BTreeSet};

type Answer = Result<Committed, CommitError>;

#[derive(QueryableByName)]
struct StepRow {
    #[diesel(sql_type = Text)]
    owner: String,
    #[diesel(sql_type = BigInt)]
    epoch: i64,
    #[diesel(sql_type = BigInt)]
    step: i64,
}

#[derive(QueryableByName)]
struct NamedRow {
    #[diesel(sql_type = Integer)]
    id: i32,
    #[diesel(sql_type = Nullable<Text>)]
    name: Option<String>,
}

impl Store {
    /// Commits steps, at most one per instance, and answers for each in its place. `may_commit` is asked right before each COMMIT.
    pub fn commit(&self, steps: &[StepCommit], may_commit: &dyn Fn() -> bool) -> Vec<Answer> {
        let mut instances = BTreeSet::new();
        if !steps
            .iter()
            .all(|step| instances.insert(step.fence.workflow_instance_id))
        {
            return self.one_by_one(steps, may_commit);
        }
        match self.together(steps, may_commit) {
            Ok(answers) => answers,
            Err(Ended::RolledBack(error)) if steps.len() > 1 && !stops_everybody(&error) => {
                log::debug!("{} steps go one by one: {error}", steps.len());
                self.one_by_one(steps, may_commit)
            }
            Err(ended) => steps.iter().map(|_| Err(refusal(&ended))).collect(),
        }
    }

    fn one_by_one(&self, steps: &[StepCommit], may_commit: &dyn Fn() -> bool) -> Vec<Answer> {
        let mut answers = Vec::with_capacity(steps.len());
        for step in steps {
            let alone = self.together(std::slice::from_ref(step), may_commit);
            let stop = matches!(&alone, Err(Ended::RolledBack(error)) if stops_everybody(error));
            match alone {
                Ok(answer) => answers.extend(answer),
                Err(ended) => answers.push(Err(refusal(&ended))),
            }
            if stop {
                // Nothing was sent for the rest, and each further try would wait as long as this one.
                let reason = "the database cannot be reached".to_owned();
                answers.resize(steps.len(), Err(CommitError::Retry { reason }));
                break;
            }
        }
        answers
    }

    fn together(&self, steps: &[StepCommit], may_commit: &dyn Fn() -> bool) -> Result<Vec<Answer>, Ended> {
        if steps.is_empty() {
            return Ok(Vec::new());
        }
        let mut connection = self.writer().map_err(Ended::RolledBack)?;
        tx::write(&mut connection, may_commit, |connection| {
            self.write_batch(connection, steps)
        })
    }

    fn write_batch(&self, connection: &mut Connection, steps: &[StepCommit]) -> Result<Vec<Answer>, Error> {
        let (verdicts, now) = fence::lock_and_check(connection, steps)?;
        let owned = steps
            .iter()
            .zip(&verdicts)
            .filter(|(_, verdict)| verdict.is_ok())
            .map(|(step, _)| step);
        let batch = Batch::gather(owned);
        let mut ids = batch.write(connection, self.clock, now)?;
        self.continue_backfills(connection, &batch.backfills)?;
        let answer = |(step, verdict): (&StepCommit, Result<(), CommitError>)| {
            verdict.map(|()| Committed {
                task_ids: ids.remove(&step.fence.workflow_instance_id).unwrap_or_default(),
            })
        };
        Ok(steps.iter().zip(verdicts).map(answer).collect())
    }

    /// What is written of an instance's steps, for the caller whose COMMIT was not answered. `None`: the instance has another owner.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn read_step(&self, fence: &Fence, inserted_names: &[String]) -> Result<Option<StepState>, Error> {
        let mut connection = self.reader()?;
        let sql = Sql::fixed(
            "read the step counter",
            "SELECT owner, epoch, step FROM t_orca_instance WHERE workflow_instance_id = ?",
        );
        let row = connection
            .rows::<StepRow>(sql.bind(fence.workflow_instance_id))?
            .pop();
        let Some(row) = row.filter(|row| row.epoch == fence.epoch && row.owner == *fence.host) else {
            return Ok(None);
        };
        let task_ids = newest_by_name(&mut connection, fence.workflow_instance_id, inserted_names)?;
        Ok(Some(StepState {
            step: row.step,
            task_ids,
        }))
    }
}

/// The newest valid row of each name.
fn newest_by_name(connection: &mut Connection, instance: i32, names: &[String]) -> Result<Vec<i32>, Error> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let text =
        "SELECT id, name FROM t_ds_task_instance WHERE flag = 1 AND workflow_instance_id = ? ORDER BY id";
    let rows = connection.rows::<NamedRow>(Sql::fixed("read the ids of new tasks", text).bind(instance))?;
    let newest: BTreeMap<String, i32> = rows
        .into_iter()
        .filter_map(|row| Some((row.name?, row.id)))
        .collect();
    Ok(names
        .iter()
        .filter_map(|name| newest.get(name).copied())
        .collect())
}

/// Errors that have nothing to do with any one member.
fn stops_everybody(error: &Error) -> bool {
    matches!(error, Error::Connect { .. } | Error::PoolExhausted { .. })
}

fn refusal(ended: &Ended) -> CommitError {
    match ended {
        Ended::LeaseLost => CommitError::LeaseLost,
        Ended::Unknown(error) => CommitError::Unknown {
            reason: error.to_string(),
        },
        Ended::RolledBack(error) => match error.class() {
            ErrorClass::Retry => CommitError::Retry {
                reason: error.to_string(),
            },
            ErrorClass::NotOwner => CommitError::NotOwner,
            ErrorClass::Refuse | ErrorClass::Fatal => CommitError::Fatal {
                reason: error.to_string(),
            },
        },
    }
}
