//! Tests of the machine: scenarios as tables, every cell of the state tables, and worlds made by chance.

mod cells;
mod chance;
mod cost;
pub(crate) mod kit;
mod script;
mod tables;
mod world;
