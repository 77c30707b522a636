//! Which system calls are refused, as a filter of seccomp: those that no provider needs, and those
//! that would lead around the rules for files and ports.
//!
//! Everything else is allowed: a list of what programs may call would break with every new libc.

use std::collections::BTreeMap;

use dstream_task::Connect;
use libc as c;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Width, SeccompCmpOp as Op, SeccompCondition,
    SeccompFilter, SeccompRule, sock_filter,
};

use crate::{SandboxError, sockets};

/// Refused whatever their arguments are.
const REFUSED: &[c::c_long] = &[
    // Looking into other processes, and changing them.
    c::SYS_ptrace,
    c::SYS_process_vm_readv,
    c::SYS_process_vm_writev,
    c::SYS_process_madvise,
    c::SYS_pidfd_getfd,
    c::SYS_kcmp,
    // Namespaces and mounts, which move the ground that file rules stand on.
    c::SYS_unshare,
    c::SYS_setns,
    c::SYS_chroot,
    c::SYS_pivot_root,
    c::SYS_mount,
    c::SYS_umount2,
    c::SYS_mount_setattr,
    c::SYS_move_mount,
    c::SYS_open_tree,
    c::SYS_fsopen,
    c::SYS_fsconfig,
    c::SYS_fsmount,
    c::SYS_fspick,
    OPEN_TREE_ATTR,
    c::SYS_open_by_handle_at,
    c::SYS_fanotify_init,
    // The kernel's own: programs in it, its memory, its settings, its clock, the machine's power.
    c::SYS_bpf,
    c::SYS_perf_event_open,
    c::SYS_userfaultfd,
    c::SYS_init_module,
    c::SYS_finit_module,
    c::SYS_delete_module,
    c::SYS_kexec_load,
    c::SYS_acct,
    c::SYS_quotactl,
    QUOTACTL_FD,
    c::SYS_reboot,
    c::SYS_swapon,
    c::SYS_swapoff,
    c::SYS_syslog,
    c::SYS_sethostname,
    c::SYS_setdomainname,
    c::SYS_settimeofday,
    c::SYS_clock_settime,
    c::SYS_adjtimex,
    c::SYS_clock_adjtime,
    c::SYS_vhangup,
    // What its work rings open and connect, no filter sees.
    c::SYS_io_uring_setup,
    c::SYS_io_uring_enter,
    c::SYS_io_uring_register,
    // Keys and memory that all programs of a user share.
    c::SYS_add_key,
    c::SYS_request_key,
    c::SYS_keyctl,
    c::SYS_shmget,
    c::SYS_shmat,
    c::SYS_shmctl,
    c::SYS_msgget,
    c::SYS_semget,
    c::SYS_mq_open,
    c::SYS_mq_unlink,
    // Landlock does not know these: whose a file is and who may read it. By path they reach any
    // file of the user; by descriptor (fchmod, fchown, futimens) only what could be opened.
    c::SYS_fchmodat,
    FCHMODAT2,
    c::SYS_fchownat,
    c::SYS_setxattr,
    c::SYS_lsetxattr,
    c::SYS_removexattr,
    c::SYS_lremovexattr,
    SETXATTRAT,
    REMOVEXATTRAT,
    FILE_SETATTR,
    #[cfg(target_arch = "x86_64")]
    c::SYS_chmod,
    #[cfg(target_arch = "x86_64")]
    c::SYS_chown,
    #[cfg(target_arch = "x86_64")]
    c::SYS_lchown,
    #[cfg(target_arch = "x86_64")]
    c::SYS_utime,
    #[cfg(target_arch = "x86_64")]
    c::SYS_utimes,
    #[cfg(target_arch = "x86_64")]
    c::SYS_futimesat,
    // Ports of the machine.
    #[cfg(target_arch = "x86_64")]
    c::SYS_ioperm,
    #[cfg(target_arch = "x86_64")]
    c::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    c::SYS_kexec_file_load,
    #[cfg(target_arch = "x86_64")]
    c::SYS_uselib,
];

// From 424 on a call has the same number on every architecture; these are too new for `libc`.
const QUOTACTL_FD: c::c_long = 443;
const FCHMODAT2: c::c_long = 452;
const SETXATTRAT: c::c_long = 463;
const REMOVEXATTRAT: c::c_long = 466;
const OPEN_TREE_ATTR: c::c_long = 467;
const FILE_SETATTR: c::c_long = 469;

/// Flags of `clone` that make a namespace. (`clone3` has its flags in memory, where no filter sees
/// them: see [`PRELUDE`].)
const NAMESPACES: [c::c_int; 7] = [
    c::CLONE_NEWNS,
    c::CLONE_NEWCGROUP,
    c::CLONE_NEWUTS,
    c::CLONE_NEWIPC,
    c::CLONE_NEWUSER,
    c::CLONE_NEWPID,
    c::CLONE_NEWNET,
];

/// Requests to a terminal that type for its user.
const TYPING: [u64; 2] = [0x5412 /* TIOCSTI */, 0x541C /* TIOCLINUX */];

/// The rules of a filter: each is a reason to refuse a call.
pub(crate) type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// The filter of a block.
pub(crate) fn filter(connect: &Connect) -> Result<BpfProgram, SandboxError> {
    let mut rules = Rules::new();
    arguments(&mut rules)?;
    sockets::rules(connect, &mut rules)?;
    REFUSED.iter().for_each(|call| always(&mut rules, *call));
    let arch = std::env::consts::ARCH.try_into().map_err(|_| SandboxError::Unsupported)?;
    let refuse = SeccompAction::Errno(c::EPERM as u32);
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, arch).map_err(system)?;
    let rest: BpfProgram = filter.try_into().map_err(system)?;
    Ok(PRELUDE.into_iter().chain(rest).collect())
}

/// Calls that are refused with some arguments only.
fn arguments(rules: &mut Rules) -> Result<(), SandboxError> {
    for flag in NAMESPACES {
        let flag = u64::from(flag.unsigned_abs());
        refuse(rules, c::SYS_clone, &[(0, Op::MaskedEq(flag), flag)])?;
    }
    for request in TYPING {
        refuse(rules, c::SYS_ioctl, &[(1, Op::Eq, request)])?;
    }
    // Another process's limits: a limit of no processor time would end it.
    refuse(rules, c::SYS_prlimit64, &[(0, Op::Ne, 0)])?;
    // Without a path it is about a descriptor.
    refuse_wide(rules, c::SYS_utimensat, &[(1, Op::Ne, 0)])
}

/// Refuses a call: that is what an empty list of rules means.
pub(crate) fn always(rules: &mut Rules, call: c::c_long) {
    rules.insert(number(call), Vec::new());
}

/// Refuses a call where all of these are so: argument, comparison, value. Arguments are `int`.
pub(crate) fn refuse(
    rules: &mut Rules,
    call: c::c_long,
    when: &[(u8, Op, u64)],
) -> Result<(), SandboxError> {
    add(rules, call, when, &Width::Dword)
}

/// The same for arguments that are pointers.
fn refuse_wide(
    rules: &mut Rules,
    call: c::c_long,
    when: &[(u8, Op, u64)],
) -> Result<(), SandboxError> {
    add(rules, call, when, &Width::Qword)
}

fn add(
    rules: &mut Rules,
    call: c::c_long,
    when: &[(u8, Op, u64)],
    width: &Width,
) -> Result<(), SandboxError> {
    let condition = |(argument, op, value): &(u8, Op, u64)| {
        SeccompCondition::new(*argument, width.clone(), op.clone(), *value)
    };
    let conditions: Result<Vec<_>, _> = when.iter().map(condition).collect();
    let rule = SeccompRule::new(conditions.map_err(system)?).map_err(system)?;
    rules.entry(number(call)).or_default().push(rule);
    Ok(())
}

/// `c_long` is 64 bits wide wherever a filter can be made.
#[allow(clippy::useless_conversion, reason = "not on 32-bit targets")]
fn number(call: c::c_long) -> i64 {
    i64::from(call)
}

fn system(error: seccompiler::BackendError) -> SandboxError {
    SandboxError::System(error.to_string())
}

const LOAD_WORD: u16 = 0x20;
const IF_EQUAL: u16 = 0x15;
const IF_AT_LEAST: u16 = 0x35;
const RETURN: u16 = 0x06;
const NO_SUCH_CALL: u32 = c::SECCOMP_RET_ERRNO | c::ENOSYS as u32;

/// What stands before everything else:
/// - `clone3` does not exist, upon which every libc takes `clone`
/// - x86-64 has all calls twice: those of x32 (bit 30) would pass a filter that knows the others
const PRELUDE: [sock_filter; 5] = [
    sock_filter { code: LOAD_WORD, jt: 0, jf: 0, k: 0 },
    sock_filter { code: IF_EQUAL, jt: 0, jf: 1, k: c::SYS_clone3 as u32 },
    sock_filter { code: RETURN, jt: 0, jf: 0, k: NO_SUCH_CALL },
    sock_filter { code: IF_AT_LEAST, jt: 0, jf: 1, k: 1 << 30 },
    sock_filter { code: RETURN, jt: 0, jf: 0, k: NO_SUCH_CALL },
];

#[cfg(test)]
#[path = "calls_tests.rs"]
mod tests;
