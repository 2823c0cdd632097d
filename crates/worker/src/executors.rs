//! The tasks a worker has: who may start, who owns them, and what their masters have not acknowledged.
//!
//! Guarantees: a task instance id is executed at most once by one start of this worker; no owner with a lower epoch than
//! one already seen gets a task or takes one over; a slot is held from the dispatch until the acknowledgement of the end;
//! every answer is exact at the moment it is given, because each operation is one short critical section. Refuses to
//! know: processes, connections, and what time it is.

use crate::events::{Acknowledged, Due, EventQueue, QueuedEvent, TaskEvent};
use crate::limits;
use crate::remembered::Remembered;
use crate::task::Stop;
use orca_engine::codes::ExecutorEventType;
use orca_engine::time::{Millis, Tick};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, watch};

/// What identifies an attempt and its owner at the moment of its dispatch.
#[derive(Clone, Debug)]
pub struct Dispatch {
    pub task_instance_id: i32,
    pub task_name: String,
    pub task_type: String,
    pub project_code: i64,
    pub workflow_instance_id: i32,
    pub workflow_instance_name: String,
    pub first_submit_time: Millis,
    /// The address of the master that hears the events; none means nobody, until a take-over.
    pub owner: Option<String>,
    /// The epoch of an Orca owner. A Java master has none.
    pub owner_epoch: Option<i64>,
    /// The start of the worker process that an Orca master means; another process at its address is not meant.
    pub worker_startup_time: Option<Millis>,
    /// The worker's address as the master wrote it; echoed in every event.
    pub host: String,
}

impl Dispatch {
    fn workflow(&self) -> (i32, String) {
        (self.workflow_instance_id, self.workflow_instance_name.clone())
    }
}

/// Why a dispatch is not accepted. The texts reach the master's log; the one for full slots is Java's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("TaskExecutorRuntimeException: All ExclusiveThreadTaskExecutorWorker are busy")]
    NoFreeSlot,
    #[error("TaskExecutorRuntimeException: The worker is stopping")]
    Stopping,
    #[error(
        "TaskExecutorRuntimeException: Another TaskExecutor(id={0}) is already here, of another database"
    )]
    AlreadyHere(i32),
    #[error(
        "TaskExecutorRuntimeException: The TaskExecutor(id={0}) has already ended here, it is not started again"
    )]
    AlreadyEnded(i32),
    #[error("TaskExecutorRuntimeException: The TaskExecutor(id={0}) was killed before it was dispatched")]
    AlreadyKilled(i32),
    #[error(
        "TaskExecutorRuntimeException: The dispatch is meant for the worker process that started at {meant}, this one started at {own}"
    )]
    AnotherProcess { meant: i64, own: i64 },
    #[error(
        "TaskExecutorRuntimeException: The owner of workflow instance {workflow_instance_id} has epoch {known}, \
         a dispatch with epoch {offered} comes from a former owner"
    )]
    FormerOwner {
        workflow_instance_id: i32,
        known: i64,
        offered: i64,
    },
}

/// An accepted attempt: what runs it and what sends its events hold on to this.
pub struct Admitted {
    pub stop: watch::Receiver<Stop>,
    pub wake: Arc<Notify>,
}

/// What the sender of one task's events has to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    Send {
        owner: String,
        host: String,
        workflow_instance_id: i32,
        event: QueuedEvent,
    },
    WaitUntil(Tick),
    Wait,
    /// The task is finalised.
    Gone,
}

/// A line of the answer to `queryTaskInstances`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub task_instance_id: i32,
    pub task_name: String,
    pub task_type: String,
    pub project_code: i64,
    pub workflow_instance_id: i32,
    pub workflow_instance_name: String,
    pub start_time: Option<Millis>,
}

/// Shared by everyone in the worker who asks or tells something about a task.
pub struct Executors {
    table: Mutex<Table>,
    slots: usize,
    resend_ms: u64,
    /// `None`: whoever dispatches here means this process.
    startup_time: Option<Millis>,
    /// Notified whenever a task is finalised.
    freed: Notify,
}

struct Table {
    tasks: BTreeMap<i32, Task>,
    stopping: bool,
    /// Events are neither taken nor sent any more: the tasks are about to be started elsewhere.
    silent: bool,
    /// By id, with the first submit time: a database that was created anew counts its ids from one again.
    ended: Remembered<i32, Millis>,
    killed: Remembered<i32, ()>,
    /// By the id and name of the workflow instance; the name holds a time, for the same reason.
    epochs: Remembered<(i32, String), i64>,
}

struct Task {
    dispatch: Dispatch,
    start_time: Option<Millis>,
    queue: EventQueue,
    stop: watch::Sender<Stop>,
    wake: Arc<Notify>,
}

impl Executors {
    #[must_use]
    pub fn new(slots: usize, resend_ms: u64) -> Self {
        let table = Table {
            tasks: BTreeMap::new(),
            stopping: false,
            silent: false,
            ended: Remembered::new(limits::REMEMBERED_ATTEMPTS_MAX, limits::REMEMBERED_FOR),
            killed: Remembered::new(limits::REMEMBERED_ATTEMPTS_MAX, limits::REMEMBERED_FOR),
            epochs: Remembered::new(limits::REMEMBERED_ATTEMPTS_MAX, limits::REMEMBERED_FOR),
        };
        Self {
            table: Mutex::new(table),
            slots,
            resend_ms,
            startup_time: None,
            freed: Notify::new(),
        }
    }

    /// Those of the worker process that started then: dispatches that name another one are refused.
    #[must_use]
    pub const fn of_process(mut self, startup_time: Millis) -> Self {
        self.startup_time = Some(startup_time);
        self
    }

    /// Takes a dispatched attempt in; from here on it holds a slot. `None`: it is here already, and a second dispatch has the effect of one. A newer owner
    /// that asks so is the one that hears of it from then on.
    pub fn admit(&self, dispatch: Dispatch, now: Tick, created: Millis) -> Result<Option<Admitted>, Refusal> {
        self.is_meant(&dispatch)?;
        let mut table = self.lock();
        if table.is_same(&dispatch) {
            table.may_own(&dispatch, now)?;
            drop(table);
            if let Some(owner) = dispatch.owner {
                self.reassign(dispatch.task_instance_id, owner, dispatch.owner_epoch, now);
            }
            return Ok(None);
        }
        table.may_start(&dispatch, self.slots, now)?;
        if let Some(epoch) = dispatch.owner_epoch {
            table.epochs.insert(dispatch.workflow(), epoch, now);
        }
        let (stop, receiver) = watch::channel(Stop::No);
        let wake = Arc::new(Notify::new());
        let mut queue = EventQueue::default();
        queue.push(TaskEvent::Dispatched, created);
        let id = dispatch.task_instance_id;
        table.tasks.insert(
            id,
            Task {
                dispatch,
                start_time: None,
                queue,
                stop,
                wake: Arc::clone(&wake),
            },
        );
        Ok(Some(Admitted { stop: receiver, wake }))
    }

    /// A call that was meant for an earlier process at this address was sent by a master that may have given up the attempt since.
    fn is_meant(&self, dispatch: &Dispatch) -> Result<(), Refusal> {
        match (dispatch.worker_startup_time, self.startup_time) {
            (Some(meant), Some(own)) if meant != own => Err(Refusal::AnotherProcess {
                meant: meant.0,
                own: own.0,
            }),
            _ => Ok(()),
        }
    }

    /// Something happened to a task.
    pub fn publish(&self, task_instance_id: i32, event: TaskEvent, created: Millis) {
        let mut table = self.lock();
        if table.silent {
            return;
        }
        let Some(task) = table.tasks.get_mut(&task_instance_id) else {
            return;
        };
        if let TaskEvent::Running { start_time, .. } = &event {
            task.start_time = Some(*start_time);
        }
        task.queue.push(event, created);
        task.wake.notify_one();
    }

    /// What the sender of this task does now. An event it answers counts as sent.
    pub fn next(&self, task_instance_id: i32, now: Tick) -> Next {
        let mut table = self.lock();
        let silent = table.silent;
        let Some(task) = table.tasks.get_mut(&task_instance_id) else {
            return Next::Gone;
        };
        let Some(owner) = task.dispatch.owner.clone().filter(|_| !silent) else {
            return Next::Wait;
        };
        match task.queue.due(now, self.resend_ms) {
            Due::Nothing => Next::Wait,
            Due::At(tick) => Next::WaitUntil(tick),
            Due::Send(event) => Next::Send {
                owner,
                host: task.dispatch.host.clone(),
                workflow_instance_id: task.dispatch.workflow_instance_id,
                event,
            },
        }
    }

    /// A master has stored an event. Unknown tasks and types change nothing.
    pub fn acknowledge(&self, task_instance_id: i32, event_type: ExecutorEventType, now: Tick) {
        let mut table = self.lock();
        let Some(task) = table.tasks.get_mut(&task_instance_id) else {
            return;
        };
        let acknowledged = task.queue.acknowledge(event_type);
        task.wake.notify_one();
        if acknowledged == Acknowledged::Finalised
            && let Some(task) = table.tasks.remove(&task_instance_id)
        {
            table
                .ended
                .insert(task_instance_id, task.dispatch.first_submit_time, now);
            self.freed.notify_waiters();
        }
    }

    /// Asks for the end of a task; answers whether it is here. A kill for a task that is not here is remembered: the
    /// dispatch it is meant for may still be on its way.
    pub fn kill(&self, task_instance_id: i32, now: Tick) -> bool {
        let mut table = self.lock();
        if let Some(task) = table.tasks.get(&task_instance_id) {
            task.stop_with(Stop::Kill);
            return true;
        }
        // One that has ended here cannot be on its way.
        if table.ended.get(&task_instance_id, now).is_none() {
            table.killed.insert(task_instance_id, (), now);
        }
        false
    }

    #[must_use]
    pub fn contains(&self, task_instance_id: i32) -> bool {
        self.lock().tasks.contains_key(&task_instance_id)
    }

    /// Another master owns the task: its waiting events go there, at once. Answers false when the task is not here or
    /// the caller's epoch is a former owner's.
    pub fn reassign(&self, task_instance_id: i32, owner: String, epoch: Option<i64>, now: Tick) -> bool {
        let mut table = self.lock();
        let Some(workflow) = table
            .tasks
            .get(&task_instance_id)
            .map(|task| task.dispatch.workflow())
        else {
            return false;
        };
        if let Some(epoch) = epoch {
            if table
                .epochs
                .get(&workflow, now)
                .is_some_and(|known| epoch < *known)
            {
                return false;
            }
            table.epochs.insert(workflow, epoch, now);
        }
        let Some(task) = table.tasks.get_mut(&task_instance_id) else {
            return false;
        };
        task.dispatch.owner = Some(owner);
        task.queue.resend_now();
        task.wake.notify_one();
        true
    }

    #[must_use]
    pub fn list(&self) -> Vec<Listed> {
        self.lock().tasks.values().map(Task::listed).collect()
    }

    /// Tasks that are not finalised; each holds a slot.
    #[must_use]
    pub fn held_slots(&self) -> usize {
        self.lock().tasks.len()
    }

    /// Tasks whose processes may still run.
    #[must_use]
    pub fn running(&self) -> usize {
        self.lock()
            .tasks
            .values()
            .filter(|task| !task.queue.has_ended())
            .count()
    }

    /// From now on no dispatch is accepted.
    pub fn stop_admitting(&self) {
        self.lock().stopping = true;
    }

    /// The worker is going away: all tasks are ended and no event is taken or sent any more.
    pub fn end_all(&self, how: Stop) {
        let mut table = self.lock();
        table.stopping = true;
        table.silent = true;
        for task in table.tasks.values() {
            task.stop_with(how);
            task.wake.notify_one();
        }
    }

    /// Waits until every task is finalised.
    pub async fn wait_until_empty(&self) {
        self.wait_until(|tasks| tasks.is_empty()).await;
    }

    /// Waits until the end of every task that has ended is acknowledged.
    pub async fn wait_until_reported(&self) {
        self.wait_until(|tasks| !tasks.values().any(|task| task.queue.has_ended()))
            .await;
    }

    async fn wait_until(&self, holds: impl Fn(&BTreeMap<i32, Task>) -> bool) {
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            // Registered before the look, so that a task that goes in between is not missed.
            freed.as_mut().enable();
            if holds(&self.lock().tasks) {
                return;
            }
            freed.await;
        }
    }

    /// The table is consistent between any two statements that could panic, so a poisoned lock is still usable.
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn may_start(&mut self, dispatch: &Dispatch, slots: usize, now: Tick) -> Result<(), Refusal> {
        let id = dispatch.task_instance_id;
        if self.stopping {
            return Err(Refusal::Stopping);
        }
        if self.tasks.contains_key(&id) {
            return Err(Refusal::AlreadyHere(id));
        }
        if self.ended.get(&id, now) == Some(&dispatch.first_submit_time) {
            return Err(Refusal::AlreadyEnded(id));
        }
        if self.killed.get(&id, now).is_some() {
            return Err(Refusal::AlreadyKilled(id));
        }
        self.may_own(dispatch, now)?;
        if self.tasks.len() >= slots {
            return Err(Refusal::NoFreeSlot);
        }
        Ok(())
    }

    /// The very attempt is here: neither another one of that number, nor one that has ended and been acknowledged.
    fn is_same(&self, dispatch: &Dispatch) -> bool {
        let here = self.tasks.get(&dispatch.task_instance_id);
        here.is_some_and(|task| {
            task.dispatch.first_submit_time == dispatch.first_submit_time
                && task.dispatch.workflow() == dispatch.workflow()
        })
    }

    fn may_own(&self, dispatch: &Dispatch, now: Tick) -> Result<(), Refusal> {
        let known = self.epochs.get(&dispatch.workflow(), now).copied();
        if let (Some(offered), Some(known)) = (dispatch.owner_epoch, known)
            && offered < known
        {
            let workflow_instance_id = dispatch.workflow_instance_id;
            return Err(Refusal::FormerOwner {
                workflow_instance_id,
                known,
                offered,
            });
        }
        Ok(())
    }
}

impl Task {
    fn stop_with(&self, how: Stop) {
        self.stop.send_if_modified(|stop| {
            let is_stronger = *stop < how;
            if is_stronger {
                *stop = how;
            }
            is_stronger
        });
    }

    fn listed(&self) -> Listed {
        Listed {
            task_instance_id: self.dispatch.task_instance_id,
            task_name: self.dispatch.task_name.clone(),
            task_type: self.dispatch.task_type.clone(),
            project_code: self.dispatch.project_code,
            workflow_instance_id: self.dispatch.workflow_instance_id,
            workflow_instance_name: self.dispatch.workflow_instance_name.clone(),
            start_time: self.start_time,
        }
    }
}

#[cfg(test)]
#[path = "executors_tests.rs"]
mod tests;
