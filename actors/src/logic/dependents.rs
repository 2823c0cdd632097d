//! The waiting DEPENDENT tasks of this master: one look for all of them.
//!
//! Guarantees: a task is looked at when it begins, then every [`DEPENDENT_LOOK_INTERVAL`], and when a run of a workflow that it waits for ends here. What several
//! tasks ask is asked once, and what is asked goes to the database in few statements. It refuses to know what is asked and what follows from the answers.

use crate::limits::{DEPENDENT_LOOK_INTERVAL, DEPENDENT_QUESTIONS_PER_JOB_MAX, DEPENDENT_ROUNDS_MAX};
use crate::term::Term;
use orca_engine::logic::dependent::{Answers, Look, Question, Waiting};
use orca_schema::Error;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// What was found at the last look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// What is settled, for `t_ds_task_instance_context`.
    pub(crate) context: Option<String>,
    pub(crate) settled: usize,
    /// Whether the task has succeeded, once that is known.
    pub(crate) succeeded: Option<bool>,
}

/// Cheap to clone; one table.
#[derive(Clone, Default)]
pub(crate) struct Dependents {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    table: Mutex<Table>,
    wake: Notify,
}

#[derive(Default)]
struct Table {
    tasks: BTreeMap<i32, Task>,
    /// Tasks by the definition code of what they wait for.
    by_definition: BTreeMap<i64, BTreeSet<i32>>,
    /// To be looked at without waiting for the next look at all.
    due: BTreeSet<i32>,
}

struct Task {
    /// Gone while it is being looked at.
    waiting: Option<Waiting>,
    found: watch::Sender<Found>,
}

/// The place of one task; leaving it forgets the task.
pub(crate) struct Place {
    dependents: Dependents,
    task_instance_id: i32,
    codes: BTreeSet<i64>,
    found: watch::Receiver<Found>,
}

impl Place {
    /// Waits until more is known than was when this was asked last.
    pub(crate) async fn next(&mut self) -> Found {
        // The table drops the sender only when this place is left.
        let _ = self.found.changed().await;
        self.found.borrow_and_update().clone()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = self.dependents.lock();
        table.tasks.remove(&self.task_instance_id);
        table.due.remove(&self.task_instance_id);
        for code in &self.codes {
            if let Some(tasks) = table.by_definition.get_mut(code) {
                tasks.remove(&self.task_instance_id);
                if tasks.is_empty() {
                    table.by_definition.remove(code);
                }
            }
        }
    }
}

impl Dependents {
    pub(crate) fn wait(&self, task_instance_id: i32, waiting: Waiting) -> Place {
        let (sender, found) = watch::channel(Found::default());
        let codes: BTreeSet<i64> = waiting.watched().collect();
        let mut table = self.lock();
        for code in &codes {
            table
                .by_definition
                .entry(*code)
                .or_default()
                .insert(task_instance_id);
        }
        let task = Task {
            waiting: Some(waiting),
            found: sender,
        };
        table.tasks.insert(task_instance_id, task);
        table.due.insert(task_instance_id);
        drop(table);
        self.shared.wake.notify_one();
        Place {
            dependents: self.clone(),
            task_instance_id,
            codes,
            found,
        }
    }

    /// A run of this workflow has ended on this master.
    pub(crate) fn ended(&self, definition_code: i64) {
        let mut table = self.lock();
        let Some(tasks) = table.by_definition.get(&definition_code).cloned() else {
            return;
        };
        table.due.extend(tasks);
        drop(table);
        self.shared.wake.notify_one();
    }

    /// Looks until the term is over.
    pub(crate) async fn run(self, term: Arc<Term>) {
        let mut all_at = Instant::now() + DEPENDENT_LOOK_INTERVAL;
        loop {
            if self.lock().tasks.is_empty() {
                self.shared.wake.notified().await;
            } else {
                let _ = tokio::time::timeout_at(all_at, self.shared.wake.notified()).await;
            }
            let everybody = Instant::now() >= all_at;
            if everybody {
                all_at = Instant::now() + DEPENDENT_LOOK_INTERVAL;
            }
            let mut tasks = self.take(everybody);
            if let Err(error) = look(&term, &mut tasks).await {
                log::warn!("what dependent tasks wait for cannot be looked at; again soon: {error}");
            }
            self.put_back(tasks);
        }
    }

    fn take(&self, everybody: bool) -> Vec<(i32, Waiting, Option<Look>)> {
        let mut table = self.lock();
        let due = std::mem::take(&mut table.due);
        let mut taken = Vec::new();
        for (id, task) in &mut table.tasks {
            if everybody || due.contains(id) {
                taken.extend(task.waiting.take().map(|waiting| (*id, waiting, None)));
            }
        }
        taken
    }

    fn put_back(&self, tasks: Vec<(i32, Waiting, Option<Look>)>) {
        let mut table = self.lock();
        for (id, waiting, look) in tasks {
            let Some(task) = table.tasks.get_mut(&id) else {
                continue;
            };
            let succeeded = match look {
                Some(Look::Succeeded) => Some(true),
                Some(Look::Failed) => Some(false),
                Some(Look::Waiting | Look::Ask(_)) | None => None,
            };
            let settled = waiting.settled();
            task.found.send_if_modified(|found| {
                if found.settled == settled && found.succeeded == succeeded {
                    return false;
                }
                *found = Found {
                    context: waiting.context_text(),
                    settled,
                    succeeded,
                };
                true
            });
            task.waiting = Some(waiting);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.shared
            .table
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Asks until every task has its verdict. What one answer leads to is asked in the next round.
async fn look(term: &Term, tasks: &mut [(i32, Waiting, Option<Look>)]) -> Result<(), Error> {
    let mut answers = Answers::default();
    for _ in 0..DEPENDENT_ROUNDS_MAX {
        let mut asks = BTreeSet::new();
        let now = term.now();
        for (_, waiting, verdict) in &mut *tasks {
            if matches!(verdict, None | Some(Look::Ask(_))) {
                let look = waiting.look(&answers, now);
                if let Look::Ask(questions) = &look {
                    asks.extend(questions.iter().copied());
                }
                *verdict = Some(look);
            }
        }
        if asks.is_empty() {
            return Ok(());
        }
        let asks: Vec<Question> = asks.into_iter().collect();
        for part in asks.chunks(DEPENDENT_QUESTIONS_PER_JOB_MAX) {
            let part: BTreeSet<Question> = part.iter().copied().collect();
            let more = term.pool.run(move |store| store.answer(&part)).await?;
            answers.candidates.extend(more.candidates);
            answers.last_tasks.extend(more.last_tasks);
            answers.all_tasks.extend(more.all_tasks);
            answers.firsts.extend(more.firsts);
        }
    }
    Ok(())
}
