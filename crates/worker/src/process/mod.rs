//! Processes of tasks: started in a group of their own, killed whole, never left behind.

mod census;
pub mod group;
pub mod guard;
pub mod token;

pub use census::kill_leftovers;
