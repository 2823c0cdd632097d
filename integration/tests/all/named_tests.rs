//! The documents say which test shows what: each test that they name is there, and each row names one.

use crate::tidy::root;
use std::fs;
use std::path::{Path, PathBuf};

/// Where the tests of a package are. What names no package is a test of this one.
const PACKAGES: &[(&str, &[&str])] = &[
    ("engine", &["crates/engine/src"]),
    ("schema", &["schema/src", "schema/tests"]),
    ("registry", &["crates/registry/src", "crates/registry/tests"]),
    ("rpc", &["crates/rpc/src", "crates/rpc/tests"]),
    ("worker", &["crates/worker/src", "crates/worker/tests"]),
    ("actors", &["actors/src"]),
    ("simulator", &["crates/simulator/src", "crates/simulator/tests"]),
    ("orca", &["src", "tests"]),
];
const OWN: &[&str] = &["integration/tests/all", "integration/src"];
const SCENARIOS: &str = "crates/engine/src/workflow/testdata";
const CASES: &str = "integration/cases";
/// Tables with a last column of one of these names say in it which tests show the row.
const TEST_COLUMNS: [&str; 2] = ["test", "shown by"];

/// One row of such a table.
struct Row {
    document: &'static str,
    cells: Vec<String>,
}

impl Row {
    /// What stands between backticks in the last cell.
    fn names(&self) -> Vec<String> {
        let last = self.cells.last().unwrap();
        last.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }

    fn shown(&self, name: &str) -> String {
        format!("{}, row {:?}: {name:?}", self.document, self.cells[0])
    }
}

fn cells(line: &str) -> Option<Vec<String>> {
    let inner = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    Some(inner.split('|').map(|cell| cell.trim().to_owned()).collect())
}

fn rows(document: &'static str) -> Vec<Row> {
    let text = fs::read_to_string(root().join(document)).unwrap();
    let (mut found, mut columns) = (Vec::new(), Vec::new());
    for line in text.lines() {
        let Some(cells) = cells(line) else {
            columns.clear();
            continue;
        };
        if columns.is_empty() {
            columns = cells;
            continue;
        }
        let is_rule = cells.iter().all(|cell| cell.chars().all(|letter| letter == '-'));
        let names_tests = columns
            .last()
            .is_some_and(|name| TEST_COLUMNS.contains(&name.as_str()));
        if names_tests && !is_rule {
            assert_eq!(cells.len(), columns.len(), "{document}: {line}");
            found.push(Row { document, cells });
        }
    }
    found
}

fn all_rows() -> Vec<Row> {
    [rows("docs/differences.md"), rows("README.md")]
        .into_iter()
        .flatten()
        .collect()
}

/// `module::test`, `package::module::test`, `module::*`, `group/case`, `group/*`, `file.txt` or `file.txt: first words`.
fn exists(name: &str) -> bool {
    if let Some((file, heading)) = name.split_once(".txt") {
        return has_scenario(file, heading.trim_start_matches(": "));
    }
    if name.contains("::") {
        return has_test(name);
    }
    match name.split_once('/') {
        Some((group, "*")) => fs::read_dir(root().join(CASES).join(group)).is_ok(),
        Some(_) => root().join(CASES).join(format!("{name}.yaml")).is_file(),
        None => false,
    }
}

fn has_scenario(file: &str, heading: &str) -> bool {
    let path = root().join(SCENARIOS).join(format!("{file}.txt"));
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .filter_map(|line| line.strip_prefix("# "))
        .any(|line| line.starts_with(heading))
}

fn has_test(name: &str) -> bool {
    let mut words: Vec<&str> = name.split("::").collect();
    let package = PACKAGES.iter().find(|(package, _)| *package == words[0]);
    if package.is_some() {
        words.remove(0);
    }
    let folders = package.map_or(OWN, |(_, folders)| folders);
    let Some((test, modules)) = words.split_last() else {
        return false;
    };
    let mut files = Vec::new();
    folders
        .iter()
        .for_each(|folder| collect(&root().join(folder), &mut files));
    files.iter().filter(|path| is_in(path, modules)).any(|path| {
        let tests = tests_of(path);
        tests.iter().any(|one| *test == "*" || one == test)
    })
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Whether the path of a file has these words, in their order. `tests` is left out, as in the names.
fn is_in(path: &Path, modules: &[&str]) -> bool {
    let shown = path.strip_prefix(root()).unwrap().with_extension("");
    let parts = shown.iter().map(|part| part.to_str().unwrap());
    let mut wanted = modules.iter().peekable();
    for part in parts {
        let part = part.strip_suffix("_tests").unwrap_or(part);
        wanted.next_if(|module| **module == part);
    }
    wanted.peek().is_none()
}

/// Functions under a test attribute, and the parts of a contract that one test plays against many implementations.
fn tests_of(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    let is_contract = path.iter().any(|part| part == "contract");
    let (mut found, mut is_marked) = (Vec::new(), false);
    for line in text.lines().map(str::trim) {
        if line.starts_with("#[") {
            is_marked |= line.contains("test]") || line.contains("::test(");
        } else if let Some((before, after)) = line.split_once("fn ") {
            let is_part =
                is_contract && before.starts_with("pub(super) async") && after.contains("stage: Stage");
            if is_marked || is_part {
                let name = after.split(['(', '<']).next().unwrap();
                found.push(name.to_owned());
            }
            is_marked = false;
        } else if !line.starts_with("//") {
            is_marked = false;
        }
    }
    found
}

#[test]
fn each_test_that_a_document_names_exists() {
    let rows = all_rows();
    let names: Vec<String> = rows.iter().flat_map(Row::names).collect();
    assert!(names.len() > 150, "only {} names were found", names.len());
    let wrong: Vec<String> = rows
        .iter()
        .flat_map(|row| row.names().into_iter().map(move |name| (row, name)))
        .filter(|(_, name)| !exists(name))
        .map(|(row, name)| row.shown(&name))
        .collect();
    assert_eq!(wrong, Vec::<String>::new(), "no such test");
}

#[test]
fn each_row_names_a_test() {
    let without: Vec<String> = all_rows()
        .iter()
        .filter(|row| row.names().is_empty())
        .map(|row| row.shown("no test"))
        .collect();
    assert_eq!(without, Vec::<String>::new());
}

/// Nobody drops a line of these lists because it is hard to prove.
#[test]
fn every_known_weakness_of_the_reference_has_its_row() {
    let rows = rows("docs/differences.md");
    let with_id = |letter: char| -> Vec<&Row> {
        let has_id = |row: &&Row| {
            let number = row.cells[0].strip_prefix(letter);
            number.is_some_and(|number| number.parse::<u32>().is_ok())
        };
        rows.iter().filter(has_id).collect()
    };
    for (letter, count) in [('W', 32), ('D', 26)] {
        let ids: Vec<String> = with_id(letter).iter().map(|row| row.cells[0].clone()).collect();
        let expected: Vec<String> = (1..=count).map(|number| format!("{letter}{number}")).collect();
        assert_eq!(ids, expected);
    }
    for row in with_id('D') {
        let decision = &row.cells[3];
        assert!(
            decision.contains("fixed") || decision.contains("kept"),
            "{} needs a decision: {decision}",
            row.cells[0]
        );
    }
}

#[test]
fn names_are_told_from_what_is_not_there() {
    for name in [
        "failover::the_survivor_takes_over_running_tasks_in_place",
        "engine::slots::every_command_has_one_owner",
        "actors::metrics::catalogue::*",
        "registry::contract::nodes::sequences_only_grow",
        "graph/diamond",
        "alert/*",
        "stop.txt",
        "stop.txt: A kill is repeated",
    ] {
        assert!(exists(name), "{name}");
    }
    for name in [
        "failover::no_such_test",
        "stop::the_survivor_takes_over_running_tasks_in_place",
        "engine::slots::compute",
        "failover::Scene",
        "no_module::*",
        "graph/no_such_case",
        "no_group/*",
        "stop.txt: No such heading",
        "stop",
    ] {
        assert!(!exists(name), "{name}");
    }
}
