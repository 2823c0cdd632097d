//! The store against real databases: SQLite always, MariaDB when it is installed.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod again;
mod children;
mod claiming;
mod commits;
mod connections;
mod coordinator;
mod definitions;
mod dependents;
mod fencing;
mod harness;
mod moves;
mod orphans;
mod plans;
mod reads;
mod schedules;
mod support;
mod tables;
mod timeline;
mod triggers;
