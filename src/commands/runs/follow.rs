//! Follows runs to their end by looking at their rows.

use super::screen::Screen;
use super::start::StartedRun;
use super::view::{RunView, view};
use crate::commands::cluster::Database;
use crate::exit::Failure;
use crate::limits::{DATABASE_SILENCE_MAX, WATCH_INTERVAL};
use orca_engine::model::{DefinitionSnapshot, TaskInstance, WorkflowInstance};
use orca_engine::time::Millis;
use orca_schema::{Error, ErrorClass};
use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

/// The rows of one run at one time.
pub(crate) struct Rows {
    pub(crate) instance: WorkflowInstance,
    pub(crate) tasks: Vec<TaskInstance>,
    pub(crate) now: Millis,
}

/// Shows the runs until all have ended. `between` is called after each look and may end it.
pub(crate) async fn follow<W: Write>(
    database: &Database,
    runs: &[StartedRun],
    screen: &mut Screen<W>,
    mut between: impl FnMut(&mut Screen<W>) -> Result<(), Failure>,
) -> Result<Vec<RunView>, Failure> {
    let mut last_answer = Instant::now();
    loop {
        match look(database, runs).await {
            Ok(views) => {
                last_answer = Instant::now();
                screen
                    .show(&views)
                    .map_err(|error| Failure::failed(format!("the progress cannot be shown: {error}")))?;
                if views.iter().all(|run| run.finished) {
                    return Ok(views);
                }
            }
            Err(error)
                if error.class() == ErrorClass::Retry && last_answer.elapsed() < DATABASE_SILENCE_MAX => {}
            Err(error) => return Err(Failure::failed(format!("the runs cannot be followed: {error}"))),
        }
        between(screen)?;
        tokio::time::sleep(WATCH_INTERVAL).await;
    }
}

async fn look(database: &Database, runs: &[StartedRun]) -> Result<Vec<RunView>, Error> {
    let mut views = Vec::with_capacity(runs.len());
    for run in runs {
        let rows = rows(database, run.workflow_instance_id).await?;
        views.push(view(
            &rows.instance,
            &rows.tasks,
            Some(&run.definition),
            rows.now,
            database.zone,
        ));
    }
    Ok(views)
}

/// The rows of one run.
pub(crate) async fn rows(database: &Database, workflow_instance_id: i32) -> Result<Rows, Error> {
    let read = database.ask(move |store| {
        let instance = store.get_instance(workflow_instance_id)?;
        let tasks = store.list_tasks(workflow_instance_id)?;
        Ok(instance.map(|instance| (instance, tasks, store.database_time())))
    });
    match read.await? {
        Some((instance, tasks, now)) => Ok(Rows {
            instance,
            tasks,
            now: now?,
        }),
        None => Err(Error::Missing {
            what: "workflow instance",
            id: workflow_instance_id.to_string(),
        }),
    }
}

/// The definition that a run follows; nothing when it has been deleted.
pub(crate) async fn definition(
    database: &Database,
    instance: &WorkflowInstance,
) -> Result<Option<Arc<DefinitionSnapshot>>, Error> {
    let (code, version) = (
        instance.workflow_definition_code,
        instance.workflow_definition_version,
    );
    let found = database
        .ask(move |store| store.load_definition(code, version))
        .await?;
    Ok(found.map(Arc::new))
}
