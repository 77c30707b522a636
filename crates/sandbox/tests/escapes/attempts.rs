//! What a provider tries, in the process that is confined. Plain system calls where the standard
//! library would do something else first.
#![allow(unsafe_code, reason = "system calls that nothing else offers")]

use std::ffi::CString;
use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::{SocketAddr, UnixStream};

use libc as c;

use super::support::checked;

/// The variable with the attempt and its arguments, one a line.
pub(crate) const ARGUMENTS: &str = "DSTREAM_ESCAPE";

/// Before the error number, or 0.
pub(crate) const RESULT: &str = "the attempt ended with ";

/// Not a test: the provider. Without an attempt it does nothing.
#[test]
fn attempt() {
    let Ok(arguments) = std::env::var(ARGUMENTS) else { return };
    let arguments: Vec<&str> = arguments.split('\n').collect();
    let number = match make(arguments[0], &arguments[1..]) {
        Ok(()) => 0,
        Err(error) => error.raw_os_error().unwrap_or_else(|| panic!("{error}")),
    };
    println!("\n{RESULT}{number}");
}

fn make(what: &str, with: &[&str]) -> io::Result<()> {
    let port = || with[0].parse::<u16>().unwrap();
    let local = || ("127.0.0.1", port());
    match what {
        "read" => fs::read(with[0]).map(drop),
        "list" => fs::read_dir(with[0]).map(drop),
        "write" => fs::write(with[0], "x"),
        "append" => OpenOptions::new().append(true).open(with[0])?.write_all(b"x"),
        "truncate" => call2(c::SYS_truncate, path(with[0]).as_ptr() as i64, 0),
        "make folder" => fs::create_dir(with[0]),
        "remove" => fs::remove_file(with[0]),
        "rename" => fs::rename(with[0], with[1]),
        "hard link" => fs::hard_link(with[0], with[1]),
        "read by a link" => symlink(with[0], with[1]).and_then(|()| fs::read(with[1]).map(drop)),
        "make a device" => mknod(with[0]),
        "permissions" => fs::set_permissions(with[0], fs::Permissions::from_mode(0o777)),
        "permissions of an open file" => {
            fs::File::open(with[0])?.set_permissions(fs::Permissions::from_mode(0o600))
        }
        "times" => utimes(with[0]),
        "execute" => std::process::Command::new(with[0]).args(&with[1..]).output().map(drop),
        "start a thread" => std::thread::spawn(|| ()).join().map_err(|_| c::EIO).or_else(number),
        "see a variable" => match std::env::var(with[0]) {
            Ok(_) => Ok(()),
            Err(_) => number(c::ENOENT),
        },

        "tcp" => TcpStream::connect(local()).map(drop),
        "tcp by sending" => fast_open(port()),
        "mptcp" => socket(c::AF_INET, c::SOCK_STREAM, 262),
        "udp" => UdpSocket::bind("127.0.0.1:0")?.send_to(b"x", local()).map(drop),
        "raw" => socket(c::AF_INET, c::SOCK_RAW, c::IPPROTO_ICMP),
        "packet" => socket(c::AF_PACKET, c::SOCK_DGRAM, 0),
        "netlink" => socket(c::AF_NETLINK, c::SOCK_RAW, c::NETLINK_ROUTE),
        "netfilter" => socket(c::AF_NETLINK, c::SOCK_RAW, c::NETLINK_NETFILTER),
        "another family" => socket(c::AF_ALG, c::SOCK_SEQPACKET, 0),
        "bind" => TcpListener::bind(local()).map(drop),
        "listen unbound" => listen_unbound(),
        "unix" => UnixStream::connect(with[0]).map(drop),
        "abstract unix" => {
            let address = SocketAddr::from_abstract_name(with[0])?;
            UnixStream::connect_addr(&address).map(drop)
        }
        "socket pair" => UnixStream::pair().map(drop),

        "signal" => call2(c::SYS_kill, integer(with[0]), 0),
        "trace" => call3(c::SYS_ptrace, i64::from(c::PTRACE_ATTACH), integer(with[0]), 0),
        "read memory" => read_memory(integer(with[0])),
        "limit another" => limit_another(integer(with[0])),
        "unshare" => call2(c::SYS_unshare, i64::from(c::CLONE_NEWUTS), 0),
        "clone into a namespace" => clone(c::CLONE_NEWUTS),
        "clone3" => call2(c::SYS_clone3, 0, 0),
        "mount" => mount(with[0]),
        "change root" => call2(c::SYS_chroot, path(with[0]).as_ptr() as i64, 0),
        "io_uring" => io_uring(),
        "bpf" => call3(c::SYS_bpf, 0, 0, 0),
        "user fault" => call2(c::SYS_userfaultfd, i64::from(c::O_CLOEXEC), 0),
        "key" => call2(c::SYS_keyctl, 0, -3),
        "shared memory" => call3(c::SYS_shmget, 0, 4096, 0o600),
        "x32" => call2((1 << 30) | c::SYS_getpid, 0, 0),
        "type for the user" => call3(c::SYS_ioctl, 0, 0x5412, [b'x'].as_ptr() as i64),

        "no new privileges" => said(rustix::thread::no_new_privs()?),
        "capabilities" => said(!rustix::thread::capabilities(None)?.permitted.is_empty()),
        "core files" => {
            let limit = rustix::process::getrlimit(rustix::process::Resource::Core);
            said(limit.maximum != Some(0))
        }
        "open files" => open_files(integer(with[0])),
        "memory" => memory(integer(with[0])),
        other => panic!("there is no attempt {other:?}"),
    }
}

fn said(yes: bool) -> io::Result<()> {
    if yes { Ok(()) } else { number(c::ENOENT) }
}

fn number(number: i32) -> io::Result<()> {
    Err(io::Error::from_raw_os_error(number))
}

fn path(text: &str) -> CString {
    CString::new(text).unwrap()
}

fn integer(text: &str) -> i64 {
    text.parse().unwrap()
}

fn call2(call: c::c_long, a: i64, b: i64) -> io::Result<()> {
    call3(call, a, b, 0)
}

fn call3(call: c::c_long, a: i64, b: i64, d: i64) -> io::Result<()> {
    // SAFETY: the callers pass what the call expects, or nothing that it could write to.
    checked(unsafe { c::syscall(call, a, b, d, 0, 0, 0) }).map(drop)
}

fn mknod(at: &str) -> io::Result<()> {
    // The device of /dev/null.
    let device = rustix::fs::makedev(1, 3);
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    Ok(rustix::fs::mknodat(
        rustix::fs::CWD,
        at,
        rustix::fs::FileType::CharacterDevice,
        mode,
        device,
    )?)
}

fn utimes(of: &str) -> io::Result<()> {
    let zero = rustix::fs::Timespec { tv_sec: 0, tv_nsec: 0 };
    let times = rustix::fs::Timestamps { last_access: zero, last_modification: zero };
    Ok(rustix::fs::utimensat(rustix::fs::CWD, of, &times, rustix::fs::AtFlags::empty())?)
}

fn socket(family: i32, kind: i32, protocol: i32) -> io::Result<()> {
    // SAFETY: plain numbers.
    checked(unsafe { c::socket(family, kind | c::SOCK_CLOEXEC, protocol) }.into()).map(drop)
}

/// A connection without `connect`.
fn fast_open(port: u16) -> io::Result<()> {
    // SAFETY: plain numbers; the address lives as long as the call.
    unsafe {
        let socket = checked(c::socket(c::AF_INET, c::SOCK_STREAM, 0).into())? as i32;
        let mut address: c::sockaddr_in = std::mem::zeroed();
        address.sin_family = c::AF_INET as u16;
        address.sin_port = port.to_be();
        address.sin_addr.s_addr = u32::from_ne_bytes([127, 0, 0, 1]);
        let sent = c::sendto(
            socket,
            b"x".as_ptr().cast(),
            1,
            c::MSG_FASTOPEN,
            (&raw const address).cast(),
            size_of::<c::sockaddr_in>() as u32,
        );
        checked(sent as c::c_long).map(drop)
    }
}

/// The kernel gives it a port.
fn listen_unbound() -> io::Result<()> {
    // SAFETY: plain numbers.
    unsafe {
        let socket = checked(c::socket(c::AF_INET, c::SOCK_STREAM, 0).into())? as i32;
        checked(c::listen(socket, 1).into()).map(drop)
    }
}

fn read_memory(of: i64) -> io::Result<()> {
    let mut byte = 0_u8;
    let here = c::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    // SAFETY: one byte is written to one byte. Where there is nothing at that address in the other
    // process the call says so (EFAULT), after it was allowed.
    let read = unsafe { c::process_vm_readv(of as i32, &here, 1, &here, 1, 0) };
    match checked(read as c::c_long) {
        Err(error) if error.raw_os_error() == Some(c::EFAULT) => Ok(()),
        other => other.map(drop),
    }
}

fn limit_another(process: i64) -> io::Result<()> {
    let pid = rustix::process::Pid::from_raw(process as i32);
    let resource = rustix::process::Resource::Core;
    let limit = rustix::process::getrlimit(resource);
    Ok(rustix::process::prlimit(pid, resource, limit).map(drop)?)
}

fn clone(flags: i32) -> io::Result<()> {
    // SAFETY: as fork; the child ends at once.
    unsafe {
        let child = c::syscall(c::SYS_clone, flags | c::SIGCHLD, 0, 0, 0, 0);
        if child == 0 {
            c::_exit(0);
        }
        checked(child).map(drop)
    }
}

fn mount(at: &str) -> io::Result<()> {
    let (at, kind) = (path(at), path("tmpfs"));
    // SAFETY: three strings that end in zero.
    unsafe {
        let mounted = c::mount(kind.as_ptr(), at.as_ptr(), kind.as_ptr(), 0, std::ptr::null());
        checked(mounted.into())?;
        checked(c::umount2(at.as_ptr(), 0).into()).map(drop)
    }
}

fn io_uring() -> io::Result<()> {
    let mut parameters = [0_u8; 120];
    call2(c::SYS_io_uring_setup, 1, parameters.as_mut_ptr() as i64)
}

fn open_files(count: i64) -> io::Result<()> {
    let open = |_| fs::File::open("/dev/null");
    let files: io::Result<Vec<fs::File>> = (0..count).map(open).collect();
    files.map(|all| assert!(all.iter().all(|f| f.as_raw_fd() > 2)))
}

fn memory(bytes: i64) -> io::Result<()> {
    let mut all: Vec<u8> = Vec::new();
    all.try_reserve_exact(bytes as usize).map_err(|_| io::Error::from_raw_os_error(c::ENOMEM))?;
    all.resize(1, 1);
    io::repeat(1).take(1).read_exact(&mut all)
}
