//! What can happen to a running workflow instance. Past tense; each event names the attempt it is about.

use super::effect::Timer;
use crate::codes::ExecutorEventType;
use crate::logic::sub_workflow::ChildFound;
use crate::model::Property;
use crate::time::Millis;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The instance has been claimed and is registered in memory: begin, or go on from the rows.
    Started,
    /// The execution context of a ready attempt cannot be built (unknown environment, bad parameters): fatal.
    ContextFailed {
        task_instance_id: i32,
        reason: String,
    },
    /// The dispatcher has chosen a worker. State and host are written before the call goes out.
    WorkerChosen {
        task_instance_id: i32,
        host: String,
    },
    /// The attempt could not be dispatched for longer than the dispatch policy allows.
    DispatchTimedOut {
        task_instance_id: i32,
        reason: String,
    },
    /// The worker has taken the attempt.
    DispatchAccepted {
        task_instance_id: i32,
        host: String,
    },
    /// The worker definitely does not have the attempt: it said so, or no byte of the call left this process.
    DispatchRefused {
        task_instance_id: i32,
        host: String,
        reason: String,
    },
    /// Nobody knows whether the worker has the attempt: the call was sent and not answered.
    DispatchUnknown {
        task_instance_id: i32,
        host: String,
        reason: String,
    },
    /// Answer of the read-only query to a worker about an attempt of unknown outcome. `None`: no answer.
    Probed {
        task_instance_id: i32,
        host: String,
        present: Option<bool>,
    },
    /// Answer to a take-over call. `None`: no answer (unknown).
    TakeOverAnswered {
        task_instance_id: i32,
        host: String,
        taken: Option<bool>,
    },
    /// Answer to a kill call. `None`: no answer (unknown).
    KillAnswered {
        task_instance_id: i32,
        host: String,
        queued: Option<bool>,
    },
    /// A report of the executor.
    Executor(ExecutorEvent),
    /// A CONDITIONS or SWITCH task has decided: its parameters, with the decision in them.
    BranchChosen {
        task_instance_id: i32,
        task_params: String,
    },
    /// An operator asks for pause or stop.
    PauseRequested,
    StopRequested,
    /// The task-group coordinator has given this attempt its slot.
    SlotAcquired {
        task_instance_id: i32,
    },
    /// A SUB_WORKFLOW attempt that runs has looked for its child and is ready to start, recover or follow it.
    ChildPrepared {
        task_instance_id: i32,
        found: ChildFound,
    },
    /// What an attempt inside this master has found out so far, for `t_ds_task_instance_context`.
    ResultsSettled {
        task_instance_id: i32,
        context: String,
    },
    TimerFired(Timer),
    /// The worker process at this address has left the registry; attempts submitted there before `before` belong to it, or to whatever has answered there
    /// since. `is_replaced`: another process is registered at the address now. Said again, with `false`, as long as a question about an attempt has no answer and
    /// nobody is registered there.
    WorkerLost {
        host: String,
        before: Millis,
        is_replaced: bool,
    },
}

/// One report of the executor event protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutorEvent {
    pub task_instance_id: i32,
    /// The executor's address as it reports it; the ack goes there.
    pub host: String,
    pub kind: ExecutorEventKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExecutorEventKind {
    Dispatched,
    Running {
        start_time: Millis,
        log_path: Option<String>,
    },
    RuntimeContextChanged {
        app_ids: Option<String>,
    },
    Succeeded {
        end_time: Millis,
        var_pool: Vec<Property>,
    },
    Failed {
        end_time: Millis,
    },
    Killed {
        end_time: Millis,
    },
    Paused {
        end_time: Millis,
    },
}

impl ExecutorEventKind {
    /// The executor has nothing more to report after this.
    #[must_use]
    pub const fn ends(&self) -> bool {
        match self {
            Self::Dispatched | Self::Running { .. } | Self::RuntimeContextChanged { .. } => false,
            Self::Succeeded { .. } | Self::Failed { .. } | Self::Killed { .. } | Self::Paused { .. } => true,
        }
    }

    /// The type that the ack has to name.
    #[must_use]
    pub const fn event_type(&self) -> ExecutorEventType {
        match self {
            Self::Dispatched => ExecutorEventType::Dispatched,
            Self::Running { .. } => ExecutorEventType::Running,
            Self::RuntimeContextChanged { .. } => ExecutorEventType::RuntimeContextChange,
            Self::Succeeded { .. } => ExecutorEventType::Success,
            Self::Failed { .. } => ExecutorEventType::Failed,
            Self::Killed { .. } => ExecutorEventType::Killed,
            Self::Paused { .. } => ExecutorEventType::Paused,
        }
    }
}
