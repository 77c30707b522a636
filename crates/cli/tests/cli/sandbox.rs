//! Providers in a sandbox, through the whole command.
#![cfg(target_os = "linux")]

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use dstream_servers::OciRegistry;

use super::support::*;

/// A version-2 output that writes to `out/lines.txt`, and ends where it cannot.
const WRITER: &str = r#"#!/bin/bash
read -r command
{ exec 3>> out/lines.txt; } || exit 1
echo '{"status":"ready","protocol":2}'
written=0
while read -r line; do
  case "$line" in
    '{"@checkpoint":'*)
      id=${line#*\"id\":}; id=${id%%[,\}]*}
      echo "{\"@committed\":{\"id\":$id,\"written\":$written}}"; written=0 ;;
    '{"@end":'*) exit 0 ;;
    '{"@'*) ;;
    *) echo "$line" >&3; written=$((written + 1)) ;;
  esac
done
"#;

/// Times differ from run to run, and the shell's line numbers say nothing.
fn steady() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"in [0-9.]+ m?s", "in [TIME]");
    settings.add_filter(r"line [0-9]+:", "line [N]:");
    settings
}

/// A task that counts into [`WRITER`], which has this sandbox.
fn writing(sandbox: &str) -> Project {
    let task = format!(
        "task \"count\" {{\n  input {{\n    provider_path = \"./count\"\n    config {{\n      max = 3\n    }}\n  }}\n  output {{\n    provider_path = \"./lines\"\n    protocol      = 2\n    {sandbox}\n  }}\n  retry {{\n    max_attempts = 1\n  }}\n}}\n"
    );
    let project = Project::new(&task);
    project.described("count", V2_INPUT, IN_COUNT);
    project.described("lines", WRITER, OUT_LINES);
    project.write("out/.keep", "");
    project
}

#[test]
fn a_provider_writes_where_its_sandbox_lets_it() {
    let project = writing(
        "sandbox {\n      read  = [\"/usr/bin\", \"/bin\"]\n      write = [\"out\"]\n    }",
    );
    let shown = project.show(&["run"]);
    assert!(shown.contains("exit 0"), "{shown}");
    assert_eq!(project.read("out/lines.txt").lines().count(), 3);
}

#[test]
fn a_provider_that_its_sandbox_stops_says_so() {
    let project = writing("sandbox {\n      read = [\"/usr/bin\", \"/bin\"]\n    }");
    let shown = project.show(&["run"]);
    steady().bind(|| insta::assert_snapshot!("sandbox_refused", shown));
    assert_eq!(project.read("out/lines.txt"), "");
}

#[test]
fn a_script_needs_its_interpreter_in_the_sandbox() {
    let project = writing("sandbox {}");
    let shown = project.show(&["run"]);
    steady().bind(|| insta::assert_snapshot!("sandbox_interpreter", shown));
}

#[test]
fn a_sandbox_that_lets_the_task_file_be_written_is_refused() {
    let project = writing("sandbox {\n      write = [\".\"]\n    }");
    let shown = project.show(&["run"]);
    steady().bind(|| insta::assert_snapshot!("sandbox_way_out", shown));
}

#[test]
fn a_provider_in_a_sandbox_ends_with_its_host() {
    let project = writing(
        "sandbox {\n      read  = [\"/usr/bin\", \"/bin\"]\n      write = [\"out\"]\n    }",
    );
    let sleeper = "#!/bin/bash\nread -r _\necho $$ > out/pid\necho '{\"status\":\"ready\",\"protocol\":2}'\nexec sleep 60\n";
    project.script("lines", sleeper);
    let mut command = project.command(&["run"]);
    // What a killed host leaves behind goes with the project.
    command.env("TMPDIR", project.folder());
    let mut run = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until("the provider is there", || project.read("out/pid").ends_with('\n'));
    let provider = project.read("out/pid").trim().to_owned();
    let alive = || {
        let status = std::fs::read_to_string(format!("/proc/{provider}/status"));
        status.is_ok_and(|s| !s.contains("State:\tZ"))
    };
    assert!(alive());
    run.kill().unwrap();
    run.wait().unwrap();
    until("the provider is gone", || !alive());
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let limit = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < limit, "it never came to this: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What a provider writes of itself into the folder of the project.
const SELFISH: &str = r#"#!/bin/bash
if [ "$1" = describe ]; then echo '{"name":"in-self","version":"1.0.0","protocol":[2],"roles":["input"]}'; exit 0; fi
read -r command
grep NoNewPrivs /proc/self/status > seen
ulimit -H -c >> seen
echo "secret: $SECRET" >> seen
echo '{"status":"ready","protocol":2}'
echo '{"@checkpoint":{"id":1,"state":{}}}'
echo '{"@end":{}}'
cat > /dev/null
"#;

#[test]
fn a_provider_from_a_registry_starts_with_little_and_one_of_this_machine_as_ever() {
    let registry = OciRegistry::start();
    let reference = format!("{}/acme/dstream-in-self:v1.0.0", registry.host());
    let task = |input: &str| {
        format!(
            "task \"t\" {{\n  input {{\n    {input}\n  }}\n  output {{\n    provider_path = \"./lines\"\n    protocol = 2\n  }}\n}}\n"
        )
    };
    let project = Project::new(&task(&format!("provider_ref = \"{reference}\"")));
    project.script("self", SELFISH);
    project.described("lines", WRITER, OUT_LINES);
    project.write("out/.keep", "");
    let dstream = |args: &[&str]| {
        let mut command: Command = project.command(args);
        let output = command.env("SECRET", "hunter2").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    dstream(&[
        "provider",
        "push",
        &reference,
        &format!("{}=self", dstream_registry::Platform::current()),
    ]);
    dstream(&["run", "t"]);
    assert_eq!(project.read("seen"), "NoNewPrivs:\t1\n0\nsecret: \n");

    project.write("dstream.hcl", &task("provider_path = \"./self\"\n    protocol = 2"));
    dstream(&["state", "rm", "t"]);
    dstream(&["run", "t"]);
    assert!(project.read("seen").starts_with("NoNewPrivs:\t0\n"), "{}", project.read("seen"));
}
