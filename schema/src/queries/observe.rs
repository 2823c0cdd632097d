//! What an operator looks at. Nothing here is locked, and every list is a page.

use crate::error::Error;
use crate::limits::PAGE_LEN_MAX;
use crate::queries::intake::readable;
use crate::rows::{CommandRow, InstanceRow, TaskRow};
use crate::sql::Sql;
use crate::store::Store;
use crate::types::{Counts, InstanceFilter, MasterRow, Ownership, Page};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Integer, Nullable, Text};
use orca_engine::model::{Command, TaskInstance, WorkflowInstance};
use orca_engine::time::Millis;
use std::collections::BTreeMap;

#[derive(QueryableByName)]
struct CountRow {
    #[diesel(sql_type = Nullable<Integer>)]
    state: Option<i32>,
    #[diesel(sql_type = BigInt)]
    rows: i64,
}

#[derive(QueryableByName)]
struct MasterRowRead {
    #[diesel(sql_type = Text)]
    address: String,
    #[diesel(sql_type = BigInt)]
    epoch: i64,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = BigInt)]
    started_at: i64,
    #[diesel(sql_type = BigInt)]
    changed_at: i64,
    #[diesel(sql_type = BigInt)]
    running: i64,
}

#[derive(QueryableByName)]
struct OwnershipRow {
    #[diesel(sql_type = Integer)]
    workflow_instance_id: i32,
    #[diesel(sql_type = Text)]
    owner: String,
    #[diesel(sql_type = BigInt)]
    epoch: i64,
    #[diesel(sql_type = BigInt)]
    step: i64,
    #[diesel(sql_type = BigInt)]
    timeout_base: i64,
}

impl Store {
    /// Instances that match, newest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn list_instances(
        &self,
        filter: &InstanceFilter,
        page: Page,
    ) -> Result<Vec<WorkflowInstance>, Error> {
        let text = format!(
            "SELECT {} FROM t_ds_workflow_instance WHERE 1 = 1",
            InstanceRow::COLUMNS
        );
        let mut sql = Sql::batch("list workflow instances", text);
        if let Some(id) = page.before_id {
            sql.push(" AND id < ").push_bind(id);
        }
        if !filter.states.is_empty() {
            sql.push(" AND state IN ")
                .push_list(filter.states.iter().map(|state| state.code()));
        }
        if let Some(project) = &filter.project {
            sql.push(" AND project_code IN (SELECT code FROM t_ds_project WHERE name = ")
                .push_bind(project.as_str())
                .push(")");
        }
        if let Some(part) = &filter.name_contains {
            sql.push(" AND INSTR(name, ")
                .push_bind(part.as_str())
                .push(") > 0");
        }
        if let Some(host) = &filter.host {
            sql.push(" AND host = ").push_bind(host.as_str());
        }
        if let Some(code) = filter.workflow_definition_code {
            sql.push(" AND workflow_definition_code = ").push_bind(code);
        }
        sql.push(" ORDER BY id DESC LIMIT ")
            .push_bind(i64::from(page.len.clamp(1, PAGE_LEN_MAX)));
        let rows = self.reader()?.rows::<InstanceRow>(sql)?;
        Ok(rows
            .into_iter()
            .filter_map(|row| readable(row.into_model(self.clock)))
            .collect())
    }

    /// # Errors
    /// Refused: a row with a code that no enum has. Retry: a database that does not answer.
    pub fn get_instance(&self, id: i32) -> Result<Option<WorkflowInstance>, Error> {
        let text = format!(
            "SELECT {} FROM t_ds_workflow_instance WHERE id = ?",
            InstanceRow::COLUMNS
        );
        let row = self
            .reader()?
            .rows::<InstanceRow>(Sql::fixed("read a workflow instance", text).bind(id))?
            .pop();
        row.map(|row| row.into_model(self.clock)).transpose()
    }

    /// Every task row of an instance, superseded ones too, by id.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn list_tasks(&self, workflow_instance_id: i32) -> Result<Vec<TaskInstance>, Error> {
        let text = format!(
            "SELECT {} FROM t_ds_task_instance WHERE workflow_instance_id = ? ORDER BY id",
            TaskRow::COLUMNS
        );
        let sql = Sql::fixed("list task instances", text).bind(workflow_instance_id);
        let rows = self.reader()?.rows::<TaskRow>(sql)?;
        Ok(rows
            .into_iter()
            .filter_map(|row| readable(row.into_model(self.clock)))
            .collect())
    }

    /// How many rows there are in each state.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn counts(&self) -> Result<Counts, Error> {
        Ok(Counts {
            workflow_instances: self.count_by_state(
                "SELECT state, COUNT(*) AS `rows` FROM t_ds_workflow_instance GROUP BY state",
            )?,
            task_instances: self.count_by_state(
                "SELECT state, COUNT(*) AS `rows` FROM t_ds_task_instance WHERE flag = 1 GROUP BY state",
            )?,
            commands: self.count("SELECT NULL AS state, COUNT(*) AS `rows` FROM t_ds_command")?,
            serial_commands: self
                .count("SELECT NULL AS state, COUNT(*) AS `rows` FROM t_ds_serial_command")?,
            error_commands: self.count("SELECT NULL AS state, COUNT(*) AS `rows` FROM t_ds_error_command")?,
        })
    }

    fn count_by_state(&self, text: &str) -> Result<BTreeMap<i32, i64>, Error> {
        let rows = self.reader()?.rows::<CountRow>(Sql::fixed("count rows", text))?;
        Ok(rows
            .into_iter()
            .filter_map(|row| Some((row.state?, row.rows)))
            .collect())
    }

    fn count(&self, text: &str) -> Result<i64, Error> {
        Ok(self
            .reader()?
            .rows::<CountRow>(Sql::fixed("count rows", text))?
            .first()
            .map_or(0, |row| row.rows))
    }

    /// The masters that have ever registered, with how much each owns.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn list_masters(&self) -> Result<Vec<MasterRow>, Error> {
        let sql = Sql::fixed(
            "list masters",
            "SELECT m.address, m.epoch, m.state, m.started_at, m.changed_at, (SELECT COUNT(*) FROM t_ds_workflow_instance i \
             WHERE i.host = m.address AND i.state IN (1, 2, 4)) AS running FROM t_orca_master m ORDER BY m.address LIMIT ?",
        );
        let rows = self
            .reader()?
            .rows::<MasterRowRead>(sql.bind(i64::from(PAGE_LEN_MAX)))?;
        let master = |row: MasterRowRead| MasterRow {
            address: row.address,
            epoch: row.epoch,
            state: row.state,
            started_at: Millis(row.started_at),
            changed_at: Millis(row.changed_at),
            running: row.running,
        };
        Ok(rows.into_iter().map(master).collect())
    }

    /// The commands that wait, in the order in which they are taken.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn list_commands(&self, len: u32) -> Result<Vec<Command>, Error> {
        let text = format!(
            "SELECT {} FROM t_ds_command ORDER BY workflow_instance_priority, id LIMIT ?",
            CommandRow::COLUMNS
        );
        let sql = Sql::fixed("list commands", text).bind(i64::from(len.clamp(1, PAGE_LEN_MAX)));
        Ok(self
            .reader()?
            .rows::<CommandRow>(sql)?
            .into_iter()
            .map(CommandRow::into_model)
            .collect())
    }

    /// Who owns an instance; `None` when no Orca master ever has.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn ownership(&self, workflow_instance_id: i32) -> Result<Option<Ownership>, Error> {
        let sql = Sql::fixed(
            "read the owner of a workflow instance",
            "SELECT workflow_instance_id, owner, epoch, step, timeout_base FROM t_orca_instance WHERE workflow_instance_id = ?",
        );
        let row = self
            .reader()?
            .rows::<OwnershipRow>(sql.bind(workflow_instance_id))?
            .pop();
        Ok(row.map(|row| Ownership {
            workflow_instance_id: row.workflow_instance_id,
            owner: row.owner,
            epoch: row.epoch,
            step: row.step,
            timeout_base: Millis(row.timeout_base),
        }))
    }
}
