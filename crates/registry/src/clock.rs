//! The clock leases are measured on. It goes on while the machine is suspended, and no setting of the wall clock moves it.

use std::time::Duration;

/// Time since an arbitrary start, the same start for every reading of one clock.
pub trait Clock: Send + Sync + 'static {
    fn now(&self) -> Duration;
}

/// `CLOCK_BOOTTIME`: unlike the clock behind `Instant` it counts the time a machine was suspended, so that a lease cannot outlive a sleep.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[inline]
    fn now(&self) -> Duration {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        // Neither part is negative: the clock starts at zero and its fraction is below one second.
        Duration::new(
            time.tv_sec.unsigned_abs(),
            u32::try_from(time.tv_nsec).unwrap_or(0),
        )
    }
}
