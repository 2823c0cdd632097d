//! What a failover did to one instance and its tasks, read off the committed steps of the new owner.
//!
//! It watches and decides nothing: each task that was open when the instance was claimed gets one line, at the step that settles it.

use crate::term::Term;
use orca_engine::codes::TaskState;
use orca_engine::time::Millis;
use orca_engine::workflow::{Effect, Event, ExecutorEvent, NodeId, WorkflowMachine};
use orca_schema::{FailoverEvent, FailoverNote};
use std::collections::BTreeMap;

pub(crate) struct Chronicle {
    came_from: String,
    workflow_instance_id: i32,
    /// Attempts that were open at the claim and about which nothing has been said yet.
    open: BTreeMap<i32, NodeId>,
}

/// What has become of one attempt.
type Fate = (FailoverEvent, String);

impl Chronicle {
    /// The claim is the first line.
    pub(crate) fn begin(term: &Term, came_from: String, machine: &WorkflowMachine) -> Self {
        let open = machine
            .graph()
            .nodes()
            .filter_map(|node| machine.task(node).map(|task| (task, node)))
            .filter(|(task, _)| is_open(task.state))
            .map(|(task, node)| (task.id, node))
            .collect();
        let chronicle = Self {
            came_from,
            workflow_instance_id: machine.instance().id,
            open,
        };
        let by = term.incarnation.address.to_string();
        term.timeline
            .add(chronicle.line(None, (FailoverEvent::Claimed, by), term.now()));
        chronicle
    }

    /// Looks at a step that was applied; `true` when nothing is open any more.
    pub(super) fn tell(
        &mut self,
        term: &Term,
        machine: &WorkflowMachine,
        events: &[Event],
        effects: &[Effect],
    ) -> bool {
        for line in self.settle(machine, events, effects, term.now()) {
            term.timeline.add(line);
        }
        self.open.is_empty()
    }

    fn settle(
        &mut self,
        machine: &WorkflowMachine,
        events: &[Event],
        effects: &[Effect],
        now: Millis,
    ) -> Vec<FailoverNote> {
        let settled: Vec<(i32, Fate)> = self
            .open
            .iter()
            .filter_map(|(&id, &node)| Some((id, fate(machine, id, node, events, effects)?)))
            .collect();
        let line = |(id, fate)| {
            self.open.remove(&id);
            self.line(Some(id), fate, now)
        };
        settled.into_iter().map(line).collect()
    }

    fn line(&self, task_instance_id: Option<i32>, (event, detail): Fate, at: Millis) -> FailoverNote {
        FailoverNote {
            came_from: self.came_from.clone(),
            workflow_instance_id: self.workflow_instance_id,
            task_instance_id,
            event,
            detail,
            at,
        }
    }
}

/// A row in one of these states leaves something to be done by the new owner.
fn is_open(state: TaskState) -> bool {
    !state.is_finished() || state == TaskState::NeedFaultTolerance
}

fn fate(
    machine: &WorkflowMachine,
    id: i32,
    node: NodeId,
    events: &[Event],
    effects: &[Effect],
) -> Option<Fate> {
    let row = machine.task(node)?;
    if row.id != id {
        let reason = reason(effects, id).unwrap_or("it was replaced");
        return Some((FailoverEvent::NewAttempt, format!("as {}: {reason}", row.id)));
    }
    if !is_open(row.state) {
        return Some((FailoverEvent::Ended, row.state.name().to_owned()));
    }
    if events.iter().any(|event| confirms(event, id)) {
        let host = row.host.clone().unwrap_or_default();
        return Some((FailoverEvent::TakenOver, host));
    }
    let waits = matches!(row.state, TaskState::SubmittedSuccess | TaskState::DelayExecution);
    let queued =
        |effect: &Effect| matches!(effect, Effect::QueueDispatch { node: queued, .. } if *queued == node);
    if waits && effects.iter().any(queued) {
        return Some((
            FailoverEvent::QueuedAgain,
            row.worker_group.clone().unwrap_or_default(),
        ));
    }
    None
}

/// The worker has the attempt and reports to us.
fn confirms(event: &Event, id: i32) -> bool {
    match event {
        Event::TakeOverAnswered {
            task_instance_id,
            taken: Some(true),
            ..
        }
        | Event::Probed {
            task_instance_id,
            present: Some(true),
            ..
        }
        | Event::Executor(ExecutorEvent { task_instance_id, .. }) => *task_instance_id == id,
        _ => false,
    }
}

/// Why the machine replaced the attempt, without the name of the task that a note begins with.
fn reason(effects: &[Effect], id: i32) -> Option<&str> {
    const REPLACED: &str = "is replaced by a new attempt: ";
    effects.iter().find_map(|effect| match effect {
        Effect::Note {
            task_instance_id: Some(task_instance_id),
            text,
        } if *task_instance_id == id => text.split_once(REPLACED).map(|(_, reason)| reason),
        _ => None,
    })
}
