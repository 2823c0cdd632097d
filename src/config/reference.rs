//! The reference of all keys, made from the sections. `docs/configuration.md` is this text; a test fails when it is stale, and
//! `ORCA_REGENERATE=1` rewrites it.

use super::accepted::{REMOVED, UNUSED};
use super::names::environment_names;
use super::section::Field;
use super::settings::{SectionFields, Settings};
use std::fmt::Write as _;

const HEAD: &str = "\
# Configuration

What `orca check-config --reference` prints; `ORCA_REGENERATE=1 cargo test -p orca reference` rewrites this page.

Orca reads what the Java servers read. Later layers win:

1. the defaults below: those of the `application.yaml` that DolphinScheduler 3.4.2 ships
2. `common.properties` beside the configuration file
3. the configuration file: `--config FILE`, else `ORCA_CONFIG`, else `conf/application.yaml`, else `application.yaml`
4. its sections for active profiles (`spring.config.activate.on-profile`; active are those of `SPRING_PROFILES_ACTIVE` or `spring.profiles.active`), then
   `application-<profile>.yaml` beside it
5. environment variables
6. `-Dkey=value` in `JAVA_OPTS`
7. `-Dkey=value` or `--key=value` on the command line

Names are relaxed as in Spring: `maxHeartbeatInterval`, `max-heartbeat-interval` and `MAX_HEARTBEAT_INTERVAL` are one word. The environment name of a key is in upper
case with `_` for dots; a dash is dropped or becomes `_`, both are read. `${NAME}` and `${NAME:default}` are replaced, nested too, by other keys and by environment variables.
Durations: `10s`, `5m`, `1h`, `0d`, `250ms`, `PT10S`; a bare number counts milliseconds. An empty value means the default, but for texts.

`orca check-config` shows what is in force, where each value comes from, and everything that is wrong with it. Keys below `orca` are new in Orca 0.1.0; the others are
those of DolphinScheduler 3.4.2. `orca standalone` reads no file unless it is told to, and its defaults are SQLite and the embedded registry.
";

/// The page.
pub(crate) fn page() -> String {
    let mut page = HEAD.to_owned();
    for section in Settings::sections() {
        write_section(&mut page, &section);
    }
    write_notes(
        &mut page,
        "Taken without effect",
        "Keys of the Java servers that Orca accepts and does not use.",
        UNUSED,
    );
    write_notes(
        &mut page,
        "Keys of older releases",
        "Accepted with a warning.",
        REMOVED,
    );
    page
}

fn write_section(page: &mut String, section: &SectionFields) {
    let title = section.about;
    writeln!(
        page,
        "\n## {title}\n\n| key | default | environment | meaning |\n| --- | --- | --- | --- |"
    )
    .expect("a string can be written to");
    for field in &section.fields {
        let names = environment_names(&section.full(field))
            .iter()
            .map(|name| format!("`{name}`"))
            .collect::<Vec<_>>()
            .join(" ");
        let default = if field.default.is_empty() {
            "none".to_owned()
        } else {
            format!("`{}`", field.default)
        };
        let (key, text, expected) = (section.full(field), field.text.trim(), expected(field));
        writeln!(page, "| `{key}` | {default} | {names} | {text}{expected} |")
            .expect("a string can be written to");
    }
}

/// What the key takes, when its text does not make that plain.
fn expected(field: &Field) -> String {
    let short = field
        .expected
        .split(" like ")
        .next()
        .unwrap_or_default()
        .trim_end_matches(',');
    let is_plain = short == "a text" || short == "an address" || short.starts_with("the path");
    if is_plain {
        String::new()
    } else {
        format!(" Takes {short}.")
    }
}

fn write_notes(page: &mut String, title: &str, about: &str, notes: &[(&str, &str)]) {
    writeln!(
        page,
        "\n## {title}\n\n{about}\n\n| key, and all below it | note |\n| --- | --- |"
    )
    .expect("a string can be written to");
    for (key, note) in notes {
        writeln!(page, "| `{key}` | {note} |").expect("a string can be written to");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;
    use std::fs;
    use std::path::Path;

    #[test]
    fn the_reference_page_is_not_stale() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
        let page = page();
        if Environment::of_the_process().get("ORCA_REGENERATE") == Some("1") {
            fs::write(&path, &page).expect("the page can be written");
        }
        let found = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            found == page,
            "docs/configuration.md is stale: run ORCA_REGENERATE=1 cargo test -p orca reference"
        );
    }

    #[test]
    fn every_key_has_a_text_and_a_name_of_its_own() {
        let mut seen = std::collections::BTreeSet::new();
        for section in Settings::sections() {
            for field in &section.fields {
                let key = section.full(field);
                assert!(field.text.trim().len() > 10, "{key} has no text");
                for name in environment_names(&key) {
                    assert!(
                        seen.insert(name.clone()),
                        "two keys have the environment name {name}"
                    );
                }
            }
        }
    }
}
