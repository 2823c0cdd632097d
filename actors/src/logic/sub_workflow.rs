//! SUB_WORKFLOW: finds its child, has the machine start or adopt it behind the fence, and ends when it ends.

use super::children::Seen;
use super::{Asked, Desk, Ending};
use crate::limits::LOGIC_READ_PAUSE;
use orca_engine::logic::sub_workflow::{ChildFound, ChildLink, Verdict, Wish, definition_code};
use orca_engine::workflow::{Event, ExecutorEventKind};
use orca_schema::{Error, Store};

pub(crate) struct SubWorkflow;

impl SubWorkflow {
    pub(super) async fn run(self, desk: &mut Desk) -> Ending {
        let link = ChildLink::parse(desk.context.app_ids.as_deref());
        let code = match definition_code(desk.context.task_params.as_deref()) {
            Ok(code) => code,
            Err(reason) => return Ending::Failed(reason),
        };
        let pool = desk.term.pool.clone();
        let find = async {
            loop {
                match pool.run(move |store| find(store, link, code)).await {
                    Ok(found) => return found,
                    Err(error) => {
                        log::warn!("a sub workflow task waits, since its child cannot be looked for: {error}")
                    }
                }
                tokio::time::sleep(LOGIC_READ_PAUSE).await;
            }
        };
        let found = tokio::select! {
            biased;
            found = find => found,
            asked = desk.asked_to(Asked::Pause) => return without_child(asked),
        };
        let Some(found) = found else {
            return Ending::Failed(format!("Cannot find the sub workflow definition: {code}"));
        };
        follow(desk, found).await
    }
}

/// `None`: there is neither a child nor a definition to start one from.
fn find(store: &Store, link: Option<ChildLink>, code: i64) -> Result<Option<ChildFound>, Error> {
    if let Some(link) = link {
        let id = link.workflow_instance_id;
        if store.children(&[id])?.contains_key(&id) {
            return Ok(Some(ChildFound::Instance));
        }
    }
    Ok(store.child_definition(code)?.map(ChildFound::Definition))
}

async fn follow(desk: &mut Desk, found: ChildFound) -> Ending {
    let (task_instance_id, parent) = (desk.context.task_instance_id, desk.context.workflow_instance_id);
    let mut seat = desk.term.children.sit(task_instance_id, parent);
    desk.tell(Event::ChildPrepared {
        task_instance_id,
        found,
    });
    let mut told = Asked::Nothing;
    let mut shown = None;
    loop {
        let next = if told == Asked::Nothing {
            Asked::Pause
        } else {
            Asked::Kill
        };
        tokio::select! {
            biased;
            seen = seat.next() => {
                if let Some(child) = seen.child.filter(|child| shown != Some(*child)) {
                    shown = Some(child);
                    show(desk, child).await;
                }
                if let Some(ending) = ending(seen) {
                    return ending;
                }
            }
            asked = desk.asked_to(next), if told < Asked::Kill => {
                if !seat.now().follows {
                    // The machine has decided, or will, that no child is started.
                    return without_child(asked);
                }
                told = asked;
            }
        }
        if let (Some(child), Some(wish)) = (seat.now().child, wish(told)) {
            seat.ask(child, wish);
        }
    }
}

/// The machine's copy of the row gets the link that the store has written with the child.
async fn show(desk: &Desk, child: i32) {
    desk.say(&format!("The sub workflow is workflow instance {child}"))
        .await;
    desk.report(ExecutorEventKind::RuntimeContextChanged {
        app_ids: Some(ChildLink::to(child).text()),
    });
}

fn ending(seen: Seen) -> Option<Ending> {
    match seen.verdict? {
        Verdict::Runs => None,
        Verdict::Succeeded => Some(Ending::Succeeded(Vec::new())),
        Verdict::Failed => Some(Ending::Failed("its sub workflow has failed".to_owned())),
        Verdict::Paused => Some(Ending::Paused),
        Verdict::Killed => Some(Ending::Killed),
    }
}

const fn wish(told: Asked) -> Option<Wish> {
    match told {
        Asked::Nothing | Asked::Abandon => None,
        Asked::Pause => Some(Wish::Pause),
        Asked::Kill => Some(Wish::Stop),
    }
}

const fn without_child(asked: Asked) -> Ending {
    match asked {
        Asked::Pause => Ending::Paused,
        Asked::Nothing | Asked::Kill | Asked::Abandon => Ending::Killed,
    }
}
