//! One request to a child. Whether it was heard is read from the child's row, so the answer counts for nothing.

use crate::term::Term;
use crate::workflow::Deliver;
use orca_engine::codes::WorkflowState;
use orca_engine::logic::sub_workflow::{Asking, Wish};
use orca_engine::workflow::Event;

/// Asks whoever owns the child: the actor here, the master there, or its row in the serial queue.
pub(super) async fn ask(term: &Term, child: i32, wish: Wish, how: Asking, host: Option<String>) {
    match how {
        Asking::Ask => match host {
            Some(host) if *host == *term.incarnation.address => deliver(term, child, wish),
            Some(host) => call(term, child, wish, &host).await,
            None => log::warn!(workflow_instance_id = child; "the child runs and its row names no master"),
        },
        Asking::CloseInQueue if term.lease.holds() => {
            let end = match wish {
                Wish::Pause => WorkflowState::Pause,
                Wish::Stop => WorkflowState::Stop,
            };
            let closed = term
                .pool
                .run(move |store| store.withdraw_waiting(child, end))
                .await;
            if let Err(error) = closed {
                log::warn!(workflow_instance_id = child; "the child cannot be taken out of the serial queue: {error}");
            }
        }
        Asking::CloseInQueue | Asking::Later | Asking::Done => {}
    }
}

/// An actor that is not there yet is asked at the next look.
fn deliver(term: &Term, child: i32, wish: Wish) {
    if let Some(workflow) = term.directory.actor(child) {
        workflow.do_send(Deliver(vec![match wish {
            Wish::Pause => Event::PauseRequested,
            Wish::Stop => Event::StopRequested,
        }]));
    }
}

async fn call(term: &Term, child: i32, wish: Wish, host: &str) {
    let answer = match wish {
        Wish::Pause => term.calls.pause_instance(host, child).await,
        Wish::Stop => term.calls.stop_instance(host, child).await,
    };
    if let Some(Err(reason)) = answer {
        log::info!(workflow_instance_id = child; "master {host} was asked to {wish:?} the child and did not agree: {reason}");
    }
}
