//! Questions about this process, and the hint that worker groups have changed.

use super::{NOT_REGISTERED, Reception};
use crate::cluster::RefreshWorkerGroups;
use crate::directory::Card;
use crate::logic::Listed;
use chrono_tz::Tz;
use orca_rpc::dto::{
    TaskExecutorDto, TaskExecutorQueryResponse, WorkflowExecutorDto, WorkflowExecutorQueryResponse,
};
use orca_rpc::{Declined, Router, WireDate, methods};
use std::sync::Arc;

pub(super) fn routes(router: Router, reception: &Reception) -> Router {
    let (refresh, workflows, tasks) = (reception.clone(), reception.clone(), reception.clone());
    router
        .on::<methods::RefreshWorkerGroup, _>(move |()| {
            let desk = refresh.desk();
            async move {
                let desk = desk.ok_or_else(|| Declined::failed(NOT_REGISTERED))?;
                // Full: a refresh is waiting already.
                let _ = desk.cluster.try_send(RefreshWorkerGroups);
                Ok(())
            }
        })
        .on::<methods::QueryWorkflowExecutors, _>(move |_| {
            let desk = workflows.desk();
            async move {
                let running = desk.map_or_else(Vec::new, |desk| {
                    let zone = desk.term.settings.zone;
                    desk.term
                        .directory
                        .cards()
                        .iter()
                        .map(|card| shown(card, zone))
                        .collect()
                });
                Ok(WorkflowExecutorQueryResponse {
                    success: true,
                    message: None,
                    workflow_executors: Some(running),
                })
            }
        })
        .on::<methods::QueryTaskInstances, _>(move |_| {
            let desk = tasks.desk();
            async move {
                let running = desk.map_or_else(Vec::new, |desk| {
                    let zone = desk.term.settings.zone;
                    let tasks = desk.term.logic.list();
                    tasks.into_iter().map(|task| listed(task, zone)).collect()
                });
                Ok(TaskExecutorQueryResponse {
                    success: true,
                    message: None,
                    task_executors: Some(running),
                })
            }
        })
}

fn listed(task: Listed, zone: Tz) -> TaskExecutorDto {
    TaskExecutorDto {
        id: task.task_instance_id,
        name: Some(task.task_name),
        task_type: Some(task.task_type),
        project_code: task.project_code,
        workflow_instance_id: task.workflow_instance_id,
        workflow_instance_name: Some(task.workflow_instance_name),
        start_time: WireDate::from_millis(task.start_time, zone),
    }
}

fn shown(card: &Arc<Card>, zone: Tz) -> WorkflowExecutorDto {
    WorkflowExecutorDto {
        id: card.id,
        name: Some(card.name.clone()),
        project_code: card.project_code,
        workflow_definition_code: card.definition_code,
        state: card.state(),
        start_time: card.start_time.and_then(|time| WireDate::from_millis(time, zone)),
        run_times: card.run_times,
    }
}
