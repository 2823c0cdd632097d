//! Changes of task rows, grouped by which columns they set.

use crate::clock::WallClock;
use crate::db::Connection;
use crate::error::Error;
use crate::sql::{Sql, Value};
use crate::statements::{RowChange, Update};
use orca_engine::time::Millis;
use orca_engine::workflow::TaskChange;
use std::collections::BTreeMap;

pub(super) fn update(
    connection: &mut Connection,
    updates: &BTreeMap<i32, (i32, TaskChange)>,
    clock: WallClock,
) -> Result<(), Error> {
    let mut groups: BTreeMap<Vec<&'static str>, Vec<RowChange<'_>>> = BTreeMap::new();
    for (id, (workflow_instance_id, change)) in updates {
        let (columns, values) = columns_and_values(change, clock).into_iter().unzip();
        let workflow_instance_id = Some(*workflow_instance_id);
        groups.entry(columns).or_default().push(RowChange {
            id: *id,
            workflow_instance_id,
            values,
        });
    }
    for (columns, changes) in groups {
        let update = Update {
            what: "change task instances",
            table: "t_ds_task_instance",
            key: "id",
            columns,
            changes,
        };
        update.run(connection)?;
    }
    Ok(())
}

fn columns_and_values(change: &TaskChange, clock: WallClock) -> Vec<(&'static str, Value<'_>)> {
    let mut set: Vec<(&'static str, Value<'_>)> = Vec::new();
    if let Some(state) = change.state {
        set.push(("state", state.code().into()));
    }
    if let Some(host) = &change.host {
        set.push(("host", host.as_deref().into()));
    }
    if let Some(time) = change.start_time {
        set.push(("start_time", clock.local_option(time).into()));
    }
    if let Some(time) = change.end_time {
        set.push(("end_time", clock.local_option(time).into()));
    }
    if let Some(path) = &change.log_path {
        set.push(("log_path", path.as_str().into()));
    }
    if let Some(link) = &change.app_link {
        set.push(("app_link", link.as_str().into()));
    }
    if let Some(pool) = &change.var_pool {
        set.push(("var_pool", pool.as_deref().into()));
    }
    if let Some(params) = &change.task_params {
        set.push(("task_params", params.as_str().into()));
    }
    if let Some(flag) = change.flag {
        set.push(("flag", flag.code().into()));
    }
    set
}

const DEPENDENT_RESULT: &str = "DEPENDENT_RESULT_CONTEXT";

/// What tasks have found out, one row for each; the later text replaces the earlier.
pub(super) fn set_contexts(
    connection: &mut Connection,
    contexts: &[(i32, &str)],
    clock: WallClock,
    now: Millis,
) -> Result<(), Error> {
    for (task_instance_id, context) in contexts {
        let mut sql = Sql::fixed(
            "write what a task has found out",
            "INSERT INTO t_ds_task_instance_context (task_instance_id, context, context_type, create_time, update_time) VALUES ",
        );
        sql.push_list([
            Value::from(*task_instance_id),
            Value::from(*context),
            Value::from(DEPENDENT_RESULT),
            Value::from(clock.local(now)),
            Value::from(clock.local(now)),
        ]);
        let dialect = connection.dialect;
        sql.push(&dialect.on_conflict_update("task_instance_id, context_type"));
        for (index, column) in ["context", "update_time"].into_iter().enumerate() {
            sql.push(if index > 0 { ", " } else { "" });
            sql.push(&format!("{column} = {}", dialect.new_value(column)));
        }
        connection.execute(sql)?;
    }
    Ok(())
}
