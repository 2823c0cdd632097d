//! `orca status`: who is registered, who owns what, and how much is waiting. Reads only.

use super::cluster::{Database, Where, block_on, members, open_registry};
use super::table::render;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output;
use clap::Args;
use orca_engine::codes::{TaskState, WorkflowState};
use orca_engine::time::{Millis, wall_clock_text};
use orca_registry::heartbeat::{MasterHeartbeat, ServerStatus, WorkerHeartbeat};
use orca_registry::{Registry, paths};
use orca_schema::{Counts, MasterRow};
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Where,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    masters: Vec<Master>,
    workers: Vec<Worker>,
    /// Why there are no members to see.
    #[serde(skip_serializing_if = "Option::is_none")]
    registry_error: Option<String>,
    commands_waiting: i64,
    serial_commands_waiting: i64,
    commands_refused: i64,
    workflow_instances: BTreeMap<String, i64>,
    task_instances: BTreeMap<String, i64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Master {
    address: String,
    /// In the registry now.
    registered: bool,
    status: Option<&'static str>,
    runtime: &'static str,
    started: Option<String>,
    /// From Orca's own table; nothing for a Java master.
    epoch: Option<i64>,
    state: Option<String>,
    running: Option<i64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Worker {
    address: String,
    status: Option<&'static str>,
    runtime: &'static str,
    started: Option<String>,
    worker_group: Option<String>,
    slots_used: Option<f64>,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    block_on(async {
        let settings = arguments.place.settings(context)?;
        let database = Database::open(&settings).await?;
        let (counts, rows) = database
            .must(|store| Ok((store.counts()?, store.list_masters()?)))
            .await?;
        let seen = match open_registry(&settings).await {
            Ok(registry) => {
                let seen = look(&*registry).await;
                registry.close().await;
                seen
            }
            Err(failure) => Err(failure),
        };
        let status = Status::of(seen, &rows, &counts, database.zone);
        if context.json {
            output::json(&status)
        } else {
            status.print()
        }
        Ok(if status.registry_error.is_some() {
            Exit::Failed
        } else {
            Exit::Ok
        })
    })
}

/// Address and heartbeat of each member; an empty heartbeat for one that left while we looked.
struct Seen {
    masters: Vec<(String, String)>,
    workers: Vec<(String, String)>,
}

async fn look(registry: &dyn Registry) -> Result<Seen, Failure> {
    Ok(Seen {
        masters: beats(registry, paths::MASTERS).await?,
        workers: beats(registry, paths::WORKERS).await?,
    })
}

async fn beats(registry: &dyn Registry, directory: &str) -> Result<Vec<(String, String)>, Failure> {
    let mut found = Vec::new();
    for address in members(registry, directory).await? {
        let path = format!("{directory}/{address}");
        let data = registry
            .get(&path)
            .await
            .map_err(|error| Failure::failed(error.to_string()))?;
        found.extend(data.map(|data| (address, data)));
    }
    Ok(found)
}

impl Status {
    fn of(seen: Result<Seen, Failure>, rows: &[MasterRow], counts: &Counts, zone: chrono_tz::Tz) -> Self {
        let (seen, registry_error) = match seen {
            Ok(seen) => (seen, None),
            Err(failure) => (
                Seen {
                    masters: Vec::new(),
                    workers: Vec::new(),
                },
                Some(failure.message),
            ),
        };
        let name_of_workflow = |code| WorkflowState::try_from(code).map(WorkflowState::name).ok();
        let name_of_task = |code| TaskState::try_from(code).map(TaskState::name).ok();
        Self {
            masters: masters(&seen.masters, rows, zone),
            workers: seen
                .workers
                .iter()
                .map(|(address, data)| worker(address, data, zone))
                .collect(),
            registry_error,
            commands_waiting: counts.commands,
            serial_commands_waiting: counts.serial_commands,
            commands_refused: counts.error_commands,
            workflow_instances: named(&counts.workflow_instances, name_of_workflow),
            task_instances: named(&counts.task_instances, name_of_task),
        }
    }

    fn print(&self) {
        if let Some(error) = &self.registry_error {
            output::complaint(error);
        }
        self.lines().iter().for_each(output::line);
    }

    fn lines(&self) -> Vec<String> {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let masters: Vec<_> = self
            .masters
            .iter()
            .map(|master| {
                vec![
                    master.address.clone(),
                    if master.registered {
                        master.status.unwrap_or("unknown").to_owned()
                    } else {
                        "gone".to_owned()
                    },
                    master.runtime.to_owned(),
                    text(&master.started),
                    master.epoch.map(|epoch| epoch.to_string()).unwrap_or_default(),
                    master
                        .running
                        .map(|running| running.to_string())
                        .unwrap_or_default(),
                ]
            })
            .collect();
        let workers: Vec<_> = self
            .workers
            .iter()
            .map(|worker| {
                vec![
                    worker.address.clone(),
                    worker.status.unwrap_or("unknown").to_owned(),
                    worker.runtime.to_owned(),
                    text(&worker.started),
                    text(&worker.worker_group),
                    worker
                        .slots_used
                        .map(|share| format!("{:.0} %", share * 100.0))
                        .unwrap_or_default(),
                ]
            })
            .collect();
        let mut lines = render(
            &["MASTER", "STATUS", "RUNTIME", "STARTED", "EPOCH", "RUNNING"],
            &masters,
            0,
        );
        lines.push(String::new());
        lines.extend(render(
            &["WORKER", "STATUS", "RUNTIME", "STARTED", "GROUP", "SLOTS USED"],
            &workers,
            0,
        ));
        lines.push(String::new());
        lines.push(format!(
            "commands: {} waiting, {} waiting in line, {} refused",
            self.commands_waiting, self.serial_commands_waiting, self.commands_refused
        ));
        lines.push(format!(
            "workflow instances: {}",
            listed(&self.workflow_instances)
        ));
        lines.push(format!("task instances: {}", listed(&self.task_instances)));
        lines
    }
}

/// Registered masters, and those in Orca's table that own something without being registered.
fn masters(seen: &[(String, String)], rows: &[MasterRow], zone: chrono_tz::Tz) -> Vec<Master> {
    let row_of = |address: &str| rows.iter().find(|row| row.address == address);
    let mut masters: Vec<Master> = seen
        .iter()
        .map(|(address, data)| {
            let beat = MasterHeartbeat::from_json(data).ok();
            let row = row_of(address);
            Master {
                address: address.clone(),
                registered: true,
                status: status_of(beat.as_ref()),
                runtime: runtime_of(beat.as_ref()),
                started: started(beat.as_ref(), zone),
                epoch: row.map(|row| row.epoch),
                state: row.map(|row| row.state.clone()),
                running: row.map(|row| row.running),
            }
        })
        .collect();
    let gone = rows
        .iter()
        .filter(|row| row.running > 0 && seen.iter().all(|(address, _)| *address != row.address));
    masters.extend(gone.map(|row| Master {
        address: row.address.clone(),
        registered: false,
        status: None,
        runtime: "orca",
        started: Some(wall_clock_text(row.started_at, zone)),
        epoch: Some(row.epoch),
        state: Some(row.state.clone()),
        running: Some(row.running),
    }));
    masters
}

fn worker(address: &str, data: &str, zone: chrono_tz::Tz) -> Worker {
    let beat = WorkerHeartbeat::from_json(data).ok();
    let server = beat.as_ref().map(|beat| &beat.server);
    Worker {
        address: address.to_owned(),
        status: status_of(server),
        runtime: runtime_of(server),
        started: started(server, zone),
        worker_group: beat.as_ref().map(|beat| beat.worker_group.clone()),
        slots_used: beat.as_ref().map(|beat| beat.thread_pool_usage),
    }
}

fn status_of(beat: Option<&MasterHeartbeat>) -> Option<&'static str> {
    beat.and_then(|beat| beat.server_status).map(ServerStatus::name)
}

fn runtime_of(beat: Option<&MasterHeartbeat>) -> &'static str {
    match beat {
        Some(beat) if beat.is_orca() => "orca",
        Some(_) => "java",
        None => "unknown",
    }
}

fn started(beat: Option<&MasterHeartbeat>, zone: chrono_tz::Tz) -> Option<String> {
    beat.map(|beat| wall_clock_text(Millis(beat.startup_time_ms), zone))
}

fn named(counts: &BTreeMap<i32, i64>, name: impl Fn(i32) -> Option<&'static str>) -> BTreeMap<String, i64> {
    counts
        .iter()
        .map(|(code, rows)| (name(*code).map_or_else(|| code.to_string(), str::to_owned), *rows))
        .collect()
}

fn listed(counts: &BTreeMap<String, i64>) -> String {
    if counts.is_empty() {
        return "none".to_owned();
    }
    counts
        .iter()
        .map(|(state, rows)| format!("{rows} {state}"))
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(address: &str, running: i64) -> MasterRow {
        MasterRow {
            address: address.to_owned(),
            epoch: 3,
            state: "active".to_owned(),
            started_at: Millis(0),
            changed_at: Millis(0),
            running,
        }
    }

    #[test]
    fn a_master_that_is_gone_and_owns_something_is_shown() {
        let seen = Seen {
            masters: vec![("a:1".to_owned(), "not json".to_owned())],
            workers: Vec::new(),
        };
        let counts = Counts {
            workflow_instances: BTreeMap::from([(7, 2), (99, 1)]),
            commands: 4,
            ..Counts::default()
        };
        let status = Status::of(
            Ok(seen),
            &[row("a:1", 1), row("b:2", 2), row("c:3", 0)],
            &counts,
            chrono_tz::UTC,
        );
        let lines = status.lines();
        assert_eq!(
            lines,
            [
                "MASTER  STATUS   RUNTIME  STARTED              EPOCH  RUNNING",
                "a:1     unknown  unknown                       3      1",
                "b:2     gone     orca     1970-01-01 00:00:00  3      2",
                "",
                "WORKER  STATUS  RUNTIME  STARTED  GROUP  SLOTS USED",
                "",
                "commands: 4 waiting, 0 waiting in line, 0 refused",
                "workflow instances: 1 99, 2 SUCCESS",
                "task instances: none",
            ]
        );
    }

    #[test]
    fn a_registry_that_is_away_is_an_error_beside_the_rest() {
        let status = Status::of(
            Err(Failure::failed("away")),
            &[row("b:2", 2)],
            &Counts::default(),
            chrono_tz::UTC,
        );
        assert_eq!(
            (status.registry_error.as_deref(), status.masters.len()),
            (Some("away"), 1)
        );
    }
}
