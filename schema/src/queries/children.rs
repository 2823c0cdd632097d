//! Children of SUB_WORKFLOW tasks, as their parents' owners look at them: what to start, and how they stand.

use crate::error::Error;
use crate::limits::IDS_PER_STATEMENT_MAX;
use crate::queries::triggers::{definitions, execution_type};
use crate::sql::Sql;
use crate::store::Store;
use diesel::QueryableByName;
use diesel::sql_types::{Integer, Nullable, Text};
use orca_engine::codes::WorkflowState;
use orca_engine::logic::sub_workflow::ChildDefinition;
use std::collections::HashMap;

/// How a child stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildView {
    pub state: WorkflowState,
    /// The master that owns it, or owned it last.
    pub host: Option<String>,
}

#[derive(QueryableByName)]
struct ChildRow {
    #[diesel(sql_type = Integer)]
    id: i32,
    #[diesel(sql_type = Nullable<Integer>)]
    state: Option<i32>,
    #[diesel(sql_type = Nullable<Text>)]
    host: Option<String>,
}

#[derive(QueryableByName)]
struct RelationRow {
    #[diesel(sql_type = Integer)]
    parent_task_instance_id: i32,
    #[diesel(sql_type = Integer)]
    workflow_instance_id: i32,
}

#[derive(QueryableByName)]
struct VersionRow {
    #[diesel(sql_type = Integer)]
    version: i32,
}

impl Store {
    /// The current version of a definition; `None` when there is none of that code.
    ///
    /// # Errors
    /// When the database does not answer, or the row has a code that this version does not know.
    pub fn child_definition(&self, code: i64) -> Result<Option<ChildDefinition>, Error> {
        let mut connection = self.reader()?;
        let sql = Sql::fixed(
            "read the current version of a workflow definition",
            "SELECT version FROM t_ds_workflow_definition WHERE code = ?",
        );
        let Some(current) = connection.rows::<VersionRow>(sql.bind(code))?.pop() else {
            return Ok(None);
        };
        let key = (code, current.version);
        let Some(row) = definitions(&mut connection, &[key])?.remove(&key) else {
            return Ok(None);
        };
        Ok(Some(ChildDefinition {
            code,
            version: row.version,
            project_code: row.project_code,
            timeout: row.timeout.unwrap_or(0),
            execution_type: execution_type(&row)?,
            name: row.name.unwrap_or_default(),
        }))
    }

    /// How these children stand; one that is missing has no row.
    ///
    /// # Errors
    /// When the database does not answer, or a state is none that this version knows.
    pub fn children(&self, ids: &[i32]) -> Result<HashMap<i32, ChildView>, Error> {
        let mut connection = self.reader()?;
        let mut found = HashMap::with_capacity(ids.len());
        for ids in ids.chunks(IDS_PER_STATEMENT_MAX) {
            let text = "SELECT id, state, host FROM t_ds_workflow_instance WHERE id IN ";
            let sql = Sql::batch("read how children stand", text).list(ids.iter().copied());
            for row in connection.rows::<ChildRow>(sql)? {
                let view = ChildView {
                    state: state(&row)?,
                    host: row.host.filter(|host| !host.is_empty()),
                };
                found.insert(row.id, view);
            }
        }
        Ok(found)
    }

    /// The child of each of these attempts, by their relation rows.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn children_of(&self, task_instance_ids: &[(i32, i32)]) -> Result<HashMap<i32, i32>, Error> {
        let mut connection = self.reader()?;
        let mut found = HashMap::with_capacity(task_instance_ids.len());
        for part in task_instance_ids.chunks(IDS_PER_STATEMENT_MAX) {
            let sql = Sql::batch(
                "read the children of tasks",
                "SELECT parent_task_instance_id, workflow_instance_id FROM t_ds_relation_workflow_instance \
                 WHERE parent_workflow_instance_id IN ",
            )
            .list(part.iter().map(|(parent, _)| *parent))
            .then(" AND parent_task_instance_id IN ")
            .list(part.iter().map(|(_, task)| *task));
            let rows = connection.rows::<RelationRow>(sql)?;
            found.extend(
                rows.into_iter()
                    .map(|row| (row.parent_task_instance_id, row.workflow_instance_id)),
            );
        }
        Ok(found)
    }
}

fn state(row: &ChildRow) -> Result<WorkflowState, Error> {
    WorkflowState::try_from(row.state.unwrap_or(-1)).map_err(|source| Error::BadCode {
        table: "t_ds_workflow_instance",
        id: row.id.into(),
        column: "state",
        source,
    })
}
