//! `orca failover list|show|plan`: who died, what became of their workflows, and what a death would move now. Reads only.

use super::cluster::{Database, Where, block_on};
use super::table::{precise_duration, render};
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::limits::{FAILOVER_ENTRIES_MAX, FAILOVER_PLAN_MAX, LIST_LEN, LIST_LEN_MAX};
use crate::output;
use chrono_tz::Tz;
use clap::{Args, Subcommand};
use orca_engine::codes::{Priority, TaskState, WorkflowState};
use orca_engine::time::{Millis, wall_clock_text};
use orca_schema::limits::PAGE_LEN_MAX;
use orca_schema::{Error, Failover, FailoverEntry, PlannedMove, PlannedTask, Store};
use serde::Serialize;
use serde_json::json;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Masters that died, newest first
    List(List),
    /// One failover: when it was noticed and done, and what happened to each workflow and task
    Show(Show),
    /// What would move if this master died now
    Plan(Plan),
}

#[derive(Debug, Args)]
struct List {
    /// How many
    #[arg(long, value_name = "N", default_value_t = LIST_LEN, value_parser = clap::value_parser!(u32).range(1..=i64::from(LIST_LEN_MAX)))]
    limit: u32,

    /// Only failovers with a smaller id: the last one of the list before
    #[arg(long, value_name = "ID")]
    before: Option<i64>,

    #[command(flatten)]
    place: Where,
}

#[derive(Debug, Args)]
struct Show {
    /// The id of the failover, as `orca failover list` prints it
    id: i64,

    #[command(flatten)]
    place: Where,
}

#[derive(Debug, Args)]
struct Plan {
    /// The master, as host:port
    host: String,

    #[command(flatten)]
    place: Where,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FailoverView {
    id: i64,
    dead: String,
    epoch: i64,
    state: String,
    worked_by: Option<String>,
    reason: Option<String>,
    moved: i32,
    detected: String,
    /// From the moment it was noticed.
    claimed_after_millis: Option<i64>,
    scanned_after_millis: Option<i64>,
    done_after_millis: Option<i64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EntryView {
    workflow_instance_id: i32,
    task_instance_id: Option<i32>,
    event: String,
    detail: Option<String>,
    at: String,
    after_millis: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MoveView {
    workflow_instance_id: i32,
    name: Option<String>,
    state: Option<&'static str>,
    priority: Option<&'static str>,
    tasks: Vec<TaskView>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TaskView {
    task_instance_id: i32,
    name: Option<String>,
    state: Option<&'static str>,
    host: Option<String>,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    match &arguments.action {
        Action::List(list) => block_on(list.run(context)),
        Action::Show(show) => block_on(show.run(context)),
        Action::Plan(plan) => block_on(plan.run(context)),
    }
}

impl List {
    async fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let database = Database::open(&self.place.settings(context)?).await?;
        let (before, limit) = (self.before, self.limit);
        let found = database
            .must(move |store| store.list_failovers(before, limit))
            .await?;
        let views: Vec<FailoverView> = found
            .into_iter()
            .map(|one| FailoverView::of(one, database.zone))
            .collect();
        if context.json {
            output::json(&json!({ "failovers": views }));
        } else {
            list_lines(&views, limit).iter().for_each(output::line);
        }
        Ok(Exit::Ok)
    }
}

impl Show {
    async fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let database = Database::open(&self.place.settings(context)?).await?;
        let id = self.id;
        let found = database.must(move |store| read(store, id)).await?;
        let Some((failover, entries)) = found else {
            return Err(Failure::failed(format!(
                "there is no failover {id}; see `orca failover list`"
            )));
        };
        let detected = failover.detected_at;
        let view = FailoverView::of(failover, database.zone);
        let entries: Vec<EntryView> = entries
            .into_iter()
            .map(|entry| EntryView::of(entry, detected, database.zone))
            .collect();
        if context.json {
            output::json(&json!({ "failover": view, "entries": entries }));
        } else {
            show_lines(&view, &entries).iter().for_each(output::line);
        }
        Ok(Exit::Ok)
    }
}

impl Plan {
    async fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let database = Database::open(&self.place.settings(context)?).await?;
        let host = self.host.clone();
        let moves = database
            .must(move |store| store.plan_failover(&host, FAILOVER_PLAN_MAX))
            .await?;
        let views: Vec<MoveView> = moves.into_iter().map(MoveView::of).collect();
        let is_cut = views.len() >= FAILOVER_PLAN_MAX as usize;
        if context.json {
            output::json(&json!({ "host": self.host, "moves": views, "cut": is_cut }));
        } else {
            plan_lines(&self.host, &views).iter().for_each(output::line);
            if is_cut {
                output::complaint(format!("only the first {FAILOVER_PLAN_MAX} are shown"));
            }
        }
        Ok(Exit::Ok)
    }
}

/// The failover with all its lines.
fn read(store: &Store, id: i64) -> Result<Option<(Failover, Vec<FailoverEntry>)>, Error> {
    let Some(failover) = store.get_failover(id)? else {
        return Ok(None);
    };
    let mut entries: Vec<FailoverEntry> = Vec::new();
    while entries.len() < FAILOVER_ENTRIES_MAX {
        let after = entries.last().map_or(0, |entry| entry.id);
        let page = store.list_failover_entries(id, after, PAGE_LEN_MAX)?;
        let is_last = page.len() < PAGE_LEN_MAX as usize;
        entries.extend(page);
        if is_last {
            break;
        }
    }
    Ok(Some((failover, entries)))
}

impl FailoverView {
    fn of(failover: Failover, zone: Tz) -> Self {
        let detected = failover.detected_at;
        let after = |at: Option<Millis>| at.map(|at| at.since(detected));
        Self {
            id: failover.id,
            dead: failover.dead.address,
            epoch: failover.dead.epoch,
            state: failover.state,
            worked_by: failover.worked_by,
            reason: failover.reason,
            moved: failover.moved,
            detected: wall_clock_text(detected, zone),
            claimed_after_millis: after(failover.claimed_at),
            scanned_after_millis: after(failover.scanned_at),
            done_after_millis: after(failover.done_at),
        }
    }
}

impl EntryView {
    fn of(entry: FailoverEntry, detected: Millis, zone: Tz) -> Self {
        Self {
            workflow_instance_id: entry.workflow_instance_id,
            task_instance_id: entry.task_instance_id,
            event: entry.event,
            detail: entry.detail,
            at: wall_clock_text(entry.at, zone),
            after_millis: entry.at.since(detected),
        }
    }
}

impl MoveView {
    fn of(planned: PlannedMove) -> Self {
        let priority = planned.priority.and_then(|code| Priority::try_from(code).ok());
        Self {
            workflow_instance_id: planned.workflow_instance_id,
            name: planned.name,
            state: planned.state.map(WorkflowState::name),
            priority: priority.map(Priority::name),
            tasks: planned.tasks.into_iter().map(TaskView::of).collect(),
        }
    }
}

impl TaskView {
    fn of(task: PlannedTask) -> Self {
        Self {
            task_instance_id: task.task_instance_id,
            name: task.name,
            state: task.state.map(TaskState::name),
            host: task.host,
        }
    }
}

fn list_lines(failovers: &[FailoverView], limit: u32) -> Vec<String> {
    if failovers.is_empty() {
        return vec!["no failovers".to_owned()];
    }
    let row = |one: &FailoverView| {
        vec![
            one.id.to_string(),
            one.detected.clone(),
            one.dead.clone(),
            one.worked_by.clone().unwrap_or_default(),
            one.moved.to_string(),
            one.state.clone(),
            one.done_after_millis.map(precise_duration).unwrap_or_default(),
        ]
    };
    let rows: Vec<_> = failovers.iter().map(row).collect();
    let titles = [
        "ID",
        "DETECTED",
        "DEAD MASTER",
        "TAKEN UP BY",
        "MOVED",
        "STATE",
        "TIME",
    ];
    let mut lines = render(&titles, &rows, 0);
    if let Some(last) = failovers.last().filter(|_| failovers.len() >= limit as usize) {
        lines.push(format!("more: --before {}", last.id));
    }
    lines
}

fn show_lines(failover: &FailoverView, entries: &[EntryView]) -> Vec<String> {
    let after = |millis: Option<i64>| {
        millis.map_or_else(
            || "not yet".to_owned(),
            |after| format!("+{}", precise_duration(after)),
        )
    };
    let facts = [
        (
            "dead master",
            format!("{} (epoch {})", failover.dead, failover.epoch),
        ),
        ("because", failover.reason.clone().unwrap_or_default()),
        ("taken up by", failover.worked_by.clone().unwrap_or_default()),
        ("detected", failover.detected.clone()),
        ("claimed", after(failover.claimed_after_millis)),
        ("scanned", after(failover.scanned_after_millis)),
        ("done", after(failover.done_after_millis)),
        ("moved", failover.moved.to_string()),
    ];
    let facts = facts.map(|(name, value)| vec![name.to_owned(), value]);
    let mut lines = render(&["FAILOVER", &failover.id.to_string()], &facts, 0);
    if entries.is_empty() {
        return lines;
    }
    let row = |entry: &EntryView| {
        vec![
            format!("+{}", precise_duration(entry.after_millis)),
            entry.workflow_instance_id.to_string(),
            entry
                .task_instance_id
                .map(|id| id.to_string())
                .unwrap_or_default(),
            entry.event.clone(),
            entry.detail.clone().unwrap_or_default(),
        ]
    };
    let rows: Vec<_> = entries.iter().map(row).collect();
    lines.push(String::new());
    lines.extend(render(&["AFTER", "WORKFLOW", "TASK", "WHAT", "DETAIL"], &rows, 0));
    lines
}

fn plan_lines(host: &str, moves: &[MoveView]) -> Vec<String> {
    if moves.is_empty() {
        return vec![format!(
            "nothing would move: no running workflow instance has the host {host}"
        )];
    }
    let mut rows = Vec::new();
    for one in moves {
        rows.push(vec![
            one.workflow_instance_id.to_string(),
            one.name.clone().unwrap_or_default(),
            one.state.unwrap_or("unknown").to_owned(),
            one.priority.unwrap_or_default().to_owned(),
        ]);
        rows.extend(one.tasks.iter().map(|task| {
            vec![
                format!("  {}", task.task_instance_id),
                format!("  {}", task.name.as_deref().unwrap_or_default()),
                task.state.unwrap_or("unknown").to_owned(),
                String::new(),
                task.host.clone().unwrap_or_default(),
            ]
        }));
    }
    let mut lines = render(&["ID", "NAME", "STATE", "PRIORITY", "WORKER"], &rows, 0);
    let tasks: usize = moves.iter().map(|one| one.tasks.len()).sum();
    lines.push(format!(
        "{} workflow instances with {tasks} open tasks would move",
        moves.len()
    ));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use orca_schema::DeadMaster;

    fn failover() -> FailoverView {
        let failover = Failover {
            id: 4,
            dead: DeadMaster {
                address: "a:1".to_owned(),
                epoch: 3,
            },
            state: "moving".to_owned(),
            worked_by: Some("b:2".to_owned()),
            reason: Some("gone".to_owned()),
            detected_at: Millis(1_000),
            claimed_at: Some(Millis(1_012)),
            scanned_at: Some(Millis(2_500)),
            done_at: None,
            moved: 1,
        };
        FailoverView::of(failover, chrono_tz::UTC)
    }

    #[test]
    fn a_failover_is_shown_with_its_times_from_the_detection() {
        let entry = FailoverEntry {
            id: 1,
            workflow_instance_id: 7,
            task_instance_id: Some(70),
            event: "new-attempt".to_owned(),
            detail: Some("as 71: its worker is gone".to_owned()),
            at: Millis(66_000),
        };
        let entries = [EntryView::of(entry, Millis(1_000), chrono_tz::UTC)];
        assert_eq!(
            show_lines(&failover(), &entries),
            [
                "FAILOVER     4",
                "dead master  a:1 (epoch 3)",
                "because      gone",
                "taken up by  b:2",
                "detected     1970-01-01 00:00:01",
                "claimed      +12 ms",
                "scanned      +1.500 s",
                "done         not yet",
                "moved        1",
                "",
                "AFTER        WORKFLOW  TASK  WHAT         DETAIL",
                "+1 min 05 s  7         70    new-attempt  as 71: its worker is gone",
            ]
        );
    }

    #[test]
    fn a_list_says_where_it_goes_on() {
        assert_eq!(list_lines(&[], 20), ["no failovers"]);
        assert_eq!(
            list_lines(&[failover()], 1),
            [
                "ID  DETECTED             DEAD MASTER  TAKEN UP BY  MOVED  STATE   TIME",
                "4   1970-01-01 00:00:01  a:1          b:2          1      moving",
                "more: --before 4",
            ]
        );
    }

    #[test]
    fn a_plan_names_the_tasks_with_their_workers() {
        let planned = PlannedMove {
            workflow_instance_id: 7,
            name: Some("etl".to_owned()),
            state: Some(WorkflowState::RunningExecution),
            priority: Some(2),
            tasks: vec![PlannedTask {
                task_instance_id: 70,
                name: Some("load".to_owned()),
                state: Some(TaskState::RunningExecution),
                host: Some("w:1".to_owned()),
            }],
        };
        assert_eq!(
            plan_lines("a:1", &[MoveView::of(planned)]),
            [
                "ID    NAME    STATE              PRIORITY  WORKER",
                "7     etl     RUNNING_EXECUTION  MEDIUM",
                "  70    load  RUNNING_EXECUTION            w:1",
                "1 workflow instances with 1 open tasks would move",
            ]
        );
        assert!(plan_lines("a:1", &[])[0].contains("nothing would move"));
    }
}
