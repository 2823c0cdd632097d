//! The end of a term: the orderly one, in which the peers are given the work, and the other, in which nothing may be touched any more.
//!
//! Guarantees: a planned stop takes no new work, finishes the steps that were begun and the dispatch calls that are out, and then hands its instances to the
//! other masters as commands, so that nobody has to notice a death. It never waits for a database or a registry beyond its time. A last master
//! leaves its instances as they are, for the next start.

use crate::cluster::ClusterState;
use crate::intake::Rest;
use crate::limits::{
    FAILOVER_PAGE_LEN, FAILOVER_SCAN_LEN, LEAVE_BUSY_WAIT, LEAVE_CLOSE_TIME, LEAVE_POLL, LEAVE_SERVER_TIME,
};
use crate::master_node::{EndTerm, Settle};
use crate::term::Term;
use crate::term_life::{Entry, House, TermEnd, Works};
use orca_engine::time::Millis;
use orca_schema::{DeadMaster, ErrorClass, FailoverRecord, MasterState, Moved};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout, timeout_at};

/// Whether this term is being left by a planned stop, and what is still on its way out.
#[derive(Debug, Default)]
pub(crate) struct Leaving {
    is_on: AtomicBool,
    acks: AtomicUsize,
    /// The heartbeat listens to it: the status must be known now.
    pub(crate) hurry: Arc<Notify>,
}

/// An acknowledgement that has not been answered yet.
pub(crate) struct OpenAck(Arc<Leaving>);

impl Leaving {
    pub(crate) fn has_begun(&self) -> bool {
        self.is_on.load(Ordering::Acquire)
    }

    fn begin(&self) {
        self.is_on.store(true, Ordering::Release);
        self.hurry.notify_one();
    }

    pub(crate) fn open_ack(self: &Arc<Self>) -> OpenAck {
        self.acks.fetch_add(1, Ordering::AcqRel);
        OpenAck(self.clone())
    }
}

impl Drop for OpenAck {
    fn drop(&mut self) {
        self.0.acks.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Works {
    /// Stops in the order that loses nothing: no new work, begun steps, the instances, then the place in the registry.
    pub(crate) async fn end(self, house: &House, entry: &Entry, end: TermEnd) {
        let begun = Instant::now();
        let stop_by = begun + house.settings.stop_timeout.saturating_sub(LEAVE_SERVER_TIME);
        self.intake.do_send(Rest);
        self.scheduler.do_send(Rest);
        if end == TermEnd::Stopped {
            let database_by = stop_by.checked_sub(LEAVE_CLOSE_TIME).unwrap_or(begun);
            if timeout_at(database_by, self.leave()).await.is_err() {
                log::warn!(
                    "the time to stop was over before all instances were handed over; the peers move the rest"
                );
            }
        }
        house.reception.close();
        house.observatory.show(None);
        self.node.do_send(EndTerm);
        self.term.logic.abandon_all();
        self.close_session(house, entry, stop_by).await;
        for task in &self.tasks {
            task.abort();
        }
        for arbiter in self.arbiters {
            arbiter.stop();
        }
    }

    async fn leave(&self) {
        let term = &self.term;
        term.leaving.begin();
        let has_takers = self.await_slots_without_us().await;
        self.node.do_send(Settle);
        until(|| term.directory.len() == 0 && term.commits.waiting() == 0).await;
        // Said before the nodes go, so that whoever sees them go can tell an orderly end from a death. It waits for claims in flight, and none comes after.
        if !say_stopped(term).await {
            return;
        }
        if has_takers {
            hand_over(term).await;
        } else {
            log::info!("there is no other master; what runs waits for the next start");
        }
        // An executor whose acknowledgement is lost keeps its place until it reports again.
        until(|| term.leaving.acks.load(Ordering::Acquire) == 0).await;
    }

    /// `true` when another master can take what is ours. Waits, not for long, until the table of slots has been made without us: a command that falls into the
    /// share of a master that takes none would lie until its node is gone.
    async fn await_slots_without_us(&self) -> bool {
        let mut cluster = self.term.cluster.clone();
        let is_without_us = |state: &Arc<ClusterState>| state.slot.is_none() || state.takers == 0;
        // The other end closes with the term only, so the sole failure is the time.
        let _ = timeout(LEAVE_BUSY_WAIT, cluster.wait_for(is_without_us)).await;
        cluster.borrow().takers > 0
    }

    async fn close_session(&self, house: &House, entry: &Entry, stop_by: Instant) {
        let registry = entry.registry.clone();
        let closed = house.io.spawn(async move { registry.close().await });
        let limit = stop_by.saturating_duration_since(Instant::now()).max(LEAVE_POLL);
        match timeout(limit, closed).await {
            Ok(_) => {
                if let Some(guardian) = &house.guardian {
                    guardian.release();
                }
            }
            Err(_) => log::warn!("the registry did not confirm our leaving in time"),
        }
    }
}

async fn until(holds: impl Fn() -> bool) {
    while !holds() {
        tokio::time::sleep(LEAVE_POLL).await;
    }
}

/// `false` when the instances are not ours to give.
async fn say_stopped(term: &Term) -> bool {
    let incarnation = term.incarnation.clone();
    let said = term
        .pool
        .run(move |store| store.set_master_state(&incarnation, MasterState::Stopped))
        .await;
    match said {
        Ok(is_ours) => is_ours,
        Err(error) if error.class() == ErrorClass::NotOwner => {
            log::info!("another incarnation has taken over");
            false
        }
        Err(error) => {
            log::warn!("the database was not told that this master stopped: {error}");
            false
        }
    }
}

/// The same moves as after a death, made by the one who goes. Each page is a transaction, so it may end at any point: the peers do the rest.
async fn hand_over(term: &Term) {
    let own = DeadMaster {
        address: term.incarnation.address.to_string(),
        epoch: term.incarnation.epoch,
    };
    let begun = term.now();
    let mut count = 0;
    loop {
        let page = match move_page(term, &own).await {
            Ok(Some(page)) => page,
            Ok(None) => break,
            Err(error) => {
                log::warn!("not all instances could be handed over, the peers will move the rest: {error}");
                return;
            }
        };
        count += page.len();
        record(term, &own, begun, page, false).await;
    }
    if count > 0 {
        record(term, &own, begun, Vec::new(), true).await;
        log::info!("{count} instances are handed over to the other masters");
    }
}

/// The instances of one scan, `None` when there is nothing left.
async fn move_page(term: &Term, own: &DeadMaster) -> Result<Option<Vec<Moved>>, orca_schema::Error> {
    let (own, lease) = (own.clone(), term.lease.clone());
    term.pool
        .run(move |store| {
            let ids = store.instances_of_dead(&own, FAILOVER_SCAN_LEN)?;
            if ids.is_empty() {
                return Ok(None);
            }
            let mut moved = Vec::with_capacity(ids.len());
            for page in ids.chunks(FAILOVER_PAGE_LEN) {
                moved.extend(store.move_instances(&own, page, &|| lease.holds())?);
            }
            Ok(Some(moved))
        })
        .await
}

async fn record(term: &Term, own: &DeadMaster, begun: Millis, moved: Vec<Moved>, done: bool) {
    let record = FailoverRecord {
        dead: own.clone(),
        worked_by: own.address.clone(),
        reason: "it was asked to stop and has handed its instances over".to_owned(),
        died: false,
        planned: true,
        detected_at: begun,
        claimed_at: begun,
        scanned_at: begun,
        at: term.now(),
        moved,
        done,
    };
    if let Err(error) = term.pool.run(move |store| store.record_failover(&record)).await {
        log::warn!("the timeline of failovers has a gap: {error}");
    }
}
