//! The children of this master's SUB_WORKFLOW tasks: one look for all of them.
//!
//! Guarantees: a task learns of its child's end within [`CHILD_LOOK_INTERVAL`], and at once when the child ran here; what the parent wants of a child is asked of
//! the child's owner until the child's row shows it. However many children there are, a look is a few statements, and there is none while there are no children.
//! It refuses to know what an end means to the parent.

mod asks;
mod seat;

pub(crate) use seat::{Seat, Seen};

use crate::limits::{CHILD_ASK_LOOKS_MAX, CHILD_LOOK_INTERVAL};
use crate::term::Term;
use orca_engine::codes::WorkflowState;
use orca_engine::logic::sub_workflow::{Asking, Wish, asking, verdict};
use orca_schema::{ChildView, Error};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::{Notify, watch};

/// Cheap to clone; one table.
#[derive(Clone, Default)]
pub(crate) struct Children {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    table: Mutex<Table>,
    wake: Notify,
}

#[derive(Default)]
struct Table {
    /// By the task instance that follows.
    followers: BTreeMap<i32, Follower>,
    /// The attempt that follows a child, by child.
    followed: BTreeMap<i32, i32>,
    /// Wishes, by child.
    wishes: BTreeMap<i32, Wanted>,
}

struct Follower {
    parent: i32,
    seen: watch::Sender<Seen>,
}

struct Wanted {
    wish: Wish,
    looks: u32,
    /// A request is on its way.
    is_asked: bool,
}

/// What one look is about. What is put into the table while it goes on is for the next one.
struct Round {
    /// Attempts whose new child is not known by its id yet: parent and attempt.
    unnamed: Vec<(i32, i32)>,
    /// Attempt and child.
    named: Vec<(i32, i32)>,
    wishes: Vec<(i32, Wish)>,
}

impl Children {
    /// A place for an attempt that is going to follow a child.
    pub(crate) fn sit(&self, task_instance_id: i32, parent: i32) -> Seat {
        let (seen, receiver) = watch::channel(Seen::default());
        let follower = Follower { parent, seen };
        self.lock().followers.insert(task_instance_id, follower);
        Seat::new(self.clone(), task_instance_id, receiver)
    }

    fn leave(&self, task_instance_id: i32) {
        let mut table = self.lock();
        let left = table.followers.remove(&task_instance_id);
        if let Some(child) = left.and_then(|follower| follower.seen.borrow().child) {
            // A later attempt may follow the same child by now.
            if table.followed.get(&child) == Some(&task_instance_id) {
                table.followed.remove(&child);
            }
        }
    }

    /// The attempt's child is started or taken over, and that is committed. `None`: its relation row names it.
    pub(crate) fn follow(&self, task_instance_id: i32, child: Option<i32>) {
        let mut table = self.lock();
        if let Some(follower) = table.followers.get(&task_instance_id) {
            follower.seen.send_modify(|seen| {
                seen.follows = true;
                seen.child = child;
            });
            table
                .followed
                .extend(child.map(|child| (child, task_instance_id)));
        }
        drop(table);
        self.shared.wake.notify_one();
    }

    /// Asks the child to pause or stop, until it has. A stop outdoes a pause.
    pub(crate) fn ask(&self, child: i32, wish: Wish) {
        let mut table = self.lock();
        let wanted = table.wishes.entry(child).or_insert(Wanted {
            wish,
            looks: 0,
            is_asked: false,
        });
        wanted.wish = wanted.wish.max(wish);
        wanted.looks = 0;
        drop(table);
        self.shared.wake.notify_one();
    }

    /// An instance has ended on this master: if somebody follows it, that is looked at now.
    pub(crate) fn ended(&self, workflow_instance_id: i32) {
        let is_followed = self.lock().followed.contains_key(&workflow_instance_id);
        if is_followed {
            self.shared.wake.notify_one();
        }
    }

    /// Looks until the term is over.
    pub(crate) async fn run(self, term: Arc<Term>) {
        loop {
            if self.is_idle() {
                self.shared.wake.notified().await;
            } else {
                let _ = tokio::time::timeout(CHILD_LOOK_INTERVAL, self.shared.wake.notified()).await;
            }
            if let Err(error) = self.look(&term).await {
                log::warn!("the children of sub workflow tasks cannot be looked at; again soon: {error}");
                tokio::time::sleep(CHILD_LOOK_INTERVAL).await;
            }
        }
    }

    async fn look(&self, term: &Arc<Term>) -> Result<(), Error> {
        let mut round = self.round();
        if !round.unnamed.is_empty() {
            let asked = round.unnamed.clone();
            let found = term.pool.run(move |store| store.children_of(&asked)).await?;
            self.name(&found);
            round.named.extend(found);
        }
        let ids: BTreeSet<i32> = round
            .named
            .iter()
            .map(|(_, child)| *child)
            .chain(round.wishes.iter().map(|(child, _)| *child))
            .collect();
        if ids.is_empty() {
            return Ok(());
        }
        let ids: Vec<i32> = ids.into_iter().collect();
        let views = term.pool.run(move |store| store.children(&ids)).await?;
        self.tell(&round.named, &views);
        for (child, wish) in round.wishes {
            self.carry_out(term, child, wish, views.get(&child));
        }
        Ok(())
    }

    fn name(&self, found: &HashMap<i32, i32>) {
        let mut table = self.lock();
        for (task, child) in found {
            if let Some(follower) = table.followers.get(task) {
                follower.seen.send_modify(|seen| seen.child = Some(*child));
                table.followed.insert(*child, *task);
            }
        }
    }

    fn tell(&self, named: &[(i32, i32)], views: &HashMap<i32, ChildView>) {
        let table = self.lock();
        for (task, child) in named {
            let state = views.get(child).map(|view| view.state);
            if let Some(follower) = table.followers.get(task) {
                let verdict = Some(verdict(state));
                follower
                    .seen
                    .send_if_modified(|seen| std::mem::replace(&mut seen.verdict, verdict) != verdict);
            }
        }
    }

    fn carry_out(&self, term: &Arc<Term>, child: i32, wish: Wish, view: Option<&ChildView>) {
        let next = asking(wish, view.map(|view| view.state));
        let mut table = self.lock();
        let Some(wanted) = table.wishes.get_mut(&child) else {
            return;
        };
        wanted.looks += 1;
        if next == Asking::Done && wanted.wish == wish {
            table.wishes.remove(&child);
        } else if wanted.looks > CHILD_ASK_LOOKS_MAX {
            let state = view
                .map(|view: &ChildView| view.state)
                .map_or("gone", WorkflowState::name);
            log::warn!(workflow_instance_id = child; "the child is {state} and cannot be asked to {wish:?}; that is given up");
            table.wishes.remove(&child);
        } else if !wanted.is_asked && matches!(next, Asking::Ask | Asking::CloseInQueue) {
            wanted.is_asked = true;
            drop(table);
            let host = view.and_then(|view| view.host.clone());
            let (children, term) = (self.clone(), term.clone());
            tokio::spawn(async move {
                asks::ask(&term, child, wish, next, host).await;
                if let Some(wanted) = children.lock().wishes.get_mut(&child) {
                    wanted.is_asked = false;
                }
            });
        }
    }

    fn round(&self) -> Round {
        let table = self.lock();
        let (mut unnamed, mut named) = (Vec::new(), Vec::new());
        for (task, follower) in &table.followers {
            let seen = *follower.seen.borrow();
            match (seen.follows, seen.child) {
                (true, Some(child)) => named.push((*task, child)),
                (true, None) => unnamed.push((follower.parent, *task)),
                (false, _) => {}
            }
        }
        let wishes = table.wishes.iter().map(|(child, wanted)| (*child, wanted.wish));
        Round {
            unnamed,
            named,
            wishes: wishes.collect(),
        }
    }

    fn is_idle(&self) -> bool {
        let table = self.lock();
        table.wishes.is_empty() && table.followers.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.shared
            .table
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
