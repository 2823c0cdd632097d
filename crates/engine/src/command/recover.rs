//! Which rows a recovery uses again (`RecoverFailureTaskCommandHandler`): what succeeded is kept, what did not is run again,
//! and everything behind that begins anew.

use crate::codes::TaskState;
use crate::graph::ExecutionGraph;
use crate::logic::sub_workflow::owing_recovery;
use crate::model::{DefinitionSnapshot, TaskInstance};
use crate::time::Millis;
use crate::workflow::recovered_row;
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(super) struct Recovery {
    pub(super) supersede: Vec<i32>,
    pub(super) clone: Vec<(i32, TaskInstance)>,
    pub(super) reset: Vec<i32>,
    pub(super) relink: Vec<(i32, String)>,
    pub(super) attach: Vec<TaskInstance>,
}

/// Walks the nodes in topological order. Rows outside the run are left alone.
pub(super) fn recover(
    graph: &ExecutionGraph,
    definition: &DefinitionSnapshot,
    mut rows: BTreeMap<String, TaskInstance>,
    now: Millis,
) -> Recovery {
    let mut recovery = Recovery::default();
    let mut runs_again = vec![false; graph.len()];
    for node in graph.nodes() {
        let row = rows.remove(&definition.tasks[graph.task_index(node)].name);
        let behind = graph
            .predecessors(node)
            .iter()
            .any(|before| runs_again[before.index()]);
        runs_again[node.index()] = behind || row.as_ref().is_some_and(|row| is_to_run_again(row.state));
        let Some(row) = row else { continue };
        if behind {
            recovery.supersede.push(row.id);
        } else {
            recovery.take(row, now);
        }
    }
    recovery
}

impl Recovery {
    fn take(&mut self, row: TaskInstance, now: Millis) {
        match row.state {
            TaskState::Failure | TaskState::Kill => {
                self.clone
                    .push((row.id, owing_recovery(recovered_row(&row, now))));
            }
            TaskState::Pause => {
                self.reset.push(row.id);
                let kept = row.app_link.clone();
                let row = owing_recovery(TaskInstance {
                    state: TaskState::SubmittedSuccess,
                    ..row
                });
                if let Some(link) = row.app_link.clone().filter(|_| row.app_link != kept) {
                    self.relink.push((row.id, link));
                }
                self.attach.push(row);
            }
            TaskState::SubmittedSuccess
            | TaskState::RunningExecution
            | TaskState::Success
            | TaskState::NeedFaultTolerance
            | TaskState::DelayExecution
            | TaskState::ForcedSuccess
            | TaskState::Dispatch => self.attach.push(row),
        }
    }
}

const fn is_to_run_again(state: TaskState) -> bool {
    matches!(state, TaskState::Failure | TaskState::Kill | TaskState::Pause)
}
