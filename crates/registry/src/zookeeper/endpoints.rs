//! The list of servers as the client library gets it: the configured one, so written that the library reconnects soon and never without a pause.
//!
//! Two habits of the library (0.11.2) make this necessary. It doubles its pause each time it has gone through the list, so with one server a cut of more than
//! half a session outlives the session although the network is back: a list that names each server several times is gone through less often. And it
//! looks at its deadline only while an attempt is under way, so an attempt that fails before it begins (no route, interface down) is repeated for ever without
//! a pause once the deadline has passed: a host that has to be looked up is always under way first, and what [`looked_up`] makes of an address is.

use crate::limits::CONNECT_LIST_LEN_MIN;
use std::net::Ipv4Addr;

/// `connect_string` as `host:port,host:port/chroot`. Whatever it is, the library judges it.
pub(super) fn for_client(connect_string: &str) -> String {
    let (servers, chroot) = match connect_string.find('/') {
        Some(at) => connect_string.split_at(at),
        None => (connect_string, ""),
    };
    let servers: Vec<String> = servers.split(',').map(looked_up).collect();
    let rounds = CONNECT_LIST_LEN_MIN.div_ceil(servers.len());
    format!("{}{chroot}", vec![servers.join(","); rounds].join(","))
}

/// An IPv4 address with its first number in hexadecimal, which the resolver of the system knows and the parser of the standard library does not.
fn looked_up(server: &str) -> String {
    let (host, port) = match server.rsplit_once(':') {
        Some((host, port)) => (host, format!(":{port}")),
        None => (server, String::new()),
    };
    match host.parse::<Ipv4Addr>() {
        Ok(address) => {
            let [first, second, third, fourth] = address.octets();
            format!("{first:#x}.{second}.{third}.{fourth}{port}")
        }
        Err(_) => server.to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::net::ToSocketAddrs;

    #[test]
    fn every_server_is_named_often_and_the_chroot_once() {
        let list = for_client("zk-1:2181,10.0.0.7:2182,[::1]:2183/a/b");
        let (servers, chroot) = list.split_at(list.find('/').unwrap());
        assert_eq!(chroot, "/a/b");
        let servers: Vec<&str> = servers.split(',').collect();
        assert!(servers.len() >= CONNECT_LIST_LEN_MIN);
        assert_eq!(&servers[..3], ["zk-1:2181", "0xa.0.0.7:2182", "[::1]:2183"]);
        assert_eq!(&servers[..3], &servers[3..6]);
    }

    #[test]
    fn what_is_no_list_stays_what_it_is() {
        assert!(for_client("").split(',').all(str::is_empty));
        assert!(for_client("a:x").split(',').all(|server| server == "a:x"));
    }

    #[test]
    fn an_address_is_still_the_same_address() {
        let (host, port) = ("127.0.0.1", 2181_u16);
        let written = looked_up(host);
        assert!(written.parse::<Ipv4Addr>().is_err(), "{written} is not looked up");
        let found: Vec<_> = (written.as_str(), port).to_socket_addrs().unwrap().collect();
        assert_eq!(found, (host, port).to_socket_addrs().unwrap().collect::<Vec<_>>());
    }
}
