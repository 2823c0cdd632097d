//! The actors of a master.
