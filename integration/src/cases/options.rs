//! The command line of `orca-integration cases`.

use crate::harness::Stack;
use std::path::PathBuf;

pub const USAGE: &str = "usage: orca-integration cases DIR... [--filter GLOB] [--jobs N] [--report FILE] [--repeat N] [--stack real|embedded] [--keep-logs DIR]\n\
    DIR holds case files in folders and their rows in a folder `context`; GLOB is matched against names like stop/one_success_task\n\
    (`*` stands for any text, `?` for any character); N cases run at once (4); the stack is ZooKeeper and MariaDB (real) or SQLite alone (embedded)";

const JOBS: usize = 4;
const JOBS_MAX: usize = 64;
const REPEAT_MAX: usize = 1_000;

/// What to run, and how.
#[derive(Debug, PartialEq, Eq)]
pub struct Options {
    pub folders: Vec<PathBuf>,
    pub filter: Option<String>,
    pub jobs: usize,
    pub repeat: usize,
    pub report: Option<PathBuf>,
    pub keep_logs: Option<PathBuf>,
    pub stack: Stack,
}

impl Options {
    /// # Errors
    /// What is wrong with the arguments.
    pub fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut options = Self {
            folders: Vec::new(),
            filter: None,
            jobs: JOBS,
            repeat: 1,
            report: None,
            keep_logs: None,
            stack: Stack::Real,
        };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            if !argument.starts_with("--") {
                options.folders.push(PathBuf::from(argument));
                continue;
            }
            let value = rest.next().ok_or_else(|| format!("{argument} needs a value"))?;
            match argument.as_str() {
                "--filter" => options.filter = Some(value.clone()),
                "--jobs" => options.jobs = number(argument, value, JOBS_MAX)?,
                "--repeat" => options.repeat = number(argument, value, REPEAT_MAX)?,
                "--report" => options.report = Some(PathBuf::from(value)),
                "--keep-logs" => options.keep_logs = Some(PathBuf::from(value)),
                "--stack" => {
                    options.stack = match value.as_str() {
                        "real" => Stack::Real,
                        "embedded" => Stack::Embedded,
                        other => return Err(format!("--stack is real or embedded, not {other:?}")),
                    }
                }
                other => return Err(format!("there is no option {other}")),
            }
        }
        if options.folders.is_empty() {
            return Err("name at least one folder of cases".to_owned());
        }
        Ok(options)
    }

    #[must_use]
    pub fn wants(&self, case: &str) -> bool {
        self.filter
            .as_ref()
            .is_none_or(|filter| matches(filter.as_bytes(), case.as_bytes()))
    }
}

fn number(option: &str, value: &str, most: usize) -> Result<usize, String> {
    value
        .parse()
        .ok()
        .filter(|number| (1..=most).contains(number))
        .ok_or_else(|| format!("{option} takes a number from 1 to {most}, not {value:?}"))
}

/// `*` is any text, slashes included; `?` any one byte.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => {
            matches(rest, text)
                || text
                    .split_first()
                    .is_some_and(|(_, shorter)| matches(pattern, shorter))
        }
        (Some((b'?', rest)), Some((_, shorter))) => matches(rest, shorter),
        (Some((wanted, rest)), Some((found, shorter))) => wanted == found && matches(rest, shorter),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs() {
        for (pattern, text, expected) in [
            ("*", "stop/one", true),
            ("stop/*", "stop/one", true),
            ("stop/*", "start/one", false),
            ("*one?", "stop/one", false),
            ("*on?", "stop/one", true),
            ("s*p/*e", "stop/one", true),
            ("", "stop/one", false),
        ] {
            assert_eq!(
                matches(pattern.as_bytes(), text.as_bytes()),
                expected,
                "{pattern} {text}"
            );
        }
    }

    #[test]
    fn arguments_are_checked() {
        let parse = |text: &str| {
            let words: Vec<String> = text.split_whitespace().map(ToOwned::to_owned).collect();
            Options::parse(&words)
        };
        let options = parse("a b --filter stop/* --jobs 2 --repeat 3 --stack embedded").unwrap();
        assert_eq!((options.folders.len(), options.jobs, options.repeat), (2, 2, 3));
        assert!(options.wants("stop/x") && !options.wants("start/x"));
        for bad in [
            "",
            "--jobs 2",
            "a --jobs 0",
            "a --jobs",
            "a --nope 1",
            "a --stack java",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
