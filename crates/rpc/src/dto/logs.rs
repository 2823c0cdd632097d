//! The log service.

use crate::envelope;
use crate::json::{self, Nullable};
use serde::{Deserializer, Serialize, Serializer, de};

/// `LogResponseStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogResponseStatus {
    Success,
    Error,
    LogFileNotFound,
}

json::java_enum!(
    LogResponseStatus,
    &[
        LogResponseStatus::Success,
        LogResponseStatus::Error,
        LogResponseStatus::LogFileNotFound
    ],
    |value| match value {
        LogResponseStatus::Success => "SUCCESS",
        LogResponseStatus::Error => "ERROR",
        LogResponseStatus::LogFileNotFound => "LOG_FILE_NOT_FOUND",
    }
);

impl Serialize for LogResponseStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(json::JavaEnum::java_name(*self))
    }
}

/// Bytes, as base64 text in JSON.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct LogBytes(pub Vec<u8>);

impl std::fmt::Debug for LogBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Serialize for LogBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&envelope::to_base64(&self.0))
    }
}

impl Nullable for LogBytes {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        let Some(text) = String::read(deserializer)? else {
            return Ok(None);
        };
        envelope::from_base64(&text)
            .map(|bytes| Some(Self(bytes)))
            .map_err(|error| de::Error::custom(format_args!("bad base64: {error}")))
    }
}

super::dto! {
    /// Asks for some lines of a log.
    #[derive(Debug)]
    struct TaskInstanceLogPageQueryRequest =
        "org.apache.dolphinscheduler.extract.common.transportor.TaskInstanceLogPageQueryRequest"
    {
        task_instance_id: Option<i32> = "taskInstanceId",
        task_instance_log_absolute_path: Option<String> = "taskInstanceLogAbsolutePath",
        skip_line_num: i32 = "skipLineNum",
        limit: i32 = "limit",
    }

    #[derive(Debug)]
    struct TaskInstanceLogPageQueryResponse =
        "org.apache.dolphinscheduler.extract.common.transportor.TaskInstanceLogPageQueryResponse"
    {
        log_content: Option<String> = "logContent",
        code: Option<LogResponseStatus> = "code" or Some(LogResponseStatus::Success),
        message: Option<String> = "message",
    }

    /// Asks for a whole log file.
    #[derive(Debug)]
    struct TaskInstanceLogFileDownloadRequest =
        "org.apache.dolphinscheduler.extract.common.transportor.TaskInstanceLogFileDownloadRequest"
    {
        /// A long, unlike everywhere else.
        task_instance_id: i64 = "taskInstanceId",
        task_instance_log_absolute_path: Option<String> = "taskInstanceLogAbsolutePath",
    }

    #[derive(Debug)]
    struct TaskInstanceLogFileDownloadResponse =
        "org.apache.dolphinscheduler.extract.common.transportor.TaskInstanceLogFileDownloadResponse"
    {
        log_bytes: Option<LogBytes> = "logBytes",
        code: Option<LogResponseStatus> = "code" or Some(LogResponseStatus::Success),
        message: Option<String> = "message",
    }
}
