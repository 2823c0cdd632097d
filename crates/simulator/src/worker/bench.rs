//! Where a worker keeps its tasks: the real executors of Orca's worker, or what a Java worker does in their place.

use orca_engine::codes::ExecutorEventType;
use orca_engine::time::{Millis, Tick};
use orca_worker::events::{Acknowledged, Due, EventQueue, QueuedEvent, TaskEvent};
use orca_worker::executors::{Dispatch, Executors, Next};
use std::collections::BTreeMap;

/// What the sender of a task's events has to do.
pub enum Post {
    Send { owner: String, event: QueuedEvent },
    WaitUntil(u64),
    Wait,
}

#[allow(clippy::large_enum_variant)] // One per worker.
pub enum Bench {
    Orca(Executors),
    Java(Java),
}

/// A Java worker: a duplicate id takes the place of the task that is there, former owners are served like any other, what has ended is forgotten.
#[derive(Default)]
pub struct Java {
    tasks: BTreeMap<i32, JavaTask>,
    resend_ms: u64,
}

struct JavaTask {
    owner: String,
    queue: EventQueue,
}

impl Bench {
    #[must_use]
    pub fn new(java: bool, slots: usize, resend_ms: u64, startup: Millis) -> Self {
        if java {
            Self::Java(Java {
                tasks: BTreeMap::new(),
                resend_ms,
            })
        } else {
            Self::Orca(Executors::new(slots, resend_ms).of_process(startup))
        }
    }

    /// Whether the attempt is new here.
    pub fn admit(&mut self, dispatch: Dispatch, now: Tick, wall: Millis) -> Result<bool, String> {
        match self {
            Self::Orca(executors) => executors
                .admit(dispatch, now, wall)
                .map(|admitted| admitted.is_some())
                .map_err(|refusal| refusal.to_string()),
            Self::Java(java) => {
                let mut queue = EventQueue::default();
                queue.push(TaskEvent::Dispatched, wall);
                let owner = dispatch.owner.unwrap_or_default();
                java.tasks
                    .insert(dispatch.task_instance_id, JavaTask { owner, queue });
                Ok(true)
            }
        }
    }

    pub fn publish(&mut self, id: i32, event: TaskEvent, wall: Millis) {
        match self {
            Self::Orca(executors) => executors.publish(id, event, wall),
            Self::Java(java) => {
                if let Some(task) = java.tasks.get_mut(&id) {
                    task.queue.push(event, wall);
                }
            }
        }
    }

    pub fn next(&mut self, id: i32, now: Tick) -> Post {
        match self {
            Self::Orca(executors) => match executors.next(id, now) {
                Next::Send { owner, event, .. } => Post::Send { owner, event },
                Next::WaitUntil(at) => Post::WaitUntil(at.0),
                Next::Wait | Next::Gone => Post::Wait,
            },
            Self::Java(java) => {
                let resend_ms = java.resend_ms;
                let Some(task) = java.tasks.get_mut(&id) else {
                    return Post::Wait;
                };
                match task.queue.due(now, resend_ms) {
                    Due::Send(event) => Post::Send {
                        owner: task.owner.clone(),
                        event,
                    },
                    Due::At(at) => Post::WaitUntil(at.0),
                    Due::Nothing => Post::Wait,
                }
            }
        }
    }

    pub fn acknowledge(&mut self, id: i32, event_type: ExecutorEventType, now: Tick) {
        match self {
            Self::Orca(executors) => executors.acknowledge(id, event_type, now),
            Self::Java(java) => {
                if let Some(task) = java.tasks.get_mut(&id)
                    && task.queue.acknowledge(event_type) == Acknowledged::Finalised
                {
                    java.tasks.remove(&id);
                }
            }
        }
    }

    pub fn kill(&mut self, id: i32, now: Tick) -> bool {
        match self {
            Self::Orca(executors) => executors.kill(id, now),
            Self::Java(java) => java.tasks.contains_key(&id),
        }
    }

    pub fn reassign(&mut self, id: i32, owner: String, epoch: i64, now: Tick) -> bool {
        match self {
            Self::Orca(executors) => executors.reassign(id, owner, Some(epoch), now),
            Self::Java(java) => match java.tasks.get_mut(&id) {
                Some(task) => {
                    task.owner = owner;
                    task.queue.resend_now();
                    true
                }
                None => false,
            },
        }
    }

    #[must_use]
    pub fn contains(&self, id: i32) -> bool {
        match self {
            Self::Orca(executors) => executors.contains(id),
            Self::Java(java) => java.tasks.contains_key(&id),
        }
    }
}
