//! The log file of one task, in the line format of the Java worker (`logback-spring.xml`, appender TASKLOGFILE).
//!
//! Guarantees: the file lies where the RUNNING event says, lines of one task are whole, and a file never grows past its
//! limit. A disk that is full or gone costs log lines, never the task.

use crate::limits;
use chrono::{TimeZone, Utc};
use chrono_tz::Tz;
use orca_engine::time::Millis;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncWriteExt;
use tokio::sync::Mutex;

/// What the path of a task log is made of.
#[derive(Clone, Copy, Debug)]
pub struct LogName {
    pub first_submit_time: Millis,
    pub workflow_definition_code: i64,
    pub workflow_definition_version: i32,
    pub workflow_instance_id: i32,
    pub task_instance_id: i32,
}

#[derive(Clone, Copy, Debug)]
pub enum Level {
    Info,
    Warn,
    Error,
}

/// An open task log; clones write to the same file.
#[derive(Clone)]
pub struct TaskLog {
    file: Arc<Mutex<LimitedFile>>,
    zone: Tz,
}

struct LimitedFile {
    file: File,
    len: u64,
    broken: bool,
}

impl LogName {
    /// `<log base>/<yyyyMMdd>/<code>/<version>/<workflow instance>/<task instance>.log`
    #[must_use]
    pub fn path(&self, log_directory: &Path, zone: Tz) -> PathBuf {
        log_directory
            .join(local_time(self.first_submit_time, zone, "%Y%m%d"))
            .join(self.workflow_definition_code.to_string())
            .join(self.workflow_definition_version.to_string())
            .join(self.workflow_instance_id.to_string())
            .join(format!("{}.log", self.task_instance_id))
    }
}

fn local_time(time: Millis, zone: Tz, format: &str) -> String {
    let utc = Utc.timestamp_millis_opt(time.0).single().unwrap_or_default();
    utc.with_timezone(&zone).format(format).to_string()
}

impl TaskLog {
    pub async fn open(path: &Path, zone: Tz) -> io::Result<Self> {
        if let Some(directory) = path.parent() {
            tokio::fs::create_dir_all(directory).await?;
        }
        let file = OpenOptions::new().create(true).append(true).open(path).await?;
        let len = file.metadata().await?.len();
        Ok(Self {
            file: Arc::new(Mutex::new(LimitedFile {
                file,
                len,
                broken: false,
            })),
            zone,
        })
    }

    /// One line of the server itself.
    pub async fn line(&self, level: Level, message: &str) {
        let mut batch = LineBatch::new(self.zone);
        batch.push(level, message);
        self.write(&mut batch).await;
    }

    /// Appends a batch and empties it.
    pub async fn write(&self, batch: &mut LineBatch) {
        self.file.lock().await.append(batch.text.as_bytes()).await;
        batch.text.clear();
    }

    #[must_use]
    pub const fn batch(&self) -> LineBatch {
        LineBatch::new(self.zone)
    }
}

impl LimitedFile {
    async fn append(&mut self, bytes: &[u8]) {
        if self.broken || bytes.is_empty() {
            return;
        }
        if self.len.saturating_add(bytes.len() as u64) > limits::TASK_LOG_LEN_MAX {
            self.broken = true;
            let _ = self
                .file
                .write_all(b"The log file has reached its limit; the rest of the output is not written.\n")
                .await;
        } else if let Err(error) = self.file.write_all(bytes).await {
            self.broken = true;
            ::log::warn!("a task log cannot be written any more: {error}");
        }
        self.len += bytes.len() as u64;
        if let Err(error) = self.file.flush().await {
            self.broken = true;
            ::log::warn!("a task log cannot be written any more: {error}");
        }
    }
}

/// Lines on their way to the file; one write per batch.
pub struct LineBatch {
    text: String,
    zone: Tz,
}

impl LineBatch {
    const fn new(zone: Tz) -> Self {
        Self {
            text: String::new(),
            zone,
        }
    }

    pub fn push(&mut self, level: Level, message: &str) {
        let now = local_time(
            Millis(Utc::now().timestamp_millis()),
            self.zone,
            "%Y-%m-%d %H:%M:%S%.3f",
        );
        let level = match level {
            Level::Info => "INFO ",
            Level::Warn => "WARN ",
            Level::Error => "ERROR",
        };
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{now} {level} - {message}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_follows_the_first_submission_in_the_zone_of_the_server() {
        // 2026-11-24 23:30:00 UTC is the 25th in Shanghai.
        let name = LogName {
            first_submit_time: Millis(1_795_563_000_000),
            workflow_definition_code: 77,
            workflow_definition_version: 3,
            workflow_instance_id: 5,
            task_instance_id: 9,
        };
        let base = Path::new("/logs");
        assert_eq!(
            name.path(base, chrono_tz::UTC),
            Path::new("/logs/20261124/77/3/5/9.log")
        );
        assert_eq!(
            name.path(base, chrono_tz::Asia::Shanghai),
            Path::new("/logs/20261125/77/3/5/9.log")
        );
    }

    #[tokio::test]
    async fn lines_carry_time_level_and_text_and_are_in_the_file_when_the_call_returns() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a/b/1.log");
        let log = TaskLog::open(&path, chrono_tz::UTC).await.unwrap();
        log.line(Level::Warn, "something odd").await;
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.ends_with(" WARN  - something odd\n"), "{text}");
        assert_eq!(
            text.len(),
            "2026-11-24 23:30:00.000 WARN  - something odd\n".len()
        );
    }
}
