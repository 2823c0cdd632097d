//! CONDITIONS and SWITCH: the engine decides, this writes it into the task log and reports it.
//!
//! Neither can be paused or killed, as in the reference: it has ended before anybody could ask.

use super::{Desk, Ending};
use orca_engine::codes::TaskState;
use orca_engine::logic::{conditions, switch};
use orca_engine::params::parse_properties;
use std::collections::{BTreeMap, BTreeSet};

/// The states of the workflow's tasks at the moment of the start, by code.
pub(crate) struct Conditions {
    pub(super) states: BTreeMap<i64, TaskState>,
}

/// What a branch may lead to, and the var pool of the task's row.
pub(crate) struct Switch {
    pub(super) codes: BTreeSet<i64>,
    pub(super) var_pool: Option<String>,
}

impl Conditions {
    pub(super) async fn run(self, desk: &mut Desk) -> Ending {
        let params = desk.context.task_params.as_deref();
        match conditions::decide(params, |code| self.states.get(&code).copied()) {
            Ok(decision) => {
                let branch = if decision.succeeded { "success" } else { "failed" };
                let summary = format!(
                    "The condition result is {}, so the {branch} branch runs",
                    decision.succeeded
                );
                tell(desk, decision.reasons, &summary).await;
                desk.choose_branch(decision.task_params);
                Ending::Succeeded(Vec::new())
            }
            Err(error) => Ending::Failed(error.to_string()),
        }
    }
}

impl Switch {
    pub(super) async fn run(self, desk: &mut Desk) -> Ending {
        let pool = match parse_properties(self.var_pool.as_deref(), "the var pool of the task") {
            Ok(pool) => pool,
            Err(error) => return Ending::Failed(error.to_string()),
        };
        let params = desk.context.task_params.clone();
        let prepared = desk.context.prepare_params.clone();
        // An expression may take its whole bound of steps, which the threads of the sockets must not wait for.
        let decided = tokio::task::spawn_blocking(move || {
            switch::decide(params.as_deref(), &prepared, &pool, |code| {
                self.codes.contains(&code)
            })
        });
        match decided.await {
            Ok(Ok(decision)) => {
                let summary = format!("The next branch is {}", decision.next_branch);
                tell(desk, decision.reasons, &summary).await;
                desk.choose_branch(decision.task_params);
                Ending::Succeeded(Vec::new())
            }
            Ok(Err(error)) => Ending::Failed(error.to_string()),
            Err(error) => Ending::Failed(format!("the evaluation of its conditions has failed: {error}")),
        }
    }
}

async fn tell(desk: &Desk, reasons: Vec<String>, summary: &str) {
    for reason in reasons {
        desk.say(&reason).await;
    }
    desk.say(summary).await;
}
