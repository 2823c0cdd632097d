//! One workflow instance: decide, commit, apply, act (`orca_actors::workflow`, and the group commit of `orca_actors::store`).

use super::transactions::Ended;
use super::{MasterEvent, Owned, Then, ThenRead};
use crate::limits::{COMMIT_BATCH_LEN_MAX, COMMIT_RETRY_FIRST_MS, COMMIT_RETRY_MAX_MS, COMMITS_IN_FLIGHT};
use crate::store::{Body, Output, Read, Rows};
use crate::worker::Call;
use crate::world::World;
use orca_engine::codes::ExecutionType;
use orca_engine::fence::Fence;
use orca_engine::time::Millis;
use orca_engine::workflow::{Effect, Event, Step, Timer, WorkflowMachine, Write};
use orca_schema::{CommitError, Committed, StepCommit};
use std::collections::{BTreeMap, VecDeque};

/// One running instance.
pub struct Run {
    pub machine: WorkflowMachine,
    pub fence: Fence,
    step: i64,
    waiting: VecDeque<Event>,
    committing: bool,
    failures: u32,
    timers: BTreeMap<Timer, u64>,
}

/// A step on its way to the database.
#[derive(Clone, Debug)]
pub struct Submitted {
    pub commit: StepCommit,
    pub events: Vec<Event>,
    pub step: Step,
}

impl Submitted {
    fn owned(&self) -> Owned {
        (self.commit.fence.workflow_instance_id, self.commit.fence.epoch)
    }
}

impl Run {
    #[must_use]
    pub fn new(machine: WorkflowMachine, fence: Fence) -> Self {
        Self {
            machine,
            fence,
            step: 0,
            waiting: VecDeque::from([Event::Started]),
            committing: false,
            failures: 0,
            timers: BTreeMap::new(),
        }
    }

    pub(super) fn describe(&self) -> String {
        format!(
            "{:?} committing {} {:?}",
            self.owned(),
            self.committing,
            self.machine.observe()
        )
    }

    #[must_use]
    pub const fn owned(&self) -> Owned {
        (self.fence.workflow_instance_id, self.fence.epoch)
    }
}

impl World {
    pub(super) fn run_of(&mut self, index: usize, owned: Owned) -> Option<&mut Run> {
        let term = self.masters[index].term.as_mut()?;
        term.runs
            .get_mut(&owned.0)
            .filter(|run| run.fence.epoch == owned.1)
    }

    pub(super) fn deliver(&mut self, index: usize, owned: Owned, events: Vec<Event>) {
        if let Some(run) = self.run_of(index, owned) {
            run.waiting.extend(events);
            self.progress(index, owned);
        }
    }

    /// Goes on as far as possible: one step at a time, the next when this one is committed.
    pub(super) fn progress(&mut self, index: usize, owned: Owned) {
        loop {
            let now = self.master_now(index);
            let Some(run) = self.run_of(index, owned) else {
                return;
            };
            if run.committing || run.waiting.is_empty() {
                return;
            }
            let events: Vec<Event> = run.waiting.drain(..).collect();
            let mut step = run.machine.decide(&events, now);
            if step.writes.is_empty() {
                self.apply(index, owned, step, &[]);
                continue;
            }
            run.committing = true;
            let commit = StepCommit {
                fence: run.fence.clone(),
                step: run.step + 1,
                writes: std::mem::take(&mut step.writes),
            };
            let one = Submitted { commit, events, step };
            if let Some(term) = &mut self.masters[index].term {
                term.commits.push_back(one);
            }
            return self.form_batch(index);
        }
    }

    fn form_batch(&mut self, index: usize) {
        let Some(term) = &mut self.masters[index].term else {
            return;
        };
        if term.commits_in_flight >= COMMITS_IN_FLIGHT || term.commits.is_empty() {
            return;
        }
        term.commits_in_flight += 1;
        let len = term.commits.len().min(COMMIT_BATCH_LEN_MAX);
        let batch: Vec<Submitted> = term.commits.drain(..len).collect();
        self.commit_batch(index, batch);
    }

    fn commit_batch(&mut self, index: usize, batch: Vec<Submitted>) {
        let steps = batch.iter().map(|one| one.commit.clone()).collect();
        self.transact(index, Body::Steps(steps), Then::Steps(batch));
    }

    pub(super) fn steps_ended(&mut self, index: usize, batch: Vec<Submitted>, result: Result<Output, Ended>) {
        if let Some(term) = &mut self.masters[index].term {
            term.commits_in_flight = term.commits_in_flight.saturating_sub(1);
        }
        match result {
            Ok(Output::Steps(results)) => {
                for (one, result) in batch.into_iter().zip(results) {
                    self.step_ended(index, one, result);
                }
            }
            // A locked row stops only its own.
            Err(Ended::Locked | Ended::RolledBack) if batch.len() > 1 => {
                for one in batch {
                    if let Some(term) = &mut self.masters[index].term {
                        term.commits_in_flight += 1;
                    }
                    self.commit_batch(index, vec![one]);
                }
            }
            Ok(_) | Err(_) => {
                for one in batch {
                    let error = match result {
                        Err(Ended::LeaseLost) => CommitError::LeaseLost,
                        Err(Ended::Unknown) => unknown(),
                        _ => CommitError::Retry {
                            reason: "rolled back".to_owned(),
                        },
                    };
                    self.step_ended(index, one, Err(error));
                }
            }
        }
        self.form_batch(index);
    }

    fn step_ended(&mut self, index: usize, one: Submitted, result: Result<Committed, CommitError>) {
        match result {
            Ok(Committed { task_ids }) => self.step_committed(index, one, &task_ids),
            Err(CommitError::Unknown { .. }) => self.read_step(index, one, COMMIT_RETRY_FIRST_MS),
            Err(CommitError::Retry { .. }) => self.try_step_again(index, one),
            Err(CommitError::NotOwner | CommitError::LeaseLost | CommitError::Fatal { .. }) => {
                self.drop_run(index, one.owned());
            }
        }
    }

    fn step_committed(&mut self, index: usize, one: Submitted, task_ids: &[i32]) {
        let owned = one.owned();
        let Some(run) = self.run_of(index, owned) else {
            return;
        };
        run.step = one.commit.step;
        run.committing = false;
        run.failures = 0;
        self.apply(index, owned, one.step, task_ids);
        self.progress(index, owned);
    }

    /// The same events are decided again later.
    fn try_step_again(&mut self, index: usize, one: Submitted) {
        let owned = one.owned();
        let Some(run) = self.run_of(index, owned) else {
            return;
        };
        for event in one.events.into_iter().rev() {
            run.waiting.push_front(event);
        }
        run.failures += 1;
        let doubled = COMMIT_RETRY_FIRST_MS.saturating_mul(1 << (run.failures - 1).min(10));
        let pause_ms = doubled.min(COMMIT_RETRY_MAX_MS) + u64::from(owned.0.unsigned_abs() % 97);
        let Some(term) = self.masters[index].term.as_ref().map(|term| term.number) else {
            return;
        };
        self.to_master(index, pause_ms, MasterEvent::CommitAgain { term, owned });
    }

    pub(super) fn commit_again(&mut self, index: usize, number: u32, owned: Owned) {
        if self.term(index, number).is_none() {
            return;
        }
        if let Some(run) = self.run_of(index, owned) {
            run.committing = false;
            self.progress(index, owned);
        }
    }

    /// Nobody knows whether the COMMIT took place: the step counter is asked until it answers.
    pub(super) fn read_step(&mut self, index: usize, one: Submitted, pause_ms: u64) {
        let holds = self.masters[index]
            .term
            .as_ref()
            .is_some_and(|term| term.lease.holds());
        if !holds {
            return self.drop_run(index, one.owned());
        }
        let names = one.commit.writes.iter().filter_map(|write| match write {
            Write::InsertTask { row, .. } => Some(row.name.clone()),
            _ => None,
        });
        let read = Read::Step {
            fence: one.commit.fence.clone(),
            inserted: names.collect(),
        };
        let one = Box::new(one);
        self.read(index, read, ThenRead::Step { one, pause_ms });
    }

    pub(super) fn step_read(&mut self, index: usize, one: Submitted, pause_ms: u64, rows: Option<Rows>) {
        match rows {
            Some(Rows::Step(Some(state))) if state.step >= one.commit.step => {
                self.step_committed(index, one, &state.task_ids);
            }
            Some(Rows::Step(Some(_))) => self.try_step_again(index, one),
            Some(Rows::Step(None)) => self.drop_run(index, one.owned()),
            _ => {
                let Some(term) = self.masters[index].term.as_ref().map(|term| term.number) else {
                    return;
                };
                let read = Box::new(ThenRead::Step {
                    one: Box::new(one),
                    pause_ms: (pause_ms * 2).min(COMMIT_RETRY_MAX_MS),
                });
                self.to_master(index, pause_ms, MasterEvent::ReadAgain { term, read });
            }
        }
    }

    fn drop_run(&mut self, index: usize, owned: Owned) {
        if self.run_of(index, owned).is_none() {
            return;
        }
        self.trace.line(self.now_ms, || {
            format!("master {index} drops workflow {}", owned.0)
        });
        if let Some(term) = &mut self.masters[index].term {
            term.runs.remove(&owned.0);
            let number = term.number;
            let ended = term.inside.extract_if(.., |_, inside| inside.owned == owned);
            for (id, _) in ended {
                self.ledger.abandoned_inside(index, number, id);
            }
        }
    }

    fn apply(&mut self, index: usize, owned: Owned, step: Step, task_ids: &[i32]) {
        let Some(run) = self.run_of(index, owned) else {
            return;
        };
        let effects = run.machine.apply(step, task_ids);
        orca_engine::invariants::check(&run.machine);
        for effect in effects {
            self.effect(index, owned, effect);
        }
    }

    fn effect(&mut self, index: usize, owned: Owned, effect: Effect) {
        match effect {
            Effect::QueueDispatch { node, not_before } => self.queue_dispatch(index, owned, node, not_before),
            Effect::RequeueDispatch { node, failures } => self.requeue_dispatch(index, owned, node, failures),
            Effect::AwaitSlot { task_instance_id } => self.await_slot(index, owned, task_instance_id),
            Effect::FollowChild {
                task_instance_id,
                child,
            } => self.follow_child(index, task_instance_id, child),
            Effect::AskChild { child, wish } => self.ask_child(index, child, wish),
            Effect::CancelDispatch { task_instance_id, .. } => self.cancel_dispatch(index, task_instance_id),
            Effect::SendDispatch {
                node,
                task_instance_id,
                host,
            } => match self.logic_type(index, owned, task_instance_id) {
                Some(_) => self.start_inside(index, owned, node, host),
                None => self.dispatch_call(index, owned, node, task_instance_id, host),
            },
            Effect::SendKill {
                task_instance_id,
                host,
            } => match self.logic_type(index, owned, task_instance_id) {
                Some(_) => self.kill_inside(index, owned, task_instance_id, host),
                None => self.call(index, owned, host, Call::Kill(task_instance_id)),
            },
            Effect::SendPause { host, .. } => self.call(index, owned, host, Call::Pause),
            Effect::SendAck {
                task_instance_id,
                host,
                event_type,
            } => self.call(index, owned, host, Call::Ack(task_instance_id, event_type)),
            Effect::SendTakeOver {
                task_instance_id,
                host,
            } => {
                self.tally.taken_over += 1;
                let owner = self.masters[index].address.to_string();
                let what = Call::TakeOver {
                    id: task_instance_id,
                    owner,
                    epoch: owned.1,
                };
                self.call(index, owned, host, what);
            }
            Effect::SendProbe {
                task_instance_id,
                host,
            } => match self.logic_type(index, owned, task_instance_id) {
                Some(_) => self.probe_inside(index, owned, task_instance_id, host),
                None => self.call(index, owned, host, Call::Probe(task_instance_id)),
            },
            Effect::ArmTimer { timer, at } => self.arm(index, owned, timer, at),
            Effect::Note {
                task_instance_id,
                text,
            } => self.trace.line(self.now_ms, || {
                format!(
                    "master {index}: workflow {}, task {task_instance_id:?}: {text}",
                    owned.0
                )
            }),
            Effect::Retire { state } => {
                self.trace
                    .line(self.now_ms, || format!("workflow {} ends {state}", owned.0));
                let serial = self.run_of(index, owned).and_then(|run| {
                    let workflow = &run.machine.definition().workflow;
                    (workflow.execution_type != ExecutionType::Parallel).then_some(workflow.code)
                });
                self.drop_run(index, owned);
                if let Some(code) = serial {
                    self.settle_queue(index, code);
                }
            }
        }
    }

    fn arm(&mut self, index: usize, owned: Owned, timer: Timer, at: Millis) {
        let wait_ms = u64::try_from(at.since(self.master_now(index))).unwrap_or(0);
        if self.scenario.features.time_outs {
            self.ledger.timer_armed(owned.0, &timer, at, self.now_ms);
        }
        let Some(term) = &mut self.masters[index].term else {
            return;
        };
        term.timer_serial += 1;
        let (number, serial) = (term.number, term.timer_serial);
        if let Some(run) = self.run_of(index, owned) {
            run.timers.insert(timer.clone(), serial);
        }
        let event = MasterEvent::Timer {
            term: number,
            owned,
            timer,
            serial,
        };
        self.to_master(index, wait_ms, event);
    }

    pub(super) fn timer_fired(&mut self, index: usize, number: u32, owned: Owned, timer: Timer, serial: u64) {
        if self.term(index, number).is_none() {
            return;
        }
        let Some(run) = self.run_of(index, owned) else {
            return;
        };
        if run.timers.get(&timer) == Some(&serial) {
            run.timers.remove(&timer);
            self.deliver(index, owned, vec![Event::TimerFired(timer)]);
        }
    }

    /// An operator's request; whether this master runs the workflow.
    pub(crate) fn stop_workflow(&mut self, index: usize, id: i32) -> bool {
        let master = &self.masters[index];
        if !master.up || master.frozen {
            return false;
        }
        let Some(owned) = master
            .term
            .as_ref()
            .and_then(|term| term.runs.get(&id))
            .map(Run::owned)
        else {
            return false;
        };
        self.trace
            .line(self.now_ms, || format!("an operator stops workflow {id}"));
        self.deliver(index, owned, vec![Event::StopRequested]);
        // Said again until it has ended: whoever dies with an uncommitted request has lost it.
        false
    }
}

fn unknown() -> CommitError {
    CommitError::Unknown {
        reason: "the COMMIT was not answered".to_owned(),
    }
}
