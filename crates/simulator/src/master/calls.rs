//! Calls to workers; the lease is asked before each, and every answer comes back as an event of the workflow (`orca_actors::calls`).

use super::{MasterEvent, Owned, Pending, Transmit};
use crate::limits::CALL_TIMEOUT_MS;
use crate::worker::{Call, CallAnswer, Order, Reply};
use crate::world::World;
use orca_engine::workflow::{Event, NodeId};

impl World {
    pub(super) fn dispatch_call(&mut self, index: usize, owned: Owned, node: NodeId, id: i32, host: String) {
        let owner = self.masters[index].address.to_string();
        let worker_startup_ms = self.startup_of(index, &host);
        let Some(run) = self.run_of(index, owned) else {
            return;
        };
        let Some(task) = run.machine.task(node).filter(|task| task.id == id) else {
            return;
        };
        let order = Order {
            task_instance_id: id,
            task_code: task.task_code,
            workflow_instance_id: owned.0,
            workflow_instance_name: run.machine.instance().name.clone(),
            first_submit_time: task.first_submit_time.unwrap_or_default(),
            owner,
            owner_epoch: owned.1,
            worker_startup_ms: worker_startup_ms.unwrap_or_default(),
        };
        let what = Call::Dispatch(Box::new(order));
        if worker_startup_ms.is_none() {
            // It has left the registry.
            return self.call_answered(index, owned, host, what, CallAnswer::NotSent);
        }
        self.call(index, owned, host, what);
    }

    pub(super) fn call(&mut self, index: usize, owned: Owned, host: String, what: Call) {
        let holds = self.masters[index]
            .term
            .as_ref()
            .is_some_and(|term| term.lease.holds());
        if !holds {
            return self.call_answered(index, owned, host, what, CallAnswer::NotSent);
        }
        self.ledger.acts(index, self.now_ms, "a call");
        let pending = Pending::Worker {
            owned,
            host: host.clone(),
            what: what.clone(),
        };
        let call = self.open_call(index, pending);
        self.to_master(index, CALL_TIMEOUT_MS, MasterEvent::CallTimeout { call });
        self.transmit(index, Transmit::Worker { call, host, what });
    }

    pub(super) fn call_answered(
        &mut self,
        index: usize,
        owned: Owned,
        host: String,
        what: Call,
        answer: CallAnswer,
    ) {
        let flag = match &answer {
            CallAnswer::Accepted(Reply::Flag(flag)) => Some(*flag),
            CallAnswer::Accepted(Reply::Dispatched(_)) | CallAnswer::NotSent | CallAnswer::Broken => None,
        };
        let watched = match &what {
            Call::Probe(id) | Call::TakeOver { id, .. } => self
                .run_of(index, owned)
                .is_some_and(|run| run.machine.is_watched(*id)),
            _ => false,
        };
        let is_told = match &what {
            Call::Probe(id) | Call::TakeOver { id, .. } => self
                .run_of(index, owned)
                .is_some_and(|run| run.machine.is_without_worker(*id)),
            _ => false,
        };
        let asks_who_is_there = matches!(what, Call::Probe(_) | Call::TakeOver { .. })
            && (flag.is_none() || !watched)
            || matches!(what, Call::Dispatch(_));
        let event = match what {
            Call::Dispatch(order) => dispatched(order.task_instance_id, &host, answer),
            Call::Kill(id) => Event::KillAnswered {
                task_instance_id: id,
                host: host.clone(),
                queued: flag,
            },
            Call::TakeOver { id, .. } => Event::TakeOverAnswered {
                task_instance_id: id,
                host: host.clone(),
                taken: flag,
            },
            Call::Probe(id) => Event::Probed {
                task_instance_id: id,
                host: host.clone(),
                present: flag,
            },
            Call::Pause | Call::Ack(..) => return,
        };
        self.deliver(index, owned, vec![event]);
        if asks_who_is_there {
            self.report_missing_worker(index, owned, host, is_told);
        }
    }
}

impl World {
    /// A call that is given up takes its connection along (`Client::close_connection`): what has not left this host never will, and the other calls on it end too.
    pub(super) fn close_connection(&mut self, index: usize, host: &str) {
        *self.masters[index].resets.entry(host.to_owned()).or_default() += 1;
        let open = &self.masters[index].open;
        let others: Vec<u64> = open
            .iter()
            .filter(
                |(_, (_, pending))| matches!(pending, Pending::Worker { host: other, .. } if *other == host),
            )
            .map(|(call, _)| *call)
            .collect();
        for call in others {
            let answer = CallAnswer::Broken;
            self.to_master(index, 0, MasterEvent::Answered { call, answer });
        }
    }
}

fn dispatched(task_instance_id: i32, host: &str, answer: CallAnswer) -> Event {
    let host = host.to_owned();
    match answer {
        CallAnswer::Accepted(Reply::Dispatched(Err(reason))) => Event::DispatchRefused {
            task_instance_id,
            host,
            reason,
        },
        CallAnswer::Accepted(_) => Event::DispatchAccepted {
            task_instance_id,
            host,
        },
        CallAnswer::NotSent => Event::DispatchRefused {
            task_instance_id,
            host,
            reason: "not sent".to_owned(),
        },
        CallAnswer::Broken => Event::DispatchUnknown {
            task_instance_id,
            host,
            reason: "no answer".to_owned(),
        },
    }
}
