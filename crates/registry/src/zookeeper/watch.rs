//! Watches by one-shot watch and fresh read: every notification is followed by a look that sets the watch again, so nothing can happen in between unseen.
//!
//! A watch is always set anew before the old one is dropped. Dropping the last watch of a path makes the client take the watch off the server, and a
//! request to set it that is on its way at that moment would be undone.

use super::session::{Session, is_transient, text};
use crate::error::Error;
use crate::limits::{MEMBERS_MAX, WATCH_EVENTS_MAX, WATCH_RESYNC_INTERVAL, WATCH_RETRY_PAUSE};
use crate::member::{MemberEvent, MemberView, MemberWatch, Seen};
use crate::paths;
use crate::registry::SessionState;
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use std::collections::HashSet;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use zookeeper_client as zk;

pub(super) fn children(session: &Arc<Session>, dir: &str) -> Result<MemberWatch, Error> {
    start(session, dir, Target::Children)
}

pub(super) fn node(session: &Arc<Session>, path: &str) -> Result<MemberWatch, Error> {
    start(session, path, Target::Node)
}

#[derive(Clone, Copy, PartialEq)]
enum Target {
    Children,
    Node,
}

fn start(session: &Arc<Session>, path: &str, target: Target) -> Result<MemberWatch, Error> {
    let client = session.client().ok_or_else(|| Error::SessionLost {
        operation: "watch",
        path: path.to_owned(),
    })?;
    let (events, receiver) = mpsc::channel(WATCH_EVENTS_MAX);
    let watcher = Watcher {
        client,
        path: path.to_owned(),
        target,
        view: MemberView::default(),
        events,
        fresh: Vec::new(),
        directory: None,
        members: FuturesUnordered::new(),
        watched: HashSet::new(),
    };
    let state = session.state.subscribe();
    let task = session.spawn(watcher.run(state));
    Ok(MemberWatch::new(receiver, task.abort_handle()))
}

type Notified<T> = BoxFuture<'static, T>;

struct Watcher {
    client: zk::Client,
    path: String,
    target: Target,
    view: MemberView,
    events: mpsc::Sender<MemberEvent>,
    /// Events that are not handed over yet.
    fresh: Vec<MemberEvent>,
    /// Fires when a child comes or goes, or when the directory itself does.
    directory: Option<Notified<()>>,
    /// Fire when a member changes or goes.
    members: FuturesUnordered<Notified<String>>,
    /// Whose notification is in `members`.
    watched: HashSet<String>,
}

/// Why a look did not succeed.
enum Stop {
    /// The session or the consumer is gone.
    Ended,
    /// Look again.
    Retry(zk::Error),
}

enum Wake {
    Directory,
    Member(String),
    /// The connection is back, or it is time to look at everything again.
    Everything,
    Ended,
}

impl Watcher {
    async fn run(mut self, mut state: watch::Receiver<SessionState>) {
        loop {
            let stop = match self.look_at_everything().await {
                Ok(()) => self.follow(&mut state).await,
                Err(stop) => stop,
            };
            match stop {
                Stop::Ended => return,
                Stop::Retry(error) => {
                    log::debug!("watch of {}: {error}, looking again", self.path);
                    tokio::time::sleep(WATCH_RETRY_PAUSE).await;
                }
            }
        }
    }

    /// Ends with `Retry` when everything must be looked at anew.
    async fn follow(&mut self, state: &mut watch::Receiver<SessionState>) -> Stop {
        let mut resync_at = Instant::now() + WATCH_RESYNC_INTERVAL;
        let mut was_suspended = false;
        loop {
            let looked = match self.wait(state, resync_at, &mut was_suspended).await {
                Wake::Directory => self.look_at_directory(false).await,
                Wake::Member(name) => {
                    self.watched.remove(&name);
                    self.look_at_member(name).await
                }
                Wake::Everything => {
                    resync_at = Instant::now() + WATCH_RESYNC_INTERVAL;
                    self.look_at_everything().await
                }
                Wake::Ended => return Stop::Ended,
            };
            if let Err(stop) = looked {
                return stop;
            }
            if let Err(stop) = self.hand_over().await {
                return stop;
            }
        }
    }

    async fn wait(
        &mut self,
        state: &mut watch::Receiver<SessionState>,
        resync_at: Instant,
        was_suspended: &mut bool,
    ) -> Wake {
        let directory = async {
            match &mut self.directory {
                Some(fired) => fired.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = directory => Wake::Directory,
            Some(name) = self.members.next(), if !self.members.is_empty() => Wake::Member(name),
            () = tokio::time::sleep_until(resync_at) => Wake::Everything,
            () = self.events.closed() => Wake::Ended,
            () = reconnected(state, was_suspended) => Wake::Everything,
        }
    }

    /// A full look, told as `Resynced`. Replaces every watch.
    async fn look_at_everything(&mut self) -> Result<(), Stop> {
        let old_members = std::mem::take(&mut self.members);
        self.watched.clear();
        let looked = self.look_at_directory(true).await;
        drop(old_members);
        looked?;
        self.fresh.push(MemberEvent::Resynced);
        self.hand_over().await
    }

    async fn look_at_directory(&mut self, everything: bool) -> Result<(), Stop> {
        if self.target == Target::Node {
            return self.look_at_node().await;
        }
        let Some(names) = self.list().await? else {
            for name in self.view.names().cloned().collect::<Vec<_>>() {
                self.view.observe(&name, None, &mut self.fresh);
            }
            return Ok(());
        };
        if names.len() > MEMBERS_MAX {
            log::error!(
                "{} has {} children, only {MEMBERS_MAX} are watched",
                self.path,
                names.len()
            );
        }
        let names: HashSet<String> = names.into_iter().take(MEMBERS_MAX).collect();
        let gone: Vec<String> = self
            .view
            .names()
            .filter(|name| !names.contains(*name))
            .cloned()
            .collect();
        for name in gone {
            self.view.observe(&name, None, &mut self.fresh);
        }
        for name in names {
            // One that was told as gone and is watched still has its notification coming, and with it the next look.
            if everything || !(self.view.knows(&name) || self.watched.contains(&name)) {
                self.look_at_member(name).await?;
            }
        }
        Ok(())
    }

    /// The children, or nothing when there is no such directory. Either way the next change of that will fire.
    async fn list(&mut self) -> Result<Option<Vec<String>>, Stop> {
        loop {
            match self.client.list_and_watch_children(&self.path).await {
                Ok((names, fired)) => {
                    self.directory = Some(Box::pin(async move {
                        fired.changed().await;
                    }));
                    return Ok(Some(names));
                }
                Err(zk::Error::NoNode) => {}
                Err(error) => return Err(stop(error)),
            }
            let (stat, fired) = self.client.check_and_watch_stat(&self.path).await.map_err(stop)?;
            if stat.is_none() {
                self.directory = Some(Box::pin(async move {
                    fired.changed().await;
                }));
                return Ok(None);
            }
        }
    }

    /// Reads one child and watches it.
    async fn look_at_member(&mut self, name: String) -> Result<(), Stop> {
        let path = format!("{}/{name}", self.path);
        match self.client.get_and_watch_data(&path).await {
            Ok((data, stat, fired)) => {
                self.view.observe(&name, Some(seen(data, &stat)), &mut self.fresh);
                if self.watched.insert(name.clone()) {
                    self.members.push(Box::pin(async move {
                        fired.changed().await;
                        name
                    }));
                }
                Ok(())
            }
            Err(zk::Error::NoNode) => {
                self.view.observe(&name, None, &mut self.fresh);
                Ok(())
            }
            Err(error) => Err(stop(error)),
        }
    }

    /// Reads the one node and watches it, or its creation.
    async fn look_at_node(&mut self) -> Result<(), Stop> {
        let name = paths::name_of(&self.path).to_owned();
        loop {
            match self.client.get_and_watch_data(&self.path).await {
                Ok((data, stat, fired)) => {
                    self.view.observe(&name, Some(seen(data, &stat)), &mut self.fresh);
                    self.directory = Some(Box::pin(async move {
                        fired.changed().await;
                    }));
                    return Ok(());
                }
                Err(zk::Error::NoNode) => self.view.observe(&name, None, &mut self.fresh),
                Err(error) => return Err(stop(error)),
            }
            let (stat, fired) = self.client.check_and_watch_stat(&self.path).await.map_err(stop)?;
            if stat.is_none() {
                self.directory = Some(Box::pin(async move {
                    fired.changed().await;
                }));
                return Ok(());
            }
        }
    }

    async fn hand_over(&mut self) -> Result<(), Stop> {
        for event in self.fresh.drain(..) {
            self.events.send(event).await.map_err(|_closed| Stop::Ended)?;
        }
        Ok(())
    }
}

/// Completes when the connection is back after it was gone.
async fn reconnected(state: &mut watch::Receiver<SessionState>, was_suspended: &mut bool) {
    loop {
        match *state.borrow_and_update() {
            SessionState::Connected if *was_suspended => {
                *was_suspended = false;
                return;
            }
            SessionState::Connected => {}
            SessionState::Suspended => *was_suspended = true,
            SessionState::Expired => {
                // The next look finds out.
                return;
            }
        }
        if state.changed().await.is_err() {
            return;
        }
    }
}

fn seen(data: Vec<u8>, stat: &zk::Stat) -> Seen {
    Seen {
        incarnation: stat.czxid,
        data: text(data),
    }
}

fn stop(error: zk::Error) -> Stop {
    match error {
        zk::Error::SessionExpired
        | zk::Error::SessionMoved
        | zk::Error::ClientClosed
        | zk::Error::AuthFailed => Stop::Ended,
        error => {
            if !is_transient(&error) {
                log::warn!("registry watch: {error}");
            }
            Stop::Retry(error)
        }
    }
}
