//! The configuration as a whole: which layer wins, what is reported, what is never shown.

#![allow(clippy::unwrap_used)]

mod layers;
mod reports;

use super::*;
use tempfile::TempDir;

/// A folder with a configuration file, and the other places settings come from.
struct Setup {
    folder: TempDir,
    variables: Vec<(&'static str, &'static str)>,
    properties: Vec<(&'static str, &'static str)>,
}

impl Setup {
    fn new(yaml: &str) -> Self {
        let setup = Self {
            folder: TempDir::new().unwrap(),
            variables: Vec::new(),
            properties: Vec::new(),
        };
        setup.file("application.yaml", yaml);
        setup
    }

    fn file(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn variables(mut self, variables: &[(&'static str, &'static str)]) -> Self {
        self.variables.extend(variables);
        self
    }

    fn properties(mut self, properties: &[(&'static str, &'static str)]) -> Self {
        self.properties.extend(properties);
        self
    }

    fn load(&self) -> Report {
        let request = Request {
            file: Some(self.folder.path().join("application.yaml")),
            properties: self
                .properties
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
            purpose: Purpose::Cluster,
        };
        load(&request, &Environment::from_iter(self.variables.iter().copied()))
    }
}

fn problems(report: &Report) -> String {
    report
        .problems
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}
