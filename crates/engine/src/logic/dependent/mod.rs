//! DEPENDENT: a task that waits for other workflows, or tasks of them, in intervals around its business date.
//!
//! Guarantees: what has to be asked of the database is a value ([`Question`]) and the verdict follows from the answers alone, so many waiting tasks can ask
//! together and what two of them ask is asked once. It refuses to know how a question is answered and how often one looks.

mod intervals;
mod look;
mod parameters;
mod question;
#[cfg(test)]
mod tests;

pub use intervals::{Interval, intervals};
pub use look::{Look, Own, Waiting};
pub use parameters::{DependentParameters, FailurePolicy, Group, Item, ParametersError, Relation, Target};
pub use question::{
    Answers, Candidate, CandidateQuestion, Candidates, DependResult, LastTask, Question, TaskRow, last_of,
};
