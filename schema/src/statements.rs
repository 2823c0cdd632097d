//! Many rows in few statements: inserts of many rows, and updates that give each row its own values.

use crate::db::Connection;
use crate::dialect::Dialect;
use crate::error::Error;
use crate::limits::{BINDS_PER_STATEMENT_MAX, CASE_ROWS_MAX, IDS_PER_STATEMENT_MAX};
use crate::sql::{Sql, Value};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Integer};
use std::borrow::Cow;

#[derive(QueryableByName)]
struct IdRow {
    #[diesel(sql_type = Integer)]
    id: i32,
}

#[derive(QueryableByName)]
struct FirstIdRow {
    #[diesel(sql_type = BigInt)]
    first_id: i64,
    #[diesel(sql_type = BigInt)]
    increment: i64,
}

/// Rows for one table, all with the same columns.
pub(crate) struct Rows<'a> {
    pub(crate) what: &'static str,
    pub(crate) table: Cow<'static, str>,
    pub(crate) columns: Cow<'static, [&'static str]>,
    pub(crate) rows: Vec<Vec<Value<'a>>>,
}

impl<'a> Rows<'a> {
    pub(crate) fn new(what: &'static str, table: &'static str, columns: &'static [&'static str]) -> Self {
        Self {
            what,
            table: Cow::Borrowed(table),
            columns: Cow::Borrowed(columns),
            rows: Vec::new(),
        }
    }

    fn statement(&self, rows: &[Vec<Value<'a>>], end: &str) -> Sql<'a> {
        let text = format!("INSERT INTO {} ({}) VALUES ", self.table, self.columns.join(", "));
        // One row is the everyday case of an idle master: its statement stays prepared.
        let mut sql = if rows.len() == 1 {
            Sql::fixed(self.what, text)
        } else {
            Sql::batch(self.what, text)
        };
        for (index, row) in rows.iter().enumerate() {
            if index > 0 {
                sql.push(", ");
            }
            sql.push_list(row.iter().cloned());
        }
        sql.push(end);
        sql
    }

    fn rows_per_statement(&self) -> usize {
        (BINDS_PER_STATEMENT_MAX / self.columns.len().max(1)).max(1)
    }

    pub(crate) fn insert(&self, connection: &mut Connection) -> Result<(), Error> {
        for rows in self.rows.chunks(self.rows_per_statement()) {
            connection.execute(self.statement(rows, ""))?;
        }
        Ok(())
    }

    /// Inserts and answers the generated ids in the order of the rows.
    pub(crate) fn insert_for_ids(&self, connection: &mut Connection) -> Result<Vec<i32>, Error> {
        let mut ids = Vec::with_capacity(self.rows.len());
        for rows in self.rows.chunks(self.rows_per_statement()) {
            match connection.dialect {
                Dialect::MySql => {
                    connection.execute(self.statement(rows, ""))?;
                    ids.extend(ids_of_last_insert(connection, rows.len())?);
                }
                Dialect::Sqlite => {
                    let returned = connection.rows::<IdRow>(self.statement(rows, " RETURNING id"))?;
                    let mut returned: Vec<i32> = returned.into_iter().map(|row| row.id).collect();
                    // Ids are given in the order of the VALUES, but RETURNING promises no order.
                    returned.sort_unstable();
                    ids.extend(returned);
                }
            }
        }
        Ok(ids)
    }
}

/// The number of rows of an INSERT ... VALUES is known when it begins, so the server reserves its ids in one piece, whatever
/// `innodb_autoinc_lock_mode` is; they lie `auto_increment_increment` apart.
fn ids_of_last_insert(connection: &mut Connection, len: usize) -> Result<Vec<i32>, Error> {
    let sql = Sql::fixed(
        "read the ids of new rows",
        "SELECT CAST(LAST_INSERT_ID() AS SIGNED) AS first_id, CAST(@@auto_increment_increment AS SIGNED) AS increment",
    );
    let missing = || Error::Missing {
        what: "the answer to",
        id: "LAST_INSERT_ID()".to_owned(),
    };
    let row = connection
        .rows::<FirstIdRow>(sql)?
        .pop()
        .filter(|row| row.first_id > 0)
        .ok_or_else(missing)?;
    let id = |index: usize| {
        let offset = i64::try_from(index).ok()?.checked_mul(row.increment)?;
        i32::try_from(row.first_id.checked_add(offset)?).ok()
    };
    let ids: Option<Vec<i32>> = (0..len).map(id).collect();
    ids.ok_or_else(|| Error::Request {
        what: "the table",
        reason: format!(
            "its ids have passed {}, the largest that a Java master can read",
            i32::MAX
        ),
    })
}

/// New values for one row.
pub(crate) struct RowChange<'a> {
    pub(crate) id: i32,
    /// The workflow instance that the row must belong to; `None` when the row is the instance.
    pub(crate) workflow_instance_id: Option<i32>,
    /// One for each column of the update.
    pub(crate) values: Vec<Value<'a>>,
}

/// An update of the same columns of many rows, found by `key`.
pub(crate) struct Update<'a> {
    pub(crate) what: &'static str,
    pub(crate) table: &'static str,
    pub(crate) key: &'static str,
    pub(crate) columns: Vec<&'static str>,
    pub(crate) changes: Vec<RowChange<'a>>,
}

impl<'a> Update<'a> {
    /// Runs it; every row must be there. The rows of one call come from instances that are locked by the caller.
    pub(crate) fn run(&self, connection: &mut Connection) -> Result<(), Error> {
        if self.columns.is_empty() {
            return Ok(());
        }
        let uniform: Vec<bool> = (0..self.columns.len())
            .map(|column| self.is_uniform(column))
            .collect();
        let len = if uniform.iter().all(|uniform| *uniform) {
            IDS_PER_STATEMENT_MAX
        } else {
            CASE_ROWS_MAX
        };
        for changes in self.changes.chunks(len) {
            let matched = connection.execute(self.statement(changes, &uniform))?;
            if matched != changes.len() {
                return Err(self.missing(changes, matched));
            }
        }
        Ok(())
    }

    /// All rows get the same value, which then needs no CASE.
    fn is_uniform(&self, column: usize) -> bool {
        self.changes
            .windows(2)
            .all(|pair| pair[0].values.get(column) == pair[1].values.get(column))
    }

    fn statement(&self, changes: &[RowChange<'a>], uniform: &[bool]) -> Sql<'a> {
        let text = format!("UPDATE {} SET ", self.table);
        let mut sql = if changes.len() == 1 {
            Sql::fixed(self.what, text)
        } else {
            Sql::batch(self.what, text)
        };
        for (column, name) in self.columns.iter().enumerate() {
            if column > 0 {
                sql.push(", ");
            }
            sql.push(name).push(" = ");
            if uniform[column] {
                sql.push_bind(changes[0].values[column].clone());
                continue;
            }
            sql.push("CASE ").push(self.key);
            for change in changes {
                sql.push(" WHEN ")
                    .push_bind(change.id)
                    .push(" THEN ")
                    .push_bind(change.values[column].clone());
            }
            sql.push(" END");
        }
        sql.push(" WHERE ")
            .push(self.key)
            .push(" IN ")
            .push_list(changes.iter().map(|change| change.id));
        let mut owners: Vec<i32> = changes
            .iter()
            .filter_map(|change| change.workflow_instance_id)
            .collect();
        owners.sort_unstable();
        owners.dedup();
        if !owners.is_empty() {
            sql.push(" AND workflow_instance_id IN ").push_list(owners);
        }
        sql
    }

    fn missing(&self, changes: &[RowChange<'a>], matched: usize) -> Error {
        let id = i64::from(changes.first().map_or(0, |change| change.id));
        let reason = match changes {
            [one] => match one.workflow_instance_id {
                Some(owner) => format!("it is gone or does not belong to workflow instance {owner}"),
                None => "it is gone".to_owned(),
            },
            _ => format!(
                "of {} rows beginning with this one only {matched} were found",
                changes.len()
            ),
        };
        Error::BadRow {
            table: self.table,
            id,
            reason,
        }
    }
}
