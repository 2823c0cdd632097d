//! What came of an event, in a few words, and the pages of `docs/states/` made of that.

use super::kit;
use crate::time::Millis;
use crate::workflow::{Effect, Event, NodeId, Step, WorkflowMachine, Write};
use std::fmt::Write as _;

/// What a cell does, in a few words. The same events decided twice, and a step that is applied, keep every invariant.
pub(super) fn outcome(machine: &WorkflowMachine, event: &Event, now: Millis) -> String {
    let step = machine.decide(std::slice::from_ref(event), now);
    assert_eq!(step, machine.decide(std::slice::from_ref(event), now));
    if let Some((_, refusal)) = step.refused.first() {
        assert!(
            step.writes.is_empty() && step.after_commit.is_empty(),
            "a refused event changes nothing"
        );
        let _ = refusal;
        return "refused".to_owned();
    }
    let is_report = matches!(event, Event::Executor(_));
    let acked = step
        .after_commit
        .iter()
        .any(|effect| matches!(effect, Effect::SendAck { .. }));
    assert_eq!(
        acked, is_report,
        "each report that is not refused is acknowledged, and nothing else is"
    );
    if let Some((_, reason)) = step.ignored.first() {
        return format!("nothing: {reason}");
    }
    summary(machine, step)
}

fn summary(machine: &WorkflowMachine, step: Step) -> String {
    let inserts = step
        .writes
        .iter()
        .any(|write| matches!(write, Write::InsertTask { .. }));
    let sent = calls(&step.after_commit);
    let mut after = machine.clone();
    kit::apply(&mut after, step, &mut 200);
    let mut text = format!("**{}**", after.node(NodeId(0)).stage().name());
    if after.instance().state != machine.instance().state {
        text = format!("**{}**", after.instance().state);
    }
    if inserts {
        text.push_str(", new row");
    }
    if !sent.is_empty() {
        write!(text, ", {}", sent.join(", ")).unwrap();
    }
    text
}

fn calls(effects: &[Effect]) -> Vec<&'static str> {
    let mut names: Vec<&'static str> = effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::QueueDispatch { .. } | Effect::RequeueDispatch { .. } => Some("queue"),
            Effect::AwaitSlot { .. } => Some("await slot"),
            Effect::CancelDispatch { .. } => Some("cancel"),
            Effect::SendDispatch { .. } => Some("dispatch"),
            Effect::SendKill { .. } => Some("kill"),
            Effect::SendPause { .. } => Some("pause"),
            Effect::SendTakeOver { .. } => Some("take over"),
            Effect::SendProbe { .. } => Some("ask"),
            Effect::FollowChild { .. } => Some("follow child"),
            Effect::AskChild { .. } => Some("ask child"),
            Effect::ArmTimer { .. }
            | Effect::SendAck { .. }
            | Effect::Note { .. }
            | Effect::Retire { .. } => None,
        })
        .collect();
    names.dedup();
    names
}

pub(super) struct Page {
    pub(super) text: String,
    notes: Vec<String>,
}

impl Page {
    pub(super) fn new(title: &str, intro: &str) -> Self {
        Self {
            text: format!("# {title}\n\n{intro}\n\n"),
            notes: Vec::new(),
        }
    }

    pub(super) fn head(&mut self, cells: &[String]) {
        self.row(cells);
        self.row(&vec!["---".to_owned(); cells.len()]);
    }

    pub(super) fn row(&mut self, cells: &[String]) {
        writeln!(self.text, "| {} |", cells.join(" | ")).unwrap();
    }

    /// A no-op is a number; its reason stands below the table.
    pub(super) fn cell(&mut self, outcome: String, hit: bool) -> String {
        let mark = if hit { " ✓" } else { "" };
        let Some(reason) = outcome.strip_prefix("nothing: ") else {
            return format!("{outcome}{mark}");
        };
        let number = match self.notes.iter().position(|note| note == reason) {
            Some(index) => index + 1,
            None => {
                self.notes.push(reason.to_owned());
                self.notes.len()
            }
        };
        format!("–{number}{mark}")
    }

    pub(super) fn finish(mut self) -> String {
        self.text.push_str("\nNothing happens, because:\n\n");
        for (index, note) in self.notes.iter().enumerate() {
            writeln!(self.text, "{}. {note}", index + 1).unwrap();
        }
        self.text
    }
}
