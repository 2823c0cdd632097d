//! From command rows to running instances: one batch at a time, in the order of priority and id.
//!
//! Guarantees: a command is taken only while the lease holds and the slot is ours; a command that another master took first
//! is nobody's error; a command that can never run ends in the error table with its reason, and the rest of the batch goes on.

use crate::cluster::ClusterState;
use crate::limits::{COMMIT_QUEUE_INTAKE_STOP, CONTROL_MAILBOX_LEN, INTAKE_FULL_PAUSE, INTAKE_RETRY_PAUSE};
use crate::master_node::{MasterNode, Run, SetAside};
use crate::term::Term;
use crate::workflow::Chronicle;
use actix::{
    Actor, ActorContext, ActorFutureExt, Addr, AsyncContext, Context, Handler, Message, SpawnHandle,
    WrapFuture,
};
use orca_engine::codes::{CommandType, WorkflowState};
use orca_engine::command::{self, ClaimPlan};
use orca_engine::fence::Fence;
use orca_engine::model::{Command, DefinitionSnapshot, TaskInstance, WorkflowInstance};
use orca_engine::time::Millis;
use orca_engine::workflow::WorkflowMachine;
use orca_schema::{ClaimOutcome, Error, ErrorClass, Wanted};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

pub(crate) struct IntakeActor {
    term: Arc<Term>,
    node: Addr<MasterNode>,
    cluster: watch::Receiver<Arc<ClusterState>>,
    /// A batch is under way; a look asked for meanwhile follows it.
    busy: bool,
    again: bool,
    next_look: Option<SpawnHandle>,
}

impl IntakeActor {
    pub(crate) fn new(
        term: Arc<Term>,
        node: Addr<MasterNode>,
        cluster: watch::Receiver<Arc<ClusterState>>,
    ) -> Self {
        Self {
            term,
            node,
            cluster,
            busy: false,
            again: false,
            next_look: None,
        }
    }
}

impl Actor for IntakeActor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(CONTROL_MAILBOX_LEN);
        context.notify(Look);
    }
}

/// Look at the command table now: a command was inserted, the slot changed, or the pause is over. A lost `Look` costs one
/// poll interval, so it is sent with `try_send`.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Look;

impl Handler<Look> for IntakeActor {
    type Result = ();

    fn handle(&mut self, _: Look, context: &mut Self::Context) {
        if self.busy {
            self.again = true;
            return;
        }
        let Some(share) = self.share() else {
            return self.look_later(self.term.settings.intake.poll_interval, context);
        };
        self.busy = true;
        let batch = take_batch(self.term.clone(), self.node.clone(), share);
        let done = batch
            .into_actor(self)
            .map(|result, actor, context| actor.batch_done(result, context));
        context.spawn(done);
    }
}

/// Take no command any more: the term ends.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Rest;

impl Handler<Rest> for IntakeActor {
    type Result = ();

    fn handle(&mut self, _: Rest, context: &mut Self::Context) {
        context.stop();
    }
}

/// What may be taken now.
#[derive(Clone, Copy)]
struct Share {
    wanted: Wanted,
    slot: i32,
    total: i32,
}

impl IntakeActor {
    /// Our slot, when commands may be taken now. With as many instances as the settings allow only what goes on with running work is taken: parents that
    /// wait here for their sub-workflows would never end otherwise.
    fn share(&self) -> Option<Share> {
        let state = self.cluster.borrow().clone();
        let slot = state.slot?;
        if !self.term.lease.holds() || self.term.commits.waiting() > COMMIT_QUEUE_INTAKE_STOP {
            return None;
        }
        Some(Share {
            wanted: if self.is_full() {
                Wanted::UnderWay
            } else {
                Wanted::All
            },
            slot: i32::try_from(slot.index).ok()?,
            total: i32::try_from(slot.total).ok()?,
        })
    }

    fn is_full(&self) -> bool {
        let protection = &self.term.settings.heartbeat.load_protection;
        let is_full = protection.enabled && self.term.directory.len() as u64 >= protection.max_running;
        if is_full {
            self.term.metrics.overloaded.add(1);
        }
        is_full
    }

    /// The search for a few commands among many is dearer than taking the first ones.
    fn pause(&self) -> Duration {
        let usual = self.term.settings.intake.poll_interval;
        if self.is_full() {
            usual.max(INTAKE_FULL_PAUSE)
        } else {
            usual
        }
    }

    fn batch_done(&mut self, result: Result<usize, Error>, context: &mut Context<Self>) {
        self.busy = false;
        match result {
            Ok(taken) if taken > 0 || self.again => {
                self.again = false;
                context.notify(Look);
            }
            Ok(_) => self.look_later(self.pause(), context),
            Err(error) if error.class() == ErrorClass::NotOwner => self.leave(&error),
            Err(error) => {
                log::warn!("commands cannot be read: {error}");
                self.look_later(INTAKE_RETRY_PAUSE, context);
            }
        }
    }

    /// This incarnation may never claim again: it was fenced, perhaps by a peer that took up the death of an earlier life and did not see this one yet.
    /// Without its place in the registry its lease ends, and it comes back as another incarnation.
    fn leave(&self, error: &Error) {
        log::error!("this incarnation may not claim any more and gives up its place: {error}");
        let registry = self.term.registry.clone();
        self.term.io.spawn(async move { registry.close().await });
    }

    fn look_later(&mut self, pause: Duration, context: &mut Context<Self>) {
        let next = context.notify_later(Look, pause);
        if let Some(earlier) = self.next_look.replace(next) {
            context.cancel_future(earlier);
        }
    }
}

/// Everything the plans of one batch are made from.
struct Batch {
    commands: Vec<Command>,
    instances: HashMap<i32, WorkflowInstance>,
    tasks: HashMap<i32, Vec<TaskInstance>>,
}

/// Takes one batch; the number of commands that are gone from the table.
async fn take_batch(term: Arc<Term>, node: Addr<MasterNode>, share: Share) -> Result<usize, Error> {
    let settings = term.settings.intake.clone();
    let metrics = term.metrics.clone();
    let batch = term
        .pool
        .run(move |store| {
            let asked = Instant::now();
            let Share { wanted, slot, total } = share;
            let len = settings.batch_len.into();
            let commands = store.fetch_wanted_commands(wanted, slot, total, settings.id_step, len)?;
            metrics.command_query.observe(asked.elapsed());
            if commands.is_empty() {
                return Ok(Batch {
                    commands,
                    instances: HashMap::new(),
                    tasks: HashMap::new(),
                });
            }
            let ids: Vec<i32> = commands
                .iter()
                .map(|command| command.workflow_instance_id)
                .collect();
            let instances = store
                .load_instances(&ids)?
                .into_iter()
                .map(|one| (one.id, one))
                .collect();
            let with_rows: Vec<i32> = commands
                .iter()
                .filter(|command| command::starts_from_rows(command.command_type))
                .map(|command| command.workflow_instance_id)
                .collect();
            let mut tasks: HashMap<i32, Vec<TaskInstance>> = HashMap::new();
            if !with_rows.is_empty() {
                for task in store.load_valid_tasks(&with_rows)? {
                    tasks.entry(task.workflow_instance_id).or_default().push(task);
                }
            }
            Ok(Batch {
                commands,
                instances,
                tasks,
            })
        })
        .await?;
    if batch.commands.is_empty() {
        return Ok(0);
    }
    let begun = Instant::now();
    let gone = claim_batch(&term, &node, batch).await?;
    term.metrics.instance_generate.observe(begun.elapsed());
    Ok(gone)
}

async fn claim_batch(term: &Term, node: &Addr<MasterNode>, mut batch: Batch) -> Result<usize, Error> {
    let mut planned = Vec::with_capacity(batch.commands.len());
    let mut gone = 0;
    for command in &batch.commands {
        match plan(term, command, &mut batch.instances, &mut batch.tasks).await? {
            Ok(one) => planned.push(one),
            Err(reason) => gone += fail(term, command, reason).await?,
        }
    }
    let (owner, lease) = (term.incarnation.clone(), term.lease.clone());
    let plans: Vec<ClaimPlan> = planned.iter().map(|one| one.plan.clone()).collect();
    let outcomes = term
        .pool
        .run(move |store| store.claim(&owner, &plans, &|| lease.holds()))
        .await?;
    for (one, outcome) in planned.into_iter().zip(outcomes) {
        gone += settle(term, node, one, outcome).await?;
    }
    Ok(gone)
}

/// 1 when the command is gone from the table.
async fn settle(
    term: &Term,
    node: &Addr<MasterNode>,
    planned: Planned,
    outcome: ClaimOutcome,
) -> Result<usize, Error> {
    match outcome {
        ClaimOutcome::Claimed {
            fence,
            instance,
            cloned_ids,
            timeout_base,
        } => {
            term.metrics.commands_claimed.add(1);
            term.metrics
                .workflow(WorkflowState::SubmittedSuccess, instance.workflow_definition_code);
            let claimed = Claimed {
                fence,
                instance,
                cloned_ids,
                timeout_base,
            };
            start(term, node, planned, claimed);
        }
        ClaimOutcome::NotMine => term.metrics.commands_lost.add(1),
        ClaimOutcome::Failed { reason, refuse: true } => return fail(term, &planned.command, reason).await,
        ClaimOutcome::Failed {
            reason,
            refuse: false,
        } => {
            log::warn!(workflow_instance_id = planned.plan.instance.id;
                "command {} is not claimed and will be tried again: {reason}", planned.command.id);
            return Ok(0);
        }
    }
    Ok(1)
}

/// A command that can run, with what its machine will be made of.
struct Planned {
    command: Command,
    plan: ClaimPlan,
    definition: Arc<DefinitionSnapshot>,
    /// The owner that a failover took the instance from.
    came_from: Option<String>,
    /// Start nodes that the command names and the instance does not (EXECUTE_TASK).
    start_codes: Option<Vec<i64>>,
}

/// A plan for the command, or the reason why it can never run. A database error is neither: the whole batch is read again.
async fn plan(
    term: &Term,
    command: &Command,
    instances: &mut HashMap<i32, WorkflowInstance>,
    tasks: &mut HashMap<i32, Vec<TaskInstance>>,
) -> Result<Result<Planned, String>, Error> {
    let (code, version) = (
        command.workflow_definition_code,
        command.workflow_definition_version,
    );
    let definition = match term.definitions.get(code, version).await {
        Ok(Some(definition)) => definition,
        Ok(None) => {
            return Ok(Err(format!(
                "Cannot find the WorkflowDefinition: [{code}:{version}]"
            )));
        }
        Err(error) if error.class() == ErrorClass::Refuse => return Ok(Err(error.to_string())),
        Err(error) => return Err(error),
    };
    let Some(instance) = instances.remove(&command.workflow_instance_id) else {
        return Ok(Err(format!(
            "Cannot find the workflow instance: {}",
            command.workflow_instance_id
        )));
    };
    let rows = tasks.remove(&command.workflow_instance_id).unwrap_or_default();
    let came_from = instance
        .host
        .clone()
        .filter(|_| command.command_type == CommandType::RecoverToleranceFaultProcess.code());
    let (host, zone) = (&term.incarnation.address, term.settings.zone);
    let planned = command::start_codes(command)
        .map_err(|error| error.to_string())
        .and_then(|start_codes| {
            command::plan(command, instance, rows, &definition, host, term.now(), zone)
                .map(|plan| Planned {
                    command: command.clone(),
                    plan,
                    definition: definition.clone(),
                    came_from,
                    start_codes,
                })
                .map_err(|error| error.to_string())
        });
    Ok(planned)
}

/// Moves a command that can never run to the error table; 1 when it is gone.
async fn fail(term: &Term, command: &Command, reason: String) -> Result<usize, Error> {
    log::error!(workflow_instance_id = command.workflow_instance_id;
        "command {} of type {} cannot run: {reason}", command.id, command.command_type);
    term.metrics.commands_failed.add(1);
    let failed = command.clone();
    term.pool
        .run(move |store| store.fail_command(&failed, &reason))
        .await?;
    Ok(1)
}

/// What a successful claim has given us.
struct Claimed {
    fence: Fence,
    instance: WorkflowInstance,
    cloned_ids: Vec<i32>,
    timeout_base: Millis,
}

fn start(term: &Term, node: &Addr<MasterNode>, planned: Planned, claimed: Claimed) {
    let Claimed {
        fence,
        instance,
        cloned_ids,
        timeout_base,
    } = claimed;
    let Planned {
        plan,
        definition,
        came_from,
        start_codes,
        ..
    } = planned;
    let (id, rows, rules) = (instance.id, plan.into_rows(&cloned_ids), term.rules.clone());
    let machine = match start_codes {
        None => WorkflowMachine::new(definition, instance, rows, rules),
        Some(codes) => WorkflowMachine::new_from(definition, instance, rows, rules, codes),
    };
    match machine {
        Ok(machine) => {
            let machine = Box::new(machine.with_timeout_base(timeout_base));
            let chronicle = came_from.map(|came_from| Chronicle::begin(term, came_from, &machine));
            node.do_send(Run {
                fence,
                machine,
                chronicle,
            });
        }
        // The plan has checked everything that the machine checks, so this is a defect of this program.
        Err(error) => {
            let reason = format!("claimed, but its rows make no workflow: {error}");
            log::error!(workflow_instance_id = id; "{reason}");
            node.do_send(SetAside {
                workflow_instance_id: id,
                reason,
            });
        }
    }
}
