//! What is wrong with a file, where, and what to do: collected while reading goes on, so that one look shows everything.

use super::limits::PROBLEMS_SHOWN_MAX;
use std::cell::RefCell;
use std::fmt;
use std::path::{Path, PathBuf};

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{}: cannot be read: {reason}; give the path of a workflow file (YAML)", file.display())]
    Unreadable { file: PathBuf, reason: String },
    #[error(transparent)]
    Wrong(Report),
}

/// A place in a file, both counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// One thing that is wrong: where, under which key, what, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Problem {
    pub(super) at: Position,
    pub(super) key: String,
    pub(super) text: String,
}

/// Something that is allowed and has no effect here, or another effect than its author may expect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) at: Position,
    pub(crate) text: String,
}

/// Where readers leave what they find.
#[derive(Default)]
pub(super) struct Problems {
    found: RefCell<Vec<Problem>>,
    notes: RefCell<Vec<Note>>,
}

impl Problems {
    pub(super) fn add(&self, at: Position, key: &str, text: impl Into<String>) {
        self.found.borrow_mut().push(Problem {
            at,
            key: key.to_owned(),
            text: text.into(),
        });
    }

    pub(super) fn note(&self, at: Position, text: impl Into<String>) {
        self.notes.borrow_mut().push(Note {
            at,
            text: text.into(),
        });
    }

    /// The problems in the order of the file, and the notes.
    pub(super) fn into_parts(self) -> (Vec<Problem>, Vec<Note>) {
        let mut found = self.found.into_inner();
        found.sort();
        found.dedup();
        (found, self.notes.into_inner())
    }
}

/// All problems of one file: one line each, `file:line:column: key: what is wrong; what to do`.
#[derive(Debug)]
pub(crate) struct Report {
    file: PathBuf,
    problems: Vec<Problem>,
}

impl Report {
    pub(super) fn new(file: &Path, problems: Vec<Problem>) -> Self {
        Self {
            file: file.to_owned(),
            problems,
        }
    }
}

impl std::error::Error for Report {}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        for (index, problem) in self.problems.iter().take(PROBLEMS_SHOWN_MAX).enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            let Position { line, column } = problem.at;
            write!(f, "{separator}{file}:{line}:{column}: ")?;
            if !problem.key.is_empty() {
                write!(f, "{}: ", problem.key)?;
            }
            f.write_str(&problem.text)?;
        }
        let hidden = self.problems.len().saturating_sub(PROBLEMS_SHOWN_MAX);
        if hidden > 0 {
            write!(f, "\n{file}: and {hidden} more problems")?;
        }
        Ok(())
    }
}
