//! `orca`: a master server for Apache DolphinScheduler 3.4.2. Wiring only; what each command does is in `commands`.

mod address;
mod cli;
mod commands;
mod config;
mod context;
mod exit;
mod flowfile;
mod guardian;
mod http;
mod limits;
mod logging;
mod output;
mod servers;
mod startup;
mod stop;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = std::env::args_os().map(|argument| argument.to_string_lossy().into_owned());
    match cli::Cli::of(arguments).run(config::Environment::of_the_process()) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            output::complaint(&failure.message);
            failure.exit.into()
        }
    }
}
