//! Instances that nobody would ever run.
//!
//! Guarantees: each recovery looks again under the row's lock, and whoever inserts or deletes a command holds that lock or changes the row in the same
//! transaction. So several masters may try at once and one of them does it, and none does it to an instance that a command or an owner has come to meanwhile.

use crate::alerts::insert_alerts;
use crate::clock::WallClock;
use crate::db::Connection;
use crate::error::Error;
use crate::queries::failover::{DeadMaster, InstanceRow, Moved, insert_commands, lock, write_moves};
use crate::queries::failures::lost_alert;
use crate::queries::masters::require_active;
use crate::sql::Sql;
use crate::store::{Store, now};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Integer, Nullable, Text};
use orca_engine::codes::WorkflowState;
use orca_engine::fence::Incarnation;
use orca_engine::orphan::{Fate, IdRange, Suspect, SuspectKind, fate};
use std::collections::BTreeSet;

#[derive(QueryableByName)]
struct IdRow {
    #[diesel(sql_type = Integer)]
    id: i32,
}

#[derive(QueryableByName)]
struct NewestRow {
    #[diesel(sql_type = Nullable<Integer>)]
    newest: Option<i32>,
}

#[derive(QueryableByName)]
struct SuspectRow {
    #[diesel(sql_type = Integer)]
    id: i32,
    #[diesel(sql_type = BigInt)]
    epoch: i64,
}

#[derive(QueryableByName)]
struct OrphanRow {
    #[diesel(sql_type = Nullable<Integer>)]
    state: Option<i32>,
    #[diesel(sql_type = Nullable<Text>)]
    host: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    state_history: Option<String>,
    #[diesel(sql_type = BigInt)]
    epoch: i64,
}

impl OrphanRow {
    fn fate(&self) -> Option<Fate> {
        let state = WorkflowState::try_from(self.state?).ok()?;
        fate(state, self.host.as_deref(), self.state_history.as_deref())
    }
}

/// The states and hosts in which nobody runs an instance; `fate` has the last word.
const UNRUN: &str = "(w.state IN (0, 18) OR (w.state IN (1, 2, 4) AND (w.host IS NULL OR w.host = '')))";

const WITH_EPOCH: &str =
    "FROM t_ds_workflow_instance w LEFT JOIN t_orca_instance o ON o.workflow_instance_id = w.id";

impl Store {
    /// The highest id of a workflow instance, 0 without any.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn newest_instance(&self) -> Result<i32, Error> {
        let sql = Sql::fixed(
            "read the newest workflow instance",
            "SELECT MAX(id) AS newest FROM t_ds_workflow_instance",
        );
        let row = self.reader()?.rows::<NewestRow>(sql)?.pop();
        Ok(row.and_then(|row| row.newest).unwrap_or(0))
    }

    /// Those of a range of instances that no command and no owner stands for, and all that are this master's by their rows.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn suspects(&self, range: IdRange, own_address: &str) -> Result<Vec<Suspect>, Error> {
        let mut connection = self.reader()?;
        let text = format!(
            "SELECT w.id AS id, COALESCE(o.epoch, 0) AS epoch {WITH_EPOCH} \
             WHERE w.id BETWEEN ? AND ? AND w.state IN (1, 2, 4) AND w.host = ?"
        );
        let sql = Sql::fixed("read this master's instances", text);
        let held = connection.rows::<SuspectRow>(sql.bind(range.first).bind(range.last).bind(own_address))?;
        let text = format!(
            "SELECT w.id AS id, COALESCE(o.epoch, 0) AS epoch {WITH_EPOCH} WHERE w.id BETWEEN ? AND ? AND {UNRUN}"
        );
        let sql = Sql::fixed("look for instances without an owner", text);
        let unrun = connection.rows::<SuspectRow>(sql.bind(range.first).bind(range.last))?;
        let commanded = if unrun.is_empty() {
            BTreeSet::new()
        } else {
            commanded(&mut connection, range)?
        };
        let suspect = |row: SuspectRow, kind| Suspect {
            workflow_instance_id: row.id,
            epoch: row.epoch,
            kind,
        };
        let held = held.into_iter().map(|row| suspect(row, SuspectKind::Unheld));
        let unrun = unrun.into_iter().filter(|row| !commanded.contains(&row.id));
        Ok(held
            .chain(unrun.map(|row| suspect(row, SuspectKind::Unrun)))
            .collect())
    }

    /// Recovers one instance that no command and no owner stands for: a command for what can go on, FAILURE and an alert for what cannot. `None`: it is none any
    /// more, and nothing was written. `may_commit` is asked right before the COMMIT.
    ///
    /// # Errors
    /// When the database does not answer, or this master may not act any more.
    pub fn recover_orphan(
        &self,
        master: &Incarnation,
        suspect: Suspect,
        may_commit: &dyn Fn() -> bool,
    ) -> Result<Option<Fate>, Error> {
        let what = "recover an orphaned instance";
        self.write_with_lease(what, may_commit, |connection| {
            require_active(connection, master)?;
            let id = suspect.workflow_instance_id;
            let text = format!(
                "SELECT w.state AS state, w.host AS host, w.state_history AS state_history, COALESCE(o.epoch, 0) AS epoch \
                 {WITH_EPOCH} WHERE w.id = ? AND {UNRUN}{}",
                connection.dialect.for_update()
            );
            let row = connection.rows::<OrphanRow>(Sql::fixed(what, text).bind(id))?.pop();
            let same = row.filter(|row| row.epoch == suspect.epoch);
            let Some(fate) = same.and_then(|row| row.fate()) else {
                return Ok(None);
            };
            let range = IdRange { first: id, last: id };
            if !commanded(connection, range)?.is_empty() {
                return Ok(None);
            }
            match fate {
                Fate::TakeUp(state) => take_up(connection, id, state, self.clock)?,
                Fate::GiveUp(reason) => give_up(connection, id, reason, self.clock)?,
            }
            Ok(Some(fate))
        })
    }

    /// Moves those of this master's own instances that were suspects and still are what they were then, as a failover moves them.
    ///
    /// # Errors
    /// When the database does not answer, or this master may not act any more.
    pub fn retake_unheld(
        &self,
        master: &Incarnation,
        suspects: &[Suspect],
        may_commit: &dyn Fn() -> bool,
    ) -> Result<Vec<Moved>, Error> {
        self.write_with_lease("take up own instances again", may_commit, |connection| {
            require_active(connection, master)?;
            let own = DeadMaster {
                address: master.address.to_string(),
                epoch: master.epoch,
            };
            let ids: Vec<i32> = suspects.iter().map(|one| one.workflow_instance_id).collect();
            let mut rows = lock(connection, &own, &ids)?;
            rows.retain(|row| {
                suspects
                    .iter()
                    .any(|one| (one.workflow_instance_id, one.epoch) == (row.id, row.epoch.unwrap_or(0)))
            });
            write_moves(connection, &rows, self.clock)?;
            Ok(rows.iter().filter_map(InstanceRow::moved).collect())
        })
    }
}

/// Those of the range that a command stands for. The command table has no index for it, so it is read once.
fn commanded(connection: &mut Connection, range: IdRange) -> Result<BTreeSet<i32>, Error> {
    let sql = Sql::fixed(
        "look for the commands of instances",
        "SELECT workflow_instance_id AS id FROM t_ds_command WHERE workflow_instance_id BETWEEN ? AND ?",
    );
    let rows = connection.rows::<IdRow>(sql.bind(range.first).bind(range.last))?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// As a failover moves it. One that is in FAILOVER has been moved already and lacks the command alone.
fn take_up(
    connection: &mut Connection,
    id: i32,
    state: WorkflowState,
    clock: WallClock,
) -> Result<(), Error> {
    let Some(mut row) = InstanceRow::read(connection, id)? else {
        return Ok(());
    };
    if row.state == Some(WorkflowState::Failover.code()) {
        row.state = Some(state.code());
        let now = now(connection)?;
        insert_commands(connection, &[row], clock, now)
    } else {
        write_moves(connection, &[row], clock)
    }
}

fn give_up(connection: &mut Connection, id: i32, reason: &str, clock: WallClock) -> Result<(), Error> {
    let now = now(connection)?;
    let sql = Sql::fixed(
        "fail an orphaned instance",
        "UPDATE t_ds_workflow_instance SET state = ?, end_time = ? WHERE id = ?",
    );
    let failure = WorkflowState::Failure.code();
    connection.execute(sql.bind(failure).bind(clock.local(now)).bind(id))?;
    let serial = "DELETE FROM t_ds_serial_command WHERE workflow_instance_id = ?";
    connection.execute(Sql::fixed("free the serial queue", serial).bind(id))?;
    let alert = lost_alert(connection, id, reason)?;
    insert_alerts(connection, alert.iter(), clock, now)
}
