//! What the end of a process means for the task.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

/// Why the worker ended a process, if it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// Somebody asked for it.
    Killed,
    /// The task ran longer than its time-out.
    TimedOut,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Succeeded,
    Failed,
    Killed,
}

/// SIGKILL and SIGTERM as a shell reports them (`TaskConstants.EXIT_CODE_KILL`, `EXIT_CODE_HARD_KILL`).
const KILL_EXIT_CODES: [i32; 2] = [137, 143];

/// The exit code as a shell would show it: 128 and the signal for a process that a signal ended.
#[must_use]
pub fn exit_code(status: ExitStatus) -> i32 {
    status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal))
        .unwrap_or(-1)
}

/// The rule: what the worker stopped is what it stopped it for, whatever code the process chose to leave with; else 0
/// succeeds, the two kill codes mean killed (somebody else's kill), and everything else fails.
#[must_use]
pub fn outcome(exit_code: i32, stopped: Option<Stopped>) -> Outcome {
    match stopped {
        Some(Stopped::Killed) => Outcome::Killed,
        Some(Stopped::TimedOut) => Outcome::Failed,
        None if exit_code == 0 => Outcome::Succeeded,
        None if KILL_EXIT_CODES.contains(&exit_code) => Outcome::Killed,
        None => Outcome::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_of_the_worker_goes_before_the_code_of_the_process() {
        for code in [0, 1, 130, 137, 143] {
            assert_eq!(outcome(code, Some(Stopped::Killed)), Outcome::Killed);
            assert_eq!(outcome(code, Some(Stopped::TimedOut)), Outcome::Failed);
        }
    }

    #[test]
    fn codes_of_a_process_that_ended_by_itself() {
        let table = [
            (0, Outcome::Succeeded),
            (1, Outcome::Failed),
            (127, Outcome::Failed),
            (130, Outcome::Failed),
        ];
        for (code, expected) in table {
            assert_eq!(outcome(code, None), expected, "{code}");
        }
        assert_eq!(outcome(137, None), Outcome::Killed);
        assert_eq!(outcome(143, None), Outcome::Killed);
    }

    #[test]
    fn a_signal_counts_as_128_and_its_number() {
        assert_eq!(exit_code(ExitStatus::from_raw(9)), 137);
        assert_eq!(exit_code(ExitStatus::from_raw(3 << 8)), 3);
    }
}
