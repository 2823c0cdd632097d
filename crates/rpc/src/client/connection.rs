//! One connection: a task that writes what callers queue and hands out what the peer answers.
//!
//! It guarantees that a caller whose frame was not begun learns that it was not sent, and that nobody waits once the
//! connection is gone. A frame is claimed before its first byte is written; a caller that gives up claims it too, and
//! only one of the two succeeds. A caller's permit is asked between the moment when the socket takes bytes and the write, so a
//! process that is frozen anywhere else sends nothing on waking that it may not send any more.

mod queue;
mod task;

use super::{ClientSettings, Refusal, UnknownReason};
use crate::limits;
use bytes::Bytes;
pub use queue::Permit;
use queue::{Call, Claim, Queued};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{Notify, Semaphore, mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

/// Why a call got no answer.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// No byte of it left.
    NotSent(Refusal),
    /// It left, or part of it.
    Unanswered(UnknownReason),
}

impl Failure {
    pub(crate) fn not_sent(reason: impl Into<String>) -> Self {
        Self::NotSent(Refusal::NotSent {
            reason: reason.into(),
        })
    }

    fn lost(reason: &str) -> Self {
        Self::Unanswered(UnknownReason::ConnectionLost {
            reason: reason.to_owned(),
        })
    }
}

type Waiter = oneshot::Sender<Result<Bytes, Failure>>;

pub(super) struct Connection {
    queue: mpsc::Sender<Queued>,
    places: Semaphore,
    shared: Arc<Shared>,
}

/// What callers and the connection's task share.
struct Shared {
    waiting: Mutex<HashMap<i64, Waiter>>,
    is_alive: AtomicBool,
    close: Notify,
    close_reason: Mutex<Option<String>>,
}

impl Shared {
    fn waiting(&self) -> std::sync::MutexGuard<'_, HashMap<i64, Waiter>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a result to the caller of `opaque`, if it still waits.
    fn complete(&self, opaque: i64, result: Result<Bytes, Failure>) -> bool {
        let waiter = self.waiting().remove(&opaque);
        // A caller that has just given up drops its end; nothing is lost with it.
        waiter.is_some_and(|waiter| waiter.send(result).is_ok())
    }
}

/// Takes the call off the table when its caller stops waiting for whatever reason.
struct Registration<'a> {
    shared: &'a Shared,
    opaque: i64,
}

impl Drop for Registration<'_> {
    fn drop(&mut self) {
        self.shared.waiting().remove(&self.opaque);
    }
}

/// Keeps a frame that nobody waits for from being sent.
struct ClaimOnDrop(Arc<Claim>);

impl Drop for ClaimOnDrop {
    fn drop(&mut self) {
        self.0.take();
    }
}

impl Connection {
    pub(super) fn start(
        stream: TcpStream,
        address: &Arc<str>,
        settings: &ClientSettings,
        heartbeat: Bytes,
    ) -> Arc<Self> {
        let places = settings.in_flight_max.clamp(1, limits::IN_FLIGHT_CEILING);
        let (queue, queued) = mpsc::channel(places);
        let shared = Arc::new(Shared {
            waiting: Mutex::default(),
            is_alive: AtomicBool::new(true),
            close: Notify::new(),
            close_reason: Mutex::default(),
        });
        let task = task::Task {
            address: Arc::clone(address),
            shared: Arc::clone(&shared),
            heartbeat,
            heartbeat_interval: settings.heartbeat_interval,
            body_len_max: settings.body_len_max,
        };
        tokio::spawn(task.run(stream, queued));
        Arc::new(Self {
            queue,
            places: Semaphore::new(places),
            shared,
        })
    }

    pub(super) fn is_alive(&self) -> bool {
        self.shared.is_alive.load(Ordering::Acquire)
    }

    pub(super) fn close(&self, reason: &str) {
        self.shared
            .close_reason
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert_with(|| reason.to_owned());
        self.shared.close.notify_one();
    }

    /// Open calls and frames not yet written.
    pub(super) fn load(&self) -> (usize, usize) {
        (
            self.shared.waiting().len(),
            self.queue.max_capacity() - self.queue.capacity(),
        )
    }

    /// Sends one frame and waits for the body of its answer.
    pub(super) async fn exchange(
        &self,
        opaque: i64,
        frame: Bytes,
        permit: Option<Permit>,
        deadline: Instant,
        timeout: Duration,
    ) -> Result<Bytes, Failure> {
        let Ok(Ok(_place)) = timeout_at(deadline, self.places.acquire()).await else {
            return Err(Failure::not_sent(
                "too many calls to this peer wait for their answers",
            ));
        };
        let (waiter, answer) = oneshot::channel();
        self.shared.waiting().insert(opaque, waiter);
        let _registration = Registration {
            shared: &self.shared,
            opaque,
        };
        let claim = Arc::new(Claim::default());
        let abandoned = ClaimOnDrop(Arc::clone(&claim));
        let queued = Queued {
            call: Call { opaque, permit },
            frame,
            claim: Arc::clone(&claim),
        };
        match timeout_at(deadline, self.queue.send(queued)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err(Failure::not_sent("the connection was lost before")),
            Err(_) => return Err(Failure::not_sent("the peer does not read what it is sent")),
        }
        let result = timeout_at(deadline, answer).await;
        drop(abandoned);
        match result {
            Ok(Ok(Err(failure @ Failure::Unanswered(_)))) => Err(unanswered(&claim, failure)),
            Ok(Ok(result)) => result,
            // The task ends only after it has answered everybody, so a dropped waiter means that the runtime stops.
            Ok(Err(_)) => Err(unanswered(&claim, Failure::lost("the runtime is shutting down"))),
            Err(_) => {
                let timed_out = Failure::Unanswered(UnknownReason::TimedOut { after: timeout });
                Err(unanswered(&claim, timed_out))
            }
        }
    }
}

/// `failure`, unless the frame was still in the queue.
fn unanswered(claim: &Claim, failure: Failure) -> Failure {
    if claim.was_written() {
        failure
    } else {
        Failure::not_sent("the peer does not read what it is sent")
    }
}
