//! The codec half does no I/O.

use std::fs;
use std::path::{Path, PathBuf};

const CODEC: &[&str] = &[
    "date", "dto", "envelope", "frame", "json", "limits", "methods", "outgoing",
];

fn sources(module: &str) -> Vec<PathBuf> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let folder = fs::read_dir(src.join(module))
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path());
    std::iter::once(src.join(format!("{module}.rs")))
        .chain(folder)
        .collect()
}

#[test]
fn the_codec_half_knows_no_runtime() {
    for module in CODEC {
        for path in sources(module) {
            let text = fs::read_to_string(&path).unwrap();
            for word in ["tokio", "async ", "std::net", "std::fs", "std::thread"] {
                assert!(!text.contains(word), "{} contains {word:?}", path.display());
            }
        }
    }
}
