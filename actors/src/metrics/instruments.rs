//! Counter, gauge, histogram, and a bounded number of any of them by label values.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};

/// The maximum of a histogram forgets what is older than this, at the latest after twice the time.
const MAX_WINDOW: Duration = Duration::from_secs(60);
/// What takes the place of label values when there are too many series.
const OTHER: &str = "other";

#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, by: u64) {
        self.0.fetch_add(by, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The last value.
#[derive(Debug, Default)]
pub(crate) struct Gauge(AtomicU64);

impl Gauge {
    pub(crate) fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }
}

/// Count, sum and recent maximum, and with bounds the number of values up to each of them.
#[derive(Debug)]
pub(crate) struct Histogram {
    bounds: &'static [f64],
    state: Mutex<State>,
}

#[derive(Clone, Debug)]
struct State {
    /// Values up to each bound and above the one before.
    buckets: Vec<u64>,
    count: u64,
    sum: f64,
    window: Instant,
    max: f64,
    max_before: f64,
}

/// A moment of a histogram.
pub(crate) struct Snapshot {
    /// The upper bound of each bucket, with the number of all values up to it.
    pub(crate) cumulative: Vec<(f64, u64)>,
    pub(crate) count: u64,
    pub(crate) sum: f64,
    pub(crate) max: f64,
}

impl Histogram {
    /// `bounds` in ascending order; without any there are no buckets.
    pub(crate) fn new(bounds: &'static [f64]) -> Self {
        let state = State {
            buckets: vec![0; bounds.len()],
            count: 0,
            sum: 0.0,
            window: Instant::now(),
            max: 0.0,
            max_before: 0.0,
        };
        Self {
            bounds,
            state: Mutex::new(state),
        }
    }

    pub(crate) fn observe(&self, took: Duration) {
        self.record(took.as_secs_f64());
    }

    pub(crate) fn record(&self, value: f64) {
        self.state(|state| {
            if let Some(bucket) = self.bounds.iter().position(|bound| value <= *bound) {
                state.buckets[bucket] += 1;
            }
            state.count += 1;
            state.sum += value;
            state.roll(Instant::now());
            state.max = state.max.max(value);
        });
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let state = self.state(|state| {
            state.roll(Instant::now());
            state.clone()
        });
        let mut total = 0;
        let cumulative = self.bounds.iter().zip(&state.buckets).map(|(bound, count)| {
            total += count;
            (*bound, total)
        });
        Snapshot {
            cumulative: cumulative.collect(),
            count: state.count,
            sum: state.sum,
            max: state.max.max(state.max_before),
        }
    }

    fn state<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
    }
}

impl State {
    fn roll(&mut self, now: Instant) {
        let age = now.saturating_duration_since(self.window);
        if age < MAX_WINDOW {
            return;
        }
        self.max_before = if age < MAX_WINDOW * 2 { self.max } else { 0.0 };
        self.max = 0.0;
        self.window = now;
    }
}

/// One instrument for each set of label values; beyond the limit the last instrument, "other", takes the rest.
pub(crate) struct Labelled<T> {
    series: RwLock<BTreeMap<Vec<String>, Arc<T>>>,
    series_max: usize,
    make: fn() -> T,
}

impl<T> std::fmt::Debug for Labelled<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Labelled")
            .field("series_max", &self.series_max)
            .finish_non_exhaustive()
    }
}

impl<T> Labelled<T> {
    pub(crate) fn new(series_max: usize, make: fn() -> T) -> Self {
        Self {
            series: RwLock::default(),
            series_max,
            make,
        }
    }

    pub(crate) fn with(&self, labels: &[&str], record: impl FnOnce(&T)) {
        let key: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        let known = self
            .series
            .read()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .get(&key)
            .cloned();
        match known {
            Some(instrument) => record(&instrument),
            None => record(&self.add(key)),
        }
    }

    fn add(&self, mut key: Vec<String>) -> Arc<T> {
        let mut series = self
            .series
            .write()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        if series.len() >= self.series_max && !series.contains_key(&key) {
            key = vec![OTHER.to_owned(); key.len()];
        }
        series
            .entry(key)
            .or_insert_with(|| Arc::new((self.make)()))
            .clone()
    }

    /// In the order of the labels.
    pub(crate) fn each(&self, mut show: impl FnMut(&[String], &T)) {
        for (labels, instrument) in self
            .series
            .read()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .iter()
        {
            show(labels, instrument);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_counts_up_to_each_bound() {
        let histogram = Histogram::new(&[0.1, 1.0]);
        for value in [0.05, 0.1, 0.5, 7.0] {
            histogram.record(value);
        }
        let shown = histogram.snapshot();
        assert_eq!(
            (shown.cumulative, shown.count, shown.max),
            (vec![(0.1, 2), (1.0, 3)], 4, 7.0)
        );
        assert!((shown.sum - 7.65).abs() < 1e-9);
    }

    #[test]
    fn the_maximum_is_a_recent_one() {
        let start = Instant::now();
        let mut state = State {
            buckets: vec![],
            count: 1,
            sum: 5.0,
            window: start,
            max: 5.0,
            max_before: 0.0,
        };
        state.roll(start + MAX_WINDOW / 2);
        assert_eq!((state.max, state.max_before), (5.0, 0.0));
        state.roll(start + MAX_WINDOW);
        assert_eq!((state.max, state.max_before), (0.0, 5.0));
        state.max = 2.0;
        state.roll(start + MAX_WINDOW * 4);
        assert_eq!((state.max, state.max_before), (0.0, 0.0));
    }

    #[test]
    fn series_are_bounded() {
        let counters = Labelled::new(2, Counter::default);
        for name in ["a", "b", "c", "d", "a"] {
            counters.with(&[name, "x"], |counter| counter.add(1));
        }
        let mut shown = Vec::new();
        counters.each(|labels, counter| shown.push((labels.join("/"), counter.get())));
        let expected = [("a/x", 2), ("b/x", 1), ("other/other", 2)];
        assert_eq!(shown, expected.map(|(name, count)| (name.to_owned(), count)));
    }
}
