//! From commands to owned instances: a batch in one transaction (INV-CLAIM-1).
//!
//! Guarantees: whoever deletes the command row has the claim, and nothing is written for one that is gone; the own master row is locked and
//! active throughout, so fencing a master waits for its claims in flight; a claim whose COMMIT was not answered is looked up before it is reported.

use crate::db::Connection;
use crate::error::{Error, ErrorClass};
use crate::limits::{CLAIM_RESOLVE_PAUSE, CLAIM_RESOLVE_TRIES, IDS_PER_STATEMENT_MAX};
use crate::queries::claim_writes::{Held, write_claims};
use crate::queries::masters::require_active;
use crate::sql::Sql;
use crate::store::Store;
use crate::tx::{self, Ended};
use crate::types::ClaimOutcome;
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Integer, Nullable, Text, Timestamp};
use orca_engine::codes::WorkflowState;
use orca_engine::command::ClaimPlan;
use orca_engine::fence::Incarnation;
use orca_engine::time::Millis;
use std::collections::{BTreeSet, HashMap};

#[derive(QueryableByName)]
struct IdRow {
    #[diesel(sql_type = Integer)]
    id: i32,
}

#[derive(QueryableByName)]
struct HeldRow {
    #[diesel(sql_type = Integer)]
    id: i32,
    #[diesel(sql_type = Nullable<Integer>)]
    state: Option<i32>,
    #[diesel(sql_type = Nullable<Timestamp>)]
    start_time: Option<chrono::NaiveDateTime>,
    #[diesel(sql_type = Nullable<Timestamp>)]
    restart_time: Option<chrono::NaiveDateTime>,
    #[diesel(sql_type = Nullable<BigInt>)]
    epoch: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    timeout_base: Option<i64>,
}

#[derive(QueryableByName)]
struct OwnerRow {
    #[diesel(sql_type = Integer)]
    workflow_instance_id: i32,
    #[diesel(sql_type = Text)]
    owner: String,
    #[diesel(sql_type = BigInt)]
    epoch: i64,
}

impl Store {
    /// Claims what the plans describe, in one transaction, and answers for each in its place. `may_commit` is asked right before each COMMIT.
    ///
    /// # Errors
    /// Not owner: this incarnation is not active any more, or the lease ran out. Retry: the database does not answer. In both cases nothing
    /// was written.
    pub fn claim(
        &self,
        owner: &Incarnation,
        plans: &[ClaimPlan],
        may_commit: &dyn Fn() -> bool,
    ) -> Result<Vec<ClaimOutcome>, Error> {
        let (mut instances, mut commands) = (BTreeSet::new(), BTreeSet::new());
        let apart = |plan: &ClaimPlan| instances.insert(plan.instance.id) && commands.insert(plan.command_id);
        if plans.iter().all(apart) {
            match self.claim_together(owner, plans, may_commit) {
                Err(error)
                    if plans.len() > 1 && error.class() != ErrorClass::NotOwner && !unreachable(&error) =>
                {
                    log::debug!("{} claims go one by one: {error}", plans.len());
                }
                answer => return answer,
            }
        }
        self.claim_one_by_one(owner, plans, may_commit)
    }

    /// Two commands for one instance are claimed in their order; a bad row stops only its own.
    fn claim_one_by_one(
        &self,
        owner: &Incarnation,
        plans: &[ClaimPlan],
        may_commit: &dyn Fn() -> bool,
    ) -> Result<Vec<ClaimOutcome>, Error> {
        let mut outcomes = Vec::with_capacity(plans.len());
        for plan in plans {
            match self.claim_together(owner, std::slice::from_ref(plan), may_commit) {
                Ok(outcome) => outcomes.extend(outcome),
                // What was claimed before has to reach the caller.
                Err(error)
                    if outcomes.is_empty()
                        && (error.class() == ErrorClass::NotOwner || unreachable(&error)) =>
                {
                    return Err(error);
                }
                Err(error) => outcomes.push(failed(&error)),
            }
        }
        Ok(outcomes)
    }

    fn claim_together(
        &self,
        owner: &Incarnation,
        plans: &[ClaimPlan],
        may_commit: &dyn Fn() -> bool,
    ) -> Result<Vec<ClaimOutcome>, Error> {
        if plans.is_empty() {
            return Ok(Vec::new());
        }
        let mut written = None;
        let mut connection = self.writer()?;
        let ended = tx::write(&mut connection, may_commit, |connection| {
            written = Some(self.write_batch_of_claims(connection, owner, plans)?);
            Ok(())
        });
        drop(connection);
        match (ended, written) {
            (Ok(()), Some(outcomes)) => Ok(outcomes),
            (Err(Ended::Unknown(error)), Some(outcomes)) => self.resolve(owner, outcomes, error),
            (Err(ended), _) => Err(ended.into_error("claim commands")),
            (Ok(()), None) => Ok(Vec::new()),
        }
    }

    fn write_batch_of_claims(
        &self,
        connection: &mut Connection,
        owner: &Incarnation,
        plans: &[ClaimPlan],
    ) -> Result<Vec<ClaimOutcome>, Error> {
        let now = require_active(connection, owner)?;
        let present = lock_commands(connection, plans)?;
        let wanted = |plan: &&ClaimPlan| present.contains(&plan.command_id);
        let held = self.lock_instances(connection, plans.iter().filter(wanted), now)?;
        let claims: Vec<(&ClaimPlan, &Held)> = plans
            .iter()
            .filter(wanted)
            .filter_map(|plan| Some((plan, held.get(&plan.instance.id)?)))
            .collect();
        delete_commands(connection, &claims)?;
        let mut claimed = write_claims(connection, owner, &claims, self.clock, now)?;
        let outcome = |plan: &ClaimPlan| {
            if !present.contains(&plan.command_id) {
                return ClaimOutcome::NotMine;
            }
            claimed
                .remove(&plan.instance.id)
                .unwrap_or_else(|| ClaimOutcome::Failed {
                    reason: format!("workflow instance {} is not in the database", plan.instance.id),
                    refuse: true,
                })
        };
        Ok(plans.iter().map(outcome).collect())
    }

    fn lock_instances<'a>(
        &self,
        connection: &mut Connection,
        plans: impl Iterator<Item = &'a ClaimPlan>,
        now: Millis,
    ) -> Result<HashMap<i32, Held>, Error> {
        let mut ids: Vec<i32> = plans.map(|plan| plan.instance.id).collect();
        ids.sort_unstable();
        let mut held = HashMap::with_capacity(ids.len());
        for ids in ids.chunks(IDS_PER_STATEMENT_MAX) {
            let sql = Sql::batch(
                "lock workflow instances",
                "SELECT i.id, i.state, i.start_time, i.restart_time, o.epoch, o.timeout_base \
                 FROM t_ds_workflow_instance i LEFT JOIN t_orca_instance o ON o.workflow_instance_id = i.id WHERE i.id IN ",
            );
            let sql = sql
                .list(ids.iter().copied())
                .then(" ORDER BY i.id")
                .then(connection.dialect.for_update());
            for row in connection.rows::<HeldRow>(sql)? {
                held.insert(row.id, self.held(&row, now));
            }
        }
        Ok(held)
    }

    /// A take-over keeps where the time-out counts from; Java masters, who have no such column, count from `restart_time`.
    fn held(&self, row: &HeldRow, now: Millis) -> Held {
        let taken_over = row.state == Some(WorkflowState::Failover.code());
        let java_base = self.clock.instant_option(row.restart_time.or(row.start_time));
        let kept = row.timeout_base.map(Millis).or(java_base).filter(|_| taken_over);
        Held {
            epoch: row.epoch.unwrap_or(0),
            timeout_base: kept.unwrap_or(now),
        }
    }

    /// The COMMIT was sent and not answered: the epochs tell whether it took place, because only this call would have set them.
    fn resolve(
        &self,
        owner: &Incarnation,
        outcomes: Vec<ClaimOutcome>,
        error: Error,
    ) -> Result<Vec<ClaimOutcome>, Error> {
        let fences: Vec<_> = outcomes
            .iter()
            .filter_map(|outcome| match outcome {
                ClaimOutcome::Claimed { fence, .. } => Some((fence.workflow_instance_id, fence.epoch)),
                _ => None,
            })
            .collect();
        let unknown = Error::CommitUnknown {
            what: "claim commands",
            source: Box::new(error),
        };
        let Some((id, epoch)) = fences.first().copied() else {
            return Err(unknown);
        };
        for _ in 0..CLAIM_RESOLVE_TRIES {
            match self.owner_of(id) {
                // One transaction: the first of its rows speaks for all.
                Ok(Some(row)) if row.epoch == epoch && row.owner == *owner.address => return Ok(outcomes),
                Ok(_) => {
                    return Err(Error::Batch {
                        reason: "the claims were not committed".to_owned(),
                    });
                }
                Err(error) => log::warn!("the outcome of a claim cannot be read: {error}"),
            }
            std::thread::sleep(CLAIM_RESOLVE_PAUSE);
        }
        log::error!("workflow instances {fences:?} may be claimed without running here: {unknown}");
        Err(unknown)
    }

    fn owner_of(&self, id: i32) -> Result<Option<OwnerRow>, Error> {
        let sql = Sql::fixed(
            "read the owner of a workflow instance",
            "SELECT workflow_instance_id, owner, epoch FROM t_orca_instance WHERE workflow_instance_id = ?",
        );
        let row = self.reader()?.rows::<OwnerRow>(sql.bind(id))?.pop();
        Ok(row.filter(|row| row.workflow_instance_id == id))
    }
}

fn failed(error: &Error) -> ClaimOutcome {
    let refuse = matches!(error.class(), ErrorClass::Refuse | ErrorClass::Fatal);
    ClaimOutcome::Failed {
        reason: error.to_string(),
        refuse,
    }
}

fn unreachable(error: &Error) -> bool {
    matches!(error, Error::Connect { .. } | Error::PoolExhausted { .. })
}

/// Locks the command rows that are still there. One that another master is deleting is waited for, and then gone.
fn lock_commands(connection: &mut Connection, plans: &[ClaimPlan]) -> Result<BTreeSet<i32>, Error> {
    let mut present = BTreeSet::new();
    for plans in plans.chunks(IDS_PER_STATEMENT_MAX) {
        let sql = Sql::batch("lock commands", "SELECT id FROM t_ds_command WHERE id IN ")
            .list(plans.iter().map(|plan| plan.command_id))
            .then(" ORDER BY id")
            .then(connection.dialect.for_update());
        present.extend(connection.rows::<IdRow>(sql)?.into_iter().map(|row| row.id));
    }
    Ok(present)
}

fn delete_commands(connection: &mut Connection, claims: &[(&ClaimPlan, &Held)]) -> Result<(), Error> {
    for claims in claims.chunks(IDS_PER_STATEMENT_MAX) {
        let sql = Sql::batch("delete commands", "DELETE FROM t_ds_command WHERE id IN ");
        let deleted = connection.execute(sql.list(claims.iter().map(|(plan, _)| plan.command_id)))?;
        if deleted != claims.len() {
            // They were locked a moment ago.
            return Err(Error::Batch {
                reason: format!("{deleted} of {} commands were deleted", claims.len()),
            });
        }
    }
    Ok(())
}
