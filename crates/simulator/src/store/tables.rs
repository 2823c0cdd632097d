//! The committed rows.

use super::{Changes, Place, Started, Turn};
use orca_engine::codes::{CommandType, ExecutionType, Flag, TaskDependType, WorkflowState};
use orca_engine::coordinator::SerialState;
use orca_engine::model::{Alert, Command, TaskInstance, WorkflowInstance};
use orca_schema::{DeadMaster, MasterState};
use std::collections::BTreeMap;

/// A row of `t_orca_instance`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedRow {
    pub owner: String,
    pub owner_epoch: i64,
    pub epoch: i64,
    pub step: i64,
    pub timeout_base: i64,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tables {
    pub commands: BTreeMap<i32, Command>,
    pub instances: BTreeMap<i32, WorkflowInstance>,
    pub owned: BTreeMap<i32, OwnedRow>,
    pub tasks: BTreeMap<i32, TaskInstance>,
    /// Address to epoch and state.
    pub masters: BTreeMap<String, (i64, MasterState)>,
    /// Commands that can never run, with the reason.
    pub error_commands: Vec<String>,
    /// Sizes of the task groups, and the places in their queues.
    pub groups: BTreeMap<i32, i32>,
    pub places: BTreeMap<i32, Place>,
    /// How the runs of a definition take turns, and the places in the queues.
    pub strategies: BTreeMap<i64, ExecutionType>,
    pub turns: BTreeMap<i32, Turn>,
    pub alerts: Vec<Alert>,
    /// The child of each attempt of a SUB_WORKFLOW task.
    pub relations: BTreeMap<i32, i32>,
    pub started: Vec<Started>,
    next_command: i32,
    next_task: i32,
    next_place: i32,
    next_turn: i32,
    next_child: i32,
}

impl Tables {
    /// The next id of each table, as the database counts: an id is used up even when its transaction is rolled back.
    pub(super) fn new_task_id(&mut self) -> i32 {
        self.next_task += 1;
        self.next_task
    }

    /// Apart from the instances of the run.
    pub(super) fn new_instance_id(&mut self) -> i32 {
        const FIRST: i32 = 1_000;
        self.next_child += 1;
        FIRST + self.next_child
    }

    pub(super) fn new_place_id(&mut self) -> i32 {
        self.next_place += 1;
        self.next_place
    }

    pub(super) fn new_command_id(&mut self) -> i32 {
        self.next_command += 1;
        self.next_command
    }

    /// What the trigger request of an API server writes.
    pub fn submit(&mut self, instance: WorkflowInstance) {
        let id = self.new_command_id();
        let command = Command {
            id,
            command_type: CommandType::StartProcess.code(),
            workflow_definition_code: instance.workflow_definition_code,
            workflow_definition_version: instance.workflow_definition_version,
            workflow_instance_id: instance.id,
            command_param: instance.command_param.clone(),
            task_depend_type: Some(TaskDependType::TaskPost),
            executor_id: Some(1),
            workflow_instance_priority: Some(instance.priority.code()),
        };
        if instance.state == WorkflowState::SerialWait {
            self.next_turn += 1;
            let turn = Turn {
                workflow_instance_id: instance.id,
                code: instance.workflow_definition_code,
                state: SerialState::Waiting,
                command,
            };
            self.turns.insert(self.next_turn, turn);
        } else {
            self.commands.insert(id, command);
        }
        self.instances.insert(instance.id, instance);
    }

    pub(super) fn apply(&mut self, changes: &Changes) {
        for (id, command) in &changes.commands {
            match command {
                Some(command) => self.commands.insert(*id, command.clone()),
                None => self.commands.remove(id),
            };
        }
        self.instances
            .extend(changes.instances.iter().map(|(id, row)| (*id, row.clone())));
        self.owned
            .extend(changes.owned.iter().map(|(id, row)| (*id, row.clone())));
        self.tasks
            .extend(changes.tasks.iter().map(|(id, row)| (*id, row.clone())));
        self.masters.extend(
            changes
                .masters
                .iter()
                .map(|(address, row)| (address.clone(), *row)),
        );
        self.error_commands.extend(changes.error_commands.iter().cloned());
        self.alerts.extend(changes.alerts.iter().cloned());
        self.relations.extend(&changes.relations);
        self.started.extend(&changes.started);
        put(&mut self.places, &changes.places);
        put(&mut self.turns, &changes.turns);
    }

    /// The rule of `OF_THE_DEAD` in `orca_schema`.
    #[must_use]
    pub fn belongs_to_dead(&self, id: i32, dead: &DeadMaster) -> bool {
        let Some(instance) = self.instances.get(&id) else {
            return false;
        };
        let is_left_behind = matches!(
            instance.state,
            WorkflowState::RunningExecution | WorkflowState::ReadyPause | WorkflowState::ReadyStop
        );
        let host = instance.host.as_deref();
        host == Some(dead.address.as_str())
            && is_left_behind
            && self
                .owned
                .get(&id)
                .is_none_or(|row| Some(row.owner.as_str()) != host || row.owner_epoch <= dead.epoch)
    }

    pub fn valid_tasks(&self, workflow_instance_id: i32) -> impl Iterator<Item = &TaskInstance> {
        self.tasks
            .values()
            .filter(move |row| row.workflow_instance_id == workflow_instance_id && row.flag == Flag::Yes)
    }
}

fn put<T: Clone>(rows: &mut BTreeMap<i32, T>, changes: &BTreeMap<i32, Option<T>>) {
    for (id, row) in changes {
        match row {
            Some(row) => rows.insert(*id, row.clone()),
            None => rows.remove(id),
        };
    }
}
