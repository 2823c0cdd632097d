//! The cells of the task and workflow tables: what one event means where. Each is a transition, a named no-op, or a refusal,
//! and a refusal is given before anything is changed.

mod child;
mod control;
mod dispatch;
mod doubt;
mod end;
mod report;
mod silence;
mod slot;
mod start;
mod time_out;

use super::Refusal;

/// What an event that fits has led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Done,
    /// It changes nothing, for this reason.
    Nothing(&'static str),
}

pub(super) type Cell = Result<Verdict, Refusal>;

const ENDED: &str = "the attempt has ended";
const NOT_DISPATCHED: &str = "the attempt is not at a worker";
