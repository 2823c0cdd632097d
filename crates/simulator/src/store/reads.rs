//! Reads of committed rows, one per query of `orca_schema` that a decision rests on.

use super::{Children, Tables, children, queues};
use orca_engine::command;
use orca_engine::coordinator::SlotRow;
use orca_engine::fence::Fence;
use orca_engine::logic::dependent::{Answers, Candidate, Candidates, Question};
use orca_engine::model::{Command, TaskInstance, WorkflowInstance};
use orca_schema::{AttemptView, DeadMaster, StepState};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug)]
pub enum Read {
    /// A batch of commands of a slot, with what their plans need.
    Commands {
        slot: i32,
        total: i32,
        len: usize,
    },
    Step {
        fence: Fence,
        inserted: Vec<String>,
    },
    Attempt(i32),
    Owner(i32),
    Hosts,
    LatestEpoch(String),
    Places(Vec<i32>),
    SerialQueues,
    /// The child that a link names.
    FindChild(Option<String>),
    /// What DEPENDENT tasks ask.
    Answer(BTreeSet<Question>),
    Children {
        tasks: Vec<i32>,
        ids: Vec<i32>,
    },
    OfDead {
        dead: DeadMaster,
        len: usize,
    },
}

#[derive(Clone, Debug, Default)]
pub struct Batch {
    pub commands: Vec<Command>,
    pub instances: BTreeMap<i32, WorkflowInstance>,
    pub tasks: BTreeMap<i32, Vec<TaskInstance>>,
}

#[derive(Clone, Debug)]
pub enum Rows {
    Commands(Batch),
    Step(Option<StepState>),
    Attempt(Option<AttemptView>),
    /// Owner and epoch.
    Owner(Option<(String, i64)>),
    Hosts(Vec<String>),
    LatestEpoch(i64),
    Ids(Vec<i32>),
    Places(BTreeMap<i32, SlotRow>),
    SerialQueues(Vec<(i64, i64, i64)>),
    Found(Option<i32>),
    Children(Children),
    Answers(Answers),
}

impl Read {
    #[must_use]
    pub fn run(self, tables: &Tables) -> Rows {
        match self {
            Self::Commands { slot, total, len } => Rows::Commands(commands(tables, slot, total, len)),
            Self::Step { fence, inserted } => Rows::Step(step(tables, &fence, &inserted)),
            Self::Attempt(id) => Rows::Attempt(attempt(tables, id)),
            Self::Owner(id) => Rows::Owner(tables.owned.get(&id).map(|row| (row.owner.clone(), row.epoch))),
            Self::Hosts => Rows::Hosts(hosts(tables)),
            Self::LatestEpoch(address) => {
                Rows::LatestEpoch(tables.masters.get(&address).map_or(0, |(epoch, _)| *epoch))
            }
            Self::Places(ids) => Rows::Places(queues::slot_places(tables, &ids)),
            Self::SerialQueues => Rows::SerialQueues(queues::serial_queues(tables)),
            Self::FindChild(link) => Rows::Found(children::found(tables, link.as_deref())),
            Self::Answer(questions) => Rows::Answers(answer(tables, &questions)),
            Self::Children { tasks, ids } => Rows::Children(children::look(tables, &tasks, &ids)),
            Self::OfDead { dead, len } => Rows::Ids(of_dead(tables, &dead, len)),
        }
    }
}

fn commands(tables: &Tables, slot: i32, total: i32, len: usize) -> Batch {
    let mut commands: Vec<Command> = tables
        .commands
        .values()
        .filter(|command| command.id % total.max(1) == slot)
        .cloned()
        .collect();
    commands.sort_by_key(|command| (command.workflow_instance_priority, command.id));
    commands.truncate(len);
    let mut batch = Batch::default();
    for command in &commands {
        let id = command.workflow_instance_id;
        if let Some(row) = tables.instances.get(&id) {
            batch.instances.insert(id, row.clone());
        }
        if command::starts_from_rows(command.command_type) {
            batch.tasks.insert(id, tables.valid_tasks(id).cloned().collect());
        }
    }
    batch.commands = commands;
    batch
}

fn step(tables: &Tables, fence: &Fence, inserted: &[String]) -> Option<StepState> {
    let row = tables.owned.get(&fence.workflow_instance_id)?;
    if row.epoch != fence.epoch || row.owner != *fence.host {
        return None;
    }
    let newest: BTreeMap<&str, i32> = tables
        .valid_tasks(fence.workflow_instance_id)
        .map(|task| (task.name.as_str(), task.id))
        .collect();
    Some(StepState {
        step: row.step,
        task_ids: inserted
            .iter()
            .filter_map(|name| newest.get(name.as_str()).copied())
            .collect(),
    })
}

fn attempt(tables: &Tables, id: i32) -> Option<AttemptView> {
    let task = tables.tasks.get(&id)?;
    let workflow = tables.instances.get(&task.workflow_instance_id)?;
    Some(AttemptView {
        task_state: task.state,
        task_is_valid: task.flag == orca_engine::codes::Flag::Yes,
        workflow_state: workflow.state,
        workflow_host: workflow.host.clone(),
    })
}

fn hosts(tables: &Tables) -> Vec<String> {
    let mut hosts: Vec<String> = tables
        .instances
        .values()
        .filter(|row| row.state.needs_failover())
        .filter_map(|row| row.host.clone())
        .collect();
    hosts.sort();
    hosts.dedup();
    hosts
}

fn of_dead(tables: &Tables, dead: &DeadMaster, len: usize) -> Vec<i32> {
    let mut rows: Vec<&WorkflowInstance> = tables
        .instances
        .values()
        .filter(|row| tables.belongs_to_dead(row.id, dead))
        .collect();
    rows.sort_by_key(|row| (row.priority.code(), row.id));
    rows.into_iter().map(|row| row.id).take(len).collect()
}

/// `Store::answer`, as far as runs of the simulator ask: how the last run of a workflow, none of which is scheduled, stands.
fn answer(tables: &Tables, questions: &BTreeSet<Question>) -> Answers {
    let mut answers = Answers::default();
    for question in questions {
        let Question::Candidate(asked) = question else {
            continue;
        };
        let inside = |row: &&WorkflowInstance| {
            row.workflow_definition_code == asked.definition_code
                && row
                    .start_time
                    .is_some_and(|start| start >= asked.interval.start && start <= asked.interval.end)
        };
        let candidate = |row: &WorkflowInstance| Candidate {
            id: row.id,
            state: row.state,
        };
        let of_run = || tables.instances.values().filter(inside);
        let running = of_run()
            .filter(|row| !row.state.is_final())
            .max_by_key(|row| row.id);
        let manual = of_run()
            .filter(|row| row.state.is_final())
            .max_by_key(|row| row.end_time);
        let candidates = Candidates {
            running: running.map(candidate),
            scheduled: None,
            manual: manual.map(candidate),
        };
        answers.candidates.insert(*asked, candidates);
    }
    answers
}
