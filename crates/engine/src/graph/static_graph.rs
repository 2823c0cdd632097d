//! The whole graph of one definition version.

use super::GraphError;
use crate::limits::GRAPH_SIZE_MAX;
use crate::model::DefinitionSnapshot;
use std::collections::BTreeMap;

/// Tasks by their index in the definition, with the edges between them in the order of the relation rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaticGraph {
    index_by_code: BTreeMap<i64, usize>,
    successors: Vec<Vec<usize>>,
    predecessors: Vec<Vec<usize>>,
}

impl StaticGraph {
    /// Checks the definition and links its tasks.
    pub fn new(definition: &DefinitionSnapshot) -> Result<Self, GraphError> {
        let (tasks, edges) = (definition.tasks.len(), definition.relations.len());
        if tasks > GRAPH_SIZE_MAX || edges > GRAPH_SIZE_MAX {
            return Err(GraphError::TooLarge {
                tasks,
                edges,
                max: GRAPH_SIZE_MAX,
            });
        }
        let mut graph = Self {
            index_by_code: index_tasks(definition)?,
            successors: vec![Vec::new(); tasks],
            predecessors: vec![Vec::new(); tasks],
        };
        graph.link(definition)?;
        Ok(graph)
    }

    fn link(&mut self, definition: &DefinitionSnapshot) -> Result<(), GraphError> {
        let mut seen = std::collections::BTreeSet::new();
        for &(from, to) in &definition.relations {
            if from <= 0 && to <= 0 {
                return Err(GraphError::InvalidRelation { from, to });
            }
            if from <= 0 || to <= 0 {
                continue;
            }
            let (pre, post) = (self.index_of(from)?, self.index_of(to)?);
            if !seen.insert((pre, post)) {
                let name = |index: usize| definition.tasks[index].name.clone();
                return Err(GraphError::DuplicateRelation {
                    from: name(pre),
                    to: name(post),
                });
            }
            self.successors[pre].push(post);
            self.predecessors[post].push(pre);
        }
        Ok(())
    }

    /// Index of a task in `DefinitionSnapshot::tasks`.
    pub fn index_of(&self, code: i64) -> Result<usize, GraphError> {
        self.index_by_code
            .get(&code)
            .copied()
            .ok_or(GraphError::UnknownTask { code })
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.successors.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.successors.is_empty()
    }

    pub(super) fn codes(&self) -> impl Iterator<Item = (i64, usize)> {
        self.index_by_code.iter().map(|(&code, &index)| (code, index))
    }

    pub(super) fn successors(&self, index: usize) -> &[usize] {
        &self.successors[index]
    }

    pub(super) fn predecessors(&self, index: usize) -> &[usize] {
        &self.predecessors[index]
    }

    /// Every task that lies neither on a cycle nor behind one, each after all its predecessors. The others are dropped
    /// without an error, as the reference does.
    pub(super) fn topological_order(&self) -> Vec<usize> {
        let mut open: Vec<usize> = self.predecessors.iter().map(Vec::len).collect();
        let mut order: Vec<usize> = (0..self.len()).filter(|&index| open[index] == 0).collect();
        let mut next = 0;
        while let Some(&index) = order.get(next) {
            next += 1;
            for &successor in &self.successors[index] {
                open[successor] -= 1;
                if open[successor] == 0 {
                    order.push(successor);
                }
            }
        }
        order
    }
}

fn index_tasks(definition: &DefinitionSnapshot) -> Result<BTreeMap<i64, usize>, GraphError> {
    let mut names = std::collections::BTreeSet::new();
    let mut by_code = BTreeMap::new();
    for (index, task) in definition.tasks.iter().enumerate() {
        if !names.insert(task.name.as_str()) {
            return Err(GraphError::DuplicateTaskName {
                name: task.name.clone(),
            });
        }
        if by_code.insert(task.code, index).is_some() {
            return Err(GraphError::DuplicateTaskCode { code: task.code });
        }
    }
    Ok(by_code)
}
