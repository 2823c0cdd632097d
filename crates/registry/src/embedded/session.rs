//! A session in the tables: its heartbeat row, the pulse that keeps it, and the verdicts on the others.

use super::connection::{Database, Fault, Worker};
use super::judge::Judge;
use super::members::{Life, Members, Membership};
use super::queries::{self, Author};
use crate::clock::{Clock, SystemClock};
use crate::error::{Error, ErrorClass};
use crate::lease::{Lease, LeaseKeeper};
use crate::limits::CHANGE_EVENT_AGE_MAX;
use crate::registry::{SessionId, SessionState};
use chrono::{NaiveDateTime, TimeDelta, Utc};
use std::future::Future;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::MissedTickBehavior;

pub(super) struct Session {
    pub(super) id: SessionId,
    pub(super) timeout: Duration,
    pub(super) refresh_interval: Duration,
    pub(super) poll_interval: Duration,
    pub(super) utc_offset_seconds: i32,
    pub(super) state: watch::Sender<SessionState>,
    pub(super) lease: Lease,
    pub(super) keeper: Arc<LeaseKeeper>,
    pub(super) lease_started: AtomicBool,
    pub(super) runtime: Handle,
    /// For what must not wait behind anything: heartbeats and renewals.
    pub(super) pulse: Worker,
    /// For everything else.
    pub(super) work: Worker,
    pub(super) members: Option<Members>,
    pub(super) membership: Mutex<Option<Membership>>,
    pub(super) tasks: Mutex<Vec<AbortHandle>>,
}

impl Session {
    pub(super) fn author(&self) -> Author {
        let now = Utc::now();
        Author {
            client_id: self.id.0,
            now: now.naive_utc() + TimeDelta::seconds(i64::from(self.utc_offset_seconds)),
            now_epoch_ms: now.timestamp_millis(),
        }
    }

    /// Runs a job in the name of this session. A job that finds the session removed ends it here too.
    pub(super) async fn run<T, F>(
        &self,
        worker: &Worker,
        operation: &'static str,
        path: &str,
        job: F,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Fn(&mut Database, Author) -> Result<T, Fault> + Send + 'static,
    {
        if *self.state.borrow() == SessionState::Expired {
            return Err(Error::SessionLost {
                operation,
                path: path.to_owned(),
            });
        }
        let author = self.author();
        let done = worker
            .run(operation, path, move |connection| job(connection, author))
            .await;
        match done {
            Err(error) if error.class() == ErrorClass::SessionLost => {
                self.expire("it was removed by another member");
                Err(Error::SessionLost {
                    operation,
                    path: path.to_owned(),
                })
            }
            done => done,
        }
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

    pub(super) fn expire(&self, reason: &str) {
        self.keeper.revoke();
        let changed = self.state.send_if_modified(|state| {
            let changed = *state != SessionState::Expired;
            *state = SessionState::Expired;
            changed
        });
        if changed {
            log::warn!("registry session {} has ended: {reason}", self.id);
        }
    }

    pub(super) async fn close(&self) {
        self.keeper.revoke();
        self.stop_tasks();
        let author = self.author();
        let removed = self.work.run("close", "session", move |connection| {
            queries::remove_session(connection, author, author.client_id, None)
        });
        match tokio::time::timeout(crate::limits::CLOSE_STEP_MAX, removed).await {
            Ok(Ok(_)) => {
                if let Some(membership) = locked(&self.membership).take() {
                    membership.leave();
                }
            }
            Ok(Err(error)) => log::warn!("registry session {} will run out: {error}", self.id),
            Err(_elapsed) => log::warn!("registry session {} will run out: no answer", self.id),
        }
        self.abandon();
    }

    /// Without a word to the database: the others will notice.
    pub(super) fn abandon(&self) {
        self.keeper.revoke();
        self.stop_tasks();
        self.state.send_replace(SessionState::Expired);
        locked(&self.membership).take();
    }

    fn stop_tasks(&self) {
        for task in locked(&self.tasks).drain(..) {
            task.abort();
        }
    }

    pub(super) fn events_before(&self) -> NaiveDateTime {
        self.author().now - CHANGE_EVENT_AGE_MAX
    }
}

/// Refreshes the heartbeat, looks at the others, and cleans up. Runs until the session has ended.
pub(super) async fn pulse(session: Arc<Session>) {
    let look_interval = match session.members {
        Some(_) => session.poll_interval,
        None => session.refresh_interval,
    };
    let mut ticks = tokio::time::interval(look_interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut judge = Judge::default();
    let mut looked_at = Instant::now();
    let mut refreshed_at: Option<Instant> = None;
    let mut cleaned_at: Option<Instant> = None;
    let mut answered_at = SystemClock.now();
    while *session.state.borrow() != SessionState::Expired {
        ticks.tick().await;
        let sent_at = SystemClock.now();
        let refresh = refreshed_at.is_none_or(|at| at.elapsed() >= session.refresh_interval);
        let looked = session
            .run(&session.pulse, "refresh", "session", move |connection, author| {
                if refresh {
                    queries::touch_session(connection, author)?;
                }
                queries::sessions(connection)
            })
            .await;
        match looked {
            Ok(rows) => {
                answered_at = sent_at;
                publish(&session.state, SessionState::Connected);
                if refresh {
                    refreshed_at = Some(Instant::now());
                }
                if !rows.iter().any(|row| row.id == session.id.0) {
                    session.expire("its row is gone");
                    return;
                }
                // What we slept through is no silence of theirs.
                let since_last_look = looked_at.elapsed().min(look_interval * 2);
                looked_at = Instant::now();
                let has_ended = |id| {
                    session
                        .members
                        .as_ref()
                        .is_some_and(|members| members.life_of(id) == Life::Ended)
                };
                let dead = judge.look(&rows, session.id.0, since_last_look, session.timeout, has_ended);
                for dead in dead {
                    bury(&session, dead.id, dead.last_heartbeat_time).await;
                }
            }
            Err(error) => {
                publish(&session.state, SessionState::Suspended);
                log::warn!("registry heartbeat: {error}");
                if SystemClock.now().saturating_sub(answered_at) > session.timeout {
                    session.expire("the database has not answered for a session time-out");
                    return;
                }
            }
        }
        if cleaned_at.is_none_or(|at| at.elapsed() >= session.timeout) {
            cleaned_at = Some(Instant::now());
            clean(&session).await;
        }
    }
}

/// Removes a dead session, unless it has moved since.
async fn bury(session: &Session, id: i64, last_seen: Option<i64>) {
    let removed = session
        .run(&session.work, "remove", "session", move |connection, author| {
            queries::remove_session(connection, author, id, last_seen)
        })
        .await;
    match removed {
        Ok(removed) => {
            if removed {
                let why = if last_seen.is_some() {
                    "it was silent for its time-out"
                } else {
                    "its process has ended"
                };
                log::info!("removed registry session {id:#x}: {why}");
            }
            if let (Some(members), None) = (&session.members, last_seen) {
                members.forget(id);
            }
        }
        Err(error) => log::warn!("could not remove registry session {id:#x}: {error}"),
    }
}

async fn clean(session: &Session) {
    let before = session.events_before();
    let cleaned = session
        .run(&session.work, "clean", "tables", move |connection, author| {
            let orphans = queries::remove_orphans(connection, author)?;
            queries::purge_events(connection, before)?;
            Ok(orphans)
        })
        .await;
    match cleaned {
        Ok(0) => {}
        Ok(orphans) => log::info!("removed {orphans} nodes and locks without a session"),
        Err(error) => log::debug!("cleaning the registry tables: {error}"),
    }
}

/// Never leaves `Expired`.
fn publish(states: &watch::Sender<SessionState>, new: SessionState) {
    states.send_if_modified(|state| {
        let changed = *state != SessionState::Expired && *state != new;
        if changed {
            *state = new;
        }
        changed
    });
}

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
