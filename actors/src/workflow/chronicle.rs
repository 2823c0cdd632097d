//! What a failover did to one instance and its tasks, read off the committed steps of the new owner.
//!
//! It watches and decides nothing: each task that was open when the instance was claimed gets one line, at the step that settles it.

use crate::term::Term;
use orca_engine::codes::TaskState;
use orca_engine::time::Millis;
use orca_engine::workflow::{Effect, Event, ExecutorEvent, NodeId, WorkflowMachine};
use orca_schema::{FailoverEvent, FailoverNote};
use std::collections::{BTreeMap, BTreeSet};

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
        let chronicle = Self::of(came_from, machine);
        let by = term.incarnation.address.to_string();
        term.timeline
            .add(chronicle.line(None, (FailoverEvent::Claimed, by), term.now()));
        chronicle
    }

    fn of(came_from: String, machine: &WorkflowMachine) -> Self {
        let open = machine
            .graph()
            .nodes()
            .filter_map(|node| machine.task(node).map(|task| (task, node)))
            .filter(|(task, _)| is_open(task.state))
            .map(|(task, node)| (task.id, node))
            .collect();
        Self {
            came_from,
            workflow_instance_id: machine.instance().id,
            open,
        }
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
        let step = Told::of(events, effects);
        let settled: Vec<(i32, Fate)> = self
            .open
            .iter()
            .filter_map(|(&id, &node)| Some((id, fate(machine, id, node, &step)?)))
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

/// What a step says about attempts, by attempt: a step may have thousands of effects, and as many attempts be open.
struct Told<'a> {
    confirmed: BTreeSet<i32>,
    queued: BTreeSet<NodeId>,
    /// Why the machine replaced an attempt.
    replaced: BTreeMap<i32, &'a str>,
}

impl<'a> Told<'a> {
    fn of(events: &[Event], effects: &'a [Effect]) -> Self {
        Self {
            confirmed: events.iter().filter_map(confirmed).collect(),
            queued: effects.iter().filter_map(queued).collect(),
            replaced: effects.iter().filter_map(replaced).collect(),
        }
    }
}

fn fate(machine: &WorkflowMachine, id: i32, node: NodeId, step: &Told<'_>) -> Option<Fate> {
    let row = machine.task(node)?;
    if row.id != id {
        let reason = step.replaced.get(&id).unwrap_or(&"it was replaced");
        return Some((FailoverEvent::NewAttempt, format!("as {}: {reason}", row.id)));
    }
    if !is_open(row.state) {
        return Some((FailoverEvent::Ended, row.state.name().to_owned()));
    }
    if step.confirmed.contains(&id) {
        let host = row.host.clone().unwrap_or_default();
        return Some((FailoverEvent::TakenOver, host));
    }
    let waits = matches!(row.state, TaskState::SubmittedSuccess | TaskState::DelayExecution);
    if waits && step.queued.contains(&node) {
        return Some((
            FailoverEvent::QueuedAgain,
            row.worker_group.clone().unwrap_or_default(),
        ));
    }
    None
}

/// The attempt that a worker has and reports to us.
fn confirmed(event: &Event) -> Option<i32> {
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
        | Event::Executor(ExecutorEvent { task_instance_id, .. }) => Some(*task_instance_id),
        _ => None,
    }
}

fn queued(effect: &Effect) -> Option<NodeId> {
    match effect {
        Effect::QueueDispatch { node, .. } => Some(*node),
        _ => None,
    }
}

/// The attempt that was replaced, and why, without the name of the task that a note begins with.
fn replaced(effect: &Effect) -> Option<(i32, &str)> {
    const REPLACED: &str = "is replaced by a new attempt: ";
    match effect {
        Effect::Note {
            task_instance_id: Some(task_instance_id),
            text,
        } => Some((*task_instance_id, text.split_once(REPLACED)?.1)),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use orca_engine::codes::{ExecutionType, WorkflowState};
    use orca_engine::model::TaskInstance;
    use orca_engine::workflow::{ExecutorEventKind, Rules, Write};
    use orca_schema::{DatabaseSettings, NewDefinition, NewRun, NewTask, Store};
    use std::sync::Arc;

    const NOW: Millis = Millis(1_800_000_000_000);
    const WORKER: &str = "10.0.0.9:1234";

    /// A claimed run of one task whose row, with id 70, is in this state.
    struct Run {
        machine: WorkflowMachine,
        chronicle: Chronicle,
    }

    impl Run {
        fn found_in(state: TaskState) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let url = format!("jdbc:sqlite:{}/orca.db", folder.path().display());
            let store = Store::open(&DatabaseSettings::new(url)).unwrap();
            store.migrate().unwrap();
            let definition = NewDefinition {
                project: "project".to_owned(),
                name: "workflow".to_owned(),
                description: None,
                user_id: 1,
                global_params: Vec::new(),
                timeout_minutes: 0,
                execution_type: ExecutionType::Parallel,
                tasks: vec![NewTask::new("a", "SHELL", r#"{"rawScript":"true"}"#)],
            };
            let (code, version) = store.save_definition(&definition).unwrap();
            let id = *store.trigger(&[NewRun::manual(1, code, version)]).unwrap()[0]
                .as_ref()
                .unwrap();
            let definition = Arc::new(store.load_definition(code, version).unwrap().unwrap());
            let mut instance = store.get_instance(id).unwrap().unwrap();
            instance.state = WorkflowState::RunningExecution;
            instance.command_param = store.fetch_commands(0, 1, 1, 1).unwrap()[0].command_param.clone();
            instance.global_params = Some("[]".to_owned());
            let rules = Arc::new(Rules::new(Arc::from("10.0.0.2:5678"), chrono_tz::UTC));
            let fresh = WorkflowMachine::new(definition.clone(), instance.clone(), Vec::new(), rules.clone());
            let mut row = first_row(&fresh.unwrap());
            row.state = state;
            row.host = Some(WORKER.to_owned());
            let machine = WorkflowMachine::new(definition, instance, vec![row], rules).unwrap();
            let chronicle = Chronicle::of("10.0.0.1:5678".to_owned(), &machine);
            Self { machine, chronicle }
        }

        fn step(&mut self, event: Event) -> Vec<(i32, FailoverEvent, String)> {
            let events = [event];
            let step = self.machine.decide(&events, NOW);
            assert!(step.refused.is_empty(), "{:?}", step.refused);
            let ids: Vec<i32> = (71..).take(inserted(&step.writes).count()).collect();
            let effects = self.machine.apply(step, &ids);
            let lines = self.chronicle.settle(&self.machine, &events, &effects, NOW);
            lines
                .into_iter()
                .map(|line| (line.task_instance_id.unwrap(), line.event, line.detail))
                .collect()
        }
    }

    fn inserted(writes: &[Write]) -> impl Iterator<Item = &TaskInstance> {
        writes.iter().filter_map(|write| match write {
            Write::InsertTask { row, .. } => Some(&**row),
            _ => None,
        })
    }

    fn first_row(machine: &WorkflowMachine) -> TaskInstance {
        let step = machine.decide(&[Event::Started], NOW);
        let row = inserted(&step.writes).next().unwrap().clone();
        TaskInstance { id: 70, ..row }
    }

    fn answered(taken: Option<bool>) -> Event {
        Event::TakeOverAnswered {
            task_instance_id: 70,
            host: WORKER.to_owned(),
            taken,
        }
    }

    fn reported(kind: ExecutorEventKind) -> Event {
        Event::Executor(ExecutorEvent {
            task_instance_id: 70,
            host: WORKER.to_owned(),
            kind,
        })
    }

    #[test]
    fn a_task_that_its_worker_has_is_taken_over_once() {
        let mut run = Run::found_in(TaskState::RunningExecution);
        assert_eq!(run.step(Event::Started), []);
        assert_eq!(run.step(answered(None)), [], "no answer settles nothing");
        let expected = (70, FailoverEvent::TakenOver, WORKER.to_owned());
        assert_eq!(run.step(answered(Some(true))), [expected]);
        assert!(run.chronicle.open.is_empty());
        assert_eq!(
            run.step(reported(ExecutorEventKind::Failed { end_time: NOW })),
            []
        );
    }

    #[test]
    fn a_task_that_its_worker_denies_has_a_new_attempt_with_the_reason() {
        let mut run = Run::found_in(TaskState::RunningExecution);
        run.step(Event::Started);
        let detail = "as 71: its worker does not have it any more".to_owned();
        assert_eq!(
            run.step(answered(Some(false))),
            [(70, FailoverEvent::NewAttempt, detail)]
        );
    }

    #[test]
    fn a_task_whose_end_comes_first_has_ended() {
        let mut run = Run::found_in(TaskState::Dispatch);
        run.step(Event::Started);
        let failed = reported(ExecutorEventKind::Failed { end_time: NOW });
        assert_eq!(
            run.step(failed),
            [(70, FailoverEvent::Ended, "FAILURE".to_owned())]
        );
    }

    #[test]
    fn a_task_that_no_worker_had_waits_again_and_an_ended_one_is_not_told() {
        let mut run = Run::found_in(TaskState::SubmittedSuccess);
        let queued = (70, FailoverEvent::QueuedAgain, "default".to_owned());
        assert_eq!(run.step(Event::Started), [queued]);
        assert!(Run::found_in(TaskState::Success).chronicle.open.is_empty());
    }
}
