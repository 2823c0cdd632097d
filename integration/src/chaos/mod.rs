//! `orca-integration chaos`: real servers in network namespaces, faults at random moments under load, and a judgement after each cycle.
//!
//! A cycle: the load starts, the faults of the cycle's plan come and go, everything is healed, the load stops, every workflow must end, and the promises
//! are held against what was seen from outside. The plan hangs on the seed alone; when the faults meet the load hangs on the machine.

mod check;
mod evidence;
mod load;
mod network;
mod observe;
mod plan;
mod recovery;
mod report;
mod rows;
mod stage;

use check::{Violation, judge};
use load::Load;
use observe::{Observers, now};
use orca_integration::harness::{Deadline, Error, MasterRpc, until};
use orca_schema::{DatabaseSettings, Secret, Store};
use plan::{Act, Fault, MASTERS, Server, cycle};
use report::Report;
use rows::Rows;
use stage::Stage;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// From the last fault's end to the end of the load.
const LOAD_TAIL: Duration = Duration::from_secs(3);
/// Within this time after everything is healed every workflow has ended, or it is stuck. The slowest honest way is a dispatch of unknown outcome, which is
/// probed and asked to be killed for a while, and connections that wait for their next retransmission.
const DRAIN_SECONDS: u64 = 150;
const START_SECONDS: u64 = 120;
const LET_GO_SECONDS: u64 = 30;
const TICK: Duration = Duration::from_millis(10);

/// What the user asked for.
pub(crate) struct Options {
    pub(crate) minutes: u64,
    pub(crate) seed: u64,
    /// Only this cycle of the plan, once.
    pub(crate) only_cycle: Option<u64>,
    pub(crate) keep: bool,
}

pub(crate) use network::clean;

/// Runs cycles until the time is over. True when no promise was broken.
///
/// # Errors
/// When the stage cannot be built or kept.
pub(crate) fn run(options: &Options) -> Result<bool, Error> {
    let folder = tempfile::Builder::new().prefix("orca-chaos-").tempdir();
    let folder = folder.map_err(|source| Error::Start {
        what: "a folder".to_owned(),
        source,
    })?;
    println!(
        "seed {}, {} minutes, files in {}",
        options.seed,
        options.minutes,
        folder.path().display()
    );
    let mut report = Report::default();
    let outcome = Chaos::start(folder.path(), options.seed).and_then(|mut chaos| {
        let result = chaos.cycles(options, &mut report);
        if result.is_err() || !report.is_clean() {
            chaos.stage.dump();
        }
        chaos.finish(&mut report);
        result
    });
    report.print();
    if options.keep || outcome.is_err() || !report.is_clean() {
        let kept = folder.keep();
        println!("logs and the rows (database.sql) are in {}", kept.display());
    }
    outcome.map(|()| report.is_clean())
}

struct Chaos {
    observers: Observers,
    stage: Stage,
    rpc: MasterRpc,
    rows: Rows,
    definitions: Vec<(i64, i32)>,
    folder: PathBuf,
    seed: u64,
    /// Instances up to here belong to earlier cycles.
    judged: i32,
}

impl Chaos {
    fn start(folder: &Path, seed: u64) -> Result<Self, Error> {
        let failed = |what: &str, reason: String| Error::Failed {
            what: what.to_owned(),
            reason,
        };
        let lines = folder.join("lines");
        fs::create_dir_all(folder.join("markers"))
            .and_then(|()| fs::write(&lines, ""))
            .map_err(|error| failed("a folder", error.to_string()))?;
        let stage = Stage::start(folder)?;
        let observers = Observers::start(&lines, &stage.connect_string(), &stage.database_url());
        let mut settings = DatabaseSettings::new(stage.jdbc_url());
        settings.username = Some("orca".to_owned());
        settings.password = Some(Secret::new("orca"));
        let store = Store::open(&settings).map_err(|error| failed("the database", error.to_string()))?;
        let definitions = load::shapes(folder, &lines)
            .iter()
            .map(|definition| store.save_definition(definition))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| failed("a definition", error.to_string()))?;
        let chaos = Self {
            rows: Rows::new(&stage.database_url()),
            observers,
            rpc: MasterRpc::new()?,
            definitions,
            folder: folder.to_owned(),
            seed,
            judged: 0,
            stage,
        };
        chaos.await_masters()?;
        Ok(chaos)
    }

    fn await_masters(&self) -> Result<(), Error> {
        for master in self.masters() {
            let what = format!("the registration of {master}");
            until(&what, Deadline::after_seconds(START_SECONDS), || {
                self.rpc.is_registered(&master).then_some(())
            })?;
        }
        Ok(())
    }

    fn masters(&self) -> Vec<String> {
        (0..MASTERS)
            .map(|index| self.stage.master_address(index))
            .collect()
    }

    fn cycles(&mut self, options: &Options, report: &mut Report) -> Result<(), Error> {
        if let Some(number) = options.only_cycle {
            return self.cycle(number, report);
        }
        let (start, length) = (Instant::now(), Duration::from_secs(options.minutes * 60));
        for number in 0.. {
            if start.elapsed() >= length || !report.is_clean() {
                break;
            }
            self.cycle(number, report)?;
        }
        Ok(())
    }

    fn cycle(&mut self, number: u64, report: &mut Report) -> Result<(), Error> {
        let faults = cycle(self.seed, number);
        println!("\ncycle {number}");
        for fault in &faults {
            println!("  {fault}");
        }
        let load = Load::start(&self.masters(), &self.definitions, self.seed ^ number);
        self.play(&faults, report)?;
        self.stage.heal()?;
        let healed = Instant::now();
        while healed.elapsed() < LOAD_TAIL {
            self.stage.tend()?;
            std::thread::sleep(TICK);
        }
        let triggered = load.stop();
        let is_drained = self.drain()?;
        let drained_after = healed.elapsed();
        let instances = self.rows.instances_after(self.judged)?;
        let tasks = self.rows.tasks_after(self.judged)?;
        let evidence = self.observers.evidence()?;
        let mut verdict = judge(&triggered.accepted, &instances, &tasks, &evidence);
        if is_drained {
            verdict.violations.extend(self.left_over()?);
        }
        verdict.violations.extend(self.crashes());
        report.cycle(
            number,
            &instances,
            &tasks,
            &triggered,
            &evidence,
            drained_after,
            verdict,
        );
        self.judged = instances.last().map_or(self.judged, |row| row.id);
        Ok(())
    }

    /// Lets the faults come and go.
    fn play(&mut self, faults: &[Fault], report: &mut Report) -> Result<(), Error> {
        let start = Instant::now();
        let mut coming: Vec<&Fault> = faults.iter().rev().collect();
        let mut active: Vec<&Fault> = Vec::new();
        while !(coming.is_empty() && active.is_empty()) {
            self.stage.tend()?;
            let (over, rest) = active
                .into_iter()
                .partition(|fault| start.elapsed() >= fault.at + fault.lasts);
            active = rest;
            for fault in over {
                self.stage.end(fault)?;
            }
            while let Some(fault) = coming.pop_if(|fault| start.elapsed() >= fault.at) {
                self.note_owned(fault, active.is_empty());
                if self.stage.begin(fault)? {
                    report.fault(&fault.kind());
                }
                active.push(fault);
            }
            std::thread::sleep(TICK);
        }
        Ok(())
    }

    /// What the victim owns at the moment of the fault, if the fault takes it away.
    fn note_owned(&mut self, fault: &Fault, is_alone: bool) {
        let victim = match &fault.act {
            Act::Kill(Server::Master(index)) | Act::KillWithGuardian(index) => Some(*index),
            Act::Freeze(Server::Master(index)) if fault.is_long() => Some(*index),
            Act::Cut(Server::Master(index), others, _)
                if fault.is_long() && others == &[Server::Registry] =>
            {
                Some(*index)
            }
            _ => None,
        };
        let Some(address) = victim.map(|index| self.stage.master_address(index)) else {
            return;
        };
        // While the database is away nothing can be measured.
        if let Ok(owned) = self.rows.owned_by(&address) {
            self.observers
                .recoveries()
                .lost(&fault.kind(), now(), is_alone, &owned);
        }
    }

    /// Waits until every workflow has ended. False when some have not within the limit.
    fn drain(&mut self) -> Result<bool, Error> {
        let mut failed = None;
        let (stage, rows) = (&mut self.stage, &mut self.rows);
        let drained = until(
            "the end of every workflow",
            Deadline::after_seconds(DRAIN_SECONDS),
            || {
                failed = stage.tend().err();
                let is_empty = rows.unfinished().is_ok_and(|left| left.is_empty());
                (failed.is_some() || is_empty).then_some(())
            },
        );
        failed.map_or(Ok(drained.is_ok()), Err)
    }

    /// Commands that nobody took, and workflows that a master still holds.
    fn left_over(&mut self) -> Result<Vec<Violation>, Error> {
        let mut found: Vec<String> = self.rows.left_over()?;
        for master in self.masters() {
            let mut held = Err(Error::Failed {
                what: master.clone(),
                reason: "not asked".to_owned(),
            });
            let let_go = until(
                "a master to let go",
                Deadline::after_seconds(LET_GO_SECONDS),
                || {
                    held = self.rpc.running(&master);
                    held.as_ref().is_ok_and(Vec::is_empty).then_some(())
                },
            );
            if let_go.is_err() {
                found.push(match held {
                    Ok(ids) => format!("{master} still holds the workflow instances {ids:?}"),
                    Err(error) => format!("{master} does not say what it holds: {error}"),
                });
            }
        }
        Ok(found
            .into_iter()
            .map(|what| Violation::LeftOver { what })
            .collect())
    }

    fn crashes(&mut self) -> Vec<Violation> {
        let mut found = std::mem::take(&mut self.stage.crashes);
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension == "log") {
                let text = fs::read(&path).unwrap_or_default();
                let text = String::from_utf8_lossy(&text);
                let panics = text.lines().filter(|line| line.contains("panicked at"));
                found.extend(panics.map(|line| format!("{}: {line}", path.display())));
            }
        }
        found.into_iter().map(|what| Violation::Crash { what }).collect()
    }

    fn finish(&self, report: &mut Report) {
        report.recoveries = self.observers.recoveries().done().to_vec();
        report.own_ends.clone_from(&self.stage.own_ends);
    }
}
