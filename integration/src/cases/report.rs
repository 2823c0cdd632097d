//! What came out.

use crate::harness::Error;
use serde_json::json;
use std::path::Path;

/// One case that has run.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub case: String,
    /// What it shows, and the test it restates; nothing when the file could not be read.
    pub title: Option<String>,
    pub source: Option<String>,
    pub seconds: f64,
    /// Why it failed: the step, what did not hold, the rows last seen.
    pub failure: Option<String>,
}

impl Outcome {
    /// `PASS stop/one (1.2 s)`, or `FAIL` with the reason below.
    #[must_use]
    pub fn line(&self) -> String {
        match &self.failure {
            None => format!("PASS {} ({:.1} s)", self.case, self.seconds),
            Some(why) => {
                let indented = why.trim_end().replace('\n', "\n    ");
                format!("FAIL {} ({:.1} s): {indented}", self.case, self.seconds)
            }
        }
    }
}

/// All of them, in the order of their names.
#[derive(Clone, Debug)]
pub struct Summary {
    pub outcomes: Vec<Outcome>,
}

impl Summary {
    #[must_use]
    pub fn failed(&self) -> usize {
        self.outcomes
            .iter()
            .filter(|outcome| outcome.failure.is_some())
            .count()
    }

    /// `N passed, N failed`
    #[must_use]
    pub fn last_line(&self) -> String {
        let failed = self.failed();
        format!("{} passed, {failed} failed", self.outcomes.len() - failed)
    }

    /// Writes everything as JSON.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let cases: Vec<_> = self
            .outcomes
            .iter()
            .map(|outcome| {
                json!({
                    "case": outcome.case,
                    "title": outcome.title,
                    "source": outcome.source,
                    "passed": outcome.failure.is_none(),
                    "seconds": (outcome.seconds * 10.0).round() / 10.0,
                    "failure": outcome.failure,
                })
            })
            .collect();
        let failed = self.failed();
        let report = json!({
            "passed": self.outcomes.len() - failed,
            "failed": failed,
            "load_protection": false,
            "cases": cases,
        });
        std::fs::write(path, format!("{report:#}\n")).map_err(|source| Error::Start {
            what: format!("the report {}", path.display()),
            source,
        })
    }
}

/// Copies the logs of a case's processes.
///
/// # Errors
/// When a file cannot be copied.
pub(super) fn keep_logs(from: &Path, to: &Path) -> Result<(), Error> {
    let failed = |source| Error::Start {
        what: format!("the logs in {}", to.display()),
        source,
    };
    std::fs::create_dir_all(to).map_err(failed)?;
    for entry in std::fs::read_dir(from).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if let Some(name) = path.file_name()
            && path.extension().is_some_and(|extension| extension == "log")
        {
            std::fs::copy(&path, to.join(name)).map_err(failed)?;
        }
    }
    Ok(())
}
