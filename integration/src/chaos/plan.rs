//! Which faults happen when. Pure: the same seed gives the same plan.

use std::fmt;
use std::time::Duration;

pub(crate) const MASTERS: usize = 3;
pub(crate) const WORKERS: usize = 3;

/// What the servers are told; "short" and "long" faults are measured by it.
pub(crate) const SESSION_TIMEOUT: Duration = Duration::from_secs(6);
/// Faults begin within this time of a cycle.
const FAULT_WINDOW_MS: u64 = 30_000;
const FAULTS_MIN: u64 = 6;
const FAULTS_MAX: u64 = 14;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Server {
    Master(usize),
    Worker(usize),
    Registry,
    Database,
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Master(index) => write!(f, "master-{index}"),
            Self::Worker(index) => write!(f, "worker-{index}"),
            Self::Registry => f.write_str("zookeeper"),
            Self::Database => f.write_str("mariadb"),
        }
    }
}

/// Which packets a cut drops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    Both,
    /// Only from the first server to the second.
    There,
    /// Only from the second to the first.
    Back,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// SIGKILL; started again at the end of the fault.
    Kill(Server),
    /// SIGKILL of a master and of its guardian at once: nobody tells the registry.
    KillWithGuardian(usize),
    /// SIGSTOP; SIGCONT at the end of the fault.
    Freeze(Server),
    /// Packets between the server and each of the others.
    Cut(Server, Vec<Server>, Way),
    /// SIGTERM; started again when it is gone.
    Restart(Server),
    /// SIGTERM and a new start, one master after the other.
    RestartAllMasters,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) at: Duration,
    pub(crate) lasts: Duration,
    pub(crate) act: Act,
}

impl Fault {
    fn ends(&self) -> Duration {
        self.at + self.lasts
    }

    /// Longer than the session, so that the others must act.
    pub(crate) fn is_long(&self) -> bool {
        self.lasts > SESSION_TIMEOUT
    }

    /// The name under which it is counted.
    pub(crate) fn kind(&self) -> String {
        let length = if self.is_long() { "long" } else { "short" };
        match &self.act {
            Act::Kill(server) => format!("kill -9 {}", class(*server)),
            Act::KillWithGuardian(_) => "kill -9 master and guardian".to_owned(),
            Act::Freeze(server) => format!("freeze {}, {length}", class(*server)),
            Act::Cut(server, others, way) => {
                let to = others.first().map_or("nobody", |other| class(*other));
                let oneway = if *way == Way::Both { "" } else { ", one way" };
                format!("cut {} from {to}, {length}{oneway}", class(*server))
            }
            Act::Restart(server) => format!("restart {}", class(*server)),
            Act::RestartAllMasters => "rolling restart of masters".to_owned(),
        }
    }

    /// Whether two faults may not be under way at the same time: both act on the same process or the same links.
    fn collides(&self, other: &Self) -> bool {
        let apart = self.ends() < other.at || other.ends() < self.at;
        !apart
            && self
                .targets()
                .iter()
                .any(|target| other.targets().contains(target))
    }

    fn targets(&self) -> Vec<(&'static str, Server)> {
        match &self.act {
            Act::Kill(server) | Act::Freeze(server) | Act::Restart(server) => vec![("process", *server)],
            Act::KillWithGuardian(index) => vec![("process", Server::Master(*index))],
            Act::Cut(server, _, _) => vec![("links", *server)],
            Act::RestartAllMasters => (0..MASTERS)
                .map(|index| ("process", Server::Master(index)))
                .collect(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:5.1} s ", self.at.as_secs_f64())?;
        match &self.act {
            Act::Kill(server) => write!(f, "kill -9 {server}")?,
            Act::KillWithGuardian(index) => write!(f, "kill -9 {} and its guardian", Server::Master(*index))?,
            Act::Freeze(server) => write!(f, "freeze {server}")?,
            Act::Cut(server, others, way) => {
                let arrow = match way {
                    Way::Both => "<->",
                    Way::There => "->",
                    Way::Back => "<-",
                };
                let others: Vec<String> = others.iter().map(ToString::to_string).collect();
                write!(f, "cut {server} {arrow} {}", others.join(", "))?;
            }
            Act::Restart(server) => write!(f, "restart {server}")?,
            Act::RestartAllMasters => f.write_str("restart all masters, one after the other")?,
        }
        write!(f, " for {:.1} s", self.lasts.as_secs_f64())
    }
}

fn class(server: Server) -> &'static str {
    match server {
        Server::Master(_) => "master",
        Server::Worker(_) => "worker",
        Server::Registry => "ZooKeeper",
        Server::Database => "MariaDB",
    }
}

/// SplitMix64: enough for plans, and the same on every machine.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From `low` to `high`, both possible.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low + 1)
    }

    /// Below `len`, which is small.
    pub(crate) fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.next() % len.max(1) as u64).unwrap_or(0)
    }
}

/// The faults of one cycle in the order of their beginnings.
pub(crate) fn cycle(seed: u64, number: u64) -> Vec<Fault> {
    let mut dice = Dice::new(seed ^ number.wrapping_mul(0xd6e8_feb8_6659_fd93));
    let wanted = dice.between(FAULTS_MIN, FAULTS_MAX);
    let mut faults: Vec<Fault> = Vec::new();
    for _ in 0..wanted {
        let fault = fault(&mut dice);
        if !faults.iter().any(|other| other.collides(&fault)) {
            faults.push(fault);
        }
    }
    faults.sort_by_key(|fault| fault.at);
    faults
}

fn fault(dice: &mut Dice) -> Fault {
    let at = Duration::from_millis(dice.between(2_000, FAULT_WINDOW_MS));
    let session_ms = u64::try_from(SESSION_TIMEOUT.as_millis()).unwrap_or(u64::MAX);
    let short = Duration::from_millis(dice.between(300, session_ms / 2));
    let long = Duration::from_millis(session_ms + dice.between(1_000, session_ms));
    let either = if dice.between(0, 1) == 0 { short } else { long };
    let master = Server::Master(dice.index(MASTERS));
    let worker = Server::Worker(dice.index(WORKERS));
    let way = match dice.between(0, 3) {
        0 => Way::There,
        1 => Way::Back,
        _ => Way::Both,
    };
    let workers: Vec<Server> = match dice.between(0, 1) {
        0 => vec![worker],
        _ => (0..WORKERS).map(Server::Worker).collect(),
    };
    let (lasts, act) = match dice.between(0, 19) {
        0..=2 => (short, Act::Kill(master)),
        3..=4 => (either, Act::KillWithGuardian(dice.index(MASTERS))),
        5..=6 => (short, Act::Kill(worker)),
        7..=8 => (either, Act::Freeze(master)),
        9 => (either, Act::Freeze(worker)),
        10..=11 => (either, Act::Cut(master, vec![Server::Registry], way)),
        12 => (either, Act::Cut(master, vec![Server::Database], way)),
        13 => (either, Act::Cut(master, workers, way)),
        14 => (either, Act::Cut(worker, vec![Server::Registry], way)),
        15 => (short, Act::Kill(Server::Database)),
        16 => (short, Act::Kill(Server::Registry)),
        17 => (short, Act::Restart(Server::Database)),
        18 => (short, Act::Restart(worker)),
        _ => (long, Act::RestartAllMasters),
    };
    Fault { at, lasts, act }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_seed_is_a_plan() {
        assert_eq!(cycle(7, 3), cycle(7, 3));
        assert_ne!(cycle(7, 3), cycle(7, 4));
        assert_ne!(cycle(7, 3), cycle(8, 3));
    }

    #[test]
    fn no_two_faults_of_a_cycle_are_under_way_on_the_same_process_or_links() {
        for number in 0..500 {
            let faults = cycle(1, number);
            assert!(!faults.is_empty());
            for (index, fault) in faults.iter().enumerate() {
                assert!(
                    faults[index + 1..].iter().all(|other| !fault.collides(other)),
                    "{fault} in cycle {number}"
                );
            }
        }
    }

    #[test]
    fn every_kind_of_fault_comes_up() {
        let kinds: BTreeSet<String> = (0..500)
            .flat_map(|number| cycle(1, number))
            .map(|fault| fault.kind())
            .collect();
        for kind in [
            "kill -9 master",
            "kill -9 master and guardian",
            "kill -9 worker",
            "kill -9 MariaDB",
            "kill -9 ZooKeeper",
            "freeze master, short",
            "freeze master, long",
            "freeze worker, long",
            "cut master from ZooKeeper, long",
            "cut master from ZooKeeper, long, one way",
            "cut master from MariaDB, short",
            "cut master from worker, long",
            "cut worker from ZooKeeper, long",
            "restart MariaDB",
            "restart worker",
            "rolling restart of masters",
        ] {
            assert!(kinds.contains(kind), "{kind} never came up in {kinds:?}");
        }
    }
}
