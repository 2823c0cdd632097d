//! What a row must look like: column to wanted value, states and flags by name.

use orca_engine::codes::{AlertType, DataType, Direct, Flag, TaskState, WorkflowState};
use orca_engine::model::Property;
use serde::Deserialize;
use serde_json::Value;

/// A row as read: column to value.
pub(super) type Row = serde_json::Map<String, Value>;

/// Characters of a time that counts: seconds.
const SECONDS_LEN: usize = 19;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WorkflowInstanceMatch {
    pub(super) id: Option<IdTest>,
    pub(super) name: Option<String>,
    pub(super) state: Option<WorkflowState>,
    pub(super) host: Option<HostTest>,
    pub(super) run_times: Option<i64>,
    pub(super) is_sub_workflow: Option<Flag>,
    pub(super) dry_run: Option<i64>,
    pub(super) schedule_time: Option<TimeTest>,
    pub(super) start_time: Option<NullTest>,
    pub(super) end_time: Option<NullTest>,
    pub(super) restart_time: Option<NullTest>,
    pub(super) var_pool: Option<Vec<Parameter>>,
    pub(super) global_params: Option<ParametersTest>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TaskInstanceMatch {
    pub(super) id: Option<IdTest>,
    pub(super) name: Option<String>,
    pub(super) state: Option<TaskState>,
    pub(super) host: Option<HostTest>,
    pub(super) flag: Option<Flag>,
    pub(super) retry_times: Option<i64>,
    pub(super) dry_run: Option<i64>,
    pub(super) worker_group: Option<String>,
    pub(super) task_group_id: Option<i64>,
    pub(super) log_path: Option<EmptyTest>,
    pub(super) start_time: Option<NullTest>,
    pub(super) end_time: Option<NullTest>,
    pub(super) var_pool: Option<Vec<Parameter>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AlertMatch {
    pub(super) title: Option<String>,
    pub(super) project_code: Option<i64>,
    pub(super) workflow_definition_code: Option<i64>,
    pub(super) alert_type: Option<AlertType>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum IdTest {
    Is(i64),
    Greater(GreaterTest),
    Not(NotTest),
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GreaterTest {
    pub(super) gt: i64,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NotTest {
    pub(super) not: i64,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NullTest {
    pub(super) not_null: bool,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EmptyTest {
    pub(super) not_empty: bool,
}

/// An address, or the address of a master of the case.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum HostTest {
    Is(String),
    Of(HostOf),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HostOf {
    pub(super) master: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum TimeTest {
    Is(String),
    Null(NullTest),
}

/// All four members count.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parameter {
    pub(super) prop: Option<String>,
    pub(super) direct: Option<Direct>,
    #[serde(rename = "type")]
    pub(super) data_type: Option<DataType>,
    pub(super) value: Option<String>,
}

impl From<&Parameter> for Property {
    fn from(parameter: &Parameter) -> Self {
        Self {
            prop: parameter.prop.clone(),
            direct: parameter.direct,
            data_type: parameter.data_type,
            value: parameter.value.clone(),
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ParametersTest {
    pub(super) count: Option<usize>,
    #[serde(default)]
    pub(super) any: Vec<PartOfParameter>,
}

/// Only the members that are given count.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PartOfParameter {
    #[serde(default, deserialize_with = "given")]
    pub(super) prop: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    pub(super) value: Option<Option<String>>,
}

fn given<'de, D: serde::Deserializer<'de>>(reader: D) -> Result<Option<Option<String>>, D::Error> {
    Option::<String>::deserialize(reader).map(Some)
}

/// What one column must be.
pub(super) enum Test<'a> {
    Number(i64),
    /// A code, and the name it has in files.
    Code(i32, &'static str),
    Text(&'a str),
    Id(&'a IdTest),
    Host(&'a HostTest),
    Null(NullTest),
    Filled,
    Time(&'a str),
    Parameters(&'a [Parameter]),
    SomeParameters(&'a ParametersTest),
}

/// A matcher as a list of columns and tests.
pub(super) trait RowMatch {
    fn tests(&self) -> Vec<(&'static str, Test<'_>)>;
}

/// Collects the members that are there.
macro_rules! tests {
    ($self:ident, $($column:ident => $test:expr),+ $(,)?) => {{
        let mut tests = Vec::new();
        $(if let Some(wanted) = &$self.$column { tests.push((stringify!($column), ($test)(wanted))); })+
        tests
    }};
}

fn number(wanted: &i64) -> Test<'_> {
    Test::Number(*wanted)
}

fn text(wanted: &str) -> Test<'_> {
    Test::Text(wanted)
}

fn flag(wanted: &Flag) -> Test<'_> {
    Test::Code(wanted.code(), wanted.name())
}

fn null(wanted: &NullTest) -> Test<'_> {
    Test::Null(*wanted)
}

fn parameters(wanted: &[Parameter]) -> Test<'_> {
    Test::Parameters(wanted)
}

fn time(wanted: &TimeTest) -> Test<'_> {
    match wanted {
        TimeTest::Is(wanted) => Test::Time(wanted),
        TimeTest::Null(wanted) => Test::Null(*wanted),
    }
}

fn filled(wanted: &EmptyTest) -> Test<'_> {
    if wanted.not_empty {
        Test::Filled
    } else {
        Test::Text("")
    }
}

impl RowMatch for WorkflowInstanceMatch {
    fn tests(&self) -> Vec<(&'static str, Test<'_>)> {
        tests!(self,
            id => Test::Id,
            name => text,
            state => |wanted: &WorkflowState| Test::Code(wanted.code(), wanted.name()),
            host => Test::Host,
            run_times => number,
            is_sub_workflow => flag,
            dry_run => number,
            schedule_time => time,
            start_time => null,
            end_time => null,
            restart_time => null,
            var_pool => parameters,
            global_params => Test::SomeParameters,
        )
    }
}

impl RowMatch for TaskInstanceMatch {
    fn tests(&self) -> Vec<(&'static str, Test<'_>)> {
        tests!(self,
            id => Test::Id,
            name => text,
            state => |wanted: &TaskState| Test::Code(wanted.code(), wanted.name()),
            host => Test::Host,
            flag => flag,
            retry_times => number,
            dry_run => number,
            worker_group => text,
            task_group_id => number,
            log_path => filled,
            start_time => null,
            end_time => null,
            var_pool => parameters,
        )
    }
}

impl RowMatch for AlertMatch {
    fn tests(&self) -> Vec<(&'static str, Test<'_>)> {
        tests!(self,
            title => text,
            project_code => number,
            workflow_definition_code => number,
            alert_type => |wanted: &AlertType| Test::Code(wanted.code(), wanted.name()),
        )
    }
}

/// Holds when the row passes every test of the matcher; `address_of` knows the masters of the case.
///
/// # Errors
/// The first column that is not as wanted.
pub(super) fn check(
    row: &Row,
    wanted: &impl RowMatch,
    address_of: &dyn Fn(&str) -> Option<String>,
) -> Result<(), String> {
    for (column, test) in wanted.tests() {
        let value = row.get(column).unwrap_or(&Value::Null);
        check_value(value, &test, address_of).map_err(|wish| format!("{column} is {value}, not {wish}"))?;
    }
    Ok(())
}

fn check_value(
    value: &Value,
    test: &Test<'_>,
    address_of: &dyn Fn(&str) -> Option<String>,
) -> Result<(), String> {
    let wish = match test {
        Test::Number(wanted) => (value.as_i64() != Some(*wanted)).then(|| wanted.to_string()),
        Test::Code(code, name) => {
            (value.as_i64() != Some(i64::from(*code))).then(|| format!("{code} ({name})"))
        }
        Test::Text(wanted) => (value.as_str() != Some(*wanted)).then(|| format!("{wanted:?}")),
        Test::Id(wanted) => id_wish(value.as_i64(), wanted),
        Test::Host(HostTest::Is(wanted)) => {
            (value.as_str() != Some(wanted.as_str())).then(|| format!("{wanted:?}"))
        }
        Test::Host(HostTest::Of(HostOf { master })) => match address_of(master) {
            Some(address) => {
                (value.as_str() != Some(address.as_str())).then(|| format!("{address:?} ({master})"))
            }
            None => Some(format!("the address of {master}, which has not been started")),
        },
        Test::Null(NullTest { not_null: true }) => value.is_null().then(|| "a value".to_owned()),
        Test::Null(NullTest { not_null: false }) => (!value.is_null()).then(|| "null".to_owned()),
        Test::Filled => value
            .as_str()
            .is_none_or(str::is_empty)
            .then(|| "a text".to_owned()),
        Test::Time(wanted) => {
            let found = value.as_str().and_then(|time| time.get(..SECONDS_LEN));
            (found != Some(*wanted)).then(|| format!("{wanted:?}"))
        }
        Test::Parameters(wanted) => parameters_wish(value, wanted),
        Test::SomeParameters(wanted) => some_parameters_wish(value, wanted),
    };
    wish.map_or(Ok(()), Err)
}

fn id_wish(id: Option<i64>, wanted: &IdTest) -> Option<String> {
    let Some(id) = id else {
        return Some("an id".to_owned());
    };
    match wanted {
        IdTest::Is(wanted) => (id != *wanted).then(|| wanted.to_string()),
        IdTest::Greater(GreaterTest { gt }) => (id <= *gt).then(|| format!("more than {gt}")),
        IdTest::Not(NotTest { not }) => (id == *not).then(|| format!("another than {not}")),
    }
}

fn read_parameters(value: &Value) -> Result<Vec<Parameter>, String> {
    match value.as_str() {
        None | Some("") => Ok(Vec::new()),
        Some(text) => {
            let read: Vec<Property> =
                serde_json::from_str(text).map_err(|error| format!("a list of parameters ({error})"))?;
            let parameters = read.into_iter().map(|property| Parameter {
                prop: property.prop,
                direct: property.direct,
                data_type: property.data_type,
                value: property.value,
            });
            Ok(parameters.collect())
        }
    }
}

fn parameters_wish(value: &Value, wanted: &[Parameter]) -> Option<String> {
    match read_parameters(value) {
        Ok(found) if found == wanted => None,
        Ok(_) => Some(format!("{wanted:?}")),
        Err(wish) => Some(wish),
    }
}

fn some_parameters_wish(value: &Value, wanted: &ParametersTest) -> Option<String> {
    let found = match read_parameters(value) {
        Ok(found) => found,
        Err(wish) => return Some(wish),
    };
    if let Some(count) = wanted.count
        && found.len() != count
    {
        return Some(format!("{count} parameters"));
    }
    let missing = wanted.any.iter().find(|part| {
        !found.iter().any(|parameter| {
            part.prop.as_ref().is_none_or(|prop| *prop == parameter.prop)
                && part.value.as_ref().is_none_or(|value| *value == parameter.value)
        })
    });
    missing.map(|part| format!("a list with {part:?}"))
}
