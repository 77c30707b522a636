//! The example providers alone, without a host: literal stdin, exact stdout.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use dstream_protocol::{Description, Role};
use dstream_tests::{Project, top};

/// A provider that runs: lines in, lines out.
struct Provider {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<std::process::ChildStdout>,
}

impl Provider {
    fn start(program: &str, folder: &Path, command: &str) -> Self {
        let mut child = Command::new(top().join(program))
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut provider = Self { stdin: child.stdin.take(), stdout, child };
        provider.tell(command);
        provider
    }

    fn tell(&mut self, line: &str) {
        let mut line = line.to_owned();
        line.push('\n');
        // A provider that has ended does not hear it, and the test sees that elsewhere.
        let _gone = self.stdin.as_mut().unwrap().write_all(line.as_bytes()).is_err();
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim_end().replace(": ", ":").replace(", \"", ",\"")
    }

    fn expect(&mut self, lines: &[&str]) {
        for line in lines {
            assert_eq!(self.line(), *line);
        }
    }

    /// Closes stdin, and gives the exit status.
    fn end(mut self) -> i32 {
        self.stdin = None;
        self.child.wait().unwrap().code().unwrap_or(-1)
    }
}

fn describe(program: &str) -> Description {
    let output = Command::new(top().join(program)).arg("describe").output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

const READY: &str = r#"{"status":"ready","protocol":2}"#;

#[test]
fn every_version_2_example_describes_itself() {
    let lines = describe("examples/bash-v2/lines.sh");
    assert_eq!((lines.roles, lines.delivery.replayable), (vec![Role::Input], true));
    let write = describe("examples/python/write.py");
    assert_eq!((write.roles, write.delivery.append_only), (vec![Role::Output], true));
    assert_eq!(describe("examples/transform/at_least.py").roles, [Role::Transform]);
}

#[test]
fn the_bash_input_resumes_after_its_checkpoint_and_waits_until_the_last_is_saved() {
    let folder = Project::empty();
    folder.write("words.txt", "one\ntwo\na \"b\" \\ c\n");
    let command = r#"{"protocol":2,"command":"run","role":"input","task":"t","name":"input","config":{"path":"words.txt"},"checkpoint":{"":{"line":2}}}"#;
    let mut provider = Provider::start("examples/bash-v2/lines.sh", &folder.path(""), command);
    provider.expect(&[
        READY,
        r#"{"data":{"line":"a \"b\" \\ c"},"metadata":{"stream":"lines","op":"read"}}"#,
        r#"{"@checkpoint":{"id":1,"state":{"":{"line":3}}}}"#,
        r#"{"@end":{}}"#,
    ]);
    std::thread::sleep(std::time::Duration::from_millis(100));
    assert!(provider.child.try_wait().unwrap().is_none(), "it does not wait for its commit");
    provider.tell(r#"{"@committed":{"id":1}}"#);
    assert_eq!(provider.child.wait().unwrap().code(), Some(0));
}

#[test]
fn the_bash_input_stops_when_asked_and_names_the_setting_that_is_wrong() {
    let folder = Project::empty();
    let lines: String = (0..500_000).map(|n| format!("{n}\n")).collect();
    folder.write("words.txt", lines);
    let command = r#"{"protocol":2,"command":"run","role":"input","task":"t","name":"input","config":{"path":"words.txt"}}"#;
    let mut provider = Provider::start("examples/bash-v2/lines.sh", &folder.path(""), command);
    provider.expect(&[READY]);
    provider.tell(r#"{"@stop":{}}"#);
    let mut last = String::new();
    let mut data = 0;
    loop {
        let line = provider.line();
        if line == r#"{"@end":{}}"# {
            break;
        }
        data += usize::from(line.starts_with(r#"{"data""#));
        last = line;
    }
    assert!(data < 500_000, "it did not stop");
    assert!(last.contains(&format!(r#"{{"line":{data}}}"#)), "{last} after {data} lines");
    assert_eq!(provider.end(), 0);
    let command = command.replace("words.txt", "none.txt");
    let mut provider = Provider::start("examples/bash-v2/lines.sh", &folder.path(""), &command);
    let error = provider.line();
    assert!(error.contains(r#""kind":"config","path":"path""#), "{error}");
    assert_eq!(provider.end(), 1);
}

#[test]
fn the_python_output_is_cut_back_to_its_checkpoint() {
    let folder = Project::empty();
    let command = r#"{"protocol":2,"command":"run","role":"output","task":"t","name":"output","config":{"path":"out/f.jsonl"},"inputs":["input"]}"#;
    let mut provider = Provider::start("examples/python/write.py", &folder.path(""), command);
    provider.tell(r#"{"data":{"n":1},"metadata":{}}"#);
    provider.tell(r#"{"@checkpoint":{"id":1,"state":{}}}"#);
    provider.expect(&[READY, r#"{"@committed":{"id":1,"written":1,"state":{"offset":9}}}"#]);
    provider.tell(r#"{"data":{"n":2},"metadata":{}}"#);
    assert_eq!(provider.end(), 0, "an abort is no error");
    let command = command.replace("\"inputs\"", "\"state\":{\"offset\":9},\"inputs\"");
    let mut provider = Provider::start("examples/python/write.py", &folder.path(""), &command);
    provider.expect(&[READY]);
    assert_eq!(folder.read("out/f.jsonl"), "{\"n\": 1}\n");
    provider.tell(r#"{"data":{"n":3},"metadata":{}}"#);
    provider.tell(r#"{"@checkpoint":{"id":1,"state":{}}}"#);
    provider.expect(&[r#"{"@committed":{"id":1,"written":1,"state":{"offset":18}}}"#]);
    provider.tell(r#"{"@end":{}}"#);
    assert_eq!(provider.end(), 0);
    assert_eq!(folder.read("out/f.jsonl"), "{\"n\": 1}\n{\"n\": 3}\n");
}

#[test]
fn the_python_transform_accounts_for_what_it_leaves_out() {
    let command = r#"{"protocol":2,"command":"run","role":"transform","task":"t","name":"high","config":{"column":"h","minimum":10}}"#;
    let mut provider = Provider::start("examples/transform/at_least.py", &top(), command);
    for h in [9, 10, 11] {
        provider.tell(&format!(r#"{{"data":{{"h":{h}}},"metadata":{{}}}}"#));
    }
    provider.tell(r#"{"@checkpoint":{"id":4,"state":{"":7}}}"#);
    provider.expect(&[
        READY,
        r#"{"data":{"h":10},"metadata":{}}"#,
        r#"{"data":{"h":11},"metadata":{}}"#,
        r#"{"@checkpoint":{"id":4,"state":{"":7},"account":{"in":3,"out":2,"filtered":1}}}"#,
    ]);
    provider.tell(r#"{"@end":{}}"#);
    provider.stdin = None;
    provider.expect(&[r#"{"@end":{}}"#]);
    assert_eq!(provider.end(), 0);
}
