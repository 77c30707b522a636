//! The filter, run as the kernel would: for calls that this machine's kernel may not have.

use dstream_task::{Network, Target};

use super::*;

const ALLOWED: u32 = c::SECCOMP_RET_ALLOW;
const REFUSED: u32 = c::SECCOMP_RET_ERRNO | c::EPERM as u32;

/// What the filter answers to a call of this machine's architecture.
fn answer(filter: &[sock_filter], call: c::c_long, arguments: &[u64]) -> u32 {
    let arch: u32 = match std::env::consts::ARCH {
        "x86_64" => 0xC000_003E,
        "aarch64" => 0xC000_00B7,
        _ => 0xC000_00F3,
    };
    of_arch(filter, arch, call as u32, arguments)
}

/// `struct seccomp_data`, and the few instructions that a filter is made of.
fn of_arch(filter: &[sock_filter], arch: u32, call: u32, arguments: &[u64]) -> u32 {
    let word = |offset: u32| match offset {
        0 => call,
        4 => arch,
        _ => {
            let argument = arguments.get((offset as usize - 16) / 8).copied().unwrap_or_default();
            (if offset.is_multiple_of(8) { argument } else { argument >> 32 }) as u32
        }
    };
    let (mut at, mut value) = (0, 0_u32);
    loop {
        let sock_filter { code, jt, jf, k } = filter[at].clone();
        let jump = |yes: bool| usize::from(if yes { jt } else { jf });
        at += 1;
        match code {
            0x20 => value = word(k),
            0x54 => value &= k,
            0x05 => at += k as usize,
            0x15 => at += jump(value == k),
            0x25 => at += jump(value > k),
            0x35 => at += jump(value >= k),
            0x06 => return k,
            other => panic!("an instruction that is not known here: {other:#x}"),
        }
    }
}

fn only(targets: &[Target]) -> BpfProgram {
    filter(&Connect::Only(targets.to_vec())).unwrap()
}

fn socket(filter: &[sock_filter], family: i32, kind: i32, protocol: i32) -> u32 {
    let arguments = [family, kind, protocol].map(|n| u64::from(n.unsigned_abs()));
    answer(filter, c::SYS_socket, &arguments)
}

#[test]
fn what_a_program_does_all_the_time_is_allowed() {
    let none = filter(&Connect::All(false)).unwrap();
    for call in [c::SYS_read, c::SYS_openat, c::SYS_mmap, c::SYS_clone, c::SYS_execve, c::SYS_kill]
    {
        assert_eq!(answer(&none, call, &[]), ALLOWED, "{call}");
    }
    assert!(none.len() < 4096, "the kernel takes no more: {}", none.len());
}

#[test]
fn every_call_of_the_list_is_refused_whatever_may_be_opened() {
    for connect in [Connect::All(false), Connect::All(true)] {
        let filter = filter(&connect).unwrap();
        for call in super::REFUSED {
            assert_eq!(answer(&filter, *call, &[0, 1, 2]), REFUSED, "{call}");
        }
    }
}

#[test]
fn the_calls_of_another_architecture_end_the_process_and_those_of_x32_do_not_exist() {
    let filter = filter(&Connect::All(true)).unwrap();
    assert_eq!(of_arch(&filter, 0x4000_0003, 20, &[]), c::SECCOMP_RET_KILL_PROCESS, "i386");
    if cfg!(target_arch = "x86_64") {
        for call in [c::SYS_getpid, c::SYS_ptrace, 521 /* ptrace of x32 */] {
            assert_eq!(answer(&filter, (1 << 30) | call, &[]), NO_SUCH_CALL, "{call}");
        }
    }
    assert_eq!(answer(&filter, c::SYS_clone3, &[]), NO_SUCH_CALL);
}

#[test]
fn a_namespace_by_any_flag_is_refused() {
    let filter = filter(&Connect::All(true)).unwrap();
    for flag in NAMESPACES {
        let flags = u64::from(flag.unsigned_abs()) | c::SIGCHLD as u64;
        assert_eq!(answer(&filter, c::SYS_clone, &[flags]), REFUSED, "{flag:#x}");
    }
}

#[test]
fn with_a_port_only_tcp_by_its_own_name_is_opened() {
    let port = only(&[Target::Port(5432)]);
    let cloexec = c::SOCK_STREAM | c::SOCK_CLOEXEC | c::SOCK_NONBLOCK;
    for family in [c::AF_INET, c::AF_INET6] {
        assert_eq!(socket(&port, family, cloexec, 0), ALLOWED);
        assert_eq!(socket(&port, family, c::SOCK_STREAM, c::IPPROTO_TCP), ALLOWED);
        for protocol in [c::IPPROTO_MPTCP, c::IPPROTO_SCTP, c::IPPROTO_DCCP] {
            assert_eq!(socket(&port, family, c::SOCK_STREAM, protocol), REFUSED, "{protocol}");
        }
        for kind in [c::SOCK_DGRAM, c::SOCK_RAW, c::SOCK_SEQPACKET] {
            assert_eq!(socket(&port, family, kind, 0), REFUSED, "{kind}");
        }
    }
    for family in
        [c::AF_UNIX, c::AF_VSOCK, c::AF_PACKET, c::AF_ALG, 43 /* SMC */, c::AF_BLUETOOTH]
    {
        assert_eq!(socket(&port, family, c::SOCK_STREAM, 0), REFUSED, "{family}");
    }
    let fast_open = c::MSG_FASTOPEN as u64 | c::MSG_NOSIGNAL as u64;
    assert_eq!(answer(&port, c::SYS_sendto, &[0, 0, 0, fast_open]), REFUSED);
    assert_eq!(answer(&port, c::SYS_sendmsg, &[0, 0, fast_open]), REFUSED);
    assert_eq!(answer(&port, c::SYS_sendmmsg, &[0, 0, 0, fast_open]), REFUSED);
    assert_eq!(answer(&port, c::SYS_sendto, &[0, 0, 0, c::MSG_NOSIGNAL as u64]), ALLOWED);
}

#[test]
fn udp_is_udp_and_no_other_datagram() {
    let udp = only(&[Target::Network(Network::Udp)]);
    assert_eq!(socket(&udp, c::AF_INET, c::SOCK_DGRAM, c::IPPROTO_UDP), ALLOWED);
    assert_eq!(socket(&udp, c::AF_INET, c::SOCK_DGRAM, c::IPPROTO_ICMP), REFUSED);
    assert_eq!(socket(&udp, c::AF_INET, c::SOCK_STREAM, 0), REFUSED);
}
