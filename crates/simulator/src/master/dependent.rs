//! DEPENDENT inside the master (`orca_actors::logic::dependent` and `dependents`): looks again and again at what it waits for.

use super::inside::report;
use super::{MasterEvent, Owned, ThenRead};
use crate::limits::DEPENDENT_LOOK_MS;
use crate::store::{Read, Rows};
use crate::world::World;
use orca_engine::logic::dependent::{Answers, DependentParameters, Look, Own, Waiting};
use orca_engine::workflow::{Event, ExecutorEventKind};
use orca_engine::zone::Zone;

impl World {
    pub(super) fn begin_dependent(&mut self, index: usize, owned: Owned, id: i32) {
        let date = self.master_now(index);
        let Some(run) = self.run_of(index, owned) else {
            return;
        };
        let machine = &run.machine;
        let Some(task) = machine.node_of(id).map(|node| machine.task_definition(node)) else {
            return;
        };
        let Ok(parameters) = DependentParameters::parse(task.task_params.as_deref()) else {
            return self.dependent_ends(index, id, false);
        };
        let own = Own {
            workflow_instance_id: owned.0,
            definition_code: machine.definition().workflow.code,
            task_code: task.code,
        };
        let waiting = Waiting::new(&parameters, own, date, Zone::Region(chrono_tz::Tz::UTC));
        let Some(term) = &mut self.masters[index].term else {
            return;
        };
        let number = term.number;
        if let Some(inside) = term.inside.get_mut(&id) {
            inside.waiting = Some(Box::new(waiting));
        }
        self.to_master(index, 0, MasterEvent::DependentLook { term: number, id });
    }

    pub(super) fn dependent_due(&mut self, index: usize, number: u32, id: i32) {
        if self.term(index, number).is_none() || !self.has_inside(index, id) {
            return;
        }
        let event = MasterEvent::DependentLook { term: number, id };
        self.to_master(index, DEPENDENT_LOOK_MS, event);
        self.look_at_dependent(index, id, Answers::default());
    }

    fn look_at_dependent(&mut self, index: usize, id: i32, answers: Answers) {
        let now = self.master_now(index);
        let term = self.masters[index].term.as_mut();
        let Some(inside) = term.and_then(|term| term.inside.get_mut(&id)) else {
            return;
        };
        let owned = inside.owned;
        let Some(waiting) = &mut inside.waiting else {
            return;
        };
        let settled = waiting.settled();
        let look = waiting.look(&answers, now);
        if let Some(context) = waiting.context_text().filter(|_| waiting.settled() > settled) {
            let event = Event::ResultsSettled {
                task_instance_id: id,
                context,
            };
            self.deliver(index, owned, vec![event]);
        }
        match look {
            Look::Ask(questions) => {
                let answers = Box::new(answers);
                self.read(index, Read::Answer(questions), ThenRead::Answers { id, answers });
            }
            Look::Waiting => {}
            Look::Succeeded => self.dependent_ends(index, id, true),
            Look::Failed => self.dependent_ends(index, id, false),
        }
    }

    pub(super) fn answers_read(&mut self, index: usize, id: i32, mut answers: Answers, rows: Option<Rows>) {
        if let Some(Rows::Answers(more)) = rows {
            answers.candidates.extend(more.candidates);
            self.look_at_dependent(index, id, answers);
        }
    }

    fn dependent_ends(&mut self, index: usize, id: i32, succeeds: bool) {
        let end_time = self.master_now(index);
        let Some(term) = &mut self.masters[index].term else {
            return;
        };
        let number = term.number;
        let Some(inside) = term.inside.remove(&id) else {
            return;
        };
        let kind = if succeeds {
            ExecutorEventKind::Succeeded {
                end_time,
                var_pool: Vec::new(),
            }
        } else {
            ExecutorEventKind::Failed { end_time }
        };
        self.ledger.ended_inside(index, number, id, &kind);
        self.deliver(index, inside.owned, vec![report(id, kind)]);
    }
}
