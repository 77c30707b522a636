//! Which sockets may be made. Landlock bounds TCP to ports; everything that would lead around that
//! bound, and what Landlock does not know, is refused here.

use dstream_task::{Connect, Network};
use libc as c;
use seccompiler::SeccompCmpOp as Op;

use crate::SandboxError;
use crate::calls::{Rules, always, refuse};

/// The bits of a socket's type; the others are flags.
const TYPE: u64 = 0xF;

/// Connects and sends in one, past Landlock's rule for `connect`.
const FAST_OPEN: u64 = c::MSG_FASTOPEN as u64;

/// The reasons to refuse a socket. `socketpair` stays: both ends are the provider's own.
pub(crate) fn rules(connect: &Connect, rules: &mut Rules) -> Result<(), SandboxError> {
    families(connect, rules)?;
    if matches!(connect, Connect::All(true)) {
        return Ok(());
    }
    for family in [c::AF_INET, c::AF_INET6] {
        kinds(value(family), connect, rules)?;
    }
    if connect.allows(Network::Tcp) {
        return Ok(());
    }
    // It waits for nobody: a socket that listens without being bound gets a port by itself.
    always(rules, c::SYS_listen);
    for (call, flags) in [(c::SYS_sendto, 3), (c::SYS_sendmsg, 2), (c::SYS_sendmmsg, 3)] {
        refuse(rules, call, &[(flags, Op::MaskedEq(FAST_OPEN), FAST_OPEN)])?;
    }
    Ok(())
}

/// Families of sockets beyond those that are allowed: other machines (vsock, Bluetooth), raw packets,
/// the kernel's cryptography, and what speaks TCP under another name (SMC).
fn families(connect: &Connect, rules: &mut Rules) -> Result<(), SandboxError> {
    let tcp = connect.allows(Network::Tcp) || !connect.ports().is_empty();
    let internet = tcp || connect.allows(Network::Udp);
    let allowed = [
        // Which addresses this machine has; asked when a name is looked up.
        (c::AF_NETLINK, true),
        (c::AF_INET, internet),
        (c::AF_INET6, internet),
        (c::AF_UNIX, connect.allows(Network::Unix)),
    ];
    let others: Vec<_> = allowed
        .into_iter()
        .filter(|(_, allowed)| *allowed)
        .map(|(family, _)| (0, Op::Ne, value(family)))
        .collect();
    refuse(rules, c::SYS_socket, &others)?;
    let route = value(c::NETLINK_ROUTE);
    refuse(rules, c::SYS_socket, &[(0, Op::Eq, value(c::AF_NETLINK)), (2, Op::Ne, route)])
}

/// Within a family: TCP and UDP by their own names. MPTCP and SCTP are streams, too, which
/// Landlock's rule for TCP does not see.
fn kinds(family: u64, connect: &Connect, rules: &mut Rules) -> Result<(), SandboxError> {
    let tcp = connect.allows(Network::Tcp) || !connect.ports().is_empty();
    let kinds = [
        (value(c::SOCK_STREAM), tcp, value(c::IPPROTO_TCP)),
        (value(c::SOCK_DGRAM), connect.allows(Network::Udp), value(c::IPPROTO_UDP)),
    ];
    for kind in 0..=TYPE {
        let of_kind = [(0, Op::Eq, family), (1, Op::MaskedEq(TYPE), kind)];
        match kinds.iter().find(|(k, allowed, _)| *k == kind && *allowed) {
            None => refuse(rules, c::SYS_socket, &of_kind)?,
            Some((_, _, protocol)) => {
                let other = [(2, Op::Ne, 0), (2, Op::Ne, *protocol)];
                let when: Vec<_> = of_kind.into_iter().chain(other).collect();
                refuse(rules, c::SYS_socket, &when)?;
            }
        }
    }
    Ok(())
}

fn value(constant: c::c_int) -> u64 {
    u64::from(constant.unsigned_abs())
}
