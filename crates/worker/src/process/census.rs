//! Who is alive: a look at `/proc` for the members of a process group and the bearers of a mark.
//!
//! Zombies do not count: they hold nothing and run nothing, and where process 1 does not reap they stay for ever.

use super::token::{TaskToken, WorkerToken};
use crate::limits;
use rustix::process::{Pid, Signal};
use std::fs::{self, File};
use std::io::Read;

/// What identifies the processes of one task.
#[derive(Clone, Debug)]
pub(super) struct Family {
    pub(super) group: Pid,
    pub(super) token: TaskToken,
}

impl Family {
    /// The living processes of the family: the group, and whoever left it but bears the mark.
    pub(super) fn living(&self) -> Vec<Pid> {
        let entry = self.token.entry();
        living_processes()
            .filter(|process| {
                process.group == self.group.as_raw_nonzero().get()
                    || bears(process.id, |e| e == entry.as_bytes())
            })
            .map(|process| process.id)
            .collect()
    }
}

/// Kills what a former start of this worker left behind, if that worker and its guard both died unexpectedly.
/// Answers how many processes were killed.
pub fn kill_leftovers(worker: &WorkerToken) -> usize {
    let (ours, any) = (worker.entry_prefix(), worker.address_prefix());
    let left: Vec<Pid> = living_processes()
        .map(|process| process.id)
        .filter(|id| {
            bears(*id, |entry| {
                entry.starts_with(any.as_bytes()) && !entry.starts_with(ours.as_bytes())
            })
        })
        .collect();
    kill_each(&left)
}

/// Kills every process that bears the mark of this start of the worker.
pub(super) fn kill_bearers(worker: &WorkerToken) -> usize {
    let prefix = worker.entry_prefix();
    let left: Vec<Pid> = living_processes()
        .map(|process| process.id)
        .filter(|id| bears(*id, |entry| entry.starts_with(prefix.as_bytes())))
        .collect();
    kill_each(&left)
}

fn kill_each(processes: &[Pid]) -> usize {
    processes
        .iter()
        .filter(|id| rustix::process::kill_process(**id, Signal::KILL).is_ok())
        .count()
}

struct Process {
    id: Pid,
    group: i32,
}

fn living_processes() -> impl Iterator<Item = Process> {
    let own = std::process::id();
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(move |id| *id != own)
        .filter_map(look_at)
}

fn look_at(id: u32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (state, group) = state_and_group(&stat)?;
    if matches!(state, 'Z' | 'X') {
        return None;
    }
    Some(Process {
        id: Pid::from_raw(i32::try_from(id).ok()?)?,
        group,
    })
}

/// `id (name) state parent group ...`; the name may hold blanks and parentheses, so the last `)` counts.
fn state_and_group(stat: &str) -> Option<(char, i32)> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    let group = fields.nth(1)?.parse().ok()?;
    Some((state, group))
}

/// Whether an entry of the environment the process was started with fits. Other users' processes cannot be read;
/// they are not ours.
fn bears(id: Pid, fits: impl Fn(&[u8]) -> bool) -> bool {
    let mut environment = Vec::new();
    let Ok(file) = File::open(format!("/proc/{}/environ", id.as_raw_nonzero())) else {
        return false;
    };
    if file
        .take(limits::ENVIRONMENT_LEN_MAX)
        .read_to_end(&mut environment)
        .is_err()
    {
        return false;
    }
    environment.split(|byte| *byte == 0).any(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_name_with_blanks_and_parentheses_does_not_shift_the_fields() {
        assert_eq!(state_and_group("12 (a) b (c)) S 1 77 77 0"), Some(('S', 77)));
        assert_eq!(state_and_group("12 (x) Z 1 9"), Some(('Z', 9)));
        assert_eq!(state_and_group("12 broken"), None);
        assert_eq!(state_and_group(""), None);
    }
}
