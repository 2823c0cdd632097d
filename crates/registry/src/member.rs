//! Who joined, changed and left, as a stream that cannot lose a change of membership.
//!
//! A registry only tells that something happened, sometimes late and never what was missed. So each implementation looks again and hands what it saw
//! to a [`MemberView`], which remembers the last payloads and turns the difference into events.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

/// One change of one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemberEvent {
    Added {
        name: String,
        data: String,
    },
    Updated {
        name: String,
        data: String,
        previous: String,
    },
    Removed {
        name: String,
        last_data: String,
    },
    /// Everything up to here is a complete picture: after the first look, and after each reconnection.
    Resynced,
}

/// The stream of events of one directory or node.
///
/// It begins with an `Added` for each member that is there and a `Resynced`. A node that was deleted and created again between two looks comes as `Removed`
/// and `Added`. Payloads that changed several times between two looks come as one `Updated`. It ends when the session has ended.
#[derive(Debug)]
pub struct MemberWatch {
    events: mpsc::Receiver<MemberEvent>,
    task: AbortHandle,
}

impl MemberWatch {
    pub(crate) fn new(events: mpsc::Receiver<MemberEvent>, task: AbortHandle) -> Self {
        Self { events, task }
    }

    /// The next event; nothing once the session has ended. Safe to cancel.
    pub async fn next(&mut self) -> Option<MemberEvent> {
        self.events.recv().await
    }
}

impl futures::Stream for MemberWatch {
    type Item = MemberEvent;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<MemberEvent>> {
        self.events.poll_recv(context)
    }
}

impl Drop for MemberWatch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One member at one look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Differs between two nodes that had the same name one after the other.
    pub(crate) incarnation: i64,
    pub(crate) data: String,
}

/// What has been told to the consumer so far.
#[derive(Debug, Default)]
pub(crate) struct MemberView {
    known: BTreeMap<String, Seen>,
}

impl MemberView {
    pub(crate) fn knows(&self, name: &str) -> bool {
        self.known.contains_key(name)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &String> {
        self.known.keys()
    }

    /// Takes in one member; `None` means that it is not there.
    pub(crate) fn observe(&mut self, name: &str, seen: Option<Seen>, events: &mut Vec<MemberEvent>) {
        match (self.known.entry(name.to_owned()), seen) {
            (Entry::Vacant(_), None) => {}
            (Entry::Vacant(place), Some(seen)) => {
                events.push(MemberEvent::Added {
                    name: name.to_owned(),
                    data: seen.data.clone(),
                });
                place.insert(seen);
            }
            (Entry::Occupied(place), None) => {
                let last_data = place.remove().data;
                events.push(MemberEvent::Removed {
                    name: name.to_owned(),
                    last_data,
                });
            }
            (Entry::Occupied(mut place), Some(seen)) => {
                let previous = place.insert(seen.clone());
                if previous.incarnation != seen.incarnation {
                    events.push(MemberEvent::Removed {
                        name: name.to_owned(),
                        last_data: previous.data,
                    });
                    events.push(MemberEvent::Added {
                        name: name.to_owned(),
                        data: seen.data,
                    });
                } else if previous.data != seen.data {
                    events.push(MemberEvent::Updated {
                        name: name.to_owned(),
                        data: seen.data,
                        previous: previous.data,
                    });
                }
            }
        }
    }

    /// Takes in a look at everything: who is not in it has left.
    pub(crate) fn observe_all(&mut self, current: BTreeMap<String, Seen>, events: &mut Vec<MemberEvent>) {
        let gone: Vec<String> = self
            .known
            .keys()
            .filter(|name| !current.contains_key(*name))
            .cloned()
            .collect();
        for name in gone {
            self.observe(&name, None, events);
        }
        for (name, seen) in current {
            self.observe(&name, Some(seen), events);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(incarnation: i64, data: &str) -> Seen {
        Seen {
            incarnation,
            data: data.to_owned(),
        }
    }

    fn look(view: &mut MemberView, members: &[(&str, i64, &str)]) -> Vec<MemberEvent> {
        let mut events = Vec::new();
        let current = members
            .iter()
            .map(|(name, inc, data)| ((*name).to_owned(), seen(*inc, data)))
            .collect();
        view.observe_all(current, &mut events);
        events
    }

    #[test]
    fn a_look_tells_only_the_difference() {
        let mut view = MemberView::default();
        assert_eq!(look(&mut view, &[("a", 1, "x"), ("b", 2, "y")]).len(), 2);
        assert_eq!(look(&mut view, &[("a", 1, "x"), ("b", 2, "y")]), vec![]);
        assert_eq!(
            look(&mut view, &[("b", 2, "z"), ("c", 3, "n")]),
            vec![
                MemberEvent::Removed {
                    name: "a".into(),
                    last_data: "x".into()
                },
                MemberEvent::Updated {
                    name: "b".into(),
                    data: "z".into(),
                    previous: "y".into()
                },
                MemberEvent::Added {
                    name: "c".into(),
                    data: "n".into()
                },
            ]
        );
        assert!(view.knows("c") && !view.knows("a"));
    }

    #[test]
    fn a_node_that_was_recreated_unseen_left_and_came() {
        let mut view = MemberView::default();
        look(&mut view, &[("a", 1, "old")]);
        let same_payload = look(&mut view, &[("a", 2, "old")]);
        assert_eq!(
            same_payload,
            vec![
                MemberEvent::Removed {
                    name: "a".into(),
                    last_data: "old".into()
                },
                MemberEvent::Added {
                    name: "a".into(),
                    data: "old".into()
                },
            ]
        );
    }

    #[test]
    fn the_last_payload_survives_until_the_removal() {
        let mut view = MemberView::default();
        let mut events = Vec::new();
        view.observe("a", Some(seen(1, "first")), &mut events);
        view.observe("a", Some(seen(1, "second")), &mut events);
        view.observe("a", None, &mut events);
        view.observe("a", None, &mut events);
        assert_eq!(events.len(), 3);
        assert_eq!(
            events[2],
            MemberEvent::Removed {
                name: "a".into(),
                last_data: "second".into()
            }
        );
    }
}
