//! Backfill chains: one instance per date, the next when the one before has succeeded (`WorkflowSuccessLifecycleListener`).
//!
//! The next instance is part of the step that ends the one before, so a chain neither stops nor runs a date twice when a master dies in between.

use super::{Draft, Write};
use crate::codes::{Flag, WorkflowState};
use crate::command_param::Kind;
use crate::model::BackfillRun;
use crate::time::wall_clock_text;

impl Draft<'_> {
    /// What follows in the chain that this instance belongs to. A recovered instance that succeeds goes on with it, since what says so is the parameter
    /// of its first run; a child of a SUB_WORKFLOW task has no chain of its own.
    pub(super) fn continue_backfill(&mut self) {
        let (instance, param) = (self.instance(), &self.base.param);
        let Kind::ComplementData { backfill_times } = &param.kind else {
            return;
        };
        let is_child = param.sub_workflow_instance || instance.is_sub_workflow == Flag::Yes;
        if instance.state != WorkflowState::Success || is_child {
            return;
        }
        let mut times = backfill_times.clone();
        let done = instance
            .schedule_time
            .map(|time| wall_clock_text(time, self.base.rules.zone));
        if let Some(place) = times.iter().position(|time| Some(time) == done.as_ref()) {
            times.remove(place);
        }
        if times.is_empty() {
            return;
        }
        let run = BackfillRun {
            user_id: instance.executor_id,
            workflow_definition_code: instance.workflow_definition_code,
            workflow_definition_version: instance.workflow_definition_version,
            times,
            start_nodes: param.start_nodes.clone(),
            start_params: param.command_params.clone(),
            task_depend_type: instance.task_depend_type,
            options: instance.run_options(),
        };
        self.write(Write::ContinueBackfill(Box::new(run)));
    }
}
