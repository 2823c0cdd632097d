//! One attempt with its workflow, for a report whose workflow is not in memory.

use crate::error::Error;
use crate::sql::Sql;
use crate::store::Store;
use diesel::QueryableByName;
use diesel::sql_types::{Integer, Nullable, Text};
use orca_engine::codes::{Flag, TaskState, UnknownCode, WorkflowState};

/// What the rows say of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptView {
    pub task_state: TaskState,
    /// `flag` is YES: no other attempt has taken its place.
    pub task_is_valid: bool,
    pub workflow_state: WorkflowState,
    pub workflow_host: Option<String>,
}

#[derive(QueryableByName)]
struct AttemptRow {
    #[diesel(sql_type = Nullable<Integer>)]
    task_state: Option<i32>,
    #[diesel(sql_type = Nullable<Integer>)]
    flag: Option<i32>,
    #[diesel(sql_type = Nullable<Integer>)]
    workflow_state: Option<i32>,
    #[diesel(sql_type = Nullable<Text>)]
    host: Option<String>,
}

impl Store {
    /// The attempt with this task instance id; `None` when it, or its workflow, has no row.
    ///
    /// # Errors
    /// When the database does not answer, or a state is none that this version knows.
    pub fn attempt(&self, task_instance_id: i32) -> Result<Option<AttemptView>, Error> {
        let sql = Sql::fixed(
            "read one attempt",
            "SELECT t.state AS task_state, t.flag AS flag, w.state AS workflow_state, w.host AS host \
             FROM t_ds_task_instance t JOIN t_ds_workflow_instance w ON w.id = t.workflow_instance_id WHERE t.id = ?",
        );
        let row = self
            .reader()?
            .rows::<AttemptRow>(sql.bind(task_instance_id))?
            .pop();
        row.map(|row| row.into_view(task_instance_id)).transpose()
    }
}

impl AttemptRow {
    fn into_view(self, id: i32) -> Result<AttemptView, Error> {
        let bad = |column: &'static str| {
            move |source: UnknownCode| Error::BadCode {
                table: "t_ds_task_instance",
                id: id.into(),
                column,
                source,
            }
        };
        Ok(AttemptView {
            task_state: TaskState::try_from(self.task_state.unwrap_or_default()).map_err(bad("state"))?,
            task_is_valid: self.flag.unwrap_or(Flag::Yes.code()) == Flag::Yes.code(),
            workflow_state: WorkflowState::try_from(self.workflow_state.unwrap_or_default())
                .map_err(bad("state of its workflow"))?,
            workflow_host: self.host,
        })
    }
}
