//! Pause and stop, wherever they arrive: to the instance in memory, else to its owner, else to the row that waits for its turn.
//!
//! Guarantees: success means that the owner has queued the request or that the waiting row is ended; an instance between two owners is waited for within the time that
//! the caller has. Both requests may come twice: the machine makes nothing of the second.

use super::{Desk, NOT_REGISTERED, Reception, STOPPING};
use crate::limits::{CONTROL_CALL_WAIT, CONTROL_WAIT, CONTROL_WAITS_MAX};
use crate::workflow::Deliver;
use orca_engine::codes::WorkflowState;
use orca_engine::model::WorkflowInstance;
use orca_engine::workflow::Event;

/// What is asked of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Pause,
    Stop,
}

impl Wish {
    const fn event(self) -> Event {
        match self {
            Self::Pause => Event::PauseRequested,
            Self::Stop => Event::StopRequested,
        }
    }

    /// What an instance becomes that has never run.
    const fn end(self) -> WorkflowState {
        match self {
            Self::Pause => WorkflowState::Pause,
            Self::Stop => WorkflowState::Stop,
        }
    }
}

/// What one look at the row says.
enum Found {
    Done,
    Refused(String),
    /// Nobody to ask yet, and why.
    NotYet(String),
}

/// Carries the request out, or says why not.
pub(super) async fn control(reception: &Reception, id: Option<i32>, wish: Wish) -> Result<(), String> {
    let id = id.unwrap_or_default();
    let mut why = NOT_REGISTERED.to_owned();
    for round in 0..=CONTROL_WAITS_MAX {
        if round > 0 {
            tokio::time::sleep(CONTROL_WAIT).await;
        }
        let desk = reception.desk().ok_or_else(|| NOT_REGISTERED.to_owned())?;
        if deliver_here(&desk, id, wish.event()) {
            return Ok(());
        }
        match look(&desk, id, wish).await {
            Found::Done => return Ok(()),
            Found::Refused(reason) => return Err(reason),
            Found::NotYet(reason) => why = reason,
        }
    }
    Err(why)
}

/// To an instance in memory and nowhere else.
pub(super) fn deliver(
    reception: &Reception,
    workflow_instance_id: Option<i32>,
    event: Event,
) -> Result<(), String> {
    let id = workflow_instance_id.unwrap_or_default();
    let desk = reception.desk().ok_or_else(|| NOT_REGISTERED.to_owned())?;
    if deliver_here(&desk, id, event) {
        Ok(())
    } else {
        Err(not_found(id))
    }
}

/// `false` also while this master hands its instances over: what it took now might be lost between the owners.
fn deliver_here(desk: &Desk, id: i32, event: Event) -> bool {
    if desk.term.leaving.has_begun() {
        return false;
    }
    let workflow = desk.term.directory.actor(id).filter(actix::Addr::connected);
    workflow.is_some_and(|workflow| {
        workflow.do_send(Deliver(vec![event]));
        true
    })
}

fn not_found(id: i32) -> String {
    format!("Cannot find the WorkflowExecuteRunnable: {id}")
}

async fn look(desk: &Desk, id: i32, wish: Wish) -> Found {
    let row = match desk.term.pool.run(move |store| store.get_instance(id)).await {
        Ok(Some(row)) => row,
        Ok(None) => return Found::Refused(not_found(id)),
        Err(error) => return Found::NotYet(format!("workflow instance {id} cannot be read: {error}")),
    };
    match row.state {
        WorkflowState::Pause | WorkflowState::Stop | WorkflowState::Failure | WorkflowState::Success => {
            Found::Refused(not_found(id))
        }
        WorkflowState::SerialWait => withdraw(desk, &row, wish).await,
        WorkflowState::SubmittedSuccess | WorkflowState::Failover => Found::NotYet(format!(
            "workflow instance {id} is {}: no master runs it yet",
            row.state
        )),
        WorkflowState::RunningExecution | WorkflowState::ReadyPause | WorkflowState::ReadyStop => {
            forward(desk, &row, wish).await
        }
    }
}

async fn withdraw(desk: &Desk, row: &WorkflowInstance, wish: Wish) -> Found {
    let id = row.id;
    if !desk.term.lease.holds() {
        return Found::Refused(NOT_REGISTERED.to_owned());
    }
    let ended = desk
        .term
        .pool
        .run(move |store| store.withdraw_waiting(id, wish.end()))
        .await;
    match ended {
        Ok(true) => {
            log::info!(workflow_instance_id = id; "ended {} while it waited for its turn", wish.end());
            desk.term
                .metrics
                .workflow(wish.end(), row.workflow_definition_code);
            Found::Done
        }
        Ok(false) => Found::NotYet(format!("workflow instance {id} is just being started")),
        Err(error) => Found::NotYet(format!("workflow instance {id} cannot be ended: {error}")),
    }
}

async fn forward(desk: &Desk, row: &WorkflowInstance, wish: Wish) -> Found {
    let (id, term) = (row.id, &desk.term);
    let host = row.host.as_deref().unwrap_or_default();
    if *host == *term.incarnation.address && term.leaving.has_begun() {
        return Found::NotYet(STOPPING.to_owned());
    }
    let elsewhere = *host != *term.incarnation.address && term.cluster.borrow().masters.contains_key(host);
    if !elsewhere {
        return Found::NotYet(format!(
            "workflow instance {id} is at {host:?}, which does not run it now"
        ));
    }
    let asked = async {
        match wish {
            Wish::Pause => term.calls.pause_instance(host, id).await,
            Wish::Stop => term.calls.stop_instance(host, id).await,
        }
    };
    match tokio::time::timeout(CONTROL_CALL_WAIT, asked).await {
        Ok(Some(Ok(()))) => Found::Done,
        // It has ended there, or moves.
        Ok(Some(Err(reason))) => Found::NotYet(reason),
        Ok(None) | Err(_) => Found::NotYet(format!(
            "workflow instance {id} is at {host}, which does not answer"
        )),
    }
}
