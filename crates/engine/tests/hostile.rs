//! Providers that misbehave: the task ends with one clear message, and nothing hangs.

// The providers of these tests are scripts.
#![cfg(unix)]

mod support;

use std::time::{Duration, Instant};

use dstream_engine::{Failure, FailureKind, Outcome, Protocol};
use dstream_protocol::ErrorKind;
use support::{COLLECT, Project, READY, counting, failure};

async fn failing_input(protocol: Protocol, script: &str) -> (Failure, Project) {
    let project = Project::new().input(protocol, script).output(Protocol::V2, COLLECT);
    (failure(&project.run().await), project)
}

async fn failing_output(protocol: Protocol, script: &str) -> (Failure, Project) {
    let project = Project::new().input(Protocol::V2, &counting(50, 10)).output(protocol, script);
    (failure(&project.run().await), project)
}

#[tokio::test]
async fn a_crash_before_ready_shows_the_exit_status_and_the_end_of_stderr_at_once() {
    for protocol in [Protocol::V1, Protocol::V2] {
        let begin = Instant::now();
        let (failure, _) = failing_input(protocol, "echo 'cannot connect to db' >&2; exit 7").await;
        assert_eq!(failure.message, "it ended with exit status 7 before it was ready");
        assert_eq!(failure.stderr, ["cannot connect to db"]);
        assert!(begin.elapsed() < Duration::from_secs(30));
    }
}

#[tokio::test]
async fn a_refusal_carries_its_reason_and_the_key_that_it_is_about() {
    let script = r#"read -r c; echo '{"status":"error","kind":"config","message":"no such table","path":"tables[1]"}'"#;
    let (failure, _) = failing_output(Protocol::V2, script).await;
    assert_eq!(failure.kind, FailureKind::Provider(ErrorKind::Config));
    assert_eq!(
        (failure.message.as_str(), failure.path.as_deref()),
        ("no such table", Some("tables[1]"))
    );
}

#[tokio::test]
async fn a_provider_that_hangs_at_its_start_is_ended_after_the_time_limit() {
    let mut project = Project::new().input(Protocol::V2, "sleep 100").output(Protocol::V2, COLLECT);
    project.task.limits.start_timeout = Duration::from_millis(300);
    let failure = failure(&project.run().await);
    assert_eq!(failure.message, "it was not ready within 300ms");
    assert!(failure.help[0].contains("start_timeout"));
}

#[tokio::test]
async fn a_crash_after_ready_shows_the_signal_and_what_it_wrote_before_counts() {
    let script = format!(
        r#"{READY}; echo '{{"data":1}}'; echo '{{"@checkpoint":{{"id":1,"state":{{"":1}}}}}}'; echo '{{"data":2}}'; echo oops >&2; sleep 0.3; kill -SEGV $$"#
    );
    let mut project = Project::new().input(Protocol::V2, &script).output(Protocol::V2, COLLECT);
    project = project.retry(1);
    let failure = failure(&project.run().await);
    assert_eq!(failure.message, "it ended with signal 11 (SIGSEGV)");
    assert!(failure.stderr.contains(&"oops".to_owned()), "{:?}", failure.stderr);
    assert_eq!(project.checkpoint("input", ""), "1");
    assert!(project.lines("control").is_empty(), "an abort is no end");
}

#[tokio::test]
async fn the_reason_that_a_provider_gives_wins_over_its_exit_status() {
    let script = format!(
        r#"{READY}; echo '{{"@error":{{"kind":"auth","message":"password authentication failed"}}}}'; exit 1"#
    );
    let (failure, _) = failing_output(Protocol::V2, &script).await;
    assert_eq!(failure.kind, FailureKind::Provider(ErrorKind::Auth));
    assert_eq!(failure.message, "password authentication failed");
}

#[tokio::test]
async fn half_a_line_is_never_handed_on() {
    let script = format!(r#"{READY}; echo '{{"data":1}}'; printf '{{"data":2'; exit 1"#);
    let project =
        Project::new().retry(1).input(Protocol::V2, &script).output(Protocol::V2, COLLECT);
    project.run().await;
    assert!(project.lines("out").len() <= 1, "{:?}", project.lines("out"));
    let legacy = r#"cat >/dev/null; echo '{"data":1}'; printf '{"data":2'; exit 1"#;
    let (_, project) = failing_input(Protocol::V1, legacy).await;
    assert!(!project.read("out").contains("2"), "{:?}", project.lines("out"));
}

#[tokio::test]
async fn an_input_that_ends_without_end_is_an_abort() {
    let script = format!(r#"{READY}; echo '{{"data":1}}'"#);
    let (failure, project) = failing_input(Protocol::V2, &script).await;
    assert!(failure.message.contains("without `@end`"), "{failure}");
    assert!(project.lines("control").is_empty());
}

#[tokio::test]
async fn a_line_of_ten_mebibytes_passes_and_one_over_the_limit_fails_with_its_name() {
    let line = r#"head -c 10485760 /dev/zero | tr '\0' x"#;
    let script = format!(
        r#"{READY}; printf '{{"data":"'; {line}; echo '"}}'; echo '{{"@checkpoint":{{"id":1}}}}'; echo '{{"@end":{{}}}}'; cat >/dev/null"#
    );
    let project = Project::new()
        .input(Protocol::V2, &script)
        .output(Protocol::V1, r#"read -r c; echo '{"status":"ready"}'; wc -c > size"#);
    let report = project.run().await;
    assert!(matches!(report.outcome, Outcome::Completed), "{report:?}");
    assert_eq!(project.read("size").trim(), (10_485_760 + 12).to_string());

    let mut project = Project::new().input(Protocol::V2, &script).output(Protocol::V2, COLLECT);
    project.task.limits.max_line_bytes = 1_000_000;
    let failure = failure(&project.run().await);
    assert!(failure.message.contains("more than 1000000 bytes"), "{failure}");
    assert!(failure.help[0].contains("max_line_bytes"));
}

#[tokio::test]
async fn a_first_line_that_is_no_handshake_is_quoted() {
    let (failure, _) = failing_input(Protocol::V2, "echo Welcome to my provider; sleep 5").await;
    assert_eq!(failure.message, "its first line is no handshake: `Welcome to my provider`");
    let legacy = r#"read -r c; echo '{"status":"ready"}'; sleep 5"#;
    let (failure, _) = failing_input(Protocol::V2, legacy).await;
    assert!(failure.message.contains("does not speak protocol 2"), "{failure}");
}

#[tokio::test]
async fn control_lines_that_nobody_may_write_are_named() {
    for (line, expected) in [
        (r#"{"@chekpoint":{"id":1}}"#, "no control line of that name"),
        (r#"{"@checkpoint":{"id":"x"}}"#, "cannot be read"),
        (r#"{"@stop":{}}"#, "no input writes"),
    ] {
        let (failure, _) =
            failing_input(Protocol::V2, &format!("{READY}; echo '{line}'; sleep 5")).await;
        assert_eq!(failure.kind, FailureKind::Protocol);
        assert!(failure.message.contains(expected), "{failure}");
    }
}

#[tokio::test]
async fn nothing_comes_behind_the_end_of_a_stream() {
    for line in [
        r#"{"data":1}"#,
        r#"{"@checkpoint":{"id":9,"state":{"":9}}}"#,
        r#"{"@schema":{"stream":"s","key":[],"fields":[]}}"#,
        r#"{"@rejected":{"error":{"message":"no"}}}"#,
        r#"{"@end":{}}"#,
    ] {
        let more = format!("echo '{{\"@end\":{{}}}}'; echo '{line}'");
        let (failure, _) = failing_input(Protocol::V2, &format!("{READY}; {more}; sleep 5")).await;
        assert_eq!(failure.kind, FailureKind::Protocol, "{line}");
        assert_eq!(failure.message, "it wrote more lines after `@end`", "{line}");

        let passes = format!(
            r#"{READY}; while read -r line; do echo "$line"; [[ $line == '{{"@end"'* ]] && echo '{line}'; done; sleep 5"#
        );
        let project = Project::new()
            .input(Protocol::V2, &counting(2, 2))
            .transform("talks", &passes)
            .output(Protocol::V2, COLLECT);
        let failure = crate::failure(&project.run().await);
        assert_eq!(failure.message, "it wrote more lines after `@end`", "{line}");
    }
}

#[tokio::test]
async fn checkpoints_that_do_not_grow_or_were_never_sent_break_the_protocol() {
    let twice = r#"echo '{"@checkpoint":{"id":4}}'; echo '{"@checkpoint":{"id":4}}'; sleep 5"#;
    let (failure, _) = failing_input(Protocol::V2, &format!("{READY}; {twice}")).await;
    assert!(failure.message.contains("checkpoint 4 does not come after"), "{failure}");
    let invented = format!(r#"{READY}; echo '{{"@committed":{{"id":99}}}}'; cat >/dev/null"#);
    let (failure, _) = failing_output(Protocol::V2, &invented).await;
    assert!(failure.message.contains("checkpoint 99, which it was not sent"), "{failure}");
}

#[tokio::test]
async fn an_output_whose_account_does_not_add_up_stops_the_task_and_nothing_is_saved() {
    for written in [9, 11] {
        let count = format!(r#"\"written\":{written}"#);
        let careless = COLLECT.replace(r#"\"written\":$n"#, &count);
        let (failure, project) = failing_output(Protocol::V2, &careless).await;
        assert_eq!(failure.kind, FailureKind::Accounting);
        let wanted = format!(
            "it was sent 10 envelopes up to checkpoint 1 and accounts for {written} written and 0 rejected"
        );
        assert!(failure.message.contains(&wanted), "{failure}");
        assert_eq!(project.checkpoint("input", ""), "");
    }
}

#[tokio::test]
async fn an_output_that_commits_less_than_it_was_given_has_not_ended_well() {
    let lazy = COLLECT.replace("echo \"{\\\"@committed", "false && echo \"{\\\"@committed");
    let (failure, project) = failing_output(Protocol::V2, &lazy).await;
    assert!(failure.message.contains("committed only up to checkpoint 0 of 5"), "{failure}");
    assert_eq!(project.checkpoint("input", ""), "");
}

#[tokio::test]
async fn a_provider_that_dies_is_noticed_at_once_and_not_at_the_next_write() {
    let idle = format!("{READY}; sleep 100");
    let dies = format!("{READY}; sleep 0.3; exit 3");
    let project = Project::new().retry(1).input(Protocol::V2, &idle).output(Protocol::V2, &dies);
    let begin = Instant::now();
    let failure = failure(&project.run().await);
    assert!(failure.message.contains("exit status 3"), "{failure}");
    assert!(begin.elapsed() < Duration::from_secs(30), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn an_output_that_closes_its_stdin_and_stays_is_no_reason_to_wait() {
    let closes = format!("{READY}; exec 0<&-; sleep 100");
    let endless = format!(r#"{READY}; while echo '{{"data":1}}'; do :; done"#);
    let project =
        Project::new().retry(1).input(Protocol::V2, &endless).output(Protocol::V2, &closes);
    let failure = failure(&project.run().await);
    assert!(failure.message.contains("closed its stdin"), "{failure}");
}

#[tokio::test]
async fn a_flood_on_stderr_and_on_an_outputs_stdout_blocks_nobody() {
    let flood = "for i in {1..30000}; do echo 'a line of a log that nobody asked for'; done";
    let input = format!("{flood} >&2\n{}", counting(10, 5));
    let output =
        format!("{flood} >&2\n{}", COLLECT.replace("n=0\nwhile", &format!("n=0\n{flood}\nwhile")));
    let project = Project::new().input(Protocol::V2, &input).output(Protocol::V2, &output);
    let report = project.run().await;
    assert!(matches!(report.outcome, Outcome::Completed), "{report:?}");
    assert_eq!(project.shown().len(), 30_000);
}

#[tokio::test]
async fn an_input_that_never_reads_its_stdin_does_not_hold_the_host_up() {
    let deaf =
        counting(5000, 1).replace("while read -r line; do echo \"$line\" >> heard; done", "");
    let project = Project::new().input(Protocol::V2, &deaf).output(Protocol::V2, COLLECT);
    let report = project.run().await;
    assert!(matches!(report.outcome, Outcome::Completed), "{report:?}");
    assert_eq!(project.checkpoint("input", ""), "5000");
}

#[tokio::test]
async fn a_program_that_is_not_there_or_cannot_run_is_named() {
    let mut project = Project::new().input(Protocol::V2, READY).output(Protocol::V2, COLLECT);
    project.route.inputs[0].program.path = "/nowhere/dstream-in-x".into();
    let failure = failure(&project.run().await);
    assert_eq!(failure.kind, FailureKind::Spawn);
    assert!(failure.message.contains("/nowhere/dstream-in-x"), "{failure}");
}
