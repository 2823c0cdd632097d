//! The named transactions of `orca_schema`: which rows each locks, and what it writes.

use super::changes::stored;
use super::queues;
use super::{Changes, Fault, Lock, Locks, Mode, OwnedRow, Settled, Tables};
use orca_engine::codes::{CommandType, Flag, TaskDependType, TaskState, WorkflowState};
use orca_engine::command::ClaimPlan;
use orca_engine::command_param::{CommandParam, Kind};
use orca_engine::coordinator::Grant;
use orca_engine::fence::{Fence, Incarnation};
use orca_engine::model::{Command, WorkflowInstance};
use orca_engine::time::Millis;
use orca_schema::{ClaimOutcome, CommitError, Committed, DeadMaster, MasterState, Moved, StepCommit};
use std::collections::BTreeSet;
use std::sync::Arc;

#[derive(Clone, Debug)]
pub enum Body {
    RegisterMaster(String),
    FenceMaster(DeadMaster),
    Claim(Incarnation, Vec<ClaimPlan>),
    Steps(Vec<StepCommit>),
    Move(DeadMaster, Vec<i32>),
    FailCommand(i32, String),
    GiveSlots(i32, BTreeSet<String>),
    SettleQueue(i64),
    /// Places in task groups and serial queues that belong to nobody.
    SweepQueues,
}

#[derive(Clone, Debug)]
pub enum Output {
    Registered(Incarnation),
    Done,
    Claimed(Vec<ClaimOutcome>),
    Steps(Vec<Result<Committed, CommitError>>),
    Moved(Vec<Moved>),
    Granted(Vec<Grant>),
    Settled(Settled),
}

impl Body {
    /// The locks it takes, given the rows that are there.
    pub(super) fn locks(&self, tables: &Tables) -> Locks {
        match self {
            Self::RegisterMaster(address) => vec![(Lock::Master(address.clone()), Mode::Exclusive)],
            Self::FenceMaster(dead) => vec![(Lock::Master(dead.address.clone()), Mode::Exclusive)],
            Self::Claim(owner, plans) => {
                let own = (Lock::Master(owner.address.to_string()), Mode::Shared);
                let present = plans
                    .iter()
                    .filter(|plan| tables.commands.contains_key(&plan.command_id));
                let rows = present.flat_map(|plan| {
                    [
                        (Lock::Command(plan.command_id), Mode::Exclusive),
                        (Lock::Instance(plan.instance.id), Mode::Exclusive),
                    ]
                });
                std::iter::once(own).chain(rows).collect()
            }
            Self::Steps(steps) => steps
                .iter()
                .flat_map(|step| {
                    let mut locks = queues::locks_of_releases(tables, &step.writes);
                    locks.push((Lock::Instance(step.fence.workflow_instance_id), Mode::Exclusive));
                    locks
                })
                .collect(),
            Self::Move(_, ids) => ids
                .iter()
                .map(|id| (Lock::Instance(*id), Mode::Exclusive))
                .collect(),
            Self::FailCommand(id, _) => vec![(Lock::Command(*id), Mode::Exclusive)],
            Self::GiveSlots(group, _) => queues::locks_of_group(tables, *group),
            Self::SettleQueue(code) => queues::locks_of_queue(tables, *code),
            Self::SweepQueues => queues::lock_places(queues::stray_places(tables).iter()),
        }
    }

    /// Ids are taken from the tables; nothing else of them changes.
    pub(super) fn run(&self, tables: &mut Tables, now: Millis) -> Result<(Changes, Output), Fault> {
        let mut changes = Changes::default();
        let output = match self {
            Self::RegisterMaster(address) => {
                let epoch = tables.masters.get(address).map_or(0, |(epoch, _)| *epoch) + 1;
                changes
                    .masters
                    .insert(address.clone(), (epoch, MasterState::Active));
                Output::Registered(Incarnation {
                    address: Arc::from(address.as_str()),
                    epoch,
                })
            }
            Self::FenceMaster(dead) => {
                if let Some((epoch, MasterState::Active)) = tables.masters.get(&dead.address)
                    && *epoch <= dead.epoch
                {
                    let row = (*epoch, MasterState::Fenced);
                    changes.masters.insert(dead.address.clone(), row);
                }
                Output::Done
            }
            Self::Claim(owner, plans) => Output::Claimed(claim(&mut changes, tables, owner, plans, now)?),
            Self::Steps(steps) => {
                Output::Steps(steps.iter().map(|one| step(&mut changes, tables, one)).collect())
            }
            Self::Move(dead, ids) => Output::Moved(move_instances(&mut changes, tables, dead, ids, now)),
            Self::GiveSlots(group, owners) => {
                Output::Granted(queues::give_slots(&mut changes, tables, *group, owners))
            }
            Self::SettleQueue(code) => {
                Output::Settled(queues::settle_queue(&mut changes, tables, *code, now))
            }
            Self::SweepQueues => {
                let places = queues::stray_places(tables);
                changes.places.extend(places.into_iter().map(|id| (id, None)));
                let turns = queues::stray_turns(tables);
                changes.turns.extend(turns.into_iter().map(|id| (id, None)));
                Output::Done
            }
            Self::FailCommand(id, reason) => {
                if tables.commands.contains_key(id) {
                    changes.commands.insert(*id, None);
                    changes.error_commands.push(reason.clone());
                }
                Output::Done
            }
        };
        Ok((changes, output))
    }
}

fn claim(
    changes: &mut Changes,
    tables: &mut Tables,
    owner: &Incarnation,
    plans: &[ClaimPlan],
    now: Millis,
) -> Result<Vec<ClaimOutcome>, Fault> {
    if tables.masters.get(&*owner.address) != Some(&(owner.epoch, MasterState::Active)) {
        return Err(Fault::NotActive);
    }
    Ok(plans
        .iter()
        .map(|plan| claim_one(changes, tables, owner, plan, now))
        .collect())
}

fn claim_one(
    changes: &mut Changes,
    tables: &mut Tables,
    owner: &Incarnation,
    plan: &ClaimPlan,
    now: Millis,
) -> ClaimOutcome {
    let id = plan.instance.id;
    if !tables.commands.contains_key(&plan.command_id) {
        return ClaimOutcome::NotMine;
    }
    let Some(before) = tables.instances.get(&id).cloned() else {
        return ClaimOutcome::Failed {
            reason: format!("workflow instance {id} is not in the database"),
            refuse: true,
        };
    };
    changes.commands.insert(plan.command_id, None);
    let held = tables.owned.get(&id).cloned();
    let epoch = held.as_ref().map_or(0, |row| row.epoch) + 1;
    let kept = held
        .map(|row| row.timeout_base)
        .or(before.restart_time.or(before.start_time).map(|time| time.0))
        .filter(|_| before.state == WorkflowState::Failover);
    let timeout_base = kept.unwrap_or(now.0);
    changes.owned.insert(
        id,
        OwnedRow {
            owner: owner.address.to_string(),
            owner_epoch: owner.epoch,
            epoch,
            step: 0,
            timeout_base,
        },
    );
    let claimed = WorkflowInstance {
        host: Some(owner.address.to_string()),
        restart_time: Some(now.whole_second()),
        ..plan.instance.clone()
    };
    // Only the columns that a claim writes.
    let row = WorkflowInstance {
        state: claimed.state,
        state_history: claimed.state_history.clone(),
        host: claimed.host.clone(),
        restart_time: claimed.restart_time,
        command_type: claimed.command_type,
        command_param: claimed.command_param.clone(),
        global_params: claimed.global_params.clone(),
        task_depend_type: claimed.task_depend_type,
        run_times: claimed.run_times,
        end_time: claimed.end_time,
        var_pool: claimed.var_pool.clone(),
        ..before
    };
    changes.instances.insert(id, row);
    let cloned_ids = supersede(changes, tables, plan);
    ClaimOutcome::Claimed {
        fence: Fence {
            workflow_instance_id: id,
            host: owner.address.clone(),
            epoch,
        },
        instance: claimed,
        cloned_ids,
        timeout_base: Millis(timeout_base),
    }
}

fn supersede(changes: &mut Changes, tables: &mut Tables, plan: &ClaimPlan) -> Vec<i32> {
    let mut cloned_ids = Vec::new();
    for (_, row) in &plan.clone {
        let id = tables.new_task_id();
        cloned_ids.push(id);
        changes.tasks.insert(id, stored(row, id));
    }
    let old = plan.supersede.iter().chain(plan.clone.iter().map(|(old, _)| old));
    for id in old {
        if let Some(row) = changes.task(tables, *id) {
            row.flag = Flag::No;
        }
    }
    for id in &plan.reset {
        if let Some(row) = changes.task(tables, *id) {
            row.state = TaskState::SubmittedSuccess;
        }
    }
    cloned_ids
}

/// The fence (INV-FENCE-1), and behind it the writes.
fn step(changes: &mut Changes, tables: &mut Tables, step: &StepCommit) -> Result<Committed, CommitError> {
    let id = step.fence.workflow_instance_id;
    let (Some(instance), Some(owned)) = (tables.instances.get(&id), tables.owned.get(&id)) else {
        return Err(CommitError::NotOwner);
    };
    let ours = instance.host.as_deref() == Some(&*step.fence.host) && owned.epoch == step.fence.epoch;
    if ours && owned.step >= step.step {
        return Err(CommitError::Unknown {
            reason: format!("step {} is already recorded", owned.step),
        });
    }
    if !ours || instance.state.is_final() || instance.state == WorkflowState::Failover {
        return Err(CommitError::NotOwner);
    }
    let recorded = OwnedRow {
        step: step.step,
        ..owned.clone()
    };
    changes.owned.insert(id, recorded);
    let task_ids = changes.write_step(tables, id, &step.writes);
    Ok(Committed { task_ids })
}

fn move_instances(
    changes: &mut Changes,
    tables: &mut Tables,
    dead: &DeadMaster,
    ids: &[i32],
    now: Millis,
) -> Vec<Moved> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.retain(|id| tables.belongs_to_dead(*id, dead));
    let mut moved = Vec::new();
    for id in ids {
        let Some(row) = tables.instances.get(&id).cloned() else {
            continue;
        };
        let state = row.state;
        moved.push(Moved {
            workflow_instance_id: id,
            workflow_definition_code: row.workflow_definition_code,
            state,
        });
        let owned = match tables.owned.get(&id) {
            Some(row) => OwnedRow {
                epoch: row.epoch + 1,
                ..row.clone()
            },
            None => OwnedRow {
                owner: String::new(),
                owner_epoch: 0,
                epoch: 1,
                step: 0,
                timeout_base: now.0,
            },
        };
        changes.owned.insert(id, owned);
        let command_id = tables.new_command_id();
        changes
            .commands
            .insert(command_id, Some(failover_command(command_id, &row, state)));
        let failover = WorkflowState::Failover;
        changes.instances.insert(
            id,
            WorkflowInstance {
                state: failover,
                ..row
            },
        );
    }
    moved
}

fn failover_command(id: i32, row: &WorkflowInstance, state: WorkflowState) -> Command {
    let param = CommandParam::new(Kind::RecoverToleranceFault {
        workflow_execution_status: Some(state),
    });
    Command {
        id,
        command_type: CommandType::RecoverToleranceFaultProcess.code(),
        workflow_definition_code: row.workflow_definition_code,
        workflow_definition_version: row.workflow_definition_version,
        workflow_instance_id: row.id,
        command_param: Some(param.to_text()),
        task_depend_type: Some(TaskDependType::TaskPost),
        executor_id: Some(0),
        workflow_instance_priority: Some(row.priority.code()),
    }
}
