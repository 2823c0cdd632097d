//! The way to the database and back: calls with a time-out, and transactions in two messages with the lease asked in between.

use super::{MasterEvent, Pending, Then, ThenRead, Transmit};
use crate::limits::STORE_TIMEOUT_MS;
use crate::store::{Answer, Answered, Ask, Body, Fault, Output, Read};
use crate::world::World;

/// How a transaction ended that did not commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Nothing was written, and it may work later.
    RolledBack,
    /// As before; it was a lock that another transaction held.
    Locked,
    Unreachable,
    NotActive,
    LeaseLost,
    /// COMMIT was sent; nobody knows.
    Unknown,
}

impl World {
    pub(super) fn open_call(&mut self, index: usize, pending: Pending) -> u64 {
        let master = &mut self.masters[index];
        master.next_call += 1;
        let term = master.term.as_ref().map_or(0, |term| term.number);
        master.open.insert(master.next_call, (term, pending));
        master.next_call
    }

    /// What a call was for, once; nothing when it was given up or belongs to a term that is over.
    pub(super) fn close_call(&mut self, index: usize, call: u64) -> Option<Pending> {
        let master = &mut self.masters[index];
        let current = master.term.as_ref().map_or(0, |term| term.number);
        let (term, pending) = master.open.remove(&call)?;
        (term == current).then_some(pending)
    }

    pub(super) fn transmit(&mut self, index: usize, transmit: Transmit) {
        let pause_ms = u64::from(self.chance.one_in(4));
        self.to_master(index, pause_ms, MasterEvent::Transmit(Box::new(transmit)));
    }

    pub(super) fn transmitted(&mut self, index: usize, transmit: Transmit) {
        let client = (index, self.masters[index].life);
        match transmit {
            Transmit::Store { call, ask } => self.send_to_store(client, call, ask),
            Transmit::Worker { call, host, what } => self.send_call(client, call, &host, what),
        }
    }

    fn ask_store(&mut self, index: usize, ask: Ask, pending: Pending) {
        let call = self.open_call(index, pending);
        self.to_master(index, STORE_TIMEOUT_MS, MasterEvent::CallTimeout { call });
        self.transmit(index, Transmit::Store { call, ask });
    }

    pub(super) fn read(&mut self, index: usize, read: Read, then: ThenRead) {
        self.ask_store(index, Ask::Read(read), Pending::Read(then));
    }

    pub(super) fn transact(&mut self, index: usize, body: Body, then: Then) {
        self.ask_store(index, Ask::Begin(body), Pending::Begin(then));
    }

    pub(super) fn store_answered(&mut self, index: usize, call: u64, answered: Answered) {
        let Some(pending) = self.close_call(index, call) else {
            // A transaction that nobody waits for any more is given up by whoever opened it.
            if let Ok(Answer::Prepared(id, _)) = answered {
                let ask = Ask::Rollback(id);
                self.transmit(index, Transmit::Store { call: 0, ask });
            }
            return;
        };
        match (pending, answered) {
            (Pending::Begin(then), Ok(Answer::Prepared(id, output))) => {
                self.prepared(index, id, then, output)
            }
            (Pending::Begin(then), Err(fault)) => {
                let ended = match fault {
                    Fault::LockWait => Ended::Locked,
                    Fault::Unreachable => Ended::Unreachable,
                    Fault::NotActive => Ended::NotActive,
                    Fault::Lost => Ended::RolledBack,
                };
                self.ended(index, then, Err(ended));
            }
            (Pending::Commit(then), Ok(Answer::Committed(output))) => self.ended(index, then, Ok(output)),
            (Pending::Commit(then), _) => self.ended(index, then, Err(Ended::Unknown)),
            (Pending::Read(then), Ok(Answer::Rows(rows))) => self.rows_read(index, then, Some(rows)),
            (Pending::Read(then), _) => self.rows_read(index, then, None),
            (Pending::Begin(_) | Pending::Worker { .. } | Pending::Nothing, _) => {}
        }
    }

    /// The last question before the COMMIT.
    fn prepared(&mut self, index: usize, id: u64, mut then: Then, output: Output) {
        if let (Then::Claim { outcomes, .. }, Output::Claimed(written)) = (&mut then, output) {
            *outcomes = written;
        }
        let holds = match then {
            Then::Claim { .. } | Then::Steps(_) | Then::Move { .. } | Then::TakeUpOwn => self.masters[index]
                .term
                .as_ref()
                .is_some_and(|term| term.lease.holds()),
            Then::Register { .. } | Then::Fence { .. } | Then::FailCommand | Then::Queues => true,
        };
        let is_leased = matches!(then, Then::Claim { .. } | Then::Steps(_) | Then::Move { .. });
        if holds && is_leased {
            self.ledger.acts(index, self.now_ms, "a COMMIT");
        }
        if holds {
            self.ask_store(index, Ask::Commit(id), Pending::Commit(then));
        } else {
            self.ask_store(index, Ask::Rollback(id), Pending::Nothing);
            self.ended(index, then, Err(Ended::LeaseLost));
        }
    }

    pub(super) fn call_timed_out(&mut self, index: usize, call: u64) {
        let Some(pending) = self.close_call(index, call) else {
            return;
        };
        match pending {
            Pending::Begin(then) => self.ended(index, then, Err(Ended::RolledBack)),
            Pending::Commit(then) => self.ended(index, then, Err(Ended::Unknown)),
            Pending::Read(then) => self.rows_read(index, then, None),
            Pending::Worker { owned, host, what } => {
                if matches!(what, crate::worker::Call::Dispatch(_)) {
                    self.close_connection(index, &host);
                }
                self.call_answered(index, owned, host, what, crate::worker::CallAnswer::Broken);
            }
            Pending::Nothing => {}
        }
    }

    fn ended(&mut self, index: usize, then: Then, result: Result<Output, Ended>) {
        match (then, result) {
            (Then::Register { attempt }, Ok(Output::Registered(incarnation))) => {
                self.registered(index, attempt, incarnation);
            }
            (Then::Claim { planned, outcomes }, result) => self.claim_ended(index, planned, outcomes, result),
            (Then::Steps(batch), result) => self.steps_ended(index, batch, result),
            (Then::Fence { address, number }, result) => self.fenced(index, &address, number, result.is_ok()),
            (Then::Move { address, number }, result) => {
                self.page_moved(index, &address, number, result.is_ok())
            }
            (Then::Queues, Ok(output)) => self.queues_changed(index, output),
            (Then::Register { .. } | Then::FailCommand | Then::TakeUpOwn | Then::Queues, _) => {}
        }
    }

    pub(crate) fn master_event(&mut self, index: usize, event: MasterEvent) {
        match event {
            MasterEvent::Join { attempt } => self.join(index, attempt),
            MasterEvent::Renew { term } => self.renew(index, term),
            MasterEvent::LeaseLook { term } => self.look_at_lease(index, term),
            MasterEvent::Sweep { term, is_first } => self.sweep(index, term, is_first),
            MasterEvent::Registry { call, answer } => self.registry_answered(index, call, answer),
            MasterEvent::Store { call, answered } => self.store_answered(index, call, answered),
            MasterEvent::Answered { call, answer } => {
                if let Some(Pending::Worker { owned, host, what }) = self.close_call(index, call) {
                    self.call_answered(index, owned, host, what, answer);
                }
            }
            MasterEvent::CallTimeout { call } => self.call_timed_out(index, call),
            MasterEvent::Transmit(transmit) => self.transmitted(index, *transmit),
            MasterEvent::Look { term } => self.look(index, term),
            MasterEvent::DispatchLook { term } => self.dispatch_looks(index, term),
            MasterEvent::Coordinate { term } => self.coordinate(index, term),
            MasterEvent::SlotLook { term } => self.slot_look(index, term),
            MasterEvent::Noticed(notice) => self.noticed(index, notice),
            MasterEvent::ChooseSelf { term, owned, id } => self.self_chosen(index, term, owned, id),
            MasterEvent::FindChild { term, owned, id } => {
                if self.term(index, term).is_some() {
                    self.find_child(index, owned, id);
                }
            }
            MasterEvent::DependentLook { term, id } => self.dependent_due(index, term, id),
            MasterEvent::ChildLook { term } => self.look_at_children(index, term),
            MasterEvent::InsideEnds { term, id, killed } => self.inside_ends(index, term, id, killed),
            MasterEvent::Report { report, round } => self.receive(index, report, round),
            MasterEvent::Timer {
                term,
                owned,
                timer,
                serial,
            } => self.timer_fired(index, term, owned, timer, serial),
            MasterEvent::CommitAgain { term, owned } => self.commit_again(index, term, owned),
            MasterEvent::ReadAgain { term, read } => self.read_again(index, term, *read),
            MasterEvent::MissingWorker {
                term,
                owned,
                host,
                before,
            } => self.worker_is_missing(index, term, owned, host, before),
            MasterEvent::WorkerLost {
                term,
                host,
                gone,
                before,
            } => self.grace_is_over(index, term, host, &gone, before),
            MasterEvent::Rescue {
                term,
                address,
                number,
                due,
            } => self.rescue_goes_on(index, term, &address, number, due),
        }
    }
}
