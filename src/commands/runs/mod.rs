//! Runs of workflow files: start them on a cluster, follow them to their end, steer them, say how they stand.

pub(crate) mod control;
pub(crate) mod follow;
pub(crate) mod logs;
pub(crate) mod report;
pub(crate) mod screen;
pub(crate) mod start;
pub(crate) mod view;
