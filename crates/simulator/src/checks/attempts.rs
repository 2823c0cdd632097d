//! Promises (i) to (iii), looked at when an executor accepts an attempt.

use super::ledger::{End, Execution};
use super::{Ledger, Promise};
use crate::store::Tables;
use crate::worker::Order;
use orca_engine::codes::{Flag, TaskState};
use orca_worker::events::TaskEvent;

impl Ledger {
    #[allow(clippy::too_many_arguments)] // Each is a fact of the acceptance.
    pub fn accepted(
        &mut self,
        tables: &Tables,
        now_ms: u64,
        worker: usize,
        life: u32,
        order: &Order,
        java: bool,
        is_registered: bool,
    ) {
        let id = order.task_instance_id;
        let task = (order.workflow_instance_id, order.task_code);
        let is_late = tables
            .tasks
            .get(&id)
            .is_some_and(|row| row.flag == Flag::No || row.state.is_finished());
        // Its sender has lost the instance to another owner.
        let of_former_owner = tables
            .owned
            .get(&order.workflow_instance_id)
            .is_some_and(|row| order.owner_epoch < row.epoch);
        let twice = self
            .executions
            .iter()
            .any(|one| one.task_instance_id == id && one.end != End::Died);
        if java && (is_late || twice || of_former_owner) {
            // Bytes that lay in a socket: the window that is stated for Java workers.
            self.windows += 1;
        } else if twice {
            let text = format!("task instance {id} is accepted again, by worker {worker}");
            self.violation(Promise::OneExecutor, now_ms, text);
        } else if is_late && !is_registered {
            self.restarted += 1;
        } else if is_late {
            let text = format!(
                "task instance {id} is accepted by worker {worker} after it was replaced or had ended"
            );
            self.violation(Promise::OldAttemptOver, now_ms, text);
        } else {
            self.check_earlier(tables, now_ms, id, task);
            self.check_slot(tables, now_ms, id);
        }
        self.executions.push(Execution {
            task_instance_id: id,
            task,
            worker,
            life,
            end: End::None,
            unregistered: !is_registered,
            // A Java worker's second start of an attempt stands for no owner's wish.
            is_late: is_late || java && (twice || of_former_owner),
        });
    }

    pub(super) fn check_earlier(&mut self, tables: &Tables, now_ms: u64, id: i32, task: (i32, i64)) {
        let succeeded = tables.tasks.values().any(|row| {
            (row.workflow_instance_id, row.task_code) == task
                && row.id != id
                && row.state == TaskState::Success
        });
        if succeeded {
            let text = format!("task {task:?} has succeeded, and task instance {id} runs it again");
            self.violation(Promise::FinishedOnce, now_ms, text);
        }
        let earlier: Vec<Execution> = self
            .executions
            .iter()
            .filter(|one| one.task == task && one.task_instance_id != id && !one.is_late)
            .cloned()
            .collect();
        for one in earlier {
            self.check_one(now_ms, id, &one);
        }
    }

    fn check_one(&mut self, now_ms: u64, id: i32, earlier: &Execution) {
        let before = earlier.task_instance_id;
        match earlier.end {
            End::None if earlier.unregistered => self.restarted += 1,
            End::None => {
                let text = format!(
                    "task instance {id} starts while {before} runs on worker {}, which is registered",
                    earlier.worker
                );
                self.violation(Promise::OldAttemptOver, now_ms, text);
            }
            End::Succeeded if earlier.unregistered => self.restarted += 1,
            End::Succeeded => {
                let text = format!(
                    "task instance {id} starts although {before} succeeded on worker {}, which is registered",
                    earlier.worker
                );
                self.violation(Promise::FinishedOnce, now_ms, text);
            }
            End::Failed | End::Killed | End::Died => {}
        }
    }

    pub fn ended(&mut self, worker: usize, life: u32, id: i32, event: &TaskEvent) {
        let end = match event {
            TaskEvent::Succeeded { .. } => End::Succeeded,
            TaskEvent::Failed { .. } => End::Failed,
            TaskEvent::Killed { .. } => End::Killed,
            TaskEvent::Dispatched | TaskEvent::Running { .. } | TaskEvent::RuntimeContextChanged { .. } => {
                return;
            }
        };
        for one in &mut self.executions {
            if (one.worker, one.life, one.task_instance_id) == (worker, life, id) && one.end == End::None {
                one.end = end;
            }
        }
    }
}
