//! The parameters every task has without anybody declaring them.

use super::ParamError;
use super::calendar::add_days;
use super::prepare::PrepareInputs;
use crate::codes::{CommandType, DataType, Direct};
use crate::model::Property;
use crate::time::Millis;
use crate::zone::Zone;
use std::collections::BTreeMap;

/// The base of `$[...]` expressions, yyyyMMddHHmmss.
pub const SYSTEM_DATETIME: &str = "system.datetime";
const SYSTEM_BIZ_DATE: &str = "system.biz.date";
const SYSTEM_BIZ_CURDATE: &str = "system.biz.curdate";

/// Step 1: the names of the run and its dates, as IN parameters.
pub(super) fn builtin_parameters(inputs: &PrepareInputs<'_>) -> Result<Vec<Property>, ParamError> {
    let (task, instance) = (inputs.task, inputs.instance);
    let mut values: BTreeMap<&str, String> = date_parameters(inputs)?;
    if let Some(path) = inputs.execute_path.filter(|path| !path.trim().is_empty()) {
        values.insert("system.task.execute.path", path.to_owned());
    }
    values.insert("system.task.instance.id", task.id.to_string());
    values.insert("system.task.definition.name", task.name.clone());
    values.insert("system.task.definition.code", task.task_code.to_string());
    values.insert(
        "system.workflow.instance.id",
        task.workflow_instance_id.to_string(),
    );
    values.insert(
        "system.workflow.definition.name",
        inputs.workflow_definition_name.to_owned(),
    );
    values.insert(
        "system.workflow.definition.code",
        instance.workflow_definition_code.to_string(),
    );
    values.insert("system.project.name", inputs.project_name.to_owned());
    values.insert("system.project.code", instance.project_code.to_string());
    Ok(values
        .into_iter()
        .map(|(name, value)| input(name, value))
        .collect())
}

/// Step 7: `system.datetime` of a run with a schedule time, in the zone of the process; no direction, no type.
pub fn schedule_parameters(schedule_time: Option<Millis>, zone: &Zone) -> Result<Vec<Property>, ParamError> {
    let Some(schedule_time) = schedule_time else {
        return Ok(Vec::new());
    };
    Ok(vec![Property {
        prop: Some(SYSTEM_DATETIME.to_owned()),
        direct: None,
        data_type: None,
        value: Some(date_text(schedule_time, zone, DATE_TIME)?),
    }])
}

const DATE: &str = "%Y%m%d";
const DATE_TIME: &str = "%Y%m%d%H%M%S";

/// `BusinessTimeUtils`: yesterday and today of the schedule time or, without one, of now; in the zone of the command. A
/// backfill without a schedule time has none of them.
fn date_parameters(inputs: &PrepareInputs<'_>) -> Result<BTreeMap<&'static str, String>, ParamError> {
    let instance = inputs.instance;
    let is_backfill = instance.command_type == CommandType::ComplementData
        || instance
            .history_cmd
            .as_deref()
            .is_some_and(|history| history.starts_with("COMPLEMENT_DATA"));
    if is_backfill && instance.schedule_time.is_none() {
        return Ok(BTreeMap::new());
    }
    let zone = match inputs.time_zone.filter(|name| !name.is_empty()) {
        Some(name) => Zone::parse(name)?,
        None => *inputs.zone,
    };
    let base = instance.schedule_time.unwrap_or(inputs.now);
    let out_of_range = || ParamError::TimeOutOfRange { millis: base.0 };
    // Back and forth in the process's zone, as the reference does: next to a clock change the way is not the identity.
    let yesterday = add_days(base, -1, inputs.zone).ok_or_else(out_of_range)?;
    let today = add_days(yesterday, 1, inputs.zone).ok_or_else(out_of_range)?;
    Ok(BTreeMap::from([
        (SYSTEM_BIZ_DATE, date_text(yesterday, &zone, DATE)?),
        (SYSTEM_BIZ_CURDATE, date_text(today, &zone, DATE)?),
        (SYSTEM_DATETIME, date_text(today, &zone, DATE_TIME)?),
    ]))
}

fn date_text(at: Millis, zone: &Zone, format: &str) -> Result<String, ParamError> {
    let local = zone
        .local(at)
        .ok_or(ParamError::TimeOutOfRange { millis: at.0 })?;
    Ok(local.format(format).to_string())
}

fn input(name: &str, value: String) -> Property {
    Property {
        prop: Some(name.to_owned()),
        direct: Some(Direct::In),
        data_type: Some(DataType::Varchar),
        value: Some(value),
    }
}
