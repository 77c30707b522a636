//! What is counted, saved and forgiven: accounts that must not pass, and failures that must.

// The providers of these tests are scripts.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "test code")]

mod support;

use dstream_engine::dead_letter::LocalDeadLetters;
use dstream_engine::{EventKind, FailureKind, Outcome, Protocol};
use serde_json::json;
use support::{COLLECT, Project, READY, counting, failure};

#[tokio::test]
async fn rejections_that_a_destination_sends_again_count_in_no_account() {
    let resends = COLLECT.replace(
        r#"echo '{"status":"ready","protocol":2}'"#,
        r#"echo '{"status":"ready","protocol":2,"epoch":5}'; echo '{"@rejected":{"id":"x1","error":{"kind":"permanent","message":"of the run before"},"envelope":{"data":0}}}'"#,
    );
    let project = Project::new()
        .dead_letters(5)
        .input(Protocol::V2, &counting(4, 2))
        .output(Protocol::V2, &resends);
    let report = project.run().await;
    assert!(matches!(report.outcome, Outcome::Completed), "{report:?}");
    let kept = LocalDeadLetters::new(&project.state, "t").list().unwrap();
    assert_eq!(kept.iter().map(|l| l.id.as_str()).collect::<Vec<_>>(), ["x1"]);

    // Later than that, every rejection belongs to an interval.
    for ready in [r#""protocol":2"#, r#""protocol":2,"epoch":5"#] {
        let careless = COLLECT.replace(r#""protocol":2"#, ready).replace(
            "id=${line#",
            r#"[ -n "$id" ] && echo '{"@rejected":{"error":{"message":"no"}}}'; id=${line#"#,
        );
        let project = Project::new()
            .dead_letters(5)
            .input(Protocol::V2, &counting(4, 2))
            .output(Protocol::V2, &careless);
        assert_eq!(failure(&project.run().await).kind, FailureKind::Accounting, "{ready}");
    }
}

/// Several outputs that store rejections: none of them says where to resume, so the source is read
/// again from before what they stored, and its rejections come again by themselves.
#[tokio::test]
async fn what_a_destination_sends_again_is_no_letter_where_the_source_is_read_again() {
    let resends = COLLECT.replace(
        r#"echo '{"status":"ready","protocol":2}'"#,
        r#"echo '{"status":"ready","protocol":2,"epoch":5}'; echo '{"@rejected":{"id":"x1","commit":{"epoch":4,"id":1},"error":{"kind":"permanent","message":"of the run before"},"envelope":{"data":0}}}'"#,
    );
    for (outputs, letters) in [(1, 1), (2, 0)] {
        let mut project = Project::new().dead_letters(5).input(Protocol::V2, &counting(4, 2));
        project = project.named_output("stores", Protocol::V2, true, &resends);
        if outputs == 2 {
            project = project.named_output("other", Protocol::V2, true, COLLECT);
        }
        let report = project.run().await;
        assert!(matches!(report.outcome, Outcome::Completed), "{report:?}");
        let kept = LocalDeadLetters::new(&project.state, "t").list().unwrap();
        assert_eq!(kept.len(), letters, "{kept:?}");
    }
}

#[tokio::test]
async fn a_transform_that_gives_no_account_may_not_lose_a_line() {
    let loses = format!(
        r#"{READY}; n=0; while read -r line; do case "$line" in '{{"@'*) echo "$line";; *) n=$((n + 1)); ((n == 3)) || echo "$line";; esac; done"#
    );
    let project = Project::new()
        .input(Protocol::V2, &counting(6, 6))
        .transform("loses", &loses)
        .output(Protocol::V2, COLLECT);
    let failure = failure(&project.run().await);
    assert_eq!(failure.kind, FailureKind::Accounting);
    assert_eq!(project.checkpoint("input", ""), "");
}

#[tokio::test]
async fn numbers_beyond_all_counting_are_refused_and_nothing_hangs() {
    let input = r#"echo '{"@checkpoint":{"id":18446744073709551615,"state":{"":1}}}'; echo '{"@end":{}}'; cat >/dev/null"#;
    let project = Project::new()
        .input(Protocol::V2, &format!("{READY}; {input}"))
        .output(Protocol::V2, COLLECT);
    assert_eq!(failure(&project.run().await).kind, FailureKind::Protocol);
    let output =
        COLLECT.replace(r#"\"written\":$n"#, r#"\"written\":18446744073709551615,\"rejected\":3"#);
    let project = Project::new().input(Protocol::V2, &counting(2, 2)).output(Protocol::V2, &output);
    assert_eq!(failure(&project.run().await).kind, FailureKind::Accounting);
    let transform = format!(
        r#"{READY}; while read -r line; do case "$line" in '{{"@checkpoint":'*) echo "${{line%\}}\}}}},\"account\":{{\"in\":2,\"out\":2,\"filtered\":18446744073709551615}}}}}}";; *) echo "$line";; esac; done"#
    );
    let project = Project::new()
        .input(Protocol::V2, &counting(2, 2))
        .transform("odd", &transform)
        .output(Protocol::V2, COLLECT);
    assert_eq!(failure(&project.run().await).kind, FailureKind::Accounting);
}

#[tokio::test]
async fn a_destination_gets_the_states_of_checkpoints_that_a_transform_withheld() {
    let every_third = format!(
        r#"{READY}; c=0; in=0; while read -r line; do case "$line" in '{{"@checkpoint":'*) c=$((c + 1)); ((c % 3)) || {{ echo "${{line%\}}\}}}},\"account\":{{\"in\":$in,\"out\":$in}}}}}}"; in=0; }};; '{{"@'*) echo "$line";; *) in=$((in + 1)); echo "$line";; esac; done"#
    );
    let parts = format!(
        r#"{READY}; for i in 1 2 3; do echo "{{\"data\":$i}}"; echo "{{\"@checkpoint\":{{\"id\":$i,\"state\":{{\"p$i\":$i}}}}}}"; done; echo '{{"@end":{{}}}}'; cat >/dev/null"#
    );
    let shows = COLLECT
        .replace("'{\"@checkpoint\":'*) id", "'{\"@checkpoint\":'*) echo \"$line\" >> seen; id");
    let project = Project::new()
        .input(Protocol::V2, &parts)
        .transform("third", &every_third)
        .output(Protocol::V2, &shows);
    let report = project.run().await;
    assert!(matches!(report.outcome, Outcome::Completed), "{report:?}");
    let expected = r#"{"@checkpoint":{"id":3,"state":{"p1":1,"p2":2,"p3":3}}}"#;
    assert_eq!(project.lines("seen"), [expected]);
}

/// One line cannot hold the states of two inputs, and a destination hears of a checkpoint only by it.
#[tokio::test]
async fn a_transform_keeps_no_checkpoint_of_another_input_back_from_a_destination_that_keeps_them()
{
    let withholds = format!(
        r#"{READY}; in=0; while read -r line; do case "$line" in '{{"@checkpoint":'*'"from":"a"'*) ;; '{{"@checkpoint":'*) echo "${{line%\}}\}}}},\"account\":{{\"in\":$in,\"out\":$in}}}}}}"; in=0;; '{{"@'*) echo "$line";; *) in=$((in + 1)); echo "$line";; esac; done"#
    );
    let keeper = COLLECT.replace(r#""protocol":2}"#, r#""protocol":2,"epoch":5}"#);
    for (output, allowed) in [(COLLECT.to_owned(), true), (keeper, false)] {
        let project = Project::new()
            .named_input("a", Protocol::V2, &counting(1, 1))
            .named_input("b", Protocol::V2, &counting(1, 1).replace("id=0", "id=0; sleep 0.5"))
            .transform("withholds", &withholds)
            .output(Protocol::V2, &output);
        let report = project.run().await;
        if allowed {
            assert!(matches!(report.outcome, Outcome::Completed), "{report:?}");
            continue;
        }
        let failure = failure(&report);
        assert_eq!(failure.kind, FailureKind::Protocol);
        assert!(failure.message.contains("withheld the checkpoint of one input"), "{failure}");
    }
}

#[tokio::test]
async fn a_slow_version_1_output_that_is_not_critical_holds_nobody_up() {
    let line = format!(r#"{{"data":"{}"}}"#, "x".repeat(60_000));
    let input = format!(
        r#"{READY}; for ((i = 1; i <= 300; i++)); do echo '{line}'; echo "{{\"@checkpoint\":{{\"id\":$i,\"state\":{{\"\":$i}}}}}}"; done; echo '{{"@end":{{}}}}'; cat >/dev/null"#
    );
    let count = COLLECT.replace("echo \"$line\" >> out", "echo x >> main");
    // It begins to read when the other has everything; half a minute is for one that never has.
    let slow = r#"read -r command; echo '{"status":"ready"}'; for ((i = 0; i < 600; i++)); do [[ $(wc -l < main 2>/dev/null) == 300 ]] && break; sleep 0.05; done; cat > /dev/null"#;
    let project = Project::new()
        .input(Protocol::V2, &input)
        .named_output("main", Protocol::V2, true, &count)
        .named_output("extra", Protocol::V1, false, slow);
    let report = project.run().await;
    assert!(matches!(report.outcome, Outcome::Completed), "{report:?}");
    assert_eq!(project.lines("main").len(), 300);
    assert!(report.totals.dropped > 0);
}

#[tokio::test]
async fn an_output_that_is_not_critical_may_break_every_rule_and_the_others_go_on() {
    for breaks in [
        r#"echo '{"@committed":{"id":99}}'; sleep 100"#,
        r#"echo '{"@rejected":{"error":{"message":"no"}}}'; sleep 100"#,
        r#"echo '{"@nonsense":1}'; sleep 100"#,
    ] {
        let project = Project::new()
            .input(Protocol::V2, &counting(200, 10).replace("id=0", "id=0; sleep 0.3"))
            .named_output("main", Protocol::V2, true, COLLECT)
            .named_output("extra", Protocol::V2, false, &format!("{READY}; {breaks}"));
        let report = project.run().await;
        assert!(matches!(report.outcome, Outcome::Completed), "{breaks}: {report:?}");
        assert_eq!(project.lines("out").len(), 200);
        let warned = project.kinds().into_iter().any(
            |k| matches!(k, EventKind::Warning { message, .. } if message.contains("go on without it")),
        );
        assert!(warned, "{breaks}");
    }
}

#[tokio::test]
async fn no_event_shows_a_secret_whatever_line_it_came_in() {
    let leaks = r#"read -r command; echo '{"status":"ready","protocol":2}'
echo '{"@progress":{"position":{"url":"db://hunter2-hunter2@x"},"waiting_on":"hunter2-hunter2"}}'
echo '{"@rejected":{"error":{"message":"hunter2-hunter2","path":"hunter2-hunter2"},"envelope":{"data":1}}}'
head -c 65600 /dev/zero | tr '\0' x >&2; sleep 0.2; printf 'hunter2-' >&2; sleep 0.2; printf 'hunter2' >&2; sleep 0.2
echo '{"@checkpoint":{"id":"hunter2-hunter2"}}'; sleep 5"#;
    let mut project =
        Project::new().dead_letters(9).input(Protocol::V2, leaks).output(Protocol::V2, COLLECT);
    let reference = project.secrets.insert("t/input/config.password", json!("hunter2-hunter2"));
    project.route.inputs[0].block.config = json!({ "password": reference });
    let failure = failure(&project.run().await);
    assert!(failure.message.contains("(sensitive)"), "{failure}");
    let everything = serde_json::to_string(&*project.events.lock().unwrap()).unwrap();
    let at =
        everything.find("hunter2").map(|i| everything[i.saturating_sub(300)..i + 20].to_owned());
    assert_eq!(at, None);
}
