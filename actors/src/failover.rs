//! Moves the instances of one dead master so that the survivors take them up through their ordinary intake.
//!
//! Guarantees: at most one master moves the instances of an address at a time (the Java lock, so Java peers stand back), the dead incarnation cannot
//! claim or write any more before the first scan, and the work is done only after a scan that finds nothing. Whoever dies half-way leaves work that
//! another one finds: an instance moves in one transaction with its command. Which survivor begins is a preference by sequence, not the safety.

use crate::limits::{
    FAILOVER_FAREWELL_POLL, FAILOVER_FAREWELL_WAIT, FAILOVER_LOCK_WAIT, FAILOVER_PAGE_LEN,
    FAILOVER_RETRY_PAUSE, FAILOVER_SCAN_LEN, FAILOVER_STAGGER,
};
use crate::master_node::{FailoverEnded, MasterNode};
use crate::term::Term;
use actix::{Actor, ActorContext, ActorFutureExt, Addr, AsyncContext, Context, WrapFuture};
use orca_engine::codes::WorkflowState;
use orca_engine::failover;
use orca_engine::time::Millis;
use orca_registry::{LockGuard, paths};
use orca_schema::{DeadMaster, FailoverRecord, Moved, SessionsEnded};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Who is gone, and how we know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Loss {
    pub(crate) address: String,
    pub(crate) kind: LossKind,
    /// When we learned of it, by our clock; for the record and the marker only.
    pub(crate) detected_at: Millis,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LossKind {
    /// Its node has gone, or another process has taken its place.
    Removed { startup_time_ms: i64, process_id: i32 },
    /// Rows name it, and it is not registered (or it is an earlier life of ours).
    Orphaned,
}

impl Loss {
    fn marker(&self) -> String {
        match self.kind {
            LossKind::Removed {
                startup_time_ms,
                process_id,
            } => paths::failover_finished(&self.address, startup_time_ms, process_id),
            LossKind::Orphaned => paths::global_failover_finished(&self.address),
        }
    }

    /// A Java master has no epoch: its start-up time tells its lives apart in the timeline.
    fn recorded_as(&self, dead: &DeadMaster) -> DeadMaster {
        let epoch = match self.kind {
            LossKind::Removed { startup_time_ms, .. } if dead.epoch == 0 => startup_time_ms,
            LossKind::Removed { .. } | LossKind::Orphaned => dead.epoch,
        };
        DeadMaster {
            address: dead.address.clone(),
            epoch,
        }
    }

    fn reason(&self) -> String {
        match &self.kind {
            LossKind::Removed {
                startup_time_ms,
                process_id,
            } => {
                format!(
                    "the node of process {process_id}, started at {startup_time_ms}, has left the registry"
                )
            }
            LossKind::Orphaned => "rows name this address, and no such master is registered".to_owned(),
        }
    }
}

pub(crate) struct FailoverActor {
    term: Arc<Term>,
    node: Addr<MasterNode>,
    loss: Loss,
}

impl FailoverActor {
    pub(crate) fn new(term: Arc<Term>, node: Addr<MasterNode>, loss: Loss) -> Self {
        Self { term, node, loss }
    }
}

impl Actor for FailoverActor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        let work = fail_over(self.term.clone(), self.loss.clone());
        let done = work.into_actor(self).map(|moved, actor, context| {
            actor.node.do_send(FailoverEnded {
                address: actor.loss.address.clone(),
                moved,
            });
            context.stop();
        });
        context.spawn(done);
    }
}

/// Tries until it is done or the term is over; how many instances moved.
async fn fail_over(term: Arc<Term>, loss: Loss) -> usize {
    tokio::time::sleep(turn(&term).await).await;
    let mut moved = Progress::default();
    while term.lease.holds() {
        match attempt(&term, &loss, &mut moved).await {
            Ok(()) => {
                let took = u64::try_from(term.now().since(loss.detected_at)).unwrap_or(0);
                term.metrics.failovers.add(1);
                term.metrics
                    .failover_duration
                    .observe(Duration::from_millis(took));
                return moved.count;
            }
            Err(reason) => log::warn!("failover of {} is not done yet: {reason}", loss.address),
        }
        tokio::time::sleep(FAILOVER_RETRY_PAUSE).await;
    }
    moved.count
}

/// What has moved in all attempts.
#[derive(Default)]
struct Progress {
    count: usize,
    /// What the timeline has not been told yet.
    unrecorded: Vec<Moved>,
    claimed_at: Option<Millis>,
    scanned_at: Option<Millis>,
}

/// The lowest sequence begins at once, each further one a little later: if a death is not taken up, any survivor contends.
async fn turn(term: &Term) -> Duration {
    let Ok(names) = term.registry.children(paths::ORCA_MASTERS).await else {
        return Duration::ZERO;
    };
    let rank = failover::rank(&names, &term.node_name);
    FAILOVER_STAGGER.saturating_mul(u32::try_from(rank).unwrap_or(u32::MAX))
}

async fn attempt(term: &Term, loss: &Loss, moved: &mut Progress) -> Result<(), String> {
    let lock = term
        .registry
        .lock(
            &paths::master_failover_lock(&loss.address),
            Some(FAILOVER_LOCK_WAIT),
        )
        .await
        .map_err(|error| error.to_string())?;
    moved.claimed_at.get_or_insert(term.now());
    let worked = move_all(term, loss, moved).await;
    let finished = match worked {
        Ok(Scope::Moved) => write_marker(&lock, loss).await,
        Ok(Scope::Alive) => Ok(()),
        Err(reason) => Err(reason),
    };
    if let Err(error) = lock.release().await {
        log::warn!(
            "the failover lock of {} will go with our session: {error}",
            loss.address
        );
    }
    finished
}

async fn write_marker(lock: &LockGuard, loss: &Loss) -> Result<(), String> {
    let deadline = loss.detected_at.0.to_string();
    lock.put_persistent(&loss.marker(), &deadline)
        .await
        .map_err(|error| error.to_string())
}

enum Scope {
    Moved,
    /// A living master that Orca does not own; it looks after its rows itself.
    Alive,
}

async fn move_all(term: &Term, loss: &Loss, moved: &mut Progress) -> Result<Scope, String> {
    let Some(judged) = dead_incarnation(term, loss).await? else {
        return Ok(Scope::Alive);
    };
    fence(term, &judged).await?;
    // A life that came up while the fence was put is spared only now: one that may claim has its node by then.
    let second_look = dead_incarnation(term, loss).await?.map(|dead| dead.epoch);
    let Some(epoch) = failover::fenced_dead_epoch(judged.epoch, second_look) else {
        return Ok(Scope::Alive);
    };
    let dead = DeadMaster { epoch, ..judged };
    let scanned_as = loss.recorded_as(&dead);
    loop {
        let scanned = dead.clone();
        let ids = run(term, move |store| {
            store.instances_of_dead(&scanned, FAILOVER_SCAN_LEN)
        })
        .await?;
        moved.scanned_at.get_or_insert(term.now());
        if ids.is_empty() {
            break;
        }
        for page in ids.chunks(FAILOVER_PAGE_LEN) {
            let (dead, page, lease) = (dead.clone(), page.to_vec(), term.lease.clone());
            let some = run(term, move |store| {
                store.move_instances(&dead, &page, &|| lease.holds())
            })
            .await?;
            moved.count += some.len();
            term.metrics.instances_moved.add(some.len() as u64);
            for one in &some {
                term.metrics
                    .workflow(WorkflowState::Failover, one.workflow_definition_code);
            }
            moved.unrecorded.extend(some);
            record(term, loss, &scanned_as, moved, Stage::Moving).await;
        }
    }
    if moved.count > 0 || died(term, loss, &dead).await {
        record(term, loss, &scanned_as, moved, Stage::Done).await;
    } else {
        finish(term, scanned_as).await;
    }
    Ok(Scope::Moved)
}

/// A frozen master may hold the lock on its own row, or on an instance: where the server does not end its transactions, we end its sessions. Once more after the
/// fence, for one that it opened meanwhile; those that it opens later are met by the next try.
async fn fence(term: &Term, dead: &DeadMaster) -> Result<(), String> {
    end_sessions(term, dead).await?;
    let fenced = dead.clone();
    run(term, move |store| store.fence_master(&fenced)).await?;
    end_sessions(term, dead).await
}

async fn end_sessions(term: &Term, dead: &DeadMaster) -> Result<(), String> {
    let of = dead.clone();
    let sessions = run(term, move |store| store.end_sessions(&of)).await?;
    if sessions != SessionsEnded::default() {
        log::warn!(
            "database sessions of the dead master {}: {sessions}",
            dead.address
        );
    }
    Ok(())
}

/// Whether a master that has left nothing died. One that ends in order says so before it leaves the registry; the wait is for a database that is slow to show
/// it. Asked often, because the next life at the address takes over the row that says it.
async fn died(term: &Term, loss: &Loss, dead: &DeadMaster) -> bool {
    if loss.kind == LossKind::Orphaned {
        return false;
    }
    let asked_from = Instant::now();
    loop {
        let asked = dead.clone();
        if run(term, move |store| store.has_stopped(&asked))
            .await
            .unwrap_or(false)
        {
            return false;
        }
        if asked_from.elapsed() >= FAILOVER_FAREWELL_WAIT {
            return true;
        }
        tokio::time::sleep(FAILOVER_FAREWELL_POLL).await;
    }
}

/// The last incarnation at this address that is dead. A later one may be registered there already; then it stays out of this.
async fn dead_incarnation(term: &Term, loss: &Loss) -> Result<Option<DeadMaster>, String> {
    let address = loss.address.clone();
    if let Some(epoch) = failover::own_dead_epoch(&term.incarnation, &address) {
        return Ok(Some(DeadMaster { address, epoch }));
    }
    let asked = address.clone();
    let latest = run(term, move |store| store.latest_epoch(&asked)).await?;
    let is_registered = term
        .registry
        .exists(&paths::master(&address))
        .await
        .map_err(|error| error.to_string())?;
    Ok(failover::dead_epoch(latest, is_registered).map(|epoch| DeadMaster { address, epoch }))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Moving,
    Done,
}

/// The timeline must not hold up the work: what cannot be recorded is logged and told with the next record.
async fn record(term: &Term, loss: &Loss, dead: &DeadMaster, moved: &mut Progress, stage: Stage) {
    let at = term.now();
    let record = FailoverRecord {
        dead: dead.clone(),
        worked_by: term.incarnation.address.to_string(),
        reason: loss.reason(),
        died: true,
        planned: false,
        detected_at: loss.detected_at,
        claimed_at: moved.claimed_at.unwrap_or(at),
        scanned_at: moved.scanned_at.unwrap_or(at),
        at,
        moved: moved.unrecorded.clone(),
        done: stage == Stage::Done,
    };
    match run(term, move |store| store.record_failover(&record)).await {
        Ok(()) => moved.unrecorded.clear(),
        Err(reason) => log::warn!("the timeline of a failover has a gap: {reason}"),
    }
}

/// Nothing was left: a record is worth nothing, but one that another master has begun is done now.
async fn finish(term: &Term, dead: DeadMaster) {
    let at = term.now();
    if let Err(reason) = run(term, move |store| store.finish_failover(&dead, at)).await {
        log::warn!("the timeline of a failover has a gap: {reason}");
    }
}

async fn run<T: Send + 'static>(
    term: &Term,
    job: impl FnOnce(&orca_schema::Store) -> Result<T, orca_schema::Error> + Send + 'static,
) -> Result<T, String> {
    term.pool.run(job).await.map_err(|error| error.to_string())
}
