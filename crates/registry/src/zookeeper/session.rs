//! The one owner of the client: lends it, counts the time, ends the session.

use crate::error::Error;
use crate::lease::{Lease, LeaseKeeper};
use crate::registry::{SessionId, SessionState};
use crate::settings::RetryPolicy;
use crate::{limits, paths};
use std::collections::BTreeSet;
use std::future::Future;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::Instant;
use zookeeper_client as zk;

/// A lock of this session until it is taken out.
pub(super) struct HeldLock {
    lock: Mutex<Option<Arc<zk::OwnedLockClient>>>,
    /// The client deletes the lock node in the background when the lock is dropped, and needs a runtime for that.
    runtime: Handle,
}

impl HeldLock {
    pub(super) fn get(&self) -> Option<Arc<zk::OwnedLockClient>> {
        locked(&self.lock).clone()
    }

    pub(super) fn let_go(&self) {
        let _runtime = self.runtime.enter();
        let lock = locked(&self.lock).take();
        drop(lock);
    }
}

impl Drop for HeldLock {
    fn drop(&mut self) {
        self.let_go();
    }
}

pub(super) struct Session {
    pub(super) id: SessionId,
    /// As negotiated.
    pub(super) timeout: Duration,
    pub(super) acls: zk::Acls<'static>,
    pub(super) state: watch::Sender<SessionState>,
    pub(super) lease: Lease,
    pub(super) keeper: Arc<LeaseKeeper>,
    pub(super) lease_started: AtomicBool,
    /// The runtime of the inner tasks.
    pub(super) runtime: Handle,
    retry_policy: RetryPolicy,
    /// Gone once the session is closed.
    client: Mutex<Option<zk::Client>>,
    own_nodes: Mutex<BTreeSet<String>>,
    held_locks: Mutex<Vec<Weak<HeldLock>>>,
    tasks: Mutex<Vec<AbortHandle>>,
}

impl Session {
    pub(super) fn new(client: zk::Client, acls: zk::Acls<'static>, retry_policy: RetryPolicy) -> Arc<Self> {
        let (keeper, lease) = LeaseKeeper::new();
        let states = client.state_watcher();
        let session = Arc::new(Self {
            id: SessionId(client.session_id().0),
            timeout: client.session_timeout(),
            acls,
            state: watch::Sender::new(SessionState::Connected),
            lease,
            keeper: Arc::new(keeper),
            lease_started: AtomicBool::new(false),
            runtime: Handle::current(),
            retry_policy,
            client: Mutex::new(Some(client)),
            own_nodes: Mutex::default(),
            held_locks: Mutex::default(),
            tasks: Mutex::default(),
        });
        // Outlives `close`, which waits for its last word.
        session.runtime.spawn(follow_state(
            states,
            session.state.clone(),
            Arc::clone(&session.keeper),
        ));
        session
    }

    /// Runs one operation that may be repeated without harm. A lost connection repeats it within the bounds of the retry policy and one session
    /// time-out; an answer, good or bad, ends it.
    pub(super) async fn call<T, F, Fut>(&self, attempt: F) -> Result<T, zk::Error>
    where
        F: Fn(zk::Client) -> Fut,
        Fut: Future<Output = Result<T, zk::Error>>,
    {
        let deadline = Instant::now() + self.timeout;
        let mut retries = 0;
        loop {
            let client = self.client().ok_or(zk::Error::ClientClosed)?;
            let answer = tokio::time::timeout_at(deadline, attempt(client)).await;
            match answer {
                Err(_elapsed) => return Err(zk::Error::Timeout),
                Ok(Err(error)) if is_transient(&error) && retries < self.retry_policy.max_retries => {
                    let pause = self.pause_before(retries);
                    retries += 1;
                    if Instant::now() + pause >= deadline {
                        return Err(error);
                    }
                    tokio::time::sleep(pause).await;
                }
                Ok(answer) => return answer,
            }
        }
    }

    /// The first retry is sent at once: the client holds it until the connection is back.
    fn pause_before(&self, retries: u32) -> Duration {
        match retries {
            0 => Duration::ZERO,
            n => (self.retry_policy.base_sleep_time * 2_u32.saturating_pow(n - 1))
                .min(self.retry_policy.max_sleep),
        }
    }

    /// Lends the client. A borrower must give it back soon, or the session cannot end.
    pub(super) fn client(&self) -> Option<zk::Client> {
        locked(&self.client).clone()
    }

    /// A persistent directory with its parents.
    pub(super) async fn make_dir(&self, path: &str) -> Result<(), Error> {
        let options = zk::CreateMode::Persistent.with_acls(self.acls);
        let made = self
            .call(|client| {
                let options = options.clone();
                async move { client.mkdir(path, &options).await }
            })
            .await;
        made.map_err(|error| translate("create", path, &error))
    }

    pub(super) async fn make_parent(&self, path: &str) -> Result<(), Error> {
        match paths::parent_of(path) {
            Some(parent) => self.make_dir(parent).await,
            None => Ok(()),
        }
    }

    pub(super) fn remember_node(&self, path: &str) {
        locked(&self.own_nodes).insert(path.to_owned());
    }

    pub(super) fn forget_node(&self, path: &str) {
        locked(&self.own_nodes).remove(path);
    }

    pub(super) fn has_node(&self, path: &str) -> bool {
        locked(&self.own_nodes).contains(path)
    }

    pub(super) fn hold(&self, lock: zk::OwnedLockClient) -> Arc<HeldLock> {
        let lock = Arc::new(HeldLock {
            lock: Mutex::new(Some(Arc::new(lock))),
            runtime: self.runtime.clone(),
        });
        let mut held = locked(&self.held_locks);
        held.retain(|lock| lock.strong_count() > 0);
        held.push(Arc::downgrade(&lock));
        lock
    }

    /// Starts a task that ends with the session at the latest.
    pub(super) fn spawn<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        let task = self.runtime.spawn(task);
        let mut tasks = locked(&self.tasks);
        tasks.retain(|task| !task.is_finished());
        tasks.push(task.abort_handle());
        task
    }

    pub(super) async fn close(&self) {
        self.keeper.revoke();
        let nodes: Vec<String> = locked(&self.own_nodes).iter().cloned().collect();
        let deleted = async {
            for path in &nodes {
                // Best effort: the end of the session deletes what is left.
                let _ = super::nodes::delete_if_own(self, path).await;
            }
        };
        let _ = tokio::time::timeout(limits::CLOSE_STEP_MAX, deleted).await;
        self.abandon();
        let mut states = self.state.subscribe();
        let ended = states.wait_for(|state| *state == SessionState::Expired);
        if tokio::time::timeout(limits::CLOSE_STEP_MAX, ended).await.is_err() {
            log::warn!(
                "ZooKeeper session {} was not closed in time, it will run out",
                self.id
            );
        }
    }

    /// Lets go of the client, which ends the session. What still holds a clone of it fails first.
    pub(super) fn abandon(&self) {
        self.keeper.revoke();
        for task in locked(&self.tasks).drain(..) {
            task.abort();
        }
        for lock in locked(&self.held_locks).drain(..) {
            if let Some(lock) = lock.upgrade() {
                lock.let_go();
            }
        }
        locked(&self.client).take();
    }
}

async fn follow_state(
    mut states: zk::StateWatcher,
    published: watch::Sender<SessionState>,
    keeper: Arc<LeaseKeeper>,
) {
    let mut state = states.state();
    while *published.borrow() != SessionState::Expired {
        match state {
            zk::SessionState::SyncConnected => published.send_replace(SessionState::Connected),
            zk::SessionState::Disconnected | zk::SessionState::ConnectedReadOnly => {
                published.send_replace(SessionState::Suspended)
            }
            zk::SessionState::AuthFailed | zk::SessionState::Expired | zk::SessionState::Closed => {
                keeper.revoke();
                published.send_replace(SessionState::Expired);
                return;
            }
        };
        state = states.changed().await;
    }
}

/// No data is behind these locks that a panic could leave half-written.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The connection went, not the request: what happened to it is unknown. The client reports a broken socket as `Custom` or `UnexpectedError`.
pub(super) fn is_transient(error: &zk::Error) -> bool {
    matches!(
        error,
        zk::Error::ConnectionLoss
            | zk::Error::Timeout
            | zk::Error::Throttled
            | zk::Error::UnexpectedError(_)
            | zk::Error::Custom(_)
    )
}

pub(super) fn translate(operation: &'static str, path: &str, error: &zk::Error) -> Error {
    let path = path.to_owned();
    match error {
        zk::Error::SessionExpired
        | zk::Error::SessionMoved
        | zk::Error::ClientClosed
        | zk::Error::AuthFailed => Error::SessionLost { operation, path },
        error if is_transient(error) => Error::Unanswered {
            operation,
            path,
            reason: error.to_string(),
        },
        zk::Error::NoAuth => Error::Refused {
            operation,
            path,
            reason: "not authorized; is registry.zookeeper.digest the one of the other servers?".to_owned(),
        },
        error => Error::Refused {
            operation,
            path,
            reason: error.to_string(),
        },
    }
}

pub(super) fn text(data: Vec<u8>) -> String {
    String::from_utf8(data).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
