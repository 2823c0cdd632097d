//! What goes wrong, and when it stops: crash, freeze, cut links, restarts, clock steps, ended sessions, slow workers.

use crate::happening::Happening;
use crate::network::End;
use crate::registry::Member;
use crate::world::World;

impl World {
    /// One fault now, and the time of the next.
    pub(crate) fn trouble(&mut self) {
        if self.healed {
            return;
        }
        let next_ms = self.chance.between(200, self.scenario.fault_every_ms * 2);
        self.after(next_ms, Happening::Trouble);
        let (master, worker) = (
            self.chance.index(self.masters.len()),
            self.chance.index(self.workers.len()),
        );
        match self.chance.below(16) {
            0..=2 => {
                self.tally.fault("master killed");
                self.crash_master(master);
            }
            3..=5 => self.freeze_master(master),
            6 => {
                self.tally.fault("worker killed");
                self.crash_worker(worker);
            }
            7 => self.freeze_worker(worker),
            8 => self.cut(
                "master cut off from the registry",
                End::Master(master),
                End::Registry,
            ),
            9 => self.cut(
                "master cut off from the database",
                End::Master(master),
                End::Store,
            ),
            10 => self.cut(
                "worker cut off from the registry",
                End::Worker(worker),
                End::Registry,
            ),
            11 => self.cut(
                "master cut off from a worker",
                End::Master(master),
                End::Worker(worker),
            ),
            12 => self.restart_store(),
            13 => self.step_clock(master, worker),
            14 => self.expire_session(master, worker),
            _ => {
                self.tally.fault("slow worker");
                let until_ms = self.now_ms + self.chance.between(2_000, 30_000);
                self.workers[worker].slow_until_ms = until_ms;
            }
        }
    }

    fn cut(&mut self, kind: &'static str, one: End, other: End) {
        self.tally.fault(kind);
        let until_ms = self.now_ms + self.chance.between(300, self.scenario.session_timeout_ms * 2);
        self.trace.line(self.now_ms, || {
            format!("the link {one:?} to {other:?} is cut until {until_ms} ms")
        });
        self.network.cut(one, other, until_ms);
    }

    fn restart_store(&mut self) {
        self.tally.fault("database restart");
        let back_at_ms = self.now_ms + self.chance.between(50, 8_000);
        self.trace.line(self.now_ms, || {
            format!("the database restarts, back at {back_at_ms} ms")
        });
        let work = self.store.restart(back_at_ms);
        for (client, call, answered) in work.answers {
            let (index, life) = client;
            let event = crate::master::MasterEvent::Store { call, answered };
            self.after(1, Happening::Master { index, life, event });
        }
    }

    /// The wall clock of one host jumps; nobody's monotonic time does.
    fn step_clock(&mut self, master: usize, worker: usize) {
        if self.scenario.features.needs_clocks() {
            return;
        }
        self.tally.fault("clock step");
        let step_ms = i64::try_from(self.chance.between(100, 90_000)).unwrap_or(0);
        let step_ms = if self.chance.one_in(2) { step_ms } else { -step_ms };
        self.trace.line(self.now_ms, || {
            format!("the clocks of master {master} and worker {worker} step by {step_ms} ms")
        });
        self.masters[master].clock_offset_ms += step_ms;
        self.workers[worker].clock_offset_ms -= step_ms;
    }

    fn expire_session(&mut self, master: usize, worker: usize) {
        self.tally.fault("session ended");
        let member = if self.chance.one_in(3) {
            Member::Worker(worker, self.workers[worker].life)
        } else {
            Member::Master(master, self.masters[master].life)
        };
        self.trace.line(self.now_ms, || {
            format!("the registry ends the session of {member:?}")
        });
        let work = self.registry.expire(member);
        self.registry_worked(work);
    }

    /// Short enough to come back within the lease, or long enough to lose everything.
    fn freeze_ms(&mut self) -> u64 {
        let timeout_ms = self.scenario.session_timeout_ms;
        match self.chance.below(3) {
            0 => self.chance.between(20, 1_500),
            1 => self.chance.between(1_500, timeout_ms),
            _ => self.chance.between(timeout_ms, timeout_ms * 4),
        }
    }

    fn freeze_master(&mut self, index: usize) {
        let pause_ms = self.freeze_ms();
        let master = &mut self.masters[index];
        if !master.up || master.frozen {
            return;
        }
        master.frozen = true;
        let life = master.life;
        self.tally.fault("master frozen");
        self.trace.line(self.now_ms, || {
            format!("master {index} freezes for {pause_ms} ms")
        });
        self.after(pause_ms, Happening::ThawMaster(index, life));
    }

    pub(crate) fn thaw_master(&mut self, index: usize, life: u32) {
        let master = &mut self.masters[index];
        if master.life != life || !master.frozen {
            return;
        }
        master.frozen = false;
        let backlog = std::mem::take(&mut master.backlog);
        self.trace.line(self.now_ms, || format!("master {index} thaws"));
        for event in backlog {
            self.to_master(index, 0, event);
        }
    }

    fn freeze_worker(&mut self, index: usize) {
        let pause_ms = self.freeze_ms();
        let worker = &mut self.workers[index];
        if !worker.up || worker.frozen {
            return;
        }
        worker.frozen = true;
        let life = worker.life;
        self.tally.fault("worker frozen");
        self.trace.line(self.now_ms, || {
            format!("worker {index} freezes for {pause_ms} ms")
        });
        self.after(pause_ms, Happening::ThawWorker(index, life));
    }

    pub(crate) fn thaw_worker(&mut self, index: usize, life: u32) {
        let worker = &mut self.workers[index];
        if worker.life != life || !worker.frozen {
            return;
        }
        worker.frozen = false;
        let backlog = std::mem::take(&mut worker.backlog);
        self.trace.line(self.now_ms, || format!("worker {index} thaws"));
        for event in backlog {
            self.to_worker(index, 0, event);
        }
    }

    /// From here on nothing goes wrong; whoever is down comes back by itself.
    pub(crate) fn heal(&mut self) {
        self.trace.line(self.now_ms, || "everything heals".to_owned());
        self.healed = true;
        self.network.heal();
    }
}
