//! The shared database: everything that is SQL, and nothing that decides.
//!
//! [`Store`] is the way in. Guarantees: writes to an owned workflow instance or its tasks happen only in a transaction that has locked the instance
//! row and checked its fence; a COMMIT that was not answered is told apart from one that failed; wall clocks are those of one configured zone.
//! It refuses to know why something is written.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod alerts;
mod clock;
mod codes;
mod commit;
mod db;
mod dialect;
mod error;
pub mod limits;
mod migrate;
mod multi;
mod queries;
mod rows;
mod schema;
mod sessions;
mod settings;
mod sql;
mod statements;
mod store;
mod task_rows;
mod tx;
mod types;
mod url;

pub use db::Connections;
pub use dialect::Dialect;
pub use error::{AgainError, CommitError, Error, ErrorClass, TriggerError};
pub use queries::attempts::AttemptView;
pub use queries::children::ChildView;
pub use queries::dependents::MissingReference;
pub use queries::failover::{DeadMaster, Moved};
pub use queries::failover_reads::{Failover, FailoverEntry, PlannedMove, PlannedTask};
pub use queries::fencing::SessionsEnded;
pub use queries::intake::Wanted;
pub use queries::schedules::{Fired, Firing, NextFire};
pub use queries::serial::{QueueSettled, SerialQueue, SerialStop};
pub use queries::task_groups::{SlotOwners, SlotsGiven};
pub use queries::timeline::{FailoverEvent, FailoverNote, FailoverRecord};
pub use settings::{DatabaseSettings, Secret};
pub use store::Store;
pub use types::{
    Again, AgainRequest, ClaimOutcome, Committed, Counts, InstanceFilter, MasterRow, MasterState,
    MigrationReport, NewDefinition, NewRun, NewTask, Ownership, Page, RunKind, StepCommit, StepState,
};
