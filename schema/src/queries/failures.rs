//! What cannot go on: commands that can never run, and instances that are set aside.

use crate::alerts::insert_alerts;
use crate::db::Connection;
use crate::error::Error;
use crate::limits::TEXT_LEN_MAX;
use crate::rows::CommandRow;
use crate::sql::Sql;
use crate::store::{Store, now};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Integer, Nullable, Text};
use orca_engine::codes::{AlertType, CommandType, WarningType, WorkflowState};
use orca_engine::model::{Alert, Command};

/// The seeded alert group, for instances that name none: somebody has to learn of it.
const DEFAULT_ALERT_GROUP: i32 = 1;

#[derive(QueryableByName)]
struct StateRow {
    #[diesel(sql_type = Nullable<Integer>)]
    state: Option<i32>,
    #[diesel(sql_type = Nullable<Text>)]
    host: Option<String>,
}

#[derive(QueryableByName)]
struct AlertRow {
    #[diesel(sql_type = Nullable<Text>)]
    name: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    host: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    project_code: Option<i64>,
    #[diesel(sql_type = BigInt)]
    workflow_definition_code: i64,
    #[diesel(sql_type = Nullable<Integer>)]
    warning_group_id: Option<i32>,
}

/// Columns that a command and an error command have in common.
const COMMAND_COLUMNS: &str = "id, command_type, executor_id, workflow_definition_code, workflow_definition_version, \
     workflow_instance_id, command_param, task_depend_type, failure_strategy, warning_type, warning_group_id, schedule_time, \
     start_time, update_time, workflow_instance_priority, worker_group, tenant_code, environment_code, dry_run";

impl Store {
    /// Moves a command that can never run to the error table, with the reason; its instance becomes FAILURE unless it is owned or has ended, and its
    /// place in the serial queue is freed. One that a failover has moved ends with an alert. `false`: the command was gone, and nothing was written.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn fail_command(&self, command: &Command, reason: &str) -> Result<bool, Error> {
        self.write("move a command to the error table", |connection| {
            let lock = format!(
                "SELECT {} FROM {} WHERE id = ?{}",
                CommandRow::COLUMNS,
                CommandRow::TABLE,
                connection.dialect.for_update()
            );
            if connection
                .rows::<CommandRow>(Sql::fixed("lock a command", lock).bind(command.id))?
                .is_empty()
            {
                return Ok(false);
            }
            let failed = fail_instance(connection, command.workflow_instance_id)?;
            move_command(connection, command.id, reason)?;
            if failed && command.command_type == CommandType::RecoverToleranceFaultProcess.code() {
                let alert = lost_alert(connection, command.workflow_instance_id, reason)?;
                let now = now(connection)?;
                insert_alerts(connection, alert.iter(), self.clock, now)?;
            }
            let serial = "DELETE FROM t_ds_serial_command WHERE workflow_instance_id = ?";
            connection
                .execute(Sql::fixed("free the serial queue", serial).bind(command.workflow_instance_id))?;
            Ok(true)
        })
    }

    /// Tells the operator that an instance is set aside: an alert row with the reason. Changes nothing of the instance.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn alert_quarantine(&self, workflow_instance_id: i32, reason: &str) -> Result<(), Error> {
        self.write("write an alert", |connection| {
            let row = alert_row(connection, workflow_instance_id)?;
            let row = row.ok_or_else(|| Error::Missing {
                what: "the workflow instance",
                id: workflow_instance_id.to_string(),
            })?;
            let now = now(connection)?;
            let alert = alert(
                workflow_instance_id,
                &row,
                "QUARANTINED",
                "Workflow instance set aside",
                reason,
            );
            insert_alerts(connection, std::iter::once(&alert), self.clock, now)
        })
    }
}

fn alert_row(connection: &mut Connection, id: i32) -> Result<Option<AlertRow>, Error> {
    let sql = Sql::fixed(
        "read a workflow instance",
        "SELECT name, host, project_code, workflow_definition_code, warning_group_id \
         FROM t_ds_workflow_instance WHERE id = ?",
    );
    Ok(connection.rows::<AlertRow>(sql.bind(id))?.pop())
}

/// The alert that an instance cannot be recovered; none when its row is gone too.
pub(super) fn lost_alert(connection: &mut Connection, id: i32, reason: &str) -> Result<Option<Alert>, Error> {
    let row = alert_row(connection, id)?;
    Ok(row.map(|row| {
        alert(
            id,
            &row,
            "NOT_RECOVERED",
            "Workflow instance not recovered",
            reason,
        )
    }))
}

fn alert(id: i32, row: &AlertRow, event: &str, title: &str, reason: &str) -> Alert {
    // Escapes of quotes and control characters can make the JSON longer than the text.
    let reason = cut(reason, TEXT_LEN_MAX / 8);
    let content = serde_json::json!([{
        "projectCode": row.project_code,
        "workflowInstanceId": id,
        "workflowDefinitionCode": row.workflow_definition_code,
        "workflowInstanceName": row.name,
        "workflowHost": row.host,
        "event": event,
        "warnLevel": "SERIOUS",
        "reason": reason,
    }]);
    Alert {
        title: title.to_owned(),
        content: content.to_string(),
        warning_type: WarningType::Failure,
        alert_type: AlertType::WorkflowInstanceBlocked,
        alert_group_id: Some(
            row.warning_group_id
                .filter(|id| *id > 0)
                .unwrap_or(DEFAULT_ALERT_GROUP),
        ),
        project_code: row.project_code.unwrap_or(0),
        workflow_definition_code: row.workflow_definition_code,
        workflow_instance_id: id,
    }
}

/// An instance that somebody runs, or that has ended, is not the failed command's to change.
fn fail_instance(connection: &mut Connection, id: i32) -> Result<bool, Error> {
    let lock = format!(
        "SELECT state, host FROM t_ds_workflow_instance WHERE id = ?{}",
        connection.dialect.for_update()
    );
    let Some(row) = connection
        .rows::<StateRow>(Sql::fixed("lock a workflow instance", lock).bind(id))?
        .pop()
    else {
        return Ok(false);
    };
    let state = row.state.and_then(|code| WorkflowState::try_from(code).ok());
    let owned =
        state.is_some_and(WorkflowState::needs_failover) && row.host.is_some_and(|host| !host.is_empty());
    if owned || state.is_some_and(WorkflowState::is_final) {
        return Ok(false);
    }
    let sql = Sql::fixed(
        "fail a workflow instance",
        "UPDATE t_ds_workflow_instance SET state = ? WHERE id = ?",
    );
    connection
        .execute(sql.bind(WorkflowState::Failure.code()).bind(id))
        .map(|_| true)
}

fn move_command(connection: &mut Connection, id: i32, reason: &str) -> Result<(), Error> {
    // InnoDB of old servers gives an id out again after a restart; the newer failure is the one to look at.
    let old = Sql::fixed(
        "replace an error command",
        "DELETE FROM t_ds_error_command WHERE id = ?",
    );
    connection.execute(old.bind(id))?;
    let copy = format!(
        "INSERT INTO t_ds_error_command ({COMMAND_COLUMNS}, message) SELECT {COMMAND_COLUMNS}, ? FROM t_ds_command WHERE id = ?"
    );
    connection.execute(
        Sql::fixed("write an error command", copy)
            .bind(cut(reason, TEXT_LEN_MAX))
            .bind(id),
    )?;
    connection.execute(Sql::fixed("delete a command", "DELETE FROM t_ds_command WHERE id = ?").bind(id))?;
    Ok(())
}

/// At most `len` bytes, whole characters, and none of those four bytes long that a `utf8` table refuses: a reason that cannot be stored would have
/// its command come back for ever.
pub(crate) fn cut(text: &str, len: usize) -> String {
    let mut cut = String::with_capacity(text.len().min(len));
    for character in text.chars() {
        let character = if character.len_utf8() > 3 {
            '\u{fffd}'
        } else {
            character
        };
        if cut.len() + character.len_utf8() > len {
            break;
        }
        cut.push(character);
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn cuts_at_whole_characters_that_can_be_stored() {
        assert_eq!(cut("abc", 2), "ab");
        assert_eq!(cut("aé", 2), "a");
        assert_eq!(cut("a😀b", 10), "a\u{fffd}b");
        assert_eq!(cut(&"é".repeat(40_000), 65_535).len(), 65_534);
    }
}
