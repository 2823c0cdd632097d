//! Steps as text, one line per write and effect.

use super::cells::event_name;
use super::kit;
use crate::model::Property;
use crate::time::Millis;
use crate::workflow::{Effect, Event, NodeId, Step, TaskChange, Timer, WorkflowMachine, Write};
use std::fmt::Write as _;

pub(super) fn show_step(machine: &WorkflowMachine, step: &Step, events: &[Event]) -> String {
    let mut out = String::new();
    for write in &step.writes {
        writeln!(out, "  {}", show_write(machine, write)).unwrap();
    }
    for (index, reason) in &step.ignored {
        writeln!(out, "  ignored {}: {reason}", event_name(&events[*index])).unwrap();
    }
    for (index, refusal) in &step.refused {
        writeln!(out, "  refused {}: {refusal}", event_name(&events[*index])).unwrap();
    }
    out
}

fn show_write(machine: &WorkflowMachine, write: &Write) -> String {
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
        Write::SettleTimeout => "the time-out is settled".to_owned(),
        Write::QueueForSlot {
            task_name, group_id, ..
        } => format!("queue {task_name} for a slot of group {group_id}"),
        Write::ContinueBackfill(run) => format!("continue the backfill with {}", run.times.join(", ")),
        Write::ReleaseSlot { task_instance_id } => {
            format!("release the slot of {}", name_of(machine, *task_instance_id))
        }
        Write::StartChild {
            task_instance_id,
            child,
        } => {
            let given: Vec<String> = child
                .start_params
                .iter()
                .map(|one| format!("{}:{}", one.prop.clone().unwrap(), one.value.clone().unwrap()))
                .collect();
            let (name, version) = (&child.definition.name, child.definition.version);
            format!(
                "start {name} v{version} with [{}] for {}",
                given.join(","),
                name_of(machine, *task_instance_id)
            )
        }
        Write::RecoverChild {
            task_instance_id,
            child,
            ..
        } => format!("recover {child} for {}", name_of(machine, *task_instance_id)),
        Write::LinkChild {
            task_instance_id,
            child,
        } => format!("link {child} to {}", name_of(machine, *task_instance_id)),
        Write::SetTaskContext {
            task_instance_id,
            context,
        } => format!("context {context} of {}", name_of(machine, *task_instance_id)),
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
        Effect::FollowChild {
            task_instance_id,
            child,
        } => {
            let child = child.map_or("the new child".to_owned(), |child| child.to_string());
            format!("FollowChild {child} for #{task_instance_id}")
        }
        Effect::AskChild { child, wish } => format!("AskChild {child} {wish:?}"),
        Effect::QueueDispatch { node, not_before } => {
            format!("QueueDispatch node={} at {}", node.0, seconds(*not_before))
        }
        Effect::AwaitSlot { task_instance_id } => format!("AwaitSlot #{task_instance_id}"),
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
        Timer::Silence => "Silence".to_owned(),
        Timer::TaskTimeout { task_instance_id } => format!("TaskTimeout #{task_instance_id}"),
        Timer::SystemTimeout { task_instance_id } => format!("SystemTimeout #{task_instance_id}"),
        Timer::Retry { task_instance_id } => format!("Retry #{task_instance_id}"),
        Timer::Probe { task_instance_id } => format!("Probe #{task_instance_id}"),
        Timer::KillAgain { task_instance_id } => format!("KillAgain #{task_instance_id}"),
    }
}
