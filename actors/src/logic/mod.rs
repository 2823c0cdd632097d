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
use orca_registry::Lease;
use std::collections::{BTreeMap, BTreeSet};
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
    table: Arc<Mutex<Table>>,
}

#[derive(Default)]
struct Table {
    running: BTreeMap<i32, Running>,
    /// Task instances by workflow instance: every workflow that ends asks, and few have any.
    of_workflow: BTreeMap<i32, BTreeSet<i32>>,
    scripts: usize,
}

impl Table {
    fn insert(&mut self, running: Running) {
        let (id, workflow) = (
            running.listed.task_instance_id,
            running.listed.workflow_instance_id,
        );
        self.scripts += usize::from(running.logic_type == LogicType::Fake);
        self.of_workflow.entry(workflow).or_default().insert(id);
        self.running.insert(id, running);
    }

    fn remove(&mut self, task_instance_id: i32) {
        let Some(running) = self.running.remove(&task_instance_id) else {
            return;
        };
        self.scripts -= usize::from(running.logic_type == LogicType::Fake);
        let workflow = running.listed.workflow_instance_id;
        if let Some(tasks) = self.of_workflow.get_mut(&workflow) {
            tasks.remove(&task_instance_id);
            if tasks.is_empty() {
                self.of_workflow.remove(&workflow);
            }
        }
    }
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
        if !term.lease.holds() {
            self.ask(id, Asked::Abandon);
        }
        let (term, tasks) = (term.clone(), self.clone());
        term.io.clone().spawn(async move {
            Box::pin(run::run(&term, attempt, listen)).await;
            // After its last report, so that whoever misses it here finds the report in the workflow's mailbox.
            tasks.lock().remove(id);
        });
        Ok(())
    }

    /// Waits for the end of the lease, once for all: a timer of each task would cost more than what the tasks do.
    pub(crate) async fn watch(self, lease: Lease) {
        lease.lost().await;
        self.abandon_all();
    }

    fn admit(&self, running: Running) -> Result<(), String> {
        let mut tasks = self.lock();
        if tasks.running.contains_key(&running.listed.task_instance_id) {
            return Err("this master runs the attempt already".to_owned());
        }
        if tasks.running.len() >= LOGIC_TASKS_MAX {
            return Err(format!(
                "this master runs {LOGIC_TASKS_MAX} tasks already, its most"
            ));
        }
        if running.logic_type == LogicType::Fake && tasks.scripts >= LOGIC_SCRIPTS_MAX {
            return Err(format!(
                "this master runs {LOGIC_SCRIPTS_MAX} scripts already, its most"
            ));
        }
        tasks.insert(running);
        Ok(())
    }

    /// Asks the attempt to end or to pause. `false`: it is not here (any more).
    pub(crate) fn ask(&self, task_instance_id: i32, wanted: Asked) -> bool {
        let tasks = self.lock();
        let Some(running) = tasks.running.get(&task_instance_id) else {
            return false;
        };
        running.asked.send_modify(|asked| *asked = (*asked).max(wanted));
        true
    }

    pub(crate) fn has(&self, task_instance_id: i32) -> bool {
        self.lock().running.contains_key(&task_instance_id)
    }

    /// The workflow instance, as it was owned under this fence, is not run here any more: what runs for it ends without a report.
    pub(crate) fn abandon(&self, fence: &Fence) {
        let tasks = self.lock();
        let of_workflow = tasks.of_workflow.get(&fence.workflow_instance_id);
        let running = of_workflow
            .into_iter()
            .flatten()
            .filter_map(|id| tasks.running.get(id));
        for running in running.filter(|running| running.epoch == fence.epoch) {
            running.asked.send_replace(Asked::Abandon);
        }
    }

    /// The term is over.
    pub(crate) fn abandon_all(&self) {
        for running in self.lock().running.values() {
            running.asked.send_replace(Asked::Abandon);
        }
    }

    pub(crate) fn list(&self) -> Vec<Listed> {
        self.lock()
            .running
            .values()
            .map(|running| running.listed.clone())
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
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
