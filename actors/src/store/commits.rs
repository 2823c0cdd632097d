//! Group commit: the steps of many workflows that wait at the same moment become one transaction.
//!
//! An idle master commits at once: a batch is whatever waits when a place for a batch is free. A workflow has at most
//! one step here, so two batches never touch the same instance.

use super::StorePool;
use crate::limits::{COMMIT_BATCH_LEN_MAX, COMMIT_QUEUE_LEN_MAX};
use crate::metrics::{Metrics, whole};
use orca_registry::Lease;
use orca_schema::{CommitError, Committed, StepCommit};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use tokio::sync::{Semaphore, mpsc, oneshot};

type Answer = Result<Committed, CommitError>;

struct Waiting {
    step: StepCommit,
    answer: oneshot::Sender<Answer>,
}

/// The entrance for workflow actors.
#[derive(Clone)]
pub(crate) struct Commits {
    queue: mpsc::Sender<Waiting>,
    waiting: Arc<AtomicUsize>,
}

/// The other end, to be run by [`CommitQueue::run`].
pub(crate) struct CommitQueue {
    queue: mpsc::Receiver<Waiting>,
    waiting: Arc<AtomicUsize>,
    metrics: Arc<Metrics>,
}

impl Commits {
    pub(crate) fn new(metrics: Arc<Metrics>) -> (Self, CommitQueue) {
        let (sender, receiver) = mpsc::channel(COMMIT_QUEUE_LEN_MAX);
        let waiting = Arc::new(AtomicUsize::new(0));
        (
            Self {
                queue: sender,
                waiting: waiting.clone(),
            },
            CommitQueue {
                queue: receiver,
                waiting,
                metrics,
            },
        )
    }

    /// Commits one step behind its fence. Waits when the queue is full.
    pub(crate) async fn commit(&self, step: StepCommit) -> Answer {
        let (answer, committed) = oneshot::channel();
        self.waiting.fetch_add(1, Ordering::Relaxed);
        if self.queue.send(Waiting { step, answer }).await.is_err() {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(CommitError::Retry {
                reason: "the commit queue is closed".to_owned(),
            });
        }
        // A batch whose job was lost may have committed: only the step counter can tell.
        committed.await.unwrap_or_else(|_| {
            Err(CommitError::Unknown {
                reason: "the batch was lost".to_owned(),
            })
        })
    }

    /// Steps that wait or are being committed.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}

impl CommitQueue {
    /// Forms batches until every [`Commits`] is gone.
    pub(crate) async fn run(mut self, pool: StorePool, lease: Lease, batches_in_flight: usize) {
        let places = Arc::new(Semaphore::new(batches_in_flight.max(1)));
        loop {
            let Ok(place) = places.clone().acquire_owned().await else {
                return;
            };
            let mut batch = Vec::with_capacity(16);
            if self.queue.recv_many(&mut batch, COMMIT_BATCH_LEN_MAX).await == 0 {
                return;
            }
            let (pool, lease, waiting) = (pool.clone(), lease.clone(), self.waiting.clone());
            let metrics = self.metrics.clone();
            tokio::spawn(async move {
                let begun = Instant::now();
                metrics.commit_steps.record(whole(batch.len() as u64));
                commit_batch(batch, &pool, lease, &waiting).await;
                metrics.commit_duration.observe(begun.elapsed());
                drop(place);
            });
        }
    }
}

async fn commit_batch(batch: Vec<Waiting>, pool: &StorePool, lease: Lease, waiting: &AtomicUsize) {
    let (steps, answers): (Vec<_>, Vec<_>) = batch.into_iter().map(|one| (one.step, one.answer)).unzip();
    let len = steps.len();
    let results = pool
        .run(move |store| Ok(store.commit(&steps, &|| lease.holds())))
        .await;
    waiting.fetch_sub(len, Ordering::Relaxed);
    // When the job was lost the senders are dropped here, and each waiter reads its step counter.
    if let Ok(results) = results {
        for (answer, result) in answers.into_iter().zip(results) {
            let _ = answer.send(result);
        }
    }
}
