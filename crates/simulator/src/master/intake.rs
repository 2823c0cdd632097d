//! From command rows to running instances (`orca_actors::intake`).

use super::transactions::Ended;
use super::{MasterEvent, Run, Then, ThenRead};
use crate::limits::{INTAKE_BATCH_LEN, INTAKE_POLL_MS, INTAKE_RETRY_MS};
use crate::store::{Batch, Body, Output, Read, Rows};
use crate::world::World;
use orca_engine::command::{self, ClaimPlan};
use orca_engine::model::{Command, DefinitionSnapshot};
use orca_engine::workflow::WorkflowMachine;
use orca_schema::ClaimOutcome;
use std::sync::Arc;

/// `CLAIM_RESOLVE_TRIES` and `CLAIM_RESOLVE_PAUSE` of the schema.
const RESOLVE_TRIES: u32 = 10;
const RESOLVE_PAUSE_MS: u64 = 200;

/// A command that can run, with what its machine will be made of.
#[derive(Clone, Debug)]
pub struct Planned {
    pub plan: ClaimPlan,
    pub definition: Arc<DefinitionSnapshot>,
}

impl World {
    pub(super) fn look(&mut self, index: usize, number: u32) {
        let Some(term) = self.term(index, number).filter(|term| !term.intake_busy) else {
            return;
        };
        let Some(slot) = term.slot.filter(|_| term.lease.holds()) else {
            return self.look_later(index, INTAKE_POLL_MS);
        };
        term.intake_busy = true;
        let read = Read::Commands {
            slot: i32::try_from(slot.index).unwrap_or(0),
            total: i32::try_from(slot.total).unwrap_or(1),
            len: INTAKE_BATCH_LEN,
        };
        self.read(index, read, ThenRead::Commands);
    }

    fn look_later(&mut self, index: usize, pause_ms: u64) {
        let Some(term) = &mut self.masters[index].term else {
            return;
        };
        term.intake_busy = false;
        let event = MasterEvent::Look { term: term.number };
        self.to_master(index, pause_ms, event);
    }

    fn commands_read(&mut self, index: usize, batch: Option<Batch>) {
        let Some(batch) = batch else {
            return self.look_later(index, INTAKE_RETRY_MS);
        };
        if batch.commands.is_empty() {
            return self.look_later(index, INTAKE_POLL_MS);
        }
        let Some(owner) = self.masters[index]
            .term
            .as_ref()
            .map(|term| term.incarnation.clone())
        else {
            return;
        };
        let mut planned = Vec::new();
        let Batch {
            commands,
            mut instances,
            mut tasks,
        } = batch;
        for command in commands {
            let rows = tasks.remove(&command.workflow_instance_id).unwrap_or_default();
            let instance = instances.remove(&command.workflow_instance_id);
            match self.plan(index, &command, instance, rows) {
                Ok(one) => planned.push(one),
                Err(reason) => {
                    self.transact(index, Body::FailCommand(command.id, reason), Then::FailCommand);
                }
            }
        }
        let plans = planned.iter().map(|one| one.plan.clone()).collect();
        let then = Then::Claim {
            planned,
            outcomes: Vec::new(),
        };
        self.transact(index, Body::Claim(owner, plans), then);
    }

    fn plan(
        &self,
        index: usize,
        command: &Command,
        instance: Option<orca_engine::model::WorkflowInstance>,
        rows: Vec<orca_engine::model::TaskInstance>,
    ) -> Result<Planned, String> {
        let instance = instance.ok_or("cannot find the workflow instance")?;
        let code = command.workflow_definition_code;
        let definition = self
            .scenario
            .flows
            .iter()
            .map(|flow| &flow.definition)
            .chain(
                self.scenario
                    .features
                    .children
                    .values()
                    .map(|child| &child.definition),
            )
            .find(|definition| definition.workflow.code == code)
            .cloned()
            .ok_or("cannot find the workflow definition")?;
        let (host, now) = (self.masters[index].address.clone(), self.master_now(index));
        let plan = command::plan(
            command,
            instance,
            rows,
            &definition,
            &host,
            now,
            chrono_tz::Tz::UTC,
        )
        .map_err(|error| error.to_string())?;
        Ok(Planned { plan, definition })
    }

    pub(super) fn claim_ended(
        &mut self,
        index: usize,
        planned: Vec<Planned>,
        outcomes: Vec<ClaimOutcome>,
        result: Result<Output, Ended>,
    ) {
        if let Err(ended) = &result {
            self.trace.line(self.now_ms, || {
                format!("master {index}: a claim ends {ended:?}: {outcomes:?}")
            });
        }
        match result {
            Ok(_) => {
                self.start_runs(index, planned, outcomes);
                self.look_later(index, 0);
            }
            // This incarnation was fenced: it comes back as another.
            Err(Ended::NotActive | Ended::LeaseLost) => self.end_term(index),
            Err(Ended::Unknown) => self.resolve_claim(index, planned, outcomes, 0),
            Err(_) => self.look_later(index, INTAKE_RETRY_MS),
        }
    }

    fn resolve_claim(
        &mut self,
        index: usize,
        planned: Vec<Planned>,
        outcomes: Vec<ClaimOutcome>,
        tries: u32,
    ) {
        let Some(first) = planned.first().map(|one| one.plan.instance.id) else {
            return self.look_later(index, INTAKE_RETRY_MS);
        };
        let then = ThenRead::Claimed {
            planned,
            outcomes,
            tries,
        };
        self.read(index, Read::Owner(first), then);
    }

    fn start_runs(&mut self, index: usize, planned: Vec<Planned>, outcomes: Vec<ClaimOutcome>) {
        for (one, outcome) in planned.into_iter().zip(outcomes) {
            if let ClaimOutcome::Claimed {
                fence,
                instance,
                cloned_ids,
                timeout_base,
            } = outcome
            {
                let Some(term) = &mut self.masters[index].term else {
                    return;
                };
                let rows = one.plan.into_rows(&cloned_ids);
                let machine = WorkflowMachine::new(one.definition, instance, rows, term.rules.clone());
                match machine {
                    Ok(machine) => {
                        let run = Run::new(machine.with_timeout_base(timeout_base), fence);
                        let owned = run.owned();
                        term.runs.insert(owned.0, run);
                        let name = term.incarnation.address.clone();
                        self.trace.line(self.now_ms, || {
                            format!("{name} runs workflow {} (epoch {})", owned.0, owned.1)
                        });
                        self.progress(index, owned);
                    }
                    Err(error) => self.ledger.violation(
                        crate::checks::Promise::NothingLost,
                        self.now_ms,
                        format!("claimed, but its rows make no workflow: {error}"),
                    ),
                }
            }
        }
    }

    pub(super) fn rows_read(&mut self, index: usize, then: ThenRead, rows: Option<Rows>) {
        match (then, rows) {
            (ThenRead::Commands, Some(Rows::Commands(batch))) => self.commands_read(index, Some(batch)),
            (ThenRead::Commands, _) => self.commands_read(index, None),
            (ThenRead::Step { one, pause_ms }, rows) => self.step_read(index, *one, pause_ms, rows),
            (
                ThenRead::Claimed {
                    planned,
                    outcomes,
                    tries,
                },
                rows,
            ) => self.owner_read(index, planned, outcomes, tries, rows),
            (ThenRead::Attempt { report, round }, rows) => self.attempt_read(index, report, round, rows),
            (ThenRead::Hosts { is_first }, Some(Rows::Hosts(hosts))) => {
                self.hosts_read(index, hosts, is_first)
            }
            (ThenRead::Own, Some(Rows::Ids(ids))) => self.own_read(index, &ids),
            (ThenRead::Places(ids), rows) => self.places_read(index, ids, rows),
            (ThenRead::FindChild { owned, id }, rows) => self.child_found(index, owned, id, rows),
            (ThenRead::Answers { id, answers }, rows) => self.answers_read(index, id, *answers, rows),
            (ThenRead::Children, Some(Rows::Children(children))) => self.children_read(index, &children),
            (ThenRead::SerialQueues, Some(Rows::SerialQueues(queues))) => {
                self.serial_queues_read(index, &queues);
            }
            (ThenRead::Hosts { .. } | ThenRead::Own | ThenRead::SerialQueues | ThenRead::Children, _) => {}
            (ThenRead::LatestEpoch { address, number }, rows) => {
                self.epoch_read(index, &address, number, rows);
            }
            (ThenRead::OfDead { address, number }, rows) => self.scanned(index, &address, number, rows),
        }
    }

    /// The first of its rows speaks for the whole transaction.
    fn owner_read(
        &mut self,
        index: usize,
        planned: Vec<Planned>,
        outcomes: Vec<ClaimOutcome>,
        tries: u32,
        rows: Option<Rows>,
    ) {
        let claimed = outcomes.iter().find_map(|outcome| match outcome {
            ClaimOutcome::Claimed { fence, .. } => Some(fence.clone()),
            _ => None,
        });
        match rows {
            Some(Rows::Owner(found)) => {
                let ours = claimed.as_ref().is_some_and(|fence| {
                    found.is_some_and(|(owner, epoch)| owner == *fence.host && epoch == fence.epoch)
                });
                if ours {
                    self.start_runs(index, planned, outcomes);
                }
                self.look_later(index, 0);
            }
            _ if tries + 1 < RESOLVE_TRIES => {
                let term = self.masters[index].term.as_ref().map_or(0, |term| term.number);
                let read = Box::new(ThenRead::Claimed {
                    planned,
                    outcomes,
                    tries: tries + 1,
                });
                self.to_master(index, RESOLVE_PAUSE_MS, MasterEvent::ReadAgain { term, read });
            }
            _ => self.look_later(index, INTAKE_RETRY_MS),
        }
    }

    pub(super) fn read_again(&mut self, index: usize, number: u32, then: ThenRead) {
        if self.term(index, number).is_none() {
            return;
        }
        match then {
            ThenRead::Claimed {
                planned,
                outcomes,
                tries,
            } => self.resolve_claim(index, planned, outcomes, tries),
            ThenRead::Step { one, pause_ms } => self.read_step(index, *one, pause_ms),
            ThenRead::Commands
            | ThenRead::Attempt { .. }
            | ThenRead::Hosts { .. }
            | ThenRead::Own
            | ThenRead::Places(_)
            | ThenRead::SerialQueues
            | ThenRead::FindChild { .. }
            | ThenRead::Children
            | ThenRead::Answers { .. }
            | ThenRead::LatestEpoch { .. }
            | ThenRead::OfDead { .. } => {}
        }
    }
}
