//! The child of a SUB_WORKFLOW task, and what a task inside this master finds out: both are written behind the fence, so of two masters only the owner
//! starts a child.

use super::{Cell, ENDED, Verdict};
use crate::codes::WorkflowState;
use crate::logic::sub_workflow::{ChildDefinition, ChildFound, ChildLink, Wish, new_child};
use crate::workflow::{Draft, Effect, NodeId, Stage, TaskChange, Write};

impl Draft<'_> {
    pub(in crate::workflow) fn on_child_prepared(&mut self, node: NodeId, found: &ChildFound) -> Cell {
        match self.stage(node) {
            Stage::Held | Stage::Running if self.node(node).attempt.child_followed => {
                Ok(Verdict::Nothing("its child is followed already"))
            }
            Stage::Held | Stage::Running => Ok(self.begin_child(node, found)),
            Stage::Idle
            | Stage::AwaitingSlot
            | Stage::Queued
            | Stage::Sent
            | Stage::Doubtful
            | Stage::TakingOver => Err(self.not_asked(node)),
            Stage::Retrying | Stage::Failed | Stage::Paused | Stage::Killed | Stage::Succeeded => {
                Ok(Verdict::Nothing(ENDED))
            }
        }
    }

    /// What was asked of the task meanwhile comes first: then no child is started.
    fn begin_child(&mut self, node: NodeId, found: &ChildFound) -> Verdict {
        if self.node(node).attempt.kill_wanted || self.state() == WorkflowState::ReadyStop {
            self.ask_child(node, Wish::Stop);
            self.close_killed(node, self.now);
        } else if self.state() == WorkflowState::ReadyPause {
            self.ask_child(node, Wish::Pause);
            self.close_paused(node);
        } else {
            match (found, ChildLink::of(self.row(node))) {
                (ChildFound::Instance, Some(link)) => self.adopt_child(node, link),
                (ChildFound::Definition(definition), _) => self.start_child(node, definition.clone()),
                (ChildFound::Instance, None) => return Verdict::Nothing("its row names no child"),
            }
        }
        Verdict::Done
    }

    fn start_child(&mut self, node: NodeId, definition: ChildDefinition) {
        match new_child(self.instance(), &self.base.param, definition) {
            Ok(child) => {
                let child = Box::new(child);
                let task_instance_id = self.id(node);
                self.write(Write::StartChild {
                    task_instance_id,
                    child,
                });
                self.follow(node, None);
            }
            Err(error) => {
                // Its executor waits for a child that will never be.
                self.kill_call(node);
                let reason = format!("its sub workflow cannot be started: {error}");
                self.fail_for_good(node, self.now, &reason);
            }
        }
    }

    fn adopt_child(&mut self, node: NodeId, link: ChildLink) {
        let (task_instance_id, child) = (self.id(node), link.workflow_instance_id);
        if link.recovery_owed {
            let user_id = self.row(node).executor_id;
            self.write(Write::RecoverChild {
                task_instance_id,
                child,
                user_id,
            });
            let change = TaskChange {
                app_link: Some(ChildLink::to(child).text()),
                ..TaskChange::default()
            };
            self.update_row(node, change);
        } else {
            self.write(Write::LinkChild {
                task_instance_id,
                child,
            });
        }
        self.follow(node, Some(child));
    }

    fn follow(&mut self, node: NodeId, child: Option<i32>) {
        self.node_mut(node).attempt.child_followed = true;
        let task_instance_id = self.id(node);
        self.effect(Effect::FollowChild {
            task_instance_id,
            child,
        });
    }

    /// The attempt ends before it could follow its child, which may still run from an earlier one: it is told what its parent was told.
    pub(in crate::workflow) fn ask_child(&mut self, node: NodeId, wish: Wish) {
        let Some(link) = self.node(node).task().and_then(ChildLink::of) else {
            return;
        };
        self.effect(Effect::AskChild {
            child: link.workflow_instance_id,
            wish,
        });
    }

    pub(in crate::workflow) fn on_results_settled(&mut self, node: NodeId, context: &str) -> Cell {
        match self.stage(node) {
            Stage::Held | Stage::Running => {
                let task_instance_id = self.id(node);
                self.write(Write::SetTaskContext {
                    task_instance_id,
                    context: context.to_owned(),
                });
                Ok(Verdict::Done)
            }
            Stage::Idle
            | Stage::AwaitingSlot
            | Stage::Queued
            | Stage::Sent
            | Stage::Doubtful
            | Stage::TakingOver => Err(self.not_asked(node)),
            Stage::Retrying | Stage::Failed | Stage::Paused | Stage::Killed | Stage::Succeeded => {
                Ok(Verdict::Nothing(ENDED))
            }
        }
    }
}
