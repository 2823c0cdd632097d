//! The guard: a small process that outlives the worker by a moment and ends what the worker left running.
//!
//! It holds the reading end of a pipe whose writing end only the worker holds. When the worker is gone, however it
//! went (`kill -9` of its whole process group included, for the guard has a group of its own), the pipe ends; the
//! guard then kills every group it was told of and every process that bears the worker's mark, looks again until it
//! finds nobody, and ends. It is a plain shell script: no second program has to be installed or found.

use super::census;
use super::token::WorkerToken;
use crate::limits;
use rustix::process::Pid;
use std::collections::BTreeSet;
use std::io;
use std::process::Stdio;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;

/// `$1` is the mark. `+ group` adds a group, `- group` drops one, the end of the input starts the sweep.
const SCRIPT: &str = r#"
trap '' HUP INT TERM
groups=' '
while read -r change group; do
  case $change in
    +) groups="$groups$group " ;;
    -) case $groups in *" $group "*) groups="${groups%% $group *} ${groups#* $group }" ;; esac ;;
  esac
done
round=0
quiet=0
while [ "$round" -lt 100 ] && [ "$quiet" -lt 3 ]; do
  round=$((round + 1))
  quiet=$((quiet + 1))
  for group in $groups; do
    kill -KILL "-$group" 2>/dev/null && quiet=0
  done
  for file in $(grep -lsF -- "$1" /proc/[0-9]*/environ 2>/dev/null); do
    process=${file#/proc/}
    kill -KILL "${process%/environ}" 2>/dev/null && quiet=0
  done
  sleep 0.05
done
"#;

/// Tells the guard about groups. Cheap to clone; never blocks.
#[derive(Clone)]
pub struct GuardHandle {
    changes: mpsc::Sender<Change>,
}

/// The running guard and the task that keeps it running.
pub struct Guard {
    handle: GuardHandle,
    keeper: tokio::task::JoinHandle<()>,
    worker: WorkerToken,
}

enum Change {
    Watch(Pid),
    Forget(Pid),
    Stop,
    #[cfg(test)]
    TellProcess(tokio::sync::oneshot::Sender<Pid>),
}

impl Guard {
    /// Starts the guard. A worker without one must not run tasks, so a failure here is a failure to start.
    pub fn start(worker: WorkerToken) -> io::Result<Self> {
        let (changes, receiver) = mpsc::channel(limits::GUARD_QUEUE_LEN_MAX);
        let process = GuardProcess::start(&worker)?;
        let keeper = tokio::spawn(keep(process, worker.clone(), receiver));
        Ok(Self {
            handle: GuardHandle { changes },
            keeper,
            worker,
        })
    }

    #[must_use]
    pub fn handle(&self) -> GuardHandle {
        self.handle.clone()
    }

    /// Only ends the guard's input, as the death of the worker would, and waits for the guard.
    #[cfg(test)]
    pub(super) async fn abandon(self) {
        let _ = self.handle.changes.send(Change::Stop).await;
        let _ = self.keeper.await;
    }

    #[cfg(test)]
    pub(super) async fn process_id(&self) -> Pid {
        let (answer, process) = tokio::sync::oneshot::channel();
        assert!(
            self.handle
                .changes
                .send(Change::TellProcess(answer))
                .await
                .is_ok()
        );
        process.await.unwrap()
    }

    /// Ends every process of this worker, then the guard.
    pub async fn stop(self) {
        for _ in 0..limits::KILL_ROUNDS_MAX {
            if census::kill_bearers(&self.worker) == 0 {
                break;
            }
            tokio::time::sleep(limits::KILL_ROUND_PAUSE).await;
        }
        let _ = self.handle.changes.send(Change::Stop).await;
        let _ = tokio::time::timeout(limits::GUARD_END_WAIT, self.keeper).await;
    }
}

impl GuardHandle {
    pub(super) fn watch(&self, group: Pid) {
        // A full queue loses the group but not the mark, which finds the same processes.
        let _ = self.changes.try_send(Change::Watch(group));
    }

    pub(super) fn forget(&self, group: Pid) {
        if self.changes.try_send(Change::Forget(group)).is_err() {
            log::warn!(
                "the task guard does not keep up; group {} stays on its list",
                group.as_raw_nonzero()
            );
        }
    }
}

struct GuardProcess {
    child: Child,
    input: ChildStdin,
}

impl GuardProcess {
    fn start(worker: &WorkerToken) -> io::Result<Self> {
        let mut child = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "task-guard", &worker.entry_prefix()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        let input = child
            .stdin
            .take()
            .ok_or_else(|| io::Error::other("the guard has no input"))?;
        Ok(Self { child, input })
    }

    async fn tell(&mut self, sign: char, group: Pid) -> io::Result<()> {
        self.input
            .write_all(format!("{sign} {}\n", group.as_raw_nonzero()).as_bytes())
            .await
    }
}

/// Passes changes on, and starts the guard again when somebody killed it.
async fn keep(mut process: GuardProcess, worker: WorkerToken, mut changes: mpsc::Receiver<Change>) {
    let mut groups = BTreeSet::new();
    let mut restarts = 0;
    loop {
        let told = tokio::select! {
            change = changes.recv() => match change {
                None | Some(Change::Stop) => break,
                Some(Change::Watch(group)) => {
                    groups.insert(group.as_raw_nonzero());
                    process.tell('+', group).await
                }
                Some(Change::Forget(group)) => {
                    groups.remove(&group.as_raw_nonzero());
                    process.tell('-', group).await
                }
                #[cfg(test)]
                Some(Change::TellProcess(answer)) => {
                    let id = process.child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
                    if let Some(id) = id {
                        let _ = answer.send(id);
                    }
                    Ok(())
                }
            },
            status = process.child.wait() => Err(io::Error::other(format!("it ended: {status:?}"))),
        };
        let Err(error) = told else { continue };
        restarts += 1;
        if restarts > limits::GUARD_RESTARTS_MAX {
            log::error!("the task guard died {restarts} times and is not started again: {error}");
            return;
        }
        log::warn!("the task guard is gone and is started again: {error}");
        match restart(&worker, &groups).await {
            Ok(started) => process = started,
            Err(error) => {
                log::error!(
                    "the task guard cannot be started, tasks may outlive a crash of this worker: {error}"
                );
                return;
            }
        }
    }
    let GuardProcess { mut child, input } = process;
    drop(input);
    let _ = child.wait().await;
}

async fn restart(worker: &WorkerToken, groups: &BTreeSet<std::num::NonZeroI32>) -> io::Result<GuardProcess> {
    let mut process = GuardProcess::start(worker)?;
    for group in groups {
        if let Some(group) = Pid::from_raw(group.get()) {
            process.tell('+', group).await?;
        }
    }
    Ok(process)
}
