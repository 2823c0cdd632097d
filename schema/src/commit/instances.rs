//! Changes of workflow instances, and their step counters.

use crate::clock::WallClock;
use crate::db::Connection;
use crate::error::Error;
use crate::sql::Value;
use crate::statements::{RowChange, Update};
use orca_engine::codes::WorkflowState;
use orca_engine::time::Millis;
use orca_engine::workflow::TIMEOUT_SETTLED;
use std::collections::BTreeMap;

/// What a step changes in its instance.
#[derive(Default)]
pub(super) struct InstanceChange<'a> {
    pub(super) state: Option<WorkflowState>,
    /// The end: its time and the final var pool.
    pub(super) end: Option<(Millis, Option<&'a str>)>,
}

pub(super) fn update(
    connection: &mut Connection,
    changes: &BTreeMap<i32, InstanceChange<'_>>,
    clock: WallClock,
) -> Result<(), Error> {
    let mut groups: BTreeMap<Vec<&'static str>, Vec<RowChange<'_>>> = BTreeMap::new();
    for (id, change) in changes {
        let mut set: Vec<(&'static str, Value<'_>)> = Vec::new();
        if let Some(state) = change.state {
            set.push(("state", state.code().into()));
        }
        if let Some((end_time, var_pool)) = change.end {
            set.push(("end_time", clock.local(end_time).into()));
            set.push(("var_pool", var_pool.into()));
        }
        let (columns, values) = set.into_iter().unzip();
        groups.entry(columns).or_default().push(RowChange {
            id: *id,
            workflow_instance_id: None,
            values,
        });
    }
    for (columns, changes) in groups {
        let what = "change workflow instances";
        Update {
            what,
            table: "t_ds_workflow_instance",
            key: "id",
            columns,
            changes,
        }
        .run(connection)?;
    }
    Ok(())
}

/// The next owner finds that the time-out has been told.
pub(super) fn settle_timeouts(connection: &mut Connection, ids: &[i32]) -> Result<(), Error> {
    let change = |id: &i32| RowChange {
        id: *id,
        workflow_instance_id: None,
        values: vec![TIMEOUT_SETTLED.0.into()],
    };
    Update {
        what: "settle time-outs",
        table: "t_orca_instance",
        key: "workflow_instance_id",
        columns: vec!["timeout_base"],
        changes: ids.iter().map(change).collect(),
    }
    .run(connection)
}

/// Records the step, by which a caller whose COMMIT was not answered finds out. Instances at the same number share a statement.
pub(super) fn set_steps(connection: &mut Connection, steps: &BTreeMap<i32, i64>) -> Result<(), Error> {
    let mut by_number: BTreeMap<i64, Vec<RowChange<'_>>> = BTreeMap::new();
    for (id, step) in steps {
        let change = RowChange {
            id: *id,
            workflow_instance_id: None,
            values: vec![(*step).into()],
        };
        by_number.entry(*step).or_default().push(change);
    }
    let update = |changes| Update {
        what: "record steps",
        table: "t_orca_instance",
        key: "workflow_instance_id",
        columns: vec!["step"],
        changes,
    };
    // Many different numbers are one list of cases instead of many statements.
    if by_number.len() > 4 {
        return update(by_number.into_values().flatten().collect()).run(connection);
    }
    by_number
        .into_values()
        .try_for_each(|changes| update(changes).run(connection))
}
