//! Task rows: who makes one, and from what (`TaskInstanceFactories`).

use super::{Draft, NodeId, TaskChange};
use crate::codes::{Flag, TaskState};
use crate::logic::sub_workflow;
use crate::model::{TaskDefinition, TaskInstance, WorkflowInstance};
use crate::time::Millis;
use std::sync::Arc;

/// The worker group that a definition names when it means "the workflow's".
const DEFAULT_WORKER_GROUP: &str = "default";

/// The first attempt of a task in this run (`FirstRunTaskInstanceFactory`).
pub(super) fn first_run(task: &TaskDefinition, instance: &WorkflowInstance, now: Millis) -> TaskInstance {
    let own_group = task
        .worker_group
        .clone()
        .filter(|group| !group.is_empty() && group != DEFAULT_WORKER_GROUP);
    TaskInstance {
        id: 0,
        name: task.name.clone(),
        task_type: task.task_type.clone(),
        task_execute_type: task.task_execute_type,
        task_code: task.code,
        task_definition_version: task.version,
        workflow_instance_id: instance.id,
        workflow_instance_name: Some(instance.name.clone()),
        project_code: instance.project_code,
        state: TaskState::SubmittedSuccess,
        submit_time: Some(now),
        first_submit_time: Some(now),
        start_time: None,
        end_time: None,
        host: None,
        log_path: None,
        retry_times: 0,
        max_retry_times: task.fail_retry_times,
        retry_interval: task.fail_retry_interval,
        app_link: None,
        task_params: task.task_params.as_deref().map(Arc::from),
        flag: Flag::Yes,
        priority: task.priority,
        worker_group: own_group.or_else(|| instance.worker_group.clone()),
        environment_code: if task.environment_code > 0 {
            task.environment_code
        } else {
            instance.environment_code
        },
        executor_id: instance.executor_id,
        executor_name: instance.executor_name.clone(),
        delay_time: task.delay_time,
        var_pool: instance.var_pool.clone(),
        task_group_id: task.task_group_id,
        dry_run: instance.dry_run,
        cpu_quota: task.cpu_quota,
        memory_max: task.memory_max,
    }
}

/// The next attempt after a failure (`RetryTaskInstanceFactory`): what it was given is kept, what it did is not.
pub(super) fn retry(failed: &TaskInstance, now: Millis) -> TaskInstance {
    let mut row = TaskInstance {
        id: 0,
        state: TaskState::SubmittedSuccess,
        host: None,
        log_path: None,
        start_time: None,
        end_time: None,
        submit_time: Some(now),
        retry_times: failed.retry_times.saturating_add(1),
        flag: Flag::Yes,
        ..failed.clone()
    };
    sub_workflow::without_child(&mut row);
    row
}

/// A fresh attempt in place of one that was lost or is recovered (`FailoverTaskInstanceFactory`,
/// `FailedRecoverTaskInstanceFactory`). It costs no retry; times and `app_link` are kept as the reference keeps them.
#[must_use]
pub fn recovered(earlier: &TaskInstance, now: Millis) -> TaskInstance {
    TaskInstance {
        id: 0,
        state: TaskState::SubmittedSuccess,
        host: None,
        log_path: None,
        var_pool: None,
        submit_time: Some(now),
        flag: Flag::Yes,
        ..earlier.clone()
    }
}

impl Draft<'_> {
    /// Puts `fresh` in place of the node's current row, which becomes superseded in `state` (`None`: keeps its own).
    pub(super) fn supersede(&mut self, node: NodeId, state: Option<TaskState>, fresh: TaskInstance) {
        self.release_slot(node);
        self.update_row(
            node,
            TaskChange {
                flag: Some(Flag::No),
                state,
                ..TaskChange::default()
            },
        );
        self.insert_row(node, fresh);
    }

    /// Gives back whatever the row holds of its task group.
    pub(super) fn release_slot(&mut self, node: NodeId) {
        let row = self.row(node);
        if row.task_group_id <= 0 {
            return;
        }
        let task_instance_id = row.id;
        self.drop_slot_request(node);
        if task_instance_id > 0 {
            self.write(super::Write::ReleaseSlot { task_instance_id });
        }
    }
}

/// The change without the columns that have their value already.
pub(super) fn reduce(change: TaskChange, row: &TaskInstance) -> TaskChange {
    TaskChange {
        state: change.state.filter(|state| *state != row.state),
        host: change.host.filter(|host| *host != row.host),
        start_time: change.start_time.filter(|time| *time != row.start_time),
        end_time: change.end_time.filter(|time| *time != row.end_time),
        log_path: change.log_path.filter(|path| Some(path) != row.log_path.as_ref()),
        app_link: change.app_link.filter(|link| Some(link) != row.app_link.as_ref()),
        var_pool: change.var_pool.filter(|pool| *pool != row.var_pool),
        task_params: change
            .task_params
            .filter(|text| Some(text.as_str()) != row.task_params.as_deref()),
        flag: change.flag.filter(|flag| *flag != row.flag),
    }
}

pub(super) fn merge_into_row(change: &TaskChange, row: &mut TaskInstance) {
    let TaskChange {
        state,
        host,
        start_time,
        end_time,
        log_path,
        app_link,
        var_pool,
        task_params,
        flag,
    } = change.clone();
    row.state = state.unwrap_or(row.state);
    row.flag = flag.unwrap_or(row.flag);
    set(&mut row.host, host);
    set(&mut row.start_time, start_time);
    set(&mut row.end_time, end_time);
    set(&mut row.log_path, log_path.map(Some));
    set(&mut row.app_link, app_link.map(Some));
    set(&mut row.var_pool, var_pool);
    set(
        &mut row.task_params,
        task_params.map(|text| Some(Arc::from(text))),
    );
}

/// Two changes of one row as one: the later wins where both speak.
pub(super) fn join(earlier: &mut TaskChange, later: TaskChange) {
    let TaskChange {
        state,
        host,
        start_time,
        end_time,
        log_path,
        app_link,
        var_pool,
        task_params,
        flag,
    } = later;
    earlier.state = state.or(earlier.state);
    earlier.flag = flag.or(earlier.flag);
    earlier.start_time = start_time.or(earlier.start_time);
    earlier.end_time = end_time.or(earlier.end_time);
    keep(&mut earlier.host, host);
    keep(&mut earlier.log_path, log_path);
    keep(&mut earlier.app_link, app_link);
    keep(&mut earlier.var_pool, var_pool);
    keep(&mut earlier.task_params, task_params);
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

fn keep<T>(place: &mut Option<T>, value: Option<T>) {
    if value.is_some() {
        *place = value;
    }
}
