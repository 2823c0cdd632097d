//! A small world around one machine: a database, workers, calls that get lost, masters that die. Every choice comes from a seed,
//! so a failure can be run again. The world tells the truth; what the machine is told of it may be late or missing.

use super::groups::SlotQueue;
use super::kit;
use crate::codes::{Flag, TaskState};
use crate::model::{DefinitionSnapshot, TaskInstance, WorkflowInstance};
use crate::time::Millis;
use crate::workflow::{Effect, Event, ExecutorEventKind, NodeId, Rules, Step, Timer, WorkflowMachine, Write};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// The largest number of happenings before a run counts as stuck.
const HAPPENINGS_MAX: usize = 20_000;
/// Lost workers and masters of one run, so that it comes to an end.
const TROUBLES_MAX: u32 = 8;
const HOSTS: [&str; 2] = ["w1:1234", "w2:1234"];

pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed ^ 0x9e37_79b9_7f4a_7c15)
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }

    pub(super) fn one_in(&mut self, bound: usize) -> bool {
        self.below(bound) == 0
    }
}

/// Which troubles may happen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Troubles {
    pub(super) lost_calls: bool,
    pub(super) lost_workers: bool,
    pub(super) lost_masters: bool,
    pub(super) operators: bool,
}

/// An attempt that a worker has accepted.
pub(super) struct Executor {
    pub(super) host: &'static str,
    pub(super) task: String,
    /// Reports that are not acknowledged, the oldest first.
    pub(super) reports: VecDeque<ExecutorEventKind>,
    /// Reports go to this term; another master hears nothing.
    pub(super) term: u32,
    pub(super) ended: bool,
}

/// A call that has not been answered, or has not even arrived.
pub(super) enum Call {
    Dispatch {
        id: i32,
        host: &'static str,
    },
    /// The caller gave up; the bytes arrive before this time or never.
    Late {
        id: i32,
        host: &'static str,
        until: Millis,
    },
    Kill {
        id: i32,
        host: String,
    },
    TakeOver {
        id: i32,
        host: String,
    },
    Probe {
        id: i32,
        host: String,
    },
}

pub(super) struct World {
    pub(super) chance: Chance,
    pub(super) troubles: Troubles,
    troubles_left: u32,
    definition: Arc<DefinitionSnapshot>,
    pub(super) rules: Arc<Rules>,
    pub(super) machine: WorkflowMachine,
    pub(super) term: u32,
    pub(super) now: Millis,
    instance: WorkflowInstance,
    pub(super) rows: BTreeMap<i32, TaskInstance>,
    next_id: i32,
    queued: BTreeSet<NodeId>,
    pub(super) calls: Vec<Call>,
    timers: BTreeMap<Timer, Millis>,
    pub(super) executors: BTreeMap<i32, Executor>,
    /// Every attempt that a worker ever accepted.
    pub(super) accepted: BTreeSet<i32>,
    pub(super) inbox: VecDeque<Event>,
    pub(super) slots: SlotQueue,
    pub(super) retired: bool,
}

impl World {
    pub(super) fn new(
        definition: DefinitionSnapshot,
        instance: WorkflowInstance,
        troubles: Troubles,
        seed: u64,
    ) -> Self {
        let (definition, rules) = (Arc::new(definition), kit::rules());
        let machine =
            WorkflowMachine::new(definition.clone(), instance.clone(), Vec::new(), rules.clone()).unwrap();
        Self {
            chance: Chance::new(seed),
            troubles,
            troubles_left: TROUBLES_MAX,
            definition,
            rules,
            machine,
            term: 0,
            now: kit::START,
            instance,
            rows: BTreeMap::new(),
            next_id: 0,
            queued: BTreeSet::new(),
            calls: Vec::new(),
            timers: BTreeMap::new(),
            executors: BTreeMap::new(),
            accepted: BTreeSet::new(),
            inbox: VecDeque::from([Event::Started]),
            slots: SlotQueue::default(),
            retired: false,
        }
    }

    /// Runs until the workflow has ended.
    pub(super) fn run(&mut self) {
        for _ in 0..HAPPENINGS_MAX {
            if self.retired {
                return;
            }
            self.happen();
        }
        panic!("the workflow is stuck: {:#?}", self.machine.observe());
    }

    fn happen(&mut self) {
        self.trouble();
        match self.chance.below(6) {
            0 => self.choose_worker(),
            1 if !self.calls.is_empty() => {
                let call = self.chance.below(self.calls.len());
                let call = self.calls.swap_remove(call);
                self.answer(call);
            }
            2 => self.execute(),
            3 => self.report(),
            4 => self.inbox.extend(self.slots.give()),
            _ => self.tick(),
        }
        if self.chance.one_in(2) {
            self.decide();
        }
    }

    fn trouble(&mut self) {
        if self.troubles_left == 0 {
            return;
        }
        if self.troubles.lost_workers && self.chance.one_in(40) {
            self.troubles_left -= 1;
            self.lose_worker();
        }
        if self.troubles.lost_masters && self.chance.one_in(40) {
            self.troubles_left = self.troubles_left.saturating_sub(1);
            self.lose_master();
        }
        if self.troubles.operators && self.chance.one_in(100) {
            let stop = self.chance.one_in(2);
            self.inbox.push_back(if stop {
                Event::StopRequested
            } else {
                Event::PauseRequested
            });
        }
    }

    /// Decides some of what waits, as one step; sometimes the commit fails and the same events are decided again.
    fn decide(&mut self) {
        let len = self.chance.below(self.inbox.len() + 1);
        let events: Vec<Event> = self.inbox.iter().take(len).cloned().collect();
        let step = self.machine.decide(&events, self.now);
        assert_eq!(
            step,
            self.machine.decide(&events, self.now),
            "the same events give the same step"
        );
        if self.chance.one_in(20) {
            return;
        }
        self.inbox.drain(..len);
        self.commit(step);
    }

    fn commit(&mut self, step: Step) {
        let mut ids = Vec::new();
        for write in &step.writes {
            self.write(write, &mut ids);
        }
        let effects = self.machine.apply(step, &ids);
        crate::invariants::check(&self.machine);
        self.compare_rows();
        effects.into_iter().for_each(|effect| self.effect(effect));
    }

    fn write(&mut self, write: &Write, ids: &mut Vec<i32>) {
        match write {
            Write::InsertTask { row, .. } => {
                self.next_id += 1;
                ids.push(self.next_id);
                self.rows.insert(
                    self.next_id,
                    TaskInstance {
                        id: self.next_id,
                        ..(**row).clone()
                    },
                );
            }
            Write::UpdateTask { id, change } => {
                let row = self.rows.get_mut(id).expect("a row that exists is updated");
                crate::workflow::rows::merge_into_row(change, row);
            }
            Write::SetState { state } => self.instance.state = *state,
            Write::Finish {
                state,
                end_time,
                var_pool,
                ..
            } => {
                self.instance.state = *state;
                self.instance.end_time = Some(*end_time);
                self.instance.var_pool.clone_from(var_pool);
            }
            Write::QueueForSlot { task_name, .. } => {
                let of_task = |row: &&TaskInstance| row.flag == Flag::Yes && row.name == *task_name;
                let row = self
                    .rows
                    .values()
                    .find(of_task)
                    .expect("its row is written first");
                self.slots.ask(row.id);
            }
            Write::ReleaseSlot { task_instance_id } => self.slots.release(*task_instance_id),
            Write::InsertAlert(_) | Write::SettleTimeout | Write::ContinueBackfill(_) => {}
            Write::StartChild { .. }
            | Write::RecoverChild { .. }
            | Write::LinkChild { .. }
            | Write::SetTaskContext { .. } => panic!("this world has no tasks inside the master"),
        }
    }

    /// Memory and database never differ once a step is applied, and one row of each task is valid.
    fn compare_rows(&self) {
        assert_eq!(self.machine.instance().state, self.instance.state);
        let mut valid = BTreeSet::new();
        for row in self.rows.values().filter(|row| row.flag == Flag::Yes) {
            assert!(valid.insert(row.name.clone()), "two valid rows of {}", row.name);
            let node = self.machine.node_of(row.id).expect("a valid row is known");
            assert_eq!(self.machine.task(node), Some(row));
            self.slots.check(row, self.machine.node(node).stage());
        }
    }

    fn effect(&mut self, effect: Effect) {
        match effect {
            Effect::FollowChild { .. } | Effect::AskChild { .. } => {
                panic!("this world has no tasks inside the master")
            }
            Effect::QueueDispatch { node, .. } | Effect::RequeueDispatch { node, .. } => {
                self.queued.insert(node);
            }
            Effect::CancelDispatch { task_instance_id, .. } => {
                let machine = &self.machine;
                self.queued
                    .retain(|&node| machine.task_instance_id(node) != Some(task_instance_id));
            }
            Effect::SendDispatch {
                task_instance_id: id,
                host,
                ..
            } => {
                let row = &self.rows[&id];
                assert_eq!(
                    (row.state, row.host.as_deref()),
                    (TaskState::Dispatch, Some(host.as_str())),
                    "committed first"
                );
                let host = HOSTS.into_iter().find(|known| *known == host).unwrap();
                self.calls.push(Call::Dispatch { id, host });
            }
            Effect::SendKill {
                task_instance_id: id,
                host,
            } => self.calls.push(Call::Kill { id, host }),
            Effect::SendTakeOver {
                task_instance_id: id,
                host,
            } => self.calls.push(Call::TakeOver { id, host }),
            Effect::SendProbe {
                task_instance_id: id,
                host,
            } => self.calls.push(Call::Probe { id, host }),
            Effect::SendAck {
                task_instance_id,
                event_type,
                ..
            } => self.acknowledged(task_instance_id, event_type),
            Effect::ArmTimer { timer, at } => {
                self.timers.insert(timer, at);
            }
            Effect::SendPause { .. } | Effect::Note { .. } | Effect::AwaitSlot { .. } => {}
            Effect::Retire { .. } => self.retired = true,
        }
    }

    fn acknowledged(&mut self, id: i32, event_type: crate::codes::ExecutorEventType) {
        if self.troubles.lost_calls && self.chance.one_in(10) {
            return;
        }
        let Some(executor) = self.executors.get_mut(&id) else {
            return;
        };
        executor
            .reports
            .retain(|report| report.event_type() != event_type);
        if executor.ended && executor.reports.is_empty() {
            self.executors.remove(&id);
        }
    }

    fn choose_worker(&mut self) {
        let Some(&node) = self.queued.iter().next() else {
            return;
        };
        self.queued.remove(&node);
        let host = HOSTS[self.chance.below(HOSTS.len())].to_owned();
        if let Some(task_instance_id) = self.machine.task_instance_id(node) {
            self.inbox.push_back(Event::WorkerChosen {
                task_instance_id,
                host,
            });
        }
    }

    /// Time goes on to the next timer, after what has to arrive before.
    fn tick(&mut self) {
        let Some((timer, at)) = self
            .timers
            .iter()
            .min_by_key(|(_, at)| **at)
            .map(|(timer, at)| (timer.clone(), *at))
        else {
            return;
        };
        let busy = !self.calls.is_empty() || !self.queued.is_empty() || !self.inbox.is_empty();
        if busy && self.chance.below(4) > 0 {
            return;
        }
        self.timers.remove(&timer);
        self.now = self.now.max(at);
        self.inbox.push_back(Event::TimerFired(timer));
    }

    /// Everything at the worker is gone; another process answers at its address from now on.
    fn lose_worker(&mut self) {
        let host = HOSTS[self.chance.below(HOSTS.len())];
        self.executors.retain(|_, executor| executor.host != host);
        // A call that has not connected yet reaches the new process.
        let reconnects = self.chance.one_in(2);
        let (kept, cut): (Vec<Call>, Vec<Call>) = self.calls.drain(..).partition(|call| match call {
            Call::Dispatch { host: there, .. } => *there != host || reconnects,
            Call::Late { host: there, .. } => *there != host,
            Call::Kill { .. } | Call::TakeOver { .. } | Call::Probe { .. } => true,
        });
        self.calls = kept;
        self.now = self.now.plus(1);
        let before = self.now;
        self.inbox.push_back(Event::WorkerLost {
            host: host.to_owned(),
            before,
            is_replaced: true,
        });
        for call in cut {
            if let Call::Dispatch { id, host } = call {
                let reason = "the connection broke".to_owned();
                self.inbox.push_back(Event::DispatchUnknown {
                    task_instance_id: id,
                    host: host.to_owned(),
                    reason,
                });
            }
        }
        self.now = self.now.plus(1);
    }

    /// The master dies between two steps; another one starts from the rows. What was on its way may still arrive.
    fn lose_master(&mut self) {
        self.term += 1;
        self.inbox = VecDeque::from([Event::Started]);
        self.timers.clear();
        self.queued.clear();
        let until = self.now.plus(self.rules.doubt_bound_ms / 2);
        let calls = std::mem::take(&mut self.calls);
        self.calls = calls
            .into_iter()
            .filter_map(|call| match call {
                Call::Dispatch { id, host } => Some(Call::Late { id, host, until }),
                late @ Call::Late { .. } => Some(late),
                Call::Kill { .. } | Call::TakeOver { .. } | Call::Probe { .. } => None,
            })
            .collect();
        let rows = self
            .rows
            .values()
            .filter(|row| row.flag == Flag::Yes)
            .cloned()
            .collect();
        let (definition, rules) = (self.definition.clone(), self.rules.clone());
        self.machine = WorkflowMachine::new(definition, self.instance.clone(), rows, rules).unwrap();
    }
}
