//! What is asked of the database, by use case.

pub(crate) mod context;
pub(crate) mod definitions;
pub(crate) mod intake;
pub(crate) mod masters;
