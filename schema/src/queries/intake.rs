//! Commands of one slot and the rows they are about.

use crate::error::Error;
use crate::limits::{FETCH_LEN_MAX, IDS_PER_STATEMENT_MAX};
use crate::rows::{CommandRow, InstanceRow, TaskRow};
use crate::sql::Sql;
use crate::store::Store;
use orca_engine::model::{Command, TaskInstance, WorkflowInstance};

/// Which commands of a slot are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    All,
    /// Those that go on with what runs already: sub-workflows, whose parents wait for them, and instances of a master that is gone.
    UnderWay,
}

impl Wanted {
    fn condition(self) -> &'static str {
        match self {
            Self::All => "",
            Self::UnderWay => {
                " AND (command_type = 2 OR EXISTS (SELECT 1 FROM t_ds_workflow_instance w \
                 WHERE w.id = t_ds_command.workflow_instance_id AND w.is_sub_workflow = 1))"
            }
        }
    }
}

impl Store {
    /// The next commands of slot `slot` of `total`: those with `id / id_step % total = slot`, by priority and id.
    ///
    /// # Errors
    /// A slot that cannot be, or a database that does not answer.
    pub fn fetch_commands(
        &self,
        slot: i32,
        total: i32,
        id_step: i32,
        limit: i64,
    ) -> Result<Vec<Command>, Error> {
        self.fetch_wanted_commands(Wanted::All, slot, total, id_step, limit)
    }

    /// As [`Store::fetch_commands`], of those that are wanted.
    ///
    /// # Errors
    /// A slot that cannot be, or a database that does not answer.
    pub fn fetch_wanted_commands(
        &self,
        wanted: Wanted,
        slot: i32,
        total: i32,
        id_step: i32,
        limit: i64,
    ) -> Result<Vec<Command>, Error> {
        if total < 1 || id_step < 1 || !(0..total).contains(&slot) {
            let reason = format!("slot {slot} of {total} with step {id_step}");
            return Err(Error::Request {
                what: "the slot",
                reason,
            });
        }
        let sql = Sql::fixed(
            "read commands",
            format!(
                "SELECT {} FROM t_ds_command WHERE (id{}?) % ? = ?{} ORDER BY workflow_instance_priority, id LIMIT ?",
                CommandRow::COLUMNS,
                self.dialect.integer_division(),
                wanted.condition(),
            ),
        );
        let sql = sql
            .bind(id_step)
            .bind(total)
            .bind(slot)
            .bind(limit.clamp(1, FETCH_LEN_MAX));
        let rows = self.reader()?.rows::<CommandRow>(sql)?;
        Ok(rows.into_iter().map(CommandRow::into_model).collect())
    }

    /// The instances with these ids, by id. One that cannot be read is left out and logged, so that it stops nobody else.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn load_instances(&self, ids: &[i32]) -> Result<Vec<WorkflowInstance>, Error> {
        let mut connection = self.reader()?;
        let mut found = Vec::with_capacity(ids.len());
        for ids in ids.chunks(IDS_PER_STATEMENT_MAX) {
            let text = format!(
                "SELECT {} FROM t_ds_workflow_instance WHERE id IN ",
                InstanceRow::COLUMNS
            );
            let sql = Sql::batch("read workflow instances", text)
                .list(ids.iter().copied())
                .then(" ORDER BY id");
            found.extend(connection.rows::<InstanceRow>(sql)?);
        }
        Ok(found
            .into_iter()
            .filter_map(|row| readable(row.into_model(self.clock)))
            .collect())
    }

    /// The valid task rows (`flag` YES) of these instances, by id.
    ///
    /// # Errors
    /// A row that cannot be read: a run must not go on without one of its tasks. Or a database that does not answer.
    pub fn load_valid_tasks(&self, workflow_instance_ids: &[i32]) -> Result<Vec<TaskInstance>, Error> {
        let mut connection = self.reader()?;
        let mut found = Vec::new();
        for ids in workflow_instance_ids.chunks(IDS_PER_STATEMENT_MAX) {
            let text = format!(
                "SELECT {} FROM t_ds_task_instance WHERE flag = 1 AND workflow_instance_id IN ",
                TaskRow::COLUMNS
            );
            let sql = Sql::batch("read task instances", text)
                .list(ids.iter().copied())
                .then(" ORDER BY id");
            for row in connection.rows::<TaskRow>(sql)? {
                found.push(row.into_model(self.clock)?);
            }
        }
        Ok(found)
    }
}

pub(crate) fn readable<T>(row: Result<T, Error>) -> Option<T> {
    row.map_err(|error| log::error!("{error}; the row is left out"))
        .ok()
}
