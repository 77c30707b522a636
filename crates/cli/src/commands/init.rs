//! `dstream init`: readies the project, or creates what one task needs.

use clap::Args;
use dstream_config::{Diagnostic, Select};
use dstream_engine::state::{StateStore, TaskState};
use dstream_protocol::Operation;
use dstream_registry::Policy;
use serde_json::{Value, json};
use std::time::Duration;

use crate::answer::Answer;
use crate::cli::Vars;
use crate::context::{Context, value};
use crate::exit::Exit;
use crate::lifecycle::{Asking, builders, describe, report_json};
use crate::locks::{self, Change, NewSigner};
use crate::problem::{Problem, Result};
use crate::project::{self, Project};
use crate::resolve::{Provider, resolve};
use crate::streams::{self, takes_streams};
use crate::table::Table;

/// Ready the project: lock, pull and check every provider. With a task: create what it needs.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  dstream init\n  dstream init --upgrade\n  dstream init orders")]
pub(crate) struct Init {
    /// Create what this task's providers need in their systems: tables, slots, queues.
    task: Option<String>,
    /// Choose the versions of providers from registries again, and write them into the lock file.
    #[arg(long, conflicts_with = "task")]
    upgrade: bool,
    /// With it: lock a version that somebody else signed than the one that is locked, or nobody.
    #[arg(long, requires = "upgrade")]
    accept_signer: bool,
    #[command(flatten)]
    vars: Vars,
}

pub(crate) async fn run(context: &Context, args: &Init) -> Result<Answer> {
    match &args.task {
        None => ready(context, args).await,
        Some(task) => create(context, &args.vars, task).await,
    }
}

/// Finds, asks and checks every provider of every task; everything that is wrong is said at once.
async fn ready(context: &Context, args: &Init) -> Result<Answer> {
    let project = Project::load(context, &args.vars, Select::Nothing)?.pulling(Policy::Add);
    let wanted = project.wanted(project.loaded.tasks.iter());
    let sources: Vec<String> = wanted.values().map(|w| w.reference().source()).collect();
    for source in project.registry.remote().store().trust.unused(&sources) {
        let line = format!("warning: `trust \"{source}\"` is for no provider of this file");
        context.screen.error(&line);
    }
    let changes = if args.upgrade {
        locks::renew(&project, &wanted, &|_| true, NewSigner::of(args.accept_signer)).await?
    } else {
        locks::check_tags(context, &project, &wanted).await?;
        Vec::new()
    };
    let (mut problems, mut exit) = (Vec::<Diagnostic>::new(), Exit::Usage);
    let mut table = Table::new(["TASK", "BLOCK", "PROVIDER", "VERSION", "PROTOCOL", "PROGRAM"]);
    let mut documents: Vec<Value> = Vec::new();
    for task in &project.loaded.tasks {
        let resolved = resolve(context, &project, task).await;
        for provider in &resolved.providers {
            let found = Found::new(&project, provider);
            documents.push(found.to_json(&task.name, provider));
            let title = provider.member.title();
            let Found { name, version, protocol, program } = found;
            table.row([task.name.clone(), title, name, version, protocol, program]);
        }
        exit = if resolved.exit() == Exit::Failed { Exit::Failed } else { exit };
        problems.extend(resolved.problems);
    }
    if !problems.is_empty() {
        return Err(Problem::within(exit, problems, project.loaded.file.clone()));
    }
    project.prepare()?;
    let mut text: String = changes.iter().map(|change| change.line() + "\n").collect();
    text.push_str(&table.render(context.screen.color_out));
    for (task, missing) in &project.loaded.incomplete {
        let why = missing.first().map(ToString::to_string).unwrap_or_default();
        text.push_str(&format!("\n{task}: not checked: {why}"));
    }
    let names = |list: Vec<&str>| list.into_iter().map(str::to_owned).collect::<Vec<_>>();
    let document = json!({
        "providers": documents,
        "changes": changes.iter().map(Change::to_json).collect::<Vec<_>>(),
        "unchecked": names(project.loaded.incomplete.iter().map(|(n, _)| n.as_str()).collect()),
    });
    text.push_str(
        "\n\nReady. `dstream plan TASK` shows what a task promises; `dstream run TASK` runs it.",
    );
    Ok(Answer::new(text, document))
}

/// Has the providers of one task create what they need.
async fn create(context: &Context, vars: &Vars, name: &str) -> Result<Answer> {
    let project = Project::load(context, vars, project::one(name))?.pulling(Policy::Add);
    let task = project.task(name)?;
    let resolved = resolve(context, &project, task).await;
    resolved.route(&project)?;
    project.prepare()?;
    let handle =
        project.state().open(name, task.lock.as_ref().map_or(Duration::ZERO, |l| l.timeout))?;
    let state = match handle.load()? {
        Some(state) => state,
        None => {
            // What is made in a destination belongs to this identity: it must be known afterwards.
            let state = TaskState::new(name);
            handle.save(&state)?;
            state
        }
    };
    let asking = Asking { context, project: &project, task, task_id: &state.task_id };
    let streams = streams::find(&asking, &resolved).await;
    let (mut lines, mut reports) = (Vec::new(), Vec::new());
    for provider in builders(&resolved) {
        let known = if takes_streams(provider) { &streams.known[..] } else { &[] };
        let answer = asking
            .ask(provider, Operation::Init, known)
            .await
            .map_err(|f| Problem::call(&project.loaded, name, &f))?;
        lines.push(provider.member.title());
        let said = describe(&answer);
        let said = if said.is_empty() { vec!["done".to_owned()] } else { said };
        lines.extend(said.into_iter().map(|l| format!("  {l}")));
        reports.push(report_json(provider, &answer.report));
    }
    if reports.is_empty() {
        lines.push("Nothing to make: no provider of this task needs anything.".to_owned());
    }
    lines.extend(streams.unknown.iter().map(streams::Unknown::line));
    let document =
        json!({ "task": name, "reports": reports, "unknown_streams": value(&streams.unknown) });
    Ok(Answer::new(lines.join("\n"), document))
}

/// Where a provider from a registry came from; its path in the cache says nothing to a person.
fn pulled(project: &Project, provider: &Provider) -> Option<String> {
    let remote = project.registry.remote();
    let wanted = remote.wanted(&provider.member.block.source).ok()??;
    let lock = remote.lock();
    let locked = wanted.locked(&lock).ok()?;
    Some(format!("{} {}", wanted.reference().source(), locked.version()))
}

/// What the table says of one provider.
struct Found {
    name: String,
    version: String,
    protocol: String,
    program: String,
}

impl Found {
    fn new(project: &Project, provider: &Provider) -> Self {
        let described = provider.description.as_ref();
        Self {
            name: described
                .map_or_else(|| provider.member.block.source.to_string(), |d| d.name.clone()),
            version: described.map(|d| d.version.clone()).unwrap_or_default(),
            protocol: provider.member.program.protocol.number().to_string(),
            program: pulled(project, provider)
                .unwrap_or_else(|| provider.member.program.path.display().to_string()),
        }
    }

    fn to_json(&self, task: &str, provider: &Provider) -> Value {
        json!({
            "task": task,
            "role": provider.member.role,
            "block": provider.member.block.name,
            "provider": self.name,
            "version": self.version,
            "protocol": provider.member.program.protocol.number(),
            "program": provider.member.program.path.display().to_string(),
        })
    }
}
