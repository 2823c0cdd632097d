//! Alert rows as they are written.

use crate::clock::WallClock;
use crate::db::Connection;
use crate::error::Error;
use crate::sql::Sql;
use crate::statements::Rows;
use chrono::NaiveDateTime;
use orca_engine::codes::{AlertType, WarningType};
use orca_engine::model::Alert;
use orca_engine::time::Millis;
use sha1::{Digest, Sha1};
use std::fmt::Write as _;

/// The group that gets what concerns the servers (`AlertDao.ADMIN_ALERT_GROUP_ID`).
const ADMIN_ALERT_GROUP: i32 = 1;

/// `alert_status` is left to its default, 0: to be sent.
const COLUMNS: &[&str] = &[
    "title",
    "sign",
    "content",
    "warning_type",
    "alertgroup_id",
    "create_time",
    "update_time",
    "project_code",
    "workflow_definition_code",
    "workflow_instance_id",
    "alert_type",
];

pub(crate) fn insert_alerts<'a>(
    connection: &mut Connection,
    alerts: impl Iterator<Item = &'a Alert>,
    clock: WallClock,
    now: Millis,
) -> Result<(), Error> {
    let mut rows = Rows::new("write alerts", "t_ds_alert", COLUMNS);
    for alert in alerts {
        // Only the time-out alerts of the reference fill update_time.
        let timed_out = matches!(
            alert.alert_type,
            AlertType::WorkflowInstanceTimeout | AlertType::TaskTimeout
        );
        rows.rows.push(vec![
            alert.title.as_str().into(),
            sign(&alert.content).into(),
            alert.content.as_str().into(),
            alert.warning_type.code().into(),
            alert.alert_group_id.into(),
            clock.local(now).into(),
            timed_out.then(|| clock.local(now)).into(),
            alert.project_code.into(),
            alert.workflow_definition_code.into(),
            alert.workflow_instance_id.into(),
            alert.alert_type.code().into(),
        ]);
    }
    rows.insert(connection)
}

/// The alert that a master is down, as `AlertDao.sendServerStoppedAlert` writes it, without its suppression: it is asked for once per death.
pub(crate) fn insert_server_down(
    connection: &mut Connection,
    address: &str,
    at: NaiveDateTime,
) -> Result<(), Error> {
    // In the order of the reference, so that equal alerts of a Java server have an equal sign.
    let host = serde_json::Value::from(address);
    let content =
        format!(r#"[{{"type":"MASTER","host":{host},"event":"SERVER_DOWN","warningLevel":"SERIOUS"}}]"#);
    let sql = Sql::fixed(
        "write the alert of a failover",
        "INSERT INTO t_ds_alert (sign, title, content, warning_type, alertgroup_id, create_time, update_time, alert_type) \
         VALUES (?, 'Fault tolerance warning', ?, ?, ?, ?, ?, ?)",
    );
    let sql = sql
        .bind(sign(&content))
        .bind(content)
        .bind(WarningType::Failure.code())
        .bind(ADMIN_ALERT_GROUP)
        .bind(at)
        .bind(at)
        .bind(AlertType::FaultToleranceWarning.code());
    connection.execute(sql).map(|_| ())
}

/// Lower-case hexadecimal SHA-1 of the content.
fn sign(content: &str) -> String {
    let mut text = String::with_capacity(40);
    for byte in Sha1::digest(content.as_bytes()) {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn signs_like_the_reference() {
        assert_eq!(super::sign("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
    }
}
