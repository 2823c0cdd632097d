//! Questions about this process, and the hint that worker groups have changed.

use super::{NOT_REGISTERED, Reception};
use crate::cluster::RefreshWorkerGroups;
use crate::directory::Card;
use chrono_tz::Tz;
use orca_rpc::dto::{
    LogResponseStatus, TaskExecutorQueryResponse, TaskInstanceLogFileDownloadResponse,
    TaskInstanceLogPageQueryResponse, WorkflowExecutorDto, WorkflowExecutorQueryResponse,
};
use orca_rpc::{Declined, Router, WireDate, methods};
use std::sync::Arc;

/// Logs of physical tasks lie on their workers; this master runs none itself.
const NO_LOGS: &str = "this master keeps no task logs; ask the worker that ran the task";

pub(super) fn routes(router: Router, reception: &Reception) -> Router {
    let (refresh, workflows) = (reception.clone(), reception.clone());
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
        .on::<methods::QueryTaskInstances, _>(|_| async {
            Ok(TaskExecutorQueryResponse {
                success: true,
                message: None,
                task_executors: Some(Vec::new()),
            })
        })
        .on::<methods::PageQueryTaskInstanceLog, _>(|_| async {
            Ok(TaskInstanceLogPageQueryResponse {
                log_content: None,
                code: Some(LogResponseStatus::Error),
                message: Some(NO_LOGS.to_owned()),
            })
        })
        .on::<methods::GetTaskInstanceWholeLogFileBytes, _>(|_| async {
            Ok(TaskInstanceLogFileDownloadResponse {
                log_bytes: None,
                code: Some(LogResponseStatus::Error),
                message: Some(NO_LOGS.to_owned()),
            })
        })
        .on::<methods::RemoveTaskInstanceLog, _>(|_| async { Ok(()) })
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
