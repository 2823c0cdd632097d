//! New runs: instance and command in one transaction, for a batch of requests.
//!
//! Guarantees: each request gets an instance with its command (or, for a serial definition, its place in the serial queue), or nothing at all; one that
//! cannot be carried out does not stop the others.

use crate::db::Connection;
use crate::error::{Error, TriggerError};
use crate::limits::IDS_PER_STATEMENT_MAX;
use crate::queries::trigger_rows::{Accepted, command_rows, instance_rows, serial_rows};
use crate::sql::Sql;
use crate::store::{Store, now};
use crate::types::{NewRun, RunKind};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Integer, Nullable, Text};
use orca_engine::codes::ExecutionType;
use orca_engine::time::Millis;
use std::collections::{BTreeSet, HashMap};

#[derive(QueryableByName)]
pub(crate) struct DefinitionRow {
    #[diesel(sql_type = BigInt)]
    pub(crate) code: i64,
    #[diesel(sql_type = Integer)]
    pub(crate) version: i32,
    #[diesel(sql_type = Nullable<Text>)]
    pub(crate) name: Option<String>,
    #[diesel(sql_type = BigInt)]
    pub(crate) project_code: i64,
    #[diesel(sql_type = Nullable<Integer>)]
    pub(crate) timeout: Option<i32>,
    #[diesel(sql_type = Nullable<Integer>)]
    pub(crate) execution_type: Option<i32>,
}

#[derive(QueryableByName)]
struct UserRow {
    #[diesel(sql_type = Integer)]
    id: i32,
    #[diesel(sql_type = Nullable<Text>)]
    user_name: Option<String>,
}

pub(crate) type Answer = Result<i32, TriggerError>;

/// What the requests of a batch refer to.
struct References {
    definitions: HashMap<(i64, i32), DefinitionRow>,
    users: HashMap<i32, String>,
    now: Millis,
}

impl Store {
    /// Inserts new runs in one transaction; the id of each new workflow instance, or why there is none.
    ///
    /// # Errors
    /// When the database does not answer; nothing was inserted, or, with an unknown outcome, nobody knows.
    pub fn trigger(&self, runs: &[NewRun]) -> Result<Vec<Answer>, Error> {
        if runs.is_empty() {
            return Ok(Vec::new());
        }
        match self.trigger_together(runs) {
            Err(Error::Query { .. } | Error::BadCode { .. }) if runs.len() > 1 => {
                Ok(self.trigger_one_by_one(runs))
            }
            answer => answer,
        }
    }

    fn trigger_one_by_one(&self, runs: &[NewRun]) -> Vec<Answer> {
        let alone = |run| match self
            .trigger_together(std::slice::from_ref(run))
            .map(|mut answers| answers.pop())
        {
            Ok(Some(answer)) => answer,
            Ok(None) => Err(TriggerError::Store(Error::JobLost)),
            Err(error) => Err(TriggerError::Store(error)),
        };
        runs.iter().map(alone).collect()
    }

    fn trigger_together(&self, runs: &[NewRun]) -> Result<Vec<Answer>, Error> {
        self.write("start workflow instances", |connection| {
            self.trigger_within(connection, runs)
        })
    }

    /// The same within a transaction of the caller.
    pub(crate) fn trigger_within(
        &self,
        connection: &mut Connection,
        runs: &[NewRun],
    ) -> Result<Vec<Answer>, Error> {
        let references = references(connection, runs)?;
        let mut answers: Vec<Answer> = Vec::with_capacity(runs.len());
        let mut accepted = Vec::new();
        for (place, run) in runs.iter().enumerate() {
            match self.accept(run, &references)? {
                Ok(one) => {
                    accepted.push((place, one));
                    answers.push(Ok(0));
                }
                Err(refusal) => answers.push(Err(refusal)),
            }
        }
        let runs: Vec<Accepted<'_>> = accepted.iter().map(|(_, one)| *one).collect();
        let ids = self.insert_runs(connection, &runs, references.now)?;
        for ((place, _), id) in accepted.iter().zip(ids) {
            answers[*place] = Ok(id);
        }
        Ok(answers)
    }

    fn accept<'a>(
        &self,
        run: &'a NewRun,
        references: &'a References,
    ) -> Result<Result<Accepted<'a>, TriggerError>, Error> {
        let (code, version) = (run.workflow_definition_code, run.workflow_definition_version);
        let Some(definition) = references.definitions.get(&(code, version)) else {
            return Ok(Err(TriggerError::DefinitionNotFound { code, version }));
        };
        let Some(user_name) = references.users.get(&run.user_id) else {
            return Ok(Err(TriggerError::UserNotFound { id: run.user_id }));
        };
        let schedule_time = match &run.kind {
            RunKind::Backfill { times } => {
                match times.first().map(|first| (first, self.clock.parse(first))) {
                    Some((_, Some(time))) => Some(time),
                    Some((first, None)) => {
                        let text =
                            format!("the backfill time {first:?} does not have the form yyyy-MM-dd HH:mm:ss");
                        return Ok(Err(TriggerError::BadRequest(text)));
                    }
                    None => {
                        return Ok(Err(TriggerError::BadRequest(
                            "the list of backfill times is empty".to_owned(),
                        )));
                    }
                }
            }
            RunKind::Manual | RunKind::SubWorkflow | RunKind::Schedule => run.schedule_time,
        };
        let execution_type = execution_type(definition)?;
        Ok(Ok(Accepted {
            run,
            definition,
            user_name,
            schedule_time,
            execution_type,
        }))
    }

    fn insert_runs(
        &self,
        connection: &mut Connection,
        runs: &[Accepted<'_>],
        now: Millis,
    ) -> Result<Vec<i32>, Error> {
        let ids = instance_rows(runs, self.clock, now).insert_for_ids(connection)?;
        let with_ids = || runs.iter().zip(ids.iter().copied());
        let parallel = |(run, _): &(&Accepted<'_>, i32)| run.execution_type == ExecutionType::Parallel;
        command_rows(with_ids().filter(parallel), self.clock, now).insert(connection)?;
        serial_rows(with_ids().filter(|pair| !parallel(pair)), self.clock, now).insert(connection)?;
        Ok(ids)
    }
}

pub(crate) fn execution_type(definition: &DefinitionRow) -> Result<ExecutionType, Error> {
    let value = definition.execution_type.unwrap_or(0);
    ExecutionType::try_from(value).map_err(|source| Error::BadCode {
        table: "t_ds_workflow_definition_log",
        id: definition.code,
        column: "execution_type",
        source,
    })
}

fn references(connection: &mut Connection, runs: &[NewRun]) -> Result<References, Error> {
    let keys: BTreeSet<(i64, i32)> = runs
        .iter()
        .map(|run| (run.workflow_definition_code, run.workflow_definition_version))
        .collect();
    let users: BTreeSet<i32> = runs.iter().map(|run| run.user_id).collect();
    Ok(References {
        definitions: definitions(connection, &keys.into_iter().collect::<Vec<_>>())?,
        users: user_names(connection, &users.into_iter().collect::<Vec<_>>())?,
        now: now(connection)?,
    })
}

pub(crate) fn definitions(
    connection: &mut Connection,
    keys: &[(i64, i32)],
) -> Result<HashMap<(i64, i32), DefinitionRow>, Error> {
    let mut found = HashMap::new();
    for keys in keys.chunks(IDS_PER_STATEMENT_MAX) {
        let text = "SELECT code, version, name, project_code, timeout, execution_type FROM t_ds_workflow_definition_log WHERE ";
        let what = "read workflow definitions";
        let mut sql = if keys.len() == 1 {
            Sql::fixed(what, text)
        } else {
            Sql::batch(what, text)
        };
        for (index, (code, version)) in keys.iter().enumerate() {
            sql.push(if index > 0 { " OR (code = " } else { "(code = " })
                .push_bind(*code);
            sql.push(" AND version = ").push_bind(*version).push(")");
        }
        for row in connection.rows::<DefinitionRow>(sql)? {
            found.insert((row.code, row.version), row);
        }
    }
    Ok(found)
}

fn user_names(connection: &mut Connection, ids: &[i32]) -> Result<HashMap<i32, String>, Error> {
    let mut found = HashMap::new();
    for ids in ids.chunks(IDS_PER_STATEMENT_MAX) {
        let (what, text) = ("read users", "SELECT id, user_name FROM t_ds_user WHERE id IN ");
        let sql = if ids.len() == 1 {
            Sql::fixed(what, text)
        } else {
            Sql::batch(what, text)
        };
        for row in connection.rows::<UserRow>(sql.list(ids.iter().copied()))? {
            found.insert(row.id, row.user_name.unwrap_or_default());
        }
    }
    Ok(found)
}
