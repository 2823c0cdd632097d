//! Figures on a real ZooKeeper and a real MariaDB: `bench` for the loads of one master, `failover` for the death of one of two.
//! `cases` runs conformance cases against real masters.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this program reports to a terminal"
)]

mod bench;
mod failover_bench;

use orca_integration::{cases, harness};
use std::process::ExitCode;

const USAGE: &str = "usage: orca-integration bench [--only NAME]... | failover\n\
    names: workflows, chain, fan, latency, start, waiting";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some((command, rest)) = arguments.split_first()
        && command == "cases"
    {
        return run_cases(rest);
    }
    let result = match arguments.split_first() {
        Some((command, rest)) if command == "bench" => only(rest).map(|only| bench::run(&only)),
        Some((command, [])) if command == "failover" => Some(failover_bench::run()),
        _ => None,
    };
    let Some(result) = result else {
        eprintln!("{USAGE}\n{}", cases::USAGE);
        return ExitCode::from(2);
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run_cases(arguments: &[String]) -> ExitCode {
    let options = match cases::Options::parse(arguments) {
        Ok(options) => options,
        Err(why) => {
            eprintln!("error: {why}\n{}", cases::USAGE);
            return ExitCode::from(2);
        }
    };
    let run = harness::build_orca_binary().and_then(|()| cases::run(&options));
    match run {
        Ok(summary) if summary.failed() == 0 => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
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
