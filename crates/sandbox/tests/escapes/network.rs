//! Sockets beyond what `connect` names.

use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};

use dstream_task::{Connect, Network, Target};

use super::support::*;

fn only(targets: &[Target]) -> Place {
    Place::connecting(Connect::Only(targets.to_vec()))
}

/// Somebody who listens, and the port.
fn listening() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    (listener, port)
}

#[test]
fn without_connect_there_is_no_network() {
    let (_listener, port) = listening();
    let place = Place::new();
    place.refuses(&["tcp", &port], EPERM, nothing);
    place.refuses(&["udp", &port], EPERM, nothing);
    place.refuses(&["listen unbound"], EPERM, nothing);
}

#[test]
fn a_port_that_is_named_can_be_connected_to_and_no_other() {
    let (_open, allowed) = listening();
    let (_other, forbidden) = listening();
    let place = only(&[Target::Port(allowed.parse().unwrap())]);
    place.allows(&["tcp", &allowed]);
    place.refuses(&["tcp", &forbidden], EACCES, nothing);
    place.refuses(&["tcp by sending", &forbidden], EPERM, nothing);
    place.refuses(&["udp", &forbidden], EPERM, nothing);
}

#[test]
fn with_a_port_nothing_can_be_waited_for() {
    let place = only(&[Target::Port(1)]);
    let (listener, port) = listening();
    drop(listener);
    place.refuses(&["bind", &port], EACCES, nothing);
    place.refuses(&["listen unbound"], EPERM, nothing);
}

#[test]
fn other_names_for_a_stream_are_refused() {
    let place = only(&[Target::Port(1)]);
    // Where the kernel has it: MPTCP falls back to TCP, past Landlock's rule.
    if run(&["mptcp"], None) == Ended::Succeeded {
        assert_eq!(place.inside(&["mptcp"]), Ended::Refused(EPERM));
    }
    assert_eq!(place.inside(&["another family"]), Ended::Refused(EPERM));
    assert_eq!(place.inside(&["netfilter"]), Ended::Refused(EPERM));
    place.allows(&["netlink"]);
}

#[test]
fn udp_opens_udp_alone() {
    let place = only(&[Target::Network(Network::Udp)]);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    place.allows(&["udp", &socket.local_addr().unwrap().port().to_string()]);
    let (_listener, port) = listening();
    place.refuses(&["tcp", &port], EPERM, nothing);
}

#[test]
fn tcp_opens_tcp_to_and_from_anywhere() {
    let place = only(&[Target::Network(Network::Tcp)]);
    let (_listener, port) = listening();
    place.allows(&["tcp", &port]);
    place.allows(&["listen unbound"]);
    place.refuses(&["udp", &port], EPERM, nothing);
}

#[test]
fn unix_sockets_are_opened_by_their_word_alone() {
    let place = Place::connecting(Connect::Only(vec![Target::Network(Network::Tcp)]));
    let path = place.path("out/socket");
    let _listener = UnixListener::bind(&path).unwrap();
    place.refuses(&["unix", &path], EPERM, nothing);
    place.allows(&["socket pair"]);
    let unix = only(&[Target::Network(Network::Unix)]);
    unix.allows(&["unix", &path]);
}

#[test]
fn an_abstract_socket_of_somebody_else_is_out_of_reach() {
    let name = format!("dstream-escape-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let _listener = UnixListener::bind_addr(&address).unwrap();
    // Landlock ABI 6; before it `unix` opens these, too.
    let unix = only(&[Target::Network(Network::Unix)]);
    unix.refuses(&["abstract unix", &name], EPERM, nothing);
}

#[test]
fn raw_packets_are_refused() {
    if is_root() {
        for place in [Place::new(), Place::connecting(Connect::All(true))] {
            place.refuses(&["packet"], EPERM, nothing);
            place.refuses(&["raw"], EPERM, nothing);
        }
    }
}

#[test]
fn true_opens_everything_that_a_provider_needs() {
    let place = Place::connecting(Connect::All(true));
    let (_listener, port) = listening();
    let path = place.path("out/socket");
    let _unix = UnixListener::bind(&path).unwrap();
    place.allows(&["tcp", &port]);
    place.allows(&["udp", &port]);
    place.allows(&["unix", &path]);
    place.allows(&["listen unbound"]);
}
