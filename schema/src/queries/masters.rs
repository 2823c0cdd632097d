//! Incarnations of masters.

use crate::db::Connection;
use crate::error::Error;
use crate::queries::failover::DeadMaster;
use crate::queries::fencing::SessionsEnded;
use crate::sql::Sql;
use crate::store::{Store, now};
use crate::types::MasterState;
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Text};
use orca_engine::fence::Incarnation;
use orca_engine::time::Millis;
use std::sync::Arc;

#[derive(QueryableByName)]
struct EpochRow {
    #[diesel(sql_type = BigInt)]
    epoch: i64,
}

#[derive(QueryableByName)]
struct StateRow {
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = BigInt)]
    epoch: i64,
    #[diesel(sql_type = BigInt)]
    now: i64,
}

impl Store {
    /// Begins a new incarnation of the master at `address`: one epoch higher than the last, active. What an earlier
    /// incarnation still tries to claim is refused from here on, and its database sessions are ended.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn register_master(&self, address: &str) -> Result<Incarnation, Error> {
        self.end_earlier_sessions(address)?;
        let epoch = self.write("register this master", |connection| {
            let now = now(connection)?.0;
            let upsert = format!(
                "INSERT INTO t_orca_master (address, epoch, state, connection_ids, started_at, changed_at) \
                 VALUES (?, 1, ?, NULL, ?, ?){} epoch = t_orca_master.epoch + 1, state = {}, connection_ids = NULL, \
                 started_at = {}, changed_at = {}",
                connection.dialect.on_conflict_update("address"),
                connection.dialect.new_value("state"),
                connection.dialect.new_value("started_at"),
                connection.dialect.new_value("changed_at"),
            );
            let upsert = Sql::fixed("register this master", upsert);
            connection.execute(upsert.bind(address).bind(MasterState::Active.name()).bind(now).bind(now))?;
            let sql = Sql::fixed("read this master's epoch", "SELECT epoch FROM t_orca_master WHERE address = ?");
            let row = connection.rows::<EpochRow>(sql.bind(address))?.pop();
            row.map(|row| row.epoch).ok_or_else(|| missing(address))
        })?;
        let master = Incarnation {
            address: Arc::from(address),
            epoch,
        };
        let mut connection = self.writer()?;
        self.sessions().belong_to(&master, &mut connection)?;
        Ok(master)
    }

    /// A host that lost its power leaves sessions that the server believes in for hours. Their locks may be on the row that is to be changed.
    fn end_earlier_sessions(&self, address: &str) -> Result<(), Error> {
        let earlier = DeadMaster {
            address: address.to_owned(),
            epoch: i64::MAX,
        };
        let sessions = self.end_sessions(&earlier)?;
        if sessions != SessionsEnded::default() {
            log::warn!("database sessions of an earlier life of this master: {sessions}");
        }
        Ok(())
    }

    /// Changes the state of one incarnation. `false`: the row has another epoch or is gone, and nothing was changed.
    /// Waits for claims of that incarnation that are in flight.
    ///
    /// # Errors
    /// When the database does not answer or a claim in flight holds the row for too long (retry).
    pub fn set_master_state(&self, master: &Incarnation, state: MasterState) -> Result<bool, Error> {
        self.write("change the state of a master", |connection| {
            let now = now(connection)?.0;
            let sql = Sql::fixed(
                "change the state of a master",
                "UPDATE t_orca_master SET state = ?, changed_at = ? WHERE address = ? AND epoch = ?",
            );
            let sql = sql
                .bind(state.name())
                .bind(now)
                .bind(master.address.as_ref())
                .bind(master.epoch);
            Ok(connection.execute(sql)? == 1)
        })
    }
}

fn missing(address: &str) -> Error {
    Error::Missing {
        what: "the master",
        id: address.to_owned(),
    }
}

/// Locks the own row against fencing and requires that it is active; the database's time.
pub(crate) fn require_active(connection: &mut Connection, owner: &Incarnation) -> Result<Millis, Error> {
    let dialect = connection.dialect;
    let text = format!(
        "SELECT state, epoch, {} AS now FROM t_orca_master WHERE address = ?{}",
        dialect.now_millis(),
        dialect.for_share()
    );
    let sql = Sql::fixed("check that this master is active", text).bind(owner.address.as_ref());
    let not_active = |found: String| Error::NotActive {
        address: owner.address.to_string(),
        epoch: owner.epoch,
        found,
    };
    let row = connection
        .rows::<StateRow>(sql)?
        .pop()
        .ok_or_else(|| not_active("no row".to_owned()))?;
    if row.epoch != owner.epoch || row.state != MasterState::Active.name() {
        return Err(not_active(format!("{} with epoch {}", row.state, row.epoch)));
    }
    Ok(Millis(row.now))
}
