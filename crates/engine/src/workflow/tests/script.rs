//! Scenarios as text: a command, a line of dashes, and what the machine answers. With `ORCA_REGENERATE=1` the answers
//! are written anew, to be reviewed as a diff.

use super::kit;
use super::scene::build;
use super::show::{show_effect, show_step};
use super::words::Words;
use crate::workflow::{Event, WorkflowMachine};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

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
        let input = block.split_once("\n----").map_or(block, |(input, _)| input);
        if input.lines().all(|line| line.starts_with('#')) {
            writeln!(out, "{input}\n").unwrap();
            continue;
        }
        let answer = script.run(input, hits);
        writeln!(out, "{input}\n----\n{answer}\n").unwrap();
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
                let now = kit::START.plus(self.now);
                events.push(Words::new(self.machine.as_ref().unwrap(), line, now).event());
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
}
/// `#12` is an id, anything else the current attempt of the task of that name.
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
