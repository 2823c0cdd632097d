//! The shared database.
