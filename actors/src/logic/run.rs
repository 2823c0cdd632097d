//! One attempt from its start to its last report.

use super::branch::{Conditions, Switch};
use super::dependent::Dependent;
use super::desk::{Desk, report};
use super::fake::Fake;
use super::sub_workflow::SubWorkflow;
use super::{Asked, Attempt, Ending};
use crate::term::Term;
use futures::FutureExt;
use orca_engine::logic::LogicType;
use orca_engine::model::ExecutionContext;
use orca_engine::workflow::{ExecutorEventKind, NodeId, WorkflowMachine};
use orca_task_log::{Level, LogName, TaskLog};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tokio::sync::watch;

/// What is run.
pub(crate) enum LogicTask {
    Conditions(Conditions),
    Switch(Switch),
    Fake(Fake),
    SubWorkflow(SubWorkflow),
    Dependent(Dependent),
}

impl LogicTask {
    /// The executor of a node's task, with what it has to know of the workflow. `None`: it is for workers.
    pub(crate) fn of(machine: &WorkflowMachine, node: NodeId) -> Option<Self> {
        let codes = || machine.definition().tasks.iter().map(|task| task.code);
        match machine.logic_type(node)? {
            LogicType::Fake => Some(Self::Fake(Fake)),
            LogicType::Conditions => {
                let states = codes().filter_map(|code| Some((code, machine.state_of_code(code)?)));
                Some(Self::Conditions(Conditions {
                    states: states.collect(),
                }))
            }
            LogicType::Switch => Some(Self::Switch(Switch {
                codes: codes().collect(),
                var_pool: machine.task(node).and_then(|row| row.var_pool.clone()),
            })),
            LogicType::SubWorkflow => Some(Self::SubWorkflow(SubWorkflow)),
            LogicType::Dependent => Some(Self::Dependent(Dependent {
                task_code: machine.task_definition(node).code,
            })),
        }
    }

    pub(crate) const fn logic_type(&self) -> LogicType {
        match self {
            Self::Conditions(_) => LogicType::Conditions,
            Self::Switch(_) => LogicType::Switch,
            Self::Fake(_) => LogicType::Fake,
            Self::SubWorkflow(_) => LogicType::SubWorkflow,
            Self::Dependent(_) => LogicType::Dependent,
        }
    }

    async fn run(self, desk: &mut Desk) -> Ending {
        match self {
            Self::Conditions(conditions) => conditions.run(desk).await,
            Self::Switch(switch) => switch.run(desk).await,
            Self::Fake(fake) => fake.run(desk).await,
            Self::SubWorkflow(sub_workflow) => sub_workflow.run(desk).await,
            Self::Dependent(dependent) => dependent.run(desk).await,
        }
    }
}

/// Ends without a report when the right to act is gone: what is dropped here takes its processes with it.
pub(super) async fn run(term: &Arc<Term>, attempt: Attempt, asked: watch::Receiver<Asked>) {
    let mut abandoned = asked.clone();
    tokio::select! {
        biased;
        _ = abandoned.wait_for(|asked| *asked == Asked::Abandon) => {}
        () = to_the_end(term, attempt, asked) => {}
    }
}

async fn to_the_end(term: &Arc<Term>, attempt: Attempt, asked: watch::Receiver<Asked>) {
    let Attempt {
        context,
        workflow,
        task,
        ..
    } = attempt;
    let id = context.task_instance_id;
    let path = log_name(&context).path(&term.settings.logic.log_directory, term.settings.zone);
    let path = std::path::absolute(&path).unwrap_or(path);
    let log = match TaskLog::open(&path, term.settings.zone).await {
        Ok(log) => log,
        Err(error) => {
            log::error!(task_instance_id = id; "cannot open the task log {}: {error}", path.display());
            return report(&workflow, id, ExecutorEventKind::Failed { end_time: term.now() });
        }
    };
    let running = ExecutorEventKind::Running {
        start_time: term.now(),
        log_path: Some(path.to_string_lossy().into_owned()),
    };
    report(&workflow, id, running);
    let mut desk = Desk::new(term.clone(), context, log, asked, workflow);
    let ending = match AssertUnwindSafe(begin(task, &mut desk)).catch_unwind().await {
        Ok(ending) => ending,
        Err(_) => Ending::Failed("the code that runs it has panicked".to_owned()),
    };
    end(&desk, ending).await;
}

async fn begin(task: LogicTask, desk: &mut Desk) -> Ending {
    let context = &desk.context;
    desk.say(&format!("Task {} ({})", context.task_name, context.task_type))
        .await;
    if context.dry_run {
        desk.say("This is a dry run: nothing is started").await;
        return match task {
            // What it names has to exist even then, as in the reference.
            LogicTask::Dependent(_) => match Dependent::check(desk).await {
                Ok(_) => Ending::Succeeded(Vec::new()),
                Err(ending) => ending,
            },
            LogicTask::Fake(_)
            | LogicTask::SubWorkflow(_)
            | LogicTask::Conditions(_)
            | LogicTask::Switch(_) => Ending::Succeeded(Vec::new()),
        };
    }
    task.run(desk).await
}

async fn end(desk: &Desk, ending: Ending) {
    let end_time = desk.term.now();
    let (level, text, kind) = match ending {
        Ending::Succeeded(var_pool) => (
            Level::Info,
            "SUCCESS".to_owned(),
            ExecutorEventKind::Succeeded { end_time, var_pool },
        ),
        Ending::Failed(reason) => {
            log::info!(task_instance_id = desk.context.task_instance_id; "task {} failed: {reason}", desk.context.task_name);
            (
                Level::Error,
                format!("FAILURE, because {reason}"),
                ExecutorEventKind::Failed { end_time },
            )
        }
        Ending::Killed => (
            Level::Warn,
            "KILL".to_owned(),
            ExecutorEventKind::Killed { end_time },
        ),
        Ending::Paused => (
            Level::Info,
            "PAUSE".to_owned(),
            ExecutorEventKind::Paused { end_time },
        ),
    };
    desk.log.line(level, &format!("The task has ended: {text}")).await;
    desk.report(kind);
}

const fn log_name(context: &ExecutionContext) -> LogName {
    LogName {
        first_submit_time: context.first_submit_time,
        workflow_definition_code: context.workflow_definition_code,
        workflow_definition_version: context.workflow_definition_version,
        workflow_instance_id: context.workflow_instance_id,
        task_instance_id: context.task_instance_id,
    }
}
