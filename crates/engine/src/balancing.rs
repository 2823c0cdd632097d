//! Which candidate takes the next task: the four load balancers of `master.worker-load-balancer-configuration-properties`.
//!
//! Guarantees: the choices of the reference for the same heartbeats and the same order of calls, without its overflow
//! after 2^31 picks. Randomness comes in with each pick. Refuses to know groups and states: the caller brings candidates.

use std::collections::BTreeMap;
use std::sync::Arc;

/// `WorkerLoadBalancerType`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BalancerKind {
    Random,
    RoundRobin,
    FixedWeightedRoundRobin,
    /// What the shipped configuration chooses.
    #[default]
    DynamicWeightedRoundRobin,
}

/// How much each load counts for the dynamic weight (`DynamicWeightConfigProperties`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DynamicWeights {
    pub memory_usage: i32,
    pub cpu_usage: i32,
    pub task_thread_pool_usage: i32,
}

impl Default for DynamicWeights {
    fn default() -> Self {
        Self {
            memory_usage: 30,
            cpu_usage: 30,
            task_thread_pool_usage: 40,
        }
    }
}

/// Why dynamic weights are refused at start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WeightError {
    #[error("a dynamic weight of the worker load balancer is negative: {weight}")]
    Negative { weight: i32 },
    #[error("the dynamic weights of the worker load balancer must sum to 100, they sum to {sum}")]
    Sum { sum: i64 },
}

impl DynamicWeights {
    pub fn validate(&self) -> Result<(), WeightError> {
        let weights = [self.memory_usage, self.cpu_usage, self.task_thread_pool_usage];
        if let Some(weight) = weights.into_iter().find(|weight| *weight < 0) {
            return Err(WeightError::Negative { weight });
        }
        let sum: i64 = weights.into_iter().map(i64::from).sum();
        if sum == 100 {
            Ok(())
        } else {
            Err(WeightError::Sum { sum })
        }
    }
}

/// What a worker's heartbeat says about its load; usages are 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WorkerLoad {
    pub host_weight: i32,
    pub cpu_usage: f64,
    pub memory_usage: f64,
    pub thread_pool_usage: f64,
}

/// One per master, shared by all worker groups, counter included.
#[derive(Clone, Debug)]
pub struct Balancer {
    kind: BalancerKind,
    weights: DynamicWeights,
    /// Picks of `RoundRobin`, visits of the weighted kinds.
    counter: u64,
    servers: BTreeMap<Arc<str>, Weighted>,
}

/// A worker's standing in the smooth weighted scheme.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Weighted {
    weight: f64,
    current: f64,
}

impl Balancer {
    #[must_use]
    pub fn new(kind: BalancerKind, weights: DynamicWeights) -> Self {
        Self {
            kind,
            weights,
            counter: 0,
            servers: BTreeMap::new(),
        }
    }

    #[must_use]
    pub fn kind(&self) -> BalancerKind {
        self.kind
    }

    /// A worker has registered.
    pub fn worker_added(&mut self, address: &Arc<str>, load: &WorkerLoad) {
        let weight = match self.kind {
            BalancerKind::Random | BalancerKind::RoundRobin => return,
            BalancerKind::FixedWeightedRoundRobin => f64::from(load.host_weight),
            BalancerKind::DynamicWeightedRoundRobin => self.dynamic_weight(load),
        };
        // A weight that is no number, or below zero, would keep the scheme from ever reaching its total.
        let weight = if weight.is_finite() { weight.max(0.0) } else { 0.0 };
        self.servers
            .insert(Arc::clone(address), Weighted { weight, current: 0.0 });
    }

    /// A later heartbeat. The dynamic kind weighs anew and forgets the standing; the fixed kind keeps what it saw first.
    pub fn worker_updated(&mut self, address: &Arc<str>, load: &WorkerLoad) {
        if self.kind == BalancerKind::DynamicWeightedRoundRobin {
            self.worker_added(address, load);
        }
    }

    /// A worker has left.
    pub fn worker_removed(&mut self, address: &str) {
        self.servers.remove(address);
    }

    /// Choose one of `candidates`. `random` is a fresh uniform number, used by the random kind only.
    pub fn pick(&mut self, candidates: &[Arc<str>], random: u64) -> Option<Arc<str>> {
        match self.kind {
            BalancerKind::Random => at(candidates, random),
            BalancerKind::RoundRobin => {
                let chosen = at(candidates, self.counter)?;
                self.counter = self.counter.wrapping_add(1);
                Some(chosen)
            }
            BalancerKind::FixedWeightedRoundRobin | BalancerKind::DynamicWeightedRoundRobin => {
                self.pick_weighted(candidates)
            }
        }
    }

    /// Visit the candidates in turn; each visit adds the weight to the standing, and whoever reaches the sum of all
    /// weights pays it and is chosen. Weights are finite and not negative, so the heaviest gets there within as many
    /// rounds as there are candidates; the bound is only a guard against rounding.
    fn pick_weighted(&mut self, candidates: &[Arc<str>]) -> Option<Arc<str>> {
        let known: Vec<&Arc<str>> = candidates
            .iter()
            .filter(|one| self.servers.contains_key(*one))
            .collect();
        let total = compensated_sum(
            known
                .iter()
                .filter_map(|one| self.servers.get(*one))
                .map(|one| one.weight),
        );
        let count = known.len() as u64;
        let visits_max = count.saturating_mul(count.saturating_add(2));
        let mut last = None;
        for _ in 0..visits_max {
            self.counter = self.counter.wrapping_add(1);
            let address = *known.get(usize::try_from(self.counter % count).ok()?)?;
            let server = self.servers.get_mut(address)?;
            server.current += server.weight;
            if server.current >= total {
                server.current -= total;
                return Some(Arc::clone(address));
            }
            last = Some(address);
        }
        last.map(Arc::clone)
    }

    fn dynamic_weight(&self, load: &WorkerLoad) -> f64 {
        let weights = &self.weights;
        100.0
            - (f64::from(weights.cpu_usage) * load.cpu_usage
                + f64::from(weights.memory_usage) * load.memory_usage
                + f64::from(weights.task_thread_pool_usage) * load.thread_pool_usage)
                / 3.0
    }
}

fn at(candidates: &[Arc<str>], number: u64) -> Option<Arc<str>> {
    let index = number.checked_rem(candidates.len() as u64)?;
    candidates.get(usize::try_from(index).ok()?).map(Arc::clone)
}

/// A sum with Kahan's compensation, as `DoubleStream.sum` computes it: a plain sum may differ in the last bit, and with it
/// the round in which a standing reaches the total.
fn compensated_sum(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut compensation) = (0.0_f64, 0.0_f64);
    for value in values {
        let corrected = value - compensation;
        let next = sum + corrected;
        compensation = (next - sum) - corrected;
        sum = next;
    }
    sum - compensation
}
