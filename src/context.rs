//! What every command is given: where its configuration comes from, and in which form to print.

use crate::config::{Environment, Purpose, Report, Request, Settings, load};
use crate::exit::Failure;

/// The global arguments and the environment.
pub(crate) struct Context {
    pub(crate) request: Request,
    pub(crate) environment: Environment,
    /// Print results as JSON.
    pub(crate) json: bool,
}

impl Context {
    /// Everything about the configuration, problems included.
    pub(crate) fn report(&self, purpose: Purpose) -> Report {
        load(
            &Request {
                purpose,
                ..self.request.clone()
            },
            &self.environment,
        )
    }

    /// The configuration of a command that prints to its caller: warnings go to the standard error.
    pub(crate) fn settings(&self, purpose: Purpose) -> Result<Settings, Failure> {
        let (settings, warnings) = self.report(purpose).usable()?;
        for warning in warnings {
            crate::output::complaint(warning);
        }
        Ok(settings)
    }

    /// The configuration of a server, with logging started: files, zone and warnings are in its log.
    pub(crate) fn server_settings(&self) -> Result<Settings, Failure> {
        let report = self.report(Purpose::Cluster);
        let (files, profiles) = (report.files.clone(), report.profiles.join(","));
        let (settings, warnings) = report.usable()?;
        crate::logging::start(&settings.orca.log_filter, settings.zone);
        match files.is_empty() {
            true => log::info!("configuration: no file, environment and defaults only"),
            false => {
                let files: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
                log::info!("configuration: {} with profile {profiles}", files.join(", "));
            }
        }
        for warning in warnings {
            log::warn!("configuration: {warning}");
        }
        log::info!("time zone of rows, messages and this log: {}", settings.zone);
        Ok(settings)
    }
}
