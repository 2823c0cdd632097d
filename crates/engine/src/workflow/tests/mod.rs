//! Tests of the machine: scenarios as tables, every cell of the state tables, and worlds made by chance.

mod cells;
mod chance;
mod cost;
mod groups;
pub(crate) mod kit;
mod pages;
mod scene;
mod script;
mod show;
mod silence;
mod tables;
mod time_outs;
mod words;
mod workers;
mod world;
