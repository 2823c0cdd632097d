//! The command line.

use crate::commands;
use crate::config::{Environment, Request};
use crate::context::Context;
use crate::exit::{Exit, Failure};
use clap::{Parser, Subcommand};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  orca standalone examples/etl.yaml             run a workflow file on a cluster of its own, and show it
  orca check-config                             show the effective configuration and every problem
  orca migrate                                  prepare the database once
  orca master                                   a master of a cluster, as conf/application.yaml and the environment say
  orca master --master.listen-port=5679 -Dregistry.zookeeper.connect-string=zk:2181

Exit codes: 0 done, 1 failed, 2 wrong arguments, 3 the configuration has problems.
Every key of the configuration is in docs/configuration.md; each has a name in the environment, like MASTER_LISTEN_PORT.";

#[derive(Debug, Parser)]
#[command(name = "orca", version, about = "A master server for Apache DolphinScheduler 3.4.2", after_help = EXAMPLES)]
pub(crate) struct Cli {
    /// Configuration file. Without it: ORCA_CONFIG, then conf/application.yaml, then application.yaml, when they are there
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Set a key of the configuration; wins over file and environment. Also written --key=value
    #[arg(short = 'D', global = true, value_name = "KEY=VALUE", value_parser = property)]
    properties: Vec<(String, String)>,

    /// Print results as JSON
    #[arg(long, global = true)]
    json: bool,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// A master server of a cluster
    Master(commands::master::Arguments),
    /// A worker server that runs SHELL and PYTHON tasks
    Worker(commands::worker::Arguments),
    /// Make what the database lacks: Orca's few own tables, or everything in an empty one
    Migrate(commands::migrate::Arguments),
    /// Show the effective configuration, secrets as stars, and everything that is wrong with it
    CheckConfig(commands::check_config::Arguments),
    /// A whole cluster on this machine, on SQLite; runs workflow files
    Standalone(commands::standalone::Arguments),
    /// Runs of workflows: list, show, start
    Workflow(commands::workflow::Arguments),
    /// Who is registered, what runs and what waits
    Status(commands::status::Arguments),
    /// Remove the registry nodes of the master that started this, once it is gone
    #[command(hide = true)]
    Guardian(commands::guardian::Arguments),
    /// Masters that died: list, show, and what a death would move now
    Failover(commands::failover::Arguments),
    /// Become the command that follows, and end with the caller
    #[command(hide = true)]
    Attached(commands::attached::Arguments),
}

impl Cli {
    /// Reads the arguments of a process; ends it when they make no sense.
    pub(crate) fn of(arguments: impl IntoIterator<Item = String>) -> Self {
        Self::parse_from(spring_properties(arguments))
    }

    pub(crate) fn run(self, environment: Environment) -> Result<Exit, Failure> {
        let request = Request {
            file: self.config,
            properties: self.properties,
            ..Request::default()
        };
        let context = Context {
            request,
            environment,
            json: self.json,
        };
        match self.command {
            Command::Master(arguments) => commands::master::run(&arguments, &context),
            Command::Worker(arguments) => commands::worker::run(&arguments, &context),
            Command::Migrate(arguments) => commands::migrate::run(&arguments, &context),
            Command::CheckConfig(arguments) => commands::check_config::run(&arguments, &context),
            Command::Standalone(arguments) => commands::standalone::run(&arguments, &context),
            Command::Workflow(arguments) => commands::workflow::run(&arguments, &context),
            Command::Status(arguments) => commands::status::run(&arguments, &context),
            Command::Guardian(arguments) => commands::guardian::run(&arguments, &context),
            Command::Failover(arguments) => commands::failover::run(&arguments, &context),
            Command::Attached(arguments) => commands::attached::run(&arguments),
        }
    }
}

/// Spring's `--key=value` becomes `-Dkey=value`: every key has a dot, no option of ours has one. All properties move to the front, because clap
/// would let those behind the command replace those before it.
fn spring_properties(arguments: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut arguments = arguments.into_iter();
    let mut front: Vec<String> = arguments.next().into_iter().collect();
    let mut rest = Vec::new();
    while let Some(argument) = arguments.next() {
        if argument == "--" {
            rest.push(argument);
            break;
        }
        let key = argument
            .strip_prefix("--")
            .and_then(|rest| rest.split_once('='))
            .map(|(key, _)| key);
        if key.is_some_and(|key| key.contains('.')) {
            front.push(argument.replacen("--", "-D", 1));
        } else if argument.starts_with("-D") {
            let value = if argument == "-D" { arguments.next() } else { None };
            front.extend([Some(argument), value].into_iter().flatten());
        } else {
            rest.push(argument);
        }
    }
    front.into_iter().chain(rest).chain(arguments).collect()
}

fn property(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
        _ => Err("must look like key=value".to_owned()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn properties_can_stand_anywhere() {
        let line = words("orca -Da.b=1 check-config --server.port=2 -D c.d=3=4 --json");
        let cli = Cli::try_parse_from(spring_properties(line)).unwrap();
        let expected = [("a.b", "1"), ("server.port", "2"), ("c.d", "3=4")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert!(cli.json);
        assert_eq!(cli.properties, expected);
    }

    #[test]
    fn every_command_is_documented() {
        let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cli.md");
        let page = std::fs::read_to_string(page).unwrap();
        let command = Cli::command();
        for shown in command.get_subcommands().filter(|command| !command.is_hide_set()) {
            let heading = format!("## orca {}\n", shown.get_name());
            assert!(page.contains(&heading), "{heading} is missing in docs/cli.md");
            for long in shown.get_arguments().filter_map(clap::Arg::get_long) {
                assert!(
                    page.contains(&format!("`--{long}")),
                    "--{long} of {} is missing in docs/cli.md",
                    shown.get_name()
                );
            }
            for inner in shown.get_subcommands() {
                let row = format!("| `orca {} {}", shown.get_name(), inner.get_name());
                assert!(page.contains(&row), "{row} is missing in docs/cli.md");
            }
        }
    }

    #[test]
    fn what_is_behind_two_dashes_stays() {
        assert_eq!(
            spring_properties(words("orca x -- --a.b=c")),
            words("orca x -- --a.b=c")
        );
    }

    #[test]
    fn nonsense_is_a_usage_error() {
        for line in [
            "orca",
            "orca fly",
            "orca check-config -Dnovalue",
            "orca check-config -D",
            "orca check-config --unknown=1",
        ] {
            let error = Cli::try_parse_from(spring_properties(words(line))).unwrap_err();
            assert_eq!(error.exit_code(), i32::from(Exit::Usage.code()), "{line}");
        }
    }
}
