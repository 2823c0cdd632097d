//! The commands, one file each: an `Arguments` struct and a `run` function.

pub(crate) mod attached;
pub(crate) mod check_config;
pub(crate) mod cluster;
pub(crate) mod failover;
pub(crate) mod guardian;
pub(crate) mod master;
pub(crate) mod migrate;
pub(crate) mod runs;
pub(crate) mod standalone;
pub(crate) mod status;
pub(crate) mod table;
pub(crate) mod worker;
pub(crate) mod workflow;
