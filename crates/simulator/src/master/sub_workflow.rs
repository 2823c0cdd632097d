//! SUB_WORKFLOW inside the master (`orca_actors::logic::sub_workflow` and `children`): finds its child, has the machine start or adopt it behind the fence,
//! and ends when it ends.

use super::inside::report;
use super::{MasterEvent, Owned, ThenRead};
use crate::limits::{CHILD_LOOK_MS, INTAKE_RETRY_MS};
use crate::store::{Children, Read, Rows};
use crate::world::World;
use orca_engine::codes::ExecutionType;
use orca_engine::logic::sub_workflow::{
    Asking, ChildDefinition, ChildFound, ChildLink, Verdict, Wish, asking, definition_code, verdict,
};
use orca_engine::workflow::{Event, ExecutorEventKind};

/// What a running attempt knows of its child.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seat {
    /// The machine has written that it is followed.
    pub follows: bool,
    pub child: Option<i32>,
    told: Option<Wish>,
}

impl World {
    pub(super) fn find_child(&mut self, index: usize, owned: Owned, id: i32) {
        let link = self.run_of(index, owned).and_then(|run| {
            let node = run.machine.node_of(id)?;
            run.machine.task(node)?.app_link.clone()
        });
        self.read(index, Read::FindChild(link), ThenRead::FindChild { owned, id });
    }

    pub(super) fn child_found(&mut self, index: usize, owned: Owned, id: i32, rows: Option<Rows>) {
        if !self.has_inside(index, id) {
            return;
        }
        let Some(Rows::Found(found)) = rows else {
            let Some(term) = self.masters[index].term.as_ref().map(|term| term.number) else {
                return;
            };
            let event = MasterEvent::FindChild { term, owned, id };
            return self.to_master(index, INTAKE_RETRY_MS, event);
        };
        let found = match found {
            Some(_) => Some(ChildFound::Instance),
            None => self
                .child_definition(index, owned, id)
                .map(ChildFound::Definition),
        };
        if let Some(found) = found {
            let event = Event::ChildPrepared {
                task_instance_id: id,
                found,
            };
            self.deliver(index, owned, vec![event]);
        }
    }

    fn child_definition(&mut self, index: usize, owned: Owned, id: i32) -> Option<ChildDefinition> {
        let run = self.run_of(index, owned)?;
        let node = run.machine.node_of(id)?;
        let code = definition_code(run.machine.task_definition(node).task_params.as_deref()).ok()?;
        let workflow = &self.scenario.features.children.get(&code)?.definition.workflow;
        Some(ChildDefinition {
            code,
            version: workflow.version,
            name: workflow.name.clone(),
            project_code: workflow.project_code,
            timeout: 0,
            execution_type: ExecutionType::Parallel,
        })
    }

    pub(super) fn follow_child(&mut self, index: usize, id: i32, child: Option<i32>) {
        let term = self.masters[index].term.as_mut();
        if let Some(inside) = term.and_then(|term| term.inside.get_mut(&id)) {
            (inside.seat.follows, inside.seat.child) = (true, child);
        }
    }

    pub(super) fn ask_child(&mut self, index: usize, child: i32, wish: Wish) {
        if let Some(term) = &mut self.masters[index].term {
            let wanted = term.wishes.entry(child).or_insert(wish);
            *wanted = (*wanted).max(wish);
        }
    }

    /// Whether the kill goes on to a child; else the attempt ends by itself.
    pub(super) fn kill_child(&mut self, index: usize, id: i32) -> bool {
        let Some(term) = &mut self.masters[index].term else {
            return false;
        };
        let Some(inside) = term.inside.get_mut(&id).filter(|inside| inside.seat.follows) else {
            return false;
        };
        inside.seat.told = Some(Wish::Stop);
        true
    }

    pub(super) fn look_at_children(&mut self, index: usize, number: u32) {
        let Some(term) = self.term(index, number) else {
            return;
        };
        let following = term.inside.iter().filter(|(_, inside)| inside.seat.follows);
        let mut tasks = Vec::new();
        let mut ids: Vec<i32> = term.wishes.keys().copied().collect();
        for (task, inside) in following {
            match inside.seat.child {
                Some(child) => ids.push(child),
                None => tasks.push(*task),
            }
        }
        self.to_master(index, CHILD_LOOK_MS, MasterEvent::ChildLook { term: number });
        if !(tasks.is_empty() && ids.is_empty()) {
            self.read(index, Read::Children { tasks, ids }, ThenRead::Children);
        }
    }

    pub(super) fn children_read(&mut self, index: usize, children: &Children) {
        let end_time = self.master_now(index);
        let Some(term) = &mut self.masters[index].term else {
            return;
        };
        let number = term.number;
        let (mut named, mut ended) = (Vec::new(), Vec::new());
        for (task, inside) in &mut term.inside {
            if !inside.seat.follows {
                continue;
            }
            if let (None, Some(child)) = (inside.seat.child, children.of.get(task)) {
                inside.seat.child = Some(*child);
                named.push((*task, inside.owned, *child));
            }
            let Some(child) = inside.seat.child else {
                continue;
            };
            if let Some(wish) = inside.seat.told {
                term.wishes.insert(child, wish);
            }
            // A child that this look was not about is for the next one.
            let state = children.states.get(&child).map(|(state, _)| *state);
            let kind = match state.map(|state| verdict(Some(state))) {
                None | Some(Verdict::Runs) => continue,
                Some(Verdict::Succeeded) => ExecutorEventKind::Succeeded {
                    end_time,
                    var_pool: Vec::new(),
                },
                Some(Verdict::Failed) => ExecutorEventKind::Failed { end_time },
                Some(Verdict::Paused) => ExecutorEventKind::Paused { end_time },
                Some(Verdict::Killed) => ExecutorEventKind::Killed { end_time },
            };
            ended.push((*task, inside.owned, kind));
        }
        let wishes: Vec<(i32, Wish)> = term.wishes.iter().map(|(child, wish)| (*child, *wish)).collect();
        for (task, owned, child) in named {
            let app_ids = Some(ChildLink::to(child).text());
            let kind = ExecutorEventKind::RuntimeContextChanged { app_ids };
            self.deliver(index, owned, vec![report(task, kind)]);
        }
        for (task, owned, kind) in ended {
            if let Some(term) = &mut self.masters[index].term {
                term.inside.remove(&task);
            }
            self.ledger.ended_inside(index, number, task, &kind);
            self.deliver(index, owned, vec![report(task, kind)]);
        }
        for (child, wish) in wishes {
            self.carry_out(index, child, wish, children);
        }
    }

    fn carry_out(&mut self, index: usize, child: i32, wish: Wish, children: &Children) {
        let Some((state, host)) = children.states.get(&child) else {
            return;
        };
        match (asking(wish, Some(*state)), host) {
            (Asking::Ask, Some(host)) => {
                let notice = super::coordinator::Notice::Stop {
                    workflow_instance_id: child,
                };
                self.notify(index, host, notice);
            }
            (Asking::Done, _) => {
                if let Some(term) = &mut self.masters[index].term {
                    term.wishes.remove(&child);
                }
            }
            (Asking::Ask | Asking::Later | Asking::CloseInQueue, _) => {}
        }
    }
}
