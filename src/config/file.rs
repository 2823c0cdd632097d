//! Configuration files: `application.yaml` with its profile sections, `application-<profile>.yaml`, `common.properties`.

use super::layer::{Known, Layer, Remarks};
use super::names::uniform;
use super::section::Problem;
use crate::limits::CONFIGURATION_LEN_MAX;
use config::{FileFormat, Format, Map, Value};
use std::fs;
use std::io::Read;
use std::path::Path;

/// One document of a YAML file.
pub(crate) struct Document {
    pub(crate) layer: Layer,
    /// The profiles it is for; without it, it is for all.
    condition: Option<String>,
}

impl Document {
    /// Whether the document counts when `profiles` are active.
    pub(crate) fn is_for(&self, profiles: &[String]) -> bool {
        self.condition
            .as_ref()
            .is_none_or(|condition| matches(condition, profiles))
    }

    pub(crate) fn is_for_all(&self) -> bool {
        self.condition.is_none()
    }
}

/// Reads every document of a YAML file. What is wrong becomes a remark.
pub(crate) fn read_yaml(path: &Path, known: &Known, remarks: &mut Remarks) -> Vec<Document> {
    let origin = path.display().to_string();
    let Some(text) = read(path, remarks) else {
        return Vec::new();
    };
    let mut documents = Vec::new();
    for (first_line, document) in documents_of(&text) {
        // Blank lines in front keep the line numbers of messages those of the file.
        let padded = "\n".repeat(first_line) + document;
        match FileFormat::Yaml.parse(Some(&origin), &padded) {
            Ok(table) => documents.push(document_of(table, known, &origin, remarks)),
            Err(error) => remarks
                .problems
                .push(Problem::of(&origin, format!("is not YAML: {error}"))),
        }
    }
    documents
}

fn document_of(table: Map<String, Value>, known: &Known, origin: &str, remarks: &mut Remarks) -> Document {
    let layer = Layer::from_table(table, known, origin, remarks);
    let names = ["spring.config.activate.on-profile", "spring.profiles"];
    let condition = names
        .iter()
        .find_map(|name| layer.get(&uniform(name)))
        .filter(|condition| !condition.is_empty());
    Document { layer, condition }
}

/// Reads a file of `key=value` lines, as Java's properties files have them (without their escapes).
pub(crate) fn read_properties(path: &Path, remarks: &mut Remarks) -> Layer {
    let origin = path.display().to_string();
    let mut layer = Layer::default();
    let Some(text) = read(path, remarks) else {
        return layer;
    };
    for line in text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with(['#', '!']))
    {
        if let Some((key, value)) = line.split_once(['=', ':']) {
            layer.insert(key.trim(), value.trim(), &origin);
        }
    }
    layer
}

fn read(path: &Path, remarks: &mut Remarks) -> Option<String> {
    let origin = path.display().to_string();
    let mut bytes = Vec::new();
    let read =
        fs::File::open(path).and_then(|file| file.take(CONFIGURATION_LEN_MAX + 1).read_to_end(&mut bytes));
    let problem = match read {
        Err(error) => format!("cannot be read: {error}"),
        Ok(_) if bytes.len() as u64 > CONFIGURATION_LEN_MAX => {
            format!("is longer than {CONFIGURATION_LEN_MAX} bytes: is it a configuration file?")
        }
        Ok(_) => match String::from_utf8(bytes) {
            Ok(text) => return Some(text.trim_start_matches('\u{feff}').to_owned()),
            Err(_) => "is not UTF-8 text".to_owned(),
        },
    };
    remarks.problems.push(Problem::of(&origin, problem));
    None
}

/// The documents of a YAML text, each with the number of lines before it.
fn documents_of(text: &str) -> Vec<(usize, &str)> {
    let mut documents = Vec::new();
    let (mut start, mut start_line, mut offset) = (0, 0, 0);
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let is_separator = line.trim_end() == "---" || line.starts_with("--- ");
        if is_separator {
            documents.push((start_line, &text[start..offset]));
            (start, start_line) = (offset + line.len(), number + 1);
        }
        offset += line.len();
    }
    documents.push((start_line, &text[start..]));
    documents.retain(|(_, document)| {
        document
            .lines()
            .any(|line| !line.trim().is_empty() && !line.trim().starts_with('#'))
    });
    documents
}

/// Spring's profile expressions without parentheses: alternatives by `,` or `|`, each of terms joined by `&`, each with an optional `!`.
fn matches(condition: &str, profiles: &[String]) -> bool {
    condition.split([',', '|']).any(|alternative| {
        alternative
            .split('&')
            .map(str::trim)
            .all(|term| match term.strip_prefix('!') {
                Some(name) => !profiles.iter().any(|profile| profile == name.trim()),
                None => profiles.iter().any(|profile| profile == term),
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_keep_their_line_numbers() {
        let text = "# head\na: 1\n---\nb: 2\n--- # third\nc: 3\n---\n# nothing\n";
        assert_eq!(
            documents_of(text),
            [(0, "# head\na: 1\n"), (3, "b: 2\n"), (5, "c: 3\n")]
        );
    }

    #[test]
    fn profile_expressions() {
        let active = ["mysql".to_owned(), "dev".to_owned()];
        let cases = [
            ("mysql", true),
            ("postgresql", false),
            ("a, dev", true),
            ("!mysql", false),
            ("!a & dev", true),
            ("a | b", false),
        ];
        for (condition, expected) in cases {
            assert_eq!(matches(condition, &active), expected, "{condition}");
        }
    }
}
