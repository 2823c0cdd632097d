//! What servers tell about themselves: the payload of their nodes, how it is measured, when it is written.
//!
//! Source: `MasterHeartBeat`, `WorkerHeartBeat`, `BaseHeartBeatTask` and `BaseServerLoadProtection` of DolphinScheduler.

mod beat;
mod json;
mod load;
mod sampling;

pub use beat::{Beat, HeartbeatEnd, Heartbeater};
pub use json::{HeartbeatError, MasterHeartbeat, Metrics, RUNTIME, ServerStatus, WorkerHeartbeat};
pub use load::{LoadProtection, Overload};
pub use sampling::{Sampler, current_process_id, wall_clock_ms};
