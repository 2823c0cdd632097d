//! The row says something else than we have written: a Java master that loses the race for a command sets the workflow to FAILURE, although another master runs it;
//! or somebody has taken it from us while we had nothing to write.
//!
//! Guarantees: a row is put right only while it is ours and says what we have not written; our own end is never undone.

use super::{End, WorkflowActor};
use crate::term::Term;
use actix::{AsyncContext, Context, Handler, Message, WrapFuture, fut::ActorFutureExt};
use orca_engine::codes::WorkflowState;
use orca_engine::fence::Fence;

/// The row says FAILURE: look whether that was us.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Repair;

impl Handler<Repair> for WorkflowActor {
    type Result = ();

    fn handle(&mut self, _: Repair, context: &mut Self::Context) {
        // A step that is being committed finds it out by itself.
        if self.committing || self.end.is_some() {
            return;
        }
        self.committing = true;
        let (term, fence) = (self.term.clone(), self.fence.clone());
        let (step, state) = (self.step, self.machine.instance().state);
        let repaired = async move { restore(&term, &fence, step, state).await };
        let done = repaired
            .into_actor(self)
            .map(|_, actor, context: &mut Context<Self>| {
                actor.committing = false;
                actor.progress(context);
                actor.settle(context);
            });
        context.spawn(done);
    }
}

/// The row names another owner: look whether it still does.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Verify;

impl Handler<Verify> for WorkflowActor {
    type Result = ();

    fn handle(&mut self, _: Verify, context: &mut Self::Context) {
        let (term, fence) = (self.term.clone(), self.fence.clone());
        let asked = async move { term.pool.run(move |store| store.is_owner(&fence)).await };
        let done = asked
            .into_actor(self)
            .map(|answer, actor, context: &mut Context<Self>| match answer {
                // A step under way finds it out by itself.
                Ok(false) if !actor.committing && actor.end.is_none() => {
                    log::info!(workflow_instance_id = actor.fence.workflow_instance_id; "the instance has another owner; it is dropped here");
                    actor.finish(End::NotOwner, context);
                }
                Ok(_) => {}
                Err(error) => log::warn!(workflow_instance_id = actor.fence.workflow_instance_id; "the owner cannot be read: {error}"),
            });
        context.spawn(done);
    }
}

/// `true` when the row is right again.
pub(super) async fn restore(term: &Term, fence: &Fence, step: i64, state: WorkflowState) -> bool {
    if !term.cluster.borrow().java_masters_seen {
        return false;
    }
    let (id, fence) = (fence.workflow_instance_id, fence.clone());
    let (master, lease) = (term.incarnation.clone(), term.lease.clone());
    let restored = term
        .pool
        .run(move |store| store.restore_overwritten(&master, &fence, step, state, &|| lease.holds()))
        .await;
    match restored {
        Ok(true) => {
            log::warn!(workflow_instance_id = id; "a peer had set it to FAILURE while it runs here; it is {state} again");
            true
        }
        Ok(false) => false,
        Err(error) => {
            log::warn!(workflow_instance_id = id; "a row that a peer has overwritten is not restored: {error}");
            false
        }
    }
}
