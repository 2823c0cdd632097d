//! `orca standalone [FILE...]`: a whole cluster in one process tree on SQLite and the embedded registry. With files it runs them and ends;
//! without, it stays up until Ctrl-C.

mod folder;
mod members;

pub(crate) use folder::properties;

use super::cluster::{
    Cluster, Database, block_on, members as registered, open_registry, standalone_settings,
};
use super::runs::follow::follow;
use super::runs::screen::{Screen, Standard};
use super::runs::start::start;
use super::runs::view::RunView;
use super::runs::{logs, report};
use crate::config::Settings;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::flowfile::{self, Flow};
use crate::limits::{LOG_LINES, MEMBER_START_TIMEOUT, MEMBERS_MAX, WATCH_INTERVAL};
use crate::output;
use clap::Args;
use folder::Folder;
use members::{Members, Role};
use serde_json::json;
use std::path::PathBuf;
use std::time::Instant;
use tokio::signal::unix::{SignalKind, signal};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Workflow files to run (docs/workflow-files.md). Without: stay up until Ctrl-C
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Master processes; with several, killing one shows a failover
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=MEMBERS_MAX))]
    masters: u16,

    /// Worker processes
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=MEMBERS_MAX))]
    workers: u16,

    /// Where databases and logs are kept; made when it is missing, used again when it is not
    #[arg(long, value_name = "FOLDER", default_value = ".orca/standalone")]
    data_dir: PathBuf,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    let flows = read_files(&arguments.files, context)?;
    let folder = Folder::open(&arguments.data_dir)?;
    let settings = standalone_settings(context, folder.path())?;
    let standalone = Standalone {
        arguments,
        context,
        folder: &folder,
        settings: &settings,
    };
    block_on(standalone.run(&flows))
}

/// All files, or everything that is wrong with any of them.
pub(crate) fn read_files(files: &[PathBuf], context: &Context) -> Result<Vec<Flow>, Failure> {
    let environment = |name: &str| context.environment.get(name).map(str::to_owned);
    let (mut flows, mut problems) = (Vec::new(), Vec::new());
    for file in files {
        match flowfile::load(file, &environment) {
            Ok(flow) => {
                for note in &flow.notes {
                    output::complaint(format!(
                        "{}:{}:{}: note: {}",
                        file.display(),
                        note.at.line,
                        note.at.column,
                        note.text
                    ));
                }
                flows.push(flow);
            }
            Err(error) => problems.push(error.to_string()),
        }
    }
    if problems.is_empty() {
        Ok(flows)
    } else {
        Err(Failure::usage(format!(
            "nothing was started:\n{}",
            problems.join("\n")
        )))
    }
}

/// Progress for whoever watches, or none for a program.
pub(crate) fn screen(context: &Context) -> Screen<Standard> {
    match (context.json, output::is_terminal()) {
        (true, _) => Screen::silent(Standard),
        (false, true) => {
            let colours = context.environment.get("NO_COLOR").is_none_or(str::is_empty);
            Screen::live(Standard, colours, super::runs::screen::terminal_size)
        }
        (false, false) => Screen::lines(Standard),
    }
}

struct Standalone<'a> {
    arguments: &'a Arguments,
    context: &'a Context,
    folder: &'a Folder,
    settings: &'a Settings,
}

impl Standalone<'_> {
    async fn run(&self, flows: &[Flow]) -> Result<Exit, Failure> {
        let mut members = Members::default();
        let mut screen = screen(self.context);
        let result = tokio::select! {
            result = self.work(flows, &mut members, &mut screen) => result,
            interrupted = interrupted() => interrupted.and_then(|()| self.after_interruption(flows)),
        };
        tokio::select! {
            () = members.stop() => {}
            // Whoever asks twice does not want to wait; dropping the members kills them.
            _ = interrupted() => {}
        }
        result
    }

    fn after_interruption(&self, flows: &[Flow]) -> Result<Exit, Failure> {
        if flows.is_empty() {
            return Ok(Exit::Ok);
        }
        let folder = self.arguments.data_dir.display();
        Err(Failure::failed(format!(
            "interrupted; what was running is left to the next start on {folder}"
        )))
    }

    /// Brings the cluster up and does what was asked; ends early when a member that is needed ends.
    async fn work(
        &self,
        flows: &[Flow],
        members: &mut Members,
        screen: &mut Screen<Standard>,
    ) -> Result<Exit, Failure> {
        let database = Database::open(self.settings).await?;
        database.must(|store| store.migrate()).await?;
        self.start_members(members)?;
        self.wait_until_registered(members).await?;
        self.announce(members, flows.is_empty(), screen)?;
        if flows.is_empty() {
            return self.stay(members, screen).await;
        }
        let cluster = Cluster::open(self.settings).await?;
        let mut runs = Vec::new();
        for flow in flows {
            runs.push(start(&cluster, flow).await?);
        }
        let mut views = follow(&cluster.database, &runs, screen, |screen| watch(members, screen)).await?;
        logs::add_to_failed(&cluster.client, &mut views, LOG_LINES).await;
        cluster.close().await;
        self.conclude(&views, screen)
    }

    fn start_members(&self, members: &mut Members) -> Result<(), Failure> {
        let (masters, workers) = (
            usize::from(self.arguments.masters),
            usize::from(self.arguments.workers),
        );
        let (master_ports, worker_ports) = self.folder.ports(masters, workers)?;
        let mut properties = self.folder.properties();
        properties.extend(self.context.request.properties.iter().cloned());
        let masters = master_ports
            .into_iter()
            .map(|ports| (Role::Master, ports))
            .zip(1..);
        let workers = worker_ports
            .into_iter()
            .map(|ports| (Role::Worker, ports))
            .zip(1..);
        for ((role, ports), number) in masters.chain(workers) {
            members.start(role, number, ports, self.folder, &properties)?;
        }
        Ok(())
    }

    async fn wait_until_registered(&self, members: &mut Members) -> Result<(), Failure> {
        let registry = open_registry(self.settings).await?;
        let deadline = Instant::now() + MEMBER_START_TIMEOUT;
        loop {
            if let Some((member, how)) = members.newly_ended().into_iter().next() {
                let tail: String = member
                    .log_tail()
                    .iter()
                    .map(|line| format!("\n  | {line}"))
                    .collect();
                let text = format!(
                    "{} ended {how} while it started (log: {}){tail}",
                    member.name,
                    member.log.display()
                );
                return Err(Failure::failed(text));
            }
            let mut here = registered(&*registry, orca_registry::paths::MASTERS).await?;
            here.extend(registered(&*registry, orca_registry::paths::WORKERS).await?);
            let missing = members
                .all()
                .iter()
                .find(|member| !here.contains(&member.address));
            let Some(missing) = missing else { break };
            if Instant::now() > deadline {
                let seconds = MEMBER_START_TIMEOUT.as_secs();
                let text = format!(
                    "{} is not up after {seconds} s; see {}",
                    missing.name,
                    missing.log.display()
                );
                return Err(Failure::failed(text));
            }
            tokio::time::sleep(WATCH_INTERVAL).await;
        }
        registry.close().await;
        Ok(())
    }

    fn announce(&self, members: &Members, stays: bool, screen: &mut Screen<Standard>) -> Result<(), Failure> {
        if self.context.json {
            if stays {
                output::json(
                    &json!({ "dataDirectory": self.folder.path(), "members": self.members_json(members) }),
                );
            }
            return Ok(());
        }
        let (masters, workers) = (self.arguments.masters, self.arguments.workers);
        let mut lines = vec![format!(
            "{masters} master(s) and {workers} worker(s) in {}",
            self.folder.path().display()
        )];
        for member in members.all() {
            let (name, address, id) = (&member.name, &member.address, member.process_id());
            lines.push(format!(
                "  {name:<10}  {address:<16}  pid {id:<8}  log {}",
                member.log.display()
            ));
        }
        if stays {
            let folder = self.folder.path().display();
            lines.push(format!(
                "start a workflow:  orca workflow start FILE --data-dir {folder}"
            ));
            lines.push(format!(
                "see what runs:     orca workflow list --data-dir {folder}"
            ));
            lines.push("stop:              Ctrl-C".to_owned());
        }
        lines
            .iter()
            .try_for_each(|line| screen.say(line))
            .map_err(|error| Failure::failed(error.to_string()))
    }

    fn members_json(&self, members: &Members) -> Vec<serde_json::Value> {
        let of = |member: &members::Member| json!({ "name": member.name, "role": member.role, "address": member.address, "processId": member.process_id(), "log": member.log });
        members.all().iter().map(of).collect()
    }

    async fn stay(&self, members: &mut Members, screen: &mut Screen<Standard>) -> Result<Exit, Failure> {
        loop {
            watch(members, screen)?;
            tokio::time::sleep(WATCH_INTERVAL).await;
        }
    }

    fn conclude(&self, views: &[RunView], screen: &mut Screen<Standard>) -> Result<Exit, Failure> {
        let succeeded = views.iter().all(|run| run.succeeded);
        if self.context.json {
            output::json(
                &json!({ "succeeded": succeeded, "dataDirectory": self.folder.path(), "runs": views }),
            );
        } else {
            let lines = report::summary(views);
            lines
                .iter()
                .try_for_each(|line| screen.say_last(line))
                .map_err(|error| Failure::failed(error.to_string()))?;
        }
        Ok(if succeeded { Exit::Ok } else { Exit::Failed })
    }
}

/// Tells of members that have ended; an error when there is no master or no worker left.
fn watch(members: &mut Members, screen: &mut Screen<Standard>) -> Result<(), Failure> {
    for (member, how) in members.newly_ended() {
        let text = format!(
            "{} ({}) ended {how}; log: {}",
            member.name,
            member.address,
            member.log.display()
        );
        screen
            .say(&text)
            .map_err(|error| Failure::failed(error.to_string()))?;
    }
    for role in [Role::Master, Role::Worker] {
        if !members.any_alive(role) {
            return Err(Failure::failed(format!(
                "no {} is left; start again to go on with what was running",
                role.name()
            )));
        }
    }
    Ok(())
}

/// Returns at Ctrl-C, SIGTERM or the end of the terminal.
async fn interrupted() -> Result<(), Failure> {
    let listen =
        |kind| signal(kind).map_err(|error| Failure::failed(format!("signals cannot be watched: {error}")));
    let (mut interrupt, mut terminate, mut hang_up) = (
        listen(SignalKind::interrupt())?,
        listen(SignalKind::terminate())?,
        listen(SignalKind::hangup())?,
    );
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hang_up.recv() => {}
    }
    Ok(())
}
