//! The servers, each in a namespace of its own, and what a fault does to them. Keeps those running that should run, as systemd would.

use super::network::{Direction, Network};
use super::plan::{Act, Fault, MASTERS, SESSION_TIMEOUT, Server, WORKERS, Way};
use orca_integration::harness::{
    Deadline, Error, MariaDb, OrcaProcess, Place, Signal, ZooKeeper, orca_binary, until,
};
use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const MASTER_PORT: u16 = 5678;
const WORKER_PORT: u16 = 1234;
const ZOOKEEPER_PORT: u16 = 2181;
const MARIADB_PORT: u16 = 3306;
const USER: &str = "orca";
/// Between the end of a process and its next start.
const RESTART_PAUSE: Duration = Duration::from_millis(500);
const REGISTRY_ANSWER_SECONDS: u64 = 60;

struct Slot {
    process: Option<OrcaProcess>,
    /// Whether the stage starts it again when it is not there.
    is_wanted: bool,
    not_before: Instant,
    /// Its next end is on our account.
    is_being_ended: bool,
}

/// Fields are dropped in this order: what runs first, then the network it runs in.
pub(crate) struct Stage {
    slots: BTreeMap<Server, Slot>,
    zookeeper: ZooKeeper,
    mariadb: MariaDb,
    network: Network,
    folder: PathBuf,
    /// Masters that a rolling restart has still to do; the first is under way.
    rolling: VecDeque<usize>,
    /// How often each kind of server ended by itself.
    pub(crate) own_ends: BTreeMap<&'static str, usize>,
    /// What must not have happened.
    pub(crate) crashes: Vec<String>,
}

impl Stage {
    pub(crate) fn start(folder: &Path) -> Result<Self, Error> {
        let masters = (0..MASTERS).map(Server::Master);
        let servers: Vec<Server> = masters.chain((0..WORKERS).map(Server::Worker)).collect();
        let mut names: Vec<String> = servers.iter().map(ToString::to_string).collect();
        names.extend([Server::Registry.to_string(), Server::Database.to_string()]);
        let network = Network::build(&names)?;
        let zookeeper = ZooKeeper::start_in(
            folder,
            network.place(&Server::Registry.to_string()),
            ZOOKEEPER_PORT,
        )?;
        let mariadb = MariaDb::start_in(folder, network.place(&Server::Database.to_string()), MARIADB_PORT)?;
        let slot = || Slot {
            process: None,
            is_wanted: true,
            not_before: Instant::now(),
            is_being_ended: false,
        };
        let mut stage = Self {
            slots: servers.into_iter().map(|server| (server, slot())).collect(),
            zookeeper,
            mariadb,
            network,
            folder: folder.to_owned(),
            rolling: VecDeque::new(),
            own_ends: BTreeMap::new(),
            crashes: Vec::new(),
        };
        stage.migrate()?;
        stage.tend()?;
        Ok(stage)
    }

    pub(crate) fn database_url(&self) -> String {
        self.mariadb.diesel_url()
    }

    pub(crate) fn jdbc_url(&self) -> String {
        self.mariadb.jdbc_url()
    }

    pub(crate) fn connect_string(&self) -> String {
        self.zookeeper.connect_string()
    }

    pub(crate) fn master_address(&self, index: usize) -> String {
        format!("{}:{MASTER_PORT}", self.place(Server::Master(index)).address())
    }

    /// Starts what should run and does not, and goes on with a rolling restart.
    pub(crate) fn tend(&mut self) -> Result<(), Error> {
        let servers: Vec<Server> = self.slots.keys().copied().collect();
        for server in servers {
            self.notice_end(server);
            let starts = self.slots.get(&server).is_some_and(|slot| {
                slot.is_wanted && slot.process.is_none() && slot.not_before <= Instant::now()
            });
            if starts {
                let process = self.launch(server)?;
                if let Some(slot) = self.slots.get_mut(&server) {
                    slot.process = Some(process);
                }
            }
        }
        self.roll();
        Ok(())
    }

    /// Begins a fault. False when there is nothing to do it to.
    pub(crate) fn begin(&mut self, fault: &Fault) -> Result<bool, Error> {
        match &fault.act {
            Act::Kill(Server::Database) => {
                if let Some(process) = self.mariadb.process() {
                    process.kill();
                }
            }
            Act::Kill(Server::Registry) | Act::Restart(Server::Registry) => self.zookeeper.stop(),
            Act::Restart(Server::Database) => self.mariadb.stop()?,
            Act::Freeze(Server::Database | Server::Registry) => return Ok(false),
            Act::Kill(server) => return Ok(self.kill(*server)),
            Act::KillWithGuardian(index) => {
                let guardians = self.children_of(Server::Master(*index));
                // Frozen first, so that it sees nothing until it is gone itself.
                for pid in &guardians {
                    signal(*pid, Signal::STOP);
                }
                let was_there = self.kill(Server::Master(*index));
                for pid in guardians {
                    signal(pid, Signal::KILL);
                }
                return Ok(was_there);
            }
            Act::Freeze(server) => return Ok(self.signal(*server, Signal::STOP)),
            Act::Restart(server) => {
                self.mark_ended_by_us(*server);
                return Ok(self.signal(*server, Signal::TERM));
            }
            Act::Cut(server, others, way) => {
                for direction in directions(*server, others, *way) {
                    self.network.cut(&direction)?;
                }
            }
            Act::RestartAllMasters => {
                self.rolling = (0..MASTERS).collect();
                self.terminate_next();
            }
        }
        Ok(true)
    }

    /// Ends a fault.
    pub(crate) fn end(&mut self, fault: &Fault) -> Result<(), Error> {
        match &fault.act {
            Act::Kill(Server::Database) | Act::Restart(Server::Database) => self.mariadb.restart()?,
            Act::Kill(Server::Registry) | Act::Restart(Server::Registry) => self.zookeeper.restart()?,
            Act::Kill(server) => self.want(*server),
            Act::KillWithGuardian(index) => self.want(Server::Master(*index)),
            Act::Freeze(server) => {
                self.signal(*server, Signal::CONT);
            }
            Act::Cut(server, others, way) => {
                for direction in directions(*server, others, *way) {
                    self.network.heal(&direction)?;
                }
            }
            Act::Restart(_) | Act::RestartAllMasters => {}
        }
        Ok(())
    }

    /// Everything runs and nothing is cut.
    pub(crate) fn heal(&mut self) -> Result<(), Error> {
        self.network.heal_all()?;
        let servers: Vec<Server> = self.slots.keys().copied().collect();
        for server in servers {
            self.signal(server, Signal::CONT);
            self.want(server);
        }
        let deadline = Deadline::after_seconds(REGISTRY_ANSWER_SECONDS);
        let mut failed = None;
        until("the end of a rolling restart", deadline, || {
            failed = self.tend().err();
            (failed.is_some() || self.rolling.is_empty()).then_some(())
        })?;
        failed.map_or(Ok(()), Err)
    }

    /// Copies of the logs are in the folder already; this adds the rows.
    pub(crate) fn dump(&self) {
        let dump = std::process::Command::new("mariadb-dump")
            .args(["--no-defaults", "--protocol=tcp", "--single-transaction"])
            .arg(format!("--host={}", self.place(Server::Database).address()))
            .arg(format!("--port={MARIADB_PORT}"))
            .args([
                format!("--user={USER}"),
                format!("--password={USER}"),
                "dolphinscheduler".to_owned(),
            ])
            .output();
        if let Ok(output) = dump {
            let _ = fs::write(self.folder.join("database.sql"), output.stdout);
        }
    }

    fn migrate(&self) -> Result<(), Error> {
        let mut command = std::process::Command::new(orca_binary()?);
        command
            .arg("migrate")
            .envs(self.variables())
            .current_dir(&self.folder);
        let output = command.output().map_err(|source| Error::Start {
            what: "orca migrate".to_owned(),
            source,
        })?;
        if output.status.success() {
            return Ok(());
        }
        Err(Error::Ended {
            what: "orca migrate".to_owned(),
            status: output.status.to_string(),
            tail: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    fn launch(&self, server: Server) -> Result<OrcaProcess, Error> {
        let (name, place) = (server.to_string(), self.place(server));
        let host = place.address().to_string();
        let mut variables = self.variables();
        let mut set = |name: &str, value: String| variables.push((name.to_owned(), value));
        let (argument, port) = match server {
            Server::Worker(_) => {
                set("WORKER_LISTEN_PORT", WORKER_PORT.to_string());
                set("ORCA_WORKER_HOST", host);
                set(
                    "ORCA_DATA_DIRECTORY",
                    self.folder.join(&name).display().to_string(),
                );
                ("worker", WORKER_PORT)
            }
            Server::Master(_) | Server::Registry | Server::Database => {
                set("MASTER_LISTEN_PORT", MASTER_PORT.to_string());
                set("MASTER_MASTER_ADDRESS", format!("{host}:{MASTER_PORT}"));
                set("SERVER_PORT", "5679".to_owned());
                ("master", MASTER_PORT)
            }
        };
        OrcaProcess::launch(&place, &name, &[argument], &variables, port, &self.folder)
    }

    fn variables(&self) -> Vec<(String, String)> {
        let session = format!("{}s", SESSION_TIMEOUT.as_secs());
        let pairs = [
            ("SPRING_DATASOURCE_URL", self.mariadb.jdbc_url()),
            ("SPRING_DATASOURCE_USERNAME", USER.to_owned()),
            ("SPRING_DATASOURCE_PASSWORD", USER.to_owned()),
            ("SPRING_JACKSON_TIME_ZONE", "UTC".to_owned()),
            ("SPRING_PROFILES_ACTIVE", "mysql".to_owned()),
            ("MASTER_SERVER_LOAD_PROTECTION_ENABLED", "false".to_owned()),
            ("WORKER_SERVER_LOAD_PROTECTION_ENABLED", "false".to_owned()),
            ("ORCA_DATABASE_IDLE_TRANSACTION_TIMEOUT", "2s".to_owned()),
            ("REGISTRY_TYPE", "zookeeper".to_owned()),
            (
                "REGISTRY_ZOOKEEPER_CONNECT_STRING",
                self.zookeeper.connect_string(),
            ),
            ("REGISTRY_ZOOKEEPER_SESSION_TIMEOUT", session),
        ];
        pairs.map(|(name, value)| (name.to_owned(), value)).to_vec()
    }

    fn place(&self, server: Server) -> Place {
        self.network.place(&server.to_string())
    }

    fn want(&mut self, server: Server) {
        if let Some(slot) = self.slots.get_mut(&server) {
            slot.is_wanted = true;
        }
    }

    fn kill(&mut self, server: Server) -> bool {
        let Some(slot) = self.slots.get_mut(&server) else {
            return false;
        };
        slot.is_wanted = false;
        slot.process.take().is_some_and(|mut process| {
            let was_there = process.process.status().is_none();
            process.process.kill();
            // What it has left in its group is not ours to end: the guardian and the task guard must do their work.
            std::mem::forget(process);
            was_there
        })
    }

    fn signal(&mut self, server: Server, signal: Signal) -> bool {
        let process = self.slots.get_mut(&server).and_then(|slot| slot.process.as_mut());
        process.is_some_and(|process| {
            let is_there = process.process.status().is_none();
            process.process.signal(signal);
            is_there
        })
    }

    fn mark_ended_by_us(&mut self, server: Server) {
        if let Some(slot) = self.slots.get_mut(&server).filter(|slot| slot.process.is_some()) {
            slot.is_being_ended = true;
        }
    }

    fn notice_end(&mut self, server: Server) {
        let Some(slot) = self.slots.get_mut(&server) else {
            return;
        };
        let Some(status) = slot.process.as_mut().and_then(|process| process.process.status()) else {
            return;
        };
        slot.process = None;
        slot.not_before = Instant::now() + RESTART_PAUSE;
        if std::mem::take(&mut slot.is_being_ended) {
            if !status.success() {
                self.crashes
                    .push(format!("{server} was asked to stop and ended with {status}"));
            }
            return;
        }
        let kind = if matches!(server, Server::Worker(_)) {
            "worker"
        } else {
            "master"
        };
        *self.own_ends.entry(kind).or_default() += 1;
    }

    /// The guardian of a master: its only child.
    fn children_of(&mut self, server: Server) -> Vec<u32> {
        let process = self.slots.get(&server).and_then(|slot| slot.process.as_ref());
        let Some(pid) = process.map(|process| process.process.pid()) else {
            return Vec::new();
        };
        let mut children = Vec::new();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            // After the name in brackets: the state, then the parent.
            let parent = stat
                .rsplit_once(") ")
                .and_then(|(_, rest)| rest.split(' ').nth(1));
            let child = entry.file_name().to_string_lossy().parse::<u32>();
            if let (Some(parent), Ok(child)) = (parent, child)
                && parent == pid.to_string()
            {
                children.push(child);
            }
        }
        children
    }

    fn terminate_next(&mut self) {
        if let Some(index) = self.rolling.front().copied() {
            let server = Server::Master(index);
            self.mark_ended_by_us(server);
            if !self.signal(server, Signal::TERM) {
                // It is down already and comes up by itself.
                self.rolling.pop_front();
                self.terminate_next();
            }
        }
    }

    /// The next master's turn comes when the last one listens again.
    fn roll(&mut self) {
        let Some(index) = self.rolling.front().copied() else {
            return;
        };
        let is_back = self.slots.get_mut(&Server::Master(index)).is_some_and(|slot| {
            !slot.is_being_ended
                && (!slot.is_wanted || slot.process.as_ref().is_some_and(OrcaProcess::is_listening))
        });
        if is_back {
            self.rolling.pop_front();
            self.terminate_next();
        }
    }
}

fn directions(server: Server, others: &[Server], way: Way) -> Vec<Direction> {
    let mut found = Vec::new();
    for other in others {
        let (here, there) = (server.to_string(), other.to_string());
        if way != Way::Back {
            found.push((here.clone(), there.clone()));
        }
        if way != Way::There {
            found.push((there, here));
        }
    }
    found
}

fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process(pid, signal);
    }
}
