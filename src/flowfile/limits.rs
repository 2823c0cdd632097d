//! How large a workflow file may be, and why.

/// A file is written by hand or by a small script; beyond this it is the wrong file.
pub(super) const FILE_BYTES_MAX: u64 = 4 << 20;

/// What `$FILE{"..."}` may bring in: it becomes part of a task's parameters, which travel in one RPC frame and one row.
pub(super) const INCLUDED_FILE_BYTES_MAX: u64 = 1 << 20;

/// The form needs six levels; more is a mistake or an attack on whoever walks the tree.
pub(super) const DEPTH_MAX: usize = 32;

/// Aliases copy what they point at; this bounds the copies ("billion laughs").
pub(super) const NODES_MAX: usize = 200_000;

/// Each task is a row per attempt and a context in memory.
pub(super) const TASKS_MAX: usize = 5_000;

/// Characters of the name columns of definitions and instances, with room for the time stamp an instance name carries.
pub(super) const NAME_CHARACTERS_MAX: usize = 200;

/// Characters of the description columns.
pub(super) const DESCRIPTION_CHARACTERS_MAX: usize = 255;

/// A larger number of minutes or retries than anybody means, and far from where `i32` arithmetic ends.
pub(super) const NUMBER_MAX: i64 = 1_000_000;

/// How many problems of one file are shown; the rest is counted.
pub(super) const PROBLEMS_SHOWN_MAX: usize = 50;

/// How many names a "known are" list shows.
pub(super) const NAMES_SHOWN_MAX: usize = 12;
