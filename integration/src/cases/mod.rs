//! Conformance cases: files that say what a master must do, run against real masters.
//!
//! Guarantees: every case starts from a new database, an empty registry namespace and masters of its own, and looks only at rows,
//! registry nodes, metrics and answers. Refuses to know how a master works inside. `docs/cases.md` describes the files.

mod context;
mod database;
mod expectations;
mod format;
mod ground;
mod masters;
mod matchers;
mod metrics;
mod options;
mod registry;
mod report;
mod requests;
mod schedule;
mod snapshot;
mod stage;
#[cfg(test)]
mod tests;

pub use options::{Options, USAGE};
pub use report::{Outcome, Summary};

use crate::harness::{Deadline, Error, MasterRpc, until};
use format::Case;
use ground::Ground;
use masters::Masters;
use registry::RegistryView;
use stage::Stage;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::runtime::Runtime;

/// Folder of the rows beside the cases.
const CONTEXTS: &str = "context";
const HOST_SECONDS: u64 = 60;

/// A file to run.
struct Task {
    path: PathBuf,
    folder: PathBuf,
    /// What it is called: its path below the folder, without the ending.
    name: String,
    number: usize,
}

/// What all cases share.
struct Run<'a> {
    options: &'a Options,
    ground: Ground,
    rpc: MasterRpc,
    runtime: Arc<Runtime>,
    host: String,
}

/// Runs the cases of some folders and prints a line for each.
///
/// # Errors
/// When no case can be run at all: no folder, no server, no binary.
pub fn run(options: &Options) -> Result<Summary, Error> {
    let tasks = find(options)?;
    if tasks.is_empty() {
        return Err(Error::Failed {
            what: "the folders".to_owned(),
            reason: "no case in them is wanted".to_owned(),
        });
    }
    let runtime = Runtime::new().map_err(|source| Error::Start {
        what: "a runtime".to_owned(),
        source,
    })?;
    let mut run = Run {
        options,
        ground: Ground::start(options.stack)?,
        rpc: MasterRpc::new()?,
        runtime: Arc::new(runtime),
        host: "127.0.0.1".to_owned(),
    };
    run.host = run.learn_host()?;
    println!(
        "{} cases, {} at once; masters are {}:<port>, load protection is off",
        tasks.len(),
        options.jobs,
        run.host
    );
    let outcomes = run.all(tasks);
    let summary = Summary { outcomes };
    if let Some(path) = &options.report {
        summary.write(path)?;
    }
    println!("{}", summary.last_line());
    Ok(summary)
}

impl Run<'_> {
    /// Masters write a host that depends on the machine; rows of cases must carry the same.
    fn learn_host(&self) -> Result<String, Error> {
        let name = "own_address";
        let place = self.ground.place(name)?;
        let registry = RegistryView::connect(self.runtime.clone(), &place.registry)?;
        let mut masters = Masters::new("127.0.0.1");
        masters.start(&place, format::MASTER, None)?;
        let address = until(
            "a master in the registry",
            Deadline::after_seconds(HOST_SECONDS),
            || registry.masters().ok()?.into_iter().next(),
        )?;
        masters.stop_all()?;
        self.ground.clear(name, &place);
        let host = address.rsplit_once(':').map(|(host, _)| host.to_owned());
        host.ok_or_else(|| Error::Failed {
            what: format!("the address {address:?}"),
            reason: "has no port".to_owned(),
        })
    }

    fn all(&self, tasks: Vec<Task>) -> Vec<Outcome> {
        let queue = Mutex::new(VecDeque::from(tasks));
        let outcomes = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..self.options.jobs {
                scope.spawn(|| {
                    loop {
                        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                        let Some(task) = next else { break };
                        let outcome = self.one(&task);
                        println!("{}", outcome.line());
                        outcomes
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .push((task.number, outcome));
                    }
                });
            }
        });
        let mut outcomes = outcomes.into_inner().unwrap_or_else(PoisonError::into_inner);
        outcomes.sort_by_key(|(number, _)| *number);
        outcomes.into_iter().map(|(_, outcome)| outcome).collect()
    }

    fn one(&self, task: &Task) -> Outcome {
        let start = Instant::now();
        let read = Case::read(&task.path);
        let played = read.as_ref().map_err(Clone::clone).and_then(|case| {
            let notes = case.notes.as_ref().map(|notes| format!("\nnotes: {notes}"));
            self.play(task, case)
                .map_err(|why| format!("{why}{}", notes.unwrap_or_default()))
        });
        let case = read.ok();
        Outcome {
            case: task.name.clone(),
            title: case.as_ref().map(|case| case.title.clone()),
            source: case.and_then(|case| case.source),
            seconds: start.elapsed().as_secs_f64(),
            failure: played.err(),
        }
    }

    fn play(&self, task: &Task, case: &Case) -> Result<(), String> {
        if case.case != task.name {
            return Err(format!("{} says it is {:?}", task.path.display(), case.case));
        }
        let said = |error: Error| error.to_string();
        let name = format!("case_{}", task.number);
        let place = self.ground.place(&name).map_err(said)?;
        let database = place.connect().map_err(said)?;
        let registry = RegistryView::connect(self.runtime.clone(), &place.registry).map_err(said)?;
        let contexts = task.folder.join(CONTEXTS);
        let mut stage = Stage::new(case, contexts, &self.rpc, &place, database, registry, &self.host);
        let played = stage.play();
        drop(stage);
        if let Some(folder) = &self.options.keep_logs {
            report::keep_logs(&place.folder, &folder.join(&task.name)).map_err(said)?;
        }
        self.ground.clear(&name, &place);
        played
    }
}

/// Every case file below the folders that the filter lets through, `repeat` times over.
fn find(options: &Options) -> Result<Vec<Task>, Error> {
    let mut found = Vec::new();
    for folder in &options.folders {
        for path in files_below(folder)? {
            let below = path.strip_prefix(folder).unwrap_or(&path).with_extension("");
            found.push((path.clone(), folder.clone(), below.display().to_string()));
        }
    }
    found.retain(|(_, _, name)| options.wants(name));
    let repeated = std::iter::repeat_n(&found, options.repeat).flatten();
    let tasks = repeated.enumerate().map(|(number, (path, folder, name))| Task {
        path: path.clone(),
        folder: folder.clone(),
        name: name.clone(),
        number,
    });
    Ok(tasks.collect())
}

fn files_below(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let failed = |source| Error::Start {
            what: format!("the folder {}", folder.display()),
            source,
        };
        for entry in std::fs::read_dir(&folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.is_dir() {
                if path.file_name().is_some_and(|name| name != CONTEXTS) {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "yaml") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}
