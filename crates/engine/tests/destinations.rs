//! Destinations that keep the checkpoint, several of them, and several sources for one.

// The providers of these tests are scripts.
#![cfg(unix)]

mod support;

use std::time::Duration;

use dstream_engine::state::StateStore;
use dstream_engine::{EventKind, FailureKind, Outcome, Protocol};
use dstream_task::Guarantee;
use support::{COLLECT, Project, READY, counting, failure};

/// An output that claims epoch 5 and says that it holds what `previous` and `checkpoint` are.
fn keeper(rest: &str) -> String {
    COLLECT.replace(
        r#"echo '{"status":"ready","protocol":2}'"#,
        &format!(r#"echo '{{"status":"ready","protocol":2,"delivery":{{"transactional":true}},"epoch":5{rest}}}'"#),
    )
}

#[tokio::test]
async fn the_input_resumes_from_what_the_destination_holds_and_not_from_the_state() {
    let project =
        Project::new().input(Protocol::V2, &counting(10, 2)).output(Protocol::V2, &keeper(""));
    project.run().await;
    assert_eq!(project.checkpoint("input", ""), "10");
    let mark = project.saved().outputs["output"].mark.unwrap();
    assert_eq!((mark.epoch, mark.id), (5, 5));
    // The destination is ahead: the host died between commit and save. It is told what is saved.
    let ahead = keeper(r#","previous":{"epoch":5,"id":6},"checkpoint":{"input":{"":12}}"#)
        .replace("read -r command;", "read -r command; echo \"$command\" > command;");
    let project =
        project.replace_input(Protocol::V2, &counting(15, 5)).replace_output(Protocol::V2, &ahead);
    let report = project.run().await;
    assert!(matches!(report.outcome, Outcome::Completed), "{report:?}");
    assert_eq!(report.totals.read, 3);
    assert!(project.read("command").contains(r#""confirmed":{"epoch":5,"id":5}"#));
}

#[tokio::test]
async fn a_destination_that_keeps_rejections_hears_up_to_where_it_may_forget_them() {
    let slowly = counting(3, 1).replace("id=$((id + 1));", "id=$((id + 1)); sleep 0.3;");
    for (project, hears) in [(Project::new().dead_letters(5), true), (Project::new(), false)] {
        let project = project.input(Protocol::V2, &slowly).output(Protocol::V2, &keeper(""));
        let report = project.run().await;
        assert!(matches!(report.outcome, Outcome::Completed), "{report:?}");
        let heard = project.lines("control");
        let told = heard.iter().any(|line| line.starts_with(r#"{"@committed":{"id":"#));
        assert_eq!(told, hears, "{heard:?}");
    }
    // One that keeps none is not told: it would not know what to do with it.
    let project =
        Project::new().dead_letters(5).input(Protocol::V2, &slowly).output(Protocol::V2, COLLECT);
    project.run().await;
    assert!(!project.read("control").contains("@committed"), "{}", project.read("control"));
}

/// Else it would take back, at every start, what has been committed since.
#[tokio::test]
async fn a_checkpoint_set_by_hand_replaces_the_destinations_once() {
    let project =
        Project::new().input(Protocol::V2, &counting(4, 2)).output(Protocol::V2, &keeper(""));
    project.run().await;
    let handle = project.state.open("t", Duration::ZERO).unwrap();
    let mut state = handle.load().unwrap().unwrap();
    let input = state.inputs.get_mut("input").unwrap();
    input.by_hand = true;
    handle.save(&state).unwrap();
    drop(handle);
    let taken = keeper(r#","previous":{"epoch":5,"id":2},"checkpoint":{"input":{"":4}}"#)
        .replace("read -r command;", "read -r command; echo \"$command\" >> commands;");
    let set = r#""adopt":{"input":{"":4}}"#;
    // The first dies before anything has flowed: the destination has heard of it all the same.
    let mut project = project.replace_output(Protocol::V2, &taken);
    for script in ["exit 3".to_owned(), counting(4, 2)] {
        project = project.replace_input(Protocol::V2, &script);
        project.run().await;
        assert!(!project.saved().inputs["input"].by_hand);
    }
    let commands = project.lines("commands");
    assert_eq!(commands.iter().map(|line| line.contains(set)).collect::<Vec<_>>(), [true, false]);
}

#[tokio::test]
async fn with_several_inputs_a_schema_says_whose_it_is() {
    let with_schema = |stream: &str| {
        let schema = format!(r#"{{"@schema":{{"stream":"{stream}","key":[],"fields":[]}}}}"#);
        counting(2, 1).replace("id=0", &format!("id=0; echo '{schema}'"))
    };
    let project = Project::new()
        .named_input("a", Protocol::V2, &with_schema("s"))
        .named_input("b", Protocol::V2, &with_schema("t"))
        .output(Protocol::V2, COLLECT);
    let report = project.run().await;
    assert!(matches!(report.outcome, Outcome::Completed), "{report:?}");
    let control = project.lines("control");
    for (stream, input) in [("s", "a"), ("t", "b")] {
        let of = |line: &&String| line.contains(&format!(r#""stream":"{stream}""#));
        let line = control.iter().find(of).unwrap();
        assert!(line.contains(&format!(r#""from":"{input}""#)), "{line}");
    }
}

#[tokio::test]
async fn a_transactional_output_that_claims_no_epoch_does_not_start() {
    let claims_nothing = keeper("").replace(r#","epoch":5"#, "");
    let project =
        Project::new().input(Protocol::V2, &counting(3, 1)).output(Protocol::V2, &claims_nothing);
    let failure = failure(&project.run().await);
    assert!(failure.message.contains("claims no epoch"), "{failure}");
}

#[tokio::test]
async fn a_task_in_which_no_output_is_critical_does_not_start() {
    let project = Project::new().input(Protocol::V2, &counting(3, 1)).named_output(
        "extra",
        Protocol::V2,
        false,
        COLLECT,
    );
    let failure = failure(&project.run().await);
    assert_eq!(failure.kind, FailureKind::Guarantee);
    assert!(failure.message.contains("no output is critical"), "{failure}");
    assert_eq!(project.read("out"), "");
}

#[tokio::test]
async fn an_output_that_is_not_critical_and_cannot_start_is_left_out() {
    let project = Project::new()
        .input(Protocol::V2, &counting(20, 10))
        .named_output("extra", Protocol::V2, false, "echo 'no disk' >&2; exit 3")
        .named_output("main", Protocol::V2, true, COLLECT);
    let report = project.run().await;
    assert!(matches!(report.outcome, Outcome::Completed), "{report:?}");
    assert_eq!(project.lines("out").len(), 20);
    let warned = project.kinds().into_iter().any(
        |k| matches!(k, EventKind::Warning { message, .. } if message.contains("output \"extra\"") && message.contains("exit status 3")),
    );
    assert!(warned);
}

#[tokio::test]
async fn a_destination_that_lost_what_was_committed_stops_the_task_with_the_ways_out() {
    let project =
        Project::new().input(Protocol::V2, &counting(10, 2)).output(Protocol::V2, &keeper(""));
    project.run().await;
    let failure = failure(&project.run().await);
    assert_eq!(failure.kind, FailureKind::Mismatch);
    assert!(failure.message.contains("holds nothing"), "{failure}");
    assert!(failure.help[0].contains("dstream state rm t"), "{:?}", failure.help);
}

#[tokio::test]
async fn with_several_inputs_an_interval_of_one_is_never_mixed_with_lines_of_another() {
    let slow = |tag: &str| {
        format!(
            r#"{READY}
for i in 1 2 3 4 5; do
  echo '{{"data":"{tag}"}}'; sleep 0.02; echo '{{"data":"{tag}"}}'
  echo "{{\"@checkpoint\":{{\"id\":$i,\"state\":{{\"\":$i}}}}}}"
done
echo '{{"@end":{{}}}}'; cat >/dev/null"#
        )
    };
    let log_all = keeper("")
        .replace("'{\"@checkpoint\":'*) id", "'{\"@checkpoint\":'*) echo \"$line\" >> out; id");
    let project = Project::new()
        .named_input("a", Protocol::V2, &slow("a"))
        .named_input("b", Protocol::V2, &slow("b"))
        .output(Protocol::V2, &log_all);
    let report = project.run().await;
    assert!(matches!(report.outcome, Outcome::Completed), "{report:?}");
    let out = project.lines("out");
    assert_eq!(out.len(), 30);
    for interval in out.chunks(3) {
        assert_eq!(interval[0], interval[1]);
        let from = interval[0].trim_start_matches(r#"{"data":"#).trim_end_matches('}');
        assert!(interval[2].contains(&format!(r#""from":{from}"#)), "{interval:?}");
    }
    assert_eq!(
        (project.checkpoint("a", ""), project.checkpoint("b", "")),
        ("5".into(), "5".into())
    );
}

#[tokio::test]
async fn an_output_that_is_not_critical_may_fail_without_holding_the_others_up() {
    let project = Project::new()
        .input(Protocol::V2, &counting(2000, 100))
        .named_output("main", Protocol::V2, true, COLLECT)
        .named_output("extra", Protocol::V2, false, &format!("{READY}; exit 3"));
    let report = project.run().await;
    assert!(matches!(report.outcome, Outcome::Completed), "{report:?}");
    assert_eq!((project.lines("out").len(), report.totals.dropped), (2000, 2000));
    let warned = project.kinds().into_iter().any(
        |k| matches!(k, EventKind::Warning { message, .. } if message.contains("output \"extra\" ended with exit status 3")),
    );
    assert!(warned);
}

/// 300 lines of 60 kB, each with a checkpoint: more than queue and pipe hold.
fn large() -> String {
    let line = format!(r#"{{"data":"{}"}}"#, "x".repeat(60_000));
    format!(
        r#"{READY}; for ((i = 1; i <= 300; i++)); do echo '{line}'; echo "{{\"@checkpoint\":{{\"id\":$i,\"state\":{{\"\":$i}}}}}}"; done; echo '{{"@end":{{}}}}'; cat >/dev/null"#
    )
}

fn count_into(file: &str) -> String {
    COLLECT.replace("echo \"$line\" >> out", &format!("echo x >> {file}"))
}

#[tokio::test]
async fn an_output_that_is_not_critical_may_be_slow_and_what_it_misses_is_counted() {
    // It begins to read when the other has read everything.
    let wait = r#"touch main; until [ "$(wc -l < main)" = 300 ]; do sleep 0.1; done"#;
    let begin = "while read -r line; do";
    let slow = count_into("slow").replace(begin, &format!("{wait}\n{begin}"));
    let mut project = Project::new()
        .input(Protocol::V2, &large())
        .named_output("main", Protocol::V2, true, &count_into("main"))
        .named_output("extra", Protocol::V2, false, &slow);
    project.task.limits.stop_timeout = Duration::from_secs(300);
    let report = project.run().await;
    assert!(matches!(report.outcome, Outcome::Completed), "{report:?}");
    let got = project.lines("slow").len() as u64;
    assert_eq!((project.lines("main").len(), got + report.totals.dropped), (300, 300));
    assert!(report.totals.dropped > 0);
}

#[tokio::test]
async fn an_output_that_is_not_critical_and_never_reads_misses_everything_and_is_ended() {
    let mut project = Project::new()
        .input(Protocol::V2, &large())
        .named_output("main", Protocol::V2, true, &count_into("main"))
        .named_output("extra", Protocol::V2, false, &format!("{READY}; exec sleep 1000"));
    project.task.limits.stop_timeout = Duration::from_secs(1);
    let report = project.run().await;
    assert!(matches!(report.outcome, Outcome::Completed), "{report:?}");
    assert_eq!((project.lines("main").len(), report.totals.dropped), (300, 300));
}

#[tokio::test]
async fn what_the_task_requires_and_the_route_cannot_keep_is_refused_before_anything_starts() {
    let mut project = Project::new()
        .input(Protocol::V2, &format!("touch started; {}", counting(3, 1)))
        .output(Protocol::V2, COLLECT);
    project.task.require = Some(Guarantee::ExactlyOnce);
    let failure = failure(&project.run().await);
    assert_eq!(failure.kind, FailureKind::Guarantee);
    assert!(failure.message.contains("at_least_once"), "{failure}");
    assert!(!project.folder.path().join("started").exists());
}

#[tokio::test]
async fn another_system_behind_the_same_provider_is_refused() {
    let of = |script: &str, system: &str| {
        let ready = format!(r#""protocol":2,"fingerprint":"{system}""#);
        script.replace(r#""protocol":2"#, &ready)
    };
    let (input, output) = (counting(3, 1), COLLECT);
    let mut project = Project::new()
        .input(Protocol::V2, &of(&input, "source a"))
        .output(Protocol::V2, &of(output, "destination a"));
    assert!(matches!(project.run().await.outcome, Outcome::Completed));
    for (source, destination) in [("source b", "destination a"), ("source a", "destination b")] {
        project = project
            .replace_input(Protocol::V2, &of(&input, source))
            .replace_output(Protocol::V2, &of(output, destination));
        let failure = failure(&project.run().await);
        assert_eq!(failure.kind, FailureKind::Mismatch, "{failure}");
        let other = if source.ends_with('b') { source } else { destination };
        assert!(failure.message.contains(&format!("now names `{other}`")), "{failure}");
        assert_eq!(project.lines("out").len(), 3, "nothing more flows");
    }
}

/// What `describe` said is of the program; what it is set up as shows at its start.
#[tokio::test]
async fn what_a_provider_says_at_its_start_is_held_against_what_the_task_requires() {
    for (delivery, keeps) in [(r#"{"replayable":true}"#, true), ("{}", false)] {
        let input = counting(3, 1)
            .replace(r#""protocol":2"#, &format!(r#""protocol":2,"delivery":{delivery}"#));
        let mut project = Project::new().input(Protocol::V2, &input).output(Protocol::V2, COLLECT);
        project.task.require = Some(Guarantee::AtLeastOnce);
        let report = project.run().await;
        assert_eq!(matches!(report.outcome, Outcome::Completed), keeps, "{report:?}");
        if !keeps {
            assert_eq!(failure(&report).kind, FailureKind::Guarantee);
            assert_eq!(project.read("out"), "");
        }
    }
}

#[tokio::test]
async fn a_claim_is_answered_from_the_state_or_by_the_destination_that_keeps_it() {
    let claims = format!(
        r#"{READY}; echo '{{"@claim":{{"part":"","epoch":3}}}}'; read -r answer; echo "$answer" > answer; echo '{{"@end":{{}}}}'; cat >/dev/null"#
    );
    let project = Project::new().input(Protocol::V2, &counting(4, 2)).output(Protocol::V2, COLLECT);
    project.run().await;
    let project = project.replace_input(Protocol::V2, &claims);
    project.run().await;
    assert_eq!(project.lines("answer"), [r#"{"@claimed":{"part":"","state":4,"epoch":3}}"#]);

    let answering = keeper("").replace(
        "    '{\"@'*)",
        "    '{\"@claim\"'*) echo '{\"@claimed\":{\"part\":\"\",\"state\":77}}';;\n    '{\"@'*)",
    );
    let project = Project::new().input(Protocol::V2, &claims).output(Protocol::V2, &answering);
    let report = project.run().await;
    assert!(matches!(report.outcome, Outcome::Completed), "{report:?}");
    assert_eq!(project.lines("answer"), [r#"{"@claimed":{"part":"","state":77}}"#]);
}

#[tokio::test]
async fn checkpoints_of_several_inputs_reach_the_output_in_the_order_of_their_ids() {
    // `b` has its checkpoints ready while `a` is in the middle of an interval.
    let slow = format!(
        r#"{READY}; echo '{{"data":1}}'; sleep 0.5; echo '{{"data":2}}'; echo '{{"@checkpoint":{{"id":1,"state":{{"":2}}}}}}'; echo '{{"@end":{{}}}}'; cat >/dev/null"#
    );
    let ids = keeper("").replace("id=${id%%[,\\}]*}", "id=${id%%[,\\}]*}; echo $id >> ids");
    let project = Project::new()
        .named_input("a", Protocol::V2, &slow)
        .named_input("b", Protocol::V2, &counting(3, 1).replace("id=0", "id=0; sleep 0.2"))
        .output(Protocol::V2, &ids);
    let report = project.run().await;
    assert!(matches!(report.outcome, Outcome::Completed), "{report:?}");
    assert_eq!(project.lines("ids"), ["1", "2", "3", "4"]);
}

#[tokio::test]
async fn a_file_that_is_cut_back_gets_whole_intervals_of_several_inputs_too() {
    let slow = format!(
        r#"{READY}; echo '{{"data":"a"}}'; sleep 0.5; echo '{{"data":"a"}}'; echo '{{"@checkpoint":{{"id":1,"state":{{"":2}}}}}}'; echo '{{"@end":{{}}}}'; cat >/dev/null"#
    );
    let mut project = Project::new()
        .named_input("a", Protocol::V2, &slow)
        .named_input("b", Protocol::V2, &counting(1, 1).replace("id=0", "id=0; sleep 0.2"))
        .output(Protocol::V2, COLLECT);
    let delivery = project.route.outputs[0].program.delivery.as_mut().unwrap();
    delivery.append_only = true;
    let report = project.run().await;
    assert!(matches!(report.outcome, Outcome::Completed), "{report:?}");
    assert_eq!(project.lines("out")[..2], [r#"{"data":"a"}"#, r#"{"data":"a"}"#]);
}

#[tokio::test]
async fn another_provider_is_refused_before_it_is_handed_the_checkpoint_of_the_first() {
    let project = Project::new().input(Protocol::V2, &counting(3, 1)).output(Protocol::V2, COLLECT);
    project.run().await;
    let mut other = project.replace_input(Protocol::V2, "touch started; exit 1");
    let path = other.folder.path().join("another.sh");
    std::fs::rename(other.folder.path().join("input-input.sh"), &path).unwrap();
    other.route.inputs[0].program.path.clone_from(&path);
    other.route.inputs[0].block.source = dstream_task::Source::Path(path.display().to_string());
    let failure = failure(&other.run().await);
    assert_eq!(failure.kind, FailureKind::Mismatch, "{failure}");
    assert!(failure.message.contains("another.sh"), "{failure}");
    assert!(!other.folder.path().join("started").exists());
}
