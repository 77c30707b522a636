//! A SIGKILL cannot see a missing fsync: the system calls can. The order must be: write, fsync,
//! rename, fsync of the folder, and only then the word to the input.

use std::process::Command;

use dstream_tests::{Project, binaries};

/// The system calls of a run that have to do with the state and with what the input hears.
fn traced() -> Vec<String> {
    let project = Project::with(
        r#"task "t" {
  input {
    provider = "file"
    config {
      path = "rows.csv"
    }
  }
  output {
    provider = "file"
    config {
      path = "out.jsonl"
    }
  }
}
"#,
    );
    project.write("rows.csv", "id\n1\n2\n3\n");
    let status = Command::new("strace")
        .args(["-f", "-y", "-s", "80", "-o", "trace"])
        .args(["-e", "trace=fsync,fdatasync,rename,renameat,renameat2,write"])
        .arg(binaries::dstream())
        .args(["--log-level", "error", "run", "t"])
        .current_dir(project.path("."))
        .status()
        .expect("strace is there; `make deps` installs it");
    assert!(status.success());
    project.read("trace").lines().map(str::to_owned).collect()
}

/// Where the first line after `from` stands that holds all the words.
fn find(lines: &[String], from: usize, words: &[&str]) -> usize {
    let holds = |line: &String| words.iter().all(|word| line.contains(word));
    let found = lines[from..].iter().position(holds);
    from + found
        .unwrap_or_else(|| panic!("no {words:?} after line {from} of\n{}", lines.join("\n")))
}

#[test]
fn a_checkpoint_is_on_the_disk_before_the_input_hears_of_it() {
    let lines = traced();
    // The output first: its data is durable before it says so.
    let data = find(&lines, 0, &["fdatasync(", "out.jsonl"]);
    let said = find(&lines, 0, &["write(", "@committed", "written"]);
    assert!(data < said, "the output speaks before its data is durable\n{}", lines.join("\n"));
    // Then the state, after that commit.
    let written = find(&lines, said, &["write(", "state.json.next"]);
    let synced = find(&lines, written, &["fsync(", "state.json.next"]);
    let renamed = find(&lines, synced, &["rename", "state.json.next"]);
    let folder = find(&lines, renamed, &["fsync(", "/tasks/t>"]);
    // And only then the input.
    let told = find(&lines, 0, &["write(", r#"{\"@committed\":{\"id\":1}}\n"#]);
    assert!(folder < told, "the input is told before the state is durable\n{}", lines.join("\n"));
}
