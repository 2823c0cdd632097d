//! The end of a task's log, from the worker that has it.

use super::view::RunView;
use crate::limits::{LOG_CALL_TIMEOUT, LOG_PAGE_LINES, LOG_PAGES_MAX};
use orca_rpc::dto::{LogResponseStatus, TaskInstanceLogPageQueryRequest};
use orca_rpc::methods::PageQueryTaskInstanceLog;
use orca_rpc::{Client, Outcome};
use std::collections::VecDeque;

/// Adds the last `lines` lines to each task that failed. A log that cannot be had is said to be so in its place.
pub(crate) async fn add_to_failed(client: &Client, runs: &mut [RunView], lines: usize) {
    if lines == 0 {
        return;
    }
    for task in runs
        .iter_mut()
        .flat_map(|run| &mut run.tasks)
        .filter(|task| task.failed())
    {
        if let (Some(id), Some(host), Some(path)) = (task.task_instance_id, &task.host, &task.log_path) {
            task.log_lines = match last_lines(client, host, id, path, lines).await {
                Ok(lines) => lines,
                Err(reason) => vec![format!("(the log cannot be had from {host}: {reason})")],
            };
        }
    }
}

/// The log is read page by page from its beginning: the service knows no other way, and only the end is kept.
async fn last_lines(
    client: &Client,
    host: &str,
    id: i32,
    path: &str,
    lines: usize,
) -> Result<Vec<String>, String> {
    let mut kept: VecDeque<String> = VecDeque::with_capacity(lines);
    for page in 0..LOG_PAGES_MAX {
        let request = TaskInstanceLogPageQueryRequest {
            task_instance_id: Some(id),
            task_instance_log_absolute_path: Some(path.to_owned()),
            skip_line_num: page * LOG_PAGE_LINES,
            limit: LOG_PAGE_LINES,
        };
        let call = client.call_within::<PageQueryTaskInstanceLog>(host, &request, LOG_CALL_TIMEOUT);
        let answer = match call.await {
            Outcome::Accepted(answer) => answer,
            Outcome::Refused(refusal) => return Err(refusal.to_string()),
            Outcome::Unknown(reason) => return Err(reason.to_string()),
        };
        if answer.code != Some(LogResponseStatus::Success) {
            return Err(answer
                .message
                .unwrap_or_else(|| "the file is not there".to_owned()));
        }
        let content = answer.log_content.unwrap_or_default();
        let mut count = 0;
        for line in content.lines() {
            count += 1;
            if kept.len() == lines {
                kept.pop_front();
            }
            kept.push_back(line.to_owned());
        }
        if count < LOG_PAGE_LINES {
            return Ok(kept.into());
        }
    }
    Ok(vec!["(the log is too long to be shown here)".to_owned()])
}
