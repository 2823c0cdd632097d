//! The writes of all steps of a batch, sorted by kind, so that each kind is one or a few statements.

use super::children::{self, ChildWrite};
use super::instances::InstanceChange;
use crate::alerts::insert_alerts;
use crate::clock::WallClock;
use crate::db::Connection;
use crate::error::Error;
use crate::limits::IDS_PER_STATEMENT_MAX;
use crate::queries::task_groups::{WAIT_QUEUE, slot_facts};
use crate::sql::Sql;
use crate::statements::Rows;
use crate::task_rows::{task_rows, task_values};
use crate::types::StepCommit;
use orca_engine::codes::Flag;
use orca_engine::model::{Alert, BackfillRun, TaskInstance};
use orca_engine::time::Millis;
use orca_engine::workflow::{NodeId, TaskChange, Write};
use std::collections::{BTreeMap, HashMap};

/// A request for a slot of a task group.
struct SlotRequest<'a> {
    workflow_instance_id: i32,
    node: NodeId,
    task_instance_id: Option<i32>,
    task_name: &'a str,
    group_id: i32,
    priority: i32,
}

#[derive(Default)]
pub(super) struct Batch<'a> {
    inserts: Vec<(i32, NodeId, &'a TaskInstance)>,
    /// By task id: the instance it belongs to, and what changes; of two changes of one column the later counts.
    updates: BTreeMap<i32, (i32, TaskChange)>,
    instances: BTreeMap<i32, InstanceChange<'a>>,
    steps: BTreeMap<i32, i64>,
    serial_ends: Vec<i32>,
    alerts: Vec<&'a Alert>,
    /// Instances whose time-out counts no more.
    settled_timeouts: Vec<i32>,
    slot_requests: Vec<SlotRequest<'a>>,
    slot_releases: Vec<i32>,
    /// What follows in the backfill chains of instances that end here.
    pub(super) backfills: Vec<&'a BackfillRun>,
    children: Vec<ChildWrite<'a>>,
    contexts: Vec<(i32, &'a str)>,
}

impl<'a> Batch<'a> {
    pub(super) fn gather(steps: impl Iterator<Item = &'a StepCommit>) -> Self {
        let mut batch = Self::default();
        for step in steps {
            let id = step.fence.workflow_instance_id;
            batch.steps.insert(id, step.step);
            for write in &step.writes {
                batch.add(id, write);
            }
        }
        batch
    }

    fn add(&mut self, id: i32, write: &'a Write) {
        match write {
            Write::InsertTask { node, row } => self.inserts.push((id, *node, row)),
            Write::UpdateTask { id: task, change } => {
                let (_, merged) = self
                    .updates
                    .entry(*task)
                    .or_insert_with(|| (id, TaskChange::default()));
                merge(merged, change);
            }
            Write::SetState { state } => self.instances.entry(id).or_default().state = Some(*state),
            Write::Finish {
                state,
                end_time,
                var_pool,
                serial,
            } => {
                let change = self.instances.entry(id).or_default();
                change.state = Some(*state);
                change.end = Some((*end_time, var_pool.as_deref()));
                if *serial {
                    self.serial_ends.push(id);
                }
            }
            Write::InsertAlert(alert) => self.alerts.push(alert),
            Write::SettleTimeout => self.settled_timeouts.push(id),
            Write::QueueForSlot {
                node,
                task_instance_id,
                task_name,
                group_id,
                priority,
            } => {
                self.slot_requests.push(SlotRequest {
                    workflow_instance_id: id,
                    node: *node,
                    task_instance_id: *task_instance_id,
                    task_name,
                    group_id: *group_id,
                    priority: *priority,
                });
            }
            Write::ContinueBackfill(run) => self.backfills.push(run),
            Write::ReleaseSlot { task_instance_id } => self.slot_releases.push(*task_instance_id),
            Write::StartChild { .. } | Write::RecoverChild { .. } | Write::LinkChild { .. } => {
                self.children.extend(ChildWrite::of(id, write));
            }
            Write::SetTaskContext {
                task_instance_id,
                context,
            } => self.contexts.push((*task_instance_id, context)),
        }
    }

    /// Writes everything; the ids of the inserted tasks by instance, in the order of the inserts.
    pub(super) fn write(
        &self,
        connection: &mut Connection,
        clock: WallClock,
        now: Millis,
    ) -> Result<HashMap<i32, Vec<i32>>, Error> {
        let ids = self.insert_tasks(connection, clock)?;
        super::tasks::update(connection, &self.updates, clock)?;
        super::instances::update(connection, &self.instances, clock)?;
        super::instances::set_steps(connection, &self.steps)?;
        super::instances::settle_timeouts(connection, &self.settled_timeouts)?;
        let serial = "DELETE FROM t_ds_serial_command WHERE workflow_instance_id IN ";
        delete(
            connection,
            "end the place in the serial queue",
            serial,
            &self.serial_ends,
        )?;
        let slots = "DELETE FROM t_ds_task_group_queue WHERE task_id IN ";
        delete(connection, "release task group slots", slots, &self.slot_releases)?;
        self.request_slots(connection, clock, now, &ids)?;
        children::write(connection, &self.children, clock, now)?;
        super::tasks::set_contexts(connection, &self.contexts, clock, now)?;
        insert_alerts(connection, self.alerts.iter().copied(), clock, now)?;
        let mut by_instance: HashMap<i32, Vec<i32>> = HashMap::new();
        for ((instance, ..), id) in self.inserts.iter().zip(ids) {
            by_instance.entry(*instance).or_default().push(id);
        }
        Ok(by_instance)
    }

    fn insert_tasks(&self, connection: &mut Connection, clock: WallClock) -> Result<Vec<i32>, Error> {
        let mut rows = task_rows("write new task instances");
        rows.rows = self
            .inserts
            .iter()
            .map(|(_, _, row)| task_values(row, clock))
            .collect();
        rows.insert_for_ids(connection)
    }

    fn request_slots(
        &self,
        connection: &mut Connection,
        clock: WallClock,
        now: Millis,
        inserted: &[i32],
    ) -> Result<(), Error> {
        let columns = &[
            "task_id",
            "task_name",
            "group_id",
            "workflow_instance_id",
            "priority",
            "in_queue",
            "force_start",
            "status",
            "create_time",
            "update_time",
        ];
        if self.slot_requests.is_empty() {
            return Ok(());
        }
        let groups = self
            .slot_requests
            .iter()
            .map(|request| request.group_id)
            .collect();
        let known: Vec<i32> = self
            .slot_requests
            .iter()
            .filter_map(|request| request.task_instance_id)
            .collect();
        let facts = slot_facts(connection, &groups, &known)?;
        let has_row = |request: &SlotRequest<'_>| {
            request
                .task_instance_id
                .is_some_and(|id| facts.queued_tasks.contains(&id))
        };
        let wanted = self
            .slot_requests
            .iter()
            .filter(|request| facts.open_groups.contains(&request.group_id) && !has_row(request));
        let mut rows = Rows::new("queue for task group slots", "t_ds_task_group_queue", columns);
        let new_tasks = self.new_tasks(inserted);
        for request in wanted {
            rows.rows.push(vec![
                task_of(request, &new_tasks)?.into(),
                request.task_name.into(),
                request.group_id.into(),
                request.workflow_instance_id.into(),
                request.priority.into(),
                Flag::Yes.code().into(),
                Flag::No.code().into(),
                WAIT_QUEUE.into(),
                clock.local(now).into(),
                clock.local(now).into(),
            ]);
        }
        rows.insert(connection)
    }

    /// The rows that this batch inserts, by instance and node; of two for one node the later.
    fn new_tasks(&self, inserted: &[i32]) -> HashMap<(i32, NodeId), i32> {
        let places = self.inserts.iter().map(|(instance, node, _)| (*instance, *node));
        places.zip(inserted.iter().copied()).collect()
    }
}

/// The row a request is for: the one it names, or the one that its own step inserts for that node.
fn task_of(request: &SlotRequest<'_>, new_tasks: &HashMap<(i32, NodeId), i32>) -> Result<i32, Error> {
    let own = (request.workflow_instance_id, request.node);
    let id = request.task_instance_id.or_else(|| new_tasks.get(&own).copied());
    id.ok_or_else(|| Error::Request {
        what: "a request for a task group slot",
        reason: format!("no task row is inserted for task {:?}", request.task_name),
    })
}

fn delete(connection: &mut Connection, what: &'static str, text: &str, ids: &[i32]) -> Result<(), Error> {
    for ids in ids.chunks(IDS_PER_STATEMENT_MAX) {
        connection.execute(Sql::batch(what, text).list(ids.iter().copied()))?;
    }
    Ok(())
}

/// Takes over every column that `later` sets.
fn merge(change: &mut TaskChange, later: &TaskChange) {
    fn take<T: Clone>(old: &mut Option<T>, new: &Option<T>) {
        if new.is_some() {
            old.clone_from(new);
        }
    }
    take(&mut change.state, &later.state);
    take(&mut change.host, &later.host);
    take(&mut change.start_time, &later.start_time);
    take(&mut change.end_time, &later.end_time);
    take(&mut change.log_path, &later.log_path);
    take(&mut change.app_link, &later.app_link);
    take(&mut change.var_pool, &later.var_pool);
    take(&mut change.task_params, &later.task_params);
    take(&mut change.flag, &later.flag);
}
