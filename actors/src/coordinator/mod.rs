//! The coordinator: one master at a time gives the slots of task groups, looks after the serial queues, and removes old finish markers.
//!
//! Guarantees: the place is taken as Java masters take it, at `/nodes/master-coordinator` under its lock; a term of leadership is one call of [`lead`], which
//! ends with the node. Leadership is a preference and not the safety: whatever a coordinator writes is decided under row locks, so one that was deposed
//! without knowing does no harm.

mod markers;
mod rounds;

use crate::intake::IntakeActor;
use crate::limits::{COORDINATOR_LOOK, COORDINATOR_RETRY_PAUSE, ELECTION_CHECK, ELECTION_LOCK_WAIT};
use crate::term::Term;
use actix::Addr;
use orca_engine::codes::ExecutionType;
use orca_engine::model::DefinitionSnapshot;
use orca_registry::{EphemeralNode, Error, MemberEvent, MemberWatch, paths};
use rounds::Rounds;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior};

/// Stands for the place, and fills it whenever it is ours, as long as the term lasts.
pub(crate) async fn run(term: Arc<Term>, intake: Addr<IntakeActor>) {
    let started = Instant::now();
    let Some(mut watch) = watch_place(&term).await else {
        return;
    };
    // Of the master that held the place before us: whether it was Orca's.
    let mut after_orca = false;
    while term.lease.holds() {
        match stand(&term).await {
            Ok(Some(_node)) => {
                let settle = if after_orca {
                    Duration::ZERO
                } else {
                    term.settings.slot_settle
                };
                let rounds = Rounds::new(term.clone(), intake.clone(), started + settle);
                log::info!("this master is the coordinator");
                if !lead(&term, rounds, &mut watch).await {
                    return;
                }
                log::warn!("this master is not the coordinator any more");
                after_orca = false;
            }
            Ok(None) => match follow(&term, &mut watch).await {
                Some(orca) => after_orca = orca,
                None => return,
            },
            Err(error) => {
                log::warn!("the coordinator cannot be elected now: {error}");
                tokio::time::sleep(COORDINATOR_RETRY_PAUSE).await;
            }
        }
    }
}

/// `None`: the session is over.
async fn watch_place(term: &Term) -> Option<MemberWatch> {
    while term.lease.holds() {
        match term.registry.watch_path(paths::COORDINATOR).await {
            Ok(watch) => return Some(watch),
            Err(error) => log::warn!("the coordinator's place cannot be watched: {error}"),
        }
        tokio::time::sleep(COORDINATOR_RETRY_PAUSE).await;
    }
    None
}

/// One step of the election: our node when the place is ours.
async fn stand(term: &Term) -> Result<Option<EphemeralNode>, Error> {
    let guard = term
        .registry
        .lock(paths::COORDINATOR_LOCK, Some(ELECTION_LOCK_WAIT))
        .await?;
    let node = guard
        .claim_ephemeral(paths::COORDINATOR, &term.incarnation.address)
        .await;
    if let Err(error) = guard.release().await {
        log::debug!("the lock of the election is not released in order: {error}");
    }
    node
}

/// Waits until the place may be free: whether the master that held it last was Orca's. `None`: the session is over.
async fn follow(term: &Term, watch: &mut MemberWatch) -> Option<bool> {
    let holder = term.registry.get(paths::COORDINATOR).await.ok().flatten();
    let was_orca = holder.is_some_and(|holder| term.cluster.borrow().masters.get(&holder) == Some(&true));
    let limit = tokio::time::sleep(ELECTION_CHECK);
    tokio::pin!(limit);
    loop {
        tokio::select! {
            event = watch.next() => match event {
                None => return None,
                Some(MemberEvent::Removed { .. }) => return Some(was_orca),
                Some(MemberEvent::Added { .. } | MemberEvent::Updated { .. } | MemberEvent::Resynced) => {}
            },
            () = &mut limit => return Some(was_orca),
        }
    }
}

/// Does the work until the place is lost. `false`: the session is over.
async fn lead(term: &Arc<Term>, mut rounds: Rounds, watch: &mut MemberWatch) -> bool {
    let mut tick = tokio::time::interval(COORDINATOR_LOOK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            event = watch.next() => match event {
                None => return false,
                Some(MemberEvent::Removed { .. }) => return true,
                Some(MemberEvent::Updated { data, .. } | MemberEvent::Added { data, .. }) if *data != *term.incarnation.address => return true,
                Some(_) => continue,
            },
            () = term.coordinator_bell.notified() => {}
            _ = tick.tick() => {}
        }
        if !term.lease.holds() {
            return false;
        }
        rounds.run().await;
    }
}

/// After the end of an instance: the next of its serial queue is started at once by the master that saw the end. Where Java masters are, only the
/// coordinator may, since theirs launches without looking again.
pub(crate) fn settle_soon(term: &Arc<Term>, definition: &DefinitionSnapshot) {
    let workflow = &definition.workflow;
    let all_orca = term.cluster.borrow().masters.values().all(|orca| *orca);
    if workflow.execution_type == ExecutionType::Parallel || !all_orca {
        return;
    }
    let (own, code, version) = (term.clone(), workflow.code, workflow.version);
    term.io.spawn(async move {
        if let Err(error) = rounds::settle_queue(&own, code, version).await {
            log::debug!("the serial queue of workflow {code} is left to the coordinator: {error}");
        }
    });
}
