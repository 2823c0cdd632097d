//! Every cell of the state tables, entered once, and the two pages in `docs/states/` made from that.

use super::kit;
use super::pages::{Page, outcome};
use super::script::{Hits, run_file};
use super::tables::{files, regenerate};
use crate::codes::{TaskState, WorkflowState};
use crate::logic::sub_workflow::ChildFound;
use crate::workflow::{Event, ExecutorEventKind, NodeId, Stage, Timer, WorkflowMachine};
use std::path::PathBuf;

const ID: i32 = 51;
const HOST: &str = "w1:1234";

pub(super) fn attempt_of(event: &Event) -> Option<i32> {
    match event {
        Event::Started
        | Event::PauseRequested
        | Event::StopRequested
        | Event::WorkerLost { .. }
        | Event::TimerFired(Timer::WorkflowTimeout | Timer::Silence) => None,
        Event::ContextFailed { task_instance_id, .. }
        | Event::WorkerChosen { task_instance_id, .. }
        | Event::DispatchTimedOut { task_instance_id, .. }
        | Event::DispatchAccepted { task_instance_id, .. }
        | Event::DispatchRefused { task_instance_id, .. }
        | Event::DispatchUnknown { task_instance_id, .. }
        | Event::Probed { task_instance_id, .. }
        | Event::TakeOverAnswered { task_instance_id, .. }
        | Event::KillAnswered { task_instance_id, .. }
        | Event::BranchChosen { task_instance_id, .. }
        | Event::ChildPrepared { task_instance_id, .. }
        | Event::ResultsSettled { task_instance_id, .. }
        | Event::SlotAcquired { task_instance_id } => Some(*task_instance_id),
        Event::Executor(report) => Some(report.task_instance_id),
        Event::TimerFired(timer) => match timer {
            Timer::TaskTimeout { task_instance_id }
            | Timer::SystemTimeout { task_instance_id }
            | Timer::Retry { task_instance_id }
            | Timer::Probe { task_instance_id }
            | Timer::KillAgain { task_instance_id } => Some(*task_instance_id),
            Timer::WorkflowTimeout | Timer::Silence => None,
        },
    }
}

/// The event with the answer it carries: a cell per answer.
pub(super) fn event_name(event: &Event) -> String {
    let answer = |name: &str, answer: Option<bool>| match answer {
        Some(true) => format!("{name}(yes)"),
        Some(false) => format!("{name}(no)"),
        None => format!("{name}(no answer)"),
    };
    match event {
        Event::Probed { present, .. } => answer("Probed", *present),
        Event::TakeOverAnswered { taken, .. } => answer("TakeOverAnswered", *taken),
        Event::KillAnswered { queued, .. } => answer("KillAnswered", *queued),
        Event::Executor(report) => format!("report {}", first_word(&format!("{:?}", report.kind))),
        Event::TimerFired(timer) => format!("timer {}", first_word(&format!("{timer:?}"))),
        other => first_word(&format!("{other:?}")),
    }
}

fn first_word(text: &str) -> String {
    text.split(|character: char| !character.is_alphanumeric())
        .next()
        .unwrap()
        .to_owned()
}

/// One event per row of the task table.
fn task_events(id: i32) -> Vec<Event> {
    let (task_instance_id, host, reason) = (id, HOST.to_owned(), "because".to_owned());
    let mut events = vec![
        Event::ContextFailed {
            task_instance_id,
            reason: reason.clone(),
        },
        Event::WorkerChosen {
            task_instance_id,
            host: host.clone(),
        },
        Event::DispatchTimedOut {
            task_instance_id,
            reason: reason.clone(),
        },
        Event::DispatchAccepted {
            task_instance_id,
            host: host.clone(),
        },
        Event::DispatchRefused {
            task_instance_id,
            host: host.clone(),
            reason: reason.clone(),
        },
        Event::DispatchUnknown {
            task_instance_id,
            host: host.clone(),
            reason,
        },
        Event::SlotAcquired { task_instance_id },
        Event::BranchChosen {
            task_instance_id,
            task_params: r#"{"nextBranch":2}"#.to_owned(),
        },
        Event::ChildPrepared {
            task_instance_id,
            found: ChildFound::Definition(kit::child_definition()),
        },
        Event::ResultsSettled {
            task_instance_id,
            context: "[]".to_owned(),
        },
    ];
    for answer in [Some(true), Some(false), None] {
        events.push(Event::Probed {
            task_instance_id,
            host: host.clone(),
            present: answer,
        });
        events.push(Event::TakeOverAnswered {
            task_instance_id,
            host: host.clone(),
            taken: answer,
        });
        events.push(Event::KillAnswered {
            task_instance_id,
            host: host.clone(),
            queued: answer,
        });
    }
    let end_time = kit::START;
    for kind in [
        ExecutorEventKind::Dispatched,
        ExecutorEventKind::Running {
            start_time: end_time,
            log_path: None,
        },
        ExecutorEventKind::RuntimeContextChanged {
            app_ids: Some("app".to_owned()),
        },
        ExecutorEventKind::Succeeded {
            end_time,
            var_pool: Vec::new(),
        },
        ExecutorEventKind::Failed { end_time },
        ExecutorEventKind::Killed { end_time },
        ExecutorEventKind::Paused { end_time },
    ] {
        events.push(kit::report(id, HOST, kind));
    }
    for timer in [
        Timer::TaskTimeout { task_instance_id },
        Timer::SystemTimeout { task_instance_id },
        Timer::Retry { task_instance_id },
        Timer::Probe { task_instance_id },
        Timer::KillAgain { task_instance_id },
    ] {
        events.push(Event::TimerFired(timer));
    }
    events
}

/// A machine with task A (id 51) in the stage, while the workflow runs because task B does.
fn machine_in(stage: Stage) -> WorkflowMachine {
    let mut a = kit::task(1, "A");
    a.fail_retry_times = i32::from(stage == Stage::Retrying);
    a.task_group_id = i32::from(stage == Stage::AwaitingSlot);
    a.timeout = 1;
    a.timeout_notify_strategy = Some(crate::codes::TaskTimeoutStrategy::Failed);
    let b = kit::task(2, "B");
    let (state, host) = match stage {
        Stage::Idle
        | Stage::AwaitingSlot
        | Stage::Queued
        | Stage::Sent
        | Stage::Doubtful
        | Stage::Held
        | Stage::Running => (TaskState::SubmittedSuccess, None),
        Stage::TakingOver => (TaskState::RunningExecution, Some(HOST)),
        Stage::Retrying | Stage::Failed => (TaskState::Failure, Some(HOST)),
        Stage::Paused => (TaskState::Pause, None),
        Stage::Killed => (TaskState::Kill, Some(HOST)),
        Stage::Succeeded => (TaskState::Success, Some(HOST)),
    };
    let rows = vec![
        kit::row(ID, &a, state, host),
        kit::row(52, &b, TaskState::RunningExecution, Some("w2:1")),
    ];
    let mut machine = kit::machine(kit::definition(vec![a, b], &[]), kit::instance(), rows);
    let (task_instance_id, host) = (ID, HOST.to_owned());
    let chosen = Event::WorkerChosen {
        task_instance_id,
        host: host.clone(),
    };
    let accepted = Event::DispatchAccepted {
        task_instance_id,
        host: host.clone(),
    };
    let running = ExecutorEventKind::Running {
        start_time: kit::START,
        log_path: None,
    };
    let way = match stage {
        Stage::Idle => vec![],
        Stage::AwaitingSlot
        | Stage::Queued
        | Stage::TakingOver
        | Stage::Retrying
        | Stage::Failed
        | Stage::Paused
        | Stage::Killed
        | Stage::Succeeded => vec![Event::Started],
        Stage::Sent => vec![Event::Started, chosen],
        Stage::Doubtful => {
            let reason = "because".to_owned();
            vec![
                Event::Started,
                chosen,
                Event::DispatchUnknown {
                    task_instance_id,
                    host,
                    reason,
                },
            ]
        }
        Stage::Held => vec![Event::Started, chosen, accepted],
        Stage::Running => vec![Event::Started, chosen, accepted, kit::report(ID, HOST, running)],
    };
    let step = machine.decide(&way, kit::START);
    assert!(
        step.refused.is_empty() && step.ignored.is_empty(),
        "{}: {step:?}",
        stage.name()
    );
    kit::apply(&mut machine, step, &mut 100);
    assert_eq!(machine.node(NodeId(0)).stage(), stage);
    machine
}

fn hits() -> Hits {
    let mut hits = Hits::new();
    files().iter().for_each(|path| {
        run_file(path, &mut hits);
    });
    hits
}

const LEGEND: &str = "**Every cell is entered by a test.** `engine::workflow::cells` decides each event in each place, applies the step with \
every invariant checked, and compares what came of it with this page: a cell that changes, or that is not here, fails the test. ✓: a \
scenario of `crates/engine/src/workflow/testdata/` (`engine::workflow::tables::scenarios`) goes through the cell as well.\n\n\
A bold word is where the machine stands afterwards, with the calls that follow. A number is a no-op with its reason below; `refused` is an \
event that cannot belong there: it changes nothing and is logged. Do not edit: `ORCA_REGENERATE=1 cargo test -p orca-engine` writes it.";

/// Where an attempt may be when its end is asked for and it cannot end at once.
const UNDER_WAY: [Stage; 5] = [
    Stage::Sent,
    Stage::Doubtful,
    Stage::Held,
    Stage::Running,
    Stage::TakingOver,
];

#[test]
fn task_table_is_complete_and_written_down() {
    let hits = hits();
    let intro = format!(
        "Task attempts: event by stage, in a workflow that is RUNNING_EXECUTION, with no kill asked for.\n\n{LEGEND}"
    );
    let mut page = Page::new("Task states", &intro);
    let stages = Stage::ALL;
    let head: Vec<String> = stages.iter().map(|stage| stage.name().to_owned()).collect();
    page.head(&[vec!["event".to_owned()], head, vec!["replaced".to_owned()]].concat());
    let later = kit::START.plus(1_000);
    for (index, event) in task_events(ID).iter().enumerate() {
        let name = event_name(event);
        let mut cells = vec![name.clone()];
        for &stage in stages {
            let hit = hits.contains(&(name.clone(), stage.name().to_owned()));
            let outcome = outcome(&machine_in(stage), event, later);
            cells.push(page.cell(outcome, hit));
        }
        let hit = hits.contains(&(name, "Replaced".to_owned()));
        let replaced = outcome(&machine_with_replaced(), &task_events(ID)[index], later);
        cells.push(page.cell(replaced, hit));
        page.row(&cells);
    }
    for (heading, request) in [
        ("While the workflow is being paused", Event::PauseRequested),
        ("While the workflow is being stopped", Event::StopRequested),
    ] {
        page.text.push_str(&format!(
            "\n## {heading}\n\nThe stages in which an attempt may be under way.\n\n"
        ));
        let head = UNDER_WAY.iter().map(|stage| stage.name().to_owned());
        page.head(
            &std::iter::once("event".to_owned())
                .chain(head)
                .collect::<Vec<_>>(),
        );
        for event in &task_events(ID) {
            let mut cells = vec![event_name(event)];
            for stage in UNDER_WAY {
                let outcome = outcome(&machine_asked(stage, &request), event, later);
                cells.push(page.cell(outcome, false));
            }
            page.row(&cells);
        }
    }
    compare("task.md", &page.finish());
}

/// In the stage, in a workflow that has been asked to pause or to stop.
fn machine_asked(stage: Stage, request: &Event) -> WorkflowMachine {
    let mut machine = machine_in(stage);
    let step = machine.decide(std::slice::from_ref(request), kit::START);
    kit::apply(&mut machine, step, &mut 100);
    assert_eq!(machine.node(NodeId(0)).stage(), stage, "it cannot end at once");
    assert!(!machine.instance().state.is_final());
    machine
}

/// Task A was lost and started anew: 51 is its old attempt.
fn machine_with_replaced() -> WorkflowMachine {
    let mut machine = machine_in(Stage::TakingOver);
    let answer = Event::TakeOverAnswered {
        task_instance_id: ID,
        host: HOST.to_owned(),
        taken: Some(false),
    };
    let step = machine.decide(&[answer], kit::START);
    kit::apply(&mut machine, step, &mut 100);
    assert!(machine.knows(ID) && !machine.is_current(ID));
    machine
}

#[test]
fn workflow_table_is_complete_and_written_down() {
    let hits = hits();
    let intro = format!("Workflow instances: event by state, with task A at a worker.\n\n{LEGEND}");
    let mut page = Page::new("Workflow states", &intro);
    let head: Vec<String> = WorkflowState::ALL
        .iter()
        .map(|state| state.name().to_owned())
        .collect();
    page.head(&[vec!["event".to_owned()], head].concat());
    for event in &workflow_events() {
        let name = event_name(event);
        let mut cells = vec![name.clone()];
        for &state in WorkflowState::ALL {
            let hit = hits.contains(&(name.clone(), state.name().to_owned()));
            let outcome = outcome(&workflow_in(state), event, kit::START.plus(1_000));
            cells.push(page.cell(outcome, hit));
        }
        page.row(&cells);
    }
    compare("workflow.md", &page.finish());
}

fn workflow_events() -> [Event; 6] {
    [
        Event::PauseRequested,
        Event::StopRequested,
        Event::TimerFired(Timer::WorkflowTimeout),
        Event::TimerFired(Timer::Silence),
        Event::WorkerLost {
            host: HOST.to_owned(),
            before: kit::START.plus(5_000),
            is_replaced: false,
        },
        Event::Started,
    ]
}

/// No scenario knows an event, or an answer, that has no row in one of the tables.
#[test]
fn every_event_has_its_row() {
    let rows: Vec<String> = task_events(ID)
        .iter()
        .chain(&workflow_events())
        .map(event_name)
        .collect();
    let unknown: Vec<_> = hits()
        .into_iter()
        .filter(|(event, _)| !rows.contains(event))
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

/// A machine in the state. The states that no machine is built for are put there by hand.
fn workflow_in(state: WorkflowState) -> WorkflowMachine {
    let mut machine = machine_in(Stage::Running);
    machine.instance.warning_group_id = Some(1);
    if state.is_final() {
        let end = ExecutorEventKind::Succeeded {
            end_time: kit::START,
            var_pool: Vec::new(),
        };
        let events = [kit::report(ID, HOST, end.clone()), kit::report(52, "w2:1", end)];
        let step = machine.decide(&events, kit::START);
        kit::apply(&mut machine, step, &mut 100);
    }
    machine.instance.state = state;
    machine
}

fn compare(file: &str, should: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs/states")
        .join(file);
    if regenerate() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, should).unwrap();
    }
    let is = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        is == should,
        "{} is stale; ORCA_REGENERATE=1 writes it anew",
        path.display()
    );
}
