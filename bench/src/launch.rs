//! Starts programs and measures them: wall time, the process's own CPU time, peak memory. Reads
//! `/proc`: Linux only. Elsewhere it is built, and `main` refuses.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What one run took.
#[derive(Debug, Clone, Default)]
pub struct Run {
    /// From the start to the end.
    pub wall: Duration,
    /// CPU time of the process itself, its children not counted.
    pub cpu: Duration,
    /// Peak resident memory of the process itself, in MiB.
    pub memory: f64,
    /// The same of its children, by program.
    pub children: BTreeMap<String, f64>,
}

/// Builds the release binaries of the workspace.
pub fn build() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a package in a workspace");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--release", "--workspace", "--bins", "--target-dir"]);
    let target = binaries().parent().expect("a profile folder stands in a target folder");
    let status = cargo.arg(target).current_dir(top).status().expect("cargo starts");
    assert!(status.success(), "the workspace does not build");
}

/// Waits until what was written before is on disk: whoever is measured next does not pay for it.
pub fn settle() {
    #[cfg(unix)]
    rustix::fs::sync();
}

/// The folder of this program, which is that of all others.
pub fn binaries() -> &'static Path {
    static FOLDER: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    FOLDER.get_or_init(|| {
        let mut folder = std::env::current_exe().expect("a process knows its program");
        folder.pop();
        folder
    })
}

/// A command for one of the workspace's programs.
pub fn program(name: &str) -> Command {
    Command::new(binaries().join(name))
}

/// `dstream run bench` in a folder that holds a task file; forgets what an earlier run saved there.
pub fn dstream(folder: &Path) -> Run {
    dstream_until(folder, || false)
}

/// The same for a task without an end: it is asked to stop as soon as there is `enough`, and the
/// time is that until then.
pub fn dstream_until(folder: &Path, enough: impl FnMut() -> bool) -> Run {
    let _absent = fs::remove_dir_all(folder.join(".dstream/tasks"));
    let mut command = program("dstream");
    let path = std::env::var("PATH").unwrap_or_default();
    command
        .args(["run", "bench"])
        .current_dir(folder)
        .env("PATH", format!("{}:{path}", binaries().display()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::from(fs::File::create(folder.join("stderr")).expect("writable")));
    let run = measure_until(&mut command, enough);
    run.unwrap_or_else(|status| {
        let said = fs::read_to_string(folder.join("stderr")).unwrap_or_default();
        panic!("dstream run: {status}\n{said}")
    })
}

/// Runs a command to its end; an exit status other than 0 is an error.
pub fn measure(command: &mut Command) -> Result<Run, String> {
    measure_until(command, || false)
}

fn measure_until(command: &mut Command, mut enough: impl FnMut() -> bool) -> Result<Run, String> {
    let begun = Instant::now();
    let mut child = command.spawn().map_err(|e| format!("{command:?}: {e}"))?;
    let mut reached = None;
    let (memory, children) = watch(&child, &mut || {
        if reached.is_none() && enough() {
            reached = Some(begun.elapsed());
            terminate(&child);
        }
    });
    let wall = reached.unwrap_or_else(|| begun.elapsed());
    let cpu = cpu(child.id());
    let status = child.wait().map_err(|e| e.to_string())?;
    if !status.success() {
        return Err(status.to_string());
    }
    Ok(Run { wall, cpu, memory, children })
}

/// How often memory is looked at in the end; a short run is looked at more often. The kernel keeps
/// the peak, and looking takes time from the cores that are measured.
const SAMPLE: Duration = Duration::from_millis(50);

/// Samples peak memory until the process has ended, and leaves it to be waited for.
fn watch(child: &Child, look: &mut dyn FnMut()) -> (f64, BTreeMap<String, f64>) {
    let (mut memory, mut children) = (0.0, BTreeMap::new());
    let (mut next, mut pause) = (Instant::now(), Duration::from_millis(1));
    while !has_ended(child) {
        if Instant::now() >= next {
            memory = sample(child.id(), &mut children).unwrap_or(memory);
            next = Instant::now() + pause;
            pause = (pause * 2).min(SAMPLE);
        }
        look();
        std::thread::sleep(Duration::from_millis(1));
    }
    (memory, children)
}

/// The peak of a process, and those of its children by name.
fn sample(pid: u32, children: &mut BTreeMap<String, f64>) -> Option<f64> {
    for child in children_of(pid) {
        // Between fork and exec a child still runs its parent's program.
        if let Some((name, peak)) = peak(child).filter(|(name, _)| name != "dstream") {
            children.insert(name, peak);
        }
    }
    peak(pid).map(|(_, peak)| peak)
}

/// Whether a process has ended. It is left to be waited for: its numbers go with that.
#[cfg(unix)]
fn has_ended(child: &Child) -> bool {
    use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process id");
    let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    matches!(waitid(WaitId::Pid(pid), ended), Ok(Some(_)) | Err(_))
}

/// Asks a process to end.
#[cfg(unix)]
fn terminate(child: &Child) {
    use rustix::process::{Pid, Signal, kill_process};
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process id");
    // One that has ended by itself is what was wanted.
    let _gone = kill_process(pid, Signal::TERM);
}

/// A process's name and `VmHWM` in MiB.
fn peak(pid: u32) -> Option<(String, f64)> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let field = |name: &str| status.lines().find_map(|l| l.strip_prefix(name));
    let kib: f64 = field("VmHWM:")?.trim().trim_end_matches("kB").trim().parse().ok()?;
    let program = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    Some((program.file_name()?.to_string_lossy().into_owned(), kib / 1024.0))
}

fn children_of(pid: u32) -> Vec<u32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let lists = threads.flatten().map(|t| fs::read_to_string(t.path().join("children")));
    let text = lists.map(Result::unwrap_or_default).collect::<Vec<_>>().join(" ");
    text.split_whitespace().filter_map(|p| p.parse().ok()).collect()
}

/// User and system time of a process (all its threads, no children), also after its end. The
/// kernel's `wait4` would add the children that it has waited for.
fn cpu(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or("").split(' ').collect();
    let ticks = |i: usize| fields.get(i).and_then(|f| f.parse::<u64>().ok()).unwrap_or(0);
    Duration::from_millis((ticks(11) + ticks(12)) * 1000 / ticks_per_second())
}

#[cfg(unix)]
fn ticks_per_second() -> u64 {
    rustix::param::clock_ticks_per_second()
}

/// For the build on Windows only: nothing is measured there.
#[cfg(not(unix))]
fn has_ended(_: &Child) -> bool {
    true
}

#[cfg(not(unix))]
fn terminate(_: &Child) {}

#[cfg(not(unix))]
fn ticks_per_second() -> u64 {
    1
}
