//! Figures on a real ZooKeeper and a real MariaDB: `bench` for the loads of one master, `failover` for the death of one of two.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this program reports to a terminal"
)]

mod bench;
mod failover_bench;

use std::process::ExitCode;

const USAGE: &str = "usage: orca-integration bench [--only NAME]... | failover\n\
    names: workflows, chain, fan, latency, start, waiting";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.split_first() {
        Some((command, rest)) if command == "bench" => only(rest).map(|only| bench::run(&only)),
        Some((command, [])) if command == "failover" => Some(failover_bench::run()),
        _ => None,
    };
    let Some(result) = result else {
        eprintln!("{USAGE}");
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

fn only(arguments: &[String]) -> Option<Vec<String>> {
    let pairs = arguments.chunks(2).map(|pair| match pair {
        [option, name] if option == "--only" => Some(name.clone()),
        _ => None,
    });
    pairs.collect()
}
