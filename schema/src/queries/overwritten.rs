//! Rows of instances that run here and say something else: another owner, or FAILURE, which a Java peer that has lost a claim race writes and nothing besides.
//!
//! Guarantees: a row is put right only while host, epoch and step are the owner's last, so an end that the owner has written, or that a Java master has written
//! after taking the instance over, is never undone.

use crate::error::Error;
use crate::limits::IDS_PER_STATEMENT_MAX;
use crate::queries::masters::require_active;
use crate::sql::Sql;
use crate::store::Store;
use diesel::QueryableByName;
use diesel::sql_types::Integer;
use orca_engine::codes::WorkflowState;
use orca_engine::fence::{Fence, Incarnation};

#[derive(QueryableByName)]
struct IdRow {
    #[diesel(sql_type = Integer)]
    id: i32,
}

impl Store {
    /// Those of `ids` whose row says FAILURE.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn failed_among(&self, ids: &[i32]) -> Result<Vec<i32>, Error> {
        let mut connection = self.reader()?;
        let mut failed = Vec::new();
        for ids in ids.chunks(IDS_PER_STATEMENT_MAX) {
            let sql = Sql::batch(
                "look for overwritten instances",
                "SELECT id FROM t_ds_workflow_instance WHERE state = 6 AND id IN ",
            );
            let rows = connection.rows::<IdRow>(sql.list(ids.iter().copied()))?;
            failed.extend(rows.into_iter().map(|row| row.id));
        }
        Ok(failed)
    }

    /// Those of `ids` whose row does not name this address as their owner.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn taken_among(&self, ids: &[i32], own_address: &str) -> Result<Vec<i32>, Error> {
        let mut connection = self.reader()?;
        let mut taken = Vec::new();
        for ids in ids.chunks(IDS_PER_STATEMENT_MAX) {
            let sql = Sql::batch(
                "look for instances with another owner",
                "SELECT id FROM t_ds_workflow_instance WHERE (state = 18 OR host IS NULL OR host <> ?) AND id IN ",
            );
            let rows = connection.rows::<IdRow>(sql.bind(own_address).list(ids.iter().copied()))?;
            taken.extend(rows.into_iter().map(|row| row.id));
        }
        Ok(taken)
    }

    /// Whether the fence still stands; an instance that has ended is its last owner's.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn is_owner(&self, fence: &Fence) -> Result<bool, Error> {
        let sql = Sql::fixed(
            "read the owner of an instance",
            "SELECT w.id AS id FROM t_ds_workflow_instance w JOIN t_orca_instance o ON o.workflow_instance_id = w.id \
             WHERE w.id = ? AND w.host = ? AND w.state <> 18 AND o.epoch = ?",
        );
        let sql = sql
            .bind(fence.workflow_instance_id)
            .bind(fence.host.as_ref())
            .bind(fence.epoch);
        Ok(!self.reader()?.rows::<IdRow>(sql)?.is_empty())
    }

    /// Puts a row right that says FAILURE although its owner has written no such end: `step` is the last step that the owner has committed, `state` what it wrote
    /// then. `false`: nothing was wrong, or it is not ours. `may_commit` is asked right before the COMMIT.
    ///
    /// # Errors
    /// When the database does not answer, or this master may not act any more.
    pub fn restore_overwritten(
        &self,
        master: &Incarnation,
        fence: &Fence,
        step: i64,
        state: WorkflowState,
        may_commit: &dyn Fn() -> bool,
    ) -> Result<bool, Error> {
        let what = "restore an overwritten instance";
        self.write_with_lease(what, may_commit, |connection| {
            require_active(connection, master)?;
            let id = fence.workflow_instance_id;
            let text = format!(
                "SELECT w.id AS id FROM t_ds_workflow_instance w JOIN t_orca_instance o ON o.workflow_instance_id = w.id \
                 WHERE w.id = ? AND w.state = 6 AND w.host = ? AND o.owner = w.host AND o.epoch = ? AND o.step = ?{}",
                connection.dialect.for_update()
            );
            let lock = Sql::fixed("lock an overwritten instance", text).bind(id);
            let lock = lock.bind(fence.host.as_ref()).bind(fence.epoch).bind(step);
            if connection.rows::<IdRow>(lock)?.is_empty() {
                return Ok(false);
            }
            let sql = Sql::fixed(what, "UPDATE t_ds_workflow_instance SET state = ?, end_time = NULL WHERE id = ?");
            connection.execute(sql.bind(state.code()).bind(id)).map(|_| true)
        })
    }
}
