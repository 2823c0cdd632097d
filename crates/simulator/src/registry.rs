//! The virtual ZooKeeper: sessions that end when nothing was heard for their time-out, nodes that end with their session, locks in the order of asking.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// A process that has, or had, a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Member {
    Master(usize, u32),
    Worker(usize, u32),
}

/// One start of one server, as its heartbeat says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    pub startup_ms: i64,
    pub is_orca: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Master,
    Worker,
}

/// One node of a directory at one look; the number differs between two nodes that had the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub number: u64,
    pub process: Process,
}

/// Both directories and the order of the survivors, as one look sees them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    pub version: u64,
    pub masters: BTreeMap<String, Seen>,
    pub workers: BTreeMap<String, Seen>,
    pub order: Vec<String>,
}

struct Session {
    member: Member,
    last_heard_ms: u64,
}

struct Node {
    session: u64,
    seen: Seen,
}

#[derive(Clone, Debug)]
pub enum Ask {
    Connect,
    /// Makes the node in the order of the masters.
    Enter {
        session: u64,
    },
    Announce {
        session: u64,
        kind: Kind,
        address: String,
        process: Process,
    },
    /// Renews lease and session.
    Renew {
        session: u64,
        sent_at_ms: u64,
        announced: bool,
    },
    Lock {
        session: u64,
        address: String,
    },
    Unlock {
        session: u64,
        address: String,
    },
    Look {
        session: u64,
    },
    /// Ends the session; also what the crash guardian does for its dead master.
    Close {
        session: u64,
    },
}

#[derive(Clone, Debug)]
pub enum Answer {
    Connected(u64),
    Entered(String),
    Announced,
    Renewed { sent_at_ms: u64 },
    Locked(String),
    Unlocked,
    Looked(Arc<Picture>),
    Closed,
    Expired(u64),
}

pub struct Registry {
    timeout_ms: u64,
    sessions: BTreeMap<u64, Session>,
    masters: BTreeMap<String, Node>,
    workers: BTreeMap<String, Node>,
    order: BTreeMap<String, u64>,
    /// Waiting sessions with whom to tell, the holder first.
    locks: BTreeMap<String, VecDeque<(u64, u64)>>,
    next: u64,
    pub picture: Arc<Picture>,
}

/// What the world has to do after the registry has worked.
#[derive(Default)]
pub struct Work {
    pub answers: Vec<(Member, u64, Answer)>,
    /// The directories have changed: whoever watches is told.
    pub changed: bool,
    /// Worker nodes that went, by name.
    pub workers_gone: Vec<String>,
    pub masters_gone: Vec<String>,
}

impl Registry {
    #[must_use]
    pub fn new(timeout_ms: u64) -> Self {
        Self {
            timeout_ms,
            sessions: BTreeMap::new(),
            masters: BTreeMap::new(),
            workers: BTreeMap::new(),
            order: BTreeMap::new(),
            locks: BTreeMap::new(),
            next: 0,
            picture: Arc::default(),
        }
    }

    /// Whether this session has not ended.
    #[must_use]
    pub fn has_session(&self, session: u64) -> bool {
        self.sessions.contains_key(&session)
    }

    pub fn watchers(&self) -> impl Iterator<Item = Member> {
        self.sessions.values().map(|session| session.member)
    }

    pub fn ask(&mut self, from: Member, call: u64, ask: Ask, now_ms: u64) -> Work {
        let mut work = Work::default();
        let session = match &ask {
            Ask::Connect => None,
            Ask::Enter { session }
            | Ask::Announce { session, .. }
            | Ask::Renew { session, .. }
            | Ask::Lock { session, .. }
            | Ask::Unlock { session, .. }
            | Ask::Look { session }
            | Ask::Close { session } => Some(*session),
        };
        if let Some(id) = session {
            match self.sessions.get_mut(&id) {
                Some(known) => known.last_heard_ms = now_ms,
                None => {
                    work.answers.push((from, call, Answer::Expired(id)));
                    return work;
                }
            }
        }
        let answer = self.work(from, call, ask, now_ms, &mut work);
        if let Some(answer) = answer {
            work.answers.push((from, call, answer));
        }
        self.look_again(&mut work);
        work
    }

    fn work(&mut self, from: Member, call: u64, ask: Ask, now_ms: u64, work: &mut Work) -> Option<Answer> {
        self.next += 1;
        let number = self.next;
        Some(match ask {
            Ask::Connect => {
                let session = Session {
                    member: from,
                    last_heard_ms: now_ms,
                };
                self.sessions.insert(number, session);
                Answer::Connected(number)
            }
            Ask::Enter { session } => {
                let name = format!("m-{number:010}");
                self.order.insert(name.clone(), session);
                Answer::Entered(name)
            }
            Ask::Announce {
                session,
                kind,
                address,
                process,
            } => {
                // A node of an earlier process at this address gives way.
                let seen = Seen { number, process };
                let replaced = self
                    .directory(kind)
                    .insert(address.clone(), Node { session, seen });
                if replaced.is_some() && kind == Kind::Worker {
                    work.workers_gone.push(address);
                }
                Answer::Announced
            }
            Ask::Renew {
                session,
                sent_at_ms,
                announced,
            } => {
                // Whoever finds its node gone ends its session.
                if announced && !self.has_node(session) {
                    self.end(session, work);
                    return Some(Answer::Expired(session));
                }
                Answer::Renewed { sent_at_ms }
            }
            Ask::Lock { session, address } => {
                let queue = self.locks.entry(address.clone()).or_default();
                if !queue.iter().any(|(waiting, _)| *waiting == session) {
                    queue.push_back((session, call));
                }
                if queue.front().is_none_or(|(holder, _)| *holder != session) {
                    return None;
                }
                Answer::Locked(address)
            }
            Ask::Unlock { session, address } => {
                self.leave_lock(&address, session, work);
                Answer::Unlocked
            }
            Ask::Look { .. } => Answer::Looked(Arc::clone(&self.picture)),
            Ask::Close { session } => {
                self.end(session, work);
                Answer::Closed
            }
        })
    }

    fn has_node(&self, session: u64) -> bool {
        self.masters
            .values()
            .chain(self.workers.values())
            .any(|node| node.session == session)
    }

    fn directory(&mut self, kind: Kind) -> &mut BTreeMap<String, Node> {
        match kind {
            Kind::Master => &mut self.masters,
            Kind::Worker => &mut self.workers,
        }
    }

    fn leave_lock(&mut self, address: &str, session: u64, work: &mut Work) {
        let Some(queue) = self.locks.get_mut(address) else {
            return;
        };
        let held = queue.front().is_some_and(|(holder, _)| *holder == session);
        queue.retain(|(waiting, _)| *waiting != session);
        if let Some((next, call)) = queue.front().copied().filter(|_| held)
            && let Some(known) = self.sessions.get(&next)
        {
            work.answers
                .push((known.member, call, Answer::Locked(address.to_owned())));
        }
    }

    fn end(&mut self, session: u64, work: &mut Work) {
        self.sessions.remove(&session);
        self.order.retain(|_, owner| *owner != session);
        for (directory, gone) in [
            (&mut self.masters, &mut work.masters_gone),
            (&mut self.workers, &mut work.workers_gone),
        ] {
            directory.retain(|address, node| {
                let keep = node.session != session;
                if !keep {
                    gone.push(address.clone());
                }
                keep
            });
        }
        let addresses: Vec<String> = self.locks.keys().cloned().collect();
        for address in addresses {
            self.leave_lock(&address, session, work);
        }
    }

    fn look_again(&mut self, work: &mut Work) {
        let seen = |directory: &BTreeMap<String, Node>| {
            directory
                .iter()
                .map(|(name, node)| (name.clone(), node.seen.clone()))
                .collect()
        };
        let picture = Picture {
            version: self.picture.version,
            masters: seen(&self.masters),
            workers: seen(&self.workers),
            order: self.order.keys().cloned().collect(),
        };
        if picture != *self.picture {
            self.picture = Arc::new(Picture {
                version: picture.version + 1,
                ..picture
            });
            work.changed = true;
        }
    }

    /// Sessions that were silent for too long end.
    pub fn tick(&mut self, now_ms: u64) -> Work {
        let mut work = Work::default();
        let over: Vec<u64> = self
            .sessions
            .iter()
            .filter(|(_, session)| now_ms >= session.last_heard_ms + self.timeout_ms)
            .map(|(id, _)| *id)
            .collect();
        for id in over {
            self.end(id, &mut work);
        }
        self.look_again(&mut work);
        work
    }

    /// A fault: the server ends this member's session now.
    pub fn expire(&mut self, member: Member) -> Work {
        let mut work = Work::default();
        let theirs: Vec<u64> = self
            .sessions
            .iter()
            .filter(|(_, session)| session.member == member)
            .map(|(id, _)| *id)
            .collect();
        for id in theirs {
            self.end(id, &mut work);
        }
        self.look_again(&mut work);
        work
    }
}
