//! Three observers that no fault reaches: the lines and processes of tasks, the registry's workers, the rows of the database.

use super::evidence::{Evidence, Micros};
use super::recovery::Recoveries;
use super::rows::Rows;
use orca_integration::harness::{Deadline, Error, until};
use orca_registry::{Registry, RegistrySettings, SessionState, ZookeeperSettings, paths};
use serde::Deserialize;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// Within this time an observer has looked again, also on a busy machine.
const LOOK_SECONDS: u64 = 60;
/// Longer than every outage of a plan, so that the observer's own session outlives them.
const OBSERVER_SESSION: Duration = Duration::from_secs(60);

#[derive(Default)]
struct Shared {
    evidence: Mutex<Evidence>,
    recoveries: Mutex<Recoveries>,
    /// Looks at lines and at rows that are complete.
    line_looks: AtomicU64,
    row_looks: AtomicU64,
    is_over: AtomicBool,
}

pub(crate) struct Observers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

pub(crate) fn now() -> Micros {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        Micros::try_from(since.as_micros()).unwrap_or(Micros::MAX)
    })
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Observers {
    pub(crate) fn start(lines: &Path, connect_string: &str, database_url: &str) -> Self {
        let shared = Arc::new(Shared::default());
        let (tasks, members, rows) = (Arc::clone(&shared), Arc::clone(&shared), Arc::clone(&shared));
        let (lines, connect, url) = (
            lines.to_owned(),
            connect_string.to_owned(),
            database_url.to_owned(),
        );
        let threads = vec![
            std::thread::spawn(move || watch_tasks(&tasks, lines)),
            std::thread::spawn(move || watch_workers(&members, &connect)),
            std::thread::spawn(move || watch_rows(&rows, &url)),
        ];
        Self { shared, threads }
    }

    /// Everything that had happened when this was asked.
    pub(crate) fn evidence(&self) -> Result<Evidence, Error> {
        for looks in [&self.shared.line_looks, &self.shared.row_looks] {
            // Two, because one may have been under way.
            let enough = looks.load(Ordering::Relaxed) + 2;
            until("the observers", Deadline::after_seconds(LOOK_SECONDS), || {
                (looks.load(Ordering::Relaxed) >= enough).then_some(())
            })?;
        }
        Ok(locked(&self.shared.evidence).clone())
    }

    pub(crate) fn recoveries(&self) -> MutexGuard<'_, Recoveries> {
        locked(&self.shared.recoveries)
    }
}

impl Drop for Observers {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// Pauses between two looks; false when it is over.
    fn goes_on(&self) -> bool {
        std::thread::sleep(LOOK_INTERVAL);
        !self.is_over.load(Ordering::Relaxed)
    }
}

fn watch_tasks(shared: &Shared, path: PathBuf) {
    let (mut offset, mut rest) = (0, String::new());
    while shared.goes_on() {
        let at = now();
        // The processes first: one whose last line is still to be read is not taken for killed.
        let gone: Vec<(i32, u32)> = locked(&shared.evidence)
            .living()
            .into_iter()
            .filter(|(_, pid)| !Path::new("/proc").join(pid.to_string()).exists())
            .collect();
        let read = read_from(&path, offset).unwrap_or_default();
        offset += read.len() as u64;
        rest.push_str(&String::from_utf8_lossy(&read));
        let mut evidence = locked(&shared.evidence);
        while let Some(end) = rest.find('\n') {
            let line: String = rest.drain(..=end).collect();
            evidence.line(line.trim_end());
        }
        for (id, pid) in gone {
            evidence.process_gone(id, pid, at);
        }
        shared.line_looks.fetch_add(1, Ordering::Relaxed);
    }
}

fn read_from(path: &Path, offset: u64) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Heartbeat {
    process_id: u32,
}

fn watch_workers(shared: &Shared, connect_string: &str) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return;
    };
    let settings = RegistrySettings::Zookeeper(ZookeeperSettings {
        connect_string: connect_string.to_owned(),
        session_timeout: OBSERVER_SESSION,
        ..ZookeeperSettings::default()
    });
    let mut registry: Option<Arc<dyn Registry>> = None;
    while shared.goes_on() {
        runtime.block_on(async {
            let usable = registry
                .as_ref()
                .is_some_and(|registry| *registry.session().borrow() != SessionState::Expired);
            if !usable {
                registry = orca_registry::connect(&settings).await.ok();
            }
            if let Some(registry) = &registry {
                look_at_workers(shared, registry.as_ref()).await;
            }
        });
    }
}

/// Every worker is noted with the time at which the question was asked: an answer that comes late proves nothing about later.
async fn look_at_workers(shared: &Shared, registry: &dyn Registry) {
    let Ok(names) = registry.children(paths::WORKERS).await else {
        return;
    };
    for name in names {
        let asked = now();
        let Ok(Some(payload)) = registry.get(&paths::worker(&name)).await else {
            continue;
        };
        if let Ok(heartbeat) = serde_json::from_str::<Heartbeat>(&payload) {
            locked(&shared.evidence).worker_seen(heartbeat.process_id, asked);
        }
    }
}

fn watch_rows(shared: &Shared, url: &str) {
    let mut rows = Rows::new(url);
    let mut last = 0;
    while shared.goes_on() {
        let Ok(found) = rows.task_ids_after(last) else {
            continue;
        };
        let seen = now();
        for id in found {
            locked(&shared.evidence).rows.insert(id, seen);
            last = last.max(id);
        }
        shared.row_looks.fetch_add(1, Ordering::Relaxed);
        let waiting = locked(&shared.recoveries).waiting();
        if waiting.is_empty() {
            continue;
        }
        let Ok(owners): Result<_, Error> = rows.owners(&waiting) else {
            continue;
        };
        locked(&shared.recoveries).look(&owners, now());
    }
}
