//! Tasks that run inside the master (`orca_actors::logic` and `orca_actors::workflow::inside`): the worker that is chosen is this master, and the calls do
//! not leave the process. They end with the term.

use super::sub_workflow::Seat;
use super::{MasterEvent, Owned};
use crate::world::World;
use orca_engine::logic::LogicType;
use orca_engine::logic::dependent::Waiting;
use orca_engine::time::Millis;
use orca_engine::workflow::{Event, ExecutorEvent, ExecutorEventKind, NodeId};

/// One running attempt.
#[derive(Clone, Debug)]
pub struct Inside {
    pub owned: Owned,
    succeeds: bool,
    pub(super) seat: Seat,
    /// What a DEPENDENT task waits for.
    pub(super) waiting: Option<Box<Waiting>>,
}

const KILL_MS: u64 = 20;

impl World {
    pub(super) fn logic_type(&mut self, index: usize, owned: Owned, id: i32) -> Option<LogicType> {
        let machine = &self.run_of(index, owned)?.machine;
        machine.logic_type(machine.node_of(id)?)
    }

    pub(super) fn choose_this_master(&mut self, index: usize, owned: Owned, id: i32, not_before: Millis) {
        let wait_ms = u64::try_from(not_before.since(self.master_now(index))).unwrap_or(0);
        let Some(term) = self.masters[index].term.as_ref().map(|term| term.number) else {
            return;
        };
        let event = MasterEvent::ChooseSelf { term, owned, id };
        self.to_master(index, wait_ms, event);
    }

    pub(super) fn self_chosen(&mut self, index: usize, term: u32, owned: Owned, id: i32) {
        if self.term(index, term).is_some() {
            let host = self.masters[index].address.to_string();
            let event = Event::WorkerChosen {
                task_instance_id: id,
                host,
            };
            self.deliver(index, owned, vec![event]);
        }
    }

    pub(super) fn start_inside(&mut self, index: usize, owned: Owned, node: NodeId, host: String) {
        let Some(run) = self.run_of(index, owned) else {
            return;
        };
        let Some(task) = run.machine.task(node) else {
            return;
        };
        let (id, code, retry) = (task.id, task.task_code, task.retry_times);
        let logic_type = run.machine.logic_type(node).unwrap_or(LogicType::Fake);
        let holds = self.masters[index]
            .term
            .as_ref()
            .is_some_and(|term| term.lease.holds());
        if !holds {
            let reason = "the lease of this master has run out".to_owned();
            let event = Event::DispatchRefused {
                task_instance_id: id,
                host,
                reason,
            };
            return self.deliver(index, owned, vec![event]);
        }
        let script = self.script_of(owned.0, code);
        let Some(term) = &mut self.masters[index].term else {
            return;
        };
        let number = term.number;
        let succeeds = retry >= script.fails;
        let seat = Seat::default();
        let inside = Inside {
            owned,
            succeeds,
            seat,
            waiting: None,
        };
        term.inside.insert(id, inside);
        self.trace.line(self.now_ms, || {
            format!("master {index}: task {id} of workflow {} runs inside", owned.0)
        });
        let has_session = |master: &super::Master| {
            let term = master.term.as_ref();
            term.is_some_and(|term| self.registry.has_session(term.session))
        };
        let registered: Vec<bool> = self.masters.iter().map(has_session).collect();
        self.ledger.accepted_inside(
            &self.store.tables,
            &self.masters,
            &registered,
            self.now_ms,
            (index, number),
            (owned.0, code),
            id,
        );
        let running = ExecutorEventKind::Running {
            start_time: self.master_now(index),
            log_path: Some("/log".to_owned()),
        };
        let events = vec![
            Event::DispatchAccepted {
                task_instance_id: id,
                host,
            },
            report(id, running),
        ];
        self.deliver(index, owned, events);
        match logic_type {
            LogicType::SubWorkflow => return self.find_child(index, owned, id),
            LogicType::Dependent => return self.begin_dependent(index, owned, id),
            LogicType::Conditions | LogicType::Switch | LogicType::Fake => {}
        }
        let event = MasterEvent::InsideEnds {
            term: number,
            id,
            killed: false,
        };
        self.to_master(index, script.duration_ms, event);
    }

    pub(super) fn inside_ends(&mut self, index: usize, number: u32, id: i32, killed: bool) {
        let end_time = self.master_now(index);
        let Some(term) = self.term(index, number).filter(|term| term.lease.holds()) else {
            return;
        };
        let Some(inside) = term.inside.remove(&id) else {
            return;
        };
        let kind = match (killed, inside.succeeds) {
            (true, _) => ExecutorEventKind::Killed { end_time },
            (false, true) => ExecutorEventKind::Succeeded {
                end_time,
                var_pool: Vec::new(),
            },
            (false, false) => ExecutorEventKind::Failed { end_time },
        };
        self.ledger.ended_inside(index, number, id, &kind);
        self.deliver(index, inside.owned, vec![report(id, kind)]);
    }

    pub(super) fn has_inside(&self, index: usize, id: i32) -> bool {
        let term = self.masters[index].term.as_ref();
        term.is_some_and(|term| term.inside.contains_key(&id))
    }

    pub(super) fn kill_inside(&mut self, index: usize, owned: Owned, id: i32, host: String) {
        let here = self.has_inside(index, id);
        let goes_on = self.kill_child(index, id);
        let number = self.masters[index].term.as_ref().map(|term| term.number);
        if let Some(term) = number.filter(|_| here && !goes_on) {
            let event = MasterEvent::InsideEnds {
                term,
                id,
                killed: true,
            };
            self.to_master(index, KILL_MS, event);
        }
        let event = Event::KillAnswered {
            task_instance_id: id,
            host,
            queued: Some(here),
        };
        self.deliver(index, owned, vec![event]);
    }

    pub(super) fn probe_inside(&mut self, index: usize, owned: Owned, id: i32, host: String) {
        let present = Some(self.has_inside(index, id));
        let event = Event::Probed {
            task_instance_id: id,
            host,
            present,
        };
        self.deliver(index, owned, vec![event]);
    }
}

/// Without a host, so that nobody acknowledges it.
pub(super) fn report(task_instance_id: i32, kind: ExecutorEventKind) -> Event {
    Event::Executor(ExecutorEvent {
        task_instance_id,
        host: String::new(),
        kind,
    })
}
