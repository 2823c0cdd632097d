//! The part of a graph that one run covers, with its nodes numbered for the run.

use super::{GraphError, StaticGraph};
use crate::codes::TaskDependType;
use crate::workflow::NodeId;
use std::collections::BTreeMap;

/// The nodes of one run. Edges to tasks outside it do not exist here, so a start node is a node whose predecessors, if it
/// has any in the definition, all lie outside the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutionGraph {
    /// Index of each node's task in `DefinitionSnapshot::tasks`, by node; nodes are in topological order.
    tasks: Vec<usize>,
    node_by_code: BTreeMap<i64, NodeId>,
    successors: Vec<Vec<NodeId>>,
    predecessors: Vec<Vec<NodeId>>,
}

impl ExecutionGraph {
    /// Selects from `start_codes` (none: every root of the definition) in the direction of `depend_type`.
    pub fn select(
        graph: &StaticGraph,
        start_codes: &[i64],
        depend_type: TaskDependType,
    ) -> Result<Self, GraphError> {
        let starts = start_codes
            .iter()
            .map(|&code| graph.index_of(code))
            .collect::<Result<Vec<_>, _>>()?;
        let starts = if starts.is_empty() { roots(graph) } else { starts };
        let chosen = match depend_type {
            TaskDependType::TaskOnly => mark(graph.len(), starts, |_| &[]),
            TaskDependType::TaskPre => mark(graph.len(), starts, |index| graph.predecessors(index)),
            TaskDependType::TaskPost => mark(graph.len(), starts, |index| graph.successors(index)),
        };
        let tasks: Vec<usize> = graph
            .topological_order()
            .into_iter()
            .filter(|&index| chosen[index])
            .collect();
        Ok(Self::number(graph, tasks))
    }

    fn number(graph: &StaticGraph, tasks: Vec<usize>) -> Self {
        let mut nodes: Vec<Option<NodeId>> = vec![None; graph.len()];
        for (node, &index) in tasks.iter().enumerate() {
            nodes[index] = Some(node_id(node));
        }
        let inside = |edges: &[usize]| edges.iter().filter_map(|&index| nodes[index]).collect::<Vec<_>>();
        Self {
            successors: tasks
                .iter()
                .map(|&index| inside(graph.successors(index)))
                .collect(),
            predecessors: tasks
                .iter()
                .map(|&index| inside(graph.predecessors(index)))
                .collect(),
            node_by_code: graph
                .codes()
                .filter_map(|(code, index)| Some((code, nodes[index]?)))
                .collect(),
            tasks,
        }
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.tasks.len()).map(node_id)
    }

    #[must_use]
    pub fn start_nodes(&self) -> Vec<NodeId> {
        self.nodes()
            .filter(|&node| self.predecessors(node).is_empty())
            .collect()
    }

    /// Index of the node's task in `DefinitionSnapshot::tasks`.
    #[must_use]
    pub fn task_index(&self, node: NodeId) -> usize {
        self.tasks[node.index()]
    }

    #[must_use]
    pub fn node_of_code(&self, code: i64) -> Option<NodeId> {
        self.node_by_code.get(&code).copied()
    }

    #[must_use]
    pub fn successors(&self, node: NodeId) -> &[NodeId] {
        &self.successors[node.index()]
    }

    #[must_use]
    pub fn predecessors(&self, node: NodeId) -> &[NodeId] {
        &self.predecessors[node.index()]
    }
}

fn node_id(index: usize) -> NodeId {
    NodeId(u32::try_from(index).expect("a graph has at most GRAPH_SIZE_MAX nodes, which fits"))
}

fn roots(graph: &StaticGraph) -> Vec<usize> {
    (0..graph.len())
        .filter(|&index| graph.predecessors(index).is_empty())
        .collect()
}

/// Marks the starts and everything reached from them.
fn mark<'a>(len: usize, starts: Vec<usize>, next: impl Fn(usize) -> &'a [usize]) -> Vec<bool> {
    let mut marked = vec![false; len];
    let mut open = starts;
    while let Some(index) = open.pop() {
        if !std::mem::replace(&mut marked[index], true) {
            open.extend_from_slice(next(index));
        }
    }
    marked
}
