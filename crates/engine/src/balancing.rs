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

#[cfg(test)]
mod tests {
    use super::*;

    fn arcs(names: &[&str]) -> Vec<Arc<str>> {
        names.iter().map(|name| Arc::from(*name)).collect()
    }

    fn load(host_weight: i32, usage: f64) -> WorkerLoad {
        WorkerLoad {
            host_weight,
            cpu_usage: usage,
            memory_usage: usage,
            thread_pool_usage: usage,
        }
    }

    fn balancer(kind: BalancerKind, loads: &[(&str, WorkerLoad)]) -> Balancer {
        let mut balancer = Balancer::new(kind, DynamicWeights::default());
        for (address, load) in loads {
            balancer.worker_added(&Arc::from(*address), load);
        }
        balancer
    }

    fn picks(balancer: &mut Balancer, candidates: &[Arc<str>], count: usize) -> String {
        (0..count)
            .map(|_| balancer.pick(candidates, 0).unwrap().to_string())
            .collect()
    }

    #[test]
    fn random_takes_the_number_it_is_given() {
        let mut balancer = balancer(BalancerKind::Random, &[]);
        let candidates = arcs(&["a", "b", "c"]);
        let chosen: Vec<_> = [0, 1, 2, 3, u64::MAX]
            .map(|one| balancer.pick(&candidates, one).unwrap())
            .to_vec();
        assert_eq!(chosen, arcs(&["a", "b", "c", "a", "a"]));
    }

    #[test]
    fn round_robin_has_one_counter_for_all_groups() {
        let mut balancer = balancer(BalancerKind::RoundRobin, &[]);
        assert_eq!(picks(&mut balancer, &arcs(&["a", "b"]), 3), "aba");
        assert_eq!(picks(&mut balancer, &arcs(&["x", "y", "z"]), 2), "xy");
        assert_eq!(balancer.pick(&[], 0), None);
        assert_eq!(
            picks(&mut balancer, &arcs(&["a", "b"]), 1),
            "b",
            "nothing to choose from is no pick"
        );
        balancer.counter = u64::from(u32::MAX >> 1);
        assert_eq!(picks(&mut balancer, &arcs(&["a", "b"]), 3), "bab", "past 2^31");
    }

    #[test]
    fn fixed_weights_are_those_of_the_first_heartbeat() {
        let loads = [("1", load(1, 0.0)), ("2", load(2, 0.0)), ("3", load(3, 0.0))];
        let candidates = arcs(&["1", "2", "3"]);
        let mut first = balancer(BalancerKind::FixedWeightedRoundRobin, &loads);
        let expected = picks(&mut first, &candidates, 60);
        let share = |one: char| expected.chars().filter(|other| *other == one).count();
        assert_eq!((share('1'), share('2'), share('3')), (10, 20, 30), "{expected}");
        assert!(expected.starts_with("323231"), "{expected}");
        let mut updated = balancer(BalancerKind::FixedWeightedRoundRobin, &loads);
        updated.worker_updated(&candidates[0], &load(100, 0.0));
        assert_eq!(picks(&mut updated, &candidates, 60), expected);
    }

    #[test]
    fn dynamic_weights_follow_each_heartbeat() {
        let mut balancer = balancer(
            BalancerKind::DynamicWeightedRoundRobin,
            &[("a", load(1, 0.0)), ("b", load(1, 1.0))],
        );
        assert_eq!(balancer.servers[&*Arc::<str>::from("a")].weight, 100.0);
        let idle = balancer.servers["b"].weight;
        assert!((66.6..66.7).contains(&idle), "{idle}");
        let candidates = arcs(&["a", "b"]);
        let chosen = picks(&mut balancer, &candidates, 50);
        assert_eq!(chosen.matches('a').count(), 30, "{chosen}");
        balancer.worker_updated(&candidates[1], &load(1, 0.0));
        assert_eq!(
            balancer.servers["b"],
            Weighted {
                weight: 100.0,
                current: 0.0
            }
        );
    }

    #[test]
    fn strangers_and_leavers_are_never_chosen() {
        let mut balancer = balancer(
            BalancerKind::FixedWeightedRoundRobin,
            &[("a", load(1, 0.0)), ("b", load(1, 0.0))],
        );
        let candidates = arcs(&["a", "b", "stranger"]);
        balancer.worker_removed("a");
        assert_eq!(picks(&mut balancer, &candidates, 4), "bbbb");
        balancer.worker_removed("b");
        assert_eq!(balancer.pick(&candidates, 0), None);
    }

    #[test]
    fn weights_that_make_no_sense_do_not_hang() {
        for (kind, odd) in [
            (BalancerKind::FixedWeightedRoundRobin, load(i32::MIN, 0.0)),
            (BalancerKind::FixedWeightedRoundRobin, load(0, 0.0)),
            (BalancerKind::DynamicWeightedRoundRobin, load(1, f64::NAN)),
            (BalancerKind::DynamicWeightedRoundRobin, load(1, f64::INFINITY)),
        ] {
            let mut alone = balancer(kind, &[("a", odd)]);
            assert_eq!(picks(&mut alone, &arcs(&["a"]), 3), "aaa");
            let mut both = balancer(kind, &[("a", odd), ("b", load(5, 0.0))]);
            assert_eq!(picks(&mut both, &arcs(&["a", "b"]), 3), "bbb");
        }
    }

    #[test]
    fn dynamic_weights_are_checked() {
        let weights = |memory_usage, cpu_usage, task_thread_pool_usage| DynamicWeights {
            memory_usage,
            cpu_usage,
            task_thread_pool_usage,
        };
        assert_eq!(DynamicWeights::default().validate(), Ok(()));
        assert_eq!(
            weights(-1, 61, 40).validate(),
            Err(WeightError::Negative { weight: -1 })
        );
        assert_eq!(weights(30, 30, 30).validate(), Err(WeightError::Sum { sum: 90 }));
        assert_eq!(
            weights(i32::MAX, i32::MAX, 0).validate(),
            Err(WeightError::Sum { sum: 4_294_967_294 })
        );
    }

    proptest::proptest! {
        /// Over whole rounds each worker gets exactly its share.
        #[test]
        fn shares_are_the_weights(weights in proptest::collection::vec(0..50_i32, 1..6)) {
            let names: Vec<Arc<str>> = (0..weights.len()).map(|index| Arc::from(index.to_string())).collect();
            let mut balancer = Balancer::new(BalancerKind::FixedWeightedRoundRobin, DynamicWeights::default());
            for (name, weight) in names.iter().zip(&weights) {
                balancer.worker_added(name, &load(*weight, 0.0));
            }
            let total: i32 = weights.iter().sum();
            proptest::prop_assume!(total > 0);
            let rounds = 40;
            let mut counts = vec![0; weights.len()];
            for _ in 0..total * rounds {
                let chosen = balancer.pick(&names, 0).unwrap();
                counts[names.iter().position(|name| *name == chosen).unwrap()] += 1;
            }
            for (count, weight) in counts.iter().zip(&weights) {
                let fair = weight * rounds;
                proptest::prop_assert!((count - fair).abs() <= total.max(6), "{counts:?} for {weights:?}");
            }
        }

        #[test]
        fn any_load_gives_a_choice(usages in proptest::collection::vec(proptest::num::f64::ANY, 1..8), count in 1..50_usize) {
            let names: Vec<Arc<str>> = (0..usages.len()).map(|index| Arc::from(index.to_string())).collect();
            let mut balancer = Balancer::new(BalancerKind::default(), DynamicWeights::default());
            for (name, usage) in names.iter().zip(&usages) {
                balancer.worker_added(name, &load(1, *usage));
            }
            for _ in 0..count {
                proptest::prop_assert!(balancer.pick(&names, 0).is_some());
            }
        }
    }
}
