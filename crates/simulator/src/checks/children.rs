//! SUB_WORKFLOW: a task starts one child, however often its attempt is taken up.

use super::{Ledger, Promise};
use crate::store::{Started, Tables};
use std::collections::BTreeMap;

impl Ledger {
    /// After every commit.
    pub fn look_at_children(&mut self, tables: &Tables, now_ms: u64) {
        if tables.started.len() == self.children {
            return;
        }
        self.children = tables.started.len();
        let mut of: BTreeMap<(i32, i64), Vec<i32>> = BTreeMap::new();
        for Started {
            parent,
            task_code,
            child,
        } in &tables.started
        {
            of.entry((*parent, *task_code)).or_default().push(*child);
        }
        for ((parent, code), children) in of {
            if children.len() > 1 {
                let text = format!("task {code} of workflow {parent} has started {children:?}");
                self.violation(Promise::OneChild, now_ms, text);
            }
        }
    }
}
