//! The other side of the calls: what workers do with them, and what executors report.

use super::kit;
use super::world::{Call, Executor, World};
use crate::codes::TaskState;
use crate::workflow::{Event, ExecutorEventKind};
use std::collections::VecDeque;

impl World {
    pub(super) fn answer(&mut self, call: Call) {
        let unheard = self.troubles.lost_calls && self.chance.one_in(4);
        match call {
            Call::Dispatch { id, host } => self.answer_dispatch(id, host, unheard),
            Call::Late { id, host, until } => {
                if self.now < until && self.chance.one_in(2) {
                    self.accept(id, host);
                }
            }
            Call::Kill { id, host } => {
                let queued = self.has(id, &host);
                let arrives = !unheard || self.chance.one_in(2);
                if queued && arrives {
                    self.end(id, ExecutorEventKind::Killed { end_time: self.now });
                }
                let queued = (!unheard).then_some(queued);
                self.inbox.push_back(Event::KillAnswered {
                    task_instance_id: id,
                    host,
                    queued,
                });
            }
            Call::TakeOver { id, host } => {
                let taken = self.has(id, &host);
                let arrives = taken && (!unheard || self.chance.one_in(2));
                if let Some(executor) = self.executors.get_mut(&id).filter(|_| arrives) {
                    executor.term = self.term;
                }
                let taken = (!unheard).then_some(taken);
                self.inbox.push_back(Event::TakeOverAnswered {
                    task_instance_id: id,
                    host,
                    taken,
                });
            }
            Call::Probe { id, host } => {
                let present = (!unheard).then_some(self.has(id, &host));
                self.inbox.push_back(Event::Probed {
                    task_instance_id: id,
                    host,
                    present,
                });
            }
        }
    }

    fn answer_dispatch(&mut self, id: i32, host: &'static str, unheard: bool) {
        let (task_instance_id, reason) = (id, "chance".to_owned());
        let name = host.to_owned();
        let event = if unheard {
            if self.chance.one_in(2) {
                self.accept(id, host);
            } else {
                let until = self.now.plus(self.rules.doubt_bound_ms / 2);
                self.calls.push(Call::Late { id, host, until });
            }
            Event::DispatchUnknown {
                task_instance_id,
                host: name,
                reason,
            }
        } else if self.chance.one_in(5) {
            Event::DispatchRefused {
                task_instance_id,
                host: name,
                reason,
            }
        } else {
            self.accept(id, host);
            Event::DispatchAccepted {
                task_instance_id,
                host: name,
            }
        };
        self.inbox.push_back(event);
    }

    /// The promises: an id has one executor ever, and a task has one executor at a time.
    fn accept(&mut self, id: i32, host: &'static str) {
        assert!(self.accepted.insert(id), "task instance {id} was accepted twice");
        let task = self.rows[&id].name.clone();
        let other = self
            .executors
            .iter()
            .find(|(_, executor)| executor.task == task && !executor.ended);
        assert!(
            other.is_none(),
            "task {task} runs twice: {id} beside {:?}",
            other.map(|(id, _)| id)
        );
        let before = self
            .rows
            .values()
            .any(|row| row.name == task && row.state == TaskState::Success);
        assert!(!before, "task {task} has succeeded and runs again");
        let reports = VecDeque::from([ExecutorEventKind::Dispatched]);
        self.executors.insert(
            id,
            Executor {
                host,
                task,
                reports,
                term: self.term,
                ended: false,
            },
        );
    }

    fn has(&self, id: i32, host: &str) -> bool {
        self.executors
            .get(&id)
            .is_some_and(|executor| executor.host == host)
    }

    /// Some executor goes on: it runs, or ends well or badly.
    pub(super) fn execute(&mut self) {
        let ids: Vec<i32> = self.executors.keys().copied().collect();
        let Some(&id) = ids.get(self.chance.below(ids.len())) else {
            return;
        };
        if self.chance.below(3) > 0 {
            return;
        }
        let (end_time, fails) = (self.now, self.chance.one_in(4));
        if self.executors[&id].reports.is_empty() && self.chance.one_in(3) {
            let running = ExecutorEventKind::Running {
                start_time: self.now,
                log_path: Some("log".to_owned()),
            };
            self.executors.get_mut(&id).unwrap().reports.push_back(running);
        } else if fails {
            self.end(id, ExecutorEventKind::Failed { end_time });
        } else {
            self.end(
                id,
                ExecutorEventKind::Succeeded {
                    end_time,
                    var_pool: Vec::new(),
                },
            );
        }
    }

    fn end(&mut self, id: i32, report: ExecutorEventKind) {
        if let Some(executor) = self.executors.get_mut(&id).filter(|executor| !executor.ended) {
            executor.ended = true;
            executor.reports.push_back(report);
        }
    }

    /// The oldest report of some executor is sent, perhaps again.
    pub(super) fn report(&mut self) {
        let term = self.term;
        let ready: Vec<i32> = self
            .executors
            .iter()
            .filter(|(_, executor)| executor.term == term && !executor.reports.is_empty())
            .map(|(&id, _)| id)
            .collect();
        let Some(&id) = ready.get(self.chance.below(ready.len())) else {
            return;
        };
        let executor = &self.executors[&id];
        let report = kit::report(id, executor.host, executor.reports[0].clone());
        self.inbox.push_back(report);
    }
}
