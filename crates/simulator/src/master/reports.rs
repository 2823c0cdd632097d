//! Reports of executors (`orca_actors::rpc_server::events`).

use super::{MasterEvent, ThenRead};
use crate::limits::{EVENT_PARK_MS, EVENT_PARK_ROUNDS_MAX};
use crate::store::{Read, Rows};
use crate::worker::{Call, Report};
use crate::world::World;
use orca_engine::stray_report::{Standing, Verdict, judge};
use orca_engine::workflow::{Event, ExecutorEvent};

impl World {
    pub(super) fn receive(&mut self, index: usize, report: Report, round: u32) {
        let Some(term) = self.masters[index]
            .term
            .as_ref()
            .filter(|term| term.lease.holds())
        else {
            return;
        };
        if round >= EVENT_PARK_ROUNDS_MAX {
            return;
        }
        if let Some(owned) = term.runs.get(&report.workflow_instance_id).map(super::Run::owned) {
            let event = ExecutorEvent {
                task_instance_id: report.task_instance_id,
                host: report.host,
                kind: report.kind,
            };
            return self.deliver(index, owned, vec![Event::Executor(event)]);
        }
        let read = Read::Attempt(report.task_instance_id);
        self.read(index, read, ThenRead::Attempt { report, round });
    }

    pub(super) fn attempt_read(&mut self, index: usize, report: Report, round: u32, rows: Option<Rows>) {
        let verdict = match &rows {
            Some(Rows::Attempt(Some(row))) => {
                let standing = Standing {
                    task_state: row.task_state,
                    task_is_valid: row.task_is_valid,
                    workflow_state: row.workflow_state,
                    workflow_host: row.workflow_host.as_deref(),
                };
                judge(standing, &self.masters[index].address)
            }
            Some(_) => Verdict::Elsewhere,
            None => Verdict::Coming,
        };
        let (id, host, event_type) = (
            report.task_instance_id,
            report.host.clone(),
            report.kind.event_type(),
        );
        // Not of any run here: the answers go nowhere.
        let nobody = (report.workflow_instance_id, i64::MIN);
        match verdict {
            Verdict::Finished => self.call(index, nobody, host, Call::Ack(id, event_type)),
            Verdict::Replaced => {
                self.call(index, nobody, host.clone(), Call::Kill(id));
                self.call(index, nobody, host, Call::Ack(id, event_type));
            }
            Verdict::Elsewhere => {}
            Verdict::Coming => {
                let round = round + 1;
                self.to_master(index, EVENT_PARK_MS, MasterEvent::Report { report, round });
            }
        }
    }
}
