//! `dstream provider verify`.

use clap::Args;
use dstream_config::Select;
use dstream_registry::cache::Held;
use dstream_registry::store::here;
use dstream_registry::{Locked, PinError, Remote, Wanted};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::cli::Vars;
use crate::context::Context;
use crate::exit::Exit;
use crate::problem::Result;
use crate::project::Project;
use crate::table::Table;

/// Check what is locked: whether each tag still leads to it, the program in the cache is it, and who signed it.
///
/// Every byte in the cache is hashed again, every signature fetched again. Nothing is changed.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  dstream provider verify\n  dstream provider verify --json | jq '.providers[] | select(.tag != \"same\")'"
)]
pub(crate) struct Verify {
    #[command(flatten)]
    vars: Vars,
}

pub(crate) async fn run(context: &Context, args: &Verify) -> Result<Answer> {
    let project = Project::load(context, &args.vars, Select::Nothing)?;
    let remote = project.registry.remote();
    let lock = remote.lock();
    let mut table = Table::new(["PROVIDER", "VERSION", "TAG", "PROGRAM", "SIGNATURE"]);
    let (mut notes, mut documents): (Vec<String>, Vec<Value>) = (Vec::new(), Vec::new());
    let mut exit = Exit::Done;
    for (key, wanted) in project.wanted(project.loaded.tasks.iter()) {
        let Checked { version, tag, program, signature, notes: mut more } =
            match wanted.locked(&lock) {
                Ok(locked) => check(remote, &wanted, locked).await,
                Err(error) => Checked {
                    version: "-".to_owned(),
                    tag: "not locked",
                    program: "-",
                    signature: "-",
                    notes: vec![error.to_string()],
                },
            };
        let bad = !matches!(tag, "same" | "fixed") || matches!(program, "changed" | "-");
        if bad || !matches!(signature, "good" | "none") {
            exit = Exit::Failed;
        }
        documents.push(json!({
            "provider": key, "version": version, "tag": tag, "program": program,
            "signature": signature, "notes": more,
        }));
        notes.append(&mut more);
        table.row([key, version, tag.to_owned(), program.to_owned(), signature.to_owned()]);
    }
    let mut text = match table.is_empty() {
        true => "No task takes a provider from a registry.".to_owned(),
        false => table.render(context.screen.color_out),
    };
    for note in notes {
        text.push_str(&format!("\n{note}"));
    }
    Ok(Answer::new(text, json!({ "providers": documents })).exit(exit))
}

struct Checked {
    version: String,
    /// `same`, `moved`, `unknown` where the registry does not say, `fixed` where a digest was asked for, `not locked`.
    tag: &'static str,
    /// `same`, `changed`, `not pulled`, `-` where there is none for this machine.
    program: &'static str,
    /// `good`, `none` where nobody signed it and nobody need, `wrong`, `unknown` where the registry does not say.
    signature: &'static str,
    notes: Vec<String>,
}

async fn check(remote: &Remote, wanted: &Wanted, locked: &Locked) -> Checked {
    let store = remote.store();
    let mut notes = Vec::new();
    let tag = match store.unmoved(wanted, locked).await {
        Ok(()) if locked.tag.is_none() => "fixed",
        Ok(()) => "same",
        Err(error) => {
            notes.push(error.to_string());
            if matches!(error, PinError::Moved { .. }) { "moved" } else { "unknown" }
        }
    };
    let held = match here(wanted, locked) {
        Ok(binary) => store.cache.hashed(&binary.program.digest).map_err(|e| e.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let program = match held {
        Ok(Held::Good(_)) => "same",
        Ok(Held::Missing) => "not pulled",
        Ok(Held::Corrupt) => "changed",
        Err(why) => {
            notes.push(why);
            "-"
        }
    };
    let signed = match store.vouched(wanted, locked) {
        Ok(()) => store.signed(wanted, locked).await,
        Err(error) => Err(error),
    };
    let signature = match signed {
        Ok(None) => "none",
        Ok(Some(_)) => "good",
        Err(PinError::Pull(error)) => {
            notes.push(error.to_string());
            "unknown"
        }
        Err(error) => {
            notes.push(error.to_string());
            "wrong"
        }
    };
    Checked { version: locked.version(), tag, program, signature, notes }
}
