//! Changes of task rows, grouped by which columns they set.

use crate::clock::WallClock;
use crate::db::Connection;
use crate::error::Error;
use crate::sql::Value;
use crate::statements::{RowChange, Update};
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
