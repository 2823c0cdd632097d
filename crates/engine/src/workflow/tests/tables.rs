//! The scenarios of `testdata/`, run as they stand.

use super::script::{Hits, run_file};
use std::path::PathBuf;

pub(super) fn files() -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/workflow/testdata");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    files.sort();
    files
}

pub(super) fn regenerate() -> bool {
    std::env::var_os("ORCA_REGENERATE").is_some_and(|value| value == "1")
}

#[test]
fn scenarios() {
    let mut hits = Hits::new();
    let files = files();
    assert!(files.len() >= 8, "the scenario files are there");
    for path in files {
        let (is, should) = (
            std::fs::read_to_string(&path).unwrap(),
            run_file(&path, &mut hits),
        );
        if regenerate() {
            std::fs::write(&path, should).unwrap();
        } else {
            assert_eq!(
                is,
                should,
                "{}: differs; ORCA_REGENERATE=1 writes it anew",
                path.display()
            );
        }
    }
}
