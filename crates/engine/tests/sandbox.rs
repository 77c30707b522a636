//! Providers in a sandbox, as the engine starts them.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "test code")]

mod support;

use dstream_engine::describe::{Asked, describe};
use dstream_engine::{FailureKind, Outcome, Protocol};
use dstream_task::Sandbox;
use support::{Project, failure};

/// A shell and its programs.
fn shell() -> Sandbox {
    Sandbox { read: vec!["/usr/bin".into(), "/bin".into()], ..Sandbox::default() }
}

/// An input that notes in `made/` how each command ends, and then is done.
fn trying(commands: &[&str]) -> String {
    let tries: String = commands
        .iter()
        .enumerate()
        .map(|(i, command)| format!("if ( {command} ) 2>> made/said; then echo yes > made/{i}; else echo no > made/{i}; fi\n"))
        .collect();
    format!(
        "{}\n{tries}echo '{{\"@checkpoint\":{{\"id\":1,\"state\":{{}}}}}}'; echo '{{\"@end\":{{}}}}'; cat > /dev/null",
        support::READY
    )
}

/// What became of each command, with the sandbox or without.
async fn answers(commands: &[&str], sandbox: Option<Sandbox>, from_registry: bool) -> Vec<String> {
    let mut project = Project::new()
        .input(Protocol::V2, &trying(commands))
        .output(Protocol::V2, support::COLLECT);
    std::fs::create_dir(project.folder.path().join("made")).unwrap();
    project.write("secret", "hunter2");
    project.route.inputs[0].block.sandbox = sandbox;
    project.route.inputs[0].program.from_registry = from_registry;
    let report = project.run().await;
    assert!(matches!(report.outcome, Outcome::Completed), "{:?}", report.outcome);
    let answer = |i| project.read(&format!("made/{i}")).trim().to_owned();
    (0..commands.len()).map(answer).collect()
}

#[tokio::test]
async fn a_provider_in_a_sandbox_cannot_do_what_it_can_do_without() {
    let commands = [
        "cat secret",
        "cat /etc/passwd",
        "echo x > outside",
        "kill -0 $PPID",
        "cat /proc/$PPID/environ",
        "ls /tmp",
        "exec 3<>/dev/udp/127.0.0.1/9",
    ];
    let without = answers(&commands, None, false).await;
    assert_eq!(without, ["yes"; 7], "the commands prove nothing");
    let sandbox = Sandbox { write: vec!["made".into()], ..shell() };
    assert_eq!(answers(&commands, Some(sandbox), false).await, ["no"; 7]);
}

#[tokio::test]
async fn a_provider_in_a_sandbox_has_a_folder_for_temporary_files_of_its_own_and_it_goes() {
    let sandbox = Sandbox { write: vec!["made".into()], ..shell() };
    let commands =
        ["echo x > $TMPDIR/x && echo -n $TMPDIR > made/tmp", "sort <<< \"$(cat $TMPDIR/x)\""];
    let mut project = Project::new()
        .input(Protocol::V2, &trying(&commands))
        .output(Protocol::V2, support::COLLECT);
    std::fs::create_dir(project.folder.path().join("made")).unwrap();
    project.route.inputs[0].block.sandbox = Some(sandbox);
    project.run().await;
    let folder = project.read("made/tmp");
    assert_eq!((project.read("made/0"), project.read("made/1")), ("yes\n".into(), "yes\n".into()));
    assert!(folder.contains("/dstream-"), "{folder}");
    support::until("the folder is gone", || !std::path::Path::new(&folder).exists()).await;
}

#[tokio::test]
async fn a_provider_from_a_registry_gets_no_new_privileges_and_no_core_file() {
    let commands = ["grep 'NoNewPrivs:.1' /proc/self/status", "test $(ulimit -H -c) = 0"];
    assert_eq!(answers(&commands, None, true).await, ["yes"; 2]);
    assert_eq!(answers(&commands[..1], None, false).await, ["no"]);
}

#[tokio::test]
async fn a_failure_that_may_come_from_the_sandbox_says_so() {
    let script = "read -r command; cat secret; exit 1";
    let mut project =
        Project::new().input(Protocol::V2, script).output(Protocol::V2, support::COLLECT);
    project.write("secret", "hunter2");
    project.route.inputs[0].block.sandbox = Some(shell());
    let failed = failure(&project.run().await);
    assert!(failed.stderr[0].contains("Permission denied"), "{failed:?}");
    assert!(failed.help[0].contains("runs in a sandbox"), "{failed:?}");
}

#[tokio::test]
async fn a_script_without_its_interpreter_fails_with_the_interpreters_name() {
    let mut project = Project::new().input(Protocol::V2, "").output(Protocol::V2, support::COLLECT);
    project.route.inputs[0].block.sandbox = Some(Sandbox::default());
    let failed = failure(&project.run().await);
    assert_eq!(failed.kind, FailureKind::Spawn);
    assert!(failed.help[0].contains("`/bin/bash`"), "{failed:?}");
}

#[tokio::test]
async fn a_sandbox_that_cannot_be_kept_starts_nothing() {
    let mut project = Project::new().input(Protocol::V2, "").output(Protocol::V2, support::COLLECT);
    project.route.inputs[0].block.sandbox = Some(Sandbox { write: vec![".".into()], ..shell() });
    let failed = failure(&project.run().await);
    assert!(failed.message.contains("the task file is in it"), "{failed:?}");
    assert!(!failed.help.is_empty(), "{failed:?}");
}

#[tokio::test]
async fn a_provider_is_described_in_its_sandbox() {
    let describing = r#"cat "$SECRET" > /dev/null || exit 1
echo '{"name":"x","version":"1.0.0","protocol":[2],"roles":["input"],"delivery":{},"capabilities":[],"config":{}}'"#;
    let project = Project::new().input(Protocol::V2, "");
    project.write("secret", "hunter2");
    let program = &project.route.inputs[0].program.path;
    let secret = project.folder.path().join("secret").display().to_string();
    project.write("input-input.sh", &format!("#!/bin/bash\nSECRET={secret}\n{describing}"));
    let environment = [("PATH".to_owned(), "/usr/bin:/bin".to_owned())];
    let local = Asked::local(program, &environment);
    assert_eq!(describe(local).await.unwrap().name, "x");
    let sandbox = shell();
    let confined = Asked { sandbox: Some(&sandbox), ..local };
    assert!(describe(confined).await.is_err());
}
