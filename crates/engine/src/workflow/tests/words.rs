//! One line of a scenario as an event: `running A`, `probed A no`, `timer retry #101`.

use super::kit;
use super::scene::output;
use crate::logic::sub_workflow::ChildFound;
use crate::time::Millis;
use crate::workflow::{Event, ExecutorEventKind, Timer, WorkflowMachine};

pub(super) struct Words<'a> {
    machine: &'a WorkflowMachine,
    words: Vec<&'a str>,
    now: Millis,
}

impl<'a> Words<'a> {
    pub(super) fn new(machine: &'a WorkflowMachine, line: &'a str, now: Millis) -> Self {
        Self {
            machine,
            words: line.split_whitespace().collect(),
            now,
        }
    }

    pub(super) fn event(&self) -> Event {
        let before = self.now.plus(1);
        if self.words[0] == "inside" {
            let words = Self {
                machine: self.machine,
                words: self.words[1..].to_vec(),
                now: self.now,
            };
            return kit::report(words.id(1), "", words.report());
        }
        match self.words[0] {
            "started" => Event::Started,
            "pause" => Event::PauseRequested,
            "stop" => Event::StopRequested,
            "lost" => Event::WorkerLost {
                host: self.words[1].to_owned(),
                before,
                is_replaced: self.words.last() == Some(&"replaced"),
            },
            "timer" => Event::TimerFired(self.timer()),
            "branch" => Event::BranchChosen {
                task_instance_id: self.id(1),
                task_params: self.words[2].to_owned(),
            },
            "child" => Event::ChildPrepared {
                task_instance_id: self.id(1),
                found: match self.words[2] {
                    "there" => ChildFound::Instance,
                    _ => ChildFound::Definition(kit::child_definition()),
                },
            },
            "settled" => Event::ResultsSettled {
                task_instance_id: self.id(1),
                context: self.words[2].to_owned(),
            },
            "slot" => Event::SlotAcquired {
                task_instance_id: self.id(1),
            },
            "chosen" | "accepted" | "refused" | "unknown" | "no_context" | "timed_out" => self.dispatch(),
            "probed" | "taken" | "kill_answered" => self.answer(),
            _ => kit::report(self.id(1), &self.host(), self.report()),
        }
    }

    fn dispatch(&self) -> Event {
        let (task_instance_id, host, reason) = (self.id(1), self.host(), "because".to_owned());
        match self.words[0] {
            "chosen" => Event::WorkerChosen {
                task_instance_id,
                host,
            },
            "accepted" => Event::DispatchAccepted {
                task_instance_id,
                host,
            },
            "refused" => Event::DispatchRefused {
                task_instance_id,
                host,
                reason,
            },
            "unknown" => Event::DispatchUnknown {
                task_instance_id,
                host,
                reason,
            },
            "no_context" => Event::ContextFailed {
                task_instance_id,
                reason,
            },
            _ => Event::DispatchTimedOut {
                task_instance_id,
                reason,
            },
        }
    }

    fn answer(&self) -> Event {
        let (task_instance_id, host) = (self.id(1), self.host());
        let answer = match self.words.last() {
            Some(&"yes") => Some(true),
            Some(&"no") => Some(false),
            _ => None,
        };
        match self.words[0] {
            "probed" => Event::Probed {
                task_instance_id,
                host,
                present: answer,
            },
            "taken" => Event::TakeOverAnswered {
                task_instance_id,
                host,
                taken: answer,
            },
            _ => Event::KillAnswered {
                task_instance_id,
                host,
                queued: answer,
            },
        }
    }

    fn report(&self) -> ExecutorEventKind {
        let (start_time, end_time) = (self.now, self.now);
        match self.words[0] {
            "dispatched" => ExecutorEventKind::Dispatched,
            "running" => {
                let log_path = Some(format!("/logs/{}.log", self.words[1]));
                ExecutorEventKind::Running { start_time, log_path }
            }
            "context" => {
                let app_ids = self.words.get(2).map(|word| (*word).to_owned());
                ExecutorEventKind::RuntimeContextChanged { app_ids }
            }
            "success" => {
                let pairs = self.words[2..].iter().filter_map(|word| word.split_once('='));
                ExecutorEventKind::Succeeded {
                    end_time,
                    var_pool: pairs.map(output).collect(),
                }
            }
            "failed" => ExecutorEventKind::Failed { end_time },
            "killed" => ExecutorEventKind::Killed { end_time },
            "paused" => ExecutorEventKind::Paused { end_time },
            other => panic!("no event {other}"),
        }
    }

    fn timer(&self) -> Timer {
        if self.words[1] == "workflow" {
            return Timer::WorkflowTimeout;
        }
        let task_instance_id = self.id(2);
        match self.words[1] {
            "timeout" => Timer::TaskTimeout { task_instance_id },
            "system" => Timer::SystemTimeout { task_instance_id },
            "retry" => Timer::Retry { task_instance_id },
            "probe" => Timer::Probe { task_instance_id },
            "kill" => Timer::KillAgain { task_instance_id },
            other => panic!("no timer {other}"),
        }
    }

    /// `#12` is an id, anything else the current attempt of the task of that name.
    fn id(&self, index: usize) -> i32 {
        let (machine, word) = (self.machine, self.words[index]);
        if let Some(id) = word.strip_prefix('#') {
            return id.parse().unwrap();
        }
        let node = machine
            .graph()
            .nodes()
            .find(|&node| machine.task_definition(node).name == word);
        machine.task_instance_id(node.unwrap()).unwrap()
    }

    /// The host that the line names, else that of the row, else the first worker.
    fn host(&self) -> String {
        let named = self
            .words
            .get(2)
            .filter(|word| word.contains(':'))
            .map(|word| (*word).to_owned());
        let own = || self.machine.task(self.machine.node_of(self.id(1))?)?.host.clone();
        named.or_else(own).unwrap_or_else(|| "w1:1234".to_owned())
    }
}
