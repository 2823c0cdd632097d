//! Var pools: how the outputs of tasks reach the tasks after them (`VarPoolUtils`).

use super::ParamError;
use super::property::{parse_properties, write_properties};
use crate::codes::Direct;
use crate::model::Property;
use crate::time::Millis;
use std::collections::BTreeMap;

/// A predecessor inside the executed sub-graph that has a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Predecessor<'a> {
    pub task_instance_id: i32,
    pub end_time: Option<Millis>,
    pub var_pool: Option<&'a str>,
}

/// What a task that is no start node gets from its predecessors: of equal names the one of the latest end wins, whether
/// its value is empty or not; rows without an end count as the latest, equal ends go by row id. (A start node gets the
/// instance's var pool instead.)
pub fn incoming_var_pool(predecessors: &[Predecessor<'_>]) -> Result<Vec<Property>, ParamError> {
    let mut ordered: Vec<&Predecessor<'_>> = predecessors
        .iter()
        .filter(|predecessor| predecessor.var_pool.is_some_and(|text| !text.trim().is_empty()))
        .collect();
    ordered.sort_by_key(|predecessor| {
        (
            predecessor.end_time.is_none(),
            predecessor.end_time,
            predecessor.task_instance_id,
        )
    });
    let pools = ordered
        .into_iter()
        .map(|predecessor| parse_properties(predecessor.var_pool, "the var pool of a predecessor"))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(merge_var_pool(pools))
}

/// One pool passes as it is. Of several only OUT entries survive, and of equal names the last. The order is that of the
/// first appearance.
#[must_use]
pub fn merge_var_pool(pools: impl IntoIterator<Item = Vec<Property>>) -> Vec<Property> {
    let mut pools: Vec<Vec<Property>> = pools.into_iter().collect();
    if pools.len() <= 1 {
        return pools.pop().unwrap_or_default();
    }
    let mut merged: Vec<Property> = Vec::new();
    let mut places: BTreeMap<Option<String>, usize> = BTreeMap::new();
    for property in pools
        .into_iter()
        .flatten()
        .filter(|property| property.direct == Some(Direct::Out))
    {
        match places.get(&property.prop) {
            Some(place) => merged[*place] = property,
            None => {
                places.insert(property.prop.clone(), merged.len());
                merged.push(property);
            }
        }
    }
    merged
}

/// The column's text; nothing for an empty pool.
#[must_use]
pub fn write_var_pool(properties: &[Property]) -> Option<String> {
    (!properties.is_empty()).then(|| write_properties(properties))
}
