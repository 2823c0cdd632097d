//! `orca migrate`: brings the database to the state this version needs. Never changes a table of DolphinScheduler's.

use crate::config::Purpose;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::servers::database_settings;
use crate::startup::chain;
use clap::Args;
use orca_schema::{MigrationReport, Store};
use serde_json::json;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Change nothing: end with 0 when everything is there, else with 1 and what is missing
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    let settings = context.settings(Purpose::Cluster)?;
    let failed = |error: orca_schema::Error| Failure::failed(chain(&error));
    let store = Store::open(&database_settings(&settings)).map_err(failed)?;
    if arguments.check {
        store.check_schema().map_err(failed)?;
        match context.json {
            true => output::json(&json!({ "complete": true })),
            false => output::line("the database has everything this version needs"),
        }
        return Ok(Exit::Ok);
    }
    let report = store.migrate().map_err(failed)?;
    match context.json {
        true => output::json(&json!({
            "createdSharedTables": report.created_shared_tables,
            "applied": report.applied,
            "version": report.version,
        })),
        false => print(&report),
    }
    Ok(Exit::Ok)
}

fn print(report: &MigrationReport) {
    if report.created_shared_tables {
        output::line(format!(
            "the database was empty: the tables of DolphinScheduler {} are made",
            report.version
        ));
    }
    for name in &report.applied {
        output::line(format!("applied {name}"));
    }
    if !report.created_shared_tables && report.applied.is_empty() {
        output::line("nothing to do: the database has everything this version needs");
    }
}
