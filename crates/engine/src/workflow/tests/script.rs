//! Scenarios as text: a command, a line of dashes, and what the machine answers. With `ORCA_REGENERATE=1` the answers
//! are written anew, to be reviewed as a diff.

use super::kit;
use crate::codes::*;
use crate::model::{Property, TaskDefinition, TaskInstance, WorkflowInstance};
use crate::time::Millis;
use crate::workflow::{
    Effect, Event, ExecutorEventKind, NodeId, Rules, Stage, Step, TaskChange, Timer, WorkflowMachine, Write,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

/// Cells that scenarios have entered: `(event, stage or workflow state)`.
pub(super) type Hits = BTreeSet<(String, String)>;

/// Runs every block of a file and returns the file as it should be.
pub(super) fn run_file(path: &Path, hits: &mut Hits) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let mut script = Script::default();
    let mut out = String::new();
    for block in text
        .split("\n\n")
        .map(str::trim_end)
        .filter(|block| !block.trim().is_empty())
    {
        let (input, has_answer) = match block.split_once("\n----") {
            Some((input, _)) => (input, true),
            None => (block, false),
        };
        if input.lines().all(|line| line.starts_with('#')) {
            writeln!(out, "{input}\n").unwrap();
            continue;
        }
        let answer = script.run(input, hits);
        writeln!(out, "{input}\n----\n{answer}\n").unwrap();
        let _ = has_answer;
    }
    format!("{}\n", out.trim_end())
}

#[derive(Default)]
struct Script {
    machine: Option<WorkflowMachine>,
    now: i64,
    next_id: i32,
}

impl Script {
    fn run(&mut self, input: &str, hits: &mut Hits) -> String {
        let lines: Vec<&str> = input.lines().filter(|line| !line.starts_with('#')).collect();
        if lines[0].starts_with("workflow") {
            self.machine = Some(build(&lines));
            self.now = 0;
            self.next_id = 100;
            return "ok".to_owned();
        }
        let mut events = Vec::new();
        for line in &lines {
            if let Some(seconds) = line.strip_prefix("wait ") {
                self.now += seconds.trim_end_matches('s').parse::<i64>().unwrap() * 1_000;
            } else {
                events.push(self.event(line));
            }
        }
        let machine = self.machine.as_mut().unwrap();
        let now = kit::START.plus(self.now);
        events.iter().for_each(|event| record(machine, event, hits));
        let step = machine.decide(&events, now);
        assert_eq!(
            step,
            machine.decide(&events, now),
            "the same events give the same step"
        );
        let mut out = show_step(machine, &step, &events);
        let effects = kit::apply(machine, step, &mut self.next_id);
        effects
            .iter()
            .for_each(|effect| writeln!(out, "  {}", show_effect(effect)).unwrap());
        let counts = machine.counts();
        write!(out, "= {} active={}", machine.instance().state, counts.active).unwrap();
        for (name, count) in [
            ("failed", counts.failed),
            ("paused", counts.paused),
            ("killed", counts.killed),
        ] {
            if count > 0 {
                write!(out, " {name}={count}").unwrap();
            }
        }
        out
    }

    fn event(&self, line: &str) -> Event {
        let words: Vec<&str> = line.split_whitespace().collect();
        let machine = self.machine.as_ref().unwrap();
        let id = || attempt(machine, words[1]);
        let at = |index: usize| words.get(index).copied();
        let host = || {
            let own = machine
                .node_of(id())
                .and_then(|node| machine.task(node)?.host.clone());
            at(2)
                .filter(|word| word.contains(':'))
                .map(str::to_owned)
                .or(own)
                .unwrap_or_else(|| "w1:1234".to_owned())
        };
        let answer = || match *words.last().unwrap() {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        };
        let end_time = kit::START.plus(self.now);
        let report = |kind| kit::report(id(), &host(), kind);
        let reason = "because".to_owned();
        match words[0] {
            "started" => Event::Started,
            "pause" => Event::PauseRequested,
            "stop" => Event::StopRequested,
            "lost" => Event::WorkerLost {
                host: words[1].to_owned(),
                before: end_time.plus(1),
            },
            "chosen" => Event::WorkerChosen {
                task_instance_id: id(),
                host: host(),
            },
            "accepted" => Event::DispatchAccepted {
                task_instance_id: id(),
                host: host(),
            },
            "refused" => Event::DispatchRefused {
                task_instance_id: id(),
                host: host(),
                reason,
            },
            "unknown" => Event::DispatchUnknown {
                task_instance_id: id(),
                host: host(),
                reason,
            },
            "no_context" => Event::ContextFailed {
                task_instance_id: id(),
                reason,
            },
            "timed_out" => Event::DispatchTimedOut {
                task_instance_id: id(),
                reason,
            },
            "probed" => Event::Probed {
                task_instance_id: id(),
                host: host(),
                present: answer(),
            },
            "taken" => Event::TakeOverAnswered {
                task_instance_id: id(),
                host: host(),
                taken: answer(),
            },
            "kill_answered" => Event::KillAnswered {
                task_instance_id: id(),
                host: host(),
                queued: answer(),
            },
            "slot" => Event::SlotAcquired {
                task_instance_id: id(),
            },
            "dispatched" => report(ExecutorEventKind::Dispatched),
            "running" => report(ExecutorEventKind::Running {
                start_time: end_time,
                log_path: Some(format!("/logs/{}.log", words[1])),
            }),
            "context" => report(ExecutorEventKind::RuntimeContextChanged {
                app_ids: at(2).map(str::to_owned),
            }),
            "success" => {
                let var_pool = words[2..]
                    .iter()
                    .filter_map(|word| word.split_once('='))
                    .map(output)
                    .collect();
                report(ExecutorEventKind::Succeeded { end_time, var_pool })
            }
            "failed" => report(ExecutorEventKind::Failed { end_time }),
            "killed" => report(ExecutorEventKind::Killed { end_time }),
            "paused" => report(ExecutorEventKind::Paused { end_time }),
            "timer" if words[1] == "workflow" => Event::TimerFired(Timer::WorkflowTimeout),
            "timer" => {
                let task_instance_id = attempt(machine, words[2]);
                Event::TimerFired(match words[1] {
                    "timeout" => Timer::TaskTimeout { task_instance_id },
                    "system" => Timer::SystemTimeout { task_instance_id },
                    "retry" => Timer::Retry { task_instance_id },
                    "probe" => Timer::Probe { task_instance_id },
                    "kill" => Timer::KillAgain { task_instance_id },
                    other => panic!("no timer {other}"),
                })
            }
            other => panic!("no event {other}"),
        }
    }
}

fn output((name, value): (&str, &str)) -> Property {
    Property {
        prop: Some(name.to_owned()),
        direct: Some(Direct::Out),
        data_type: Some(DataType::Varchar),
        value: Some(value.to_owned()),
    }
}

/// `#12` is an id, anything else the current attempt of the task of that name.
fn attempt(machine: &WorkflowMachine, word: &str) -> i32 {
    match word.strip_prefix('#') {
        Some(id) => id.parse().unwrap(),
        None => {
            let node = machine
                .graph()
                .nodes()
                .find(|&node| machine.task_definition(node).name == word)
                .unwrap();
            machine.task_instance_id(node).unwrap()
        }
    }
}

fn record(machine: &WorkflowMachine, event: &Event, hits: &mut Hits) {
    let place = match super::cells::attempt_of(event) {
        Some(id) => match machine.node_of(id).filter(|_| machine.is_current(id)) {
            Some(node) => machine.node(node).stage().name().to_owned(),
            None => "Replaced".to_owned(),
        },
        None => machine.instance().state.name().to_owned(),
    };
    hits.insert((super::cells::event_name(event), place));
}

/// `workflow key=value...`, then a line per task: `B after=A,C retries=1 ...`, or per row: `row A SUCCESS id=5 host=w1:1234`.
fn build(lines: &[&str]) -> WorkflowMachine {
    let mut rules = Rules::new("me:5678", chrono_tz::Tz::UTC);
    let mut instance = kit::instance();
    let mut execution_type = ExecutionType::Parallel;
    for (key, value) in pairs(lines[0]) {
        match key {
            "system" => rules.task_runtime_max_ms = Some(value.parse::<i64>().unwrap() * 60_000),
            "take_over" => rules.take_over_on_worker_loss = value == "yes",
            "serial" => execution_type = ExecutionType::SerialWait,
            _ => set_instance(&mut instance, key, value),
        }
    }
    let (mut tasks, mut edges, mut rows) = (Vec::new(), Vec::new(), Vec::new());
    for line in &lines[1..] {
        if let Some(row) = line.strip_prefix("row ") {
            rows.push(read_row(row, &tasks));
        } else {
            read_task(line, &mut tasks, &mut edges);
        }
    }
    let mut definition = kit::definition(tasks, &edges);
    definition.workflow.execution_type = execution_type;
    WorkflowMachine::new(Arc::new(definition), instance, rows, Arc::new(rules)).unwrap()
}

fn pairs(line: &str) -> Vec<(&str, &str)> {
    line.split_whitespace()
        .skip(1)
        .map(|word| word.split_once('=').unwrap_or((word, "")))
        .collect()
}

fn set_instance(instance: &mut WorkflowInstance, key: &str, value: &str) {
    match key {
        "state" => instance.state = value.parse().unwrap(),
        "failure" => instance.failure_strategy = value.parse().unwrap(),
        "warning" => instance.warning_type = value.parse().unwrap(),
        "group" => instance.warning_group_id = Some(value.parse().unwrap()),
        "timeout" => instance.timeout = value.parse().unwrap(),
        "depend" => instance.task_depend_type = value.parse().unwrap(),
        "dry_run" => instance.dry_run = true,
        "start" => {
            instance.command_param = Some(format!(
                r#"{{"commandType":"START_PROCESS","startNodes":[{value}]}}"#
            ));
        }
        "pool" => instance.var_pool = Some(pool_text(value)),
        other => panic!("no workflow key {other}"),
    }
}

fn pool_text(value: &str) -> String {
    let properties: Vec<Property> = value
        .split(',')
        .filter_map(|pair| pair.split_once(':'))
        .map(output)
        .collect();
    serde_json::to_string(&properties).unwrap()
}

fn read_task(line: &str, tasks: &mut Vec<TaskDefinition>, edges: &mut Vec<(i64, i64)>) {
    let code = i64::try_from(tasks.len()).unwrap() + 1;
    let mut task = kit::task(code, line.split_whitespace().next().unwrap());
    for (key, value) in pairs(line) {
        match key {
            "after" => edges.extend(
                value
                    .split(',')
                    .map(|name| (tasks.iter().find(|task| task.name == name).unwrap().code, code)),
            ),
            "retries" => task.fail_retry_times = value.parse().unwrap(),
            "interval" => task.fail_retry_interval = value.parse().unwrap(),
            "delay" => task.delay_time = value.parse().unwrap(),
            "timeout" => task.timeout = value.parse().unwrap(),
            "strategy" => task.timeout_notify_strategy = Some(value.parse().unwrap()),
            "forbidden" => task.flag = Flag::No,
            "type" => task.task_type = value.to_owned(),
            "params" => task.task_params = Some(value.to_owned()),
            "group" => task.task_group_id = value.parse().unwrap(),
            "workers" => task.worker_group = Some(value.to_owned()),
            other => panic!("no task key {other}"),
        }
    }
    tasks.push(task);
}

fn read_row(line: &str, tasks: &[TaskDefinition]) -> TaskInstance {
    let words: Vec<&str> = line.split_whitespace().collect();
    let task = tasks.iter().find(|task| task.name == words[0]).unwrap();
    let mut row = kit::row(
        50 + i32::try_from(task.code).unwrap(),
        task,
        words[1].parse().unwrap(),
        None,
    );
    for word in &words[2..] {
        match word.split_once('=').unwrap() {
            ("id", value) => row.id = value.parse().unwrap(),
            ("host", value) => row.host = Some(value.to_owned()),
            ("ended", value) => row.end_time = Some(kit::START.plus(value.parse::<i64>().unwrap() * 1_000)),
            ("tried", value) => row.retry_times = value.parse().unwrap(),
            ("pool", value) => row.var_pool = Some(pool_text(value)),
            ("params", value) => row.task_params = Some(Arc::from(value)),
            (other, _) => panic!("no row key {other}"),
        }
    }
    row
}

fn show_step(machine: &WorkflowMachine, step: &Step, events: &[Event]) -> String {
    let mut out = String::new();
    for write in &step.writes {
        writeln!(out, "  {}", show_write(machine, write)).unwrap();
    }
    for (index, reason) in &step.ignored {
        writeln!(
            out,
            "  ignored {}: {reason}",
            super::cells::event_name(&events[*index])
        )
        .unwrap();
    }
    for (index, refusal) in &step.refused {
        writeln!(
            out,
            "  refused {}: {refusal}",
            super::cells::event_name(&events[*index])
        )
        .unwrap();
    }
    out
}

pub(super) fn show_write(machine: &WorkflowMachine, write: &Write) -> String {
    match write {
        Write::InsertTask { row, .. } => {
            let mut shown = format!("insert {} {}", row.name, row.state);
            for (name, value) in [
                (
                    "tried",
                    (row.retry_times > 0).then(|| row.retry_times.to_string()),
                ),
                ("submitted", row.submit_time.map(seconds)),
                (
                    "first",
                    row.first_submit_time
                        .filter(|first| Some(*first) != row.submit_time)
                        .map(seconds),
                ),
                ("started", row.start_time.map(seconds)),
                ("ended", row.end_time.map(seconds)),
                ("host", row.host.clone()),
                ("link", row.app_link.clone()),
                ("pool", row.var_pool.as_deref().map(show_pool)),
            ] {
                if let Some(value) = value {
                    write!(shown, " {name}={value}").unwrap();
                }
            }
            shown
        }
        Write::UpdateTask { id, change } => {
            format!("update {}{}", name_of(machine, *id), show_change(change))
        }
        Write::SetState { state } => format!("set {state}"),
        Write::Finish {
            state,
            end_time,
            var_pool,
            serial,
        } => format!(
            "finish {state} at {}{}{}",
            seconds(*end_time),
            var_pool
                .as_deref()
                .map(|pool| format!(" pool={}", show_pool(pool)))
                .unwrap_or_default(),
            if *serial { " serial" } else { "" }
        ),
        Write::InsertAlert(alert) => format!(
            "alert {:?} {}/{} group={:?} {}",
            alert.title, alert.warning_type, alert.alert_type, alert.alert_group_id, alert.content
        ),
        Write::QueueForSlot {
            task_name, group_id, ..
        } => format!("queue {task_name} for a slot of group {group_id}"),
        Write::ReleaseSlot { task_instance_id } => {
            format!("release the slot of {}", name_of(machine, *task_instance_id))
        }
    }
}

fn show_change(change: &TaskChange) -> String {
    let time = |time: &Option<Millis>| time.map_or("null".to_owned(), seconds);
    let parts: [(&str, Option<String>); 9] = [
        ("state", change.state.map(|state| state.to_string())),
        (
            "host",
            change
                .host
                .clone()
                .map(|host| host.unwrap_or_else(|| "null".to_owned())),
        ),
        ("started", change.start_time.as_ref().map(time)),
        ("ended", change.end_time.as_ref().map(time)),
        ("log", change.log_path.clone()),
        ("link", change.app_link.clone()),
        (
            "pool",
            change
                .var_pool
                .as_ref()
                .map(|pool| pool.as_deref().map_or("null".to_owned(), show_pool)),
        ),
        ("params", change.task_params.clone()),
        ("flag", change.flag.map(|flag| flag.to_string())),
    ];
    let shown = parts
        .into_iter()
        .filter_map(|(name, value)| Some(format!(" {name}={}", value?)));
    shown.collect()
}

fn show_pool(text: &str) -> String {
    let properties: Vec<Property> = serde_json::from_str(text).unwrap();
    let pairs: Vec<String> = properties
        .into_iter()
        .map(|property| format!("{}:{}", property.prop.unwrap(), property.value.unwrap()))
        .collect();
    format!("[{}]", pairs.join(","))
}

fn seconds(time: Millis) -> String {
    format!("{}s", time.since(kit::START) / 1_000)
}

fn name_of(machine: &WorkflowMachine, id: i32) -> String {
    let name = |node: NodeId| machine.task_definition(node).name.clone();
    format!("{}#{id}", machine.node_of(id).map_or("?".to_owned(), name))
}

pub(super) fn show_effect(effect: &Effect) -> String {
    match effect {
        Effect::QueueDispatch { node, not_before } => {
            format!("QueueDispatch node={} at {}", node.0, seconds(*not_before))
        }
        Effect::CancelDispatch {
            task_instance_id,
            worker_group,
        } => {
            format!("CancelDispatch #{task_instance_id} in {worker_group}")
        }
        Effect::SendDispatch {
            task_instance_id,
            host,
            ..
        } => format!("SendDispatch #{task_instance_id} to {host}"),
        Effect::RequeueDispatch { node, failures } => {
            format!("RequeueDispatch node={} failures={failures}", node.0)
        }
        Effect::SendKill {
            task_instance_id,
            host,
        } => format!("SendKill #{task_instance_id} to {host}"),
        Effect::SendPause {
            task_instance_id,
            host,
        } => format!("SendPause #{task_instance_id} to {host}"),
        Effect::SendAck {
            task_instance_id,
            host,
            event_type,
        } => {
            let name = serde_json::to_string(event_type).unwrap();
            format!("SendAck {name} #{task_instance_id} to {host}")
        }
        Effect::SendTakeOver {
            task_instance_id,
            host,
        } => format!("SendTakeOver #{task_instance_id} to {host}"),
        Effect::SendProbe {
            task_instance_id,
            host,
        } => format!("SendProbe #{task_instance_id} to {host}"),
        Effect::ArmTimer { timer, at } => format!("ArmTimer {} at {}", show_timer(timer), seconds(*at)),
        Effect::Note { text, .. } => format!("Note {text}"),
        Effect::Retire { state } => format!("Retire {state}"),
    }
}

fn show_timer(timer: &Timer) -> String {
    match timer {
        Timer::WorkflowTimeout => "WorkflowTimeout".to_owned(),
        Timer::TaskTimeout { task_instance_id } => format!("TaskTimeout #{task_instance_id}"),
        Timer::SystemTimeout { task_instance_id } => format!("SystemTimeout #{task_instance_id}"),
        Timer::Retry { task_instance_id } => format!("Retry #{task_instance_id}"),
        Timer::Probe { task_instance_id } => format!("Probe #{task_instance_id}"),
        Timer::KillAgain { task_instance_id } => format!("KillAgain #{task_instance_id}"),
    }
}

/// Every stage a machine can stand in, for tests that go through all of them.
pub(super) fn stage_names() -> BTreeMap<&'static str, Stage> {
    Stage::ALL.iter().map(|stage| (stage.name(), *stage)).collect()
}
