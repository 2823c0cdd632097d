//! Attempts of logic tasks: the worker that is chosen is this master, and the calls do not leave the process.

use super::{Deliver, WorkflowActor};
use crate::logic::{Asked, Attempt, LogicTask};
use actix::{AsyncContext, Context, SpawnHandle};
use orca_engine::logic::LogicType;
use orca_engine::model::ExecutionContext;
use orca_engine::time::Millis;
use orca_engine::workflow::{Event, NodeId};
use std::collections::BTreeMap;
use std::time::Duration;

/// Logic tasks whose start delay or back-off is not over, by task instance id.
pub(super) type Waits = BTreeMap<i32, SpawnHandle>;

impl WorkflowActor {
    pub(super) fn logic_type_of(&self, task_instance_id: i32) -> Option<LogicType> {
        self.machine.logic_type(self.machine.node_of(task_instance_id)?)
    }

    /// The choice of a worker, when the time has come.
    pub(super) fn choose_this_master(
        &mut self,
        task_instance_id: i32,
        not_before: Millis,
        actor: &mut Context<Self>,
    ) {
        let host = self.term.incarnation.address.to_string();
        let chosen = Event::WorkerChosen {
            task_instance_id,
            host,
        };
        let wait = u64::try_from(not_before.since(self.term.now())).unwrap_or(0);
        if wait == 0 {
            return actor.notify(Deliver(vec![chosen]));
        }
        let handle = actor.run_later(Duration::from_millis(wait), move |this, actor| {
            this.inside.remove(&task_instance_id);
            actor.notify(Deliver(vec![chosen]));
        });
        self.inside.insert(task_instance_id, handle);
    }

    pub(super) fn cancel_inside(&mut self, task_instance_id: i32, actor: &mut Context<Self>) {
        if let Some(handle) = self.inside.remove(&task_instance_id) {
            actor.cancel_future(handle);
        }
    }

    pub(super) fn start_inside(
        &self,
        node: NodeId,
        context: ExecutionContext,
        host: String,
        actor: &mut Context<Self>,
    ) {
        let task_instance_id = context.task_instance_id;
        let started = if self.term.lease.holds() {
            self.executor(node).and_then(|task| {
                let attempt = Attempt {
                    context,
                    workflow: actor.address(),
                    fence: self.fence.clone(),
                    task,
                };
                self.term.logic.start(&self.term, attempt)
            })
        } else {
            Err("the lease of this master has run out".to_owned())
        };
        actor.notify(Deliver(vec![match started {
            Ok(()) => Event::DispatchAccepted {
                task_instance_id,
                host,
            },
            Err(reason) => Event::DispatchRefused {
                task_instance_id,
                host,
                reason,
            },
        }]));
    }

    fn executor(&self, node: NodeId) -> Result<LogicTask, String> {
        LogicTask::of(&self.machine, node)
            .ok_or_else(|| "this master has no executor for the task's type".to_owned())
    }

    pub(super) fn kill_inside(&self, task_instance_id: i32, host: String, actor: &mut Context<Self>) {
        let queued = Some(self.term.logic.ask(task_instance_id, Asked::Kill));
        actor.notify(Deliver(vec![Event::KillAnswered {
            task_instance_id,
            host,
            queued,
        }]));
    }

    pub(super) fn pause_inside(&self, task_instance_id: i32) {
        self.term.logic.ask(task_instance_id, Asked::Pause);
    }

    pub(super) fn probe_inside(&self, task_instance_id: i32, host: String, actor: &mut Context<Self>) {
        let present = Some(self.term.logic.has(task_instance_id));
        actor.notify(Deliver(vec![Event::Probed {
            task_instance_id,
            host,
            present,
        }]));
    }
}
