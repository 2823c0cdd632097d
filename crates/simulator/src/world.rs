//! One run: the queue of what happens, in the order of virtual time and then of arrival, and everybody it happens to. One thread, no clock but its own.

use crate::chance::Chance;
use crate::checks::{Ledger, Violation};
use crate::clock::VirtualClock;
use crate::happening::{Happening, Socket};
use crate::limits::{HAPPENINGS_MAX, RECOVERY_MAX_MS};
use crate::master::{Master, MasterEvent};
use crate::network::{End, Network};
use crate::registry::{self, Member, Registry};
use crate::scenario::Scenario;
use crate::store::{self, Client, Store};
use crate::tally::Tally;
use crate::trace::Trace;
use crate::worker::{Call, CallAnswer, Worker, WorkerEvent};
use std::collections::BTreeMap;

const REGISTRY_TICK_MS: u64 = 200;
const STORE_TICK_MS: u64 = 100;
const STOP_RETRY_MS: u64 = 3_000;

pub struct World {
    pub now_ms: u64,
    pub clock: VirtualClock,
    queue: BTreeMap<(u64, u64), Happening>,
    arrivals: u64,
    pub chance: Chance,
    pub scenario: Scenario,
    pub network: Network,
    pub store: Store,
    pub registry: Registry,
    pub masters: Vec<Master>,
    pub workers: Vec<Worker>,
    pub ledger: Ledger,
    pub tally: Tally,
    pub trace: Trace,
    pub healed: bool,
    store_ticks: bool,
    /// When the last message of each member reaches the registry: a session keeps their order.
    registry_lines: BTreeMap<Member, u64>,
}

/// What has become of one run.
pub struct Outcome {
    pub violations: Vec<Violation>,
    pub tally: Tally,
    pub trace: Vec<String>,
}

/// Runs one seed to its end.
#[must_use]
pub fn run(seed: u64, traced: bool) -> Outcome {
    let mut world = World::new(seed, traced);
    world.go();
    world.finish()
}

impl World {
    fn new(seed: u64, traced: bool) -> Self {
        let mut chance = Chance::new(seed);
        let scenario = Scenario::of_seed(seed, &mut chance);
        let clock = VirtualClock::default();
        let mut world = Self {
            now_ms: 0,
            queue: BTreeMap::new(),
            arrivals: 0,
            network: Network::default(),
            store: Store::default(),
            registry: Registry::new(scenario.session_timeout_ms),
            masters: (0..scenario.masters).map(Master::new).collect(),
            workers: (0..scenario.workers)
                .map(|index| Worker::new(index, scenario.java_workers, scenario.event_resend_ms))
                .collect(),
            ledger: Ledger::default(),
            tally: Tally::default(),
            trace: Trace::new(traced),
            healed: false,
            store_ticks: false,
            registry_lines: BTreeMap::new(),
            chance,
            clock,
            scenario,
        };
        let tables = &mut world.store.tables;
        tables.groups.clone_from(&world.scenario.features.groups);
        tables.strategies.extend(world.scenario.features.serial);
        world.begin();
        world
    }

    fn begin(&mut self) {
        self.network.troubled = true;
        for index in 0..self.workers.len() {
            self.after(10 + index as u64, Happening::StartWorker(index));
        }
        for index in 0..self.masters.len() {
            self.after(50 + index as u64 * 7, Happening::StartMaster(index));
        }
        let flows: Vec<(usize, u64, Option<u64>)> = self
            .scenario
            .flows
            .iter()
            .enumerate()
            .map(|(index, flow)| (index, flow.starts_at_ms, flow.stop_at_ms))
            .collect();
        for (index, starts_at_ms, stop_at_ms) in flows {
            self.after(starts_at_ms, Happening::Submit(index));
            if let Some(at_ms) = stop_at_ms {
                self.after(at_ms, Happening::Stop(index));
            }
        }
        self.after(REGISTRY_TICK_MS, Happening::RegistryTick);
        self.after(2_000, Happening::Trouble);
        self.after(self.scenario.trouble_until_ms, Happening::Heal);
    }

    fn go(&mut self) {
        let deadline_ms = self.scenario.trouble_until_ms + RECOVERY_MAX_MS;
        let mut happenings = 0;
        while let Some(((at_ms, _), happening)) = self.queue.pop_first() {
            self.now_ms = at_ms;
            self.clock.set(at_ms);
            happenings += 1;
            self.happen(happening);
            if self.ledger.has_violations() || self.is_over() {
                break;
            }
            if at_ms > deadline_ms || happenings > HAPPENINGS_MAX {
                break;
            }
        }
        self.tally.happenings += happenings;
    }

    /// Every workflow has ended, the faults are over, and every slot of a worker is free again.
    fn is_over(&self) -> bool {
        self.healed
            && self.scenario.flows.iter().all(|flow| {
                let row = self.store.tables.instances.get(&flow.instance.id);
                row.is_some_and(|row| row.state.is_final())
            })
            && self
                .store
                .tables
                .instances
                .values()
                .all(|row| row.state.is_final())
    }

    fn finish(mut self) -> Outcome {
        self.tally.virtual_ms += self.now_ms;
        self.describe();
        if !self.ledger.has_violations() {
            crate::checks::ends(&self.scenario, &self.store.tables, self.now_ms, &mut self.ledger);
        }
        self.tally.take(&self.ledger);
        Outcome {
            violations: self.ledger.into_violations(),
            tally: self.tally,
            trace: self.trace.into_lines(),
        }
    }

    /// How everybody stands at the end, for the reader of a trace.
    fn describe(&mut self) {
        let lines: Vec<String> = self
            .masters
            .iter()
            .map(Master::describe)
            .chain(self.store.tables.commands.values().map(|one| format!("{one:?}")))
            .collect();
        for line in lines {
            self.trace.line(self.now_ms, || line);
        }
    }

    pub fn after(&mut self, pause_ms: u64, happening: Happening) {
        self.arrivals += 1;
        self.queue
            .insert((self.now_ms + pause_ms, self.arrivals), happening);
    }

    pub fn to_master(&mut self, index: usize, pause_ms: u64, event: MasterEvent) {
        let life = self.masters[index].life;
        self.after(pause_ms, Happening::Master { index, life, event });
    }

    pub fn to_worker(&mut self, index: usize, pause_ms: u64, event: WorkerEvent) {
        let life = self.workers[index].life;
        self.after(pause_ms, Happening::Worker { index, life, event });
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Master { index, life, event } => {
                let master = &mut self.masters[index];
                if !master.up || master.life != life {
                    return;
                }
                if master.frozen {
                    master.backlog.push(event);
                } else {
                    self.master_event(index, event);
                }
            }
            Happening::Worker { index, life, event } => self.worker_happens(index, life, event),
            Happening::Waited {
                socket,
                index,
                life,
                event,
            } => {
                let master = &self.masters[socket.client.0];
                let resets = master.resets.get(&self.workers[index].address).copied();
                if master.life != socket.client.1 || resets == socket.resets {
                    self.worker_happens(index, life, event);
                }
            }
            Happening::Store { client, call, ask } => {
                let work = self.store.ask(client, call, ask, self.now_ms);
                self.store_worked(work);
            }
            Happening::StoreTick => {
                self.store_ticks = false;
                let work = self.store.tick(self.now_ms);
                self.store_worked(work);
            }
            Happening::StoreClientGone(client) => {
                let work = self.store.connection_lost(client, self.now_ms);
                self.store_worked(work);
            }
            Happening::Registry { from, call, ask } => {
                let work = self.registry.ask(from, call, ask, self.now_ms);
                self.registry_worked(work);
            }
            Happening::RegistryTick => {
                let work = self.registry.tick(self.now_ms);
                self.registry_worked(work);
                self.after(REGISTRY_TICK_MS, Happening::RegistryTick);
            }
            Happening::StartMaster(index) => self.start_master(index),
            Happening::StartWorker(index) => self.start_worker(index),
            Happening::ThawMaster(index, life) => self.thaw_master(index, life),
            Happening::ThawWorker(index, life) => self.thaw_worker(index, life),
            Happening::Trouble => self.trouble(),
            Happening::Heal => self.heal(),
            Happening::Submit(index) => {
                let instance = self.scenario.flows[index].instance.clone();
                self.trace
                    .line(self.now_ms, || format!("workflow {} is triggered", instance.id));
                self.store.tables.submit(instance);
            }
            Happening::Stop(index) => self.ask_to_stop(index),
        }
    }

    fn worker_happens(&mut self, index: usize, life: u32, event: WorkerEvent) {
        let worker = &mut self.workers[index];
        if !worker.up || worker.life != life {
            // The connection went with the process.
            if let WorkerEvent::Call { client, call, .. } = event {
                self.answer_call(index, client, call, CallAnswer::Broken, 0);
            }
        } else if worker.frozen {
            worker.backlog.push(event);
        } else {
            self.worker_event(index, event);
        }
    }

    fn store_worked(&mut self, work: store::Work) {
        let has_committed = !work.committed.is_empty();
        for (client, changes, output) in work.committed {
            self.ledger
                .committed(client, &changes, &output, &self.masters, self.now_ms);
        }
        if has_committed {
            self.ledger.look_at_children(&self.store.tables, self.now_ms);
            self.ledger
                .look_at_queues(&self.scenario, &self.store.tables, self.now_ms);
        }
        for (client, call, answered) in work.answers {
            if self
                .network
                .heals_at(End::Master(client.0), End::Store, self.now_ms)
                .is_some()
            {
                continue;
            }
            let answered = self.maybe_lost(answered);
            let delay_ms = self.network.delay_ms(&mut self.chance);
            let event = MasterEvent::Store { call, answered };
            let (index, life) = client;
            self.after(delay_ms, Happening::Master { index, life, event });
        }
        if self.store.is_busy() && !self.store_ticks {
            self.store_ticks = true;
            self.after(STORE_TICK_MS, Happening::StoreTick);
        }
    }

    /// Committed, and the answer is lost.
    fn maybe_lost(&mut self, answered: store::Answered) -> store::Answered {
        let is_commit = matches!(answered, Ok(store::Answer::Committed(_)));
        if is_commit && self.network.troubled && self.chance.one_in(40) {
            self.tally.fault("lost commit answer");
            return Err(store::Fault::Lost);
        }
        answered
    }

    pub fn send_to_store(&mut self, client: Client, call: u64, ask: store::Ask) {
        let link = (End::Master(client.0), End::Store);
        if self.network.heals_at(link.0, link.1, self.now_ms).is_some() {
            return;
        }
        let delay_ms = self.network.delay_ms(&mut self.chance);
        self.after(delay_ms, Happening::Store { client, call, ask });
    }

    pub fn send_to_registry(&mut self, from: Member, call: u64, ask: registry::Ask) {
        if self
            .network
            .heals_at(end_of(from), End::Registry, self.now_ms)
            .is_some()
        {
            return;
        }
        let delay_ms = self.network.delay_ms(&mut self.chance);
        let line = self.registry_lines.entry(from).or_default();
        *line = (*line).max(self.now_ms + delay_ms);
        let pause_ms = *line - self.now_ms;
        self.after(pause_ms, Happening::Registry { from, call, ask });
    }

    pub(crate) fn registry_worked(&mut self, work: registry::Work) {
        for address in &work.workers_gone {
            if let Some(index) = self.workers.iter().position(|worker| worker.address == *address) {
                self.ledger.unregistered(index);
            }
        }
        for (member, call, answer) in work.answers {
            self.registry_tells(member, call, answer);
        }
        if work.changed {
            let members: Vec<Member> = self.registry.watchers().collect();
            for member in members {
                if let Member::Master(..) = member {
                    let picture = self.registry.picture.clone();
                    self.registry_tells(member, 0, registry::Answer::Looked(picture));
                }
            }
        }
    }

    fn registry_tells(&mut self, member: Member, call: u64, answer: registry::Answer) {
        if self
            .network
            .heals_at(end_of(member), End::Registry, self.now_ms)
            .is_some()
        {
            return;
        }
        let delay_ms = self.network.delay_ms(&mut self.chance);
        let happening = match member {
            Member::Master(index, life) => {
                let event = MasterEvent::Registry { call, answer };
                Happening::Master { index, life, event }
            }
            Member::Worker(index, life) => {
                let event = WorkerEvent::Registry(answer);
                Happening::Worker { index, life, event }
            }
        };
        self.after(delay_ms, happening);
    }

    /// One call of a master to a worker leaves its process.
    pub fn send_call(&mut self, client: Client, call: u64, address: &str, what: Call) {
        use crate::limits::{CONNECT_TIMEOUT_MS, UNACKNOWLEDGED_MAX_MS};
        let Some(index) = self.workers.iter().position(|worker| worker.address == *address) else {
            return;
        };
        let not_sent = CallAnswer::NotSent;
        let link = (End::Master(client.0), End::Worker(index));
        if let Some(heals_at_ms) = self.network.heals_at(link.0, link.1, self.now_ms) {
            // Either there is no connection yet, or the bytes wait in the socket until the link heals, the connection is closed or the kernel gives up.
            if self.chance.one_in(2) {
                return self.master_hears(client, call, not_sent, CONNECT_TIMEOUT_MS);
            }
            let waits_ms = heals_at_ms - self.now_ms;
            if waits_ms >= UNACKNOWLEDGED_MAX_MS {
                return;
            }
            let life = self.workers[index].life;
            let delay_ms = waits_ms + self.chance.between(1, 300);
            let event = WorkerEvent::Call { client, call, what };
            let resets = self.masters[client.0].resets.get(address).copied();
            let socket = Socket { client, resets };
            let waited = Happening::Waited {
                socket,
                index,
                life,
                event,
            };
            return self.after(delay_ms, waited);
        }
        if !self.workers[index].up {
            return self.master_hears(client, call, not_sent, 1);
        }
        let mut delay_ms = self.network.delay_ms(&mut self.chance);
        if self.network.troubled && self.chance.one_in(120) {
            self.tally.fault("late call");
            delay_ms = self.chance.between(4_000, 16_000);
        }
        let life = self.workers[index].life;
        let event = WorkerEvent::Call { client, call, what };
        if self.scenario.features.duplicates && self.network.troubled && self.chance.one_in(40) {
            self.tally.fault("call delivered twice");
            let event = event.clone();
            let again_ms = delay_ms + self.chance.between(0, 8_000);
            self.after(again_ms, Happening::Worker { index, life, event });
        }
        self.after(delay_ms, Happening::Worker { index, life, event });
    }

    /// The worker's answer goes back.
    pub fn answer_call(
        &mut self,
        index: usize,
        client: Client,
        call: u64,
        answer: CallAnswer,
        pause_ms: u64,
    ) {
        let link = (End::Master(client.0), End::Worker(index));
        if self.network.heals_at(link.0, link.1, self.now_ms).is_some() {
            return;
        }
        let answer = if self.network.troubled && self.chance.one_in(80) {
            self.tally.fault("lost call answer");
            CallAnswer::Broken
        } else {
            answer
        };
        let delay_ms = self.network.delay_ms(&mut self.chance);
        self.master_hears(client, call, answer, pause_ms + delay_ms);
    }

    fn master_hears(&mut self, client: Client, call: u64, answer: CallAnswer, delay_ms: u64) {
        let (index, life) = client;
        let event = MasterEvent::Answered { call, answer };
        self.after(delay_ms, Happening::Master { index, life, event });
    }

    fn ask_to_stop(&mut self, flow: usize) {
        let id = self.scenario.flows[flow].instance.id;
        let row = self.store.tables.instances.get(&id);
        if row.is_some_and(|row| row.state.is_final()) {
            return;
        }
        let owner = row.and_then(|row| row.host.clone());
        let master = self
            .masters
            .iter()
            .position(|master| Some(&*master.address) == owner.as_deref());
        let heard = master.is_some_and(|index| self.stop_workflow(index, id));
        if !heard {
            self.after(STOP_RETRY_MS, Happening::Stop(flow));
        }
    }
}

pub(crate) fn end_of(member: Member) -> End {
    match member {
        Member::Master(index, _) => End::Master(index),
        Member::Worker(index, _) => End::Worker(index),
    }
}
