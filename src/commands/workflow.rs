//! `orca workflow list|show|start|recover|rerun|pause|stop`: runs of workflows, read from the rows, started and steered through a master.

use super::cluster::{Cluster, Database, Where, block_on};
use super::runs::control::{Control, control, has_begun};
use super::runs::follow::{definition, follow, rows};
use super::runs::start::{StartedRun, start};
use super::runs::view::{RunView, view};
use super::runs::{logs, report};
use super::standalone::{read_files, screen};
use super::table::{duration, render};
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::flowfile::Flow;
use crate::limits::{LIST_LEN, LIST_LEN_MAX, LOG_LINES};
use crate::output;
use clap::{Args, Subcommand};
use orca_engine::codes::WorkflowState;
use orca_rpc::Client;
use orca_schema::{Error, InstanceFilter, Page};
use serde_json::json;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Newest runs first
    List(List),
    /// One run with its tasks: states, hosts, times, logs, and why a task failed
    Show(Show),
    /// Save the workflow of each file and start it on a running cluster
    Start(Start),
    /// Let a run go on that ended in FAILURE, PAUSE or STOP: what succeeded is kept
    Recover(Again),
    /// Let a run that has ended begin again, with all its tasks
    Rerun(Again),
    /// Let no further task of a run begin; tasks that run end by themselves
    Pause(Steer),
    /// Kill the running tasks of a run and end it
    Stop(Steer),
}

#[derive(Debug, Args)]
struct List {
    /// Only runs in this state, like RUNNING_EXECUTION or FAILURE; may be given several times
    #[arg(long = "state", value_name = "STATE", value_parser = state)]
    states: Vec<WorkflowState>,

    /// Only runs of this project
    #[arg(long, value_name = "NAME")]
    project: Option<String>,

    /// Only runs whose name contains this text
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,

    /// Only runs of this master, as host:port
    #[arg(long, value_name = "HOST")]
    host: Option<String>,

    /// How many
    #[arg(long, value_name = "N", default_value_t = LIST_LEN, value_parser = clap::value_parser!(u32).range(1..=i64::from(LIST_LEN_MAX)))]
    limit: u32,

    /// Only runs with a smaller id: the last one of the list before
    #[arg(long, value_name = "ID")]
    before: Option<i32>,

    #[command(flatten)]
    place: Where,
}

#[derive(Debug, Args)]
struct Show {
    /// The id of the run, as `orca workflow list` prints it
    id: i32,

    /// Lines of the log of each failed task, fetched from its worker
    #[arg(long, value_name = "N", default_value_t = LOG_LINES)]
    log_lines: usize,

    #[command(flatten)]
    place: Where,
}

#[derive(Debug, Args)]
struct Start {
    /// Workflow files (docs/workflow-files.md)
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Follow the runs to their end; exit code 0 only when all succeed
    #[arg(long)]
    wait: bool,

    #[command(flatten)]
    place: Where,
}

#[derive(Debug, Args)]
struct Steer {
    /// The id of the run, as `orca workflow list` prints it
    id: i32,

    #[command(flatten)]
    place: Where,
}

#[derive(Debug, Args)]
struct Again {
    /// The id of the run, as `orca workflow list` prints it
    id: i32,

    /// Follow the run to its end; exit code 0 only when it succeeds
    #[arg(long)]
    wait: bool,

    #[command(flatten)]
    place: Where,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    match &arguments.action {
        Action::List(list) => block_on(list.run(context)),
        Action::Show(show) => block_on(show.run(context)),
        Action::Start(start) => {
            let flows = read_files(&start.files, context)?;
            block_on(start.run(&flows, context))
        }
        Action::Recover(run) => block_on(run.again(Control::Recover, context)),
        Action::Rerun(run) => block_on(run.again(Control::Rerun, context)),
        Action::Pause(run) => block_on(run.steer(Control::Pause, context)),
        Action::Stop(run) => block_on(run.steer(Control::Stop, context)),
    }
}

fn state(text: &str) -> Result<WorkflowState, String> {
    text.to_uppercase().parse().map_err(|_| {
        let known: Vec<_> = WorkflowState::ALL.iter().map(|state| state.name()).collect();
        format!("unknown state; the states are {}", known.join(", "))
    })
}

impl List {
    async fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let database = Database::open(&self.place.settings(context)?).await?;
        let filter = InstanceFilter {
            states: self.states.clone(),
            project: self.project.clone(),
            name_contains: self.name.clone(),
            host: self.host.clone(),
            workflow_definition_code: None,
        };
        let page = Page {
            before_id: self.before,
            len: self.limit,
        };
        let found = database
            .must(move |store| Ok((store.list_instances(&filter, page)?, store.database_time()?)))
            .await?;
        let (instances, now) = found;
        let views: Vec<RunView> = instances
            .iter()
            .map(|instance| view(instance, &[], None, now, database.zone))
            .collect();
        if context.json {
            let runs: Vec<_> = views.iter().map(without_tasks).collect();
            output::json(&json!({ "runs": runs }));
        } else {
            print_list(&views, self.limit);
        }
        Ok(Exit::Ok)
    }
}

/// A list has not read the tasks, so it must not say that there are none.
fn without_tasks(run: &RunView) -> serde_json::Value {
    let mut value = json!(run);
    if let Some(fields) = value.as_object_mut() {
        fields.remove("tasks");
    }
    value
}

fn print_list(runs: &[RunView], limit: u32) {
    if runs.is_empty() {
        output::line("no runs");
        return;
    }
    let row = |run: &RunView| {
        vec![
            run.workflow_instance_id.to_string(),
            run.name.clone(),
            run.state.to_owned(),
            run.start_time.clone().unwrap_or_default(),
            run.duration_millis.map(duration).unwrap_or_default(),
            run.host.clone().unwrap_or_default(),
        ]
    };
    let rows: Vec<_> = runs.iter().map(row).collect();
    for line in render(&["ID", "NAME", "STATE", "STARTED", "TIME", "MASTER"], &rows, 0) {
        output::line(line);
    }
    if let Some(last) = runs.last().filter(|_| runs.len() >= limit as usize) {
        output::line(format!("more: --before {}", last.workflow_instance_id));
    }
}

impl Show {
    async fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let database = Database::open(&self.place.settings(context)?).await?;
        let read = self.read(&database).await;
        let mut runs = match read {
            Ok(run) => [run],
            Err(Error::Missing { .. }) => {
                return Err(Failure::failed(format!(
                    "there is no run {}; see `orca workflow list`",
                    self.id
                )));
            }
            Err(error) => return Err(Failure::failed(error.to_string())),
        };
        let client = Client::default();
        logs::add_to_failed(&client, &mut runs, self.log_lines).await;
        client.shutdown();
        let [run] = &runs;
        if context.json {
            output::json(run);
        } else {
            report::details(run).iter().for_each(output::line);
        }
        Ok(Exit::Ok)
    }

    async fn read(&self, database: &Database) -> Result<RunView, Error> {
        let rows = rows(database, self.id).await?;
        let definition = definition(database, &rows.instance).await?;
        Ok(view(
            &rows.instance,
            &rows.tasks,
            definition.as_deref(),
            rows.now,
            database.zone,
        ))
    }
}

impl Steer {
    async fn steer(&self, what: Control, context: &Context) -> Result<Exit, Failure> {
        let cluster = Cluster::open(&self.place.settings(context)?).await?;
        let result = control(&cluster, what, self.id).await;
        cluster.close().await;
        result?;
        if context.json {
            output::json(&json!({ "workflowInstanceId": self.id, "asked": what.name() }));
        } else {
            output::line(format!("run {}: {}", self.id, what.promise()));
        }
        Ok(Exit::Ok)
    }
}

impl Again {
    async fn again(&self, what: Control, context: &Context) -> Result<Exit, Failure> {
        if self.wait {
            let cluster = Cluster::open(&self.place.settings(context)?).await?;
            let result = self.again_to_the_end(what, &cluster, context).await;
            cluster.close().await;
            return result;
        }
        let (id, place) = (self.id, self.place.clone());
        Steer { id, place }.steer(what, context).await
    }

    async fn again_to_the_end(
        &self,
        what: Control,
        cluster: &Cluster,
        context: &Context,
    ) -> Result<Exit, Failure> {
        let before = control(cluster, what, self.id).await?;
        if !context.json {
            output::line(format!("run {}: {}", self.id, what.promise()));
        }
        has_begun(cluster, &before).await?;
        let found = definition(&cluster.database, &before).await;
        let found = found.map_err(|error| Failure::failed(error.to_string()))?;
        let Some(definition) = found else {
            return Err(Failure::failed(format!(
                "run {} cannot be followed, since its definition is gone; see `orca workflow show {}`",
                self.id, self.id
            )));
        };
        let run = StartedRun {
            workflow_instance_id: self.id,
            definition,
        };
        follow_to_the_end(&[run], cluster, context).await
    }
}

impl Start {
    async fn run(&self, flows: &[Flow], context: &Context) -> Result<Exit, Failure> {
        let cluster = Cluster::open(&self.place.settings(context)?).await?;
        let result = self.start_all(flows, &cluster, context).await;
        cluster.close().await;
        result
    }

    async fn start_all(&self, flows: &[Flow], cluster: &Cluster, context: &Context) -> Result<Exit, Failure> {
        let mut runs = Vec::new();
        for flow in flows {
            let run = start(cluster, flow).await?;
            if !context.json {
                output::line(format!(
                    "{}: started as instance {}",
                    flow.name, run.workflow_instance_id
                ));
            }
            runs.push(run);
        }
        if self.wait {
            return follow_to_the_end(&runs, cluster, context).await;
        }
        if context.json {
            let started = |(flow, run): (&Flow, &StartedRun)| json!({ "name": flow.name, "workflowInstanceId": run.workflow_instance_id });
            output::json(&json!({ "started": flows.iter().zip(&runs).map(started).collect::<Vec<_>>() }));
        }
        Ok(Exit::Ok)
    }
}

async fn follow_to_the_end(
    runs: &[StartedRun],
    cluster: &Cluster,
    context: &Context,
) -> Result<Exit, Failure> {
    let mut screen = screen(context);
    let mut views = follow(&cluster.database, runs, &mut screen, |_| Ok(())).await?;
    logs::add_to_failed(&cluster.client, &mut views, LOG_LINES).await;
    let succeeded = views.iter().all(|run| run.succeeded);
    if context.json {
        output::json(&json!({ "succeeded": succeeded, "runs": views }));
    } else {
        report::summary(&views).iter().for_each(output::line);
    }
    Ok(if succeeded { Exit::Ok } else { Exit::Failed })
}
