//! Queues of serial definitions: `t_ds_serial_command`.
//!
//! Guarantees: a queue is settled under the lock of its definition version's row, so any number of masters may do it at once; a command is launched with the state of
//! its row in one transaction; one that cannot be read stops only its own instance. Source of the rows: `WorkflowSerialCoordinator`.

use crate::db::Connection;
use crate::error::Error;
use crate::limits::{IDS_PER_STATEMENT_MAX, SERIAL_QUEUE_LEN_MAX};
use crate::queries::serial_command;
use crate::sql::Sql;
use crate::store::{Store, now};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Integer, Nullable, Text};
use orca_engine::codes::{ExecutionType, WorkflowState};
use orca_engine::coordinator::{Queued, SerialAction, SerialState, settle};

const WAITING: i32 = 0;
const LAUNCHED: i32 = 1;

#[derive(QueryableByName)]
struct QueueRow {
    #[diesel(sql_type = BigInt)]
    code: i64,
    #[diesel(sql_type = Integer)]
    version: i32,
    #[diesel(sql_type = BigInt)]
    number: i64,
    #[diesel(sql_type = BigInt)]
    launched: i64,
    #[diesel(sql_type = Nullable<Integer>)]
    execution_type: Option<i32>,
}

#[derive(QueryableByName)]
struct PlaceRow {
    #[diesel(sql_type = Integer)]
    id: i32,
    #[diesel(sql_type = BigInt)]
    workflow_instance_id: i64,
    #[diesel(sql_type = Integer)]
    state: i32,
}

#[derive(QueryableByName)]
struct StrategyRow {
    #[diesel(sql_type = Nullable<Integer>)]
    execution_type: Option<i32>,
}

#[derive(QueryableByName)]
struct StateRow {
    #[diesel(sql_type = Integer)]
    id: i32,
    #[diesel(sql_type = Nullable<Integer>)]
    state: Option<i32>,
    #[diesel(sql_type = Nullable<Text>)]
    host: Option<String>,
}

#[derive(QueryableByName)]
struct CommandText {
    #[diesel(sql_type = Nullable<Text>)]
    command: Option<String>,
}

/// How long the queue of a definition version is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SerialQueue {
    pub code: i64,
    pub version: i32,
    pub rows: i64,
    pub launched: i64,
    pub strategy: ExecutionType,
}

/// A running instance that has to give way to a later one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SerialStop {
    pub workflow_instance_id: i32,
    pub host: String,
}

/// What settling a queue has led to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueSettled {
    pub launched: Vec<i32>,
    /// They are STOP now.
    pub discarded: Vec<i32>,
    /// To be asked to stop; nothing is written for them.
    pub to_stop: Vec<SerialStop>,
}

impl Store {
    /// Every queue there is.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn serial_queues(&self) -> Result<Vec<SerialQueue>, Error> {
        let sql = Sql::fixed(
            "read the serial queues",
            "SELECT s.workflow_definition_code AS code, s.workflow_definition_version AS version, COUNT(*) AS number, \
             COUNT(CASE WHEN s.state = 1 THEN 1 END) AS launched, (SELECT MAX(d.execution_type) FROM t_ds_workflow_definition_log d \
             WHERE d.code = s.workflow_definition_code AND d.version = s.workflow_definition_version) AS execution_type \
             FROM t_ds_serial_command s GROUP BY s.workflow_definition_code, s.workflow_definition_version",
        );
        let rows = self.reader()?.rows::<QueueRow>(sql)?;
        Ok(rows
            .into_iter()
            .map(|row| SerialQueue {
                code: row.code,
                version: row.version,
                rows: row.number,
                launched: row.launched,
                strategy: strategy(row.execution_type),
            })
            .collect())
    }

    /// Does to the queue of a definition version what its strategy wants now. Any master may do it at any time.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn settle_serial_queue(&self, code: i64, version: i32) -> Result<QueueSettled, Error> {
        self.write("settle a serial queue", |connection| {
            let strategy = lock_version(connection, code, version)?;
            let queue = read_queue(connection, code, version)?;
            let mut settled = QueueSettled::default();
            let (mut discard, mut stop) = (Vec::new(), Vec::new());
            for action in settle(strategy, &queue) {
                match action {
                    SerialAction::Launch(row) => {
                        if self.launch(connection, row)? {
                            settled.launched.push(row.workflow_instance_id);
                        }
                    }
                    SerialAction::Discard(row) => discard.push(row),
                    SerialAction::Stop(row) => stop.push(row.workflow_instance_id),
                }
            }
            settled.discarded = self.discard(connection, &discard)?;
            settled.to_stop = who_can_stop(connection, &stop)?;
            Ok(settled)
        })
    }

    /// Removes rows whose instance has ended or is gone: what a Java master leaves behind when an instance cannot be started, and what blocks its queue.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn sweep_serial_queues(&self) -> Result<usize, Error> {
        self.write("sweep the serial queues", |connection| {
            let text = "DELETE FROM t_ds_serial_command WHERE NOT EXISTS (SELECT 1 FROM t_ds_workflow_instance i \
                 WHERE i.id = t_ds_serial_command.workflow_instance_id AND i.state NOT IN ";
            let ended = WorkflowState::ALL.iter().filter(|state| state.is_final()).map(|state| state.code());
            connection.execute(Sql::fixed("sweep the serial queues", text).list(ended).then(")"))
        })
    }

    /// Ends an instance that waits for its turn and has never run, as the API server does: PAUSE or STOP, its place in the queue and its command gone.
    /// `false`: it does not wait any more, and nothing was written.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn withdraw_waiting(&self, workflow_instance_id: i32, state: WorkflowState) -> Result<bool, Error> {
        self.write("end a waiting workflow instance", |connection| {
            // In the order of a claim: the command, then the instance.
            let lock = format!(
                "SELECT id, NULL AS state, NULL AS host FROM t_ds_command WHERE workflow_instance_id = ?{}",
                connection.dialect.for_update()
            );
            let commands =
                connection.rows::<StateRow>(Sql::fixed("lock a command", lock).bind(workflow_instance_id))?;
            let sql = Sql::fixed(
                "end a waiting workflow instance",
                "UPDATE t_ds_workflow_instance SET state = ? WHERE id = ? AND state = ?",
            );
            let sql = sql
                .bind(state.code())
                .bind(workflow_instance_id)
                .bind(WorkflowState::SerialWait.code());
            if connection.execute(sql)? == 0 {
                return Ok(false);
            }
            if !commands.is_empty() {
                let sql = Sql::batch("delete commands", "DELETE FROM t_ds_command WHERE id IN ");
                connection.execute(sql.list(commands.iter().map(|row| row.id)))?;
            }
            let sql = Sql::fixed(
                "free the serial queue",
                "DELETE FROM t_ds_serial_command WHERE workflow_instance_id = ?",
            );
            connection.execute(sql.bind(i64::from(workflow_instance_id)))?;
            Ok(true)
        })
    }

    /// `false`: the row is not to be launched, and is gone.
    fn launch(&self, connection: &mut Connection, row: Queued) -> Result<bool, Error> {
        let id = row.workflow_instance_id;
        let waits = matches!(
            lock_instance(connection, id)?,
            Some(WorkflowState::SerialWait | WorkflowState::SubmittedSuccess)
        );
        if !waits {
            log::info!(workflow_instance_id = id; "does not wait any more and leaves the serial queue");
            remove(connection, &[row.id])?;
            return Ok(false);
        }
        let sql = Sql::fixed(
            "read a serial command",
            "SELECT command FROM t_ds_serial_command WHERE id = ?",
        );
        let text = connection
            .rows::<CommandText>(sql.bind(row.id))?
            .pop()
            .and_then(|row| row.command);
        let command = serial_command::parse(text.as_deref()).and_then(|command| {
            let named = command.instance_id();
            if named == id {
                Ok(command)
            } else {
                Err(format!("its command is for workflow instance {named}"))
            }
        });
        let now = self.clock.local(now(connection)?);
        match command {
            Ok(command) => {
                let sql = Sql::fixed(
                    "launch a serial command",
                    "UPDATE t_ds_serial_command SET state = ?, update_time = ? WHERE id = ? AND state = ?",
                );
                let sql = sql.bind(LAUNCHED).bind(now).bind(row.id).bind(WAITING);
                if connection.execute(sql)? == 0 {
                    return Ok(false);
                }
                command.row(self.clock).insert(connection)?;
                Ok(true)
            }
            Err(reason) => {
                log::error!(workflow_instance_id = id; "leaves the serial queue as FAILURE, since {reason}");
                self.end_instances(connection, &[id], WorkflowState::Failure)?;
                remove(connection, &[row.id])?;
                Ok(false)
            }
        }
    }

    /// Those that became STOP; one that does not wait any more only loses its row.
    fn discard(&self, connection: &mut Connection, rows: &[Queued]) -> Result<Vec<i32>, Error> {
        let mut discarded = Vec::new();
        for rows in rows.chunks(IDS_PER_STATEMENT_MAX) {
            let text = "SELECT id, state, host FROM t_ds_workflow_instance WHERE state = 14 AND id IN ";
            let sql = Sql::batch("lock waiting workflow instances", text)
                .list(rows.iter().map(|row| row.workflow_instance_id))
                .then(" ORDER BY id")
                .then(connection.dialect.for_update());
            let waiting: Vec<i32> = connection
                .rows::<StateRow>(sql)?
                .into_iter()
                .map(|row| row.id)
                .collect();
            self.end_instances(connection, &waiting, WorkflowState::Stop)?;
            remove(connection, &rows.iter().map(|row| row.id).collect::<Vec<_>>())?;
            discarded.extend(waiting);
        }
        Ok(discarded)
    }

    fn end_instances(
        &self,
        connection: &mut Connection,
        ids: &[i32],
        state: WorkflowState,
    ) -> Result<(), Error> {
        if ids.is_empty() {
            return Ok(());
        }
        let now = self.clock.local(now(connection)?);
        let sql = Sql::batch(
            "end waiting workflow instances",
            "UPDATE t_ds_workflow_instance SET state = ?, end_time = ?",
        );
        let sql = sql
            .bind(state.code())
            .bind(now)
            .then(" WHERE state IN (0, 14) AND id IN ")
            .list(ids.iter().copied());
        connection.execute(sql).map(|_| ())
    }
}

/// An unknown number is treated as the strictest strategy that loses nothing.
fn strategy(code: Option<i32>) -> ExecutionType {
    code.and_then(|code| ExecutionType::try_from(code).ok())
        .unwrap_or(ExecutionType::SerialWait)
}

fn lock_version(connection: &mut Connection, code: i64, version: i32) -> Result<ExecutionType, Error> {
    let text = format!(
        "SELECT execution_type FROM t_ds_workflow_definition_log WHERE code = ? AND version = ?{}",
        connection.dialect.for_update()
    );
    let sql = Sql::fixed("lock a workflow definition", text)
        .bind(code)
        .bind(version);
    let row = connection.rows::<StrategyRow>(sql)?.pop();
    Ok(strategy(row.and_then(|row| row.execution_type)))
}

fn read_queue(connection: &mut Connection, code: i64, version: i32) -> Result<Vec<Queued>, Error> {
    let sql = Sql::fixed(
        "read a serial queue",
        "SELECT id, workflow_instance_id, state FROM t_ds_serial_command \
         WHERE workflow_definition_code = ? AND workflow_definition_version = ? ORDER BY id LIMIT ?",
    );
    let rows = connection.rows::<PlaceRow>(sql.bind(code).bind(version).bind(SERIAL_QUEUE_LEN_MAX))?;
    let queued = |row: PlaceRow| Queued {
        id: row.id,
        workflow_instance_id: i32::try_from(row.workflow_instance_id).unwrap_or(0),
        state: if row.state == WAITING {
            SerialState::Waiting
        } else {
            SerialState::Launched
        },
    };
    Ok(rows.into_iter().map(queued).collect())
}

fn lock_instance(connection: &mut Connection, id: i32) -> Result<Option<WorkflowState>, Error> {
    let text = format!(
        "SELECT id, state, host FROM t_ds_workflow_instance WHERE id = ?{}",
        connection.dialect.for_update()
    );
    let row = connection
        .rows::<StateRow>(Sql::fixed("lock a workflow instance", text).bind(id))?
        .pop();
    Ok(row
        .and_then(|row| row.state)
        .and_then(|code| WorkflowState::try_from(code).ok()))
}

/// Those that run and have an owner to ask; the others are looked at again at the next look.
fn who_can_stop(connection: &mut Connection, ids: &[i32]) -> Result<Vec<SerialStop>, Error> {
    let mut stops = Vec::new();
    for ids in ids.chunks(IDS_PER_STATEMENT_MAX) {
        let sql = Sql::batch(
            "read running workflow instances",
            "SELECT id, state, host FROM t_ds_workflow_instance WHERE host IS NOT NULL AND state IN (1, 2, 4) AND id IN ",
        );
        let rows = connection.rows::<StateRow>(sql.list(ids.iter().copied()))?;
        stops.extend(rows.into_iter().filter_map(|row| {
            Some(SerialStop {
                workflow_instance_id: row.id,
                host: row.host?,
            })
        }));
    }
    Ok(stops)
}

fn remove(connection: &mut Connection, ids: &[i32]) -> Result<(), Error> {
    if ids.is_empty() {
        return Ok(());
    }
    let sql = Sql::batch(
        "leave the serial queue",
        "DELETE FROM t_ds_serial_command WHERE id IN ",
    );
    connection.execute(sql.list(ids.iter().copied())).map(|_| ())
}
