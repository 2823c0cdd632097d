//! One waiting task: what it still has to ask, and its verdict.

use super::question::{of_task, of_workflow};
use super::{
    Answers, CandidateQuestion, DependResult, DependentParameters, FailurePolicy, Interval, Item, Question,
    Relation, Target, intervals,
};
use crate::time::{MILLIS_PER_MINUTE, Millis};
use crate::zone::Zone;
use serde_json::json;
use std::collections::BTreeSet;

/// Whose task it is: a dependency on itself is met at the first run ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Own {
    pub workflow_instance_id: i32,
    pub definition_code: i64,
    pub task_code: i64,
}

/// A DEPENDENT task that waits. What an item has once come to stays.
#[derive(Clone, Debug)]
pub struct Waiting {
    own: Own,
    date: Millis,
    relation: Relation,
    failure_policy: FailurePolicy,
    groups: Vec<Group>,
}

#[derive(Clone, Debug)]
struct Group {
    relation: Relation,
    items: Vec<Pending>,
}

#[derive(Clone, Debug)]
struct Pending {
    item: Item,
    intervals: Vec<Interval>,
    /// Met at the first run ever; until that is known.
    may_be_first: bool,
    settled: Option<DependResult>,
}

/// What comes of a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// The verdict needs these answers too.
    Ask(BTreeSet<Question>),
    Waiting,
    Succeeded,
    Failed,
}

impl Waiting {
    /// `date` is the business date: the schedule time, or when the task began.
    #[must_use]
    pub fn new(parameters: &DependentParameters, own: Own, date: Millis, zone: Zone) -> Self {
        let pending = |item: &Item| Pending {
            intervals: intervals(date, &item.date_value, zone),
            may_be_first: own.definition_code == item.definition_code
                && matches!(item.target, Target::AllTasks | Target::Task(_))
                && (item.target == Target::AllTasks || item.target == Target::Task(own.task_code)),
            item: item.clone(),
            settled: None,
        };
        Self {
            own,
            date,
            relation: parameters.relation,
            failure_policy: parameters.failure_policy,
            groups: parameters
                .groups
                .iter()
                .map(|group| Group {
                    relation: group.relation,
                    items: group.items.iter().map(pending).collect(),
                })
                .collect(),
        }
    }

    /// The verdict by these answers. `Ask` names at least one question that they do not answer, so asking comes to an end: each item has a
    /// fixed number of intervals.
    pub fn look(&mut self, answers: &Answers, now: Millis) -> Look {
        let mut asks = BTreeSet::new();
        let mut results = Vec::with_capacity(self.groups.len());
        for group in &mut self.groups {
            let mut items = Vec::with_capacity(group.items.len());
            for pending in &mut group.items {
                match pending.look(self.own, answers) {
                    Ok(result) => items.push(result),
                    Err(question) => {
                        asks.insert(question);
                    }
                }
            }
            results.push(combine(group.relation, &items));
        }
        if !asks.is_empty() {
            return Look::Ask(asks);
        }
        if results.iter().any(|result| !self.counts(*result, now)) {
            return Look::Waiting;
        }
        match combine(self.relation, &results) {
            DependResult::Success => Look::Succeeded,
            DependResult::Failed | DependResult::Waiting => Look::Failed,
        }
    }

    /// Whether the result of a group is the last word. Every group has to be settled, even when one would be enough.
    fn counts(&self, result: DependResult, now: Millis) -> bool {
        match (result, self.failure_policy) {
            (DependResult::Waiting, _) => false,
            (DependResult::Failed, FailurePolicy::Wait { minutes }) => {
                now.since(self.date) > minutes.saturating_mul(MILLIS_PER_MINUTE)
            }
            (DependResult::Failed | DependResult::Success, _) => true,
        }
    }

    /// Definition codes of what is still waited for: a run of one of them that ends is a reason to look.
    pub fn watched(&self) -> impl Iterator<Item = i64> {
        let open = self
            .groups
            .iter()
            .flat_map(|group| &group.items)
            .filter(|pending| pending.settled.is_none());
        open.map(|pending| pending.item.definition_code)
    }

    /// The items that are settled, as `t_ds_task_instance_context.context` holds them; `None` while there is none.
    #[must_use]
    pub fn context_text(&self) -> Option<String> {
        let mut entries = Vec::new();
        let mut seen = BTreeSet::new();
        for pending in self.groups.iter().flat_map(|group| &group.items) {
            let Some(result) = pending.settled else {
                continue;
            };
            let item = &pending.item;
            if seen.insert((
                item.project_code,
                item.definition_code,
                item.target,
                &item.date_value,
            )) {
                entries.push(format!(
                    r#"{{"contextType":"DEPENDENT_RESULT_CONTEXT","projectCode":{},"workflowDefinitionCode":{},"taskDefinitionCode":{},"dateCycle":{},"dependentResult":"{}"}}"#,
                    item.project_code,
                    item.definition_code,
                    item.target.code(),
                    json!(item.date_value),
                    result.name(),
                ));
            }
        }
        (!entries.is_empty()).then(|| format!("[{}]", entries.join(",")))
    }

    /// How many items are settled.
    #[must_use]
    pub fn settled(&self) -> usize {
        let items = self.groups.iter().flat_map(|group| &group.items);
        items.filter(|pending| pending.settled.is_some()).count()
    }
}

impl Pending {
    fn look(&mut self, own: Own, answers: &Answers) -> Result<DependResult, Question> {
        if let Some(settled) = self.settled {
            return Ok(settled);
        }
        let result = self.result(own, answers)?;
        self.settled = Some(result).filter(|result| *result != DependResult::Waiting);
        Ok(result)
    }

    fn result(&mut self, own: Own, answers: &Answers) -> Result<DependResult, Question> {
        let definition_code = self.item.definition_code;
        if self.may_be_first {
            let question = Question::First { definition_code };
            let first = answers.firsts.get(&definition_code).ok_or(question)?;
            if *first == Some(own.workflow_instance_id) {
                return Ok(DependResult::Success);
            }
            self.may_be_first = false;
        }
        let mut result = DependResult::Failed;
        for interval in &self.intervals {
            result = self.in_interval(*interval, answers)?;
            if result != DependResult::Success {
                break;
            }
        }
        Ok(result)
    }

    fn in_interval(&self, interval: Interval, answers: &Answers) -> Result<DependResult, Question> {
        let question = CandidateQuestion {
            definition_code: self.item.definition_code,
            task_code: match self.item.target {
                Target::Task(code) => Some(code),
                Target::Workflow | Target::AllTasks => None,
            },
            interval,
        };
        let candidates = answers
            .candidates
            .get(&question)
            .ok_or(Question::Candidate(question))?;
        let Some(run) = candidates.chosen() else {
            return Ok(DependResult::Waiting);
        };
        let id = run.id;
        match (self.item.target, of_workflow(run)) {
            (Target::Workflow, result) => Ok(result),
            (Target::AllTasks, DependResult::Success) => {
                let question = Question::AllTasks {
                    workflow_instance_id: id,
                };
                match answers.all_tasks.get(&id).ok_or(question)? {
                    true => Ok(DependResult::Success),
                    false => Ok(DependResult::Failed),
                }
            }
            (Target::AllTasks, result) => Ok(result),
            (Target::Task(task_code), _) => {
                let question = Question::LastTask {
                    workflow_instance_id: id,
                    task_code,
                };
                Ok(of_task(
                    run,
                    answers.last_tasks.get(&(id, task_code)).ok_or(question)?,
                ))
            }
        }
    }
}

fn combine(relation: Relation, results: &[DependResult]) -> DependResult {
    let has = |result| results.contains(&result);
    match relation {
        Relation::And if has(DependResult::Failed) => DependResult::Failed,
        Relation::And if has(DependResult::Waiting) => DependResult::Waiting,
        Relation::And => DependResult::Success,
        Relation::Or if has(DependResult::Success) => DependResult::Success,
        Relation::Or if has(DependResult::Waiting) => DependResult::Waiting,
        Relation::Or => DependResult::Failed,
    }
}
