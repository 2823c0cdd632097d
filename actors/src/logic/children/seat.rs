//! The place of one attempt among those that follow a child. Leaving it forgets the attempt.

use super::Children;
use orca_engine::logic::sub_workflow::{Verdict, Wish};
use tokio::sync::watch;

/// What is known of the child.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The step that starts it, or takes it over, is committed.
    pub(crate) follows: bool,
    pub(crate) child: Option<i32>,
    /// How the task stands by it, once it was looked at.
    pub(crate) verdict: Option<Verdict>,
}

pub(crate) struct Seat {
    children: Children,
    task_instance_id: i32,
    seen: watch::Receiver<Seen>,
}

impl Seat {
    pub(super) const fn new(children: Children, task_instance_id: i32, seen: watch::Receiver<Seen>) -> Self {
        Self {
            children,
            task_instance_id,
            seen,
        }
    }

    /// Waits until more is known than was when this was asked last.
    pub(crate) async fn next(&mut self) -> Seen {
        // The table drops the sender only when this seat is left.
        let _ = self.seen.changed().await;
        *self.seen.borrow_and_update()
    }

    pub(crate) fn now(&self) -> Seen {
        *self.seen.borrow()
    }

    pub(crate) fn ask(&self, child: i32, wish: Wish) {
        self.children.ask(child, wish);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.children.leave(self.task_instance_id);
    }
}
