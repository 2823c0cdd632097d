//! The right to act.
//!
//! A [`Lease`] holds from an acknowledged renewal until half a session time-out after that renewal was *sent*. The registry removes a silent
//! session a whole time-out after it last heard from it, so whoever sees our node gone can be sure that we had stopped before. Once found to be
//! over, a lease is over for good, even if a late acknowledgement arrives; a new session brings a new lease.
//!
//! Only the [`LeaseKeeper`] can renew, and the registry keeps it to itself.

use crate::clock::{Clock, SystemClock};
use crate::limits;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// Not renewed yet.
const NOT_STARTED: u64 = 0;
/// Over for good.
const OVER: u64 = u64::MAX;

struct Shared {
    /// Nanoseconds on `clock`, or one of the two marks above.
    deadline_ns: AtomicU64,
    ended: Notify,
    clock: Arc<dyn Clock>,
}

/// Asks whether this process may act. Cheap to clone and to ask (one clock reading).
#[derive(Clone)]
pub struct Lease {
    shared: Arc<Shared>,
}

/// Renews one lease.
pub struct LeaseKeeper {
    shared: Arc<Shared>,
}

impl Lease {
    /// May this process act at this moment? Ask directly before a COMMIT and before each effect that leaves the process.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.shared.remaining_ns() > 0
    }

    /// How long the lease holds unless it is renewed. Zero when it does not.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        Duration::from_nanos(self.shared.remaining_ns())
    }

    /// Was it over at some moment? False before the first renewal.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.shared.remaining_ns();
        self.shared.deadline_ns.load(Ordering::Acquire) == OVER
    }

    /// Waits until the lease is over. Needs a tokio runtime with time; may be awaited by many.
    pub async fn lost(&self) {
        loop {
            let ended = self.shared.ended.notified();
            if self.is_over() {
                return;
            }
            // A timer does not count suspension, so it is never trusted for long.
            let nap = self
                .remaining()
                .clamp(limits::LEASE_CHECK_MIN, limits::LEASE_CHECK_MAX);
            let _ = tokio::time::timeout(nap, ended).await;
        }
    }
}

impl LeaseKeeper {
    /// A lease that nobody has renewed yet.
    #[must_use]
    pub fn new() -> (Self, Lease) {
        Self::with_clock(Arc::new(SystemClock))
    }

    /// The same on another clock: for tests and for simulated time.
    #[must_use]
    pub fn with_clock(clock: Arc<dyn Clock>) -> (Self, Lease) {
        let shared = Arc::new(Shared {
            deadline_ns: AtomicU64::new(NOT_STARTED),
            ended: Notify::new(),
            clock,
        });
        (
            Self {
                shared: Arc::clone(&shared),
            },
            Lease { shared },
        )
    }

    /// The time to note before a renewal is sent.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.shared.clock.now()
    }

    /// A renewal sent at `sent_at` was acknowledged: the lease holds until `valid_for` after it was sent. False when the lease was over before the
    /// acknowledgement came; it then stays over.
    pub fn renew(&self, sent_at: Duration, valid_for: Duration) -> bool {
        self.shared.renew(as_ns(sent_at.saturating_add(valid_for)))
    }

    /// Is there nothing left to renew?
    pub(crate) fn is_over(&self) -> bool {
        self.shared.remaining_ns();
        self.shared.deadline_ns.load(Ordering::Acquire) == OVER
    }

    /// Ends the lease: the session is gone, the node is somebody else's, or the process is stopping.
    pub fn revoke(&self) {
        self.shared.end(None);
    }
}

impl Shared {
    /// Nanoseconds left. Marks the lease as over when it has run out.
    fn remaining_ns(&self) -> u64 {
        loop {
            let deadline = self.deadline_ns.load(Ordering::Acquire);
            if deadline == NOT_STARTED || deadline == OVER {
                return 0;
            }
            let left = deadline.saturating_sub(as_ns(self.clock.now()));
            if left > 0 {
                return left;
            }
            self.end(Some(deadline));
        }
    }

    fn renew(&self, until: u64) -> bool {
        loop {
            let now = as_ns(self.clock.now());
            let deadline = self.deadline_ns.load(Ordering::Acquire);
            if deadline == OVER {
                return false;
            }
            if deadline != NOT_STARTED && deadline <= now {
                self.end(Some(deadline));
                continue;
            }
            if until <= deadline {
                return true;
            }
            if until <= now {
                // The acknowledgement took longer than the lease: it renews nothing.
                return deadline != NOT_STARTED;
            }
            let stored =
                self.deadline_ns
                    .compare_exchange(deadline, until, Ordering::AcqRel, Ordering::Acquire);
            if stored.is_ok() {
                return true;
            }
        }
    }

    /// Marks the lease as over, if its deadline still is the one that was seen (`None`: whatever it is).
    fn end(&self, seen: Option<u64>) {
        let ended = match seen {
            Some(seen) => self
                .deadline_ns
                .compare_exchange(seen, OVER, Ordering::AcqRel, Ordering::Acquire)
                .is_ok(),
            None => self.deadline_ns.swap(OVER, Ordering::AcqRel) != OVER,
        };
        if ended {
            self.ended.notify_waiters();
        }
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("remaining", &self.remaining())
            .finish()
    }
}

impl fmt::Debug for LeaseKeeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeaseKeeper").finish_non_exhaustive()
    }
}

/// Nanoseconds below the marks: 584 years of uptime fit.
fn as_ns(time: Duration) -> u64 {
    u64::try_from(time.as_nanos())
        .unwrap_or(OVER)
        .clamp(NOT_STARTED + 1, OVER - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    struct ManualClock(Mutex<Duration>);

    impl Clock for ManualClock {
        fn now(&self) -> Duration {
            *self.0.lock().unwrap()
        }
    }

    fn lease() -> (Arc<ManualClock>, LeaseKeeper, Lease) {
        let clock = Arc::new(ManualClock(Mutex::new(Duration::from_secs(100))));
        let (keeper, lease) = LeaseKeeper::with_clock(Arc::clone(&clock) as Arc<dyn Clock>);
        (clock, keeper, lease)
    }

    fn advance(clock: &ManualClock, by_ms: u64) {
        *clock.0.lock().unwrap() += Duration::from_millis(by_ms);
    }

    const HALF: Duration = Duration::from_millis(500);

    #[test]
    fn a_lease_holds_from_its_first_renewal_only() {
        let (_clock, keeper, lease) = lease();
        assert!(!lease.holds());
        assert!(!lease.is_over());
        assert!(keeper.renew(keeper.now(), HALF));
        assert!(lease.holds());
        assert_eq!(lease.remaining(), HALF);
    }

    #[test]
    fn validity_counts_from_the_sending_and_not_from_the_answer() {
        let (clock, keeper, lease) = lease();
        let sent_at = keeper.now();
        advance(&clock, 400);
        assert!(keeper.renew(sent_at, HALF));
        assert_eq!(lease.remaining(), Duration::from_millis(100));
        advance(&clock, 100);
        assert!(!lease.holds());
    }

    #[test]
    fn a_lease_that_ran_out_never_comes_back() {
        let (clock, keeper, lease) = lease();
        assert!(keeper.renew(keeper.now(), HALF));
        let sent_at = keeper.now();
        advance(&clock, 500);
        // The answer to a renewal sent in time arrives too late, and nobody had looked in between.
        assert!(!keeper.renew(sent_at + Duration::from_millis(400), HALF));
        assert!(lease.is_over());
        assert!(!keeper.renew(keeper.now(), HALF));
        assert!(!lease.holds());
    }

    #[test]
    fn an_answer_slower_than_the_lease_starts_nothing() {
        let (clock, keeper, lease) = lease();
        let sent_at = keeper.now();
        advance(&clock, 500);
        assert!(!keeper.renew(sent_at, HALF));
        assert!(!lease.holds());
        assert!(
            keeper.renew(keeper.now(), HALF),
            "a quicker answer may still start it"
        );
    }

    #[test]
    fn answers_out_of_order_never_shorten_a_lease() {
        let (clock, keeper, lease) = lease();
        let first = keeper.now();
        advance(&clock, 100);
        let second = keeper.now();
        assert!(keeper.renew(second, HALF));
        assert!(keeper.renew(first, HALF));
        assert_eq!(lease.remaining(), HALF);
    }

    #[tokio::test]
    async fn everyone_who_waits_learns_of_the_revocation() {
        let (_clock, keeper, lease) = lease();
        assert!(keeper.renew(keeper.now(), HALF));
        let waiters: Vec<_> = (0..3)
            .map(|_| {
                let lease = lease.clone();
                tokio::spawn(async move { lease.lost().await })
            })
            .collect();
        keeper.revoke();
        for waiter in waiters {
            waiter.await.unwrap();
        }
        assert!(!keeper.renew(keeper.now(), HALF));
    }

    #[tokio::test]
    async fn the_loss_is_noticed_without_a_renewal_or_a_question() {
        let (clock, keeper, lease) = lease();
        assert!(keeper.renew(keeper.now(), HALF));
        let waiter = {
            let lease = lease.clone();
            tokio::spawn(async move { lease.lost().await })
        };
        advance(&clock, 500);
        waiter.await.unwrap();
        assert!(lease.is_over());
    }

    #[test]
    fn the_system_clock_goes_forward() {
        let clock = SystemClock;
        let first = clock.now();
        assert!(first > Duration::ZERO);
        assert!(clock.now() >= first);
    }
}
