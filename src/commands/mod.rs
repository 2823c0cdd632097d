//! The commands, one file each: an `Arguments` struct and a `run` function.

pub(crate) mod check_config;
