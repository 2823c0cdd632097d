//! What the shell has to do after a step is committed. Imperative; nothing here may be done before the commit.

use super::NodeId;
use crate::codes::{ExecutorEventType, WorkflowState};
use crate::logic::sub_workflow::Wish;
use crate::time::Millis;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Build the execution context of the node's current attempt and queue it at the dispatcher of its worker group.
    /// Not to be dispatched before `not_before`. The shell answers with `WorkerChosen`, `ContextFailed` or
    /// `DispatchTimedOut`. A logic task needs no worker: this master is chosen as soon as the context is built.
    QueueDispatch {
        node: NodeId,
        not_before: Millis,
    },
    /// The attempt waits for a slot of its task group. The shell watches its queue row and answers with `SlotAcquired` once the row says that it may go.
    AwaitSlot {
        task_instance_id: i32,
    },
    /// Take the attempt out of the dispatcher; a `WorkerChosen` already on its way is refused by the machine.
    CancelDispatch {
        task_instance_id: i32,
        worker_group: String,
    },
    /// Make the dispatch call to the chosen host: once, never repeated for the same attempt.
    SendDispatch {
        node: NodeId,
        task_instance_id: i32,
        host: String,
    },
    /// Put an attempt whose worker refused it back into the dispatcher, after the back-off for `failures`.
    RequeueDispatch {
        node: NodeId,
        failures: u32,
    },
    SendKill {
        task_instance_id: i32,
        host: String,
    },
    SendPause {
        task_instance_id: i32,
        host: String,
    },
    SendAck {
        task_instance_id: i32,
        host: String,
        event_type: ExecutorEventType,
    },
    /// Point the attempt's events to this master; the answer is `TakeOverAnswered`.
    SendTakeOver {
        task_instance_id: i32,
        host: String,
    },
    /// Ask the worker with the read-only query whether it has the attempt; the answer is `Probed`.
    SendProbe {
        task_instance_id: i32,
        host: String,
    },
    /// Report the attempt's end when its child ends. `None`: the child that this step has started, which its relation row names.
    FollowChild {
        task_instance_id: i32,
        child: Option<i32>,
    },
    /// Ask the child of an attempt that is over to pause or stop, until it has.
    AskChild {
        child: i32,
        wish: Wish,
    },
    /// Send `TimerFired(timer)` at that time. Arming an armed timer moves it.
    ArmTimer {
        timer: Timer,
        at: Millis,
    },
    /// One line for the log and the operator: why a task or the workflow changed.
    Note {
        task_instance_id: Option<i32>,
        text: String,
    },
    /// The instance is final and committed: forget it.
    Retire {
        state: WorkflowState,
    },
}

/// A timer of one instance. Timers that name an attempt are ignored when that attempt is no longer current.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// The workflow has run for its time-out.
    WorkflowTimeout,
    /// Look for attempts that have said nothing for long.
    Silence,
    /// The attempt has run for its time-out.
    TaskTimeout { task_instance_id: i32 },
    /// The attempt has run for the server's limit (`max-task-instance-runtime`).
    SystemTimeout { task_instance_id: i32 },
    /// The retry interval of a failed attempt is over.
    Retry { task_instance_id: i32 },
    /// Ask again about an attempt of unknown outcome.
    Probe { task_instance_id: i32 },
    /// Send the kill again: the worker has not confirmed it.
    KillAgain { task_instance_id: i32 },
}
