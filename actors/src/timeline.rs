//! The way of lines into the timeline of failovers: a queue and one writer in the background.
//!
//! Guarantees: a caller never waits and never fails; a line that has no place yet is tried again for a while. It refuses to know what the lines say.

use crate::limits::{TIMELINE_BATCH_LEN_MAX, TIMELINE_PAUSE, TIMELINE_QUEUE_LEN_MAX, TIMELINE_WAIT};
use crate::store::StorePool;
use crate::term::wall_clock;
use orca_schema::FailoverNote;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::mpsc;

pub(crate) struct Timeline {
    sender: mpsc::Sender<FailoverNote>,
    is_full: AtomicBool,
}

/// The other end: run it once.
pub(crate) struct Lines {
    receiver: mpsc::Receiver<FailoverNote>,
    waiting: Vec<FailoverNote>,
}

impl Timeline {
    pub(crate) fn new() -> (Self, Lines) {
        let (sender, receiver) = mpsc::channel(TIMELINE_QUEUE_LEN_MAX);
        let is_full = AtomicBool::new(false);
        let waiting = Vec::new();
        (Self { sender, is_full }, Lines { receiver, waiting })
    }

    pub(crate) fn add(&self, note: FailoverNote) {
        let is_lost = self.sender.try_send(note).is_err();
        // Once for each time that it is full, or a storm of lines would become a storm in the log.
        if is_lost && !self.is_full.swap(true, Ordering::Relaxed) {
            log::warn!(
                "more lines than {TIMELINE_QUEUE_LEN_MAX} wait for the timeline of failovers; it gets a gap"
            );
        }
        if !is_lost {
            self.is_full.store(false, Ordering::Relaxed);
        }
    }
}

impl Lines {
    /// Writes until the term is over.
    pub(crate) async fn run(mut self, pool: StorePool) {
        while self.gather().await {
            let batch = std::mem::take(&mut self.waiting);
            let tried = batch.clone();
            match pool.run(move |store| store.note_failovers(&tried)).await {
                Ok(left) => self.waiting = left,
                Err(error) => {
                    log::warn!("the timeline of failovers is not written yet: {error}");
                    self.waiting = batch;
                }
            }
            self.forget_the_old();
        }
    }

    /// Waits for lines and lets more come; `false` when there will be none.
    async fn gather(&mut self) -> bool {
        if self.waiting.is_empty() {
            match self.receiver.recv().await {
                Some(first) => self.waiting.push(first),
                None => return false,
            }
        }
        tokio::time::sleep(TIMELINE_PAUSE).await;
        while self.waiting.len() < TIMELINE_BATCH_LEN_MAX {
            match self.receiver.try_recv() {
                Ok(note) => self.waiting.push(note),
                Err(_) => break,
            }
        }
        true
    }

    fn forget_the_old(&mut self) {
        let oldest = wall_clock().plus(-i64::try_from(TIMELINE_WAIT.as_millis()).unwrap_or(i64::MAX));
        let before = self.waiting.len();
        self.waiting.retain(|note| note.at >= oldest);
        let dropped = before - self.waiting.len();
        if dropped > 0 {
            log::info!("{dropped} lines of the timeline belong to a failover that has no record");
        }
    }
}
