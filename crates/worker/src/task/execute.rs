//! Runs one task: working directory, files, process, output, end.
//!
//! Guarantees: exactly one terminal event for each task, unless the worker itself is going away; no process of the task is
//! left when that event is made. Refuses to know: who listens to the events and which master owns the task.

use super::Stop;
use super::outcome::{Outcome, Stopped, exit_code, outcome};
use super::parameters::ScriptParameters;
use super::script::{Language, Script};
use crate::events::TaskEvent;
use crate::limits;
use crate::process::group::{Launch, ProcessGroup};
use crate::process::guard::GuardHandle;
use crate::process::token::WorkerToken;
use crate::settings::TaskSettings;
use chrono::Utc;
use orca_engine::model::Property;
use orca_engine::params::output::OutputParser;
use orca_engine::time::Millis;
use orca_engine::zone::Zone;
use orca_task_log::{Level, LogName, TaskLog, record_output};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::Duration;
use tokio::net::unix::pipe;
use tokio::sync::watch;
use tokio::time::Instant;

/// One attempt, as far as running it needs. Holds secrets, so `Debug` is not derived.
pub struct Job {
    pub name: LogName,
    pub task_name: String,
    pub task_type: String,
    pub task_params: Option<String>,
    pub environment: Option<String>,
    pub prepared: BTreeMap<String, Property>,
    pub tenant: Option<String>,
    /// Seconds; `i32::MAX` means none, and so does nothing at all.
    pub timeout_seconds: i32,
    pub dry_run: bool,
}

/// What all tasks of a worker share.
pub struct Workshop {
    pub settings: TaskSettings,
    pub token: WorkerToken,
    pub guard: GuardHandle,
}

/// How the processes of a task came to their end.
struct Ended {
    exit_code: i32,
    stopped: Option<Stopped>,
}

impl Workshop {
    /// Runs the task to its end. Events are handed to `publish` in order; none follows an `Abandon`.
    pub async fn run(&self, job: Job, mut stop: watch::Receiver<Stop>, publish: &(dyn Fn(TaskEvent) + Sync)) {
        let id = job.name.task_instance_id;
        let path = job.name.path(&self.settings.log_directory, self.settings.zone);
        let path = std::path::absolute(&path).unwrap_or(path);
        let log = match TaskLog::open(&path, self.settings.zone).await {
            Ok(log) => log,
            Err(error) => {
                ::log::error!(task_instance_id = id; "cannot open the task log {}: {error}", path.display());
                publish(TaskEvent::Failed { end_time: now() });
                return;
            }
        };
        let event = match self.run_logged(&job, &path, &log, &mut stop, publish).await {
            Ok(event) => event,
            Err(error) => {
                log.line(Level::Error, &chain(&error)).await;
                Some(TaskEvent::Failed { end_time: now() })
            }
        };
        let Some(event) = event else { return };
        log.line(Level::Info, &format!("The task has ended: {}", event.name()))
            .await;
        publish(event);
    }

    async fn run_logged(
        &self,
        job: &Job,
        log_path: &Path,
        log: &TaskLog,
        stop: &mut watch::Receiver<Stop>,
        publish: &(dyn Fn(TaskEvent) + Sync),
    ) -> Result<Option<TaskEvent>, RunError> {
        let id = job.name.task_instance_id;
        let language = Language::of(&job.task_type).ok_or_else(|| RunError::UnknownType {
            task_type: job.task_type.clone(),
        })?;
        let directory = self.working_directory(id);
        recreate(&directory).await?;
        publish(TaskEvent::Running {
            start_time: now(),
            log_path: log_path.to_string_lossy().into_owned(),
            execute_path: Some(directory.to_string_lossy().into_owned()),
        });
        if job.dry_run {
            log.line(Level::Info, "This is a dry run: nothing is started")
                .await;
            self.remove(&directory).await;
            return Ok(Some(TaskEvent::Succeeded {
                end_time: now(),
                var_pool: None,
            }));
        }
        let parameters = ScriptParameters::parse(job.task_params.as_deref())?;
        describe(job, &parameters, log).await;
        let ran = self
            .run_script(job, language, &parameters, &directory, log, stop, publish)
            .await;
        self.remove(&directory).await;
        ran
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one private step of run_logged, split off to fit the screen"
    )]
    async fn run_script(
        &self,
        job: &Job,
        language: Language,
        parameters: &ScriptParameters,
        directory: &Path,
        log: &TaskLog,
        stop: &mut watch::Receiver<Stop>,
        publish: &(dyn Fn(TaskEvent) + Sync),
    ) -> Result<Option<TaskEvent>, RunError> {
        let script = Script {
            language,
            parameters,
            prepared: &job.prepared,
            environment: job.environment.as_deref(),
            python_launcher: &self.settings.python_launcher,
            now: now(),
            zone: Zone::Region(self.settings.zone),
        };
        let id = job.name.task_instance_id;
        let script = script.write(directory, id).await?;
        match *stop.borrow() {
            Stop::No => {}
            Stop::Kill => return Ok(Some(TaskEvent::Killed { end_time: now() })),
            Stop::Leave | Stop::Abandon => return Ok(None),
        }
        let launch = Launch::script("/bin/bash", &script, directory, &self.settings.hidden_variables);
        let started = launch.start(self.token.task(id), self.guard.clone());
        let (group, output) = started.map_err(|source| RunError::Start { source })?;
        log.line(
            Level::Info,
            &format!("process start, process id is: {}", group.process_id()),
        )
        .await;
        publish(TaskEvent::RuntimeContextChanged {
            process_id: group.process_id(),
        });

        let mut values = OutputParser::default();
        let ended = self
            .supervise(group, output, job.timeout_seconds, log, &mut values, stop)
            .await;
        let Some(ended) = ended.map_err(|source| RunError::Wait { source })? else {
            return Ok(None);
        };
        log.line(
            Level::Info,
            &format!("process has exited, exit code: {}", ended.exit_code),
        )
        .await;
        Ok(Some(match outcome(ended.exit_code, ended.stopped) {
            Outcome::Succeeded => {
                let var_pool = Some(parameters.var_pool(&values.into_values()));
                TaskEvent::Succeeded {
                    end_time: now(),
                    var_pool,
                }
            }
            Outcome::Failed => TaskEvent::Failed { end_time: now() },
            Outcome::Killed => TaskEvent::Killed { end_time: now() },
        }))
    }

    /// Waits for the end of the process and of its output; answers nothing when the task was abandoned.
    ///
    /// Whoever still holds the output counts as part of the task, as with the Java worker: a script that leaves a job in
    /// the background has ended when that job has ended or has let go of the output.
    async fn supervise(
        &self,
        mut group: ProcessGroup,
        output: pipe::Receiver,
        timeout_seconds: i32,
        log: &TaskLog,
        values: &mut OutputParser,
        stop: &mut watch::Receiver<Stop>,
    ) -> io::Result<Option<Ended>> {
        let mut pump = Box::pin(record_output(output, log, values));
        let reason = tokio::select! {
            biased;
            reason = stop_asked(stop) => reason,
            status = finished(&mut group, &mut pump) => {
                group.end();
                return Ok(Some(Ended { exit_code: exit_code(status?), stopped: None }));
            }
            () = timed_out(timeout_seconds) => Reason::TimedOut,
        };
        let stopped = match reason {
            Reason::Stopped(Stop::Leave | Stop::Abandon | Stop::No) => {
                match reason {
                    Reason::Stopped(Stop::Leave) => group.terminate(self.settings.leave_wait).await,
                    _ => group.kill().await,
                };
                group.end();
                return Ok(None);
            }
            Reason::Stopped(Stop::Kill) => Stopped::Killed,
            Reason::TimedOut => Stopped::TimedOut,
        };
        let text = reason.text(timeout_seconds);
        let patience = self.settings.kill_wait;
        let drain = tokio::time::timeout(patience + limits::OUTPUT_DRAIN_AFTER_KILL, pump);
        // All at once: the pump may hold the log in the middle of a write and has to go on for anyone else to write.
        let (all_gone, (), _) = tokio::join!(group.terminate(patience), log.line(Level::Warn, &text), drain);
        if !all_gone {
            ::log::error!(
                "a process of group {} cannot be killed and is left behind",
                group.process_id()
            );
        }
        let status = tokio::time::timeout(limits::OUTPUT_DRAIN_AFTER_KILL, group.wait()).await;
        group.end();
        // Minus one: it could not be killed, so it has no code.
        let exit_code = status.map_or(-1, |status| status.map_or(-1, exit_code));
        Ok(Some(Ended {
            exit_code,
            stopped: Some(stopped),
        }))
    }

    fn working_directory(&self, task_instance_id: i32) -> PathBuf {
        let directory = self
            .settings
            .execution_directory
            .join("exec/process")
            .join(task_instance_id.to_string());
        std::path::absolute(&directory).unwrap_or(directory)
    }

    async fn remove(&self, directory: &Path) {
        if self.settings.keep_working_directories {
            return;
        }
        if let Err(error) = tokio::fs::remove_dir_all(directory).await {
            ::log::warn!(
                "cannot remove the working directory {}: {error}",
                directory.display()
            );
        }
    }
}

#[derive(Clone, Copy)]
enum Reason {
    Stopped(Stop),
    TimedOut,
}

impl Reason {
    fn text(self, timeout_seconds: i32) -> String {
        match self {
            Self::TimedOut => {
                format!(
                    "The task has run longer than its time-out of {timeout_seconds} s, its processes are ended"
                )
            }
            Self::Stopped(_) => "A kill was requested, the processes of the task are ended".to_owned(),
        }
    }
}

async fn stop_asked(stop: &mut watch::Receiver<Stop>) -> Reason {
    // A sender that is gone is a worker that is gone.
    let asked = stop
        .wait_for(|stop| *stop != Stop::No)
        .await
        .map_or(Stop::Abandon, |stop| *stop);
    Reason::Stopped(asked)
}

async fn finished(
    group: &mut ProcessGroup,
    pump: &mut Pin<Box<impl Future<Output = ()>>>,
) -> io::Result<std::process::ExitStatus> {
    // The output has to be read while the process runs, or a full pipe would stop it.
    let (status, ()) = tokio::join!(group.wait(), pump);
    status
}

async fn timed_out(seconds: i32) {
    match u64::try_from(seconds) {
        Ok(seconds) if seconds > 0 && seconds < i32::MAX as u64 => {
            tokio::time::sleep_until(Instant::now() + Duration::from_secs(seconds)).await;
        }
        _ => std::future::pending().await,
    }
}

/// What a reader of the log wants to know first. The script as it was written, without values: those may be secret.
async fn describe(job: &Job, parameters: &ScriptParameters, log: &TaskLog) {
    let mut batch = log.batch();
    batch.push(
        Level::Info,
        &format!(
            "Task {} ({}), script:\n{}",
            job.task_name, job.task_type, parameters.raw_script
        ),
    );
    if !parameters.resource_names.is_empty() {
        let names = parameters.resource_names.join(", ");
        batch.push(
            Level::Warn,
            &format!("This worker has no resource storage; these files are not fetched: {names}"),
        );
    }
    if let Some(tenant) = job.tenant.as_deref().filter(|tenant| *tenant != "default") {
        batch.push(
            Level::Warn,
            &format!("This worker runs every task as its own user, not as tenant {tenant}"),
        );
    }
    log.write(&mut batch).await;
}

async fn recreate(directory: &Path) -> Result<(), RunError> {
    let failed = |source| RunError::Directory {
        path: directory.to_owned(),
        source,
    };
    match tokio::fs::remove_dir_all(directory).await {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    tokio::fs::create_dir_all(directory).await.map_err(failed)
}

fn now() -> Millis {
    Millis(Utc::now().timestamp_millis())
}

/// Why a task could not be run; ends up in its log.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error(
        "Task type {task_type} is not known to this worker, which runs SHELL and PYTHON; use a worker group of Java workers"
    )]
    UnknownType { task_type: String },
    #[error(transparent)]
    Parameters(#[from] super::parameters::ParametersError),
    #[error(transparent)]
    Script(#[from] super::script::ScriptError),
    #[error("cannot create the working directory {path}")]
    Directory {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot start /bin/bash")]
    Start {
        #[source]
        source: io::Error,
    },
    #[error("cannot wait for the process")]
    Wait {
        #[source]
        source: io::Error,
    },
}

/// The error and what caused it, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
#[path = "execute_tests.rs"]
mod tests;
