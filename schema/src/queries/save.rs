//! Saves a workflow definition, as the API server would: a new version when something has changed, none when nothing has.

use crate::codes::next_code;
use crate::db::Connection;
use crate::error::Error;
use crate::limits::TASKS_PER_DEFINITION_MAX;
use crate::queries::definitions::load;
use crate::queries::save_rows::{NewTaskRow, write_definition};
use crate::rows::row;
use crate::sql::Sql;
use crate::store::{Store, now};
use crate::types::{NewDefinition, NewTask};
use diesel::result::DatabaseErrorKind::UniqueViolation;
use diesel::result::Error::DatabaseError;
use orca_engine::model::{DefinitionSnapshot, TaskDefinition};
use orca_engine::time::Millis;
use std::collections::{BTreeMap, BTreeSet};

row!(CodeRow of t_ds_project {
    code: i64,
});

row!(CurrentRow of t_ds_workflow_definition {
    code: i64,
    version: i32,
});

impl Store {
    /// Codes for the tasks of a workflow by name: those of its current version, new ones for the rest. For tasks whose parameters name other
    /// tasks; give them back in `NewTask::code`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn task_codes(
        &self,
        project: &str,
        workflow: &str,
        names: &[&str],
    ) -> Result<BTreeMap<String, i64>, Error> {
        let mut connection = self.reader()?;
        let known = match find_project(&mut connection, project)? {
            Some(project) => current(&mut connection, project.code, workflow)?.map(|(_, snapshot)| snapshot),
            None => None,
        };
        let now = now(&mut connection)?;
        let code = |name: &&str| {
            (
                name.to_string(),
                known_code(known.as_ref(), name).unwrap_or_else(|| next_code(now)),
            )
        };
        Ok(names.iter().map(code).collect())
    }

    /// Saves a definition with its tasks, online, and creates the project when there is none; `(code, version)`.
    ///
    /// # Errors
    /// Refused: a definition that cannot be (no name, equal task names, an unknown predecessor). Retry: the database does not answer.
    pub fn save_definition(&self, new: &NewDefinition) -> Result<(i64, i32), Error> {
        check(new)?;
        match self.save_once(new) {
            // Somebody else has saved the same name at this moment: look again and find it.
            Err(Error::Query {
                source: DatabaseError(UniqueViolation, _),
                ..
            }) => self.save_once(new),
            answer => answer,
        }
    }

    fn save_once(&self, new: &NewDefinition) -> Result<(i64, i32), Error> {
        self.write("save a workflow definition", |connection| {
            let now = now(connection)?;
            let project_code = match find_project(connection, &new.project)? {
                Some(project) => project.code,
                None => self.insert_project(connection, new, now)?,
            };
            let current = current(connection, project_code, &new.name)?;
            let rows = task_rows(new, current.as_ref().map(|(_, snapshot)| snapshot), now);
            if let Some((current, snapshot)) = &current
                && is_same(new, snapshot, &rows)
            {
                return Ok((current.code, current.version));
            }
            let (code, version) = match &current {
                Some((current, _)) => (current.code, current.version + 1),
                None => (next_code(now), 1),
            };
            write_definition(
                connection,
                new,
                project_code,
                (code, version),
                &rows,
                self.clock.local(now),
            )?;
            Ok((code, version))
        })
    }

    fn insert_project(
        &self,
        connection: &mut Connection,
        new: &NewDefinition,
        now: Millis,
    ) -> Result<i64, Error> {
        let code = next_code(now);
        let sql = Sql::fixed(
            "create a project",
            "INSERT INTO t_ds_project (name, code, user_id, flag, create_time, update_time) VALUES (?, ?, ?, 1, ?, ?)",
        );
        let time = self.clock.local(now);
        connection.execute(
            sql.bind(new.project.as_str())
                .bind(code)
                .bind(new.user_id)
                .bind(time)
                .bind(time),
        )?;
        Ok(code)
    }
}

fn find_project(connection: &mut Connection, name: &str) -> Result<Option<CodeRow>, Error> {
    let text = format!(
        "SELECT {} FROM {} WHERE name = ?",
        CodeRow::COLUMNS,
        CodeRow::TABLE
    );
    Ok(connection
        .rows::<CodeRow>(Sql::fixed("find a project", text).bind(name))?
        .pop())
}

/// The current version of a workflow, locked, with its content.
fn current(
    connection: &mut Connection,
    project_code: i64,
    name: &str,
) -> Result<Option<(CurrentRow, DefinitionSnapshot)>, Error> {
    let text = format!(
        "SELECT {} FROM {} WHERE project_code = ? AND name = ?{}",
        CurrentRow::COLUMNS,
        CurrentRow::TABLE,
        connection.dialect.for_update()
    );
    let sql = Sql::fixed("find a workflow definition", text)
        .bind(project_code)
        .bind(name);
    let Some(row) = connection.rows::<CurrentRow>(sql)?.pop() else {
        return Ok(None);
    };
    let snapshot = load(connection, row.code, row.version)?;
    let snapshot = snapshot.ok_or_else(|| Error::Missing {
        what: "the log row of workflow definition",
        id: format!("{} version {}", row.code, row.version),
    })?;
    Ok(Some((row, snapshot)))
}

fn known_code(known: Option<&DefinitionSnapshot>, name: &str) -> Option<i64> {
    known?
        .tasks
        .iter()
        .find(|task| task.name == name)
        .map(|task| task.code)
}

fn refused(reason: String) -> Error {
    Error::Request {
        what: "the workflow definition",
        reason,
    }
}

fn check(new: &NewDefinition) -> Result<(), Error> {
    if new.project.trim().is_empty() || new.name.trim().is_empty() {
        return Err(refused("the project or the workflow has no name".to_owned()));
    }
    if new.tasks.is_empty() || new.tasks.len() > TASKS_PER_DEFINITION_MAX {
        return Err(refused(format!(
            "it has {} tasks; 1 to {TASKS_PER_DEFINITION_MAX} are possible",
            new.tasks.len()
        )));
    }
    let mut names = BTreeSet::new();
    if let Some(task) = new.tasks.iter().find(|task| !names.insert(task.name.as_str())) {
        return Err(refused(format!("two tasks have the name {:?}", task.name)));
    }
    for task in &new.tasks {
        let mut before = BTreeSet::new();
        for name in &task.depends_on {
            if !names.contains(name.as_str()) || *name == task.name || !before.insert(name) {
                return Err(refused(format!("task {:?} cannot depend on {name:?}", task.name)));
            }
        }
    }
    Ok(())
}

/// Each task with its code and version: a task that has changed gets a new version.
fn task_rows<'a>(
    new: &'a NewDefinition,
    known: Option<&DefinitionSnapshot>,
    now: Millis,
) -> Vec<NewTaskRow<'a>> {
    let row = |task: &'a NewTask| {
        let old = known.and_then(|known| known.tasks.iter().find(|old| old.name == task.name));
        let code = task
            .code
            .or(old.map(|old| old.code))
            .unwrap_or_else(|| next_code(now));
        match old.filter(|old| old.code == code) {
            Some(old) if is_same_task(task, old) => NewTaskRow {
                task,
                code,
                version: old.version,
                changed: false,
            },
            Some(old) => NewTaskRow {
                task,
                code,
                version: old.version + 1,
                changed: true,
            },
            None => NewTaskRow {
                task,
                code,
                version: 1,
                changed: true,
            },
        }
    };
    new.tasks.iter().map(row).collect()
}

fn is_same_task(new: &NewTask, old: &TaskDefinition) -> bool {
    new.task_type == old.task_type
        && Some(&new.task_params) == old.task_params.as_ref()
        && new.flag == old.flag
        && new.priority == old.priority
        && Some(&new.worker_group) == old.worker_group.as_ref()
        && new.environment_code == old.environment_code
        && new.fail_retry_times == old.fail_retry_times
        && new.fail_retry_interval == old.fail_retry_interval
        && new.timeout_flag == old.timeout_flag
        && new.timeout_notify_strategy == old.timeout_notify_strategy
        && new.timeout == old.timeout
        && new.delay_time == old.delay_time
        && new.cpu_quota == old.cpu_quota
        && new.memory_max == old.memory_max
        && new.task_group_id == old.task_group_id
        && new.task_group_priority == old.task_group_priority
}

fn is_same(new: &NewDefinition, old: &DefinitionSnapshot, rows: &[NewTaskRow<'_>]) -> bool {
    let relations: BTreeSet<(i64, i64)> = crate::queries::save_rows::relations(rows)
        .into_iter()
        .map(|(pre, post)| (pre.map_or(0, |pre| pre.code), post.code))
        .collect();
    rows.iter().all(|row| !row.changed)
        && rows.len() == old.tasks.len()
        && relations == old.relations.iter().copied().collect()
        && Some(crate::queries::save_rows::global_params(new)) == old.workflow.global_params
        && new.timeout_minutes == old.workflow.timeout_minutes
        && new.execution_type == old.workflow.execution_type
}
