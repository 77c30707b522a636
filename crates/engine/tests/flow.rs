//! Lines flow from inputs to outputs, and checkpoints with them.

// The providers of these tests are scripts.
#![cfg(unix)]

mod support;

use dstream_engine::{Outcome, Protocol};
use support::{COLLECT, Project, READY, counting};

#[tokio::test]
async fn envelopes_arrive_in_order_and_the_last_checkpoint_is_saved_and_acknowledged() {
    let project =
        Project::new().input(Protocol::V2, &counting(25, 10)).output(Protocol::V2, COLLECT);
    let report = project.run().await;
    assert!(matches!(report.outcome, Outcome::Completed), "{report:?}");
    let numbers: Vec<_> =
        (1..=25).map(|n| format!(r#"{{"data":{{"n":{n}}},"metadata":{{}}}}"#)).collect();
    assert_eq!(project.lines("out"), numbers);
    assert_eq!((report.totals.read, report.totals.written), (25, 25));
    assert_eq!(project.checkpoint("input", ""), "25");
    assert_eq!(project.lines("heard").last().unwrap(), r#"{"@committed":{"id":3}}"#);
    assert_eq!(project.lines("control"), [r#"{"@end":{}}"#]);
}

#[tokio::test]
async fn a_second_run_resumes_where_the_first_ended() {
    let project = Project::new().input(Protocol::V2, &counting(5, 2)).output(Protocol::V2, COLLECT);
    project.run().await;
    let project = project.replace_input(Protocol::V2, &counting(8, 2));
    let report = project.run().await;
    assert!(matches!(report.outcome, Outcome::Completed), "{report:?}");
    assert_eq!((report.totals.read, project.lines("out").len()), (3, 8));
    assert_eq!(project.saved().totals.written, 8, "counted over both runs");
}

#[tokio::test]
async fn version_1_on_both_sides_works_unchanged() {
    let input = r#"cat > command; echo '{"status":"ready"}'; echo '{"data":1,"metadata":{}}'; printf '{"data":2,"metadata":{}}'"#;
    let output =
        r#"read -r c; echo '{"status":"ready"}'; while read -r line; do echo "got $line"; done"#;
    let project = Project::new().input(Protocol::V1, input).output(Protocol::V1, output);
    let report = project.run().await;
    assert!(matches!(report.outcome, Outcome::Completed), "{report:?}");
    assert_eq!(project.lines("command"), [r#"{"command":"run","config":{}}"#]);
    let got = [r#"got {"data":1,"metadata":{}}"#, r#"got {"data":2,"metadata":{}}"#];
    assert_eq!(project.shown(), got);
}

#[tokio::test]
async fn version_1_providers_without_a_handshake_work_and_a_silent_output_does_too() {
    let input = r#"cat > command; echo '{"data":1}'; echo; echo '{"@schema":3}'"#;
    let output = r#"read -r c; while read -r line; do echo "$line" >> out; done"#;
    let project = Project::new().input(Protocol::V1, input).output(Protocol::V1, output);
    let report = project.run().await;
    assert!(matches!(report.outcome, Outcome::Completed), "{report:?}");
    assert_eq!(project.lines("out"), [r#"{"data":1}"#, r#"{"@schema":3}"#]);
}

#[tokio::test]
async fn a_version_1_input_feeds_a_version_2_output_with_checkpoints_of_the_host() {
    let input = r#"cat > command; echo '{"data":1}'; echo '{"@schema":3}'"#;
    let project = Project::new().input(Protocol::V1, input).output(Protocol::V2, COLLECT);
    let report = project.run().await;
    assert!(matches!(report.outcome, Outcome::Completed), "{report:?}");
    let expected = [r#"{"data":1}"#, r#"{"data":{"@schema":3},"metadata":{}}"#];
    assert_eq!(project.lines("out"), expected);
    assert_eq!(report.totals.written, 2);
}

#[tokio::test]
async fn several_inputs_and_outputs_each_get_everything_once() {
    let collect = |file: &str| COLLECT.replace(">> out", &format!(">> {file}"));
    let project = Project::new()
        .named_input("a", Protocol::V2, &counting(30, 7))
        .named_input("b", Protocol::V2, &counting(40, 9))
        .named_output("x", Protocol::V2, true, &collect("x"))
        .named_output("y", Protocol::V2, true, &collect("y"));
    let report = project.run().await;
    assert!(matches!(report.outcome, Outcome::Completed), "{report:?}");
    assert_eq!((project.lines("x").len(), project.lines("y").len()), (70, 70));
    assert_eq!(
        (project.checkpoint("a", ""), project.checkpoint("b", "")),
        ("30".into(), "40".into())
    );
}

#[tokio::test]
async fn a_transform_sees_every_envelope_and_its_account_is_checked() {
    let halve = |account: &str| {
        format!(
            r#"{READY}
in=0; out=0; filtered=0
while read -r line; do
  case "$line" in
    '{{"@checkpoint":'*) echo "${{line%\}}\}}}},\"account\":{account}}}}}"; in=0; out=0; filtered=0;;
    '{{"@'*) echo "$line";;
    *) in=$((in + 1)); if ((in % 2)); then echo "$line"; out=$((out + 1)); else filtered=$((filtered + 1)); fi;;
  esac
done"#
        )
    };
    let honest = halve(r#"{\"in\":$in,\"out\":$out,\"filtered\":$filtered}"#);
    let project = Project::new()
        .input(Protocol::V2, &counting(20, 10))
        .transform("halve", &honest)
        .output(Protocol::V2, COLLECT);
    let report = project.run().await;
    assert!(matches!(report.outcome, Outcome::Completed), "{report:?}");
    let totals = report.totals;
    assert_eq!((totals.read, totals.written, totals.filtered), (20, 10, 10));

    let careless = halve(r#"{\"in\":$in,\"out\":$out,\"filtered\":0}"#);
    let project = Project::new()
        .input(Protocol::V2, &counting(20, 10))
        .transform("halve", &careless)
        .output(Protocol::V2, COLLECT);
    let failure = support::failure(&project.run().await);
    assert_eq!(failure.kind, dstream_engine::FailureKind::Accounting);
    assert!(failure.message.contains("10 in, 5 out, 0 filtered"), "{failure}");

    // What adds up need not be what was counted.
    for account in [
        r#"{\"in\":$in,\"out\":$in}"#,
        r#"{\"in\":$out,\"out\":$out}"#,
        r#"{\"in\":$in,\"out\":$out,\"rejected\":$filtered}"#,
    ] {
        let project = Project::new()
            .input(Protocol::V2, &counting(20, 10))
            .transform("halve", &halve(account))
            .output(Protocol::V2, COLLECT);
        let failure = support::failure(&project.run().await);
        assert_eq!(failure.kind, dstream_engine::FailureKind::Accounting, "{account}");
        assert!(failure.message.contains("counted were 10 in, 5 out"), "{account}: {failure}");
        assert_eq!(project.checkpoint("input", ""), "", "{account}");
    }
}
