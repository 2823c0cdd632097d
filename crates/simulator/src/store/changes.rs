//! What one transaction has written and not committed.

use super::{OwnedRow, Place, Started, Tables, Turn, children};
use orca_engine::model::{Alert, Command, TaskInstance, WorkflowInstance};
use orca_engine::time::Millis;
use orca_engine::workflow::{TIMEOUT_SETTLED, TaskChange, Write};
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
    pub places: BTreeMap<i32, Option<Place>>,
    pub turns: BTreeMap<i32, Option<Turn>>,
    pub alerts: Vec<Alert>,
    pub relations: BTreeMap<i32, i32>,
    pub started: Vec<Started>,
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
        let mut inserted = BTreeMap::new();
        for write in writes {
            match write {
                Write::InsertTask { node, row } => {
                    let id = tables.new_task_id();
                    inserted.insert(*node, id);
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
                    serial,
                } => {
                    if *serial {
                        self.end_turn(tables, instance_id);
                    }
                    if let Some(row) = self.instance(tables, instance_id) {
                        row.state = *state;
                        row.end_time = Some(end_time.whole_second());
                        row.var_pool.clone_from(var_pool);
                    }
                }
                Write::InsertAlert(alert) => self.alerts.push(alert.clone()),
                Write::SettleTimeout => {
                    // The step has recorded itself in this row already.
                    if let Some(row) = self.owned.get_mut(&instance_id) {
                        row.timeout_base = TIMEOUT_SETTLED.0;
                    }
                }
                Write::QueueForSlot {
                    node,
                    task_instance_id,
                    group_id,
                    priority,
                    ..
                } => {
                    if let Some(id) = task_instance_id.or_else(|| inserted.get(node).copied()) {
                        self.ask_for_slot(tables, instance_id, id, (*group_id, *priority));
                    }
                }
                Write::ReleaseSlot { task_instance_id } => self.release_slot(tables, *task_instance_id),
                Write::StartChild {
                    task_instance_id,
                    child,
                } => children::start(self, tables, instance_id, *task_instance_id, child),
                Write::LinkChild {
                    task_instance_id,
                    child,
                } => {
                    self.relations.insert(*task_instance_id, *child);
                }
                // No workflow of the simulator is recovered by an operator, depends on another or has a backfill.
                Write::RecoverChild { .. } | Write::SetTaskContext { .. } | Write::ContinueBackfill(_) => {}
            }
        }
        ids
    }
}

impl Changes {
    /// Nothing is written for an attempt that has a place already.
    fn ask_for_slot(
        &mut self,
        tables: &mut Tables,
        instance: i32,
        task: i32,
        (group_id, priority): (i32, i32),
    ) {
        let is_there = |place: &Place| place.task_instance_id == task;
        let known = tables
            .places
            .iter()
            .any(|(id, place)| is_there(place) && !matches!(self.places.get(id), Some(None)))
            || self.places.values().flatten().any(is_there);
        if known || !tables.groups.contains_key(&group_id) {
            return;
        }
        let place = Place {
            task_instance_id: task,
            workflow_instance_id: instance,
            group_id,
            priority,
            has_slot: false,
        };
        self.places.insert(tables.new_place_id(), Some(place));
    }

    fn release_slot(&mut self, tables: &Tables, task: i32) {
        let of_task = |place: &Place| place.task_instance_id == task;
        self.places
            .retain(|_, place| !place.as_ref().is_some_and(of_task));
        let gone = tables.places.iter().filter(|(_, place)| of_task(place));
        self.places.extend(gone.map(|(id, _)| (*id, None)));
    }

    fn end_turn(&mut self, tables: &Tables, instance: i32) {
        let gone = tables
            .turns
            .iter()
            .filter(|(_, turn)| turn.workflow_instance_id == instance);
        self.turns.extend(gone.map(|(id, _)| (*id, None)));
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
