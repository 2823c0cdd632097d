//! The virtual database: rows, row locks, transactions that stay open between two messages, and what goes wrong with them.
//!
//! Guarantees the semantics of the named transactions of `orca_schema` (a test holds the two against each other): a body sees committed rows and its
//! locks, what it writes is seen after its COMMIT, and a transaction that is idle for too long is rolled back. What it refuses to know: masters.

mod bodies;
mod changes;
mod children;
mod queues;
mod reads;
mod tables;

pub use bodies::{Body, Output};
pub use changes::Changes;
pub use children::{Children, Started};
pub use queues::{Place, Settled, Turn};
pub use reads::{Batch, Read, Rows};
pub use tables::{OwnedRow, Tables};

use crate::limits::{IDLE_TRANSACTION_MS, LOCK_WAIT_MS};
use orca_engine::time::Millis;
use std::collections::BTreeMap;

/// The client at the other end: index and life of a master process.
pub type Client = (usize, u32);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lock {
    Master(String),
    Command(i32),
    Instance(i32),
    Group(i32),
    Place(i32),
    /// The serial queue of a definition.
    Queue(i64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Shared,
    Exclusive,
}

pub type Locks = Vec<(Lock, Mode)>;

#[derive(Clone, Debug)]
pub enum Ask {
    Read(Read),
    /// Locks, checks and writes; everything but the COMMIT.
    Begin(Body),
    Commit(u64),
    Rollback(u64),
}

/// Why there is no answer of the wanted kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("the database cannot be reached")]
    Unreachable,
    #[error("lock wait timeout exceeded")]
    LockWait,
    #[error("this master is not active")]
    NotActive,
    #[error("the connection was lost")]
    Lost,
}

#[derive(Clone, Debug)]
pub enum Answer {
    Rows(Rows),
    /// Ready to commit, with what will be true then.
    Prepared(u64, Output),
    Committed(Output),
    RolledBack,
}

pub type Answered = Result<Answer, Fault>;

struct Open {
    client: Client,
    locks: Locks,
    changes: Changes,
    output: Output,
    last_heard_ms: u64,
}

/// A body that waits for a lock.
struct Waiting {
    client: Client,
    call: u64,
    body: Body,
    since_ms: u64,
}

#[derive(Default)]
pub struct Store {
    pub tables: Tables,
    open: BTreeMap<u64, Open>,
    waiting: Vec<Waiting>,
    next_transaction: u64,
    pub down_until_ms: u64,
}

/// What the world has to do after the store has worked.
#[derive(Default)]
pub struct Work {
    pub answers: Vec<(Client, u64, Answered)>,
    /// Committed changes in their order, with the body's result: for the checkers.
    pub committed: Vec<(Client, Changes, Output)>,
}

impl Store {
    /// The database's own clock.
    fn wall(now_ms: u64) -> Millis {
        crate::clock::wall(now_ms, 0)
    }

    pub fn ask(&mut self, client: Client, call: u64, ask: Ask, now_ms: u64) -> Work {
        let mut work = Work::default();
        if now_ms < self.down_until_ms {
            let fault = if matches!(ask, Ask::Commit(_)) {
                Fault::Lost
            } else {
                Fault::Unreachable
            };
            work.answers.push((client, call, Err(fault)));
            return work;
        }
        match ask {
            Ask::Read(read) => {
                let rows = read.run(&self.tables);
                work.answers.push((client, call, Ok(Answer::Rows(rows))));
            }
            Ask::Begin(body) => {
                let waiting = Waiting {
                    client,
                    call,
                    body,
                    since_ms: now_ms,
                };
                if let Some(waiting) = self.try_begin(waiting, now_ms, &mut work) {
                    self.waiting.push(waiting);
                }
            }
            Ask::Commit(id) => self.commit(client, call, id, now_ms, &mut work),
            Ask::Rollback(id) => {
                self.open.remove(&id);
                self.retry_waiting(now_ms, &mut work);
                work.answers.push((client, call, Ok(Answer::RolledBack)));
            }
        }
        work
    }

    fn commit(&mut self, client: Client, call: u64, id: u64, now_ms: u64, work: &mut Work) {
        let Some(open) = self.open.remove(&id) else {
            work.answers.push((client, call, Err(Fault::Lost)));
            return;
        };
        self.tables.apply(&open.changes);
        work.answers
            .push((client, call, Ok(Answer::Committed(open.output.clone()))));
        work.committed.push((open.client, open.changes, open.output));
        self.retry_waiting(now_ms, work);
    }

    /// `None` when the body has run; itself when a lock is held by another transaction.
    fn try_begin(&mut self, waiting: Waiting, now_ms: u64, work: &mut Work) -> Option<Waiting> {
        let locks = waiting.body.locks(&self.tables);
        if self.is_blocked(&locks) {
            return Some(waiting);
        }
        let Waiting {
            client, call, body, ..
        } = waiting;
        match body.run(&mut self.tables, Self::wall(now_ms)) {
            Ok((changes, output)) => {
                self.next_transaction += 1;
                let id = self.next_transaction;
                work.answers
                    .push((client, call, Ok(Answer::Prepared(id, output.clone()))));
                let open = Open {
                    client,
                    locks,
                    changes,
                    output,
                    last_heard_ms: now_ms,
                };
                self.open.insert(id, open);
            }
            Err(fault) => work.answers.push((client, call, Err(fault))),
        }
        None
    }

    fn is_blocked(&self, wanted: &Locks) -> bool {
        let conflicts = |(lock, mode): &(Lock, Mode), (held, held_mode): &(Lock, Mode)| {
            lock == held && (*mode == Mode::Exclusive || *held_mode == Mode::Exclusive)
        };
        self.open
            .values()
            .flat_map(|open| &open.locks)
            .any(|held| wanted.iter().any(|lock| conflicts(lock, held)))
    }

    fn retry_waiting(&mut self, now_ms: u64, work: &mut Work) {
        for waiting in std::mem::take(&mut self.waiting) {
            if let Some(still) = self.try_begin(waiting, now_ms, work) {
                self.waiting.push(still);
            }
        }
    }

    /// Whether [`Self::tick`] has something to look at.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        !self.open.is_empty() || !self.waiting.is_empty()
    }

    /// Lock waits and idle transactions that are over.
    pub fn tick(&mut self, now_ms: u64) -> Work {
        let mut work = Work::default();
        let before = self.open.len();
        self.open
            .retain(|_, open| now_ms < open.last_heard_ms + IDLE_TRANSACTION_MS);
        if self.open.len() < before {
            self.retry_waiting(now_ms, &mut work);
        }
        let (over, waiting): (Vec<Waiting>, Vec<Waiting>) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|one| now_ms >= one.since_ms + LOCK_WAIT_MS);
        self.waiting = waiting;
        work.answers.extend(
            over.into_iter()
                .map(|one| (one.client, one.call, Err(Fault::LockWait))),
        );
        work
    }

    /// The process at the other end is gone, and the server has noticed.
    pub fn connection_lost(&mut self, client: Client, now_ms: u64) -> Work {
        let mut work = Work::default();
        self.open.retain(|_, open| open.client != client);
        self.waiting.retain(|one| one.client != client);
        self.retry_waiting(now_ms, &mut work);
        work
    }

    /// A restart: what was not committed is gone, and so are all connections.
    pub fn restart(&mut self, back_at_ms: u64) -> Work {
        let mut work = Work::default();
        self.down_until_ms = back_at_ms;
        self.open.clear();
        let waiting = std::mem::take(&mut self.waiting);
        work.answers.extend(
            waiting
                .into_iter()
                .map(|one| (one.client, one.call, Err(Fault::Lost))),
        );
        work
    }
}
