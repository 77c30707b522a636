//! Outputs and transforms that behave badly.

use std::time::{Duration, Instant};

use dstream_tests::{Finished, Project, processes};

const COUNTED: &str = r#"{"name":"in-counted","version":"1.0.0","protocol":[2],"roles":["input"],"delivery":{"replayable":true}}"#;

/// A version-2 input of a few envelopes and one checkpoint, and the output of this body.
fn project(output: &str, protocol: &str) -> Project {
    let project = Project::with(&format!(
        r#"task "hostile" {{
  start_timeout = "2s"
  stop_timeout  = "1s"
  commit_within = "1s"
  retry {{
    max_attempts = 1
  }}
  input {{
    provider_path = "./in.sh"
    protocol      = 2
  }}
  output {{
    provider_path = "./out.sh"
    {protocol}
  }}
}}
"#
    ));
    project.script(
        "in.sh",
        &format!(
            r#"[[ ${{1-}} == describe ]] && {{ echo '{COUNTED}'; exit; }}
read -r command
echo '{{"status":"ready","protocol":2}}'
for n in 1 2 3; do echo '{{"data":{{"n":'$n'}},"metadata":{{"stream":"s"}}}}'; done
echo '{{"@checkpoint":{{"id":1,"state":{{"":{{"n":3}}}}}}}}'
echo '{{"@end":{{}}}}'
while read -r word; do [[ $word == '{{"@committed":{{"id":1}}}}' ]] && exit 0; done
exit 0"#
        ),
    );
    project.script("out.sh", output);
    project
}

fn version_1(body: &str) -> Project {
    project(&format!("read -r command\n{body}"), "")
}

fn version_2(body: &str) -> Project {
    let describe = r#"{"name":"out-hostile","version":"1.0.0","protocol":[2],"roles":["output"]}"#;
    let body = format!(
        "[[ ${{1-}} == describe ]] && {{ echo '{describe}'; exit; }}\nread -r command\n\
         echo '{{\"status\":\"ready\",\"protocol\":2}}'\n{body}"
    );
    project(&body, "protocol = 2")
}

/// Reads up to the first checkpoint, then says this.
fn after_the_checkpoint(say: &str) -> String {
    format!("while read -r line; do case $line in '{{\"@checkpoint\"'*) {say};; esac; done")
}

fn run(project: &Project) -> Finished {
    let begun = Instant::now();
    let finished = project.run("hostile");
    assert!(begun.elapsed() < Duration::from_secs(20), "{}", finished.everything());
    finished
}

const READY: &str = r#"echo '{"status":"ready"}'"#;

#[test]
fn what_a_version_1_output_prints_is_shown_and_it_sees_no_control_line() {
    let project = version_1(&format!("{READY}; cat >seen; echo 'three rows written'"));
    let finished = run(&project).expect(0);
    assert!(finished.stdout.contains("three rows written"), "{}", finished.everything());
    let seen = project.read("seen");
    assert_eq!(seen.lines().count(), 3, "{seen}");
    assert!(!seen.contains("{\"@"), "{seen}");
}

#[test]
fn an_output_that_dies_before_ready_is_reported_with_its_last_words() {
    let project = version_1("echo 'disk is read-only' >&2; exit 3");
    run(&project).expect(1).says(&["output", "3"]).says_once("disk is read-only");
}

#[test]
fn an_output_that_dies_in_the_middle_is_reported_with_its_last_words() {
    let project = version_1(&format!("{READY}; read -r line; echo 'disk full' >&2; exit 28"));
    run(&project).expect(1).says(&["output", "28"]).says_once("disk full");
}

#[test]
fn an_output_that_leaves_before_the_end_has_failed_also_with_status_0() {
    let project = version_2("read -r line; exit 0");
    run(&project).expect(1).says(&["output"]);
}

#[test]
fn an_output_that_commits_fewer_than_it_got_stops_the_task_with_both_counts() {
    let say = r#"echo '{"@committed":{"id":1,"written":2}}'"#;
    let project = version_2(&after_the_checkpoint(say));
    run(&project).expect(1).says(&["output", "2", "3"]);
    let state = project.read(".dstream/tasks/hostile/state.json");
    assert!(!state.contains("\"n\":3") && !state.contains("\"n\": 3"), "saved anyway: {state}");
}

#[test]
fn an_output_that_commits_what_was_never_sent_stops_the_task() {
    let say = r#"echo '{"@committed":{"id":9,"written":3}}'"#;
    let project = version_2(&after_the_checkpoint(say));
    run(&project).expect(1).says(&["output", "9"]);
}

#[test]
fn an_output_that_never_commits_does_not_count_as_done() {
    let project = version_2("cat >/dev/null; exit 0");
    run(&project).expect(1).says(&["output"]);
}

#[test]
fn a_rejection_without_a_dead_letter_block_fails_the_run_and_saves_nothing() {
    let say = r#"echo '{"@rejected":{"error":{"kind":"permanent","message":"n must be even"},"envelope":{"data":{"n":1}}}}'; echo '{"@committed":{"id":1,"written":2,"rejected":1}}'"#;
    let project = version_2(&after_the_checkpoint(say));
    run(&project).expect(1).says(&["n must be even", "dead_letter"]);
}

#[test]
fn an_output_that_stops_reading_neither_grows_the_host_nor_holds_up_its_end() {
    let project = version_1(&format!("{READY}; sleep 300"));
    project.script(
        "in.sh",
        r#"[[ ${1-} == describe ]] && exit 1
read -r command
echo '{"status":"ready","protocol":2}'
exec yes '{"data":"0123456789012345678901234567890123456789","metadata":{}}'"#,
    );
    let run = project.start(&["run", "hostile"]);
    std::thread::sleep(Duration::from_secs(2));
    let status = std::fs::read_to_string(format!("/proc/{}/status", run.pid())).unwrap();
    let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap();
    let kib: u64 = peak.trim().trim_end_matches("kB").trim().parse().unwrap();
    assert!(kib < 64 << 10, "the host has grown to {kib} KiB");
    let children: Vec<u32> =
        processes::children(run.pid()).into_iter().map(|(pid, _)| pid).collect();
    assert_eq!(children.len(), 2);
    processes::terminate(run.pid());
    let begun = Instant::now();
    let finished = run.wait();
    assert!(begun.elapsed() < Duration::from_secs(10), "{}", finished.everything());
    assert_ne!(finished.code, 0, "it could not drain\n{}", finished.everything());
    assert!(processes::survivors(&children, Duration::from_secs(1)).is_empty());
}

#[test]
fn a_transform_that_loses_envelopes_stops_the_task() {
    let project = version_2(&after_the_checkpoint(r#"echo '{"@committed":{"id":1,"written":2}}'"#));
    let describe =
        r#"{"name":"transform-lossy","version":"1.0.0","protocol":[2],"roles":["transform"]}"#;
    project.script(
        "lossy.sh",
        &format!(
            r#"[[ ${{1-}} == describe ]] && {{ echo '{describe}'; exit; }}
read -r command
echo '{{"status":"ready","protocol":2}}'
read -r lost
while read -r line; do
  case $line in
    '{{"@checkpoint"'*) echo '{{"@checkpoint":{{"id":1,"state":{{"":{{"n":3}}}},"account":{{"in":3,"out":3}}}}}}';;
    '{{"@'*) ;;
    *) echo "$line";;
  esac
done"#
        ),
    );
    let text = project.read("dstream.hcl");
    let transform =
        "transform {\n    provider_path = \"./lossy.sh\"\n    protocol = 2\n  }\n  output {";
    project.write("dstream.hcl", text.replace("output {", transform));
    run(&project).expect(1).says(&["transform", "3", "2"]);
}

#[test]
fn a_dead_letter_that_is_sent_again_after_ready_is_no_part_of_the_account() {
    let describe = r#"{"name":"out-hostile","version":"1.0.0","protocol":[2],"roles":["output"],"delivery":{"transactional":true}}"#;
    let project = project(
        &format!(
            r#"[[ ${{1-}} == describe ]] && {{ echo '{describe}'; exit; }}
read -r command
echo '{{"status":"ready","protocol":2,"epoch":2}}'
echo '{{"@rejected":{{"id":"r1","error":{{"kind":"permanent","message":"of the run before"}},"envelope":{{"data":0}}}}}}'
{}"#,
            after_the_checkpoint(r#"echo '{"@committed":{"id":1,"written":3}}'"#)
        ),
        "protocol = 2",
    );
    let text = project.read("dstream.hcl");
    project.write("dstream.hcl", text.replace("  retry {", "  dead_letter {}\n  retry {"));
    run(&project).expect(3);
    let letters = project.read(".dstream/tasks/hostile/dead_letters.jsonl");
    assert!(letters.contains("of the run before"), "{letters}");
}
