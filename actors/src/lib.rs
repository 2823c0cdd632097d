//! The actors of a master: who holds which state, and who tells whom.
//!
//! Decisions are the engine's, SQL is the schema's, bytes are the wire's. What is here is the shell: it gives the machine its events, has
//! its steps committed and runs its effects. Entry point: [`run_master`].

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod boot;
mod calls;
mod cluster;
mod context_reads;
mod coordinator;
mod definitions;
mod directory;
mod dispatch;
mod failover;
mod guardian;
mod heartbeat;
mod intake;
mod leave;
mod limits;
mod logic;
mod master_node;
mod metrics;
mod observatory;
mod peer_calls;
mod rpc_server;
mod schedule;
pub mod settings;
mod slot_watch;
mod store;
mod sweep;
mod term;
mod term_life;
mod timeline;
mod workflow;

pub use boot::{BootError, Exit, run_master};
pub use guardian::Guardian;
pub use observatory::Observatory;
pub use settings::MasterSettings;
