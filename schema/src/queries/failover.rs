//! Moving the instances of a dead master: fence it, put each instance into FAILOVER, insert the command that takes it up again.
//!
//! Every step may be done twice, by this process or by another, with the same end: an instance moves by compare-and-set, and its command is
//! inserted in the same transaction. Source of the rows: `WorkflowFailover`, `FailoverCoordinator`.

use crate::clock::WallClock;
use crate::db::Connection;
use crate::error::Error;
use crate::limits::IDS_PER_STATEMENT_MAX;
use crate::sql::{Sql, Value};
use crate::statements::Rows;
use crate::store::{Store, now};
use crate::types::MasterState;
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Integer, Nullable, Text};
use orca_engine::codes::{CommandType, FailureStrategy, TaskDependType, WorkflowState};
use orca_engine::command_param::{CommandParam, Kind};
use orca_engine::time::Millis;

/// Whose instances move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadMaster {
    /// `host:port`; never empty, since rows without a host are nobody's.
    pub address: String,
    /// The last incarnation that is dead. Instances of a later one at the same address stay; 0 for a Java master.
    pub epoch: i64,
}

/// One instance that has moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    pub workflow_instance_id: i32,
    pub workflow_definition_code: i64,
    /// What it will be restored to.
    pub state: WorkflowState,
}

#[derive(QueryableByName)]
struct IdRow {
    #[diesel(sql_type = Integer)]
    id: i32,
}

#[derive(QueryableByName)]
struct HostRow {
    #[diesel(sql_type = Text)]
    host: String,
}

#[derive(QueryableByName)]
struct EpochRow {
    #[diesel(sql_type = BigInt)]
    epoch: i64,
}

#[derive(QueryableByName)]
pub(super) struct InstanceRow {
    #[diesel(sql_type = Integer)]
    pub(super) id: i32,
    #[diesel(sql_type = Nullable<Integer>)]
    pub(super) state: Option<i32>,
    #[diesel(sql_type = BigInt)]
    workflow_definition_code: i64,
    #[diesel(sql_type = Integer)]
    workflow_definition_version: i32,
    #[diesel(sql_type = Nullable<Integer>)]
    priority: Option<i32>,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub(super) epoch: Option<i64>,
}

/// Everything that a move needs of an instance.
const INSTANCE: &str = "SELECT w.id AS id, w.state AS state, w.workflow_definition_code AS workflow_definition_code, \
     w.workflow_definition_version AS workflow_definition_version, w.workflow_instance_priority AS priority, o.epoch AS epoch \
     FROM t_ds_workflow_instance w LEFT JOIN t_orca_instance o ON o.workflow_instance_id = w.id";

/// Which rows belong to a dead incarnation: those no Orca master owns, those another address owned before a Java master took them, and those
/// of this address up to the dead epoch. The last `?` is that epoch.
const OF_THE_DEAD: &str = "w.host = ? AND w.state IN (1, 2, 4) AND (o.workflow_instance_id IS NULL OR o.owner <> w.host OR o.owner_epoch <= ?)";

impl Store {
    /// The addresses that have instances in a state that a dead master leaves behind.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn hosts_with_instances(&self) -> Result<Vec<String>, Error> {
        let sql = Sql::fixed(
            "read the hosts of running instances",
            "SELECT DISTINCT host FROM t_ds_workflow_instance WHERE state IN (1, 2, 4) AND host IS NOT NULL AND host <> '' ORDER BY host",
        );
        let rows = self.reader()?.rows::<HostRow>(sql)?;
        Ok(rows.into_iter().map(|row| row.host).collect())
    }

    /// The epoch of the latest incarnation at `address`, 0 when no Orca master ever registered there.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn latest_epoch(&self, address: &str) -> Result<i64, Error> {
        let sql = Sql::fixed(
            "read the epoch of a master",
            "SELECT epoch FROM t_orca_master WHERE address = ?",
        );
        let row = self.reader()?.rows::<EpochRow>(sql.bind(address))?.pop();
        Ok(row.map_or(0, |row| row.epoch))
    }

    /// Takes from the dead incarnation the right to claim. Waits for its claims that are in flight, so that a scan after it sees all there will ever
    /// be. A later incarnation at the same address is left alone, and so is one that has said that it stopped: it cannot claim either.
    ///
    /// # Errors
    /// When the database does not answer, or a claim in flight holds the row for too long (retry).
    pub fn fence_master(&self, dead: &DeadMaster) -> Result<(), Error> {
        self.write("fence a dead master", |connection| {
            let now = now(connection)?.0;
            let sql = Sql::fixed(
                "fence a dead master",
                "UPDATE t_orca_master SET state = ?, changed_at = ? WHERE address = ? AND epoch <= ? AND state = ?",
            );
            let fenced = MasterState::Fenced.name();
            let sql = sql.bind(fenced).bind(now).bind(dead.address.as_str()).bind(dead.epoch).bind(MasterState::Active.name());
            connection.execute(sql).map(|_| ())
        })
    }

    /// The dead master's instances, the most urgent first, at most `len`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn instances_of_dead(&self, dead: &DeadMaster, len: i64) -> Result<Vec<i32>, Error> {
        let text = format!(
            "SELECT w.id AS id FROM t_ds_workflow_instance w LEFT JOIN t_orca_instance o ON o.workflow_instance_id = w.id \
             WHERE {OF_THE_DEAD} ORDER BY w.workflow_instance_priority, w.id LIMIT ?"
        );
        let sql = Sql::fixed("read the instances of a dead master", text);
        let sql = sql.bind(dead.address.as_str()).bind(dead.epoch).bind(len);
        let rows = self.reader()?.rows::<IdRow>(sql)?;
        Ok(rows.into_iter().map(|row| row.id).collect())
    }

    /// Moves those of `ids` that still belong to the dead master, in one transaction: state FAILOVER, epoch raised, command inserted.
    /// `may_commit` is asked right before the COMMIT.
    ///
    /// # Errors
    /// When the database does not answer; nothing was moved then, or all of it was and a repetition finds nothing left to do.
    pub fn move_instances(
        &self,
        dead: &DeadMaster,
        ids: &[i32],
        may_commit: &dyn Fn() -> bool,
    ) -> Result<Vec<Moved>, Error> {
        let mut moved = Vec::new();
        for ids in ids.chunks(IDS_PER_STATEMENT_MAX) {
            let what = "move instances of a dead master";
            moved.extend(self.write_with_lease(what, may_commit, |connection| {
                let rows = lock(connection, dead, ids)?;
                write_moves(connection, &rows, self.clock)?;
                Ok(rows.iter().filter_map(InstanceRow::moved).collect::<Vec<_>>())
            })?);
        }
        Ok(moved)
    }
}

/// The rows that still belong to the dead master, locked in ascending id.
pub(super) fn lock(
    connection: &mut Connection,
    dead: &DeadMaster,
    ids: &[i32],
) -> Result<Vec<InstanceRow>, Error> {
    let for_update = connection.dialect.for_update();
    let sql = Sql::batch(
        "lock the instances of a dead master",
        format!("{INSTANCE} WHERE w.id IN "),
    );
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    let sql = sql
        .list(ids)
        .then(&format!(" AND {OF_THE_DEAD} ORDER BY w.id{for_update}"));
    connection.rows(sql.bind(dead.address.as_str()).bind(dead.epoch))
}

pub(super) fn write_moves(
    connection: &mut Connection,
    rows: &[InstanceRow],
    clock: WallClock,
) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let now = now(connection)?;
    let sql = Sql::batch(
        "move instances to FAILOVER",
        "UPDATE t_ds_workflow_instance SET state = ? WHERE id IN ",
    );
    connection.execute(
        sql.bind(WorkflowState::Failover.code())
            .list(rows.iter().map(|row| row.id)),
    )?;
    raise_epochs(connection, rows, now)?;
    insert_commands(connection, rows, clock, now)
}

/// The epoch of an instance that no Orca master has owned yet begins here, so that the claim which follows raises it like any other.
fn raise_epochs(connection: &mut Connection, rows: &[InstanceRow], now: Millis) -> Result<(), Error> {
    let known: Vec<i32> = rows
        .iter()
        .filter(|row| row.epoch.is_some())
        .map(|row| row.id)
        .collect();
    if !known.is_empty() {
        let sql = Sql::batch(
            "raise the epochs of moved instances",
            "UPDATE t_orca_instance SET epoch = epoch + 1 WHERE workflow_instance_id IN ",
        );
        connection.execute(sql.list(known))?;
    }
    let mut fresh = Rows::new(
        "begin the epochs of moved instances",
        "t_orca_instance",
        &[
            "workflow_instance_id",
            "owner",
            "owner_epoch",
            "epoch",
            "step",
            "timeout_base",
        ],
    );
    for row in rows.iter().filter(|row| row.epoch.is_none()) {
        let values: Vec<Value<'_>> = vec![
            row.id.into(),
            "".into(),
            0_i64.into(),
            1_i64.into(),
            0_i64.into(),
            now.0.into(),
        ];
        fresh.rows.push(values);
    }
    fresh.insert(connection)
}

/// As the reference writes it, but for the priority: the reference leaves it to the default, so that urgent workflows wait behind others.
pub(super) fn insert_commands(
    connection: &mut Connection,
    rows: &[InstanceRow],
    clock: WallClock,
    now: Millis,
) -> Result<(), Error> {
    const DEFAULT_PRIORITY: i32 = 2;
    let mut commands = Rows::new(
        "insert failover commands",
        "t_ds_command",
        &[
            "command_type",
            "workflow_definition_code",
            "workflow_definition_version",
            "workflow_instance_id",
            "command_param",
            "task_depend_type",
            "failure_strategy",
            "executor_id",
            "update_time",
            "workflow_instance_priority",
            "dry_run",
        ],
    );
    for row in rows {
        let Some(Moved { state, .. }) = row.moved() else {
            continue;
        };
        let param = CommandParam::new(Kind::RecoverToleranceFault {
            workflow_execution_status: Some(state),
        });
        commands.rows.push(vec![
            CommandType::RecoverToleranceFaultProcess.code().into(),
            row.workflow_definition_code.into(),
            row.workflow_definition_version.into(),
            row.id.into(),
            param.to_text().into(),
            TaskDependType::TaskPost.code().into(),
            FailureStrategy::Continue.code().into(),
            0.into(),
            clock.local(now).into(),
            row.priority.unwrap_or(DEFAULT_PRIORITY).into(),
            0.into(),
        ]);
    }
    commands.insert(connection)
}

impl InstanceRow {
    pub(super) fn read(connection: &mut Connection, id: i32) -> Result<Option<Self>, Error> {
        let sql = Sql::fixed(
            "read an instance that moves",
            format!("{INSTANCE} WHERE w.id = ?"),
        );
        Ok(connection.rows(sql.bind(id))?.pop())
    }

    /// The lock asked for states that have a code, so there is always one.
    pub(super) fn moved(&self) -> Option<Moved> {
        let state = WorkflowState::try_from(self.state?).ok()?;
        Some(Moved {
            workflow_instance_id: self.id,
            workflow_definition_code: self.workflow_definition_code,
            state,
        })
    }
}
