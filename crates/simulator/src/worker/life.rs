//! A worker's place in the registry, its death and its return.

use super::{Bench, CallAnswer, SLOTS, WorkerEvent};
use crate::happening::Happening;
use crate::registry::{Answer, Ask, Kind, Member, Process};
use crate::world::World;

impl World {
    pub(crate) fn start_worker(&mut self, index: usize) {
        let (java, resend_ms) = (self.scenario.java_workers, self.scenario.event_resend_ms);
        let startup = self.worker_wall(index);
        let worker = &mut self.workers[index];
        worker.life += 1;
        worker.up = true;
        worker.startup_ms = startup.0;
        worker.session = None;
        worker.announced = false;
        worker.bench = Bench::new(java, SLOTS, resend_ms, startup);
        let life = worker.life;
        self.trace
            .line(self.now_ms, || format!("worker {index} starts (life {life})"));
        self.to_worker(index, 1, WorkerEvent::Beat);
    }

    /// The process is gone, and everything in it.
    pub(crate) fn crash_worker(&mut self, index: usize) {
        let now_ms = self.now_ms;
        let worker = &mut self.workers[index];
        if !worker.up {
            return;
        }
        let life = worker.life;
        worker.up = false;
        worker.frozen = false;
        worker.jobs.clear();
        worker.posts.clear();
        let backlog = std::mem::take(&mut worker.backlog);
        self.trace
            .line(now_ms, || format!("worker {index} dies (life {life})"));
        self.ledger.worker_died(index, life);
        for event in backlog {
            if let WorkerEvent::Call { client, call, .. } = event {
                self.answer_call(index, client, call, CallAnswer::Broken, 0);
            }
        }
        let pause_ms = self.chance.between(200, 30_000);
        self.after(pause_ms, Happening::StartWorker(index));
    }

    pub(super) fn worker_beats(&mut self, index: usize) {
        let interval_ms = self.scenario.session_timeout_ms / 6;
        self.to_worker(index, interval_ms, WorkerEvent::Beat);
        let sent_at_ms = self.now_ms;
        match self.workers[index].session {
            None => self.worker_asks(index, Ask::Connect),
            Some(session) if !self.workers[index].announced => self.announce_worker(index, session),
            Some(session) => {
                let announced = true;
                let ask = Ask::Renew {
                    session,
                    sent_at_ms,
                    announced,
                };
                self.worker_asks(index, ask);
            }
        }
    }

    fn announce_worker(&mut self, index: usize, session: u64) {
        let worker = &self.workers[index];
        let process = Process {
            startup_ms: worker.startup_ms,
            is_orca: !worker.java,
        };
        let address = worker.address.clone();
        let kind = Kind::Worker;
        self.worker_asks(
            index,
            Ask::Announce {
                session,
                kind,
                address,
                process,
            },
        );
    }

    fn worker_asks(&mut self, index: usize, ask: Ask) {
        let member = Member::Worker(index, self.workers[index].life);
        self.send_to_registry(member, 0, ask);
    }

    pub(super) fn worker_hears(&mut self, index: usize, answer: Answer) {
        match answer {
            Answer::Connected(session) if self.workers[index].session.is_none() => {
                self.workers[index].session = Some(session);
                self.announce_worker(index, session);
            }
            Answer::Announced => self.workers[index].announced = true,
            // Its tasks may already run elsewhere: it ends them and comes back as another process.
            Answer::Expired(session) if self.workers[index].session == Some(session) => {
                self.trace
                    .line(self.now_ms, || format!("worker {index} has lost its session"));
                self.crash_worker(index);
            }
            _ => {}
        }
    }
}
