//! The native worker.
