//! `ILogService`: its three methods, over one folder. Files are read on the blocking pool.

use crate::{LogDirectory, LogError};
use orca_rpc::dto::{
    LogBytes, LogResponseStatus, TaskInstanceLogFileDownloadRequest, TaskInstanceLogFileDownloadResponse,
    TaskInstanceLogPageQueryRequest, TaskInstanceLogPageQueryResponse,
};
use orca_rpc::methods::{GetTaskInstanceWholeLogFileBytes, PageQueryTaskInstanceLog, RemoveTaskInstanceLog};
use orca_rpc::{Declined, Router};

/// Serves the folder.
#[must_use]
pub fn routes(router: Router, logs: &LogDirectory) -> Router {
    let (page, file, remove) = (logs.clone(), logs.clone(), logs.clone());
    router
        .on::<PageQueryTaskInstanceLog, _>(move |request| {
            let logs = page.clone();
            blocking(move || log_page(&logs, &request))
        })
        .on::<GetTaskInstanceWholeLogFileBytes, _>(move |request| {
            let logs = file.clone();
            blocking(move || log_file(&logs, &request))
        })
        .on::<RemoveTaskInstanceLog, _>(move |path: String| {
            let logs = remove.clone();
            blocking(move || logs.remove(Some(&path)))
        })
}

async fn blocking<T: Send + 'static>(read: impl FnOnce() -> T + Send + 'static) -> Result<T, Declined> {
    let read = tokio::task::spawn_blocking(read).await;
    read.map_err(|error| Declined::failed(format!("the log service has failed: {error}")))
}

fn log_page(
    logs: &LogDirectory,
    request: &TaskInstanceLogPageQueryRequest,
) -> TaskInstanceLogPageQueryResponse {
    let path = request.task_instance_log_absolute_path.as_deref();
    let (log_content, code, message) = answer(logs.page(path, request.skip_line_num, request.limit));
    TaskInstanceLogPageQueryResponse {
        log_content,
        code,
        message,
    }
}

fn log_file(
    logs: &LogDirectory,
    request: &TaskInstanceLogFileDownloadRequest,
) -> TaskInstanceLogFileDownloadResponse {
    let (bytes, code, message) = answer(logs.whole(request.task_instance_log_absolute_path.as_deref()));
    TaskInstanceLogFileDownloadResponse {
        log_bytes: bytes.map(LogBytes),
        code,
        message,
    }
}

fn answer<T>(result: Result<T, LogError>) -> (Option<T>, Option<LogResponseStatus>, Option<String>) {
    match result {
        Ok(content) => (Some(content), Some(LogResponseStatus::Success), None),
        Err(error) => (None, Some(LogResponseStatus::Error), Some(error.to_string())),
    }
}
