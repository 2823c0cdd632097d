//! A real ZooKeeper server of one node.

use super::{Deadline, Error, Place, Process, free_port, until};
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

const JAR: &str = "/usr/share/java/zookeeper.jar";
const START_SECONDS: u64 = 60;

pub struct ZooKeeper {
    process: Option<Process>,
    folder: PathBuf,
    place: Place,
    port: u16,
}

impl ZooKeeper {
    /// Starts a server with its data below `folder`.
    ///
    /// # Errors
    /// When it is not installed or does not answer in time.
    pub fn start(folder: &Path) -> Result<Self, Error> {
        Self::start_in(folder, Place::loopback(), free_port())
    }

    /// The same at a given place and port.
    ///
    /// # Errors
    /// See [`ZooKeeper::start`].
    pub fn start_in(folder: &Path, place: Place, port: u16) -> Result<Self, Error> {
        if !Path::new(JAR).exists() {
            return Err(Error::Missing {
                program: "ZooKeeper",
                package: "zookeeper",
            });
        }
        let mut server = Self {
            process: None,
            folder: folder.join("zookeeper"),
            place,
            port,
        };
        server.prepare()?;
        server.restart()?;
        Ok(server)
    }

    #[must_use]
    pub fn connect_string(&self) -> String {
        self.place.socket(self.port).to_string()
    }

    /// The process, while it runs.
    pub fn process(&mut self) -> Option<&mut Process> {
        self.process.as_mut()
    }

    /// Starts the server again on its old data and port.
    ///
    /// # Errors
    /// See [`ZooKeeper::start`].
    pub fn restart(&mut self) -> Result<(), Error> {
        self.process = None;
        let mut command = self.place.command("java");
        command
            .arg("-Xmx256m")
            .arg("-Dzookeeper.admin.enableServer=false")
            .arg(format!(
                "-Dlog4j.configuration=file:{}",
                self.folder.join("log4j.properties").display()
            ))
            .args(["-cp", JAR, "org.apache.zookeeper.server.quorum.QuorumPeerMain"])
            .arg(self.folder.join("zoo.cfg"));
        let mut process = Process::start("zookeeper", command, &self.folder.join("zookeeper.log"))?;
        let address = self.place.socket(self.port);
        let mut early_end = Ok(());
        let answered = until(
            "an answer of ZooKeeper",
            Deadline::after_seconds(START_SECONDS),
            || {
                early_end = process.check_alive();
                (early_end.is_err() || is_serving(address)).then_some(())
            },
        );
        early_end.and(answered)?;
        self.process = Some(process);
        Ok(())
    }

    /// Ends the server, keeping its data.
    pub fn stop(&mut self) {
        self.process = None;
    }

    fn prepare(&self) -> Result<(), Error> {
        let data = self.folder.join("data");
        let failed = |source| Error::Start {
            what: "zookeeper".to_owned(),
            source,
        };
        fs::create_dir_all(&data).map_err(failed)?;
        // A short tick lets tests ask for short session time-outs; fsync off, since nothing here survives the machine.
        let config = format!(
            "tickTime=500\nminSessionTimeout=1000\nmaxSessionTimeout=60000\ndataDir={}\nclientPort={}\n\
             clientPortAddress={}\nmaxClientCnxns=0\nforceSync=no\n4lw.commands.whitelist=ruok,stat\n",
            data.display(),
            self.port,
            self.place.address()
        );
        fs::write(self.folder.join("zoo.cfg"), config).map_err(failed)?;
        let logging = "log4j.rootLogger=WARN, out\nlog4j.appender.out=org.apache.log4j.ConsoleAppender\n\
                       log4j.appender.out.layout=org.apache.log4j.PatternLayout\n\
                       log4j.appender.out.layout.ConversionPattern=%d %p %c - %m%n\n";
        fs::write(self.folder.join("log4j.properties"), logging).map_err(failed)
    }
}

fn is_serving(address: SocketAddr) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut socket = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
        socket.set_read_timeout(Some(Duration::from_secs(1)))?;
        socket.write_all(b"ruok")?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer == "imok")
}
