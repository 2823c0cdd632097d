//! The timeline of failovers as it is written: one record for each dead incarnation, one entry for each thing that happened to an instance or task.
//!
//! It is for operators. No decision reads it, so it is never in the transaction of a move: what is missing here has happened all the same.

use crate::alerts::insert_server_down;
use crate::db::Connection;
use crate::error::Error;
use crate::limits::IDS_PER_STATEMENT_MAX;
use crate::queries::failover::{DeadMaster, Moved};
use crate::sql::Sql;
use crate::statements::Rows;
use crate::store::{Store, now};
use crate::types::MasterState;
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Integer, Text};
use orca_engine::time::Millis;
use std::collections::{BTreeMap, BTreeSet};

/// The record of one failover: who died, who took it up, what moved, when it was done. All times are by the clock of `worked_by`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailoverRecord {
    pub dead: DeadMaster,
    pub worked_by: String,
    pub reason: String,
    /// The master is known to have died, and did not end in order: worth an alert even when it had nothing.
    pub died: bool,
    /// The master hands its instances over itself, because it was asked to stop: nothing to alarm anybody about.
    pub planned: bool,
    pub detected_at: Millis,
    /// When `worked_by` got the lock of the address.
    pub claimed_at: Millis,
    /// When the first scan for its instances was done.
    pub scanned_at: Millis,
    /// When this was so.
    pub at: Millis,
    /// What has moved since the last record.
    pub moved: Vec<Moved>,
    pub done: bool,
}

/// What happened to an instance, or one of its tasks, by a failover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailoverEvent {
    /// Given up for the dead master. Written by [`Store::record_failover`].
    Moved,
    /// Claimed by a master, which goes on with it.
    Claimed,
    /// The worker that runs the task reports to the new owner.
    TakenOver,
    /// A new attempt replaces the task's old one.
    NewAttempt,
    /// The task had ended, or ended before anything had to be done for it.
    Ended,
    /// The task was at no worker and waits for one again.
    QueuedAgain,
}

impl FailoverEvent {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Moved => "moved",
            Self::Claimed => "claimed",
            Self::TakenOver => "taken-over",
            Self::NewAttempt => "new-attempt",
            Self::Ended => "ended",
            Self::QueuedAgain => "queued-again",
        }
    }
}

/// One line of the timeline, written by the master that has claimed the instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailoverNote {
    /// The master that the instance came from.
    pub came_from: String,
    pub workflow_instance_id: i32,
    pub task_instance_id: Option<i32>,
    pub event: FailoverEvent,
    pub detail: String,
    pub at: Millis,
}

#[derive(QueryableByName)]
struct RecordRow {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

#[derive(QueryableByName)]
struct MarkRow {
    #[diesel(sql_type = Integer)]
    workflow_instance_id: i32,
    #[diesel(sql_type = Text)]
    address: String,
    #[diesel(sql_type = BigInt)]
    failover_id: i64,
    #[diesel(sql_type = Text)]
    event: String,
}

#[derive(QueryableByName)]
struct StateRow {
    #[diesel(sql_type = Text)]
    state: String,
}

const ENTRY_COLUMNS: &[&str] = &[
    "failover_id",
    "workflow_instance_id",
    "task_instance_id",
    "event",
    "detail",
    "at",
];

impl Store {
    /// Whether this incarnation has said that it ended in order.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn has_stopped(&self, master: &DeadMaster) -> Result<bool, Error> {
        let sql = Sql::fixed(
            "read the state of a master",
            "SELECT state FROM t_orca_master WHERE address = ? AND epoch = ?",
        );
        let sql = sql.bind(master.address.as_str()).bind(master.epoch);
        let row = self.reader()?.rows::<StateRow>(sql)?.pop();
        Ok(row.is_some_and(|row| row.state == MasterState::Stopped.name()))
    }

    /// Writes what has been done so far; a repetition for the same incarnation goes on in the same record, and one that moves nothing leaves
    /// a record that is done as it is. The first record of a death, or of a failover that moved something, comes with its alert.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn record_failover(&self, record: &FailoverRecord) -> Result<(), Error> {
        self.write("record a failover", |connection| {
            let is_first = insert_record(connection, record)?;
            let id = lock_record(connection, &record.dead)?;
            update_record(connection, record, id)?;
            record_moves(connection, record, id)?;
            if is_first && !record.planned && (record.died || !record.moved.is_empty()) {
                let now = now(connection)?;
                insert_server_down(connection, &record.dead.address, self.clock.local(now))?;
            }
            Ok(())
        })
    }

    /// Ends the record of this incarnation when there is one that is not done.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn finish_failover(&self, dead: &DeadMaster, at: Millis) -> Result<(), Error> {
        self.write("record a failover", |connection| {
            let sql = Sql::fixed(
                "record a failover",
                "UPDATE t_orca_failover SET state = 'done', done_at = ? \
                 WHERE address = ? AND epoch = ? AND kind = 'master' AND state <> 'done'",
            );
            let sql = sql.bind(at.0).bind(dead.address.as_str()).bind(dead.epoch);
            connection.execute(sql).map(|_| ())
        })
    }

    /// Adds lines to the failovers that moved their instances. The answer is what found no place: the move is not recorded yet, or never was
    /// (a Java master's). Lines of one instance keep their order, so that the whole rest of it is answered after its first one without a place.
    ///
    /// # Errors
    /// When the database does not answer; nothing was written then.
    pub fn note_failovers(&self, notes: &[FailoverNote]) -> Result<Vec<FailoverNote>, Error> {
        if notes.is_empty() {
            return Ok(Vec::new());
        }
        self.write("write the timeline of failovers", |connection| {
            let mut places = places(connection, notes)?;
            let mut entries = Rows::new(
                "write the timeline of failovers",
                "t_orca_failover_entry",
                ENTRY_COLUMNS,
            );
            let mut left = Vec::new();
            let mut held = BTreeSet::new();
            for note in notes {
                let key = (note.workflow_instance_id, note.came_from.clone());
                let place = places.get_mut(&key).and_then(|place| place.take(note.event));
                match place.filter(|_| !held.contains(&key)) {
                    Some(failover_id) => entries.rows.push(vec![
                        failover_id.into(),
                        note.workflow_instance_id.into(),
                        note.task_instance_id.into(),
                        note.event.name().into(),
                        note.detail.as_str().into(),
                        note.at.0.into(),
                    ]),
                    None => {
                        held.insert(key);
                        left.push(note.clone());
                    }
                }
            }
            if !entries.rows.is_empty() {
                entries.insert(connection)?;
            }
            Ok(left)
        })
    }
}

/// `true` when there was no record of this incarnation.
fn insert_record(connection: &mut Connection, record: &FailoverRecord) -> Result<bool, Error> {
    let text = format!(
        "{} INTO t_orca_failover (address, epoch, kind, state, worked_by, reason, detected_at, claimed_at, scanned_at, moved) \
         VALUES (?, ?, 'master', 'moving', ?, ?, ?, ?, ?, 0)",
        connection.dialect.insert_unless_there()
    );
    let sql = Sql::fixed("record a failover", text)
        .bind(record.dead.address.as_str())
        .bind(record.dead.epoch)
        .bind(record.worked_by.as_str())
        .bind(record.reason.as_str())
        .bind(record.detected_at.0)
        .bind(record.claimed_at.0)
        .bind(record.scanned_at.0);
    Ok(connection.execute(sql)? == 1)
}

fn lock_record(connection: &mut Connection, dead: &DeadMaster) -> Result<i64, Error> {
    let text = format!(
        "SELECT id FROM t_orca_failover WHERE address = ? AND epoch = ? AND kind = 'master'{}",
        connection.dialect.for_update()
    );
    let sql = Sql::fixed("read the record of a failover", text);
    let found = connection.rows::<RecordRow>(sql.bind(dead.address.as_str()).bind(dead.epoch))?;
    found.first().map(|row| row.id).ok_or_else(|| Error::Missing {
        what: "the record of the failover of",
        id: dead.address.clone(),
    })
}

fn update_record(connection: &mut Connection, record: &FailoverRecord, id: i64) -> Result<(), Error> {
    let (state, done_at) = if record.done {
        ("done", Some(record.at.0))
    } else {
        ("moving", None)
    };
    let moved = i32::try_from(record.moved.len()).unwrap_or(i32::MAX);
    let sql = Sql::fixed(
        "record a failover",
        "UPDATE t_orca_failover SET state = ?, worked_by = ?, done_at = ?, moved = moved + ? \
         WHERE id = ? AND (state <> 'done' OR ? > 0)",
    );
    let sql = sql
        .bind(state)
        .bind(record.worked_by.as_str())
        .bind(done_at)
        .bind(moved)
        .bind(id)
        .bind(moved);
    connection.execute(sql).map(|_| ())
}

fn record_moves(connection: &mut Connection, record: &FailoverRecord, id: i64) -> Result<(), Error> {
    if record.moved.is_empty() {
        return Ok(());
    }
    let mut entries = Rows::new("record moved instances", "t_orca_failover_entry", ENTRY_COLUMNS);
    for one in &record.moved {
        entries.rows.push(vec![
            id.into(),
            one.workflow_instance_id.into(),
            None::<i32>.into(),
            FailoverEvent::Moved.name().into(),
            one.state.name().into(),
            record.at.0.into(),
        ]);
    }
    entries.insert(connection)
}

/// The last move of an instance away from one master.
struct Place {
    failover_id: i64,
    is_claimed: bool,
}

impl Place {
    /// A claim belongs to a move that nobody has claimed yet; what happened to tasks belongs to a claimed one.
    fn take(&mut self, event: FailoverEvent) -> Option<i64> {
        let is_claim = event == FailoverEvent::Claimed;
        if is_claim == self.is_claimed {
            return None;
        }
        self.is_claimed = true;
        Some(self.failover_id)
    }
}

fn places(
    connection: &mut Connection,
    notes: &[FailoverNote],
) -> Result<BTreeMap<(i32, String), Place>, Error> {
    let ids: BTreeSet<i32> = notes.iter().map(|note| note.workflow_instance_id).collect();
    let ids: Vec<i32> = ids.into_iter().collect();
    let mut places = BTreeMap::new();
    for ids in ids.chunks(IDS_PER_STATEMENT_MAX) {
        let sql = Sql::batch(
            "read the moves of instances",
            "SELECT e.workflow_instance_id AS workflow_instance_id, f.address AS address, e.failover_id AS failover_id, e.event AS event \
             FROM t_orca_failover_entry e JOIN t_orca_failover f ON f.id = e.failover_id \
             WHERE e.event IN ('moved', 'claimed') AND e.workflow_instance_id IN ",
        );
        let marks = connection.rows::<MarkRow>(sql.list(ids.iter().copied()).then(" ORDER BY e.id"))?;
        for mark in marks {
            let place = Place {
                failover_id: mark.failover_id,
                is_claimed: mark.event == FailoverEvent::Claimed.name(),
            };
            places.insert((mark.workflow_instance_id, mark.address), place);
        }
    }
    Ok(places)
}
