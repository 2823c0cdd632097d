//! Watches by looking at the rows every poll interval. The change events are for Java peers; they are not read here, because ids are handed out before
//! the transactions commit, so a reader of "ids above the last" can skip one for ever.

use super::queries;
use super::session::Session;
use super::tables::DataRow;
use crate::error::{Error, ErrorClass};
use crate::limits::WATCH_EVENTS_MAX;
use crate::member::{MemberEvent, MemberView, MemberWatch, Seen};
use crate::paths;
use crate::registry::SessionState;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

#[derive(Clone, Copy)]
pub(super) enum Target {
    Children,
    Node,
}

pub(super) fn start(session: &Arc<Session>, path: &str, target: Target) -> Result<MemberWatch, Error> {
    if *session.state.borrow() == SessionState::Expired {
        return Err(Error::SessionLost {
            operation: "watch",
            path: path.to_owned(),
        });
    }
    let (events, receiver) = mpsc::channel(WATCH_EVENTS_MAX);
    let task = session.spawn(follow(Arc::clone(session), path.to_owned(), target, events));
    Ok(MemberWatch::new(receiver, task.abort_handle()))
}

async fn follow(session: Arc<Session>, path: String, target: Target, events: mpsc::Sender<MemberEvent>) {
    let mut ticks = tokio::time::interval(session.poll_interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut states = session.state.subscribe();
    let mut view = MemberView::default();
    let mut complete = false;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = events.closed() => return,
            expired = states.wait_for(|state| *state == SessionState::Expired) => {
                drop(expired);
                return;
            }
        }
        let key = path.clone();
        let looked = session
            .run(
                &session.work,
                "watch",
                &path,
                move |connection, _author| match target {
                    Target::Children => queries::below(connection, &key),
                    Target::Node => Ok(queries::find(connection, &key)?.into_iter().collect()),
                },
            )
            .await;
        let mut fresh = Vec::new();
        match looked {
            Ok(rows) => {
                view.observe_all(members(&path, target, rows), &mut fresh);
                if !complete {
                    complete = true;
                    fresh.push(MemberEvent::Resynced);
                }
            }
            Err(error) if error.class() == ErrorClass::SessionLost => return,
            Err(error) => {
                log::debug!("{error}");
                complete = false;
            }
        }
        for event in fresh {
            if events.send(event).await.is_err() {
                return;
            }
        }
    }
}

fn members(path: &str, target: Target, rows: Vec<DataRow>) -> BTreeMap<String, Seen> {
    rows.into_iter()
        .filter_map(|row| {
            let name = match target {
                Target::Children => row.data_key.strip_prefix(path)?.strip_prefix('/')?.to_owned(),
                Target::Node => paths::name_of(&row.data_key).to_owned(),
            };
            let is_child = !name.contains('/');
            is_child.then_some((
                name,
                Seen {
                    incarnation: row.id,
                    data: row.data_value,
                },
            ))
        })
        .collect()
}
