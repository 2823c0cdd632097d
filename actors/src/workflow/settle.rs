//! How a workflow stands still for a planned stop.
//!
//! Guarantees: a step that was begun is committed and acted on; a dispatch call that is out is waited for, so that the row says what its worker has answered; a
//! pause or stop that was accepted is written. Everything else is left to the next owner, who finds it in the rows or asks the workers.

use super::{End, WorkflowActor};
use actix::{Context, Handler, Message};
use orca_engine::workflow::Event;

/// Bring to its end what was begun, then stop.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Settle;

impl Handler<Settle> for WorkflowActor {
    type Result = ();

    fn handle(&mut self, _: Settle, context: &mut Self::Context) {
        self.settling = true;
        self.progress(context);
        self.settle(context);
    }
}

impl WorkflowActor {
    /// Forgets, in a planned stop, the events that the next owner will learn of as well.
    pub(super) fn keep_what_is_begun(&mut self) {
        if self.settling {
            self.waiting.retain(is_begun);
        }
    }

    pub(super) fn settle(&mut self, context: &mut Context<Self>) {
        let is_still = !self.committing && self.waiting.is_empty() && self.dispatches_open == 0;
        if self.settling && is_still {
            self.finish(End::HandedOver, context);
        }
    }

    pub(super) fn count_answers(&mut self, events: &[Event]) {
        let answers = events.iter().filter(|event| is_dispatch_answer(event)).count();
        self.dispatches_open = self.dispatches_open.saturating_sub(answers);
    }
}

fn is_begun(event: &Event) -> bool {
    is_dispatch_answer(event) || matches!(event, Event::PauseRequested | Event::StopRequested)
}

fn is_dispatch_answer(event: &Event) -> bool {
    matches!(
        event,
        Event::DispatchAccepted { .. } | Event::DispatchRefused { .. } | Event::DispatchUnknown { .. }
    )
}
