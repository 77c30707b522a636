//! Ends that go wrong: strays, closed pipes, stops and failures that cross. Nothing hangs, nothing
//! survives, and no end is called a good one that is none.

// The providers of these tests are scripts.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "test code")]

mod support;

use std::time::{Duration, Instant};

use dstream_engine::{FailureKind, Outcome, Protocol, RunReport, Stop, run};
use support::{COLLECT, Project, READY, counting, failure, until};

/// An output that claims an epoch, as [`COLLECT`] otherwise.
fn keeper() -> String {
    COLLECT.replace(
        r#"echo '{"status":"ready","protocol":2}'"#,
        r#"echo '{"status":"ready","protocol":2,"epoch":5}'"#,
    )
}

fn is_alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

/// Runs, asks for `stop` once `ready` holds, and gives the report and how long that took from then
/// on.
async fn stopped(
    project: &Project,
    ready: impl FnMut() -> bool,
    stop: &[Stop],
) -> (RunReport, Duration) {
    let running = tokio::spawn(run(project.request()));
    until("the run can be stopped", ready).await;
    let begin = Instant::now();
    for how in stop {
        project.cancel.stop(*how);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let report = tokio::time::timeout(Duration::from_secs(60), running).await;
    (report.unwrap().unwrap(), begin.elapsed())
}

#[tokio::test]
async fn a_crash_while_a_stop_drains_is_a_failure_and_no_stop() {
    let input = format!(
        r#"{READY}; echo '{{"data":1}}'; read -r stop; echo '{{"@checkpoint":{{"id":1,"state":{{"":1}}}}}}'; echo '{{"@end":{{}}}}'; cat >/dev/null"#
    );
    let project = Project::new()
        .retry(3)
        .input(Protocol::V2, &input)
        .output(Protocol::V2, &COLLECT.replace("id=${line#", "exit 9; id=${line#"));
    let (report, _) = stopped(&project, || project.lines("out").len() == 1, &[Stop::Drain]).await;
    assert!(failure(&report).message.contains("exit status 9"), "{report:?}");
}

#[tokio::test]
async fn a_stop_at_once_does_not_wait_for_inputs_that_stay_after_everything_is_saved() {
    let stays = counting(3, 1)
        .replace("while read", "trap '' TERM; while :; do sleep 0.1; done; while read");
    let mut project = Project::new().input(Protocol::V2, &stays).output(Protocol::V2, COLLECT);
    project.task.limits.stop_timeout = Duration::from_secs(50);
    let saved = || project.has_saved("input", "", "3");
    let (report, took) = stopped(&project, saved, &[Stop::Now]).await;
    assert!(matches!(report.outcome, Outcome::Stopped), "{report:?}");
    assert!(took < Duration::from_secs(25), "{took:?}");
    assert_eq!(project.checkpoint("input", ""), "3");
}

#[tokio::test]
async fn a_dead_provider_is_noticed_though_a_stray_of_its_own_holds_its_pipes_open() {
    for (script, output) in [
        (format!("{READY}; setsid sleep 60 & sleep 0.2; exit 3"), COLLECT.to_owned()),
        (counting(3, 1), format!("{READY}; setsid sleep 60 & sleep 0.2; exit 3")),
    ] {
        let project =
            Project::new().retry(1).input(Protocol::V2, &script).output(Protocol::V2, &output);
        let begin = Instant::now();
        let failure = failure(&project.run().await);
        assert!(failure.message.contains("exit status 3"), "{failure}");
        assert!(begin.elapsed() < Duration::from_secs(30), "{:?}", begin.elapsed());
    }
}

#[tokio::test]
async fn a_provider_that_refused_to_start_is_gone_before_the_next_attempt() {
    let refuses = r#"read -r command
for pid in $(cat pids 2>/dev/null); do kill -0 $pid 2>/dev/null && echo $pid >> survivors; done
echo $$ >> pids
echo '{"status":"error","kind":"transient","message":"not now"}'
exec sleep 100"#;
    let project =
        Project::new().retry(3).input(Protocol::V2, refuses).output(Protocol::V2, COLLECT);
    assert_eq!(failure(&project.run().await).message, "not now");
    assert_eq!(project.lines("pids").len(), 3);
    assert!(project.lines("survivors").is_empty(), "{:?}", project.lines("survivors"));
    for pid in project.lines("pids") {
        assert!(!is_alive(&pid), "process {pid} lives");
    }
}

#[tokio::test]
async fn nothing_of_a_provider_that_was_starting_when_the_stop_came_survives() {
    let slow = "sleep 1000 & echo $! > child; echo $$ > pid; sleep 1000";
    let mut project = Project::new().input(Protocol::V2, slow).output(Protocol::V2, COLLECT);
    project.task.limits.start_timeout = Duration::from_secs(100);
    let starting = || !project.lines("pid").is_empty();
    let (report, took) = stopped(&project, starting, &[Stop::Drain]).await;
    assert!(matches!(report.outcome, Outcome::Stopped), "{report:?}");
    assert!(took < Duration::from_secs(30), "{took:?}");
    for file in ["pid", "child"] {
        let pid = project.read(file);
        until(&format!("{file} {pid} is gone"), || !is_alive(pid.trim())).await;
    }
}

#[tokio::test]
async fn half_an_interval_of_an_input_that_broke_off_is_never_committed_with_anothers_checkpoint() {
    let breaks = format!(
        r#"{READY}; sleep 0.3; echo '{{"data":"half"}}'; until grep -q half out; do sleep 0.05; done; exec 1>&-; sleep 0.6; exit 3"#
    );
    let endless = format!(
        r#"{READY}; for ((i = 1; ; i++)); do echo '{{"data":"b"}}'; echo "{{\"@checkpoint\":{{\"id\":$i,\"state\":{{\"\":$i}}}}}}"; sleep 0.01; done"#
    );
    let log_all = keeper()
        .replace("'{\"@checkpoint\":'*) id", "'{\"@checkpoint\":'*) echo \"$line\" >> out; id");
    let project = Project::new()
        .retry(1)
        .named_input("a", Protocol::V2, &breaks)
        .named_input("b", Protocol::V2, &endless)
        .output(Protocol::V2, &log_all);
    let failure = failure(&project.run().await);
    assert_eq!(failure.provider.as_ref().unwrap().1, "a", "{failure}");
    let out = project.lines("out");
    let half = out.iter().position(|line| line.contains("half")).unwrap();
    assert_eq!(half, out.len() - 1, "{:?}", &out[half..]);
}

#[tokio::test]
async fn an_input_that_is_idle_after_a_schema_does_not_hold_the_others_up() {
    let idle = format!(
        r#"{READY}; echo '{{"@schema":{{"stream":"s","fields":[]}}}}'; read -r stop; echo '{{"@end":{{}}}}'; cat >/dev/null"#
    );
    let project = Project::new()
        .named_input("a", Protocol::V2, &idle)
        .named_input("b", Protocol::V2, &counting(20, 1).replace("id=0", "id=0; sleep 0.3"))
        .output(Protocol::V2, &keeper());
    let running = tokio::spawn(run(project.request()));
    until("the other goes on", || project.lines("out").len() == 20).await;
    project.cancel.stop(Stop::Drain);
    let report = running.await.unwrap();
    assert!(matches!(report.outcome, Outcome::Stopped), "{report:?}");
    assert_eq!(project.checkpoint("b", ""), "20");
}

#[tokio::test]
async fn a_claim_in_the_middle_of_an_interval_is_answered_also_with_several_inputs() {
    let claims = format!(
        r#"{READY}; echo '{{"data":1}}'; sleep 0.2; echo '{{"@claim":{{"part":"p","epoch":3}}}}'; read -r answer; echo "$answer" > answer
echo '{{"@checkpoint":{{"id":1,"state":{{"p":1}}}}}}'; echo '{{"@end":{{}}}}'; cat >/dev/null"#
    );
    let answering = keeper().replace(
        "    '{\"@'*)",
        "    '{\"@claim\"'*) echo '{\"@claimed\":{\"part\":\"p\",\"state\":77,\"from\":\"a\"}}';;\n    '{\"@'*)",
    );
    let project = Project::new()
        .named_input("a", Protocol::V2, &claims)
        .named_input("b", Protocol::V2, &counting(3, 1))
        .output(Protocol::V2, &answering);
    let report = project.run().await;
    assert!(matches!(report.outcome, Outcome::Completed), "{report:?}");
    assert_eq!(project.lines("answer"), [r#"{"@claimed":{"part":"p","state":77}}"#]);
}

#[tokio::test]
async fn an_output_that_reads_no_more_cannot_hold_up_a_stop_at_once() {
    // It commits the first checkpoint and goes deaf; the host has that to confirm.
    let deaf = format!(
        r#"{}; read -r a; read -r b; echo '{{"@committed":{{"id":1,"written":1}}}}'; while :; do sleep 0.1; done"#,
        READY.replace(r#""protocol":2"#, r#""protocol":2,"epoch":5"#)
    );
    let line = format!(r#"{{"data":"{}"}}"#, "x".repeat(4000));
    let flood = format!(
        r#"{READY}; echo '{{"data":1}}'; echo '{{"@checkpoint":{{"id":1,"state":{{"":1}}}}}}'; while echo '{line}'; do :; done"#
    );
    let project =
        Project::new().dead_letters(5).input(Protocol::V2, &flood).output(Protocol::V2, &deaf);
    // Saved, and half a second to fill what is between them.
    let mut since = None;
    let full = || {
        let saved = project.has_saved("input", "", "1");
        saved && since.get_or_insert_with(Instant::now).elapsed() > Duration::from_millis(500)
    };
    let (report, _) = stopped(&project, full, &[Stop::Now]).await;
    assert!(matches!(report.outcome, Outcome::Killed), "{report:?}");
    assert_eq!(project.checkpoint("input", ""), "1");
}

#[tokio::test]
async fn an_input_or_transform_that_closes_its_stdout_without_end_and_stays_is_no_reason_to_wait() {
    let closes = format!("{READY}; exec 1>&-; sleep 100");
    let input = Project::new().retry(1).input(Protocol::V2, &closes).output(Protocol::V2, COLLECT);
    let transform = Project::new()
        .retry(1)
        .input(Protocol::V2, &format!("{READY}; sleep 100"))
        .transform("shut", &closes)
        .output(Protocol::V2, COLLECT);
    for project in [input, transform] {
        let failure = failure(&project.run().await);
        assert!(failure.message.contains("closed its stdout"), "{failure}");
    }
}

#[tokio::test]
async fn what_an_input_leaves_behind_its_last_checkpoint_is_no_good_end() {
    let careless = format!(
        r#"{READY}; echo '{{"data":1}}'; echo '{{"@checkpoint":{{"id":1,"state":{{"":1}}}}}}'; echo '{{"data":2}}'; echo '{{"@end":{{}}}}'; cat >/dev/null"#
    );
    let project = Project::new().input(Protocol::V2, &careless).output(Protocol::V2, COLLECT);
    let failure = failure(&project.run().await);
    assert_eq!(failure.kind, FailureKind::Protocol);
    assert!(failure.message.contains("1 envelopes after its last checkpoint"), "{failure}");

    let adds = format!(
        r#"{READY}; while read -r line; do [[ $line == '{{"@end"'* ]] && echo '{{"data":3}}'; echo "$line"; done"#
    );
    let project = Project::new()
        .input(Protocol::V2, &counting(2, 1))
        .transform("adds", &adds)
        .output(Protocol::V2, COLLECT);
    let failure = support::failure(&project.run().await);
    assert_eq!(failure.provider.as_ref().unwrap().1, "adds", "{failure}");
    assert!(failure.message.contains("1 envelopes after its last checkpoint"), "{failure}");
}

#[tokio::test]
async fn a_transform_that_keeps_the_last_checkpoint_back_is_named_and_not_the_output() {
    let keeps = format!(
        r#"{READY}; while read -r line; do case "$line" in '{{"@checkpoint":{{"id":2'*) ;; '{{"@checkpoint":'*) echo "${{line%\}}\}}}},\"account\":{{\"in\":1,\"out\":1}}}}}}";; *) echo "$line";; esac; done"#
    );
    let project = Project::new()
        .input(Protocol::V2, &counting(2, 1))
        .transform("keeps", &keeps)
        .output(Protocol::V2, COLLECT);
    let failure = failure(&project.run().await);
    assert_eq!(failure.provider.as_ref().unwrap().1, "keeps", "{failure}");
}

#[tokio::test]
async fn an_output_that_has_committed_everything_and_stays_is_named_and_waited_for() {
    let lingers = format!("{COLLECT}\nuntil [ -e enough ]; do sleep 0.05; done");
    let mut project =
        Project::new().input(Protocol::V2, &counting(3, 1)).output(Protocol::V2, &lingers);
    project.task.limits.stop_timeout = Duration::from_secs(1);
    let running = tokio::spawn(run(project.request()));
    let named = || project.warnings().iter().any(|m| m.contains("does not end; waiting"));
    until("it is named", named).await;
    project.write("enough", "");
    let report = running.await.unwrap();
    assert!(matches!(report.outcome, Outcome::Completed), "{report:?}");
}

#[tokio::test]
async fn of_a_version_1_output_that_never_reads_nobody_says_that_nothing_is_lost() {
    let deaf = r#"read -r c; echo '{"status":"ready"}'; until [ -e enough ]; do sleep 0.05; done"#;
    let mut project =
        Project::new().input(Protocol::V2, &counting(3, 1)).output(Protocol::V1, deaf);
    project.task.limits.stop_timeout = Duration::from_secs(1);
    let begin = Instant::now();
    let running = tokio::spawn(run(project.request()));
    until("it is said three times", || project.warnings().len() >= 3).await;
    // After one second, after two more, after four more: on a slow machine later, never sooner.
    assert!(begin.elapsed() >= Duration::from_secs(7), "{:?}", begin.elapsed());
    project.write("enough", "");
    let report = running.await.unwrap();
    assert!(matches!(report.outcome, Outcome::Completed), "{report:?}");
    for said in project.warnings() {
        assert!(said.contains("what it has not read or written is lost"), "{said}");
        assert!(!said.contains("nothing is lost"), "{said}");
    }
}

#[tokio::test]
async fn a_version_1_input_that_ended_well_is_not_blamed_for_the_transform_behind_it() {
    let input = r#"for i in {1..3000}; do echo "{\"data\":$i,\"metadata\":{}}"; done; exit 0"#;
    let fails = format!(r#"{READY}; read -r line; exec 0<&-; sleep 0.3; exit 7"#);
    for _ in 0..4 {
        let project = Project::new()
            .input(Protocol::V1, input)
            .transform("fails", &fails)
            .output(Protocol::V2, COLLECT);
        let failure = failure(&project.run().await);
        assert_eq!(failure.provider.as_ref().unwrap().1, "fails", "{failure}");
        assert!(!failure.message.contains("@end"), "{failure}");
    }
}
