//! What a running logic task has in its hands: its context, its log, what is asked of it, and the way to its workflow.

use crate::term::Term;
use crate::workflow::{Deliver, WorkflowActor};
use actix::Addr;
use orca_engine::model::{ExecutionContext, Property};
use orca_engine::workflow::{Event, ExecutorEvent, ExecutorEventKind};
use orca_task_log::{Level, TaskLog};
use std::sync::Arc;
use tokio::sync::watch;

/// What somebody wants of a running attempt. A later one in this order is never replaced by an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Asked {
    Nothing,
    Pause,
    Kill,
    /// Nobody listens any more: end at once, without a report.
    Abandon,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Succeeded(Vec<Property>),
    /// For this reason.
    Failed(String),
    Killed,
    Paused,
}

pub(crate) struct Desk {
    pub(crate) term: Arc<Term>,
    pub(crate) context: ExecutionContext,
    pub(crate) log: TaskLog,
    asked: watch::Receiver<Asked>,
    workflow: Addr<WorkflowActor>,
}

impl Desk {
    pub(super) const fn new(
        term: Arc<Term>,
        context: ExecutionContext,
        log: TaskLog,
        asked: watch::Receiver<Asked>,
        workflow: Addr<WorkflowActor>,
    ) -> Self {
        Self {
            term,
            context,
            log,
            asked,
            workflow,
        }
    }

    /// Waits until the attempt is to be killed. A task that can be paused waits for [`Asked::Pause`] instead.
    pub(crate) async fn asked_to(&mut self, wanted: Asked) -> Asked {
        match self.asked.wait_for(|asked| *asked >= wanted).await {
            Ok(asked) => *asked,
            Err(_) => Asked::Abandon,
        }
    }

    pub(crate) async fn say(&self, text: &str) {
        self.log.line(Level::Info, text).await;
    }

    /// Goes into the row before the end does.
    pub(crate) fn choose_branch(&self, task_params: String) {
        self.workflow.do_send(Deliver(vec![Event::BranchChosen {
            task_instance_id: self.context.task_instance_id,
            task_params,
        }]));
    }

    /// An event of this attempt that no worker would send.
    pub(crate) fn tell(&self, event: Event) {
        self.workflow.do_send(Deliver(vec![event]));
    }

    pub(crate) fn report(&self, kind: ExecutorEventKind) {
        report(&self.workflow, self.context.task_instance_id, kind);
    }
}

/// Never refused: each attempt sends a handful.
pub(super) fn report(workflow: &Addr<WorkflowActor>, task_instance_id: i32, kind: ExecutorEventKind) {
    workflow.do_send(Deliver(vec![Event::Executor(ExecutorEvent {
        task_instance_id,
        host: String::new(),
        kind,
    })]));
}
