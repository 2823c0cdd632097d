//! The graph of tasks: what a definition says ([`StaticGraph`]), and the part of it that one run covers ([`ExecutionGraph`]).
//!
//! Guarantees: building and selecting are linear in tasks and edges; the same definition gives the same graph, node for
//! node. It refuses to know what a task is or how a run is going.

mod selection;
mod static_graph;
#[cfg(test)]
mod tests;

pub use selection::ExecutionGraph;
pub use static_graph::StaticGraph;

/// Why a definition has no graph, or a run no part of it (`WorkflowGraph`). The texts are the reference's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    #[error("Duplicate task name: {name} in the workflow")]
    DuplicateTaskName { name: String },
    #[error("Duplicate task code: {code} in the workflow")]
    DuplicateTaskCode { code: i64 },
    #[error("Cannot find task: {code}")]
    UnknownTask { code: i64 },
    #[error("The task relation from {from} to {to} is already exists")]
    DuplicateRelation { from: String, to: String },
    #[error("The task relation from {from} to {to} is invalid")]
    InvalidRelation { from: i64, to: i64 },
    #[error("the workflow has {tasks} tasks and {edges} relations; at most {max} of each are supported")]
    TooLarge { tasks: usize, edges: usize, max: usize },
}
