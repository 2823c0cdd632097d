//! Whether the database answers, asked at most once a second and never by more than one thread.

use crate::limits::{HTTP_CHECK_AGE_MAX, HTTP_CHECK_TIME_MAX};
use orca_schema::{Dialect, Store};
use std::sync::{Arc, OnceLock};
use std::time::Instant;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

/// Cheap to clone. Without a store, which a master has once its database answered for the first time, the database is down.
#[derive(Clone, Default)]
pub(crate) struct DatabaseCheck {
    store: Arc<OnceLock<Store>>,
    last: Arc<Mutex<Last>>,
}

#[derive(Default)]
struct Last {
    answered: Option<(Instant, bool)>,
    /// A check that has not come back in time. Another one would wait for the same database.
    under_way: Option<JoinHandle<bool>>,
}

impl DatabaseCheck {
    /// The database to ask from now on.
    pub(crate) fn use_store(&self, store: &Store) {
        // A second start after a registry that was away brings the same one.
        let _ = self.store.set(store.clone());
    }

    /// As JDBC names it.
    pub(crate) fn product(&self) -> Option<&'static str> {
        self.store.get().map(|store| match store.dialect() {
            Dialect::MySql => "MySQL",
            Dialect::Sqlite => "SQLite",
        })
    }

    pub(crate) async fn answers(&self) -> bool {
        let Some(store) = self.store.get() else {
            return false;
        };
        let mut last = self.last.lock().await;
        if let Some((at, up)) = last.answered
            && at.elapsed() < HTTP_CHECK_AGE_MAX
        {
            return up;
        }
        let mut check = match last.under_way.take() {
            Some(check) => check,
            None => {
                let store = store.clone();
                tokio::task::spawn_blocking(move || store.ping().is_ok())
            }
        };
        let up = match tokio::time::timeout(HTTP_CHECK_TIME_MAX, &mut check).await {
            Ok(answer) => answer.unwrap_or(false),
            Err(_) => {
                last.under_way = Some(check);
                false
            }
        };
        last.answered = Some((Instant::now(), up));
        up
    }
}
