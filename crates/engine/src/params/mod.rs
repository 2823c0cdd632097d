//! Parameters: what `${name}` and `$[time]` mean, and which value wins.
//!
//! Guarantees: for the same rows, the same moment and the same zone the same parameters as the reference
//! (`CuringParamsServiceImpl`, `ParameterUtils`, `TimePlaceholderUtils`, `VarPoolUtils`), or an error that names what
//! cannot be resolved; never an endless expansion. Refuses to know the clock, the process's zone and the rows' origin.

mod arithmetic;
mod builtin;
mod calendar;
mod expression;
pub mod limits;
pub mod output;
mod pattern;
mod placeholder;
mod prepare;
mod property;
mod var_pool;

pub use builtin::{SYSTEM_DATETIME, schedule_parameters};
pub use expression::evaluate as evaluate_time_expression;
pub use pattern::format as format_time;
pub use placeholder::substitute;
pub use prepare::{PrepareInputs, prepare_params};
pub(crate) use property::first_value;
pub use property::{local_params, merge_global_params, parse_properties, write_properties};
pub use var_pool::{Predecessor, incoming_var_pool, merge_var_pool, write_var_pool};

use crate::zone::UnknownZone;

/// Why parameters cannot be resolved. All of them are fatal for the attempt: the same rows give the same error again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParamError {
    #[error("{what} is no JSON list of parameters: {reason}")]
    NotAList { what: &'static str, reason: String },
    #[error("Circular placeholder reference '{name}' in property definitions")]
    Circular { name: String },
    #[error("placeholders are nested more than {max} deep, at '{name}'")]
    TooDeep { name: String, max: usize },
    #[error("resolving the placeholders of one text takes more than {max} replacements")]
    TooManyReplacements { max: usize },
    #[error("a text with its placeholders resolved is longer than {max} bytes")]
    TooLong { max: usize },
    #[error("the time zone of the command is unusable: {0}")]
    Zone(#[from] UnknownZone),
    #[error("the time {millis} ms is out of the range of dates")]
    TimeOutOfRange { millis: i64 },
}

#[cfg(test)]
mod tests;
