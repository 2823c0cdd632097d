//! A master's birth, its terms and its death.

use super::{MasterEvent, Term, Then};
use crate::happening::Happening;
use crate::limits::{ENTRY_PAUSE_MS, LEASE_LOOK_MS, SWEEP_MS};
use crate::registry::{Answer, Ask, Kind, Member, Process};
use crate::store::{Body, Read};
use crate::world::World;
use orca_engine::balancing::{Balancer, BalancerKind, DynamicWeights};
use orca_engine::dispatch_queue::DispatchQueue;
use orca_engine::fence::Incarnation;
use orca_engine::time::Millis;
use orca_engine::workflow::Rules;
use orca_registry::LeaseKeeper;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// An attempt to join that has not come to an end by then begins anew.
const JOIN_PATIENCE_MS: u64 = 8_000;
const GUARDIAN_MS: u64 = 20;

impl World {
    pub(crate) fn start_master(&mut self, index: usize) {
        let startup = crate::clock::wall(self.now_ms, self.masters[index].clock_offset_ms);
        let master = &mut self.masters[index];
        master.life += 1;
        master.up = true;
        master.frozen = false;
        master.startup_ms = startup.0;
        master.term = None;
        master.open.clear();
        let (life, attempt) = (master.life, master.join_attempt);
        self.trace
            .line(self.now_ms, || format!("master {index} starts (life {life})"));
        self.to_master(index, 0, MasterEvent::Join { attempt });
    }

    pub(crate) fn crash_master(&mut self, index: usize) {
        let master = &mut self.masters[index];
        if !master.up {
            return;
        }
        let life = master.life;
        master.up = false;
        master.frozen = false;
        master.backlog.clear();
        master.open.clear();
        let session = master.term.take().map(|term| term.session);
        self.trace
            .line(self.now_ms, || format!("master {index} is killed (life {life})"));
        let noticed_ms = self.chance.between(1, 30);
        self.after(noticed_ms, Happening::StoreClientGone((index, life)));
        if let Some(session) = session.filter(|_| self.scenario.guardian) {
            let member = Member::Master(index, life);
            let end = crate::world::end_of(member);
            if self
                .network
                .heals_at(end, crate::network::End::Registry, self.now_ms)
                .is_none()
            {
                let ask = Ask::Close { session };
                self.after(
                    GUARDIAN_MS,
                    Happening::Registry {
                        from: member,
                        call: 0,
                        ask,
                    },
                );
            }
        }
        let pause_ms = self.chance.between(100, 40_000);
        self.after(pause_ms, Happening::StartMaster(index));
    }

    /// Wall time as this host sees it: the one clock that the engine's decisions are given.
    pub(crate) fn master_now(&self, index: usize) -> Millis {
        crate::clock::wall(self.now_ms, self.masters[index].clock_offset_ms)
    }

    pub(super) fn member(&self, index: usize) -> Member {
        Member::Master(index, self.masters[index].life)
    }

    /// The term with this number, when it is the current one.
    pub(super) fn term(&mut self, index: usize, number: u32) -> Option<&mut Term> {
        self.masters[index]
            .term
            .as_mut()
            .filter(|term| term.number == number)
    }

    pub(super) fn join(&mut self, index: usize, attempt: u32) {
        let member = self.member(index);
        let master = &mut self.masters[index];
        if master.term.is_some() || attempt != master.join_attempt {
            return;
        }
        master.join_attempt += 1;
        master.joining = (None, None);
        let attempt = master.join_attempt;
        self.send_to_registry(member, u64::from(attempt), Ask::Connect);
        self.to_master(index, JOIN_PATIENCE_MS, MasterEvent::Join { attempt });
    }

    fn connected(&mut self, index: usize, attempt: u32, session: u64) {
        let master = &mut self.masters[index];
        if master.term.is_some() || attempt != master.join_attempt {
            return;
        }
        master.joining.0 = Some(session);
        let address = master.address.to_string();
        self.transact(index, Body::RegisterMaster(address), Then::Register { attempt });
    }

    pub(super) fn registered(&mut self, index: usize, attempt: u32, incarnation: Incarnation) {
        let now_ms = self.now_ms;
        let member = self.member(index);
        let master = &mut self.masters[index];
        let Some(session) = master.joining.0.filter(|_| attempt == master.join_attempt) else {
            return;
        };
        master.joining.1 = Some(incarnation);
        master.entering_at_ms = now_ms;
        self.send_to_registry(member, u64::from(attempt), Ask::Enter { session });
    }

    fn entered(&mut self, index: usize, attempt: u32, node_name: String) {
        let half_ms = self.scenario.session_timeout_ms / 2;
        let valid_for = Duration::from_millis(half_ms);
        let clock = self.clock.clone();
        let master = &mut self.masters[index];
        if attempt != master.join_attempt || master.term.is_some() {
            return;
        }
        let (Some(session), Some(incarnation)) = std::mem::take(&mut master.joining) else {
            return;
        };
        master.terms += 1;
        let number = master.terms;
        let (keeper, lease) = LeaseKeeper::with_clock(Arc::new(clock));
        let (address, epoch) = (incarnation.address.clone(), incarnation.epoch);
        // The virtual clock begins at one.
        keeper.renew(Duration::from_millis(master.entering_at_ms + 1), valid_for);
        let until_ms = master.entering_at_ms + half_ms;
        self.ledger.leased(index, until_ms, self.now_ms, true);
        master.term = Some(Term {
            number,
            session,
            node_name,
            keeper,
            lease,
            rules: Arc::new(Rules {
                fake_task_enabled: self.scenario.features.inside,
                ..Rules::new(address.clone(), chrono_tz::Tz::UTC)
            }),
            incarnation,
            announced: false,
            picture: None,
            slot: None,
            table: orca_engine::worker_groups::WorkerTable::default(),
            balancer: Balancer::new(BalancerKind::RoundRobin, DynamicWeights::default()),
            queue: DispatchQueue::default(),
            starved: BTreeMap::new(),
            runs: BTreeMap::new(),
            commits: VecDeque::new(),
            commits_in_flight: 0,
            intake_busy: false,
            rescues: BTreeMap::new(),
            sweep: orca_engine::failover::Sweep::default(),
            unheld: BTreeSet::new(),
            timer_serial: 0,
            slots_awaited: BTreeMap::new(),
            inside: BTreeMap::new(),
            wishes: BTreeMap::new(),
        });
        self.trace.line(self.now_ms, || {
            format!("{address} begins term {number} as incarnation {epoch}")
        });
        for event in [
            MasterEvent::Renew { term: number },
            MasterEvent::LeaseLook { term: number },
            MasterEvent::Look { term: number },
        ] {
            self.to_master(index, 0, event);
        }
        if !self.scenario.features.children.is_empty() {
            self.to_master(index, 0, MasterEvent::ChildLook { term: number });
        }
        if self.scenario.features.has_queues() {
            self.to_master(index, 0, MasterEvent::Coordinate { term: number });
        }
    }

    pub(super) fn renew(&mut self, index: usize, number: u32) {
        let member = self.member(index);
        let sent_at_ms = self.now_ms;
        let process = Process {
            startup_ms: self.masters[index].startup_ms + i64::from(number),
            is_orca: true,
        };
        let address = self.masters[index].address.to_string();
        let interval_ms = self.scenario.session_timeout_ms / 6;
        let Some(term) = self.term(index, number) else {
            return;
        };
        let (session, announced) = (term.session, term.announced);
        self.send_to_registry(
            member,
            0,
            Ask::Renew {
                session,
                sent_at_ms,
                announced,
            },
        );
        if announced {
            self.send_to_registry(member, 0, Ask::Look { session });
        } else {
            let kind = Kind::Master;
            let ask = Ask::Announce {
                session,
                kind,
                address,
                process,
            };
            self.send_to_registry(member, 0, ask);
        }
        self.to_master(index, interval_ms, MasterEvent::Renew { term: number });
    }

    pub(super) fn look_at_lease(&mut self, index: usize, number: u32) {
        let Some(term) = self.term(index, number) else {
            return;
        };
        if term.lease.is_over() {
            return self.end_term(index);
        }
        self.to_master(index, LEASE_LOOK_MS, MasterEvent::LeaseLook { term: number });
    }

    /// The term is over: every workflow is dropped without a write.
    pub(super) fn end_term(&mut self, index: usize) {
        let member = self.member(index);
        let Some(term) = self.masters[index].term.take() else {
            return;
        };
        self.masters[index].open.clear();
        self.tally.fault("term lost");
        self.trace.line(self.now_ms, || {
            format!("{} ends term {}", term.incarnation.address, term.number)
        });
        let session = term.session;
        self.send_to_registry(member, 0, Ask::Close { session });
        let attempt = self.masters[index].join_attempt;
        self.to_master(index, ENTRY_PAUSE_MS, MasterEvent::Join { attempt });
    }

    pub(super) fn registry_answered(&mut self, index: usize, call: u64, answer: Answer) {
        let attempt = u32::try_from(call).unwrap_or(0);
        let valid_for = Duration::from_millis(self.scenario.session_timeout_ms / 2);
        match answer {
            Answer::Connected(session) => self.connected(index, attempt, session),
            Answer::Entered(name) => self.entered(index, attempt, name),
            Answer::Announced => {
                let member = self.member(index);
                if let Some(term) = &mut self.masters[index].term {
                    term.announced = true;
                    let session = term.session;
                    self.send_to_registry(member, 0, Ask::Look { session });
                }
            }
            Answer::Renewed { sent_at_ms } => {
                let until_ms = sent_at_ms + self.scenario.session_timeout_ms / 2;
                self.ledger.leased(index, until_ms, self.now_ms, false);
                if let Some(term) = &mut self.masters[index].term {
                    // The virtual clock begins at one.
                    term.keeper
                        .renew(Duration::from_millis(sent_at_ms + 1), valid_for);
                }
            }
            Answer::Looked(picture) => self.cluster_looks(index, picture),
            Answer::Locked(address) => self.locked(index, &address),
            Answer::Expired(session) => {
                let term = self.masters[index].term.as_ref();
                if term.is_some_and(|term| term.session == session) {
                    if let Some(term) = term {
                        term.keeper.revoke();
                    }
                    self.end_term(index);
                }
            }
            Answer::Unlocked | Answer::Closed => {}
        }
    }

    pub(super) fn sweep(&mut self, index: usize, number: u32, is_first: bool) {
        if self.term(index, number).is_none() {
            return;
        }
        self.read(index, Read::Hosts, super::ThenRead::Hosts { is_first });
        if let Some(own) = self.own(index) {
            let len = crate::limits::FAILOVER_SCAN_LEN;
            self.read(index, Read::OfDead { dead: own, len }, super::ThenRead::Own);
        }
        let next = MasterEvent::Sweep {
            term: number,
            is_first: false,
        };
        self.to_master(index, SWEEP_MS, next);
    }

    /// Everything that this address owns up to this life of it.
    fn own(&self, index: usize) -> Option<orca_schema::DeadMaster> {
        let term = self.masters[index].term.as_ref()?;
        Some(orca_schema::DeadMaster {
            address: term.incarnation.address.to_string(),
            epoch: term.incarnation.epoch,
        })
    }

    /// What is ours by its row and did not run here twice is taken up again: its claim was committed, and nobody has heard of it.
    pub(super) fn own_read(&mut self, index: usize, ids: &[i32]) {
        let Some(own) = self.own(index) else {
            return;
        };
        let Some(term) = &mut self.masters[index].term else {
            return;
        };
        let unheld: BTreeSet<i32> = ids
            .iter()
            .copied()
            .filter(|id| !term.runs.contains_key(id))
            .collect();
        let again: Vec<i32> = unheld.intersection(&term.unheld).copied().collect();
        term.unheld = unheld;
        if !again.is_empty() {
            self.transact(index, Body::Move(own, again), Then::TakeUpOwn);
        }
    }

    /// The registry is read after the rows: what the last picture says is older, so it is asked anew by whoever needs to be exact.
    pub(super) fn hosts_read(&mut self, index: usize, hosts: Vec<String>, is_first: bool) {
        let own = self.masters[index].address.to_string();
        let registered: Vec<String> = self.registry.picture.masters.keys().cloned().collect();
        let reachable = self
            .network
            .heals_at(
                crate::network::End::Master(index),
                crate::network::End::Registry,
                self.now_ms,
            )
            .is_none();
        let Some(term) = self.masters[index].term.as_mut().filter(|_| reachable) else {
            return;
        };
        let number = term.number;
        for address in term.sweep.look(hosts, &registered, &own, is_first) {
            self.begin_rescue(index, number, address);
        }
    }
}
