//! The next instance of a backfill chain, within the transaction that ends the one before: a chain neither stops nor runs a date twice, whoever dies.

use crate::db::Connection;
use crate::error::Error;
use crate::store::Store;
use crate::types::{NewRun, RunKind};
use orca_engine::model::BackfillRun;

impl Store {
    /// Starts what follows. A run that cannot be started (its definition or user is gone) ends its chain, and not the step that wanted it.
    pub(crate) fn continue_backfills(
        &self,
        connection: &mut Connection,
        runs: &[&BackfillRun],
    ) -> Result<(), Error> {
        if runs.is_empty() {
            return Ok(());
        }
        let new_runs: Vec<NewRun> = runs.iter().map(|run| new_run(run)).collect();
        for (run, answer) in runs.iter().zip(self.trigger_within(connection, &new_runs)?) {
            match answer {
                Ok(id) => {
                    log::debug!(workflow_instance_id = id; "the backfill goes on with {}", run.times[0])
                }
                Err(error) => log::error!(
                    "the backfill of workflow {} ends with {} dates left: {error}",
                    run.workflow_definition_code,
                    run.times.len()
                ),
            }
        }
        Ok(())
    }
}

fn new_run(run: &BackfillRun) -> NewRun {
    NewRun {
        kind: RunKind::Backfill {
            times: run.times.clone(),
        },
        user_id: run.user_id,
        workflow_definition_code: run.workflow_definition_code,
        workflow_definition_version: run.workflow_definition_version,
        start_nodes: Some(run.start_nodes.clone()).filter(|nodes| !nodes.is_empty()),
        start_params: Some(run.start_params.clone()),
        time_zone: None,
        schedule_time: None,
        task_depend_type: run.task_depend_type,
        options: run.options.clone(),
    }
}
