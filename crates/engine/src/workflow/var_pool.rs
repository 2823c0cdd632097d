//! Output parameters on their way along the edges (`VarPoolUtils`). A pool is a JSON list of properties; an empty one is NULL.

use super::{Draft, NodeId};
use crate::codes::Direct;
use crate::model::Property;
use crate::params::{merge_var_pool, parse_properties, write_var_pool};
use crate::time::Millis;

impl Draft<'_> {
    /// What goes into an attempt: for a start node of the run the workflow's pool; else the pools of the predecessors that
    /// have a row, by end time (those without one last, equals by row id), the later over the earlier.
    pub(super) fn incoming_var_pool(&mut self, node: NodeId) -> Option<String> {
        let graph = &self.base.graph;
        let texts: Vec<String> = if graph.predecessors(node).is_empty() {
            self.instance().var_pool.clone().into_iter().collect()
        } else {
            let before = graph.predecessors(node).iter();
            let mut rows: Vec<_> = before.filter_map(|&before| self.node(before).task()).collect();
            rows.sort_by_key(|row| (row.end_time.unwrap_or(Millis(i64::MAX)), row.id));
            rows.into_iter().filter_map(|row| row.var_pool.clone()).collect()
        };
        let pools = texts.iter().map(|text| self.read_pool(node, text));
        let pools: Vec<_> = pools.collect();
        write_var_pool(&merge_var_pool(filled(pools)))
    }

    /// What the row keeps after a success: what came in (the row has it since the dispatch), overlaid by what the task put
    /// out.
    pub(super) fn outgoing_var_pool(&mut self, node: NodeId, put_out: Vec<Property>) -> Option<String> {
        let incoming = self.row(node).var_pool.clone().unwrap_or_default();
        let before = self.read_pool(node, &incoming);
        let outputs = |pool: Vec<Property>| {
            pool.into_iter()
                .filter(|one| one.direct == Some(Direct::Out))
                .collect()
        };
        write_var_pool(&merge_var_pool([outputs(before), outputs(put_out)]))
    }

    /// Adds a finished task's outputs to the workflow's; the instance row gets them at its end.
    pub(super) fn merge_into_workflow(&mut self, node: NodeId) {
        let Some(text) = self.row(node).var_pool.clone() else {
            return;
        };
        let added = self.read_pool(node, &text);
        if added.is_empty() {
            return;
        }
        let before = self.instance().var_pool.clone().unwrap_or_default();
        let before = self.read_pool(node, &before);
        let merged = write_var_pool(&merge_var_pool(filled(vec![before, added])));
        if merged != self.instance().var_pool {
            self.instance_mut().var_pool = merged;
        }
    }

    /// A pool that cannot be read counts as empty, and the operator is told.
    fn read_pool(&mut self, node: NodeId, text: &str) -> Vec<Property> {
        parse_properties(Some(text), "the var pool").unwrap_or_else(|error| {
            self.note(node, format!("{error}; it counts as empty"));
            Vec::new()
        })
    }
}

/// An empty pool is no pool: one that is left passes unchanged.
fn filled(pools: Vec<Vec<Property>>) -> Vec<Vec<Property>> {
    pools.into_iter().filter(|pool| !pool.is_empty()).collect()
}
