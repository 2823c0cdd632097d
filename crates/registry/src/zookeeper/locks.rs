//! The mutex of Curator's `InterProcessMutex`: a container directory, children `_c_<uuid>-lock-<sequence>`, the lowest sequence owns it.

use super::nodes::{self, contended, own, refuse_ephemeral};
use super::session::{HeldLock, Session, is_transient, translate};
use crate::error::Error;
use crate::limits::RACE_ATTEMPTS_MAX;
use crate::lock::{LockBackend, LockGuard};
use crate::node::EphemeralNode;
use async_trait::async_trait;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use zookeeper_client as zk;

pub(super) async fn acquire(
    session: &Arc<Session>,
    path: &str,
    within: Option<Duration>,
) -> Result<LockGuard, Error> {
    // In a task of the registry's runtime, because a wait that is given up has to be cleaned up.
    let (still_wanted, given_up) = oneshot::channel();
    let task = session.spawn(contend(Arc::clone(session), path.to_owned(), given_up));
    let contention = Contention {
        task,
        path: path.to_owned(),
        _still_wanted: still_wanted,
    };
    let acquired = match within {
        None => contention.await,
        Some(within) => match tokio::time::timeout(within, contention).await {
            Ok(acquired) => acquired,
            Err(_elapsed) => {
                let waited_ms = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
                return Err(Error::LockBusy {
                    path: path.to_owned(),
                    waited_ms,
                });
            }
        },
    };
    let held = acquired?;
    Ok(LockGuard::new(
        path,
        Box::new(Held {
            session: Arc::clone(session),
            path: path.to_owned(),
            held,
        }),
    ))
}

/// Lines up until it is our turn. `given_up` completes when nobody waits for that any more.
async fn contend(
    session: Arc<Session>,
    path: String,
    mut given_up: oneshot::Receiver<()>,
) -> Result<Arc<HeldLock>, Error> {
    let container = zk::CreateMode::Container.with_acls(session.acls);
    let lost = |error: &zk::Error| translate("lock", &path, error);
    let options = zk::LockOptions::new(session.acls)
        .with_ancestor_options(container)
        .map_err(|e| lost(&e))?;
    loop {
        let client = session.client().ok_or_else(|| lost(&zk::Error::ClientClosed))?;
        let prefix = zk::LockPrefix::new_curator(&path, "lock-").map_err(|error| lost(&error))?;
        // Curator writes its address and nobody reads it. Ours tells one contention from every other.
        let contender = format!("orca {}", uuid::Uuid::new_v4());
        let outcome = tokio::select! {
            outcome = client.lock(prefix, contender.as_bytes(), options.clone()) => outcome.map(zk::LockClient::into_owned),
            _ = &mut given_up => {
                withdraw(&session, &path, &contender).await;
                return Err(Error::LockBusy { path, waited_ms: 0 });
            }
        };
        match outcome {
            Ok(lock) => return Ok(session.hold(lock)),
            // Our place in the queue was deleted by somebody, or the connection broke: line up again.
            Err(error) if is_transient(&error) || error == zk::Error::RuntimeInconsistent => {
                log::debug!("lock {path}: {error}, contending again");
                withdraw(&session, &path, &contender).await;
                tokio::time::sleep(crate::limits::WATCH_RETRY_PAUSE).await;
            }
            Err(error) => return Err(lost(&error)),
        }
    }
}

/// Takes our node out of the queue. The client means to do this itself, but when a contention ends while its node is being created, version 0.11 asks for a
/// path without its directory and leaves the node standing for as long as the session lives. Requests are carried out in order, so a node that
/// was asked for is there when we look.
async fn withdraw(session: &Session, dir: &str, contender: &str) {
    let Ok(names) = session
        .call(|client| async move { client.list_children(dir).await })
        .await
    else {
        return;
    };
    for name in names {
        let node = format!("{dir}/{name}");
        let Ok(Some((payload, _stat))) = nodes::read(session, "lock", &node).await else {
            continue;
        };
        if payload == contender {
            let node = node.as_str();
            let _ = session
                .call(|client| async move { client.delete(node, None).await })
                .await;
        }
    }
}

struct Held {
    session: Arc<Session>,
    path: String,
    held: Arc<HeldLock>,
}

#[async_trait]
impl LockBackend for Held {
    async fn is_held(&self) -> Result<bool, Error> {
        let Ok(lock) = self.lock() else { return Ok(false) };
        let stat = nodes::stat_of(&self.session, "check", lock.lock_path()).await;
        match stat {
            Ok(stat) => Ok(stat.is_some_and(|stat| stat.ephemeral_owner == self.session.id.0)),
            Err(Error::SessionLost { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn put_persistent(&self, path: &str, data: &str) -> Result<(), Error> {
        let lock = self.lock()?;
        let options = zk::CreateMode::Persistent.with_acls(self.session.acls);
        for _ in 0..RACE_ATTEMPTS_MAX {
            let (lock, options) = (&lock, &options);
            let created = self
                .session
                .call(|_| async move { lock.create(path, data.as_bytes(), options).await })
                .await;
            match created {
                Ok(_) => return Ok(()),
                Err(zk::Error::NoNode) => self.session.make_parent(path).await?,
                Err(zk::Error::NodeExists) => {
                    let stat = nodes::stat_of(&self.session, "put", path).await?;
                    let Some(stat) = stat else { continue };
                    refuse_ephemeral(path, &stat)?;
                    let version = Some(stat.version);
                    let written = self
                        .session
                        .call(|_| async move { lock.set_data(path, data.as_bytes(), version).await })
                        .await;
                    match written {
                        Ok(_) => return Ok(()),
                        Err(zk::Error::BadVersion | zk::Error::NoNode) => {}
                        Err(error) => return Err(self.failed("put", path, &error)),
                    }
                }
                Err(error) => return Err(self.failed("put", path, &error)),
            }
        }
        Err(contended("put", path))
    }

    async fn delete(&self, path: &str) -> Result<(), Error> {
        let lock = &self.lock()?;
        match self
            .session
            .call(|_| async move { lock.delete(path, None).await })
            .await
        {
            Ok(()) | Err(zk::Error::NoNode) => Ok(()),
            Err(error) => Err(self.failed("delete", path, &error)),
        }
    }

    async fn claim_ephemeral(&self, path: &str, data: &str) -> Result<Option<EphemeralNode>, Error> {
        let lock = self.lock()?;
        let options = zk::CreateMode::Ephemeral.with_acls(self.session.acls);
        for _ in 0..RACE_ATTEMPTS_MAX {
            let (lock, options) = (&lock, &options);
            let created = self
                .session
                .call(|_| async move { lock.create(path, data.as_bytes(), options).await })
                .await;
            match created {
                // Servers before 3.8.2 send no usable stat here, so the version is read when it is needed.
                Ok(_) => return Ok(Some(own(&self.session, path, data, None))),
                Err(zk::Error::NoNode) => self.session.make_parent(path).await?,
                Err(zk::Error::NodeExists) => {
                    let Some((payload, stat)) = nodes::read(&self.session, "claim", path).await? else {
                        continue;
                    };
                    if stat.ephemeral_owner == self.session.id.0 {
                        let node = own(&self.session, path, data, None);
                        node.update(data).await?;
                        return Ok(Some(node));
                    }
                    if payload != data {
                        return Ok(None);
                    }
                    log::warn!(
                        "{path} names us but belongs to session {:#x}, it is replaced",
                        stat.ephemeral_owner
                    );
                    let version = Some(stat.version);
                    let deleted = self
                        .session
                        .call(|_| async move { lock.delete(path, version).await })
                        .await;
                    match deleted {
                        Ok(()) | Err(zk::Error::NoNode | zk::Error::BadVersion) => {}
                        Err(error) => return Err(self.failed("claim", path, &error)),
                    }
                }
                Err(error) => return Err(self.failed("claim", path, &error)),
            }
        }
        Err(contended("claim", path))
    }

    async fn release(&self) -> Result<(), Error> {
        let Some(lock) = self.held.get() else {
            return Ok(());
        };
        let path = lock.lock_path().to_owned();
        drop(lock);
        let path = path.as_str();
        let deleted = self
            .session
            .call(|client| async move { client.delete(path, None).await })
            .await;
        self.held.let_go();
        match deleted {
            Ok(()) | Err(zk::Error::NoNode | zk::Error::SessionExpired | zk::Error::ClientClosed) => Ok(()),
            // The client goes on trying in the background.
            Err(error) => Err(translate("release", &self.path, &error)),
        }
    }

    fn release_in_background(&self) {
        self.held.let_go();
    }
}

impl Held {
    fn lock(&self) -> Result<Arc<zk::OwnedLockClient>, Error> {
        self.held.get().ok_or_else(|| Error::LockLost {
            path: self.path.clone(),
        })
    }

    fn failed(&self, operation: &'static str, path: &str, error: &zk::Error) -> Error {
        match error {
            zk::Error::RuntimeInconsistent => Error::LockLost {
                path: self.path.clone(),
            },
            error => translate(operation, path, error),
        }
    }
}

/// The wait for a contention. Dropping it makes the contention withdraw, and releases a lock that was won at the same moment.
struct Contention {
    task: JoinHandle<Result<Arc<HeldLock>, Error>>,
    path: String,
    _still_wanted: oneshot::Sender<()>,
}

impl Future for Contention {
    type Output = Result<Arc<HeldLock>, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.task).poll(context).map(|joined| {
            // Only the end of the session stops the task.
            joined.unwrap_or_else(|_stopped| {
                Err(Error::SessionLost {
                    operation: "lock",
                    path: self.path.clone(),
                })
            })
        })
    }
}
