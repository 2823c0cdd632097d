//! The masters and workers of one case.

use super::format::Scalar;
use super::ground::Place;
use crate::harness::{Error, OrcaProcess, Signal, free_port};
use std::collections::BTreeMap;
use std::time::Duration;

/// An orderly end hands over or waits for tasks; the machine may be busy.
const STOP_LIMIT: Duration = Duration::from_secs(60);

/// A master, running or not: its ports stay.
struct Master {
    process: Option<OrcaProcess>,
    address: String,
    http_port: u16,
    properties: BTreeMap<String, Scalar>,
}

/// All of them, by the names the case gives.
pub(super) struct Masters {
    /// The name of this machine as masters write it.
    host: String,
    masters: BTreeMap<String, Master>,
    workers: BTreeMap<String, OrcaProcess>,
}

impl Masters {
    #[must_use]
    pub(super) fn new(host: &str) -> Self {
        Self {
            host: host.to_owned(),
            masters: BTreeMap::new(),
            workers: BTreeMap::new(),
        }
    }

    /// The address of a master, whose port is fixed by the first mention.
    pub(super) fn address(&mut self, name: &str) -> String {
        let host = &self.host;
        let master = self.masters.entry(name.to_owned()).or_insert_with(|| {
            let port = free_port();
            Master {
                process: None,
                address: format!("{host}:{port}"),
                http_port: free_port(),
                properties: BTreeMap::new(),
            }
        });
        master.address.clone()
    }

    /// The address of a master that has been mentioned.
    #[must_use]
    pub(super) fn known_address(&self, name: &str) -> Option<String> {
        self.masters.get(name).map(|master| master.address.clone())
    }

    #[must_use]
    pub(super) fn http_port(&self, name: &str) -> Option<u16> {
        self.masters.get(name).map(|master| master.http_port)
    }

    #[must_use]
    pub(super) fn is_running(&self, name: &str) -> bool {
        self.masters
            .get(name)
            .is_some_and(|master| master.process.is_some())
    }

    /// Starts it, on its old ports if it has run before, and waits until its RPC port answers.
    ///
    /// # Errors
    /// When it runs already, or does not start.
    pub(super) fn start(
        &mut self,
        place: &Place,
        name: &str,
        properties: Option<BTreeMap<String, Scalar>>,
    ) -> Result<(), Error> {
        let address = self.address(name);
        let Some(master) = self.masters.get_mut(name) else {
            return Err(failed(name, "is not known"));
        };
        if master.process.is_some() {
            return Err(failed(name, "runs already"));
        }
        if let Some(properties) = properties {
            master.properties = properties;
        }
        let port = port_of(&address);
        let mut variables = place.variables.clone();
        variables.extend([
            ("MASTER_LISTEN_PORT".to_owned(), port.to_string()),
            ("SERVER_PORT".to_owned(), master.http_port.to_string()),
            ("ORCA_FAKE_TASK_ENABLED".to_owned(), "true".to_owned()),
        ]);
        variables.extend(base_properties());
        for (property, value) in &master.properties {
            let variable = variable(property);
            variables.retain(|(known, _)| *known != variable);
            variables.push((variable, value.to_string()));
        }
        let started = OrcaProcess::start_at(name, &["master"], &variables, &self.host, port, &place.folder)?;
        master.process = Some(started);
        Ok(())
    }

    /// SIGTERM, and the wait for the end.
    ///
    /// # Errors
    /// When it does not run or does not end.
    pub(super) fn stop(&mut self, name: &str) -> Result<(), Error> {
        let mut process = self.take(name)?;
        process.process.terminate(STOP_LIMIT).map(|_| ())
    }

    /// SIGKILL to the master alone: its guardian lives on and tells the registry.
    ///
    /// # Errors
    /// When it does not run.
    pub(super) fn kill(&mut self, name: &str) -> Result<(), Error> {
        self.take(name)?.process.kill();
        Ok(())
    }

    /// # Errors
    /// When it does not run.
    pub(super) fn signal(&mut self, name: &str, signal: Signal) -> Result<(), Error> {
        let running = self
            .masters
            .get_mut(name)
            .and_then(|master| master.process.as_mut());
        let running = running.ok_or_else(|| failed(name, "does not run"))?;
        running.process.signal(signal);
        Ok(())
    }

    /// # Errors
    /// When it runs already, or does not start.
    pub(super) fn start_worker(&mut self, place: &Place, name: &str) -> Result<(), Error> {
        if self.workers.contains_key(name) {
            return Err(failed(name, "runs already"));
        }
        let port = free_port();
        let mut variables = place.variables.clone();
        variables.extend([
            ("WORKER_LISTEN_PORT".to_owned(), port.to_string()),
            ("ORCA_WORKER_HOST".to_owned(), "127.0.0.1".to_owned()),
            (
                "ORCA_DATA_DIRECTORY".to_owned(),
                place.folder.join(format!("data-{name}")).display().to_string(),
            ),
            (
                "WORKER_SERVER_LOAD_PROTECTION_ENABLED".to_owned(),
                "false".to_owned(),
            ),
        ]);
        let worker = OrcaProcess::start(name, &["worker"], &variables, port, &place.folder)?;
        self.workers.insert(name.to_owned(), worker);
        Ok(())
    }

    /// # Errors
    /// When it does not run or does not end.
    pub(super) fn stop_worker(&mut self, name: &str) -> Result<(), Error> {
        let mut worker = self
            .workers
            .remove(name)
            .ok_or_else(|| failed(name, "does not run"))?;
        worker.process.terminate(STOP_LIMIT).map(|_| ())
    }

    /// # Errors
    /// When it does not run.
    pub(super) fn kill_worker(&mut self, name: &str) -> Result<(), Error> {
        let mut worker = self
            .workers
            .remove(name)
            .ok_or_else(|| failed(name, "does not run"))?;
        worker.process.kill();
        Ok(())
    }

    /// An error when a master that should run has ended by itself.
    ///
    /// # Errors
    /// See above.
    pub(super) fn check_alive(&mut self) -> Result<(), Error> {
        let running = self
            .masters
            .values_mut()
            .filter_map(|master| master.process.as_mut());
        for process in running {
            process.process.check_alive()?;
        }
        Ok(())
    }

    /// An orderly end of everything that runs, so that a case also shows that its masters can end.
    ///
    /// # Errors
    /// The first that does not end.
    pub(super) fn stop_all(&mut self) -> Result<(), Error> {
        let names: Vec<String> = self.masters.keys().cloned().collect();
        for name in names {
            if self.is_running(&name) {
                self.signal(&name, Signal::CONT)?;
                self.stop(&name)?;
            }
        }
        self.workers.clear();
        Ok(())
    }

    fn take(&mut self, name: &str) -> Result<OrcaProcess, Error> {
        self.masters
            .get_mut(name)
            .and_then(|master| master.process.take())
            .ok_or_else(|| failed(name, "does not run"))
    }
}

/// The properties every case starts from. Load protection is off: cases run beside each other, and a busy machine is no fault of the master.
fn base_properties() -> Vec<(String, String)> {
    [
        ("master.workflow-event-bus-fire-thread-count", "4"),
        ("master.logic-task-config.task-executor-thread-count", "4"),
        ("master.max-heartbeat-interval", "10s"),
        ("master.server-load-protection.enabled", "false"),
        ("master.worker-group-refresh-interval", "1d"),
        ("master.task-dispatch-policy.dispatch-timeout-enabled", "false"),
        ("master.command-fetch-strategy.type", "ID_SLOT_BASED"),
        ("master.command-fetch-strategy.config.id-step", "1"),
        ("master.command-fetch-strategy.config.fetch-size", "10"),
    ]
    .into_iter()
    .map(|(property, value)| (variable(property), value.to_owned()))
    .collect()
}

/// `master.listen-port` is `MASTER_LISTEN_PORT`.
fn variable(property: &str) -> String {
    property.replace(['.', '-'], "_").to_uppercase()
}

fn port_of(address: &str) -> u16 {
    address
        .rsplit_once(':')
        .and_then(|(_, port)| port.parse().ok())
        .unwrap_or_default()
}

fn failed(name: &str, reason: &str) -> Error {
    Error::Failed {
        what: name.to_owned(),
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_property_is_an_environment_variable() {
        assert_eq!(
            variable("master.server-load-protection.enabled"),
            "MASTER_SERVER_LOAD_PROTECTION_ENABLED"
        );
    }
}
