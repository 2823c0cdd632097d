//! The reliable delivery of one task's events to its master, as a pure state machine (`TaskExecutorLifecycleEventRemoteReporter`).
//!
//! Guarantees: events leave in order, one at a time; only an acknowledgement of its type removes an event; an event
//! that is not acknowledged is due again after the resend interval, for ever. Refuses to know: how an event is sent,
//! whether sending worked (the acknowledgement decides), and what time it is.

use orca_engine::codes::ExecutorEventType;
use orca_engine::model::Property;
use orca_engine::time::{Millis, Tick};
use std::collections::VecDeque;

/// What happened to a task, as its master has to hear it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskEvent {
    Dispatched,
    Running {
        start_time: Millis,
        log_path: String,
        execute_path: Option<String>,
    },
    RuntimeContextChanged {
        process_id: i32,
    },
    /// `var_pool` is absent for a task that ran nothing (dry run).
    Succeeded {
        end_time: Millis,
        var_pool: Option<Vec<Property>>,
    },
    Failed {
        end_time: Millis,
    },
    Killed {
        end_time: Millis,
    },
}

impl TaskEvent {
    /// The type an acknowledgement names.
    #[must_use]
    pub const fn event_type(&self) -> ExecutorEventType {
        match self {
            Self::Dispatched => ExecutorEventType::Dispatched,
            Self::Running { .. } => ExecutorEventType::Running,
            Self::RuntimeContextChanged { .. } => ExecutorEventType::RuntimeContextChange,
            Self::Succeeded { .. } => ExecutorEventType::Success,
            Self::Failed { .. } => ExecutorEventType::Failed,
            Self::Killed { .. } => ExecutorEventType::Killed,
        }
    }

    /// For people.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Dispatched => "dispatched",
            Self::Running { .. } => "running",
            Self::RuntimeContextChanged { .. } => "runtime context changed",
            Self::Succeeded { .. } => "success",
            Self::Failed { .. } => "failure",
            Self::Killed { .. } => "killed",
        }
    }

    const fn is_terminal(&self) -> bool {
        matches!(
            self,
            Self::Succeeded { .. } | Self::Failed { .. } | Self::Killed { .. }
        )
    }
}

/// One event with the moment it was created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedEvent {
    pub event: TaskEvent,
    pub created: Millis,
}

/// What the sender has to do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// Send this event. It counts as sent from now on.
    Send(QueuedEvent),
    /// The event in flight is to be sent again at that time.
    At(Tick),
    /// Nothing to send until something happens.
    Nothing,
}

/// What an acknowledgement did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acknowledged {
    /// No event of that type waits: a duplicate, or one that was never ours.
    Nothing,
    /// The next event may leave.
    Removed,
    /// The master knows the end of the task: it can be forgotten.
    Finalised,
}

/// The events of one task that its master has not acknowledged.
#[derive(Debug, Default)]
pub struct EventQueue {
    waiting: VecDeque<QueuedEvent>,
    /// When the head was last handed to the sender.
    head_sent: Option<Tick>,
}

impl EventQueue {
    /// Adds an event behind the others. After a terminal event nothing follows: a second end is dropped.
    pub fn push(&mut self, event: TaskEvent, created: Millis) {
        if self.waiting.back().is_some_and(|last| last.event.is_terminal()) {
            return;
        }
        self.waiting.push_back(QueuedEvent { event, created });
    }

    /// The master has stored an event of this type.
    ///
    /// An acknowledged end finalises the task even when older events still wait: the master knows what they would
    /// have led to. (The Java executor loses its slot in that case.)
    pub fn acknowledge(&mut self, event_type: ExecutorEventType) -> Acknowledged {
        let is_acknowledged = |queued: &QueuedEvent| queued.event.event_type() == event_type;
        if !self.waiting.iter().any(is_acknowledged) {
            return Acknowledged::Nothing;
        }
        if self
            .waiting
            .iter()
            .any(|queued| is_acknowledged(queued) && queued.event.is_terminal())
        {
            self.waiting.clear();
            self.head_sent = None;
            return Acknowledged::Finalised;
        }
        if self.waiting.front().is_some_and(is_acknowledged) {
            self.head_sent = None;
        }
        self.waiting.retain(|queued| !is_acknowledged(queued));
        Acknowledged::Removed
    }

    /// Another master owns the task now: whatever waits has to reach that one, at once.
    pub const fn resend_now(&mut self) {
        self.head_sent = None;
    }

    /// What to do at `now`, when an event is repeated after `resend_ms`.
    pub fn due(&mut self, now: Tick, resend_ms: u64) -> Due {
        let Some(head) = self.waiting.front() else {
            return Due::Nothing;
        };
        match self.head_sent {
            Some(sent) if now < sent + resend_ms => Due::At(sent + resend_ms),
            _ => {
                self.head_sent = Some(now);
                Due::Send(head.clone())
            }
        }
    }

    /// The task has ended, and its master may or may not know.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.waiting.back().is_some_and(|last| last.event.is_terminal())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESEND_MS: u64 = 180_000;

    fn running() -> TaskEvent {
        TaskEvent::Running {
            start_time: Millis(2),
            log_path: "/log".to_owned(),
            execute_path: None,
        }
    }

    fn full_queue() -> EventQueue {
        let mut queue = EventQueue::default();
        queue.push(TaskEvent::Dispatched, Millis(1));
        queue.push(running(), Millis(2));
        queue.push(
            TaskEvent::Succeeded {
                end_time: Millis(3),
                var_pool: None,
            },
            Millis(3),
        );
        queue
    }

    fn sent(due: Due) -> ExecutorEventType {
        match due {
            Due::Send(queued) => queued.event.event_type(),
            other => panic!("expected something to send, got {other:?}"),
        }
    }

    #[test]
    fn events_leave_one_by_one_in_order_each_after_the_acknowledgement_of_the_last() {
        let mut queue = full_queue();
        assert_eq!(sent(queue.due(Tick(0), RESEND_MS)), ExecutorEventType::Dispatched);
        assert_eq!(queue.due(Tick(1), RESEND_MS), Due::At(Tick(RESEND_MS)));
        assert_eq!(
            queue.acknowledge(ExecutorEventType::Dispatched),
            Acknowledged::Removed
        );
        assert_eq!(sent(queue.due(Tick(2), RESEND_MS)), ExecutorEventType::Running);
        assert_eq!(
            queue.acknowledge(ExecutorEventType::Running),
            Acknowledged::Removed
        );
        assert_eq!(sent(queue.due(Tick(3), RESEND_MS)), ExecutorEventType::Success);
        assert_eq!(
            queue.acknowledge(ExecutorEventType::Success),
            Acknowledged::Finalised
        );
        assert_eq!(queue.due(Tick(RESEND_MS * 9), RESEND_MS), Due::Nothing);
    }

    #[test]
    fn an_unacknowledged_event_is_due_again_after_the_interval_and_not_before() {
        let mut queue = full_queue();
        assert_eq!(
            sent(queue.due(Tick(10), RESEND_MS)),
            ExecutorEventType::Dispatched
        );
        assert_eq!(
            queue.due(Tick(10 + RESEND_MS - 1), RESEND_MS),
            Due::At(Tick(10 + RESEND_MS))
        );
        assert_eq!(
            sent(queue.due(Tick(10 + RESEND_MS), RESEND_MS)),
            ExecutorEventType::Dispatched
        );
        assert_eq!(
            queue.due(Tick(11 + RESEND_MS), RESEND_MS),
            Due::At(Tick(10 + 2 * RESEND_MS))
        );
    }

    #[test]
    fn a_duplicate_or_foreign_acknowledgement_changes_nothing() {
        let mut queue = full_queue();
        let _ = queue.due(Tick(0), RESEND_MS);
        assert_eq!(
            queue.acknowledge(ExecutorEventType::Killed),
            Acknowledged::Nothing
        );
        assert_eq!(
            queue.acknowledge(ExecutorEventType::Dispatched),
            Acknowledged::Removed
        );
        assert_eq!(sent(queue.due(Tick(1), RESEND_MS)), ExecutorEventType::Running);
        assert_eq!(
            queue.acknowledge(ExecutorEventType::Dispatched),
            Acknowledged::Nothing
        );
        assert_eq!(queue.due(Tick(2), RESEND_MS), Due::At(Tick(1 + RESEND_MS)));
    }

    #[test]
    fn an_acknowledgement_of_a_later_event_leaves_the_head_in_flight() {
        let mut queue = full_queue();
        let _ = queue.due(Tick(0), RESEND_MS);
        assert_eq!(
            queue.acknowledge(ExecutorEventType::Running),
            Acknowledged::Removed
        );
        assert_eq!(queue.due(Tick(1), RESEND_MS), Due::At(Tick(RESEND_MS)));
    }

    #[test]
    fn an_acknowledged_end_finalises_even_when_older_events_wait() {
        let mut queue = full_queue();
        assert_eq!(
            queue.acknowledge(ExecutorEventType::Success),
            Acknowledged::Finalised
        );
        assert_eq!(queue.due(Tick(0), RESEND_MS), Due::Nothing);
    }

    #[test]
    fn a_take_over_sends_the_head_at_once_to_whoever_is_the_owner_now() {
        let mut queue = full_queue();
        let _ = queue.due(Tick(0), RESEND_MS);
        queue.resend_now();
        assert_eq!(sent(queue.due(Tick(1), RESEND_MS)), ExecutorEventType::Dispatched);
    }

    #[test]
    fn nothing_follows_the_end_of_a_task() {
        let mut queue = full_queue();
        queue.push(TaskEvent::Killed { end_time: Millis(4) }, Millis(4));
        assert!(queue.has_ended());
        assert_eq!(
            queue.acknowledge(ExecutorEventType::Killed),
            Acknowledged::Nothing
        );
        assert_eq!(
            queue.acknowledge(ExecutorEventType::Success),
            Acknowledged::Finalised
        );
    }
}
