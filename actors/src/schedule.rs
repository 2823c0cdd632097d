//! Fires the schedules that are due, from the trigger rows that the API server writes.
//!
//! Guarantees: only while the lease holds; a look at nothing is one read of an index. Which times fire is decided by the engine, that each fires once is upheld
//! by the store; that another master fires instead of this one is no loss.

use crate::intake::{IntakeActor, Look as LookForCommands, Rest};
use crate::limits::{
    CONTROL_MAILBOX_LEN, QUARTZ_WATCH_INTERVAL, SCHEDULE_POLL, SCHEDULE_RETRY_PAUSE, SCHEDULE_STAGGER,
    SCHEDULE_TURN_MAX,
};
use crate::term::Term;
use actix::{Actor, ActorContext, ActorFutureExt, Addr, AsyncContext, Context, Handler, Message, WrapFuture};
use orca_engine::schedule::{Peers, wait_ms};
use orca_engine::time::{Millis, Tick};
use orca_schema::{Error, ErrorClass, Fired, NextFire};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(crate) struct SchedulerActor {
    term: Arc<Term>,
    intake: Addr<IntakeActor>,
    /// The Quartz schedulers of Java masters that hold triggers.
    peers: Peers,
    started_at: Instant,
}

impl SchedulerActor {
    pub(crate) fn new(term: Arc<Term>, intake: Addr<IntakeActor>) -> Self {
        Self {
            term,
            intake,
            peers: Peers::default(),
            started_at: Instant::now(),
        }
    }
}

impl Actor for SchedulerActor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(CONTROL_MAILBOX_LEN);
        context.notify(Look);
        context.notify(WatchQuartz);
    }
}

/// Look at the triggers now. One look is under way or waits at any time.
#[derive(Message)]
#[rtype(result = "()")]
struct Look;

impl Handler<Look> for SchedulerActor {
    type Result = ();

    fn handle(&mut self, _: Look, context: &mut Self::Context) {
        let looked = look(self.term.clone(), turn(&self.term));
        let done = looked.into_actor(self).map(|result, actor, context| {
            let pause = match result {
                Ok(Looked::Fired(fired)) => actor.fired(fired),
                Ok(Looked::Wait(pause)) => pause,
                // Another scheduler holds the lock: nothing is wrong, and it fires what is due.
                Err(error) if error.class() == ErrorClass::Retry => {
                    log::debug!("schedules cannot be fired now: {error}");
                    SCHEDULE_RETRY_PAUSE
                }
                Err(error) => {
                    log::warn!("schedules cannot be fired: {error}");
                    SCHEDULE_RETRY_PAUSE
                }
            };
            context.notify_later(Look, pause);
        });
        context.spawn(done);
    }
}

/// The term ends: fire nothing any more.
impl Handler<Rest> for SchedulerActor {
    type Result = ();

    fn handle(&mut self, _: Rest, context: &mut Self::Context) {
        context.stop();
    }
}

enum Looked {
    /// Something was due; there may be more.
    Fired(Fired),
    Wait(Duration),
}

async fn look(term: Arc<Term>, turn: Duration) -> Result<Looked, Error> {
    if !term.lease.holds() {
        return Ok(Looked::Wait(SCHEDULE_POLL));
    }
    let next = term.pool.run(|store| store.next_fire()).await?;
    let pause = pause(next, turn);
    if !pause.is_zero() {
        return Ok(Looked::Wait(pause));
    }
    let (lease, begun) = (term.lease.clone(), Instant::now());
    let fired = term
        .pool
        .run(move |store| store.fire_due(&|| lease.holds()))
        .await?;
    term.metrics.schedule_time.observe(begun.elapsed());
    Ok(Looked::Fired(fired))
}

fn pause(next: NextFire, turn: Duration) -> Duration {
    let millis = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    let wait = wait_ms(next.due, next.now, millis(turn), millis(SCHEDULE_POLL));
    Duration::from_millis(u64::try_from(wait).unwrap_or(0))
}

/// How long this master leaves a due trigger to those before it.
fn turn(term: &Term) -> Duration {
    let place = term.cluster.borrow().slot.map(|slot| slot.index);
    place.map_or(SCHEDULE_TURN_MAX, |place| {
        SCHEDULE_STAGGER.saturating_mul(place).min(SCHEDULE_TURN_MAX)
    })
}

impl SchedulerActor {
    /// Says what has fired; the pause before the next look.
    fn fired(&self, fired: Fired) -> Duration {
        let (metrics, now) = (&self.term.metrics, self.term.now());
        for note in &fired.notes {
            log::warn!("schedule: {note}");
        }
        let mut any = false;
        for firing in &fired.firings {
            let at = orca_engine::time::wall_clock_text(firing.scheduled, self.term.settings.zone);
            match &firing.outcome {
                Ok(id) => {
                    log::info!(workflow_instance_id = id; "schedule {} fired for {at}", firing.schedule_id);
                    metrics.schedules_fired.add(1);
                    metrics.schedule_delay.observe(since(firing.scheduled, now));
                    any = true;
                }
                Err(reason) => {
                    log::error!("schedule {} did not fire for {at}: {reason}", firing.schedule_id);
                    metrics.schedules_lost.add(1);
                }
            }
        }
        if any {
            // A mailbox that is full holds a look already, or the next one comes by itself.
            let _ = self.intake.try_send(LookForCommands);
        }
        Duration::ZERO
    }
}

fn since(scheduled: Millis, now: Millis) -> Duration {
    Duration::from_millis(u64::try_from(now.since(scheduled)).unwrap_or(0))
}

/// Look whether a Java master has died with triggers in its hands, which no other Java master may be left to give back.
#[derive(Message)]
#[rtype(result = "()")]
struct WatchQuartz;

impl Handler<WatchQuartz> for SchedulerActor {
    type Result = ();

    fn handle(&mut self, _: WatchQuartz, context: &mut Self::Context) {
        let pool = self.term.pool.clone();
        let holders = async move { pool.run(|store| store.quartz_holders()).await };
        let done = holders.into_actor(self).map(|holders, actor, context| {
            match holders {
                Ok(holders) => actor.watch(holders),
                Err(error) => log::warn!("the schedulers of Java masters cannot be looked at: {error}"),
            }
            context.notify_later(WatchQuartz, QUARTZ_WATCH_INTERVAL);
        });
        context.spawn(done);
    }
}

impl SchedulerActor {
    fn watch(&mut self, holders: Vec<orca_engine::schedule::Peer>) {
        let now = Tick(u64::try_from(self.started_at.elapsed().as_millis()).unwrap_or(u64::MAX));
        for dead in self.peers.observe(holders, now) {
            let (term, name) = (self.term.clone(), dead.instance_name.clone());
            actix::spawn(async move {
                let lease = term.lease.clone();
                match term
                    .pool
                    .run(move |store| store.recover_quartz(&dead, &|| lease.holds()))
                    .await
                {
                    Ok(true) => log::warn!(
                        "the scheduler {name} of a Java master is dead; its triggers are given back"
                    ),
                    Ok(false) => {}
                    Err(error) => log::warn!(
                        "the triggers of the dead scheduler {name} cannot be given back yet: {error}"
                    ),
                }
            });
        }
    }
}
