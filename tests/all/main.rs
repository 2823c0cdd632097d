//! Tests of the program and the scripts around it, as processes.

#![allow(clippy::unwrap_used)]

mod check_config;
mod launcher;
mod servers;
mod standalone;
