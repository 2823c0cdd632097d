//! What an operator asks about failovers: those that were, and what one would move now. Nothing here is locked.

use crate::error::Error;
use crate::limits::{IDS_PER_STATEMENT_MAX, PAGE_LEN_MAX};
use crate::queries::failover::DeadMaster;
use crate::sql::Sql;
use crate::store::Store;
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Integer, Nullable, Text};
use orca_engine::codes::{TaskState, WorkflowState};
use orca_engine::time::Millis;
use std::collections::BTreeMap;

/// One failover as it was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failover {
    pub id: i64,
    /// Who died. The epoch of an Orca master; for a Java master the time of its start, or 0 when nobody saw it.
    pub dead: DeadMaster,
    /// `moving` or `done`.
    pub state: String,
    pub worked_by: Option<String>,
    pub reason: Option<String>,
    pub detected_at: Millis,
    pub claimed_at: Option<Millis>,
    pub scanned_at: Option<Millis>,
    pub done_at: Option<Millis>,
    pub moved: i32,
}

/// One line of a failover, in the order in which they were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailoverEntry {
    pub id: i64,
    pub workflow_instance_id: i32,
    pub task_instance_id: Option<i32>,
    /// A name of [`FailoverEvent`](crate::FailoverEvent), or one that a later version writes.
    pub event: String,
    pub detail: Option<String>,
    pub at: Millis,
}

/// An instance that would move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedMove {
    pub workflow_instance_id: i32,
    pub name: Option<String>,
    pub state: Option<WorkflowState>,
    pub priority: Option<i32>,
    /// Its tasks that have not ended, by id.
    pub tasks: Vec<PlannedTask>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedTask {
    pub task_instance_id: i32,
    pub name: Option<String>,
    pub state: Option<TaskState>,
    pub host: Option<String>,
}

#[derive(QueryableByName)]
struct FailoverRow {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    address: String,
    #[diesel(sql_type = BigInt)]
    epoch: i64,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Nullable<Text>)]
    worked_by: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    reason: Option<String>,
    #[diesel(sql_type = BigInt)]
    detected_at: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    claimed_at: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    scanned_at: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    done_at: Option<i64>,
    #[diesel(sql_type = Integer)]
    moved: i32,
}

impl FailoverRow {
    const SELECT: &'static str = "SELECT id, address, epoch, state, worked_by, reason, detected_at, claimed_at, scanned_at, done_at, moved \
                                  FROM t_orca_failover WHERE kind = 'master'";

    fn into_failover(self) -> Failover {
        Failover {
            id: self.id,
            dead: DeadMaster {
                address: self.address,
                epoch: self.epoch,
            },
            state: self.state,
            worked_by: self.worked_by,
            reason: self.reason,
            detected_at: Millis(self.detected_at),
            claimed_at: self.claimed_at.map(Millis),
            scanned_at: self.scanned_at.map(Millis),
            done_at: self.done_at.map(Millis),
            moved: self.moved,
        }
    }
}

#[derive(QueryableByName)]
struct EntryRow {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Integer)]
    workflow_instance_id: i32,
    #[diesel(sql_type = Nullable<Integer>)]
    task_instance_id: Option<i32>,
    #[diesel(sql_type = Text)]
    event: String,
    #[diesel(sql_type = Nullable<Text>)]
    detail: Option<String>,
    #[diesel(sql_type = BigInt)]
    at: i64,
}

#[derive(QueryableByName)]
struct InstanceRow {
    #[diesel(sql_type = Integer)]
    id: i32,
    #[diesel(sql_type = Nullable<Text>)]
    name: Option<String>,
    #[diesel(sql_type = Nullable<Integer>)]
    state: Option<i32>,
    #[diesel(sql_type = Nullable<Integer>)]
    priority: Option<i32>,
}

#[derive(QueryableByName)]
struct TaskRow {
    #[diesel(sql_type = Integer)]
    id: i32,
    #[diesel(sql_type = Integer)]
    workflow_instance_id: i32,
    #[diesel(sql_type = Nullable<Text>)]
    name: Option<String>,
    #[diesel(sql_type = Nullable<Integer>)]
    state: Option<i32>,
    #[diesel(sql_type = Nullable<Text>)]
    host: Option<String>,
}

impl Store {
    /// Failovers of masters, newest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn list_failovers(&self, before_id: Option<i64>, len: u32) -> Result<Vec<Failover>, Error> {
        let mut sql = Sql::batch("list failovers", FailoverRow::SELECT);
        if let Some(id) = before_id {
            sql.push(" AND id < ").push_bind(id);
        }
        sql.push(" ORDER BY id DESC LIMIT ")
            .push_bind(i64::from(len.clamp(1, PAGE_LEN_MAX)));
        let rows = self.reader()?.rows::<FailoverRow>(sql)?;
        Ok(rows.into_iter().map(FailoverRow::into_failover).collect())
    }

    /// # Errors
    /// When the database does not answer.
    pub fn get_failover(&self, id: i64) -> Result<Option<Failover>, Error> {
        let sql = Sql::fixed("read a failover", format!("{} AND id = ?", FailoverRow::SELECT));
        let row = self.reader()?.rows::<FailoverRow>(sql.bind(id))?.pop();
        Ok(row.map(FailoverRow::into_failover))
    }

    /// A page of the lines of one failover, those after the line `after_id`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn list_failover_entries(
        &self,
        failover_id: i64,
        after_id: i64,
        len: u32,
    ) -> Result<Vec<FailoverEntry>, Error> {
        let sql = Sql::fixed(
            "read the lines of a failover",
            "SELECT id, workflow_instance_id, task_instance_id, event, detail, at FROM t_orca_failover_entry \
             WHERE failover_id = ? AND id > ? ORDER BY id LIMIT ?",
        );
        let sql = sql
            .bind(failover_id)
            .bind(after_id)
            .bind(i64::from(len.clamp(1, PAGE_LEN_MAX)));
        let rows = self.reader()?.rows::<EntryRow>(sql)?;
        let entry = |row: EntryRow| FailoverEntry {
            id: row.id,
            workflow_instance_id: row.workflow_instance_id,
            task_instance_id: row.task_instance_id,
            event: row.event,
            detail: row.detail,
            at: Millis(row.at),
        };
        Ok(rows.into_iter().map(entry).collect())
    }

    /// What would move if the master at `address` died now, in the order in which it would; at most `len` instances.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn plan_failover(&self, address: &str, len: u32) -> Result<Vec<PlannedMove>, Error> {
        let dead = DeadMaster {
            address: address.to_owned(),
            epoch: self.latest_epoch(address)?,
        };
        let ids = self.instances_of_dead(&dead, i64::from(len))?;
        let mut found = BTreeMap::new();
        for ids in ids.chunks(IDS_PER_STATEMENT_MAX) {
            found.extend(self.planned_moves(ids)?);
        }
        Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
    }

    fn planned_moves(&self, ids: &[i32]) -> Result<BTreeMap<i32, PlannedMove>, Error> {
        let sql = Sql::batch(
            "read the instances of a master",
            "SELECT id, name, state, workflow_instance_priority AS priority FROM t_ds_workflow_instance WHERE id IN ",
        );
        let mut reader = self.reader()?;
        let instances = reader.rows::<InstanceRow>(sql.list(ids.iter().copied()))?;
        let sql = Sql::batch(
            "read the tasks of instances",
            "SELECT id, workflow_instance_id, name, state, host FROM t_ds_task_instance WHERE flag = 1 AND state IN ",
        );
        let open = [
            TaskState::SubmittedSuccess,
            TaskState::RunningExecution,
            TaskState::DelayExecution,
            TaskState::Dispatch,
        ];
        let sql = sql
            .list(open.map(TaskState::code))
            .then(" AND workflow_instance_id IN ")
            .list(ids.iter().copied())
            .then(" ORDER BY id");
        let tasks = reader.rows::<TaskRow>(sql)?;
        let mut moves: BTreeMap<i32, PlannedMove> = instances.into_iter().map(InstanceRow::planned).collect();
        for task in tasks {
            if let Some(planned) = moves.get_mut(&task.workflow_instance_id) {
                planned.tasks.push(task.planned());
            }
        }
        Ok(moves)
    }
}

impl InstanceRow {
    fn planned(self) -> (i32, PlannedMove) {
        let planned = PlannedMove {
            workflow_instance_id: self.id,
            name: self.name,
            state: self.state.and_then(|code| WorkflowState::try_from(code).ok()),
            priority: self.priority,
            tasks: Vec::new(),
        };
        (self.id, planned)
    }
}

impl TaskRow {
    fn planned(self) -> PlannedTask {
        PlannedTask {
            task_instance_id: self.id,
            name: self.name,
            state: self.state.and_then(|code| TaskState::try_from(code).ok()),
            host: self.host.filter(|host| !host.is_empty()),
        }
    }
}
