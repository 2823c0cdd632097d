//! The armed timers of one instance.

use super::WorkflowActor;
use crate::workflow::Deliver;
use actix::{AsyncContext, Context, SpawnHandle};
use orca_engine::time::Millis;
use orca_engine::workflow::{Event, Timer};
use std::collections::BTreeMap;
use std::time::Duration;

#[derive(Default)]
pub(super) struct Timers {
    armed: BTreeMap<Timer, SpawnHandle>,
}

impl WorkflowActor {
    /// Sends `TimerFired` at `at`, at once when that has passed. Arming an armed timer moves it.
    pub(super) fn arm(&mut self, timer: Timer, at: Millis, context: &mut Context<Self>) {
        let wait = u64::try_from(at.since(self.term.now())).unwrap_or(0);
        let fired = timer.clone();
        let handle = context.run_later(Duration::from_millis(wait), move |actor, context| {
            actor.timers.armed.remove(&fired);
            context.notify(Deliver(vec![Event::TimerFired(fired)]));
        });
        if let Some(replaced) = self.timers.armed.insert(timer, handle) {
            context.cancel_future(replaced);
        }
    }
}
