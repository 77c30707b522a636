//! A project in a folder of its own, with providers that are shell scripts.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A folder with a task file and providers, and a `dstream` that finds no others.
pub(crate) struct Project {
    root: TempDir,
}

impl Project {
    pub(crate) fn new(task_file: &str) -> Self {
        let root = tempfile::Builder::new().prefix("dstream-cli-").tempdir().unwrap();
        let project = Self { root };
        fs::create_dir_all(project.path("bin")).unwrap();
        fs::create_dir_all(project.folder()).unwrap();
        let built = env!("CARGO_BIN_EXE_dstream");
        let ours = project.path("bin/dstream");
        if fs::hard_link(built, &ours).is_err() {
            fs::copy(built, &ours).unwrap();
        }
        project.write("dstream.hcl", task_file);
        project
    }

    /// The task file's folder.
    pub(crate) fn folder(&self) -> PathBuf {
        self.path("project")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder().join(name)).unwrap_or_default()
    }

    /// A provider in the project's folder.
    pub(crate) fn script(&self, name: &str, text: &str) {
        executable(&self.write(name, text));
    }

    /// A provider in the project's folder that speaks version 2, described beside it.
    pub(crate) fn described(&self, name: &str, text: &str, description: &str) {
        self.script(name, text);
        self.write(&format!("{name}.json"), description);
    }

    /// A provider that is found by its name.
    pub(crate) fn installed(&self, name: &str, text: &str) {
        let path = self.path("bin").join(name);
        fs::write(&path, text).unwrap();
        executable(&path);
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(self.path("bin/dstream"));
        command.args(args).current_dir(self.folder()).stdin(Stdio::null());
        command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", self.root.path());
        command
    }

    /// Runs a command and shows everything that a person sees.
    pub(crate) fn show(&self, args: &[&str]) -> String {
        let output = self.command(args).output().unwrap();
        self.shown(args, &output)
    }

    pub(crate) fn shown(&self, args: &[&str], output: &Output) -> String {
        let code = output.status.code().map_or("signal".to_owned(), |c| c.to_string());
        let mut shown = format!("$ dstream {}\nexit {code}\n", args.join(" "));
        for (name, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
            if !bytes.is_empty() {
                let text = String::from_utf8(bytes.clone()).unwrap();
                shown.push_str(&format!("--- {name}\n{text}"));
            }
        }
        let root = fs::canonicalize(self.root.path()).unwrap();
        shown.replace(root.to_str().unwrap(), "[ROOT]")
    }

    /// A path as commands show it, on disk.
    pub(crate) fn real(&self, shown: &str) -> PathBuf {
        let root = fs::canonicalize(self.root.path()).unwrap();
        PathBuf::from(shown.replace("[ROOT]", root.to_str().unwrap()))
    }

    /// The JSON document that a command prints, and its exit code.
    pub(crate) fn json(&self, args: &[&str]) -> (i32, Value) {
        let mut all = args.to_vec();
        all.push("--json");
        let output = self.command(&all).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let root = fs::canonicalize(self.root.path()).unwrap();
        let text = text.replace(root.to_str().unwrap(), "[ROOT]");
        let document = serde_json::from_str(&text)
            .unwrap_or_else(|e| panic!("{e}: {text}{}", String::from_utf8_lossy(&output.stderr)));
        (output.status.code().unwrap(), document)
    }
}

fn executable(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A JSON document with sorted keys, for snapshots.
pub(crate) fn pretty((code, document): (i32, Value)) -> String {
    format!("exit {code}\n{}", serde_json::to_string_pretty(&document).unwrap())
}

/// A version-1 input that counts to three.
pub(crate) const V1_INPUT: &str = r#"#!/bin/bash
read -r _
for n in 1 2 3; do echo "{\"data\":{\"n\":$n},\"metadata\":{}}"; done
"#;

/// A version-1 output that appends to `out.txt` and answers lifecycle operations.
pub(crate) const V1_OUTPUT: &str = r#"#!/bin/bash
read -r command
case "$command" in
  *'"command":"run"'*) echo '{"status":"ready"}'; cat >> out.txt ;;
  *'"command":"plan"'*) echo '{"status":"ok","resources":[{"type":"file","name":"out.txt","action":"create"}]}' ;;
  *'"command":"init"'*) touch out.txt; echo '{"status":"ok","resources":[{"type":"file","name":"out.txt","action":"created"}]}' ;;
  *'"command":"status"'*) echo "{\"status\":\"ok\",\"resources\":[{\"type\":\"file\",\"name\":\"out.txt\",\"action\":\"exists\",\"detail\":\"3 lines\"}]}" ;;
  *'"command":"destroy"'*) rm -f out.txt; echo '{"status":"ok","resources":[{"type":"file","name":"out.txt","action":"deleted"}]}' ;;
esac
"#;

/// What a version-2 input says of itself.
pub(crate) const IN_COUNT: &str = r#"{
  "name": "in-count", "version": "1.2.0", "description": "Counts.", "protocol": [2], "roles": ["input"],
  "capabilities": ["check", "discover"], "delivery": {"replayable": true},
  "config": {"type": "object", "additionalProperties": false, "required": ["max"],
    "properties": {"max": {"type": "integer", "description": "Up to this number."},
                   "step": {"type": "integer", "default": 1, "description": "By this much."}}}
}"#;

/// A version-2 input that counts to three, checks and discovers.
pub(crate) const V2_INPUT: &str = r#"#!/bin/bash
if [ "$1" = describe ]; then cat "$0.json"; exit 0; fi
read -r command
case "$command" in
  *'"command":"check"'*) echo '{"status":"ok","message":"it counts"}'; exit 0 ;;
  *'"command":"discover"'*)
    echo '{"status":"ok","streams":[{"stream":"numbers","key":["n"],"fields":[{"name":"n","type":"int64","nullable":false},{"name":"word","type":"string","source_type":"text"}]}]}'
    exit 0 ;;
esac
echo '{"status":"ready","protocol":2}'
from=0
[[ "$command" =~ \"checkpoint\":\{\"\":\{\"n\":([0-9]+) ]] && from=${BASH_REMATCH[1]}
for ((n = from + 1; n <= 3; n++)); do echo "{\"data\":{\"n\":$n},\"metadata\":{}}"; done
echo '{"@checkpoint":{"id":1,"state":{"":{"n":3}}}}'
echo '{"@end":{}}'
while read -r line; do [[ "$line" == *'"@committed"'* ]] && exit 0; done
"#;

/// What a version-2 output says of itself.
pub(crate) const OUT_LINES: &str = r#"{
  "name": "out-lines", "version": "0.3.1", "description": "Writes lines.", "protocol": [2], "roles": ["output"],
  "capabilities": ["infrastructure"], "delivery": {"idempotent": true},
  "config": {"type": "object", "additionalProperties": false,
    "properties": {"path": {"type": "string"}, "refuse": {"type": "string"}}}
}"#;

/// A version-2 output that writes to `lines.txt`, and rejects lines that hold the text in `refuse.txt`.
pub(crate) const V2_OUTPUT: &str = r#"#!/bin/bash
if [ "$1" = describe ]; then cat "$0.json"; exit 0; fi
read -r command
case "$command" in
  *'"command":"plan"'*) echo '{"status":"ok","resources":[{"type":"file","name":"lines.txt","action":"create"}]}'; exit 0 ;;
  *'"command":"init"'*) touch lines.txt; echo '{"status":"ok","resources":[{"type":"file","name":"lines.txt","action":"created"}]}'; exit 0 ;;
  *'"command":"status"'*) echo '{"status":"ok","resources":[{"type":"file","name":"lines.txt","action":"exists"}]}'; exit 0 ;;
  *'"command":"destroy"'*) rm -f lines.txt; echo '{"status":"ok","resources":[{"type":"file","name":"lines.txt","action":"deleted"}]}'; exit 0 ;;
esac
echo '{"status":"ready","protocol":2}'
refuse=$(cat refuse.txt 2>/dev/null)
written=0 rejected=0
while read -r line; do
  case "$line" in
    '{"@checkpoint":'*)
      id=${line#*\"id\":}; id=${id%%[,\}]*}
      echo "{\"@committed\":{\"id\":$id,\"written\":$written,\"rejected\":$rejected}}"
      written=0 rejected=0 ;;
    '{"@end":'*) exit 0 ;;
    '{"@'*) ;;
    *)
      if [ -n "$refuse" ] && [[ "$line" == *"$refuse"* ]]; then
        echo "{\"@rejected\":{\"error\":{\"kind\":\"permanent\",\"message\":\"no row for $refuse\"},\"envelope\":$line}}"
        rejected=$((rejected + 1))
      else
        echo "$line" >> lines.txt; written=$((written + 1))
      fi ;;
  esac
done
"#;

/// A task from a version-2 input to a version-2 output.
pub(crate) const COUNT: &str = r#"task "count" {
  input {
    provider_path = "./count"
    config {
      max = 3
    }
  }
  output {
    provider_path = "./lines"
    config {
      path = "lines.txt"
    }
  }
  dead_letter {}
}
"#;

/// The project of [`COUNT`].
pub(crate) fn count() -> Project {
    let project = Project::new(COUNT);
    project.described("count", V2_INPUT, IN_COUNT);
    project.described("lines", V2_OUTPUT, OUT_LINES);
    project
}
