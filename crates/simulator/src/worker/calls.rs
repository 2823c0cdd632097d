//! The executor protocol, from the worker's side.

use super::{Call, CallAnswer, Job, Order, Post, Reply, Report, WorkerEvent, kind_of};
use crate::happening::Happening;
use crate::master::MasterEvent;
use crate::network::End;
use crate::scenario::Script;
use crate::store::Client;
use crate::world::World;
use orca_engine::time::{Millis, Tick};
use orca_worker::events::TaskEvent;
use orca_worker::executors::Dispatch;

impl World {
    pub(crate) fn worker_event(&mut self, index: usize, event: WorkerEvent) {
        match event {
            WorkerEvent::Beat => self.worker_beats(index),
            WorkerEvent::Registry(answer) => self.worker_hears(index, answer),
            WorkerEvent::Call { client, call, what } => self.serve(index, client, call, what),
            WorkerEvent::Post(id) => {
                self.workers[index].posts.remove(&id);
                self.post(index, id);
            }
            WorkerEvent::Begins(id) => self.begins(index, id),
            WorkerEvent::Ends(id) => self.ends(index, id, false),
            WorkerEvent::Dies(id) => self.ends(index, id, true),
        }
    }

    pub(crate) fn worker_wall(&self, index: usize) -> Millis {
        crate::clock::wall(self.now_ms, self.workers[index].clock_offset_ms)
    }

    fn serve(&mut self, index: usize, client: Client, call: u64, what: Call) {
        let now = Tick(self.now_ms);
        let bench = &mut self.workers[index].bench;
        let reply = match what {
            Call::Dispatch(order) => Reply::Dispatched(self.admit(index, *order)),
            Call::Kill(id) => {
                let here = bench.kill(id, now);
                if here {
                    let pause_ms = self.chance.between(10, 400);
                    self.to_worker(index, pause_ms, WorkerEvent::Dies(id));
                }
                Reply::Flag(here)
            }
            Call::Pause => Reply::Flag(true),
            Call::Ack(id, event_type) => {
                bench.acknowledge(id, event_type, now);
                self.post(index, id);
                Reply::Flag(true)
            }
            Call::TakeOver { id, owner, epoch } => {
                let taken = bench.reassign(id, owner, epoch, now);
                self.post(index, id);
                Reply::Flag(taken)
            }
            Call::Probe(id) => Reply::Flag(bench.contains(id)),
        };
        let slow_ms = if self.now_ms < self.workers[index].slow_until_ms {
            self.chance.between(2_000, 20_000)
        } else {
            self.chance.between(0, 2)
        };
        self.answer_call(index, client, call, CallAnswer::Accepted(reply), slow_ms);
    }

    fn admit(&mut self, index: usize, order: Order) -> Result<(), String> {
        let (now, wall) = (Tick(self.now_ms), self.worker_wall(index));
        let worker = &mut self.workers[index];
        let dispatch = Dispatch {
            task_instance_id: order.task_instance_id,
            task_name: format!("task-{}", order.task_code),
            task_type: "SHELL".to_owned(),
            project_code: 9,
            workflow_instance_id: order.workflow_instance_id,
            workflow_instance_name: order.workflow_instance_name.clone(),
            first_submit_time: order.first_submit_time,
            owner: Some(order.owner.clone()),
            owner_epoch: Some(order.owner_epoch),
            worker_startup_time: Some(Millis(order.worker_startup_ms)),
            host: worker.address.clone(),
        };
        let admitted = worker.bench.admit(dispatch, now, wall);
        let (id, life) = (order.task_instance_id, worker.life);
        self.trace.line(self.now_ms, || {
            format!(
                "worker {index}: dispatch of task {id} by {}: {admitted:?}",
                order.owner
            )
        });
        if !admitted? {
            return Ok(());
        }
        let java = self.scenario.java_workers;
        let node = self.registry.picture.workers.get(&self.workers[index].address);
        let is_registered =
            node.is_some_and(|seen| seen.process.startup_ms == self.workers[index].startup_ms);
        self.ledger.accepted(
            &self.store.tables,
            self.now_ms,
            index,
            life,
            &order,
            java,
            is_registered,
        );
        let script = self.script_of(order.workflow_instance_id, order.task_code);
        let retry = self.store.tables.tasks.get(&id).map_or(0, |row| row.retry_times);
        let job = Job {
            workflow_instance_id: order.workflow_instance_id,
            duration_ms: script.duration_ms,
            succeeds: retry >= script.fails,
            ended: false,
        };
        self.workers[index].jobs.insert(id, job);
        let pause_ms = self.chance.between(1, 40);
        self.to_worker(index, pause_ms, WorkerEvent::Begins(id));
        self.post(index, id);
        Ok(())
    }

    pub(crate) fn script_of(&self, workflow_instance_id: i32, task_code: i64) -> Script {
        let flow = self
            .scenario
            .flows
            .iter()
            .find(|flow| flow.instance.id == workflow_instance_id);
        let of_child = || {
            let mut children = self.scenario.features.children.values();
            children.find_map(|child| child.scripts.get(&task_code))
        };
        flow.and_then(|flow| flow.scripts.get(&task_code))
            .or_else(of_child)
            .copied()
            .unwrap_or(Script {
                duration_ms: 1,
                fails: 0,
                is_endless: false,
            })
    }

    fn begins(&mut self, index: usize, id: i32) {
        let wall = self.worker_wall(index);
        let worker = &mut self.workers[index];
        let Some(job) = worker.jobs.get(&id).filter(|job| !job.ended) else {
            return;
        };
        let duration_ms = job.duration_ms;
        let running = TaskEvent::Running {
            start_time: wall,
            log_path: "/log".to_owned(),
            execute_path: None,
        };
        worker.bench.publish(id, running, wall);
        self.to_worker(index, duration_ms, WorkerEvent::Ends(id));
        self.post(index, id);
    }

    fn ends(&mut self, index: usize, id: i32, killed: bool) {
        let end_time = self.worker_wall(index);
        let worker = &mut self.workers[index];
        let life = worker.life;
        let Some(job) = worker.jobs.get_mut(&id).filter(|job| !job.ended) else {
            return;
        };
        job.ended = true;
        let event = match (killed, job.succeeds) {
            (true, _) => TaskEvent::Killed { end_time },
            (false, true) => TaskEvent::Succeeded {
                end_time,
                var_pool: None,
            },
            (false, false) => TaskEvent::Failed { end_time },
        };
        self.trace.line(self.now_ms, || {
            format!("worker {index}: task {id} ends: {}", event.name())
        });
        self.ledger.ended(index, life, id, &event);
        worker.bench.publish(id, event, end_time);
        self.post(index, id);
    }

    /// Sends what is due of one task, or looks again when it is.
    pub(super) fn post(&mut self, index: usize, id: i32) {
        let now = Tick(self.now_ms);
        let worker = &mut self.workers[index];
        let Some(workflow_instance_id) = worker.jobs.get(&id).map(|job| job.workflow_instance_id) else {
            return;
        };
        loop {
            match self.workers[index].bench.next(id, now) {
                Post::Send { owner, event } => {
                    let report = Report {
                        workflow_instance_id,
                        task_instance_id: id,
                        host: self.workers[index].address.clone(),
                        kind: kind_of(event.event),
                    };
                    self.send_report(index, &owner, report);
                }
                Post::WaitUntil(at_ms) => {
                    let posts = &mut self.workers[index].posts;
                    if posts.get(&id).is_none_or(|known| *known > at_ms) {
                        posts.insert(id, at_ms);
                        self.to_worker(index, at_ms.saturating_sub(self.now_ms), WorkerEvent::Post(id));
                    }
                    return;
                }
                Post::Wait => return,
            }
        }
    }

    /// A report that is lost is sent again, so a cut link just loses it; now and then one comes twice or late.
    fn send_report(&mut self, index: usize, owner: &str, report: Report) {
        let Some(master) = self.masters.iter().position(|master| *master.address == *owner) else {
            return;
        };
        if !self.masters[master].up
            || self
                .network
                .heals_at(End::Worker(index), End::Master(master), self.now_ms)
                .is_some()
        {
            return;
        }
        let life = self.masters[master].life;
        let copies = if self.network.troubled {
            [1, 1, 1, 1, 1, 1, 1, 1, 0, 2][self.chance.index(10)]
        } else {
            1
        };
        for _ in 0..copies {
            let delay_ms = self.network.delay_ms(&mut self.chance);
            let event = MasterEvent::Report {
                report: report.clone(),
                round: 0,
            };
            self.after(
                delay_ms,
                Happening::Master {
                    index: master,
                    life,
                    event,
                },
            );
        }
    }
}
