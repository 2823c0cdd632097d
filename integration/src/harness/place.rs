//! Where a server runs: on this machine's loopback, or in a network namespace with an address of its own.

use std::ffi::OsStr;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::Command;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    address: IpAddr,
    namespace: Option<String>,
}

impl Place {
    #[must_use]
    pub fn loopback() -> Self {
        Self {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            namespace: None,
        }
    }

    /// In the network namespace `name`, which exists and has this address.
    #[must_use]
    pub fn namespace(name: &str, address: Ipv4Addr) -> Self {
        Self {
            address: IpAddr::V4(address),
            namespace: Some(name.to_owned()),
        }
    }

    #[must_use]
    pub fn address(&self) -> IpAddr {
        self.address
    }

    pub(super) fn socket(&self, port: u16) -> SocketAddr {
        SocketAddr::from((self.address, port))
    }

    /// A command that runs `program` there. `ip netns exec` becomes the program, so the process id is the program's own.
    #[must_use]
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        match &self.namespace {
            None => Command::new(program),
            Some(name) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", name]).arg(program);
                command
            }
        }
    }
}
