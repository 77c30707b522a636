//! The promises of the protocol, each with a test that fails when it is broken.

// The providers of these tests are scripts.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "test code")]

mod support;

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dstream_engine::dead_letter::{Closed, Counts, DeadLetter, DeadLetters, LocalDeadLetters};
use dstream_engine::state::{
    InheritedLock, LocalState, StateError, StateHandle, StateStore, TaskState,
};
use dstream_engine::{EventKind, FailureKind, Outcome, Protocol, Stop, run};
use dstream_task::{Lock, Retry};
use serde_json::json;
use support::{COLLECT, Project, READY, counting, failure, until};

/// A disk on which everything takes its time, and that writes down what was done in which order.
#[derive(Clone)]
struct SlowDisk {
    inner: LocalState,
    heard: PathBuf,
    log: Arc<Mutex<Vec<String>>>,
    full: Arc<AtomicBool>,
}

impl SlowDisk {
    fn new(project: &Project) -> Self {
        Self {
            inner: project.state.clone(),
            heard: project.folder.path().join("heard"),
            log: Arc::default(),
            full: Arc::default(),
        }
    }

    fn note(&self, what: String) {
        self.log.lock().unwrap().push(what);
    }
}

impl StateStore for SlowDisk {
    fn open(&self, task: &str, wait: Duration) -> Result<Box<dyn StateHandle>, StateError> {
        Ok(Box::new(SlowHandle(self.clone(), self.inner.open(task, wait)?)))
    }

    fn read(&self, task: &str) -> Result<Option<TaskState>, StateError> {
        self.inner.read(task)
    }
}

struct SlowHandle(SlowDisk, Box<dyn StateHandle>);

impl StateHandle for SlowHandle {
    fn load(&self) -> Result<Option<TaskState>, StateError> {
        self.1.load()
    }

    fn save(&self, state: &TaskState) -> Result<(), StateError> {
        let moved = state.inputs.get("input").and_then(|i| i.checkpoint.get(""));
        let Some(moved) = moved else { return self.1.save(state) };
        std::thread::sleep(Duration::from_millis(150));
        if self.0.full.load(SeqCst) {
            let source = io::Error::from(io::ErrorKind::StorageFull);
            return Err(StateError::Io {
                action: "cannot write",
                path: "state.json".into(),
                source,
            });
        }
        let heard = std::fs::read_to_string(&self.0.heard).unwrap_or_default();
        self.1.save(state)?;
        self.0.note(format!("save {moved} heard {}", heard.lines().count()));
        Ok(())
    }

    fn remove(&self) -> Result<(), StateError> {
        self.1.remove()
    }

    fn inherited_lock(&self) -> Option<InheritedLock> {
        self.1.inherited_lock()
    }
}

impl DeadLetters for SlowDisk {
    fn append(&self, letter: &DeadLetter) -> io::Result<()> {
        self.note(format!("append {}", letter.error.message));
        Ok(())
    }

    fn close(&self, _: &Closed) -> io::Result<()> {
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.note("sync".into());
        Ok(())
    }

    fn closed(&self, _: &str, _: u64) -> io::Result<Counts> {
        Ok(Counts::new())
    }

    fn cut(&self, _: &str, _: &Counts) -> io::Result<usize> {
        Ok(0)
    }
}

#[tokio::test]
async fn an_input_is_told_only_after_the_save_is_durable() {
    let project =
        Project::new().input(Protocol::V2, &counting(30, 30)).output(Protocol::V2, COLLECT);
    let disk = SlowDisk::new(&project);
    let mut request = project.request();
    request.state = Arc::new(disk.clone());
    assert!(matches!(run(request).await.outcome, Outcome::Completed));
    assert_eq!(*disk.log.lock().unwrap(), ["save 30 heard 0"]);
    assert_eq!(project.lines("heard"), [r#"{"@committed":{"id":1}}"#]);
}

#[tokio::test]
async fn when_the_disk_is_full_the_source_is_not_told_and_the_task_says_so() {
    let project =
        Project::new().input(Protocol::V2, &counting(30, 30)).output(Protocol::V2, COLLECT);
    let disk = SlowDisk::new(&project);
    disk.full.store(true, SeqCst);
    let mut request = project.request();
    request.state = Arc::new(disk);
    let failure = failure(&run(request).await);
    assert_eq!(failure.kind, FailureKind::State);
    assert!(failure.message.contains("cannot write state.json"), "{failure}");
    assert!(project.lines("heard").is_empty());
}

/// An output that rejects every envelope with a 7 in it.
fn picky() -> String {
    COLLECT
        .replace("n=0\n", "n=0; r=0\n")
        .replace(r#"\"written\":$n}}"; n=0"#, r#"\"written\":$n,\"rejected\":$r}}"; n=0; r=0"#)
        .replace(
            "    *) echo",
            r#"    *7*) echo "{\"@rejected\":{\"error\":{\"kind\":\"permanent\",\"message\":\"seven\"},\"envelope\":$line}}"; r=$((r + 1));;
    *) echo"#,
        )
}

#[tokio::test]
async fn dead_letters_are_durable_before_the_checkpoint_that_covers_them() {
    let project = Project::new()
        .dead_letters(10)
        .input(Protocol::V2, &counting(10, 10))
        .output(Protocol::V2, &picky());
    let disk = SlowDisk::new(&project);
    let mut request = project.request();
    request.state = Arc::new(disk.clone());
    request.dead_letters = Arc::new(disk.clone());
    let report = run(request).await;
    assert!(matches!(report.outcome, Outcome::Completed), "{report:?}");
    assert_eq!((report.totals.written, report.totals.rejected), (9, 1));
    assert_eq!(*disk.log.lock().unwrap(), ["append seven", "sync", "save 10 heard 0"]);
}

#[tokio::test]
async fn a_rejection_without_a_dead_letter_block_fails_the_task_before_anything_is_saved() {
    let project =
        Project::new().input(Protocol::V2, &counting(10, 10)).output(Protocol::V2, &picky());
    let failure = failure(&project.run().await);
    assert_eq!(failure.kind, FailureKind::Rejected);
    assert!(failure.message.contains("seven") && failure.help[0].contains("dead_letter {}"));
    assert_eq!(project.checkpoint("input", ""), "");
}

#[tokio::test]
async fn more_rejections_than_allowed_stop_the_task_and_each_is_kept_byte_for_byte() {
    let project = Project::new()
        .dead_letters(2)
        .input(Protocol::V2, &counting(79, 79))
        .output(Protocol::V2, &picky());
    let failure = failure(&project.run().await);
    assert!(failure.message.contains("more than 2 envelopes were rejected"), "{failure}");
    let kept = LocalDeadLetters::new(&project.state, "t").list().unwrap();
    assert_eq!(kept[0].envelope.as_ref().unwrap().get(), r#"{"data":{"n":7},"metadata":{}}"#);

    // As many as are allowed, and one more.
    for (rows, completes) in [(26, true), (27, false)] {
        let project = Project::new()
            .dead_letters(2)
            .input(Protocol::V2, &counting(rows, rows))
            .output(Protocol::V2, &picky());
        let outcome = project.run().await.outcome;
        assert_eq!(matches!(outcome, Outcome::Completed), completes, "{rows}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_slow_output_holds_the_source_back_and_nothing_grows() {
    let flood = format!(
        r#"{READY}; line='{{"data":"{}"}}'; for ((i = 0; ; i++)); do echo "$line"; echo $i > sent; done"#,
        "x".repeat(4000)
    );
    let project = Project::new()
        .input(Protocol::V2, &flood)
        .output(Protocol::V2, &format!("{READY}; sleep 100"));
    let running = tokio::spawn(run(project.request()));
    let mut sent = Vec::new();
    for _ in 0..15 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        sent.push(project.read("sent").trim().parse::<u64>().unwrap_or(0));
        if sent.iter().rev().take(3).all(|n| *n == sent[sent.len() - 1] && *n > 0) && sent.len() > 4
        {
            break;
        }
    }
    let stopped_at = sent[sent.len() - 1] * 4000;
    assert!(sent[sent.len() - 1] == sent[sent.len() - 2], "still flowing: {sent:?}");
    // Two pipes of 1 MiB, and a buffer of the host.
    assert!(stopped_at < 3 << 20, "{stopped_at} bytes are in flight");
    project.cancel.stop(Stop::Now);
    assert!(matches!(running.await.unwrap().outcome, Outcome::Killed));
}

#[tokio::test]
async fn one_failure_restarts_the_whole_task_from_the_last_checkpoint() {
    let fragile = COLLECT
        .replace("n=0\nwhile", "n=0; [ -e tried ] || fragile=1; touch tried\nwhile")
        .replace("    *) echo", "    *21*) [ -n \"$fragile\" ] && exit 9;;&\n    *) echo");
    let project = Project::new()
        .retry(3)
        .input(Protocol::V2, &counting(30, 10))
        .output(Protocol::V2, &fragile);
    let report = project.run().await;
    assert!(matches!(report.outcome, Outcome::Completed), "{report:?}");
    let retried: Vec<_> =
        project.kinds().into_iter().filter(|k| matches!(k, EventKind::Retrying { .. })).collect();
    assert_eq!(retried.len(), 1);
    let mut seen = project.lines("out");
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 30, "every envelope is there");
    assert_eq!(project.checkpoint("input", ""), "30");
}

#[tokio::test]
async fn attempts_are_counted_only_while_nothing_is_saved() {
    let one_row_each = r#"
read -r command; echo '{"status":"ready","protocol":2}'
from=0
case "$command" in *'"checkpoint":{"":'*) from=${command#*'"checkpoint":{"":'}; from=${from%%\}*};; esac
if ((from == 4)); then echo '{"@end":{}}'; cat > /dev/null; exit; fi
echo "{\"data\":$((from + 1))}"; echo "{\"@checkpoint\":{\"id\":1,\"state\":{\"\":$((from + 1))}}}"
read -r saved; exit 1"#;
    let project =
        Project::new().retry(2).input(Protocol::V2, one_row_each).output(Protocol::V2, COLLECT);
    let report = project.run().await;
    assert!(matches!(report.outcome, Outcome::Completed), "{report:?}");
    let retried = project.kinds().into_iter().filter(|k| matches!(k, EventKind::Retrying { .. }));
    assert_eq!(retried.count(), 4);
}

#[tokio::test]
async fn a_stop_between_two_attempts_is_not_waited_for() {
    let mut project = Project::new()
        .input(Protocol::V2, &format!("{READY}; exit 1"))
        .output(Protocol::V2, COLLECT);
    let wait = Duration::from_secs(600);
    project.task.retry = Some(Retry { max_attempts: 5, initial_backoff: wait, max_backoff: wait });
    let running = tokio::spawn(run(project.request()));
    let waits = |kinds: &[EventKind]| kinds.iter().any(|k| matches!(k, EventKind::Retrying { .. }));
    until("it waits for the next attempt", || waits(&project.kinds())).await;
    project.cancel.stop(Stop::Drain);
    let report = tokio::time::timeout(Duration::from_secs(30), running).await.unwrap().unwrap();
    assert!(matches!(report.outcome, Outcome::Stopped), "{report:?}");
}

#[tokio::test]
async fn only_what_trying_again_can_help_is_tried_again() {
    for (kind, attempts) in [("transient", 3), ("config", 1), ("auth", 1), ("fenced", 1)] {
        let script = format!(
            r#"{READY}; echo x >> tries; echo '{{"@error":{{"kind":"{kind}","message":"no"}}}}'; exit 1"#
        );
        let project =
            Project::new().retry(3).input(Protocol::V2, &script).output(Protocol::V2, COLLECT);
        failure(&project.run().await);
        assert_eq!(project.lines("tries").len(), attempts, "{kind}");
    }
}

#[tokio::test]
async fn a_version_1_route_is_not_started_again_unless_the_task_asks_for_it() {
    let crash = r#"cat >/dev/null; echo x >> tries; echo '{"data":1}'; exit 1"#;
    let project = Project::new().input(Protocol::V1, crash).output(Protocol::V2, COLLECT);
    failure(&project.run().await);
    assert_eq!(project.lines("tries").len(), 1);
}

#[tokio::test]
async fn a_stop_drains_what_was_begun_and_the_input_hears_of_the_last_commit() {
    let endless = format!(
        r#"{READY}
for ((i = 1; ; i++)); do
  echo "{{\"data\":$i}}"; echo "{{\"@checkpoint\":{{\"id\":$i,\"state\":{{\"\":$i}}}}}}"
  sleep 0.01
  if read -t 0; then
    read -r line; case "$line" in '{{"@stop"'*) break;; esac
  fi
done
echo '{{"@end":{{}}}}'; while read -r line; do echo "$line" > last; done"#
    );
    let project = Project::new().input(Protocol::V2, &endless).output(Protocol::V2, COLLECT);
    let running = tokio::spawn(run(project.request()));
    until("some of it is written", || project.lines("out").len() > 5).await;
    project.cancel.stop(Stop::Drain);
    let report = running.await.unwrap();
    assert!(matches!(report.outcome, Outcome::Stopped), "{report:?}");
    let (read, saved) = (report.totals.read, project.checkpoint("input", ""));
    assert_eq!((project.lines("out").len() as u64, saved), (read, read.to_string()));
    assert_eq!(project.lines("last"), [format!(r#"{{"@committed":{{"id":{read}}}}}"#)]);
    assert_eq!(project.lines("control"), [r#"{"@end":{}}"#]);
}

#[tokio::test]
async fn a_version_1_input_is_stopped_by_a_signal_and_its_lines_are_kept() {
    let endless = r#"cat >/dev/null; echo '{"status":"ready"}'; for ((i = 1; ; i++)); do echo "{\"data\":$i}"; sleep 0.01; done"#;
    let project = Project::new().input(Protocol::V1, endless).output(Protocol::V2, COLLECT);
    let running = tokio::spawn(run(project.request()));
    until("some of it is written", || project.lines("out").len() > 5).await;
    project.cancel.stop(Stop::Drain);
    let report = running.await.unwrap();
    assert!(matches!(report.outcome, Outcome::Stopped), "{report:?}");
    assert!(report.totals.read > 5 && report.totals.read == report.totals.written, "{report:?}");
}

#[tokio::test]
async fn what_does_not_stop_in_time_is_killed_and_named() {
    let deaf = format!("{READY}; trap '' TERM; touch deaf; while :; do sleep 0.1; done");
    let mut project = Project::new().input(Protocol::V2, &deaf).output(Protocol::V2, COLLECT);
    project.task.limits.stop_timeout = Duration::from_millis(300);
    let running = tokio::spawn(run(project.request()));
    let both_run = || {
        let started = |kind: &EventKind| matches!(kind, EventKind::ProviderReady { .. });
        project.kinds().iter().filter(|kind| started(kind)).count() == 2
    };
    until("both run", || both_run() && project.folder.path().join("deaf").exists()).await;
    project.cancel.stop(Stop::Drain);
    assert!(matches!(running.await.unwrap().outcome, Outcome::Killed));
    let named = project.kinds().into_iter().any(
        |k| matches!(k, EventKind::Warning { message, .. } if message.contains("output, input did not finish")),
    );
    assert!(named);
}

#[tokio::test]
async fn nothing_survives_the_end_of_a_run_also_not_a_providers_own_children() {
    let parent = format!("sleep 1000 & echo $! > child; {}", counting(3, 1));
    let project = Project::new().input(Protocol::V2, &parent).output(Protocol::V2, COLLECT);
    project.run().await;
    let child = project.read("child");
    until(&format!("process {child} is gone"), || !is_alive(child.trim())).await;

    // And when the run itself is dropped.
    let endless = format!("sleep 1000 & echo $! > child; echo $$ > pid; {READY}; sleep 1000");
    let project = project.replace_input(Protocol::V2, &endless);
    let running = tokio::spawn(run(project.request()));
    until("it runs", || !project.lines("pid").is_empty()).await;
    let pid = project.read("pid");
    assert!(is_alive(pid.trim()));
    running.abort();
    drop(running.await);
    let child = project.read("child");
    for process in [pid.trim(), child.trim()] {
        until(&format!("process {process} is gone"), || !is_alive(process)).await;
    }
}

fn is_alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

#[tokio::test]
async fn a_second_run_is_told_who_holds_the_state_also_while_a_process_of_the_first_lives() {
    let first = Project::new();
    // A process that leaves its group keeps what it inherited.
    let strays = "setsid sh -c 'touch left; until [ -e enough ]; do sleep 0.05; done' >/dev/null 2>&1 </dev/null & \
        until [ -e left ]; do sleep 0.02; done;";
    let stray = format!("[ -e enough ] || {{ {strays} }}; {}", counting(3, 1));
    let project = first.input(Protocol::V2, &stray).output(Protocol::V2, COLLECT);
    assert!(matches!(project.run().await.outcome, Outcome::Completed));
    let report = project.run().await;
    assert!(matches!(report.outcome, Outcome::Held(_)), "{report:?}");
    assert!(failure(&report).message.contains(&format!("process {}", std::process::id())));
    project.write("enough", "");
    let begin = Instant::now();
    loop {
        match project.run().await.outcome {
            Outcome::Held(_) if begin.elapsed() < Duration::from_secs(60) => {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            other => break assert!(matches!(other, Outcome::Completed), "{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_run_waits_for_the_state_as_long_as_its_lock_block_says() {
    let mut project =
        Project::new().input(Protocol::V2, &counting(3, 1)).output(Protocol::V2, COLLECT);
    for (timeout, waits) in [(Duration::from_millis(300), false), (Duration::from_secs(30), true)] {
        project.task.lock = Some(Lock { timeout });
        let held = project.state.open("t", Duration::ZERO).unwrap();
        let holder = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_secs(1));
            drop(held);
        });
        let outcome = project.run().await.outcome;
        assert_eq!(matches!(outcome, Outcome::Completed), waits, "{timeout:?}: {outcome:?}");
        assert_eq!(matches!(outcome, Outcome::Held(_)), !waits, "{timeout:?}: {outcome:?}");
        holder.join().unwrap();
    }
}

#[tokio::test]
async fn secrets_reach_the_provider_and_nobody_else() {
    let leak = r#"read -r command; echo "config: $command" >&2; echo "$command" > given; echo '{"status":"ready","protocol":2}'
        echo '{"@error":{"kind":"auth","message":"login with hunter2-hunter2 failed"}}'; exit 1"#;
    let mut project = Project::new().input(Protocol::V2, leak).output(Protocol::V2, COLLECT);
    let reference = project.secrets.insert("t/input/config.password", json!("hunter2-hunter2"));
    project.route.inputs[0].block.config = json!({ "password": reference });
    let failure = failure(&project.run().await);
    assert!(project.read("given").contains("hunter2-hunter2"));
    let everything = serde_json::to_string(&*project.events.lock().unwrap()).unwrap();
    assert!(!everything.contains("hunter2"), "{everything}");
    assert_eq!(failure.message, "login with (sensitive) failed");
}

#[tokio::test]
async fn saves_are_gathered_while_busy() {
    let project =
        Project::new().input(Protocol::V2, &counting(4000, 1)).output(Protocol::V2, COLLECT);
    let begin = Instant::now();
    let report = project.run().await;
    let allowed = begin.elapsed().as_millis() as u64 / 100 + 3;
    assert!(
        report.totals.saved <= allowed,
        "{} saves in {:?}",
        report.totals.saved,
        begin.elapsed()
    );
}

#[tokio::test]
async fn a_save_that_failed_is_not_forgotten_when_an_output_crashes_meanwhile() {
    let crashes = COLLECT.replace("n=0;;", "n=0; sleep 0.05; exit 9;;");
    let project = Project::new()
        .retry(3)
        .input(Protocol::V2, &counting(30, 30))
        .output(Protocol::V2, &crashes);
    let disk = SlowDisk::new(&project);
    disk.full.store(true, SeqCst);
    let mut request = project.request();
    request.state = Arc::new(disk);
    let failure = failure(&run(request).await);
    assert_eq!(failure.kind, FailureKind::State, "{failure}");
    assert!(project.lines("heard").is_empty());
}
