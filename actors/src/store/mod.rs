//! The way to the database: a pool of blocking threads ([`StoreActor`], a sync arbiter) and two batchers in front of it.
//!
//! Guarantees: nothing here blocks an async arbiter; a job that panics is an error of that job, not the end of its
//! thread. It knows nothing of what a job does.

mod commits;
mod triggers;

pub(crate) use commits::Commits;
pub(crate) use triggers::Triggers;

use actix::{Actor, Addr, Handler, Message, SyncArbiter, SyncContext};
use orca_schema::{Connections, Error, Store};
use std::panic::{AssertUnwindSafe, catch_unwind};
use tokio::sync::oneshot;

/// One thread of the pool.
struct StoreActor {
    store: Store,
}

impl Actor for StoreActor {
    type Context = SyncContext<Self>;
}

/// A closure for a pool thread; it answers through a channel of its own.
#[derive(Message)]
#[rtype(result = "()")]
struct Job(Box<dyn FnOnce(&Store) + Send>);

impl Handler<Job> for StoreActor {
    type Result = ();

    fn handle(&mut self, job: Job, _: &mut Self::Context) {
        // The sender's channel is dropped by the unwinding, which is how the caller learns of it.
        if catch_unwind(AssertUnwindSafe(|| (job.0)(&self.store))).is_err() {
            log::error!("a database job panicked; its caller has been told");
        }
    }
}

/// Cheap to clone; any thread may use it.
#[derive(Clone)]
pub(crate) struct StorePool {
    address: Addr<StoreActor>,
    store: Store,
}

impl StorePool {
    /// Starts `threads` blocking threads. Must be called inside an actix system.
    pub(crate) fn start(store: &Store, threads: usize) -> Self {
        let (each, store) = (store.clone(), store.clone());
        let address = SyncArbiter::start(threads, move || StoreActor { store: each.clone() });
        Self { address, store }
    }

    pub(crate) fn connections(&self) -> Connections {
        self.store.connections()
    }

    /// Runs `job` on a pool thread.
    ///
    /// # Errors
    /// What the job answers, or [`Error::JobLost`] when the pool is gone or the job panicked.
    pub(crate) async fn run<T, F>(&self, job: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&Store) -> Result<T, Error> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.address.do_send(Job(Box::new(move |store| {
            // A caller that went away does not want the answer.
            let _ = reply.send(job(store));
        })));
        answer.await.unwrap_or_else(|_| Err(Error::JobLost))
    }
}
