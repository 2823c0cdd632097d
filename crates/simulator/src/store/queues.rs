//! Task groups and serial queues: the named transactions of `orca_schema` that a coordinator works with.

use super::{Changes, Lock, Locks, Mode, Tables};
use orca_engine::codes::{ExecutionType, Flag, TaskState, WorkflowState};
use orca_engine::coordinator::{
    Grant, GroupState, Queued, SerialAction, SerialState, SlotRequest, SlotRow, assign, settle,
};
use orca_engine::model::Command;
use orca_engine::time::Millis;
use orca_engine::workflow::Write;
use std::collections::{BTreeMap, BTreeSet};

/// A row of `t_ds_task_group_queue`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub task_instance_id: i32,
    pub workflow_instance_id: i32,
    pub group_id: i32,
    pub priority: i32,
    pub has_slot: bool,
}

/// A row of `t_ds_serial_command`.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    pub workflow_instance_id: i32,
    pub code: i64,
    pub state: SerialState,
    pub command: Command,
}

/// What settling a serial queue has led to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    pub launched: usize,
    /// Instances that have to give way, with their owners.
    pub to_stop: Vec<(i32, String)>,
}

pub(super) fn lock_places<'a>(places: impl Iterator<Item = &'a i32>) -> Locks {
    places.map(|id| (Lock::Place(*id), Mode::Exclusive)).collect()
}

pub(super) fn locks_of_group(tables: &Tables, group: i32) -> Locks {
    let of_group = tables
        .places
        .iter()
        .filter(|(_, place)| place.group_id == group)
        .map(|(id, _)| id);
    let mut locks = lock_places(of_group);
    locks.push((Lock::Group(group), Mode::Exclusive));
    locks
}

/// The places that the writes of a step give back.
pub(super) fn locks_of_releases(tables: &Tables, writes: &[Write]) -> Locks {
    let released: BTreeSet<i32> = writes
        .iter()
        .filter_map(|write| match write {
            Write::ReleaseSlot { task_instance_id } => Some(*task_instance_id),
            _ => None,
        })
        .collect();
    if released.is_empty() {
        return Locks::new();
    }
    lock_places(
        tables
            .places
            .iter()
            .filter(|(_, place)| released.contains(&place.task_instance_id))
            .map(|(id, _)| id),
    )
}

pub(super) fn locks_of_queue(tables: &Tables, code: i64) -> Locks {
    let waiting = tables
        .turns
        .values()
        .filter(|turn| turn.code == code && turn.state == SerialState::Waiting)
        .map(|turn| (Lock::Instance(turn.workflow_instance_id), Mode::Exclusive));
    std::iter::once((Lock::Queue(code), Mode::Exclusive))
        .chain(waiting)
        .collect()
}

/// `Store::give_slots`.
pub(super) fn give_slots(
    changes: &mut Changes,
    tables: &Tables,
    group: i32,
    owners: &BTreeSet<String>,
) -> Vec<Grant> {
    let Some(&size) = tables.groups.get(&group) else {
        return Vec::new();
    };
    let of_group = || tables.places.iter().filter(|(_, place)| place.group_id == group);
    let used = of_group().filter(|(_, place)| place.has_slot).count();
    let requests = of_group()
        .filter(|(_, place)| !place.has_slot)
        .filter_map(|(id, place)| request(tables, *id, place, owners))
        .collect();
    let state = GroupState { size, is_open: true };
    let grants = assign(state, i64::try_from(used).unwrap_or(i64::MAX), requests);
    for grant in &grants {
        if let Some(place) = tables.places.get(&grant.queue_id) {
            let place = Place {
                has_slot: true,
                ..place.clone()
            };
            changes.places.insert(grant.queue_id, Some(place));
        }
    }
    grants
}

fn request(tables: &Tables, id: i32, place: &Place, owners: &BTreeSet<String>) -> Option<SlotRequest> {
    let task = tables.tasks.get(&place.task_instance_id)?;
    let instance = tables.instances.get(&place.workflow_instance_id)?;
    let waits = matches!(
        task.state,
        TaskState::SubmittedSuccess | TaskState::DelayExecution
    );
    let host = instance.host.clone().filter(|host| owners.contains(host))?;
    (task.flag == Flag::Yes && waits && instance.state == WorkflowState::RunningExecution).then_some(
        SlotRequest {
            queue_id: id,
            task_instance_id: place.task_instance_id,
            workflow_instance_id: place.workflow_instance_id,
            host,
            priority: place.priority,
        },
    )
}

/// `Store::sweep_task_groups`: places that belong to nobody.
pub(super) fn stray_places(tables: &Tables) -> Vec<i32> {
    let is_stray = |place: &Place| {
        let task = tables.tasks.get(&place.task_instance_id);
        let instance = tables.instances.get(&place.workflow_instance_id);
        !task.is_some_and(|row| row.flag == Flag::Yes && !row.state.is_finished())
            || instance.is_none_or(|row| row.state.is_final())
    };
    tables
        .places
        .iter()
        .filter(|(_, place)| is_stray(place))
        .map(|(id, _)| *id)
        .collect()
}

/// `Store::sweep_serial_queues`.
pub(super) fn stray_turns(tables: &Tables) -> Vec<i32> {
    let has_ended = |turn: &Turn| {
        let row = tables.instances.get(&turn.workflow_instance_id);
        row.is_none_or(|row| row.state.is_final())
    };
    tables
        .turns
        .iter()
        .filter(|(_, turn)| has_ended(turn))
        .map(|(id, _)| *id)
        .collect()
}

/// `Store::settle_serial_queue`.
pub(super) fn settle_queue(changes: &mut Changes, tables: &mut Tables, code: i64, now: Millis) -> Settled {
    let strategy = tables
        .strategies
        .get(&code)
        .copied()
        .unwrap_or(ExecutionType::Parallel);
    let queue: Vec<Queued> = tables
        .turns
        .iter()
        .filter(|(_, turn)| turn.code == code)
        .map(|(id, turn)| Queued {
            id: *id,
            workflow_instance_id: turn.workflow_instance_id,
            state: turn.state,
        })
        .collect();
    let mut settled = Settled::default();
    for action in settle(strategy, &queue) {
        match action {
            SerialAction::Launch(row) => settled.launched += usize::from(launch(changes, tables, row)),
            SerialAction::Discard(row) => discard(changes, tables, row, now),
            SerialAction::Stop(row) => settled.to_stop.extend(owner(tables, row.workflow_instance_id)),
        }
    }
    settled
}

fn launch(changes: &mut Changes, tables: &mut Tables, row: Queued) -> bool {
    let waits = tables
        .instances
        .get(&row.workflow_instance_id)
        .is_some_and(|one| {
            matches!(
                one.state,
                WorkflowState::SerialWait | WorkflowState::SubmittedSuccess
            )
        });
    let Some(turn) = tables.turns.get(&row.id).cloned().filter(|_| waits) else {
        changes.turns.insert(row.id, None);
        return false;
    };
    let id = tables.new_command_id();
    let command = Command {
        id,
        ..turn.command.clone()
    };
    changes.commands.insert(id, Some(command));
    let launched = Turn {
        state: SerialState::Launched,
        ..turn
    };
    changes.turns.insert(row.id, Some(launched));
    true
}

fn discard(changes: &mut Changes, tables: &Tables, row: Queued, now: Millis) {
    if let Some(instance) = changes.instance(tables, row.workflow_instance_id)
        && instance.state == WorkflowState::SerialWait
    {
        instance.state = WorkflowState::Stop;
        instance.end_time = Some(now.whole_second());
    }
    changes.turns.insert(row.id, None);
}

fn owner(tables: &Tables, id: i32) -> Option<(i32, String)> {
    let row = tables.instances.get(&id)?;
    let may_stop = matches!(
        row.state,
        WorkflowState::RunningExecution | WorkflowState::ReadyPause
    );
    Some((id, row.host.clone().filter(|_| may_stop)?))
}

/// `Store::slot_places`.
pub(super) fn slot_places(tables: &Tables, ids: &[i32]) -> BTreeMap<i32, SlotRow> {
    tables
        .places
        .values()
        .filter(|place| ids.contains(&place.task_instance_id))
        .map(|place| {
            let row = SlotRow {
                has_slot: place.has_slot,
                is_forced: false,
                group_is_open: Some(true),
            };
            (place.task_instance_id, row)
        })
        .collect()
}

/// `Store::serial_queues`: code, rows, and how many of them are launched.
pub(super) fn serial_queues(tables: &Tables) -> Vec<(i64, i64, i64)> {
    let mut queues: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
    for turn in tables.turns.values() {
        let queue = queues.entry(turn.code).or_default();
        queue.0 += 1;
        queue.1 += i64::from(turn.state == SerialState::Launched);
    }
    queues
        .into_iter()
        .map(|(code, (rows, launched))| (code, rows, launched))
        .collect()
}
