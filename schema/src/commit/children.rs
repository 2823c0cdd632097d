//! Children of SUB_WORKFLOW tasks: started, recovered and related to their parent in the transaction of the parent's step, behind the parent's fence.
//!
//! A child row is locked after the rows of the batch. It is final then, so nobody holds it for long; a deadlock with another batch rolls one of them back,
//! whose members are then tried one by one.

use crate::clock::WallClock;
use crate::db::Connection;
use crate::error::{AgainError, Error};
use crate::limits::IDS_PER_STATEMENT_MAX;
use crate::queries::instance_triggers::{lock_instance, run_again};
use crate::queries::trigger_rows::{Accepted, command_rows, instance_rows, serial_rows};
use crate::queries::triggers::DefinitionRow;
use crate::sql::Sql;
use crate::statements::{RowChange, Rows, Update};
use crate::types::{Again, AgainRequest, NewRun, RunKind};
use diesel::QueryableByName;
use diesel::sql_types::Integer;
use orca_engine::codes::{CommandType, ExecutionType};
use orca_engine::logic::sub_workflow::{ChildLink, NewChild, recovery};
use orca_engine::time::Millis;
use orca_engine::workflow::Write;
use std::collections::HashMap;

/// What a step does about the child of one attempt.
pub(super) struct ChildWrite<'a> {
    workflow_instance_id: i32,
    task_instance_id: i32,
    kind: Kind<'a>,
}

enum Kind<'a> {
    Start(&'a NewChild),
    Recover { child: i32, user_id: i32 },
    Link { child: i32 },
}

#[derive(QueryableByName)]
struct RelationRow {
    #[diesel(sql_type = Integer)]
    id: i32,
    #[diesel(sql_type = Integer)]
    parent_task_instance_id: i32,
}

impl<'a> ChildWrite<'a> {
    /// `None` for a write that has nothing to do with children.
    pub(super) fn of(workflow_instance_id: i32, write: &'a Write) -> Option<Self> {
        let (task, kind) = match write {
            Write::StartChild {
                task_instance_id,
                child,
            } => (task_instance_id, Kind::Start(child)),
            Write::RecoverChild {
                task_instance_id,
                child,
                user_id,
            } => (
                task_instance_id,
                Kind::Recover {
                    child: *child,
                    user_id: *user_id,
                },
            ),
            Write::LinkChild {
                task_instance_id,
                child,
            } => (task_instance_id, Kind::Link { child: *child }),
            _ => return None,
        };
        Some(Self {
            workflow_instance_id,
            task_instance_id: *task,
            kind,
        })
    }
}

pub(super) fn write(
    connection: &mut Connection,
    writes: &[ChildWrite<'_>],
    clock: WallClock,
    now: Millis,
) -> Result<(), Error> {
    if writes.is_empty() {
        return Ok(());
    }
    let mut relations = start(connection, writes, clock, now)?;
    for one in writes {
        match one.kind {
            Kind::Start(_) => {}
            Kind::Recover { child, user_id } => {
                recover(connection, clock, child, user_id)?;
                relations.push((one.workflow_instance_id, one.task_instance_id, child));
            }
            Kind::Link { child } => {
                relations.push((one.workflow_instance_id, one.task_instance_id, child));
            }
        }
    }
    relate(connection, &relations)
}

/// Starts the new children; for each `(parent, task, child)`.
fn start(
    connection: &mut Connection,
    writes: &[ChildWrite<'_>],
    clock: WallClock,
    now: Millis,
) -> Result<Vec<(i32, i32, i32)>, Error> {
    let (mut parents, mut runs) = (Vec::new(), Vec::new());
    for one in writes {
        if let Kind::Start(child) = one.kind {
            parents.push((one.workflow_instance_id, one.task_instance_id));
            runs.push((run(child), definition(child), child));
        }
    }
    if runs.is_empty() {
        return Ok(Vec::new());
    }
    let accepted: Vec<Accepted<'_>> = runs
        .iter()
        .map(|(run, definition, child)| Accepted {
            run,
            definition,
            user_name: &child.user_name,
            schedule_time: run.schedule_time,
            execution_type: child.definition.execution_type,
        })
        .collect();
    let ids = instance_rows(&accepted, clock, now).insert_for_ids(connection)?;
    let with_ids = || accepted.iter().zip(ids.iter().copied());
    let parallel = |(one, _): &(&Accepted<'_>, i32)| one.execution_type == ExecutionType::Parallel;
    command_rows(with_ids().filter(parallel), clock, now).insert(connection)?;
    serial_rows(with_ids().filter(|one| !parallel(one)), clock, now).insert(connection)?;
    let links = parents.iter().zip(&ids).map(|((parent, task), child)| RowChange {
        id: *task,
        workflow_instance_id: Some(*parent),
        values: vec![ChildLink::to(*child).text().into()],
    });
    Update {
        what: "name the new children in their tasks",
        table: "t_ds_task_instance",
        key: "id",
        columns: vec!["app_link"],
        changes: links.collect(),
    }
    .run(connection)?;
    let related = parents.into_iter().zip(ids);
    Ok(related
        .map(|((parent, task), child)| (parent, task, child))
        .collect())
}

fn run(child: &NewChild) -> NewRun {
    NewRun {
        kind: RunKind::SubWorkflow,
        start_params: Some(child.start_params.clone()),
        time_zone: child.time_zone.clone(),
        schedule_time: child.schedule_time,
        options: child.options.clone(),
        ..NewRun::manual(child.user_id, child.definition.code, child.definition.version)
    }
}

fn definition(child: &NewChild) -> DefinitionRow {
    let definition = &child.definition;
    DefinitionRow {
        code: definition.code,
        version: definition.version,
        name: Some(definition.name.clone()),
        project_code: definition.project_code,
        timeout: Some(definition.timeout),
        execution_type: Some(definition.execution_type.code()),
    }
}

/// A child that somebody else has let run again meanwhile is just followed.
fn recover(connection: &mut Connection, clock: WallClock, child: i32, user_id: i32) -> Result<(), Error> {
    let Some(instance) = lock_instance(connection, clock, child)? else {
        return Ok(());
    };
    let kind = match recovery(instance.state) {
        Some(CommandType::StartFailureTaskProcess) => Again::RecoverFailure,
        Some(_) => Again::RecoverSuspended,
        None => return Ok(()),
    };
    let request = AgainRequest {
        workflow_instance_id: child,
        user_id,
        kind,
    };
    match run_again(connection, clock, &request)? {
        Ok(()) | Err(AgainError::Waiting { .. }) => {}
        Err(refusal) => {
            log::warn!(workflow_instance_id = child; "the child is not recovered with its parent: {refusal}");
        }
    }
    Ok(())
}

/// One row for each attempt; the table has no key that would keep a second one away.
fn relate(connection: &mut Connection, relations: &[(i32, i32, i32)]) -> Result<(), Error> {
    let existing = existing(connection, relations)?;
    let mut changes = Vec::new();
    let mut rows = Rows::new(
        "relate children to their parents",
        "t_ds_relation_workflow_instance",
        &[
            "parent_workflow_instance_id",
            "parent_task_instance_id",
            "workflow_instance_id",
        ],
    );
    for (parent, task, child) in relations {
        match existing.get(task) {
            Some(id) => changes.push(RowChange {
                id: *id,
                workflow_instance_id: None,
                values: vec![(*child).into()],
            }),
            None => rows
                .rows
                .push(vec![(*parent).into(), (*task).into(), (*child).into()]),
        }
    }
    rows.insert(connection)?;
    Update {
        what: "relate children to their parents",
        table: "t_ds_relation_workflow_instance",
        key: "id",
        columns: vec!["workflow_instance_id"],
        changes,
    }
    .run(connection)
}

/// The relation rows that are there, by attempt.
fn existing(connection: &mut Connection, relations: &[(i32, i32, i32)]) -> Result<HashMap<i32, i32>, Error> {
    let mut found = HashMap::new();
    for part in relations.chunks(IDS_PER_STATEMENT_MAX) {
        let sql = Sql::batch(
            "read the relations of children",
            "SELECT id, parent_task_instance_id FROM t_ds_relation_workflow_instance WHERE parent_workflow_instance_id IN ",
        )
        .list(part.iter().map(|(parent, ..)| *parent))
        .then(" AND parent_task_instance_id IN ")
        .list(part.iter().map(|(_, task, _)| *task));
        for row in connection.rows::<RelationRow>(sql)? {
            found.insert(row.parent_task_instance_id, row.id);
        }
    }
    Ok(found)
}
