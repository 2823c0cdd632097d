//! What to do with an executor's report whose workflow is not in memory.

use crate::codes::{TaskState, WorkflowState};

/// What the rows say of the attempt and its workflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing<'a> {
    pub task_state: TaskState,
    /// No other attempt has taken its place.
    pub task_is_valid: bool,
    pub workflow_state: WorkflowState,
    pub workflow_host: Option<&'a str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The attempt has ended, in the row too: acknowledge.
    Finished,
    /// Another attempt has taken its place and this one was not seen to end: kill, and acknowledge.
    Replaced,
    /// Another master owns the workflow.
    Elsewhere,
    /// The workflow is ours or about to be claimed: wait.
    Coming,
}

#[must_use]
pub fn judge(standing: Standing<'_>, own_address: &str) -> Verdict {
    let Standing {
        task_state,
        task_is_valid,
        workflow_state,
        workflow_host,
    } = standing;
    if !task_is_valid {
        return Verdict::Replaced;
    }
    if task_state.is_finished() && (workflow_state.is_final() || workflow_host == Some(own_address)) {
        return Verdict::Finished;
    }
    if workflow_state.is_final() {
        return Verdict::Replaced;
    }
    match workflow_host {
        Some(host) if host != own_address && workflow_state.needs_failover() => Verdict::Elsewhere,
        Some(_) | None => Verdict::Coming,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_standing_has_its_verdict() {
        let standing = Standing {
            task_state: TaskState::RunningExecution,
            task_is_valid: true,
            workflow_state: WorkflowState::RunningExecution,
            workflow_host: Some("me:1"),
        };
        assert_eq!(judge(standing, "me:1"), Verdict::Coming);
        assert_eq!(judge(standing, "other:1"), Verdict::Elsewhere);
        let moving = Standing {
            workflow_state: WorkflowState::Failover,
            ..standing
        };
        assert_eq!(
            judge(moving, "other:1"),
            Verdict::Coming,
            "whoever claims it may be us"
        );
        let ended = Standing {
            task_state: TaskState::Success,
            ..standing
        };
        assert_eq!(judge(ended, "me:1"), Verdict::Finished);
        let replaced = Standing {
            task_is_valid: false,
            ..ended
        };
        assert_eq!(judge(replaced, "me:1"), Verdict::Replaced);
        let over = Standing {
            workflow_state: WorkflowState::Stop,
            ..standing
        };
        assert_eq!(
            judge(over, "me:1"),
            Verdict::Replaced,
            "nobody waits for it any more"
        );
    }
}
