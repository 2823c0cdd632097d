//! `orca-integration bench`: figures of one master on a real ZooKeeper and a real MariaDB.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this program reports to a terminal"
)]

mod bench;

use std::process::ExitCode;

const USAGE: &str = "usage: orca-integration bench [--only NAME]...\n\
    names: workflows, chain, fan, latency, start, waiting";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let only = match arguments.split_first() {
        Some((command, rest)) if command == "bench" => only(rest),
        _ => None,
    };
    let Some(only) = only else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match bench::run(&only) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn only(arguments: &[String]) -> Option<Vec<String>> {
    let pairs = arguments.chunks(2).map(|pair| match pair {
        [option, name] if option == "--only" => Some(name.clone()),
        _ => None,
    });
    pairs.collect()
}
