//! Tasks that run inside this master: one small executor per running attempt.
//!
//! Guarantees: an attempt that was taken in reports that it runs and then, once, how it ended; a kill or pause that comes after that reaches
//! it; none outlives the lease, its workflow actor's ownership, or the term. It refuses to know what an end means to a workflow: its reports
//! are the executor events that a worker would send, only without a host, so that nobody acknowledges them.

mod branch;
mod children;
mod dependent;
mod dependents;
mod desk;
mod fake;
mod run;
mod sub_workflow;

pub(crate) use children::Children;
pub(crate) use dependents::Dependents;
pub(crate) use desk::{Asked, Desk, Ending};
pub(crate) use run::LogicTask;

use crate::limits::{LOGIC_SCRIPTS_MAX, LOGIC_TASKS_MAX};
use crate::term::Term;
use crate::workflow::WorkflowActor;
use actix::Addr;
use orca_engine::fence::Fence;
use orca_engine::logic::LogicType;
use orca_engine::model::ExecutionContext;
use orca_engine::time::Millis;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::watch;

/// One attempt with everything it needs.
pub(crate) struct Attempt {
    pub(crate) context: ExecutionContext,
    pub(crate) workflow: Addr<WorkflowActor>,
    pub(crate) fence: Fence,
    pub(crate) task: LogicTask,
}

/// What a monitor shows of a running attempt.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) task_instance_id: i32,
    pub(crate) task_name: String,
    pub(crate) task_type: String,
    pub(crate) project_code: i64,
    pub(crate) workflow_instance_id: i32,
    pub(crate) workflow_instance_name: String,
    pub(crate) start_time: Millis,
}

struct Running {
    listed: Listed,
    logic_type: LogicType,
    epoch: i64,
    asked: watch::Sender<Asked>,
}

/// The running logic tasks of one term. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct LogicTasks {
    running: Arc<Mutex<BTreeMap<i32, Running>>>,
}

impl LogicTasks {
    /// Takes an attempt in and starts it, or says why not.
    pub(crate) fn start(&self, term: &Arc<Term>, attempt: Attempt) -> Result<(), String> {
        let (asked, listen) = watch::channel(Asked::Nothing);
        let id = attempt.context.task_instance_id;
        self.admit(Running {
            listed: listed(&attempt.context, term.now()),
            logic_type: attempt.task.logic_type(),
            epoch: attempt.fence.epoch,
            asked,
        })?;
        let (term, tasks) = (term.clone(), self.clone());
        term.io.clone().spawn(async move {
            Box::pin(run::run(&term, attempt, listen)).await;
            // After its last report, so that whoever misses it here finds the report in the workflow's mailbox.
            tasks.lock().remove(&id);
        });
        Ok(())
    }

    fn admit(&self, running: Running) -> Result<(), String> {
        let mut tasks = self.lock();
        if tasks.contains_key(&running.listed.task_instance_id) {
            return Err("this master runs the attempt already".to_owned());
        }
        if tasks.len() >= LOGIC_TASKS_MAX {
            return Err(format!(
                "this master runs {LOGIC_TASKS_MAX} tasks already, its most"
            ));
        }
        let scripts = tasks.values().filter(|one| one.logic_type == LogicType::Fake);
        if running.logic_type == LogicType::Fake && scripts.count() >= LOGIC_SCRIPTS_MAX {
            return Err(format!(
                "this master runs {LOGIC_SCRIPTS_MAX} scripts already, its most"
            ));
        }
        tasks.insert(running.listed.task_instance_id, running);
        Ok(())
    }

    /// Asks the attempt to end or to pause. `false`: it is not here (any more).
    pub(crate) fn ask(&self, task_instance_id: i32, wanted: Asked) -> bool {
        let tasks = self.lock();
        let Some(running) = tasks.get(&task_instance_id) else {
            return false;
        };
        running.asked.send_modify(|asked| *asked = (*asked).max(wanted));
        true
    }

    pub(crate) fn has(&self, task_instance_id: i32) -> bool {
        self.lock().contains_key(&task_instance_id)
    }

    /// The workflow instance, as it was owned under this fence, is not run here any more: what runs for it ends without a report.
    pub(crate) fn abandon(&self, fence: &Fence) {
        for running in self.lock().values() {
            if running.listed.workflow_instance_id == fence.workflow_instance_id
                && running.epoch == fence.epoch
            {
                running.asked.send_replace(Asked::Abandon);
            }
        }
    }

    /// The term is over.
    pub(crate) fn abandon_all(&self) {
        for running in self.lock().values() {
            running.asked.send_replace(Asked::Abandon);
        }
    }

    pub(crate) fn list(&self) -> Vec<Listed> {
        self.lock()
            .values()
            .map(|running| running.listed.clone())
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<i32, Running>> {
        self.running
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

fn listed(context: &ExecutionContext, start_time: Millis) -> Listed {
    Listed {
        task_instance_id: context.task_instance_id,
        task_name: context.task_name.clone(),
        task_type: context.task_type.clone(),
        project_code: context.project_code,
        workflow_instance_id: context.workflow_instance_id,
        workflow_instance_name: context.workflow_instance_name.clone(),
        start_time,
    }
}
