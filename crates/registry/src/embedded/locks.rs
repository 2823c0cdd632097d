//! A mutex is a row of the lock table. Whoever inserts it has it; the others try again.

use super::connection::transact;
use super::nodes::own;
use super::queries::{self, Claim};
use super::session::Session;
use crate::error::{Error, ErrorClass};
use crate::limits::LOCK_POLL_INTERVAL;
use crate::lock::{LockBackend, LockGuard};
use crate::node::EphemeralNode;
use async_trait::async_trait;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::Instant;

pub(super) async fn acquire(
    session: &Arc<Session>,
    path: &str,
    within: Option<Duration>,
) -> Result<LockGuard, Error> {
    let deadline = within.map(|within| Instant::now() + within);
    // Java lets the same owner in again; ours is never the same twice.
    let owner = format!("orca_{}_{}", std::process::id(), uuid::Uuid::new_v4().simple());
    loop {
        match try_once(session, path, &owner).await {
            Ok(Some(guard)) => return Ok(guard),
            Ok(None) => {}
            Err(error) if error.class() == ErrorClass::Retry => log::debug!("lock {path}: {error}"),
            Err(error) => return Err(error),
        }
        let pause = LOCK_POLL_INTERVAL.min(session.poll_interval);
        if deadline.is_some_and(|deadline| Instant::now() + pause > deadline) {
            let waited_ms = within.map_or(0, |within| u64::try_from(within.as_millis()).unwrap_or(u64::MAX));
            return Err(Error::LockBusy {
                path: path.to_owned(),
                waited_ms,
            });
        }
        tokio::time::sleep(pause).await;
    }
}

/// In a task, so that giving up the wait cannot leave a row behind: its answer is a guard, and a guard nobody takes releases itself.
async fn try_once(session: &Arc<Session>, path: &str, owner: &str) -> Result<Option<LockGuard>, Error> {
    let (session, path, owner) = (Arc::clone(session), path.to_owned(), owner.to_owned());
    let runtime = session.runtime.clone();
    let lost = Error::SessionLost {
        operation: "lock",
        path: path.clone(),
    };
    let tried = runtime.spawn(async move {
        let (key, inner_owner) = (path.clone(), owner.clone());
        let taken = session
            .run(&session.work, "lock", &path, move |connection, author| {
                queries::try_lock(connection, author, &key, &inner_owner)
            })
            .await;
        if matches!(&taken, Err(error) if error.class() == ErrorClass::Retry) {
            // It may have been taken all the same.
            let session_again = Arc::clone(&session);
            let _ = session_again
                .run(&session.work, "unlock", &path, move |connection, author| {
                    queries::unlock_owner(connection, author, &owner)
                })
                .await;
        }
        taken.map(|id| {
            id.map(|id| {
                let held = Held {
                    session,
                    id,
                    path: path.clone(),
                    released: AtomicBool::new(false),
                };
                LockGuard::new(&path, Box::new(held))
            })
        })
    });
    tried.await.unwrap_or(Err(lost))
}

struct Held {
    session: Arc<Session>,
    id: i64,
    path: String,
    released: AtomicBool,
}

#[async_trait]
impl LockBackend for Held {
    async fn is_held(&self) -> Result<bool, Error> {
        if self.released.load(Ordering::Acquire) {
            return Ok(false);
        }
        let (id, lock) = (self.id, self.path.clone());
        let held = self.session.run(
            &self.session.work,
            "check",
            &self.path,
            move |connection, author| queries::touch_lock(connection, author, id, &lock),
        );
        match held.await {
            Ok(()) => Ok(true),
            Err(error) if error.class() == ErrorClass::Retry => Err(error),
            Err(_lost) => Ok(false),
        }
    }

    async fn put_persistent(&self, path: &str, data: &str) -> Result<(), Error> {
        let (id, lock, key, data) = (self.id, self.path.clone(), path.to_owned(), data.to_owned());
        self.session
            .run(&self.session.work, "put", path, move |connection, author| {
                transact(connection, |connection| {
                    queries::touch_session(connection, author)?;
                    queries::touch_lock(connection, author, id, &lock)?;
                    queries::put_persistent_here(connection, author, &key, &data)
                })
            })
            .await
    }

    async fn delete(&self, path: &str) -> Result<(), Error> {
        let (id, lock, key) = (self.id, self.path.clone(), path.to_owned());
        self.session
            .run(&self.session.work, "delete", path, move |connection, author| {
                transact(connection, |connection| {
                    queries::touch_session(connection, author)?;
                    queries::touch_lock(connection, author, id, &lock)?;
                    queries::delete_here(connection, author, &key)
                })
            })
            .await
    }

    async fn claim_ephemeral(&self, path: &str, data: &str) -> Result<Option<EphemeralNode>, Error> {
        let (id, lock, key, data) = (self.id, self.path.clone(), path.to_owned(), data.to_owned());
        let claimed = self
            .session
            .run(&self.session.work, "claim", path, move |connection, author| {
                transact(connection, |connection| {
                    queries::touch_session(connection, author)?;
                    queries::touch_lock(connection, author, id, &lock)?;
                    queries::claim_here(connection, author, &key, &data)
                })
            })
            .await?;
        match claimed {
            Claim::Ours(row) => Ok(Some(own(&self.session, row, path))),
            Claim::Somebody => Ok(None),
        }
    }

    async fn release(&self) -> Result<(), Error> {
        if self.released.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        let released = unlock(Arc::clone(&self.session), self.id, self.path.clone()).await;
        match released {
            // The session took its locks with it.
            Err(error) if error.class() == ErrorClass::SessionLost => Ok(()),
            Err(error) => {
                self.released.store(false, Ordering::Release);
                Err(error)
            }
            Ok(()) => Ok(()),
        }
    }

    fn release_in_background(&self) {
        if !self.released.swap(true, Ordering::AcqRel) {
            let unlocking = unlock(Arc::clone(&self.session), self.id, self.path.clone());
            self.session.runtime.spawn(async move {
                if let Err(error) = unlocking.await {
                    log::warn!("{error}");
                }
            });
        }
    }
}

async fn unlock(session: Arc<Session>, id: i64, path: String) -> Result<(), Error> {
    session
        .run(&session.work, "unlock", &path, move |connection, author| {
            queries::unlock(connection, author, id)
        })
        .await
}
