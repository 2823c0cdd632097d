//! What was seen from outside: runs of tasks, workers in the registry, task rows. The checks judge by this alone, never by what a master says of itself.

use std::collections::BTreeMap;

/// Microseconds since the Unix epoch. Everything runs on one machine, so one clock.
pub(crate) type Micros = i64;

/// How a run said that it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Success,
    /// On purpose, so that it is tried again.
    Failure,
}

/// One real run of a task's script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) worker_pid: u32,
    pub(crate) pid: u32,
    pub(crate) started: Micros,
    pub(crate) ended: Option<(Ending, Micros)>,
    /// When its process was first seen to be gone.
    pub(crate) gone: Option<Micros>,
}

impl Run {
    /// The moment after which it does nothing any more, if that was seen.
    pub(crate) fn over(&self) -> Option<Micros> {
        self.ended.map(|(_, at)| at).or(self.gone)
    }
}

/// First and last time a node was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) first: Micros,
    pub(crate) last: Micros,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Evidence {
    /// By task instance id.
    pub(crate) runs: BTreeMap<i32, Vec<Run>>,
    /// Registered workers by process id.
    pub(crate) registered: BTreeMap<u32, Seen>,
    /// When each task row was first seen.
    pub(crate) rows: BTreeMap<i32, Micros>,
    /// Lines that no task could have written so.
    pub(crate) unreadable: Vec<String>,
}

impl Evidence {
    /// Takes in one line of a task.
    pub(crate) fn line(&mut self, line: &str) {
        if self.take_line(line).is_none() {
            self.unreadable.push(line.to_owned());
        }
    }

    fn take_line(&mut self, line: &str) -> Option<()> {
        let mut words = line.split_whitespace();
        let word = words.next()?;
        let id: i32 = words.next()?.parse().ok()?;
        let worker_pid: u32 = words.next()?.parse().ok()?;
        let pid: u32 = words.next()?.parse().ok()?;
        let at = micros(words.next()?)?;
        let runs = self.runs.entry(id).or_default();
        let ending = match word {
            "start" => {
                runs.push(Run {
                    worker_pid,
                    pid,
                    started: at,
                    ended: None,
                    gone: None,
                });
                return Some(());
            }
            "end" => Ending::Success,
            "fail" => Ending::Failure,
            _ => return None,
        };
        let run = runs.iter_mut().rev().find(|run| run.pid == pid)?;
        run.ended = Some((ending, at));
        Some(())
    }

    /// Processes that have started and are not known to have ended.
    pub(crate) fn living(&self) -> Vec<(i32, u32)> {
        let runs = self
            .runs
            .iter()
            .flat_map(|(id, runs)| runs.iter().map(|run| (*id, run)));
        runs.filter(|(_, run)| run.over().is_none())
            .map(|(id, run)| (id, run.pid))
            .collect()
    }

    pub(crate) fn process_gone(&mut self, task_instance_id: i32, pid: u32, at: Micros) {
        for run in self.runs.get_mut(&task_instance_id).into_iter().flatten() {
            if run.pid == pid && run.gone.is_none() {
                run.gone = Some(at);
            }
        }
    }

    pub(crate) fn worker_seen(&mut self, pid: u32, at: Micros) {
        let seen = self.registered.entry(pid).or_insert(Seen { first: at, last: at });
        seen.last = at;
    }

    /// Whether that worker was certainly registered at that time: seen before and after.
    pub(crate) fn was_registered(&self, pid: u32, at: Micros) -> bool {
        self.registered
            .get(&pid)
            .is_some_and(|seen| seen.first <= at && at <= seen.last)
    }
}

/// `$EPOCHREALTIME`: seconds, a point, six digits.
fn micros(text: &str) -> Option<Micros> {
    let (seconds, fraction) = text.split_once(['.', ','])?;
    let (seconds, fraction): (i64, i64) = (seconds.parse().ok()?, fraction.parse().ok()?);
    Some(seconds * 1_000_000 + fraction)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn lines_become_runs() {
        let mut evidence = Evidence::default();
        evidence.line("start 7 100 200 1700000000.000001");
        assert_eq!(evidence.living(), [(7, 200)]);
        evidence.line("fail 7 100 200 1700000001.500000");
        assert!(evidence.living().is_empty());
        let run = &evidence.runs[&7][0];
        assert_eq!(run.started, 1_700_000_000_000_001);
        assert_eq!(run.over().unwrap() - run.started, 1_499_999);
        for wrong in [
            "wrong 7 100 200 1700000000.000001",
            "end 8 100 200 1700000000.000001",
            "start 7",
        ] {
            evidence.line(wrong);
        }
        assert_eq!(evidence.unreadable.len(), 3);
    }

    #[test]
    fn registered_means_seen_before_and_after() {
        let mut evidence = Evidence::default();
        evidence.worker_seen(5, 10);
        evidence.worker_seen(5, 20);
        assert!(evidence.was_registered(5, 10) && evidence.was_registered(5, 20));
        assert!(
            !evidence.was_registered(5, 9)
                && !evidence.was_registered(5, 21)
                && !evidence.was_registered(6, 15)
        );
    }
}
