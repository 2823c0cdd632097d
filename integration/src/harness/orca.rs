//! `orca` processes: masters and workers, started by environment variables as an operator would.

use super::{Deadline, Error, Place, Process, until};
use std::env;
use std::net::{TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const START_SECONDS: u64 = 60;

/// The binary beside the running test or bench: `target/<profile>/orca`, or what `ORCA_BINARY` names.
///
/// # Errors
/// When it has not been built.
pub fn orca_binary() -> Result<PathBuf, Error> {
    if let Some(named) = env::var_os("ORCA_BINARY") {
        return Ok(PathBuf::from(named));
    }
    let here = env::current_exe().map_err(|source| Error::Start {
        what: "orca".to_owned(),
        source,
    })?;
    let found = here
        .ancestors()
        .skip(1)
        .take(3)
        .map(|folder| folder.join("orca"))
        .find(|path| path.is_file());
    found.ok_or_else(|| Error::Failed {
        what: "orca".to_owned(),
        reason: format!(
            "no binary beside {}: run `cargo build --bin orca` with the same profile first",
            here.display()
        ),
    })
}

/// Builds the binary that [`orca_binary`] finds, when this program was itself started by cargo: then what runs is what the checkout says.
///
/// # Errors
/// When it does not compile.
pub fn build_orca_binary() -> Result<(), Error> {
    let (Some(cargo), None) = (env::var_os("CARGO"), env::var_os("ORCA_BINARY")) else {
        return Ok(());
    };
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--package", "orca", "--bin", "orca"]);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    let status = command.status().map_err(|source| Error::Start {
        what: "cargo build".to_owned(),
        source,
    })?;
    if status.success() {
        return Ok(());
    }
    Err(Error::Failed {
        what: "cargo build --bin orca".to_owned(),
        reason: status.to_string(),
    })
}

/// A running master or worker.
pub struct OrcaProcess {
    pub process: Process,
    address: String,
    port: u16,
}

impl OrcaProcess {
    /// Starts `orca <arguments>` listening on `port`, and waits until the port answers.
    ///
    /// # Errors
    /// When it ends early or does not answer in time.
    pub fn start(
        name: &str,
        arguments: &[&str],
        variables: &[(String, String)],
        port: u16,
        folder: &Path,
    ) -> Result<Self, Error> {
        let place = Place::loopback();
        let mut started = Self::launch(&place, name, arguments, variables, port, folder)?;
        started.wait_until_listening()?;
        Ok(started)
    }

    /// The same for a server that listens on another address than 127.0.0.1.
    ///
    /// # Errors
    /// See [`OrcaProcess::start`].
    pub fn start_at(
        name: &str,
        arguments: &[&str],
        variables: &[(String, String)],
        host: &str,
        port: u16,
        folder: &Path,
    ) -> Result<Self, Error> {
        let mut started = Self::start_without_waiting(name, arguments, variables, port, folder)?;
        started.address = format!("{host}:{port}");
        started.wait_until_listening()?;
        Ok(started)
    }

    /// The same without the wait.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn start_without_waiting(
        name: &str,
        arguments: &[&str],
        variables: &[(String, String)],
        port: u16,
        folder: &Path,
    ) -> Result<Self, Error> {
        Self::launch(&Place::loopback(), name, arguments, variables, port, folder)
    }

    /// The same anywhere.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn launch(
        place: &Place,
        name: &str,
        arguments: &[&str],
        variables: &[(String, String)],
        port: u16,
        folder: &Path,
    ) -> Result<Self, Error> {
        let mut command = place.command(orca_binary()?);
        command
            .args(arguments)
            .current_dir(folder)
            .env_remove("RUST_BACKTRACE");
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        let process = Process::start(name, command, &folder.join(format!("{name}.log")))?;
        Ok(Self {
            process,
            address: place.socket(port).to_string(),
            port,
        })
    }

    /// # Errors
    /// When it ends early or does not answer in time.
    pub fn wait_until_listening(&mut self) -> Result<(), Error> {
        let address = self.address.clone();
        let mut early_end = Ok(());
        let what = format!("{} listening on {address}", self.process.name());
        let process = &mut self.process;
        let answered = until(&what, Deadline::after_seconds(START_SECONDS), || {
            early_end = process.check_alive();
            let sockets = address.to_socket_addrs();
            let open = sockets
                .into_iter()
                .flatten()
                .any(|socket| TcpStream::connect_timeout(&socket, Duration::from_secs(1)).is_ok());
            (early_end.is_err() || open).then_some(())
        });
        early_end.and(answered)
    }

    /// Whether its port answers now.
    #[must_use]
    pub fn is_listening(&self) -> bool {
        let socket = self.address.parse();
        socket.is_ok_and(|socket| TcpStream::connect_timeout(&socket, Duration::from_millis(100)).is_ok())
    }

    /// `host:port` of its RPC server.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}
