//! What the coordinator decides: which waiting tasks get the slots of a task group, and what becomes of a queue of serial instances.
//!
//! Pure: the store reads the rows under a lock, asks here, and carries the answer out in the same transaction. So it does not matter who asks, and a
//! coordinator that was deposed and does not know it does no harm. It refuses to know who the coordinator is.

mod serial;
mod slots;

pub use serial::{Queued, SerialAction, SerialState, needs_attention, settle};
pub use slots::{Grant, GroupState, SlotRequest, SlotRow, assign, may_go};
