//! Whether expectations hold for the rows of one moment. Pure but for what only the outside can answer.

use super::format::{
    Compare, Expectation, InstanceRef, Metric, OfTasks, OfWorkflow, OfWorkflows, Operand, Operator, RowCount,
    RowsTest, TaskOperand,
};
use super::matchers::{Row, RowMatch, check};
use super::snapshot::{Snapshot, integer, text};
use chrono::{NaiveDateTime, TimeDelta};
use std::collections::BTreeMap;

/// What is not in the rows of instances, tasks and alerts.
pub(super) trait Outside {
    /// The sum of a counter over the labels that are not asked for.
    ///
    /// # Errors
    /// When the master does not answer.
    fn metric(&self, metric: &Metric) -> Result<f64, String>;

    /// # Errors
    /// When the registry does not answer.
    fn node_exists(&self, path: &str) -> Result<bool, String>;

    /// # Errors
    /// What the database says against it.
    fn count_rows(&self, rows: &RowCount) -> Result<i64, String>;

    /// The address of a master of the case.
    fn address_of(&self, master: &str) -> Option<String>;
}

/// Names given by `as`.
pub(super) type Names = BTreeMap<String, i32>;

/// One moment to judge.
pub(super) struct Moment<'a> {
    pub(super) rows: &'a Snapshot,
    pub(super) names: &'a Names,
    pub(super) outside: &'a dyn Outside,
}

/// The id behind a name or a number.
///
/// # Errors
/// When no step before has given the name.
pub(super) fn resolve(names: &Names, reference: &InstanceRef) -> Result<i32, String> {
    match reference {
        InstanceRef::Id(id) => Ok(*id),
        InstanceRef::Name(name) => names
            .get(name)
            .copied()
            .ok_or_else(|| format!("no step before this one has named an instance {name:?}")),
    }
}

impl Moment<'_> {
    /// # Errors
    /// What does not hold.
    pub(super) fn check_all(&self, expectations: &[Expectation]) -> Result<(), String> {
        expectations
            .iter()
            .try_for_each(|expectation| self.check(expectation))
    }

    fn check(&self, expectation: &Expectation) -> Result<(), String> {
        match expectation {
            Expectation::WorkflowInstance { of, is } => {
                let id = resolve(self.names, of)?;
                let row = self
                    .rows
                    .instance(id)
                    .ok_or_else(|| format!("there is no instance {id} ({of})"))?;
                self.meets(row, is.as_ref())
                    .map_err(|why| format!("instance {id}: {why}"))
            }
            Expectation::WorkflowInstances(test) => {
                let rows = match &test.of {
                    OfWorkflows::All(_) => self.rows.workflow_instances.iter().collect(),
                    OfWorkflows::Workflow(of) => self.instances_of(of),
                };
                self.check_rows("instances", rows, test)
            }
            Expectation::TaskInstances(test) => self.check_rows("tasks", self.tasks_of(&test.of)?, test),
            Expectation::Alerts(test) => {
                let id = i64::from(resolve(self.names, &test.of)?);
                let alerts = self.rows.alerts.iter();
                let rows = alerts.filter(|row| integer(row, "workflow_instance_id") == Some(id));
                self.check_rows("alerts", rows.collect(), test)
            }
            Expectation::Compare(compare) => self.compare(compare),
            Expectation::Metric(metric) => {
                let found = self.outside.metric(metric)?;
                let same = (found - metric.equals).abs() < f64::EPSILON;
                hold(same, || {
                    format!(
                        "the metric {} {:?} is {found}, not {}",
                        metric.name, metric.tags, metric.equals
                    )
                })
            }
            Expectation::RegistryNode { path, exists } => {
                let found = self.outside.node_exists(path)?;
                let word = if found { "exists" } else { "does not exist" };
                hold(found == *exists, || format!("the registry node {path} {word}"))
            }
            Expectation::Rows(rows) => {
                let found = self.outside.count_rows(rows)?;
                hold(found == rows.count, || {
                    format!("{} has {found} such rows, not {}", rows.table, rows.count)
                })
            }
        }
    }

    fn meets(&self, row: &Row, wanted: &impl RowMatch) -> Result<(), String> {
        check(row, wanted, &|master| self.outside.address_of(master))
    }

    fn instances_of(&self, of: &OfWorkflow) -> Vec<&Row> {
        let rows = self.rows.workflow_instances.iter();
        rows.filter(|row| {
            integer(row, "workflow_definition_code") == Some(of.workflow)
                && integer(row, "workflow_definition_version") == Some(i64::from(of.version))
        })
        .collect()
    }

    fn tasks_of(&self, of: &OfTasks) -> Result<Vec<&Row>, String> {
        let ids: Vec<i64> = match of {
            OfTasks::All(_) => return Ok(self.rows.task_instances.iter().collect()),
            OfTasks::Instance(of) => vec![i64::from(resolve(self.names, &of.instance)?)],
            OfTasks::Workflow(of) => {
                let instances = self.instances_of(of);
                let ids = instances.iter().filter_map(|row| integer(row, "id"));
                match of.at {
                    None => ids.collect(),
                    Some(at) => ids.skip(at).take(1).collect(),
                }
            }
        };
        let rows = self.rows.task_instances.iter();
        Ok(rows
            .filter(|row| integer(row, "workflow_instance_id").is_some_and(|id| ids.contains(&id)))
            .collect())
    }

    fn check_rows<O, M: RowMatch>(
        &self,
        what: &str,
        mut rows: Vec<&Row>,
        test: &RowsTest<O, M>,
    ) -> Result<(), String> {
        if let Some(only) = &test.only {
            rows.retain(|row| self.meets(row, only).is_ok());
        }
        let found = rows.len();
        if let Some(count) = test.count {
            hold(found == count, || format!("{found} {what}, not {count}"))?;
        }
        if let Some(least) = test.min_count {
            hold(found >= least, || format!("{found} {what}, fewer than {least}"))?;
        }
        if let Some(exactly) = &test.exactly {
            let wanted = exactly.len();
            hold(found == wanted, || format!("{found} {what}, not {wanted}"))?;
            for (at, (row, wanted)) in rows.iter().zip(exactly).enumerate() {
                self.meets(row, wanted)
                    .map_err(|why| format!("{what}[{at}]: {why}"))?;
            }
        }
        for (at, wanted) in test.any.iter().flatten().enumerate() {
            hold(rows.iter().any(|row| self.meets(row, wanted).is_ok()), || {
                format!(
                    "no row of {found} {what} is like any[{at}]{}",
                    nearest(self, &rows, wanted)
                )
            })?;
        }
        if let Some(all) = &test.all {
            for (at, row) in rows.iter().enumerate() {
                self.meets(row, all)
                    .map_err(|why| format!("{what}[{at}]: {why}"))?;
            }
        }
        Ok(())
    }

    fn compare(&self, compare: &Compare) -> Result<(), String> {
        let (left, right) = (self.operand(&compare.left)?, self.operand(&compare.right)?);
        let (holds, sign) = match compare.op {
            Operator::Eq => (left == right, "="),
            Operator::Ge => (left >= right, ">="),
            Operator::Gt => (left > right, ">"),
            Operator::Le => (left <= right, "<="),
            Operator::Lt => (left < right, "<"),
        };
        hold(holds, || {
            format!(
                "{} of the left is {left}, {} of the right is {right}: not {sign}",
                compare.left.field, compare.right.field
            )
        })
    }

    fn operand(&self, operand: &Operand) -> Result<NaiveDateTime, String> {
        let row = match (&operand.instance, &operand.task) {
            (Some(instance), None) => {
                let id = resolve(self.names, instance)?;
                self.rows
                    .instance(id)
                    .ok_or_else(|| format!("there is no instance {id}"))?
            }
            (None, Some(task)) => self.task(task)?,
            _ => return Err("an operand names an instance or a task".to_owned()),
        };
        let found = text(row, &operand.field).ok_or_else(|| format!("{} is null", operand.field))?;
        let time = NaiveDateTime::parse_from_str(found, "%Y-%m-%d %H:%M:%S%.f")
            .map_err(|error| format!("{} is {found:?}, not a time: {error}", operand.field))?;
        Ok(time + TimeDelta::seconds(operand.plus_seconds))
    }

    fn task(&self, operand: &TaskOperand) -> Result<&Row, String> {
        let rows = self.tasks_of(&operand.of)?;
        let found = match (operand.at, &operand.name) {
            (Some(at), None) => rows.get(at).copied(),
            (None, Some(name)) => rows
                .iter()
                .find(|row| text(row, "name") == Some(name.as_str()))
                .copied(),
            _ => return Err("a task of a comparison has either `at` or `name`".to_owned()),
        };
        found.ok_or_else(|| "there is no such task".to_owned())
    }
}

/// Why the only row, or the row of the wanted name, is not it.
fn nearest(moment: &Moment<'_>, rows: &[&Row], wanted: &impl RowMatch) -> String {
    let reasons: Vec<String> = rows
        .iter()
        .filter_map(|row| moment.meets(row, wanted).err())
        .filter(|why| rows.len() == 1 || !why.starts_with("name "))
        .collect();
    match reasons.first() {
        Some(why) => format!(" ({why})"),
        None => String::new(),
    }
}

fn hold(holds: bool, why_not: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(why_not()) }
}
