//! Children of SUB_WORKFLOW tasks, as `orca_schema` writes and reads them.

use super::{Changes, Tables};
use orca_engine::codes::{CommandType, Flag, TaskDependType, WorkflowState};
use orca_engine::logic::sub_workflow::{ChildLink, NewChild};
use orca_engine::model::{Command, WorkflowInstance};
use std::collections::BTreeMap;

/// How the children of some tasks stand.
#[derive(Clone, Debug, Default)]
pub struct Children {
    /// The child of each attempt, by the relation rows.
    pub of: BTreeMap<i32, i32>,
    /// State and owner.
    pub states: BTreeMap<i32, (WorkflowState, Option<String>)>,
}

/// One instance that was started as a child, for the checkers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Started {
    pub parent: i32,
    pub task_code: i64,
    pub child: i32,
}

pub(super) fn start(changes: &mut Changes, tables: &mut Tables, parent: i32, task: i32, new: &NewChild) {
    let (id, command_id) = (tables.new_instance_id(), tables.new_command_id());
    let param = r#"{"commandType":"START_PROCESS"}"#.to_owned();
    let Some(row) = tables.instances.get(&parent).cloned() else {
        return;
    };
    let command = Command {
        id: command_id,
        command_type: CommandType::StartProcess.code(),
        workflow_definition_code: new.definition.code,
        workflow_definition_version: new.definition.version,
        workflow_instance_id: id,
        command_param: Some(param.clone()),
        task_depend_type: Some(TaskDependType::TaskPost),
        executor_id: Some(new.user_id),
        workflow_instance_priority: Some(new.options.priority.code()),
    };
    changes.commands.insert(command_id, Some(command));
    let child = WorkflowInstance {
        id,
        name: format!("{}-{id}", new.definition.name),
        workflow_definition_code: new.definition.code,
        workflow_definition_version: new.definition.version,
        state: WorkflowState::SubmittedSuccess,
        state_history: None,
        end_time: None,
        restart_time: None,
        run_times: 1,
        host: None,
        command_type: CommandType::StartProcess,
        command_param: Some(param),
        failure_strategy: new.options.failure_strategy,
        is_sub_workflow: Flag::Yes,
        timeout: new.definition.timeout,
        var_pool: None,
        history_cmd: Some("START_PROCESS".to_owned()),
        ..row
    };
    changes.instances.insert(id, child);
    changes.relations.insert(task, id);
    if let Some(row) = changes.task(tables, task) {
        row.app_link = Some(ChildLink::to(id).text());
        let task_code = row.task_code;
        changes.started.push(Started {
            parent,
            task_code,
            child: id,
        });
    }
}

/// The instance that an attempt's link names, when it is there.
pub(super) fn found(tables: &Tables, app_link: Option<&str>) -> Option<i32> {
    let link = ChildLink::parse(app_link)?;
    let id = link.workflow_instance_id;
    tables.instances.contains_key(&id).then_some(id)
}

pub(super) fn look(tables: &Tables, tasks: &[i32], ids: &[i32]) -> Children {
    let of: BTreeMap<i32, i32> = tasks
        .iter()
        .filter_map(|task| Some((*task, *tables.relations.get(task)?)))
        .collect();
    let states = of
        .values()
        .chain(ids)
        .filter_map(|id| {
            let row = tables.instances.get(id)?;
            Some((*id, (row.state, row.host.clone().filter(|host| !host.is_empty()))))
        })
        .collect();
    Children { of, states }
}
