//! One case while it runs: its place, its processes, the names it has given. Each step of the file is one method here.

use super::context::Context;
use super::database::Database;
use super::expectations::{Moment, Names, Outside, resolve};
use super::format::{
    Await, Backfill, Case, EditRows, Expectation, MASTER, Metric, Released, RowCount, Step, StopRequest,
    StopTarget, Success, Trigger,
};
use super::ground::Place;
use super::masters::Masters;
use super::registry::RegistryView;
use super::schedule::{Scheduled, put_online, take_offline};
use super::snapshot::{Snapshot, integer, text};
use super::{metrics, requests};
use crate::harness::{Error, MasterRpc, Signal};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const START_SECONDS: f64 = 60.0;
/// The reference opens its HTTP port last.
const HTTP_SECONDS: f64 = 10.0;
/// After its HTTP port is open the reference needs a moment more for its start-up scan.
const SCAN_TIME: Duration = Duration::from_secs(1);
const STOPPED_SECONDS: f64 = 30.0;
const POLL_SECONDS: f64 = 0.1;
/// Where no request follows, a state that is left soon should not be missed.
const WATCH_SECONDS: f64 = 0.02;

/// A running case.
pub(super) struct Stage<'a> {
    case: &'a Case,
    contexts: PathBuf,
    rpc: &'a MasterRpc,
    place: &'a Place,
    database: RefCell<Database>,
    registry: RegistryView,
    masters: Masters,
    names: Names,
    schedules: BTreeMap<String, Scheduled>,
    /// Where the step before the current one began.
    before: Mark,
}

/// A point in the history of the rows.
#[derive(Clone, Default)]
struct Mark {
    rows: Snapshot,
    /// Of the last change before it.
    number: i64,
}

impl<'a> Stage<'a> {
    #[must_use]
    pub(super) fn new(
        case: &'a Case,
        contexts: PathBuf,
        rpc: &'a MasterRpc,
        place: &'a Place,
        database: Database,
        registry: RegistryView,
        host: &str,
    ) -> Self {
        Self {
            case,
            contexts,
            rpc,
            place,
            database: RefCell::new(database),
            registry,
            masters: Masters::new(host),
            names: Names::new(),
            schedules: BTreeMap::new(),
            before: Mark::default(),
        }
    }

    /// All steps, then an orderly end of the masters.
    ///
    /// # Errors
    /// The first step that fails, and the rows as they then are.
    pub(super) fn play(&mut self) -> Result<(), String> {
        said(self.database.borrow_mut().note_changes())?;
        for (at, step) in self.case.steps.iter().enumerate() {
            let here = self.mark()?;
            let watched = self.case.steps.get(at + 1).is_none_or(|next| !next.is_request());
            self.step(step, watched).map_err(|why| {
                let rows = match self.database.borrow_mut().snapshot() {
                    Ok(snapshot) => snapshot.describe(),
                    Err(error) => format!("the rows cannot be read: {error}"),
                };
                let alive = self.masters.check_alive().err();
                let ended = alive.map(|error| format!("{error}\n")).unwrap_or_default();
                format!("step {} {}: {why}\n{ended}{rows}", at + 1, step.name())
            })?;
            self.before = here;
        }
        self.masters
            .stop_all()
            .map_err(|error| format!("the end of the masters: {error}"))
    }

    fn step(&mut self, step: &'a Step, watched: bool) -> Result<(), String> {
        match step {
            Step::StartMaster(wanted) => self.start_master(&wanted.name, Some(wanted.properties.clone())),
            Step::StopMaster(which) => self.stop_master(&which.master),
            Step::KillMaster(which) => said(self.masters.kill(&which.master)),
            Step::FreezeMaster(which) => said(self.masters.signal(&which.master, Signal::STOP)),
            Step::ThawMaster(which) => said(self.masters.signal(&which.master, Signal::CONT)),
            Step::StartWorker(which) => said(self.masters.start_worker(self.place, &which.worker)),
            Step::StopWorker(which) => said(self.masters.stop_worker(&which.worker)),
            Step::KillWorker(which) => said(self.masters.kill_worker(&which.worker)),
            Step::LoadContext(_) => self.load_context(),
            Step::TriggerWorkflow(wanted) => self.trigger(wanted),
            Step::Backfill(wanted) => self.backfill(wanted),
            Step::Pause(wanted)
            | Step::RecoverSuspendedTasks(wanted)
            | Step::RecoverFailureTasks(wanted)
            | Step::RepeatRunning(wanted) => {
                let id = resolve(&self.names, &wanted.instance)?;
                let answer = requests::on_instance(self.rpc, &self.master(&wanted.master)?, step, id);
                requests::judge(&answer, wanted.success)
            }
            Step::Stop(wanted) => self.stop(wanted),
            Step::Schedule(wanted) => {
                let scheduled = said(put_online(&mut self.database.borrow_mut(), wanted))?;
                self.schedules.insert(wanted.name.clone(), scheduled);
                Ok(())
            }
            Step::Unschedule(wanted) => match self.schedules.get(&wanted.schedule) {
                Some(scheduled) => said(take_offline(&mut self.database.borrow_mut(), *scheduled)),
                None => Err(format!("there is no schedule {:?}", wanted.schedule)),
            },
            Step::GlobalFailover(_) => self.global_failover(),
            Step::MasterFailover(wanted) => said(self.registry.let_masters_die(&wanted.hosts)),
            Step::Await(wanted) => self.wait(wanted, watched),
            Step::Expect(expectations) => self.check(expectations),
            Step::Sleep(wanted) => {
                std::thread::sleep(seconds(wanted.seconds)?);
                Ok(())
            }
            Step::Released(wanted) => self.released(wanted),
            Step::EditRows(wanted) => self.edit(wanted),
        }
    }

    fn start_master(
        &mut self,
        name: &str,
        properties: Option<BTreeMap<String, super::format::Scalar>>,
    ) -> Result<(), String> {
        said(self.masters.start(self.place, name, properties))?;
        let address = self.master(name)?;
        self.poll(START_SECONDS, POLL_SECONDS, || {
            if !said(self.registry.masters())?.contains(&address) {
                return Err(format!("{address} is not registered"));
            }
            said(self.rpc.running(&address)).map(|_| ())
        })?;
        if let (Some(port), Some((host, _))) = (self.masters.http_port(name), address.rsplit_once(':')) {
            // A master that has no HTTP port is started all the same.
            let _ = self.poll(HTTP_SECONDS, POLL_SECONDS, || {
                said(metrics::get(host, port, "/actuator/health")).map(|_| ())
            });
        }
        std::thread::sleep(SCAN_TIME);
        Ok(())
    }

    fn stop_master(&mut self, name: &str) -> Result<(), String> {
        said(self.masters.stop(name))?;
        let address = self.master(name)?;
        self.poll(STOPPED_SECONDS, POLL_SECONDS, || {
            match said(self.registry.masters())?.contains(&address) {
                true => Err(format!("{address} is still registered")),
                false => Ok(()),
            }
        })
    }

    fn global_failover(&mut self) -> Result<(), String> {
        if self.masters.is_running(MASTER) {
            self.stop_master(MASTER)?;
        }
        self.start_master(MASTER, None)
    }

    fn load_context(&mut self) -> Result<(), String> {
        let path = self.contexts.join(&self.case.context);
        let context = said(Context::read(&path))?;
        let own_address = self.masters.address(MASTER);
        said(context.load(&mut self.database.borrow_mut(), &own_address))
    }

    fn master(&self, name: &str) -> Result<String, String> {
        self.masters
            .known_address(name)
            .ok_or_else(|| format!("no step before this one has started {name}"))
    }

    /// The user of a definition.
    fn user_of(&self, workflow: i64) -> Result<i32, String> {
        let rest = format!("t_ds_workflow_definition WHERE code = {workflow}");
        let rows = said(self.database.borrow_mut().select(&["user_id"], &rest))?;
        let user = rows.first().and_then(|row| integer(row, "user_id"));
        Ok(user.and_then(|user| i32::try_from(user).ok()).unwrap_or(1))
    }

    fn trigger(&mut self, wanted: &Trigger) -> Result<(), String> {
        let user = self.user_of(wanted.workflow)?;
        let answer = requests::trigger(self.rpc, &self.master(&wanted.master)?, user, wanted);
        requests::judge(&answer, wanted.success)?;
        self.name(Some(&wanted.name), answer)
    }

    fn backfill(&mut self, wanted: &Backfill) -> Result<(), String> {
        let user = self.user_of(wanted.workflow)?;
        let answer = requests::backfill(self.rpc, &self.master(&wanted.master)?, user, wanted);
        requests::judge(&answer, wanted.success)?;
        self.name(wanted.name.as_ref(), answer)
    }

    fn name(&mut self, name: Option<&String>, answer: Result<requests::Answer, Error>) -> Result<(), String> {
        if let (Some(name), Ok(answer)) = (name, answer)
            && answer.success
        {
            let id = answer.instance.ok_or("the answer names no instance")?;
            self.names.insert(name.clone(), id);
        }
        Ok(())
    }

    fn stop(&mut self, wanted: &StopRequest) -> Result<(), String> {
        let round = || {
            let moment = self.moment()?;
            self.judge(&moment, &wanted.when)?;
            let id = resolve(&self.names, &wanted.instance)?;
            let address = match wanted.to {
                StopTarget::Master => self.master(&wanted.master)?,
                StopTarget::RowHost => host_of(&moment, id)?,
            };
            let success = match wanted.within {
                Some(_) => Success::Yes,
                None => wanted.success,
            };
            requests::judge(&requests::stop(self.rpc, &address, id), success)
        };
        match wanted.within {
            None => round(),
            Some(within) => self.poll(within, wanted.poll.unwrap_or(POLL_SECONDS), round),
        }
    }

    fn released(&self, wanted: &Released) -> Result<(), String> {
        let address = self.master(&wanted.master)?;
        self.poll(wanted.within, POLL_SECONDS, || {
            match said(requests::held(self.rpc, &address))? {
                (0, 0) => Ok(()),
                (workflows, tasks) => Err(format!(
                    "the master still holds {workflows} workflows and {tasks} logic tasks"
                )),
            }
        })
    }

    fn edit(&self, wanted: &EditRows) -> Result<(), String> {
        let mut database = self.database.borrow_mut();
        let condition = database.condition(&wanted.only);
        let table = &wanted.table;
        let statement = match (&wanted.set, &wanted.insert, wanted.delete) {
            (Some(set), None, false) => {
                let values: Vec<String> = set
                    .iter()
                    .map(|(column, value)| format!("{column} = {}", database.literal(value)))
                    .collect();
                format!("UPDATE {table} SET {} WHERE {condition}", values.join(", "))
            }
            (None, Some(row), false) => super::context::insert(&database, table, row),
            (None, None, true) => format!("DELETE FROM {table} WHERE {condition}"),
            _ => return Err("an edit is one of set, insert and delete".to_owned()),
        };
        said(database.execute(&statement))
    }

    fn wait(&self, wanted: &Await, watched: bool) -> Result<(), String> {
        let usual = if watched { WATCH_SECONDS } else { POLL_SECONDS };
        let (start, mut past) = (Instant::now(), self.before.clone());
        self.poll(wanted.within, wanted.poll.unwrap_or(usual), || {
            let Err(why) = self.check(&wanted.expect) else {
                return Ok(());
            };
            // What comes next is no request, so it is enough that the wanted rows have stood together.
            if watched && wanted.not_before.is_none() && self.has_held(&mut past, &wanted.expect)? {
                return Ok(());
            }
            Err(why)
        })?;
        match wanted.not_before {
            Some(bound) if start.elapsed() < seconds(bound)? => Err(format!(
                "everything holds after {:.1} s, before the {bound} s it must take",
                start.elapsed().as_secs_f64()
            )),
            _ => Ok(()),
        }
    }

    /// Goes on through the changes since `past`: did the expectations hold after one of them?
    fn has_held(&self, past: &mut Mark, expectations: &[Expectation]) -> Result<bool, String> {
        let changes = said(self.database.borrow_mut().changes_after(past.number))?;
        for change in changes {
            past.number = change.number;
            past.rows.apply(change.is_task, change.row);
            if self.judge(&past.rows, expectations).is_ok() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn mark(&self) -> Result<Mark, String> {
        let mut database = self.database.borrow_mut();
        // The number is read first: a change in between is in the rows and applied once more, which changes nothing.
        let changes = said(database.changes_after(self.before.number))?;
        let number = changes.last().map_or(self.before.number, |change| change.number);
        let rows = said(database.snapshot())?;
        Ok(Mark { rows, number })
    }

    fn check(&self, expectations: &[Expectation]) -> Result<(), String> {
        self.judge(&self.moment()?, expectations)
    }

    fn moment(&self) -> Result<Snapshot, String> {
        said(self.database.borrow_mut().snapshot())
    }

    fn judge(&self, rows: &Snapshot, expectations: &[Expectation]) -> Result<(), String> {
        Moment {
            rows,
            names: &self.names,
            outside: self,
        }
        .check_all(expectations)
    }

    /// Rounds until one is good, the first after one pause.
    fn poll(
        &self,
        within: f64,
        pause: f64,
        mut round: impl FnMut() -> Result<(), String>,
    ) -> Result<(), String> {
        let (start, limit, pause) = (Instant::now(), seconds(within)?, seconds(pause)?);
        loop {
            std::thread::sleep(pause);
            let Err(why) = round() else {
                return Ok(());
            };
            if start.elapsed() >= limit {
                return Err(format!("not within {within} s: {why}"));
            }
        }
    }
}

impl Outside for Stage<'_> {
    fn metric(&self, metric: &Metric) -> Result<f64, String> {
        let address = self.master(&metric.master)?;
        let host = address.rsplit_once(':').map_or("", |(host, _)| host);
        let port = self.masters.http_port(&metric.master).unwrap_or_default();
        let exposition = said(metrics::get(host, port, "/actuator/prometheus"))?;
        Ok(metrics::counter(&exposition, metric))
    }

    fn node_exists(&self, path: &str) -> Result<bool, String> {
        said(self.registry.exists(path))
    }

    fn count_rows(&self, rows: &RowCount) -> Result<i64, String> {
        said(self.database.borrow_mut().count(&rows.table, &rows.only))
    }

    fn address_of(&self, master: &str) -> Option<String> {
        self.masters.known_address(master)
    }
}

fn host_of(rows: &Snapshot, id: i32) -> Result<String, String> {
    let row = rows
        .instance(id)
        .ok_or_else(|| format!("there is no instance {id}"))?;
    let host = text(row, "host").filter(|host| !host.is_empty());
    host.map(ToOwned::to_owned)
        .ok_or_else(|| format!("instance {id} has no host"))
}

fn seconds(number: f64) -> Result<Duration, String> {
    Duration::try_from_secs_f64(number).map_err(|error| format!("{number} seconds: {error}"))
}

fn said<T>(result: Result<T, Error>) -> Result<T, String> {
    result.map_err(|error| error.to_string())
}
