//! Guarded row changes. A step's writes are committed in one transaction, behind the instance's fence.

use super::NodeId;
use crate::codes::{Flag, TaskState, WorkflowState};
use crate::logic::sub_workflow::NewChild;
use crate::model::{Alert, BackfillRun, TaskInstance};
use crate::time::Millis;

/// As the time from which a workflow's time-out counts: it is over and has been told, and counts no more. The end of the year 9999, so that a
/// program that does not know it waits for ever, too.
pub const TIMEOUT_SETTLED: Millis = Millis(253_402_300_799_000);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Insert a task row; the store reports its id for `node` with the commit, in the order of the inserts.
    InsertTask {
        node: NodeId,
        row: Box<TaskInstance>,
    },
    /// Change the named columns of one task row of this instance.
    UpdateTask {
        id: i32,
        change: TaskChange,
    },
    /// The instance's state while it runs on (READY_PAUSE, READY_STOP).
    SetState {
        state: WorkflowState,
    },
    /// The end: state, `end_time` and the final var pool; the serial queue row of the instance goes too when the
    /// definition is serial.
    Finish {
        state: WorkflowState,
        end_time: Millis,
        var_pool: Option<String>,
        serial: bool,
    },
    InsertAlert(Alert),
    /// The workflow's time-out has been told: from now on it counts from [`TIMEOUT_SETTLED`], which the next owner finds.
    SettleTimeout,
    /// Start a workflow instance as the child of this attempt: its row, its command or place in the serial queue, its relation to the parent,
    /// and its id in the attempt's `app_link`.
    StartChild {
        task_instance_id: i32,
        child: Box<NewChild>,
    },
    /// Let the child run again as its state asks for, unless it runs or has succeeded; and relate it to this attempt.
    RecoverChild {
        task_instance_id: i32,
        child: i32,
        user_id: i32,
    },
    /// Relate the child of an earlier attempt to this one.
    LinkChild {
        task_instance_id: i32,
        child: i32,
    },
    /// What the attempt has found out so far.
    SetTaskContext {
        task_instance_id: i32,
        context: String,
    },
    /// Ask for a task-group slot: a waiting queue row for the row inserted for, or current at, `node`. Nothing is written when that row has one already (it
    /// keeps its place, or its slot), or when the group does not exist or is closed.
    QueueForSlot {
        node: NodeId,
        task_instance_id: Option<i32>,
        task_name: String,
        group_id: i32,
        priority: i32,
    },
    /// The next instance of a backfill chain, with its command.
    ContinueBackfill(Box<BackfillRun>),
    /// Give back whatever slot or place in the queue this attempt has.
    ReleaseSlot {
        task_instance_id: i32,
    },
}

/// Columns of a task row to set; `None` leaves a column alone, `Some(None)` writes NULL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskChange {
    pub state: Option<TaskState>,
    pub host: Option<Option<String>>,
    pub start_time: Option<Option<Millis>>,
    pub end_time: Option<Option<Millis>>,
    pub log_path: Option<String>,
    pub app_link: Option<String>,
    pub var_pool: Option<Option<String>>,
    pub task_params: Option<String>,
    pub flag: Option<Flag>,
}
