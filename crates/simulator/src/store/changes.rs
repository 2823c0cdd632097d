//! What one transaction has written and not committed.

use super::{OwnedRow, Tables};
use orca_engine::model::{Command, TaskInstance, WorkflowInstance};
use orca_engine::time::Millis;
use orca_engine::workflow::{TaskChange, Write};
use orca_schema::MasterState;
use std::collections::BTreeMap;

/// Whole rows as they will be.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// `None`: deleted.
    pub commands: BTreeMap<i32, Option<Command>>,
    pub instances: BTreeMap<i32, WorkflowInstance>,
    pub owned: BTreeMap<i32, OwnedRow>,
    pub tasks: BTreeMap<i32, TaskInstance>,
    pub masters: BTreeMap<String, (i64, MasterState)>,
    pub error_commands: Vec<String>,
}

impl Changes {
    pub(super) fn instance<'a>(&'a mut self, tables: &Tables, id: i32) -> Option<&'a mut WorkflowInstance> {
        let row = tables.instances.get(&id)?;
        Some(self.instances.entry(id).or_insert_with(|| row.clone()))
    }

    #[allow(clippy::map_entry)] // The row may be missing, which an entry cannot say.
    pub(super) fn task<'a>(&'a mut self, tables: &Tables, id: i32) -> Option<&'a mut TaskInstance> {
        if !self.tasks.contains_key(&id) {
            self.tasks.insert(id, tables.tasks.get(&id)?.clone());
        }
        self.tasks.get_mut(&id)
    }

    /// The writes of one step; the ids of the inserted rows.
    pub(super) fn write_step(&mut self, tables: &mut Tables, instance_id: i32, writes: &[Write]) -> Vec<i32> {
        let mut ids = Vec::new();
        for write in writes {
            match write {
                Write::InsertTask { row, .. } => {
                    let id = tables.new_task_id();
                    ids.push(id);
                    self.tasks.insert(id, stored(row, id));
                }
                Write::UpdateTask { id, change } => {
                    if let Some(row) = self
                        .task(tables, *id)
                        .filter(|row| row.workflow_instance_id == instance_id)
                    {
                        change_task(row, change);
                    }
                }
                Write::SetState { state } => {
                    if let Some(row) = self.instance(tables, instance_id) {
                        row.state = *state;
                    }
                }
                Write::Finish {
                    state,
                    end_time,
                    var_pool,
                    ..
                } => {
                    if let Some(row) = self.instance(tables, instance_id) {
                        row.state = *state;
                        row.end_time = Some(end_time.whole_second());
                        row.var_pool.clone_from(var_pool);
                    }
                }
                // No workflow of the simulator has an alert group or a task group.
                _ => {}
            }
        }
        ids
    }
}

/// Time columns keep whole seconds.
pub(super) fn stored(row: &TaskInstance, id: i32) -> TaskInstance {
    let cut = |time: Option<Millis>| time.map(Millis::whole_second);
    TaskInstance {
        id,
        submit_time: cut(row.submit_time),
        first_submit_time: cut(row.first_submit_time),
        start_time: cut(row.start_time),
        end_time: cut(row.end_time),
        ..row.clone()
    }
}

fn change_task(row: &mut TaskInstance, change: &TaskChange) {
    if let Some(state) = change.state {
        row.state = state;
    }
    if let Some(host) = &change.host {
        row.host.clone_from(host);
    }
    if let Some(time) = change.start_time {
        row.start_time = time.map(Millis::whole_second);
    }
    if let Some(time) = change.end_time {
        row.end_time = time.map(Millis::whole_second);
    }
    if let Some(path) = &change.log_path {
        row.log_path = Some(path.clone());
    }
    if let Some(link) = &change.app_link {
        row.app_link = Some(link.clone());
    }
    if let Some(pool) = &change.var_pool {
        row.var_pool.clone_from(pool);
    }
    if let Some(params) = &change.task_params {
        row.task_params = Some(params.as_str().into());
    }
    if let Some(flag) = change.flag {
        row.flag = flag;
    }
}
