//! Output parameters on their way along the edges (`VarPoolUtils`). A pool is a JSON list of properties; an empty one is NULL.

use super::{Draft, NodeId};
use crate::codes::Direct;
use crate::model::Property;
use crate::time::Millis;
use std::collections::BTreeMap;

/// Reads a pool; a null entry or one without a name counts for nothing.
pub(super) fn parse(text: &str) -> Result<Vec<Property>, serde_json::Error> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let entries: Option<Vec<Option<Property>>> = serde_json::from_str(text)?;
    let named = |entry: &Property| entry.prop.as_deref().is_some_and(|name| !name.is_empty());
    Ok(entries
        .unwrap_or_default()
        .into_iter()
        .flatten()
        .filter(named)
        .collect())
}

pub(super) fn to_text(pool: &[Property]) -> Option<String> {
    if pool.is_empty() {
        return None;
    }
    Some(serde_json::to_string(pool).expect("a list of plain strings is always JSON"))
}

/// Later pools win by name. A single list passes unchanged; of several only outputs survive.
pub(super) fn merge(pools: Vec<Vec<Property>>) -> Vec<Property> {
    let mut filled: Vec<Vec<Property>> = pools.into_iter().filter(|pool| !pool.is_empty()).collect();
    match filled.len() {
        0 => Vec::new(),
        1 => filled.remove(0),
        _ => outputs(filled.into_iter().flatten()),
    }
}

/// The outputs among the properties, each name once with its last value, in the order of the names.
pub(super) fn outputs(properties: impl IntoIterator<Item = Property>) -> Vec<Property> {
    let out = properties
        .into_iter()
        .filter(|property| property.direct == Some(Direct::Out));
    let by_name: BTreeMap<Option<String>, Property> =
        out.map(|property| (property.prop.clone(), property)).collect();
    by_name.into_values().collect()
}

impl Draft<'_> {
    /// What goes into an attempt: for a start node of the run the workflow's pool; else the pools of the predecessors that
    /// have a row, by end time (those without one last, equals by node), the later over the earlier.
    pub(super) fn incoming_var_pool(&mut self, node: NodeId) -> Option<String> {
        let graph = &self.base.graph;
        let texts: Vec<String> = if graph.predecessors(node).is_empty() {
            self.instance().var_pool.clone().into_iter().collect()
        } else {
            let mut rows: Vec<_> = graph
                .predecessors(node)
                .iter()
                .filter_map(|&before| self.node(before).task().map(|row| (before, row)))
                .collect();
            rows.sort_by_key(|(before, row)| (row.end_time.unwrap_or(Millis(i64::MAX)), *before));
            rows.into_iter()
                .filter_map(|(_, row)| row.var_pool.clone())
                .collect()
        };
        let pools = texts.iter().map(|text| self.read_pool(node, text)).collect();
        to_text(&merge(pools))
    }

    /// What the row keeps after a success: what came in (the row has it since the dispatch), overlaid by what the task put
    /// out.
    pub(super) fn outgoing_var_pool(&mut self, node: NodeId, put_out: Vec<Property>) -> Option<String> {
        let incoming = self.row(node).var_pool.clone().unwrap_or_default();
        let before = self.read_pool(node, &incoming);
        to_text(&outputs(before.into_iter().chain(put_out)))
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
        let merged = to_text(&merge(vec![before, added]));
        if merged != self.instance().var_pool {
            self.instance_mut().var_pool = merged;
        }
    }

    /// A pool that cannot be read counts as empty, and the operator is told.
    fn read_pool(&mut self, node: NodeId, text: &str) -> Vec<Property> {
        parse(text).unwrap_or_else(|error| {
            self.note(
                node,
                format!("its var pool is not a list of properties and counts as empty: {error}"),
            );
            Vec::new()
        })
    }
}
