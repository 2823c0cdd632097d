//! `orca check-config`: the effective configuration and everything that is wrong with it. Changes nothing, connects to nothing.

use crate::config::{Purpose, Report, Request, load, reference_page};
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output;
use clap::Args;
use serde_json::{Map, Value, json};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The file to check. Without it: the one that `orca master` would read
    file: Option<PathBuf>,

    /// Check what `orca standalone` would use
    #[arg(long)]
    standalone: bool,

    /// Print what every key means instead
    #[arg(long)]
    reference: bool,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    if arguments.reference {
        output::raw(&reference_page());
        return Ok(Exit::Ok);
    }
    let purpose = if arguments.standalone {
        Purpose::Standalone
    } else {
        Purpose::Cluster
    };
    let file = arguments.file.clone().or_else(|| context.request.file.clone());
    let request = Request {
        file,
        purpose,
        ..context.request.clone()
    };
    let report = load(&request, &context.environment);
    if context.json {
        print_json(&report)
    } else {
        print_text(&report)
    }
    Ok(if report.problems.is_empty() {
        Exit::Ok
    } else {
        Exit::Configuration
    })
}

fn print_text(report: &Report) {
    for (key, value) in report.settings.show() {
        match report.origins.get(&key) {
            Some(origin) => output::line(format!("{key}={value}   # {origin}")),
            None => output::line(format!("{key}={value}")),
        }
    }
    output::line("");
    output::line(format!("time zone: {}", report.settings.zone));
    let files: Vec<_> = report
        .files
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    output::line(format!(
        "files: {}",
        if files.is_empty() {
            "none".to_owned()
        } else {
            files.join(", ")
        }
    ));
    if !report.profiles.is_empty() {
        output::line(format!("profiles: {}", report.profiles.join(", ")));
    }
    for warning in &report.warnings {
        output::line(format!("warning: {warning}"));
    }
    for problem in &report.problems {
        output::line(format!("problem: {problem}"));
    }
    let (problems, warnings) = (report.problems.len(), report.warnings.len());
    output::line(format!("{problems} problems, {warnings} warnings"));
}

fn print_json(report: &Report) {
    let settings: Map<String, Value> = report
        .settings
        .show()
        .into_iter()
        .map(|(key, value)| {
            let origin = report.origins.get(&key);
            (key, json!({ "value": value, "origin": origin }))
        })
        .collect();
    output::json(&json!({
        "settings": settings,
        "timeZone": report.settings.zone.name(),
        "files": report.files,
        "profiles": report.profiles,
        "warnings": report.warnings,
        "problems": report.problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
    }));
}
