//! `dstream fmt`: task files in canonical style.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use dstream_config::SourceFile;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::context::Context;
use crate::exit::Exit;
use crate::problem::{Problem, Result};

/// Rewrite task files in canonical style.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  dstream fmt\n  dstream fmt --check examples/*.hcl\n  cat tasks.hcl | dstream fmt -"
)]
pub(crate) struct Fmt {
    /// Change nothing; exit with 1 and name the files that would change.
    #[arg(long)]
    check: bool,
    /// The files; `-` reads stdin and writes stdout. Default: the task file.
    files: Vec<PathBuf>,
}

pub(crate) fn run(context: &Context, args: &Fmt) -> Result<Answer> {
    if args.files.iter().any(|f| f == Path::new("-")) {
        return standard_input(args);
    }
    let default = [context.global.config.clone()];
    let files = if args.files.is_empty() { &default[..] } else { &args.files };
    let (mut changed, mut documents) = (Vec::new(), Vec::new());
    for file in files {
        let name = file.display().to_string();
        let before = std::fs::read_to_string(file)
            .map_err(|e| Problem::io(format!("cannot read {name}"), &e))?;
        let after = format(&name, &before)?;
        if after != before {
            if !args.check {
                replace(file, &after)
                    .map_err(|e| Problem::io(format!("cannot write {name}"), &e))?;
            }
            changed.push(name.clone());
        }
        documents.push(json!({ "file": name, "changed": after != before }));
    }
    let document = json!({ "check": args.check, "files": documents });
    Ok(Answer::new(changed.join("\n"), document).exit(exit(args, !changed.is_empty())))
}

fn standard_input(args: &Fmt) -> Result<Answer> {
    if args.files.len() > 1 {
        return Err(Problem::usage("`-` stands alone: it reads stdin and writes stdout"));
    }
    let mut before = String::new();
    std::io::stdin()
        .read_to_string(&mut before)
        .map_err(|e| Problem::io("cannot read stdin", &e))?;
    let after = format("<stdin>", &before)?;
    let changed = after != before;
    let text = if args.check { "" } else { after.strip_suffix('\n').unwrap_or(&after) };
    let file = json!({ "file": "-", "changed": changed, "text": Value::from(after.as_str()) });
    let document = json!({ "check": args.check, "files": [file] });
    Ok(Answer::new(text, document).exit(exit(args, changed)))
}

fn exit(args: &Fmt, changed: bool) -> Exit {
    if args.check && changed { Exit::Failed } else { Exit::Done }
}

fn format(name: &str, text: &str) -> Result<String> {
    Ok(dstream_config::format(&SourceFile::new(name, text))?)
}

/// A whole file or none: written beside it, then put in its place with its permissions.
fn replace(file: &Path, text: &str) -> std::io::Result<()> {
    // A link stays one: what it leads to is replaced.
    let file = std::fs::canonicalize(file)?;
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".dstream-fmt");
    let next = file.with_file_name(name);
    let mut out = std::fs::File::create(&next)?;
    out.write_all(text.as_bytes())?;
    out.set_permissions(std::fs::metadata(&file)?.permissions())?;
    out.sync_all()?;
    std::fs::rename(&next, &file)
}
