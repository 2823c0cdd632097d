//! Trigger requests that arrive together become one transaction.

use super::StorePool;
use crate::limits::{TRIGGER_BATCH_LEN_MAX, TRIGGER_QUEUE_LEN_MAX};
use orca_schema::{Error, NewRun, TriggerError};
use tokio::sync::{mpsc, oneshot};

type Answer = Result<i32, TriggerError>;

struct Waiting {
    run: NewRun,
    answer: oneshot::Sender<Answer>,
}

/// Inserts workflow instances with their commands.
#[derive(Clone)]
pub(crate) struct Triggers {
    queue: mpsc::Sender<Waiting>,
}

impl Triggers {
    /// Starts the batcher on the current runtime.
    pub(crate) fn start(pool: StorePool) -> Self {
        let (sender, mut receiver) = mpsc::channel::<Waiting>(TRIGGER_QUEUE_LEN_MAX);
        tokio::spawn(async move {
            let mut batch = Vec::new();
            while receiver.recv_many(&mut batch, TRIGGER_BATCH_LEN_MAX).await > 0 {
                trigger_batch(std::mem::take(&mut batch), &pool).await;
            }
        });
        Self { queue: sender }
    }

    /// The id of the new workflow instance.
    pub(crate) async fn trigger(&self, run: NewRun) -> Answer {
        let (answer, inserted) = oneshot::channel();
        if self.queue.try_send(Waiting { run, answer }).is_err() {
            return Err(TriggerError::Store(Error::Busy {
                what: "trigger requests",
                limit: TRIGGER_QUEUE_LEN_MAX,
            }));
        }
        inserted.await.unwrap_or(Err(TriggerError::Store(Error::JobLost)))
    }
}

async fn trigger_batch(batch: Vec<Waiting>, pool: &StorePool) {
    let (runs, answers): (Vec<_>, Vec<_>) = batch.into_iter().map(|one| (one.run, one.answer)).unzip();
    match pool.run(move |store| store.trigger(&runs)).await {
        Ok(results) => {
            for (answer, result) in answers.into_iter().zip(results) {
                let _ = answer.send(result);
            }
        }
        Err(error) => {
            for answer in answers {
                let _ = answer.send(Err(TriggerError::Store(Error::Batch {
                    reason: error.to_string(),
                })));
            }
        }
    }
}
