//! DEPENDENT: waits until what it depends on has succeeded, or has failed.

use super::{Asked, Desk, Ending};
use crate::limits::LOGIC_READ_PAUSE;
use orca_engine::logic::dependent::{DependentParameters, Own, Target, Waiting};
use orca_engine::workflow::Event;
use orca_engine::zone::Zone;
use orca_schema::MissingReference;

pub(crate) struct Dependent {
    pub(super) task_code: i64,
}

impl Dependent {
    /// What it depends on, if that exists. A dry run ends here too.
    pub(super) async fn check(desk: &mut Desk) -> Result<DependentParameters, Ending> {
        let parameters = DependentParameters::parse(desk.context.task_params.as_deref())
            .map_err(|error| Ending::Failed(error.to_string()))?;
        let items: Vec<(i64, i64, Target)> = parameters
            .items()
            .map(|item| (item.project_code, item.definition_code, item.target))
            .collect();
        let pool = desk.term.pool.clone();
        let missing = async {
            loop {
                let items = items.clone();
                match pool.run(move |store| store.missing_reference(&items)).await {
                    Ok(missing) => return missing,
                    Err(error) => {
                        log::warn!("a dependent task waits, since the database does not answer: {error}")
                    }
                }
                tokio::time::sleep(LOGIC_READ_PAUSE).await;
            }
        };
        let missing: Option<MissingReference> = tokio::select! {
            biased;
            missing = missing => missing,
            asked = desk.asked_to(Asked::Pause) => return Err(ended(asked)),
        };
        match missing {
            Some(missing) => Err(Ending::Failed(missing.to_string())),
            None => Ok(parameters),
        }
    }

    pub(super) async fn run(self, desk: &mut Desk) -> Ending {
        let parameters = match Self::check(desk).await {
            Ok(parameters) => parameters,
            Err(ending) => return ending,
        };
        let context = &desk.context;
        let (task_instance_id, own) = (
            context.task_instance_id,
            Own {
                workflow_instance_id: context.workflow_instance_id,
                definition_code: context.workflow_definition_code,
                task_code: self.task_code,
            },
        );
        let date = context.schedule_time.unwrap_or_else(|| desk.term.now());
        let waiting = Waiting::new(&parameters, own, date, Zone::Region(desk.term.settings.zone));
        let count = parameters.items().count();
        desk.say(&format!("Waits for {count} dependencies")).await;
        let mut place = desk.term.dependents.wait(task_instance_id, waiting);
        loop {
            let found = tokio::select! {
                biased;
                found = place.next() => found,
                asked = desk.asked_to(Asked::Pause) => return ended(asked),
            };
            if let Some(context) = found.context {
                desk.say(&format!("{} of {count} are settled: {context}", found.settled))
                    .await;
                desk.tell(Event::ResultsSettled {
                    task_instance_id,
                    context,
                });
            }
            match found.succeeded {
                Some(true) => return Ending::Succeeded(Vec::new()),
                Some(false) => return Ending::Failed("a dependency has failed".to_owned()),
                None => {}
            }
        }
    }
}

const fn ended(asked: Asked) -> Ending {
    match asked {
        Asked::Pause => Ending::Paused,
        Asked::Nothing | Asked::Kill | Asked::Abandon => Ending::Killed,
    }
}
