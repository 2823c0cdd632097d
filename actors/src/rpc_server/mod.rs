//! What this master answers: one file per caller's interest.
//!
//! The server outlives a term: between two terms control calls are told to come back, and reports get no answer, which makes the
//! executor keep them.

mod control;
mod events;
mod forward;
mod queries;

use crate::cluster::ClusterActor;
use crate::intake::IntakeActor;
use crate::store::Triggers;
use crate::term::Term;
use actix::Addr;
use orca_rpc::Router;
use orca_rpc::dto::{
    TaskExecutorDispatchResponse, TaskExecutorKillResponse, TaskExecutorLifecycleEventAck,
    TaskExecutorPauseResponse,
};
use orca_rpc::methods::logic;
use orca_task_log::LogDirectory;
use std::sync::{Arc, RwLock};

/// What the handlers need of the current term.
pub(crate) struct Desk {
    pub(crate) term: Arc<Term>,
    pub(crate) triggers: Triggers,
    pub(crate) intake: Addr<IntakeActor>,
    pub(crate) cluster: Addr<ClusterActor>,
}

/// The place where the current term's desk stands, if there is one. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Reception {
    desk: Arc<RwLock<Option<Arc<Desk>>>>,
}

impl Reception {
    pub(crate) fn open(&self, desk: Desk) {
        *self.desk.write().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(Arc::new(desk));
    }

    pub(crate) fn close(&self) {
        *self.desk.write().unwrap_or_else(|poisoned| poisoned.into_inner()) = None;
    }

    fn desk(&self) -> Option<Arc<Desk>> {
        self.desk
            .read()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .clone()
    }
}

/// What a caller is told while no term is running.
const NOT_REGISTERED: &str = "this master is not registered at the moment; try another one";

/// What a caller is told about a workflow instance while this master hands its own over.
const STOPPING: &str = "this master is stopping and hands its workflow instances over; ask again in a moment";

/// All 26 methods of a master.
pub(crate) fn router(reception: &Reception, logs: &LogDirectory) -> Router {
    let router = control::routes(Router::new(), reception);
    let router = events::routes(router, reception);
    let router = orca_task_log::routes(queries::routes(router, reception), logs);
    logic_task_routes(router)
}

/// Java masters send logic tasks to themselves; nobody sends them here. They are answered politely, as for an executor that has none.
fn logic_task_routes(router: Router) -> Router {
    let unknown = |id: Option<i32>| {
        let id = id.unwrap_or_default();
        Some(format!(
            "TaskExecutorNotFoundException: Cannot find the TaskExecutor(id={id})"
        ))
    };
    router
        .on::<logic::DispatchTask, _>(|_| async {
            let message = Some("this master takes no logic task from another process".to_owned());
            Ok(TaskExecutorDispatchResponse { dispatch_success: false, message })
        })
        .on::<logic::KillTask, _>(move |request| {
            let message = unknown(request.task_instance_id);
            async move { Ok(TaskExecutorKillResponse { success: false, message }) }
        })
        .on::<logic::PauseTask, _>(move |request| {
            let message = unknown(request.task_instance_id);
            async move { Ok(TaskExecutorPauseResponse { success: false, message }) }
        })
        .on::<logic::AckLifecycleEvent, _>(|ack: TaskExecutorLifecycleEventAck| async move {
            log::debug!(task_instance_id = ack.task_executor_id; "an ack for a logic task that is not here: {:?}",
                ack.task_executor_lifecycle_event_type);
            Ok(())
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use orca_rpc::methods;

    #[test]
    fn every_method_of_a_master_is_served() {
        let folder = tempfile::tempdir().unwrap();
        let logs = LogDirectory::open(folder.path()).unwrap();
        let router = router(&Reception::default(), &logs);
        let missing: Vec<_> = methods::served_by_master()
            .filter(|method| !router.serves_identifier(method.identifier))
            .map(|method| method.name)
            .collect();
        assert!(missing.is_empty(), "not served: {missing:?}");
    }
}
