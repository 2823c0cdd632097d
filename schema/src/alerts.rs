//! Alert rows as they are written.

use crate::clock::WallClock;
use crate::db::Connection;
use crate::error::Error;
use crate::statements::Rows;
use orca_engine::codes::AlertType;
use orca_engine::model::Alert;
use orca_engine::time::Millis;
use sha1::{Digest, Sha1};
use std::fmt::Write as _;

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
