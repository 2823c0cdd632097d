//! Codes of projects, workflows and tasks in the shape of `CodeGenerateUtils`: milliseconds since a fixed day, five bits for the process, five for
//! a counter within the millisecond.

use orca_engine::time::Millis;
use std::sync::Mutex;

/// 2021-01-01 in UTC+8.
const FIRST_MILLIS: i64 = 1_609_430_400_000;
const PER_MILLI: i64 = 32;
const PROCESSES: u32 = 32;

struct Last {
    millis: i64,
    counter: i64,
}

static LAST: Mutex<Last> = Mutex::new(Last {
    millis: 0,
    counter: 0,
});

/// A code that this process has not given out before. `now` that lies behind the last one is brought up to it.
pub(crate) fn next_code(now: Millis) -> i64 {
    let mut last = LAST.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if now.0 > last.millis {
        *last = Last {
            millis: now.0,
            counter: 0,
        };
    } else if last.counter + 1 < PER_MILLI {
        last.counter += 1;
    } else {
        // The reference waits for the next millisecond; taking it in advance gives the same codes.
        *last = Last {
            millis: last.millis + 1,
            counter: 0,
        };
    }
    let process = i64::from(std::process::id() % PROCESSES);
    ((last.millis - FIRST_MILLIS) << 10) | (process << 5) | last.counter
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn never_gives_a_code_twice() {
        let now = Millis(1_800_000_000_000);
        let codes: BTreeSet<i64> = (0..1_000).map(|_| next_code(now)).collect();
        assert_eq!(codes.len(), 1_000);
        assert!(codes.iter().all(|code| *code > 0));
    }
}
