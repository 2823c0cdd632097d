//! What a claim writes once the command is deleted and the instance is locked.

use crate::clock::WallClock;
use crate::db::Connection;
use crate::error::Error;
use crate::sql::Sql;
use crate::statements::{RowChange, Rows, Update};
use crate::task_rows::{task_rows, task_values};
use crate::types::ClaimOutcome;
use orca_engine::codes::{Flag, TaskState};
use orca_engine::command::ClaimPlan;
use orca_engine::fence::{Fence, Incarnation};
use orca_engine::model::WorkflowInstance;
use orca_engine::time::Millis;
use std::collections::HashMap;

/// What is known of a locked instance.
pub(crate) struct Held {
    /// 0 when no Orca master has owned it yet.
    pub(crate) epoch: i64,
    pub(crate) timeout_base: Millis,
}

/// The outcomes by instance id.
pub(crate) fn write_claims(
    connection: &mut Connection,
    owner: &Incarnation,
    claims: &[(&ClaimPlan, &Held)],
    clock: WallClock,
    now: Millis,
) -> Result<HashMap<i32, ClaimOutcome>, Error> {
    take_ownership(connection, owner, claims)?;
    update_instances(connection, owner, claims, clock, now)?;
    let clones = insert_clones(connection, claims, clock)?;
    update_old_tasks(connection, claims)?;
    let outcome = |(plan, held): &(&ClaimPlan, &Held)| {
        let id = plan.instance.id;
        let fence = Fence {
            workflow_instance_id: id,
            host: owner.address.clone(),
            epoch: held.epoch + 1,
        };
        let instance = WorkflowInstance {
            host: Some(owner.address.to_string()),
            restart_time: Some(now.whole_second()),
            ..plan.instance.clone()
        };
        let cloned_ids = clones.get(&id).cloned().unwrap_or_default();
        (
            id,
            ClaimOutcome::Claimed {
                fence,
                instance,
                cloned_ids,
                timeout_base: held.timeout_base,
            },
        )
    };
    Ok(claims.iter().map(outcome).collect())
}

fn take_ownership(
    connection: &mut Connection,
    owner: &Incarnation,
    claims: &[(&ClaimPlan, &Held)],
) -> Result<(), Error> {
    let dialect = connection.dialect;
    let columns = ["owner", "owner_epoch", "epoch", "step", "timeout_base"];
    let mut sql = Sql::batch(
        "take ownership of workflow instances",
        "INSERT INTO t_orca_instance (workflow_instance_id, owner, owner_epoch, epoch, step, timeout_base) VALUES ",
    );
    for (index, (plan, held)) in claims.iter().enumerate() {
        sql.push(if index > 0 { ", (" } else { "(" });
        sql.push_bind(plan.instance.id)
            .push(", ")
            .push_bind(owner.address.to_string())
            .push(", ")
            .push_bind(owner.epoch)
            .push(", ");
        sql.push_bind(held.epoch + 1)
            .push(", 0, ")
            .push_bind(held.timeout_base.0)
            .push(")");
    }
    if claims.is_empty() {
        return Ok(());
    }
    sql.push(&dialect.on_conflict_update("workflow_instance_id"));
    let set: Vec<String> = columns
        .iter()
        .map(|column| format!("{column} = {}", dialect.new_value(column)))
        .collect();
    sql.push(&set.join(", "));
    connection.execute(sql).map(|_| ())
}

/// `restart_time` is the database's own time, a whole second, never in the future: Java peers compare it with start-up times.
fn update_instances(
    connection: &mut Connection,
    owner: &Incarnation,
    claims: &[(&ClaimPlan, &Held)],
    clock: WallClock,
    now: Millis,
) -> Result<(), Error> {
    let change = |(plan, _): &(&ClaimPlan, &Held)| {
        let instance = &plan.instance;
        RowChange {
            id: instance.id,
            workflow_instance_id: None,
            values: vec![
                instance.state.code().into(),
                instance.state_history.clone().into(),
                owner.address.to_string().into(),
                clock.local(now).into(),
                instance.command_type.code().into(),
                instance.command_param.clone().into(),
                instance.global_params.clone().into(),
                instance.task_depend_type.code().into(),
                instance.run_times.into(),
                clock.local_option(instance.end_time).into(),
                instance.var_pool.clone().into(),
            ],
        }
    };
    let update = Update {
        what: "write claimed workflow instances",
        table: "t_ds_workflow_instance",
        key: "id",
        columns: vec![
            "state",
            "state_history",
            "host",
            "restart_time",
            "command_type",
            "command_param",
            "global_params",
            "task_depend_type",
            "run_times",
            "end_time",
            // A run that begins anew must not start with the outputs of the one before, not even when it is taken over on its way.
            "var_pool",
        ],
        changes: claims.iter().map(change).collect(),
    };
    update.run(connection)
}

/// The new ids by instance, in the order of the plan's clones.
fn insert_clones(
    connection: &mut Connection,
    claims: &[(&ClaimPlan, &Held)],
    clock: WallClock,
) -> Result<HashMap<i32, Vec<i32>>, Error> {
    let clones: Vec<_> = claims
        .iter()
        .flat_map(|(plan, _)| plan.clone.iter().map(move |(_, row)| (plan.instance.id, row)))
        .collect();
    let mut rows: Rows<'_> = task_rows("write cloned task instances");
    rows.rows = clones.iter().map(|(_, row)| task_values(row, clock)).collect();
    let ids = rows.insert_for_ids(connection)?;
    let mut by_instance: HashMap<i32, Vec<i32>> = HashMap::new();
    for ((instance, _), id) in clones.into_iter().zip(ids) {
        by_instance.entry(instance).or_default().push(id);
    }
    Ok(by_instance)
}

fn update_old_tasks(connection: &mut Connection, claims: &[(&ClaimPlan, &Held)]) -> Result<(), Error> {
    let change = |id: i32, instance: i32, value: i32| RowChange {
        id,
        workflow_instance_id: Some(instance),
        values: vec![value.into()],
    };
    let mut superseded = Vec::new();
    let mut reset = Vec::new();
    let mut relinked = Vec::new();
    for (plan, _) in claims {
        let old = plan
            .supersede
            .iter()
            .copied()
            .chain(plan.clone.iter().map(|(old, _)| *old));
        superseded.extend(old.map(|id| change(id, plan.instance.id, Flag::No.code())));
        let links = plan.relink.iter();
        relinked.extend(links.map(|(id, link)| RowChange {
            id: *id,
            workflow_instance_id: Some(plan.instance.id),
            values: vec![link.as_str().into()],
        }));
        let paused = plan.reset.iter().copied();
        reset.extend(paused.map(|id| change(id, plan.instance.id, TaskState::SubmittedSuccess.code())));
    }
    let updates = [
        (vec!["flag"], superseded),
        (vec!["state"], reset),
        (vec!["app_link"], relinked),
    ];
    for (columns, changes) in updates {
        let what = "change task instances of claimed workflows";
        Update {
            what,
            table: "t_ds_task_instance",
            key: "id",
            columns,
            changes,
        }
        .run(connection)?;
    }
    Ok(())
}
