//! What is asked of the database, by use case.

pub(crate) mod attempts;
pub(crate) mod backfill;
pub(crate) mod children;
pub(crate) mod claim;
pub(crate) mod claim_writes;
pub(crate) mod context;
pub(crate) mod definitions;
pub(crate) mod dependents;
pub(crate) mod failover;
pub(crate) mod failover_reads;
pub(crate) mod failures;
pub(crate) mod instance_triggers;
pub(crate) mod intake;
pub(crate) mod masters;
pub(crate) mod observe;
pub(crate) mod save;
pub(crate) mod save_rows;
pub(crate) mod schedule_rows;
pub(crate) mod schedules;
pub(crate) mod serial;
pub(crate) mod serial_command;
pub(crate) mod task_groups;
pub(crate) mod timeline;
pub(crate) mod trigger_rows;
pub(crate) mod triggers;
