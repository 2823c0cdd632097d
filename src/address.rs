//! Which host name peers dial: the rules of Java's `NetUtils`, so that Orca has the address that a Java server on this machine had.
//!
//! The first address of the first suitable interface counts: up, not loopback, not restricted, IPv4 before IPv6. In Kubernetes the name of
//! the pod counts instead. Java also probes whether it can reach its own address; that can only fail where a later bind would, and is left out.

use crate::config::{Network, NetworkStrategy};
use crate::limits::HOSTS_LINES_MAX;
use std::fs;
use std::net::{IpAddr, Ipv6Addr};

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum AddressError {
    #[error(
        "dolphin.scheduler.network.interface.preferred: there is no interface {name} that is up; there are: {found}"
    )]
    NoSuchInterface { name: String, found: String },
    #[error(
        "the network interfaces of this machine cannot be listed: {reason}; set master.master-address or worker.worker-address to host:port"
    )]
    Unlisted { reason: String },
}

/// One address of one interface.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Candidate {
    interface: String,
    address: IpAddr,
}

/// The own host name, without port.
pub(crate) fn own_host(network: &Network, in_kubernetes: bool) -> Result<String, AddressError> {
    let chosen = choose(candidates()?, network)?;
    Ok(match chosen {
        Some(address) if in_kubernetes => {
            pod_name(address, &fs::read_to_string("/etc/hosts").unwrap_or_default())
        }
        Some(address) => address.to_string(),
        None if in_kubernetes => "localhost".to_owned(),
        None => "127.0.0.1".to_owned(),
    })
}

/// `host:port`, with an IPv6 host in brackets.
pub(crate) fn join(host: &str, port: u16) -> String {
    let is_ipv6 = host.parse::<Ipv6Addr>().is_ok();
    if is_ipv6 {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// The host, without brackets, and the port.
pub(crate) fn split(address: &str) -> Option<(String, u16)> {
    let (host, port) = address.rsplit_once(':')?;
    let port = port.parse::<u16>().ok().filter(|port| *port > 0)?;
    let host = match host.strip_prefix('[') {
        Some(rest) => rest
            .strip_suffix(']')
            .filter(|inner| inner.parse::<Ipv6Addr>().is_ok())?,
        None => host,
    };
    let is_name = !host.is_empty() && !host.contains(char::is_whitespace) && !host.contains('/');
    let is_bare_ipv6 = host.contains(':') && !address.starts_with('[');
    (is_name && !is_bare_ipv6).then(|| (host.to_owned(), port))
}

/// Every address of every interface that is up, in Java's order: the last interface first.
fn candidates() -> Result<Vec<Candidate>, AddressError> {
    let listed = if_addrs::get_if_addrs().map_err(|error| AddressError::Unlisted {
        reason: error.to_string(),
    })?;
    let mut listed: Vec<_> = listed
        .into_iter()
        .filter(|interface| interface.is_oper_up() || interface.is_loopback())
        .collect();
    listed.sort_by_key(|interface| std::cmp::Reverse(interface.index));
    Ok(listed
        .into_iter()
        .map(|interface| Candidate {
            address: interface.ip(),
            interface: interface.name,
        })
        .collect())
}

fn choose(candidates: Vec<Candidate>, network: &Network) -> Result<Option<IpAddr>, AddressError> {
    // Java calls an interface like eth0:1 virtual and leaves it out.
    let usable =
        |candidate: &Candidate| !candidate.address.is_loopback() && !candidate.interface.contains(':');
    let mut left: Vec<_> = candidates.into_iter().filter(usable).collect();
    if let Some(name) = network
        .preferred
        .as_deref()
        .filter(|name| !name.trim().is_empty())
    {
        let mut found: Vec<_> = left.iter().map(|candidate| candidate.interface.clone()).collect();
        found.dedup();
        left.retain(|candidate| candidate.interface == name);
        if left.is_empty() {
            return Err(AddressError::NoSuchInterface {
                name: name.to_owned(),
                found: found.join(", "),
            });
        }
    }
    left.retain(|candidate| !network.restricted.contains(&candidate.interface));
    Ok(first_address(&by_strategy(left, network.strategy)))
}

/// Whole interfaces are chosen: one with any private address is an inner one, and may be an outer one too.
fn by_strategy(candidates: Vec<Candidate>, strategy: NetworkStrategy) -> Vec<Candidate> {
    let of_interfaces = |inner: bool| {
        let belongs = |name: &str| {
            candidates
                .iter()
                .any(|other| other.interface == name && is_site_local(other.address) == inner)
        };
        candidates
            .iter()
            .filter(|candidate| belongs(&candidate.interface))
            .cloned()
            .collect::<Vec<_>>()
    };
    match strategy {
        NetworkStrategy::Inner => of_interfaces(true),
        NetworkStrategy::Outer => of_interfaces(false),
        NetworkStrategy::Default => [of_interfaces(true), of_interfaces(false)].concat(),
    }
}

/// IPv4 before IPv6; addresses that cannot be dialled from elsewhere do not count.
fn first_address(candidates: &[Candidate]) -> Option<IpAddr> {
    let addresses = || {
        candidates
            .iter()
            .map(|candidate| candidate.address)
            .filter(|address| !address.is_unspecified())
    };
    let usable_v6 =
        |address: &IpAddr| matches!(address, IpAddr::V6(address) if !address.is_unicast_link_local());
    addresses()
        .find(IpAddr::is_ipv4)
        .or_else(|| addresses().find(usable_v6))
}

/// Java's `isSiteLocalAddress`.
fn is_site_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_private(),
        IpAddr::V6(address) => address.segments()[0] & 0xffc0 == 0xfec0,
    }
}

/// The canonical name that the hosts file of a pod has for its address; of `pod.service.namespace.svc.cluster.local` the first two labels.
fn pod_name(address: IpAddr, hosts: &str) -> String {
    let lines = hosts
        .lines()
        .take(HOSTS_LINES_MAX)
        .map(|line| line.split('#').next().unwrap_or_default());
    let name = lines
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?.parse::<IpAddr>().ok()?, words.next()?))
        })
        .find_map(|(known, name)| (known == address).then_some(name));
    let Some(name) = name else {
        return address.to_string();
    };
    let labels: Vec<_> = name.split('.').collect();
    if labels.len() == 6 && labels[3] == "svc" {
        format!("{}.{}", labels[0], labels[1])
    } else {
        name.to_owned()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn machine() -> Vec<Candidate> {
        let list = [
            ("docker0", "172.17.0.1"),
            ("eth1", "203.0.113.9"),
            ("eth0", "fe80::1"),
            ("eth0", "2001:db8::7"),
            ("eth0", "10.0.0.5"),
            ("lo", "127.0.0.1"),
        ];
        list.map(|(interface, address)| Candidate {
            interface: interface.to_owned(),
            address: address.parse().unwrap(),
        })
        .to_vec()
    }

    fn chosen(change: impl Fn(&mut Network)) -> Result<Option<String>, AddressError> {
        let mut network = Network::default();
        change(&mut network);
        choose(machine(), &network).map(|address| address.map(|address| address.to_string()))
    }

    #[test]
    fn the_rules_of_net_utils() {
        assert_eq!(
            chosen(|_| {}).unwrap().as_deref(),
            Some("10.0.0.5"),
            "private first, docker0 never"
        );
        assert_eq!(
            chosen(|network| network.strategy = NetworkStrategy::Outer)
                .unwrap()
                .as_deref(),
            Some("203.0.113.9")
        );
        assert_eq!(
            chosen(|network| network.preferred = Some("eth1".to_owned()))
                .unwrap()
                .as_deref(),
            Some("203.0.113.9")
        );
        assert_eq!(
            chosen(|network| network.restricted = vec!["eth0".to_owned()])
                .unwrap()
                .as_deref(),
            Some("172.17.0.1")
        );
        let all = ["docker0", "eth0", "eth1"].map(str::to_owned).to_vec();
        assert_eq!(
            chosen(|network| network.restricted.clone_from(&all)).unwrap(),
            None
        );
    }

    #[test]
    fn an_unknown_interface_is_named_with_those_there_are() {
        let error = chosen(|network| network.preferred = Some("eth9".to_owned()))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("eth9") && error.contains("docker0, eth1, eth0"),
            "{error}"
        );
    }

    #[test]
    fn a_pod_has_a_short_name() {
        let hosts = "127.0.0.1 localhost\n10.1.2.3\tds-master-0.ds-master.prod.svc.cluster.local ds-master-0 # me\n10.1.2.4 plain.name\n";
        let cases = [
            ("10.1.2.3", "ds-master-0.ds-master"),
            ("10.1.2.4", "plain.name"),
            ("10.1.2.5", "10.1.2.5"),
        ];
        for (address, name) in cases {
            assert_eq!(pod_name(address.parse().unwrap(), hosts), name);
        }
    }

    #[test]
    fn addresses_are_taken_apart() {
        let cases = [
            ("10.0.0.1:5678", Some(("10.0.0.1", 5678))),
            ("[2001:db8::1]:1", Some(("2001:db8::1", 1))),
            ("host", None),
            (":1", None),
            ("host:0", None),
            ("host:65536", None),
            ("2001:db8::1:1", None),
            ("[host]:1", None),
            ("a b:1", None),
        ];
        for (address, parts) in cases {
            assert_eq!(
                split(address),
                parts.map(|(host, port)| (host.to_owned(), port)),
                "{address}"
            );
        }
        assert_eq!(
            (join("h", 1), join("::1", 2)),
            ("h:1".to_owned(), "[::1]:2".to_owned())
        );
    }
}
