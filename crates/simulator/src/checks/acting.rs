//! Who may act, and what must not begin anew: leases by the acknowledgements that reached a master, time-outs by the time at which they were first due, tasks
//! inside a master by its term.

use super::ledger::{End, Execution};
use super::{Ledger, Promise};
use crate::master::Master;
use crate::store::Tables;
use orca_engine::codes::Flag;
use orca_engine::time::Millis;
use orca_engine::workflow::{ExecutorEventKind, Timer};

/// Time columns keep whole seconds, so that a later owner may count from up to a second less.
const ROUNDING_MS: i64 = 1_000;

/// Executors inside masters, apart from those of workers.
const INSIDE: usize = 1_000;

impl Ledger {
    /// A renewal that was sent then is acknowledged, or a term begins with it. One whose time is over already renews nothing, and what has run out stays so
    /// within a term.
    pub fn leased(&mut self, master: usize, until_ms: u64, now_ms: u64, begins: bool) {
        const NOT_BEGUN: u64 = 0;
        let lease = self.leases.entry(master).or_default();
        if begins {
            *lease = NOT_BEGUN;
        }
        if until_ms > now_ms && (*lease == NOT_BEGUN || now_ms < *lease) {
            *lease = until_ms.max(*lease);
        }
    }

    /// Something is about to leave this master that only the holder of a lease may send.
    pub fn acts(&mut self, master: usize, now_ms: u64, what: &str) {
        let until_ms = self.leases.get(&master).copied().unwrap_or(0);
        if now_ms >= until_ms {
            let text = format!("master {master} sends {what}, its lease has run out at {until_ms} ms");
            self.violation(Promise::Leased, now_ms, text);
        }
    }

    pub fn timer_armed(&mut self, workflow: i32, timer: &Timer, at: Millis, now_ms: u64) {
        if !matches!(timer, Timer::WorkflowTimeout | Timer::TaskTimeout { .. }) {
            return;
        }
        let first = *self.due.entry((workflow, timer.clone())).or_insert(at);
        if at.since(first).abs() > ROUNDING_MS {
            let text = format!("{timer:?} of workflow {workflow} was due at {first:?} and is now at {at:?}");
            self.violation(Promise::TimeOuts, now_ms, text);
        }
    }

    /// `registered`: of each master, whether its session has not ended.
    #[allow(clippy::too_many_arguments)] // Each is a fact of the acceptance.
    pub fn accepted_inside(
        &mut self,
        tables: &Tables,
        masters: &[Master],
        registered: &[bool],
        now_ms: u64,
        (master, term): (usize, u32),
        task: (i32, i64),
        id: i32,
    ) {
        for one in self.executions.iter_mut().filter(|one| one.worker >= INSIDE) {
            let runs = masters[one.worker - INSIDE]
                .term
                .as_ref()
                .is_some_and(|term| term.number == one.life && term.lease.holds());
            if one.end == End::None && !runs {
                one.end = End::Died;
            }
            one.unregistered |= !registered[one.worker - INSIDE];
        }
        if self.executions.iter().any(|one| one.task_instance_id == id) {
            let text = format!("task instance {id} is started again inside master {master}");
            self.violation(Promise::OneExecutor, now_ms, text);
        }
        let row = tables.tasks.get(&id);
        let is_late = row.is_some_and(|row| row.flag == Flag::No || row.state.is_finished());
        if is_late && !registered[master] {
            // Its session was ended before its time, and it has not heard of that.
            self.restarted += 1;
        } else {
            self.check_earlier(tables, now_ms, id, task);
            self.check_slot(tables, now_ms, id);
        }
        self.executions.push(Execution {
            task_instance_id: id,
            task,
            worker: INSIDE + master,
            life: term,
            end: End::None,
            unregistered: false,
            is_late,
        });
    }

    /// It is not run there any more.
    pub fn abandoned_inside(&mut self, master: usize, term: u32, id: i32) {
        for one in &mut self.executions {
            if (one.worker, one.life, one.task_instance_id) == (INSIDE + master, term, id) {
                one.end = End::Died;
            }
        }
    }

    /// A success inside a master that is not committed is lost with its term, so it counts when its row does.
    pub fn ended_inside(&mut self, master: usize, term: u32, id: i32, kind: &ExecutorEventKind) {
        let end = match kind {
            ExecutorEventKind::Failed { .. } => End::Failed,
            ExecutorEventKind::Killed { .. } => End::Killed,
            _ => End::Died,
        };
        for one in &mut self.executions {
            if (one.worker, one.life, one.task_instance_id) == (INSIDE + master, term, id) {
                one.end = end;
            }
        }
    }
}
