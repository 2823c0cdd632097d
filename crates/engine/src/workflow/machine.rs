//! The machine's state, how it comes to be, and what the shell may read of it.

use super::node::Phase;
use super::{Counts, Node, NodeId, Rules, Stage};
use crate::codes::{TaskState, WorkflowState};
use crate::command_param::{CommandParam, ParamError};
use crate::dispatch_queue::Urgency;
use crate::graph::{ExecutionGraph, GraphError, StaticGraph};
use crate::logic::LogicType;
use crate::model::{DefinitionSnapshot, TaskDefinition, TaskInstance, WorkflowInstance};
use crate::time::Millis;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// One running workflow instance. Changed by `apply` alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkflowMachine {
    pub(super) definition: Arc<DefinitionSnapshot>,
    pub(super) rules: Arc<Rules>,
    pub(super) graph: ExecutionGraph,
    /// The row as committed, with the var pool as merged so far (the row gets that at the end).
    pub(super) instance: WorkflowInstance,
    pub(super) param: CommandParam,
    pub(super) nodes: Vec<Node>,
    /// States of valid rows whose tasks are not in the covered part of the graph, by code: a condition may ask for them.
    pub(super) outside: BTreeMap<i64, TaskState>,
    /// Every attempt this machine has known, current or replaced.
    pub(super) node_of_attempt: BTreeMap<i32, NodeId>,
    pub(super) active: BTreeSet<NodeId>,
    pub(super) live: BTreeSet<NodeId>,
    pub(super) counts: Counts,
    pub(super) timeout_base: Millis,
    pub(super) started: bool,
    pub(super) retired: bool,
}

/// Why an instance cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MachineError {
    #[error(transparent)]
    Graph(#[from] GraphError),
    #[error(transparent)]
    CommandParam(#[from] ParamError),
    #[error("Duplicate key {name}: the workflow instance has more than one valid task instance of that name")]
    DuplicateTaskInstance { name: String },
    #[error("the workflow instance is {state}, which no master runs")]
    NotRunning { state: WorkflowState },
}

impl WorkflowMachine {
    /// Builds the machine of a claimed instance. `tasks` are the valid rows to start from (none for a first run); a row whose
    /// name is not in the covered part of the graph is left alone.
    pub fn new(
        definition: Arc<DefinitionSnapshot>,
        instance: WorkflowInstance,
        tasks: Vec<TaskInstance>,
        rules: Arc<Rules>,
    ) -> Result<Self, MachineError> {
        let param = CommandParam::of_instance(instance.command_param.as_deref())?;
        Self::from_start(
            definition,
            instance,
            tasks,
            rules,
            param.start_nodes.clone(),
            param,
        )
    }

    /// As [`Self::new`], for a run from the start nodes that an EXECUTE_TASK command names; the instance's own
    /// `command_param` still gives its parameters.
    pub fn new_from(
        definition: Arc<DefinitionSnapshot>,
        instance: WorkflowInstance,
        tasks: Vec<TaskInstance>,
        rules: Arc<Rules>,
        start_codes: Vec<i64>,
    ) -> Result<Self, MachineError> {
        let param = CommandParam::of_instance(instance.command_param.as_deref())?;
        Self::from_start(definition, instance, tasks, rules, start_codes, param)
    }

    fn from_start(
        definition: Arc<DefinitionSnapshot>,
        instance: WorkflowInstance,
        tasks: Vec<TaskInstance>,
        rules: Arc<Rules>,
        start_codes: Vec<i64>,
        param: CommandParam,
    ) -> Result<Self, MachineError> {
        if !instance.state.needs_failover() {
            return Err(MachineError::NotRunning {
                state: instance.state,
            });
        }
        let graph = ExecutionGraph::select(
            &StaticGraph::new(&definition)?,
            &start_codes,
            instance.task_depend_type,
        )?;
        let nodes = graph
            .nodes()
            .map(|node| Node::new(count(graph.predecessors(node).len())))
            .collect();
        let mut machine = Self {
            counts: Counts {
                nodes: count(graph.len()),
                ..Counts::default()
            },
            timeout_base: instance.restart_time.or(instance.start_time).unwrap_or_default(),
            definition,
            rules,
            graph,
            instance,
            param,
            nodes,
            outside: BTreeMap::new(),
            node_of_attempt: BTreeMap::new(),
            active: BTreeSet::new(),
            live: BTreeSet::new(),
            started: false,
            retired: false,
        };
        machine.attach(tasks)?;
        Ok(machine)
    }

    fn attach(&mut self, tasks: Vec<TaskInstance>) -> Result<(), MachineError> {
        let nodes: BTreeMap<String, NodeId> = self
            .graph
            .nodes()
            .map(|node| (self.task_definition(node).name.clone(), node))
            .collect();
        for task in tasks {
            let Some(&node) = nodes.get(&task.name) else {
                self.outside.insert(task.task_code, task.state);
                continue;
            };
            let place = &mut self.nodes[node.index()];
            if place.row.is_some() {
                return Err(MachineError::DuplicateTaskInstance { name: task.name });
            }
            self.node_of_attempt.insert(task.id, node);
            place.row = Some(Arc::new(task));
        }
        Ok(())
    }

    /// The time from which the workflow's time-out counts; a take-over does not move it. [`super::TIMEOUT_SETTLED`]: it does not count any more.
    #[must_use]
    pub fn with_timeout_base(mut self, base: Millis) -> Self {
        self.timeout_base = base;
        self
    }

    #[must_use]
    pub fn instance(&self) -> &WorkflowInstance {
        &self.instance
    }

    #[must_use]
    pub fn definition(&self) -> &Arc<DefinitionSnapshot> {
        &self.definition
    }

    #[must_use]
    pub fn rules(&self) -> &Arc<Rules> {
        &self.rules
    }

    #[must_use]
    pub fn graph(&self) -> &ExecutionGraph {
        &self.graph
    }

    /// What the instance was started with.
    #[must_use]
    pub fn command_param(&self) -> &CommandParam {
        &self.param
    }

    #[must_use]
    pub fn task_definition(&self, node: NodeId) -> &TaskDefinition {
        &self.definition.tasks[self.graph.task_index(node)]
    }

    /// `None`: a task for workers.
    #[must_use]
    pub fn logic_type(&self, node: NodeId) -> Option<LogicType> {
        LogicType::of(&self.task_definition(node).task_type)
    }

    #[must_use]
    pub fn node(&self, node: NodeId) -> &Node {
        &self.nodes[node.index()]
    }

    /// The row of the node's current attempt.
    #[must_use]
    pub fn task(&self, node: NodeId) -> Option<&TaskInstance> {
        self.node(node).task()
    }

    /// The state of the valid row of a task, in the covered part of the graph or not.
    #[must_use]
    pub fn state_of_code(&self, code: i64) -> Option<TaskState> {
        let inside = self.graph.node_of_code(code).and_then(|node| self.task(node));
        inside
            .map(|task| task.state)
            .or_else(|| self.outside.get(&code).copied())
    }

    #[must_use]
    pub fn task_instance_id(&self, node: NodeId) -> Option<i32> {
        self.task(node).map(|task| task.id)
    }

    /// The node of an attempt, current or replaced.
    #[must_use]
    pub fn node_of(&self, task_instance_id: i32) -> Option<NodeId> {
        self.node_of_attempt.get(&task_instance_id).copied()
    }

    /// Whether reports about this attempt belong here, be it current or replaced.
    #[must_use]
    pub fn knows(&self, task_instance_id: i32) -> bool {
        self.node_of_attempt.contains_key(&task_instance_id)
    }

    #[must_use]
    pub fn is_current(&self, task_instance_id: i32) -> bool {
        self.node_of(task_instance_id)
            .is_some_and(|node| self.task_instance_id(node) == Some(task_instance_id))
    }

    /// How urgent the node's current attempt is among those that wait for a worker.
    #[must_use]
    pub fn urgency(&self, node: NodeId) -> Option<Urgency> {
        let row = self.task(node)?;
        Some(Urgency {
            workflow_priority: self.instance.priority,
            task_priority: row.priority,
            task_group_priority: self.task_definition(node).task_group_priority,
            first_submit_time: row.first_submit_time.unwrap_or_default(),
        })
    }

    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    #[must_use]
    pub const fn is_started(&self) -> bool {
        self.started
    }

    /// The instance is final and committed.
    #[must_use]
    pub const fn is_retired(&self) -> bool {
        self.retired
    }

    /// Its worker runs it without being registered, and is asked again and again.
    #[must_use]
    pub fn is_watched(&self, task_instance_id: i32) -> bool {
        self.node_of(task_instance_id)
            .is_some_and(|node| self.node(node).attempt.watched)
    }

    /// Its worker is known to be gone, and nobody has confirmed or replaced it yet.
    #[must_use]
    pub fn is_without_worker(&self, task_instance_id: i32) -> bool {
        self.node_of(task_instance_id)
            .is_some_and(|node| self.node(node).attempt.worker_gone)
    }

    /// Attempts that a worker has or may have, with their hosts.
    pub fn at_workers(&self) -> impl Iterator<Item = (i32, &str)> {
        self.active.iter().filter_map(|&node| {
            let node = self.node(node);
            let out = matches!(
                node.stage,
                Stage::Sent | Stage::Doubtful | Stage::Held | Stage::Running | Stage::TakingOver
            );
            node.task()
                .filter(|_| out)
                .and_then(|task| Some((task.id, task.host.as_deref()?)))
        })
    }

    /// How many nodes are in this phase, counted from the nodes: for checks, not for decisions.
    pub(crate) fn recount(&self, phase: Phase) -> u32 {
        count(self.nodes.iter().filter(|node| node.phase == phase).count())
    }
}

fn count(len: usize) -> u32 {
    u32::try_from(len).expect("a graph has at most GRAPH_SIZE_MAX nodes and edges, which fits")
}
