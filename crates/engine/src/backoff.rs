//! How long an attempt that found no worker waits, and when it has waited too long (`WorkerGroupDispatcher`).

use crate::time::Millis;

pub const BACKOFF_STEP_MS: i64 = 1_000;
/// The longest wait: a worker that comes back is used within a minute.
pub const BACKOFF_MAX_MS: i64 = 60_000;

/// The wait before the next try, after `failures` tries: one second for each, from one second to one minute.
#[must_use]
pub fn dispatch_backoff_ms(failures: u32) -> i64 {
    i64::from(failures)
        .saturating_mul(BACKOFF_STEP_MS)
        .clamp(BACKOFF_STEP_MS, BACKOFF_MAX_MS)
}

/// Whether an attempt whose context was built at `first_dispatch_time` has been tried for longer than the dispatch policy
/// allows. `None`: the policy is off. Asked only after a try has failed.
#[must_use]
pub fn dispatch_timed_out(first_dispatch_time: Millis, now: Millis, max_ms: Option<i64>) -> bool {
    max_ms.is_some_and(|max_ms| now.since(first_dispatch_time) > max_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_a_second_per_failure_up_to_a_minute() {
        let waits: Vec<i64> = [0, 1, 2, 59, 60, 61, u32::MAX].map(dispatch_backoff_ms).to_vec();
        assert_eq!(waits, [1_000, 1_000, 2_000, 59_000, 60_000, 60_000, 60_000]);
    }

    #[test]
    fn times_out_only_beyond_the_policy() {
        let (start, hour) = (Millis(1_000), Some(3_600_000));
        assert!(
            !dispatch_timed_out(start, Millis(3_601_000), hour),
            "exactly the limit is not beyond it"
        );
        assert!(dispatch_timed_out(start, Millis(3_601_001), hour));
        assert!(!dispatch_timed_out(start, Millis(i64::MAX), None));
    }
}
