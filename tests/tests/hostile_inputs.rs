//! Inputs that behave badly. Each time the user sees one clear message, with the provider's last
//! words, and the run ends in time.

use std::time::{Duration, Instant};

use dstream_tests::{Finished, Project};

/// The input is a bash script of this body; the output appends to `out.jsonl`, version 1.
fn project(input: &str, settings: &str) -> Project {
    let project = Project::with(&format!(
        r#"task "hostile" {{
  start_timeout = "2s"
  stop_timeout  = "1s"
  {settings}
  retry {{
    max_attempts = 1
  }}
  input {{
    provider_path = "./in.sh"
  }}
  output {{
    provider_path = "./out.sh"
  }}
}}
"#
    ));
    project.script("in.sh", input);
    project.script("out.sh", "read -r command; echo '{\"status\":\"ready\"}'; cat >>out.jsonl");
    project
}

/// The same with an input that is declared version 2.
fn version_2(input: &str) -> Project {
    let project = project(
        &format!(
            "[[ ${{1-}} == describe ]] && {{ echo '{DESCRIPTION}'; exit; }}\nread -r command\n{input}"
        ),
        "",
    );
    let text = project.read("dstream.hcl");
    project.write("dstream.hcl", text.replace("\"./in.sh\"", "\"./in.sh\"\n    protocol = 2"));
    project
}

const DESCRIPTION: &str =
    r#"{"name":"in-hostile","version":"1.0.0","protocol":[2],"roles":["input"]}"#;
const READY: &str = r#"echo '{"status":"ready"}'"#;
const READY_2: &str = r#"echo '{"status":"ready","protocol":2}'"#;

fn run(project: &Project) -> Finished {
    let begun = Instant::now();
    let finished = project.run("hostile");
    assert!(begun.elapsed() < Duration::from_secs(20), "{}", finished.everything());
    finished
}

#[test]
fn a_provider_without_handshake_has_its_first_line_taken_for_data() {
    let project = project(r#"read -r command; echo '{"data":{"n":1},"metadata":{}}'"#, "");
    run(&project).expect(0);
    assert_eq!(project.read("out.jsonl"), "{\"data\":{\"n\":1},\"metadata\":{}}\n");
}

#[test]
fn a_provider_that_reads_stdin_to_the_end_first_is_not_waited_for_in_vain() {
    let project = project(&format!("cat >/dev/null; {READY}; echo '{{\"data\":1}}'"), "");
    run(&project).expect(0);
    assert_eq!(project.read("out.jsonl"), "{\"data\":1}\n");
}

#[test]
fn a_provider_that_never_answers_is_ended_at_the_time_limit_with_its_last_words() {
    let project = project("read -r command; echo 'looking for the key' >&2; sleep 60", "");
    run(&project).expect(1).says(&["input", "2", "looking for the key"]);
}

#[test]
fn a_provider_that_dies_before_ready_is_reported_at_once_with_status_and_last_words() {
    let project = project("echo 'libfoo.so.3: not found' >&2; exit 127", "");
    let begun = Instant::now();
    run(&project).expect(1).says(&["input", "127"]).says_once("libfoo.so.3: not found");
    assert!(begun.elapsed() < Duration::from_secs(2), "not at once: {:?}", begun.elapsed());
}

#[test]
fn a_provider_that_answers_error_has_its_message_shown() {
    let project = project(
        r#"read -r c; echo '{"status":"error","message":"no such queue: q7"}'; exit 1"#,
        "",
    );
    run(&project).expect(1).says(&["input"]).says_once("no such queue: q7");
}

#[test]
fn a_program_that_is_not_there_is_named_before_anything_starts() {
    let project = project("exit 0", "");
    std::fs::remove_file(project.path("in.sh")).unwrap();
    let finished = project.run("hostile");
    assert!(matches!(finished.code, 1 | 2), "{}", finished.everything());
    finished.says(&["in.sh"]);
    assert_eq!(project.read("out.jsonl"), "");
}

#[test]
fn a_crash_in_the_middle_fails_the_run_and_shows_status_and_last_words() {
    let body =
        format!("read -r c; {READY}; echo '{{\"data\":1}}'; echo 'heap corrupted' >&2; exit 7");
    run(&project(&body, "")).expect(1).says(&["input", "7"]).says_once("heap corrupted");
}

#[test]
fn half_a_line_of_a_crash_is_never_handed_on() {
    let body = format!("read -r c; {READY}; echo '{{\"data\":1}}'; printf '{{\"data\":'; exit 1");
    let project = project(&body, "");
    run(&project).expect(1);
    let out = project.read("out.jsonl");
    assert!(matches!(out.as_str(), "" | "{\"data\":1}\n"), "{out}");
}

#[test]
fn a_last_line_without_newline_is_complete_after_a_clean_exit() {
    let project = project(&format!("read -r c; {READY}; printf '{{\"data\":1}}'"), "");
    run(&project).expect(0);
    assert_eq!(project.read("out.jsonl"), "{\"data\":1}\n");
}

#[test]
fn a_line_of_ten_mebibytes_travels_unchanged() {
    let body = format!(
        "read -r c; {READY}; printf '{{\"data\":\"'; head -c 10485760 /dev/zero | tr '\\0' x; echo '\"}}'"
    );
    let project = project(&body, "");
    run(&project).expect(0);
    let out = project.read("out.jsonl");
    assert_eq!(out.len(), 10_485_760 + 12);
    assert!(out.starts_with("{\"data\":\"xx") && out.ends_with("x\"}\n"));
}

#[test]
fn a_line_over_the_limit_fails_the_run_with_the_limit_and_whose_it_was() {
    let body = format!(
        "read -r c; {READY}; printf '{{\"data\":\"'; head -c 3000000 /dev/zero | tr '\\0' x; echo '\"}}'"
    );
    let project = project(&body, "max_line_bytes = 1000000");
    run(&project).expect(1).says(&["input", "1000000", "max_line_bytes"]);
    assert_eq!(project.read("out.jsonl"), "");
}

#[test]
fn lines_that_are_no_json_pass_a_version_1_route_as_they_are() {
    let project = project(&format!("read -r c; {READY}; echo 'plain text'; echo 'ü {{'"), "");
    run(&project).expect(0);
    assert_eq!(project.read("out.jsonl"), "plain text\nü {\n");
}

#[test]
fn a_line_that_looks_like_a_control_line_is_data_when_version_1_sends_it() {
    let project = project(&format!("read -r c; {READY}; echo '{{\"@schema\":1}}'"), "");
    run(&project).expect(0);
    assert!(project.read("out.jsonl").contains("{\"@schema\":1}"));
}

#[test]
fn a_flood_on_stderr_does_not_stop_the_data() {
    let body = format!(
        "read -r c; {READY}; for i in {{1..20000}}; do echo \"noise $i\"; done >&2; echo '{{\"data\":1}}'"
    );
    let project = project(&body, "");
    run(&project).expect(0);
    assert_eq!(project.read("out.jsonl"), "{\"data\":1}\n");
}

#[test]
fn a_version_2_input_that_ends_without_end_has_crashed() {
    let project = version_2(&format!("{READY_2}; echo '{{\"data\":1,\"metadata\":{{}}}}'; exit 0"));
    run(&project).expect(1).says(&["input", "@end"]);
}

#[test]
fn a_control_line_that_is_not_in_the_protocol_is_refused_by_name() {
    let project = version_2(&format!("{READY_2}; echo '{{\"@chekpoint\":{{\"id\":1}}}}'; sleep 5"));
    run(&project).expect(1).says(&["input", "@chekpoint"]);
}

#[test]
fn a_control_line_that_cannot_be_read_is_refused_with_the_reason() {
    let project =
        version_2(&format!("{READY_2}; echo '{{\"@checkpoint\":{{\"id\":\"one\"}}}}'; sleep 5"));
    run(&project).expect(1).says(&["input", "@checkpoint"]);
}

#[test]
fn a_provider_that_is_declared_version_2_and_answers_version_1_is_told_apart() {
    let project = version_2(&format!("{READY}; sleep 5"));
    run(&project).expect(1).says(&["input", "protocol", "2"]);
}

#[test]
fn the_reason_that_a_provider_gives_is_what_the_user_sees() {
    let error = r#"{"@error":{"kind":"permanent","message":"slot `app` is in use by pid 4711"}}"#;
    let project = version_2(&format!("{READY_2}; echo '{error}'; echo 'trace' >&2; exit 1"));
    run(&project).expect(1).says(&["input"]).says_once("slot `app` is in use by pid 4711");
}

#[test]
fn a_transient_failure_is_tried_again_and_a_permanent_one_is_not() {
    for (kind, starts) in [("transient", 3), ("permanent", 1)] {
        let error = format!(r#"{{"@error":{{"kind":"{kind}","message":"broken"}}}}"#);
        let project = version_2(&format!("echo start >>starts; {READY_2}; echo '{error}'; exit 1"));
        let text = project.read("dstream.hcl");
        let retry = "max_attempts = 3\n    initial_backoff = \"10ms\"\n    max_backoff = \"20ms\"";
        project.write("dstream.hcl", text.replace("max_attempts = 1", retry));
        // A version-1 output takes part, so the `retry` block is what allows another try.
        run(&project).expect(1).says(&["broken"]);
        assert_eq!(project.read("starts").lines().count(), starts, "{kind}");
    }
}
