//! Network namespaces around a router, and cuts between any two of them in either direction.
//!
//! Every server has a namespace and an address of its own. All packets pass the router, which silently drops what a cut names: neither end is told, as
//! with a broken switch. The machine itself has a leg too, which is never cut, so that the observer sees everything. Nothing is left when this is dropped.

use orca_integration::harness::{Error, Place};
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::process::Command;

/// All names of ours begin so; `scripts/chaos.sh` removes them by it after a kill.
const PREFIX: &str = "orca-chaos-";
const ROUTER: &str = "orca-chaos-router";
/// Of the range for benchmarks of networks (RFC 2544), which nobody routes.
const NETWORK: [u8; 2] = [198, 18];

/// Packets from the first to the second.
pub(crate) type Direction = (String, String);

pub(crate) struct Network {
    addresses: BTreeMap<String, Ipv4Addr>,
    cuts: BTreeSet<Direction>,
}

impl Network {
    /// One namespace for each name.
    ///
    /// # Errors
    /// When the machine does not allow it, or an earlier run has left something.
    pub(crate) fn build(names: &[String]) -> Result<Self, Error> {
        if !rustix::process::geteuid().is_root() {
            return Err(Error::Failed {
                what: "chaos".to_owned(),
                reason: "network namespaces need root: run this as root".to_owned(),
            });
        }
        if !namespaces()?.is_empty() {
            return Err(Error::Failed {
                what: "chaos".to_owned(),
                reason: format!(
                    "network namespaces {PREFIX}* exist: another run is under way, or one was killed; \
                     `orca-integration chaos --clean` removes them and what runs in them"
                ),
            });
        }
        let mut network = Self {
            addresses: BTreeMap::new(),
            cuts: BTreeSet::new(),
        };
        ip(&["netns", "add", ROUTER])?;
        in_router(&["ip", "link", "set", "lo", "up"])?;
        in_router(&["sysctl", "-qw", "net.ipv4.ip_forward=1"])?;
        network.attach_machine()?;
        for (index, name) in (1_u8..).zip(names) {
            network.attach(name, index)?;
        }
        Ok(network)
    }

    /// Where the server of that name runs.
    pub(crate) fn place(&self, name: &str) -> Place {
        let address = self.addresses.get(name).copied();
        Place::namespace(&namespace(name), address.unwrap_or(Ipv4Addr::UNSPECIFIED))
    }

    /// Drops every packet in that direction from now on. Cutting twice is cutting once.
    pub(crate) fn cut(&mut self, direction: &Direction) -> Result<(), Error> {
        if self.cuts.insert(direction.clone()) {
            self.rule("add", direction)?;
        }
        Ok(())
    }

    pub(crate) fn heal(&mut self, direction: &Direction) -> Result<(), Error> {
        if self.cuts.remove(direction) {
            self.rule("del", direction)?;
        }
        Ok(())
    }

    pub(crate) fn heal_all(&mut self) -> Result<(), Error> {
        for direction in std::mem::take(&mut self.cuts) {
            self.rule("del", &direction)?;
        }
        Ok(())
    }

    fn rule(&self, verb: &str, (from, to): &Direction) -> Result<(), Error> {
        let (from, to) = (self.addresses[from].to_string(), self.addresses[to].to_string());
        in_router(&["ip", "rule", verb, "from", &from, "to", &to, "blackhole"])
    }

    /// The leg of the machine itself: address 198.18.0.2.
    fn attach_machine(&self) -> Result<(), Error> {
        let (outer, inner) = (device("host"), device("hostr"));
        ip(&["link", "add", &outer, "type", "veth", "peer", "name", &inner])?;
        ip(&["link", "set", &inner, "netns", ROUTER])?;
        router_end(&inner, 0)?;
        ip(&["addr", "add", &cidr(0, 2, 30), "dev", &outer])?;
        ip(&["link", "set", &outer, "up"])?;
        let gateway = address(0, 1).to_string();
        ip(&["route", "add", &cidr(0, 0, 16), "via", &gateway])
    }

    fn attach(&mut self, name: &str, index: u8) -> Result<(), Error> {
        let (space, outer) = (namespace(name), device(name));
        ip(&["netns", "add", &space])?;
        ip(&[
            "link", "add", &outer, "type", "veth", "peer", "name", "eth0", "netns", &space,
        ])?;
        ip(&["link", "set", &outer, "netns", ROUTER])?;
        router_end(&outer, index)?;
        let inside = |arguments: &[&str]| {
            let mut whole = vec!["netns", "exec", &space, "ip"];
            whole.extend(arguments);
            ip(&whole)
        };
        inside(&["addr", "add", &cidr(index, 2, 30), "dev", "eth0"])?;
        inside(&["link", "set", "eth0", "up"])?;
        inside(&["link", "set", "lo", "up"])?;
        inside(&["route", "add", "default", "via", &address(index, 1).to_string()])?;
        self.addresses.insert(name.to_owned(), address(index, 2));
        Ok(())
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // Whatever ran inside is killed by its own owner; a namespace that is still in use goes with its last process.
        let _ = remove();
    }
}

/// Kills what runs in namespaces of ours and removes them: what a killed run has left.
pub(crate) fn clean() -> Result<(), Error> {
    for space in namespaces()? {
        let pids = output(Command::new("ip").args(["netns", "pids", &space]))?;
        for pid in pids.split_whitespace().filter_map(|pid| pid.parse().ok()) {
            if let Some(pid) = rustix::process::Pid::from_raw(pid) {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
    }
    remove()
}

fn remove() -> Result<(), Error> {
    for space in namespaces()? {
        ip(&["netns", "del", &space])?;
    }
    // Its peer went with the router, and the route with both; a run that failed early may have left it alone.
    let _ = ip(&["link", "del", &device("host")]);
    Ok(())
}

fn namespaces() -> Result<Vec<String>, Error> {
    let listed = output(Command::new("ip").args(["netns", "list"]))?;
    let names = listed.lines().filter_map(|line| line.split_whitespace().next());
    Ok(names
        .filter(|name| name.starts_with(PREFIX))
        .map(str::to_owned)
        .collect())
}

fn router_end(device: &str, index: u8) -> Result<(), Error> {
    in_router(&["ip", "addr", "add", &cidr(index, 1, 30), "dev", device])?;
    in_router(&["ip", "link", "set", device, "up"])
}

fn namespace(name: &str) -> String {
    format!("{PREFIX}{name}")
}

/// At most 15 characters, which is what the kernel takes.
fn device(name: &str) -> String {
    format!("orcach-{name}").chars().take(15).collect()
}

fn address(index: u8, last: u8) -> Ipv4Addr {
    Ipv4Addr::new(NETWORK[0], NETWORK[1], index, last)
}

fn cidr(index: u8, last: u8, bits: u8) -> String {
    format!("{}/{bits}", address(index, last))
}

fn in_router(arguments: &[&str]) -> Result<(), Error> {
    let mut whole = vec!["netns", "exec", ROUTER];
    whole.extend(arguments);
    ip(&whole)
}

fn ip(arguments: &[&str]) -> Result<(), Error> {
    output(Command::new("ip").args(arguments)).map(|_| ())
}

fn output(command: &mut Command) -> Result<String, Error> {
    let what = format!("{command:?}");
    let output = command.output().map_err(|source| Error::Start {
        what: what.clone(),
        source,
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Error::Failed { what, reason })
}
