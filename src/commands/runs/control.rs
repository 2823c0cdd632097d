//! Steers one run: from the beginning again, on from where it ended, pause, stop.
//!
//! Guarantees that a run is set going at most once per command: a call whose outcome nobody knows is looked up in the database, never repeated. A master checks the state of the
//! run once more; it is checked here so that the answer says what would be possible.

use super::start::ADMIN_USER_ID;
use crate::commands::cluster::Cluster;
use crate::exit::Failure;
use crate::limits::{START_TIMEOUT, UNKNOWN_OUTCOME_WAIT, WATCH_INTERVAL};
use orca_engine::codes::WorkflowState;
use orca_engine::model::WorkflowInstance;
use orca_rpc::dto::{
    WorkflowInstancePauseRequest, WorkflowInstanceRecoverFailureTasksRequest,
    WorkflowInstanceRecoverSuspendTasksRequest, WorkflowInstanceRepeatRunningRequest,
    WorkflowInstanceStopRequest,
};
use orca_rpc::methods::{
    Method, PauseWorkflowInstance, RepeatTriggerWorkflowInstance, StopWorkflowInstance,
    TriggerFromFailureTasks, TriggerFromSuspendTasks,
};
use orca_rpc::{Outcome, Refusal};
use std::time::Instant;

/// What a run is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    Recover,
    Rerun,
    Pause,
    Stop,
}

impl Control {
    /// As the command line calls it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Recover => "recover",
            Self::Rerun => "rerun",
            Self::Pause => "pause",
            Self::Stop => "stop",
        }
    }

    /// What happens next, for whoever has asked.
    pub(crate) const fn promise(self) -> &'static str {
        match self {
            Self::Recover => "goes on from where it ended",
            Self::Rerun => "begins again",
            Self::Pause => "pauses when its running tasks have ended",
            Self::Stop => "stops; its running tasks are killed",
        }
    }

    const fn allows(self, state: WorkflowState) -> bool {
        use WorkflowState::{Failure, Pause, ReadyPause, ReadyStop, RunningExecution, Stop};
        match self {
            Self::Recover => matches!(state, Failure | Pause | Stop),
            Self::Rerun => state.is_final(),
            Self::Pause => matches!(state, RunningExecution | ReadyPause),
            Self::Stop => matches!(state, RunningExecution | ReadyPause | ReadyStop),
        }
    }

    const fn condition(self) -> &'static str {
        match self {
            Self::Recover => "a run can be recovered when it has ended in FAILURE, PAUSE or STOP",
            Self::Rerun => "a run can begin again when it has ended",
            Self::Pause => "a run can be paused while it runs",
            Self::Stop => "a run can be stopped while it runs",
        }
    }
}

/// An answer of a master: what it says against it.
type Answer = Result<(), Option<String>>;

macro_rules! answer {
    ($answer:expr) => {
        if $answer.success {
            Ok(())
        } else {
            Err($answer.message)
        }
    };
}

/// Asks for it; returns when a master has taken it on. The run as it was before.
pub(crate) async fn control(cluster: &Cluster, what: Control, id: i32) -> Result<WorkflowInstance, Failure> {
    let instance = read(cluster, id).await?;
    if !what.allows(instance.state) {
        return Err(Failure::failed(format!(
            "run {id} is {}: {}",
            instance.state.name(),
            what.condition()
        )));
    }
    match what {
        Control::Pause | Control::Stop => steer(cluster, what, &instance).await?,
        Control::Recover | Control::Rerun => again(cluster, what, &instance).await?,
    }
    Ok(instance)
}

/// Waits until a run that was asked to run again does so: its row shows the end of the earlier run until a master takes it up, which may be long for one
/// that has to wait for its turn.
pub(crate) async fn has_begun(cluster: &Cluster, before: &WorkflowInstance) -> Result<(), Failure> {
    let mut deadline = Instant::now() + START_TIMEOUT;
    loop {
        let now = read(cluster, before.id).await?;
        if now.run_times > before.run_times {
            return Ok(());
        }
        if now.state == WorkflowState::SerialWait {
            deadline = Instant::now() + START_TIMEOUT;
        }
        if Instant::now() >= deadline {
            return Err(Failure::failed(format!(
                "run {}: no master has begun it again within {} s (it is {}); see `orca workflow show {}` and `orca status`",
                before.id,
                START_TIMEOUT.as_secs(),
                now.state.name(),
                before.id
            )));
        }
        tokio::time::sleep(WATCH_INTERVAL).await;
    }
}

async fn read(cluster: &Cluster, id: i32) -> Result<WorkflowInstance, Failure> {
    let found = cluster.database.must(move |store| store.get_instance(id)).await?;
    found.ok_or_else(|| Failure::failed(format!("there is no run {id}; see `orca workflow list`")))
}

/// Pause and stop go to the master that runs it. Doing them twice does no harm.
async fn steer(cluster: &Cluster, what: Control, instance: &WorkflowInstance) -> Result<(), Failure> {
    let (id, workflow_instance_id) = (instance.id, Some(instance.id));
    let Some(master) = instance.host.as_deref() else {
        return Err(Failure::failed(format!("run {id} has no master yet; try again")));
    };
    let outcome = if what == Control::Pause {
        let request = WorkflowInstancePauseRequest { workflow_instance_id };
        call::<PauseWorkflowInstance>(cluster, master, &request, |answer| answer!(answer)).await
    } else {
        let request = WorkflowInstanceStopRequest { workflow_instance_id };
        call::<StopWorkflowInstance>(cluster, master, &request, |answer| answer!(answer)).await
    };
    let failed = |text: String| Failure::failed(format!("run {id}: {text}"));
    match outcome {
        Outcome::Accepted(Ok(())) => Ok(()),
        Outcome::Accepted(Err(message)) | Outcome::Refused(Refusal::Failed { message }) => {
            Err(refused(id, master, message.as_deref()))
        }
        Outcome::Refused(not_sent) => Err(failed(format!(
            "its master {master} cannot be asked: {not_sent}; if that master is gone, another one takes the run over: try again then"
        ))),
        Outcome::Unknown(reason) => Err(failed(format!(
            "its master {master} did not answer: {reason}; it may have been heard, and asking again does no harm"
        ))),
    }
}

/// Asks one master after the other until one has taken it.
async fn again(cluster: &Cluster, what: Control, instance: &WorkflowInstance) -> Result<(), Failure> {
    let id = instance.id;
    let deadline = Instant::now() + START_TIMEOUT;
    let mut last = "no master is registered".to_owned();
    while Instant::now() < deadline {
        for master in cluster.masters().await? {
            match ask_again(cluster, &master, what, instance).await {
                Outcome::Accepted(Ok(())) => return Ok(()),
                Outcome::Accepted(Err(message)) | Outcome::Refused(Refusal::Failed { message }) => {
                    return Err(refused(id, &master, message.as_deref()));
                }
                Outcome::Refused(not_sent) => last = not_sent.to_string(),
                Outcome::Unknown(reason) => {
                    return look_up(cluster, instance, &format!("{master}: {reason}")).await;
                }
            }
        }
        tokio::time::sleep(WATCH_INTERVAL).await;
    }
    let seconds = START_TIMEOUT.as_secs();
    Err(Failure::failed(format!(
        "run {id}: no master took it within {seconds} s: {last}; start a master first"
    )))
}

async fn ask_again(
    cluster: &Cluster,
    master: &str,
    what: Control,
    instance: &WorkflowInstance,
) -> Outcome<Answer> {
    let (workflow_instance_id, user_id) = (Some(instance.id), Some(ADMIN_USER_ID));
    if what == Control::Rerun {
        let request = WorkflowInstanceRepeatRunningRequest {
            workflow_instance_id,
            user_id,
        };
        call::<RepeatTriggerWorkflowInstance>(cluster, master, &request, |answer| answer!(answer)).await
    } else if instance.state == WorkflowState::Failure {
        let request = WorkflowInstanceRecoverFailureTasksRequest {
            workflow_instance_id,
            user_id,
        };
        call::<TriggerFromFailureTasks>(cluster, master, &request, |answer| answer!(answer)).await
    } else {
        let request = WorkflowInstanceRecoverSuspendTasksRequest {
            workflow_instance_id,
            user_id,
        };
        call::<TriggerFromSuspendTasks>(cluster, master, &request, |answer| answer!(answer)).await
    }
}

async fn call<M: Method>(
    cluster: &Cluster,
    master: &str,
    request: &M::Request,
    answer: impl FnOnce(M::Response) -> Answer,
) -> Outcome<Answer> {
    match cluster.client.call::<M>(master, request).await {
        Outcome::Accepted(response) => Outcome::Accepted(answer(response)),
        Outcome::Refused(refusal) => Outcome::Refused(refusal),
        Outcome::Unknown(reason) => Outcome::Unknown(reason),
    }
}

fn refused(id: i32, master: &str, message: Option<&str>) -> Failure {
    let message = message.unwrap_or("no reason given");
    Failure::failed(format!("run {id}: master {master} refused: {message}"))
}

/// The answer was lost. A recovery counts as a run at once, a repetition when a master takes it up.
async fn look_up(cluster: &Cluster, before: &WorkflowInstance, reason: &str) -> Result<(), Failure> {
    let deadline = Instant::now() + UNKNOWN_OUTCOME_WAIT;
    while Instant::now() < deadline {
        if read(cluster, before.id).await?.run_times > before.run_times {
            return Ok(());
        }
        tokio::time::sleep(WATCH_INTERVAL).await;
    }
    let id = before.id;
    Err(Failure::failed(format!(
        "run {id}: nobody knows whether a master took it: {reason}; see `orca workflow show {id}`"
    )))
}
