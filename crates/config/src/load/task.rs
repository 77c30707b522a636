//! `task "name" { … }`.

use dstream_protocol::Role;
use dstream_task::{
    Block as TaskBlock, DeadLetter, Guarantee, Limits, Lock, Retry, Schedule, Task,
};
use hcl_edit::structure::Block;

use super::fields::{Fields, Shape};
use super::reader::Reader;
use super::{block, header, schedule, single};
use crate::diagnostic::Diagnostic;
use crate::eval::{Context, Evaluator};
use crate::loaded::Loaded;

const TASK: Shape = Shape {
    what: "a task",
    settings: &[
        "type",
        "require",
        "start_timeout",
        "stop_timeout",
        "commit_within",
        "max_line_bytes",
    ],
    blocks: &["input", "transform", "output", "retry", "dead_letter", "lock", "schedule"],
};

const RETRY: Shape = Shape {
    what: "`retry`",
    settings: &["max_attempts", "initial_backoff", "max_backoff"],
    blocks: &[],
};
const DEAD_LETTER: Shape =
    Shape { what: "`dead_letter`", settings: &["max_rejected"], blocks: &[] };
const LOCK: Shape = Shape { what: "`lock`", settings: &["timeout"], blocks: &[] };

const GUARANTEES: [(&str, Guarantee); 3] = [
    ("at_least_once", Guarantee::AtLeastOnce),
    ("effectively_once", Guarantee::EffectivelyOnce),
    ("exactly_once", Guarantee::ExactlyOnce),
];

/// A task's name, which becomes part of paths and of identifiers in databases.
pub(super) fn name<'b>(block: &'b Block, errors: &mut Vec<Diagnostic>) -> Option<&'b str> {
    let error = |what: &str| Diagnostic::error(what).at(header(block));
    match block.labels.as_slice() {
        [label] if is_name(label.as_str()) => Some(label.as_str()),
        [_] => {
            errors.push(
                error("this is no name for a task").help(
                    "letters, digits, spaces, `_`, `-` and `.`; a letter, digit or `_` first",
                ),
            );
            None
        }
        [] => {
            errors.push(error("a task needs a name").help("write `task \"orders\" { … }`"));
            None
        }
        _ => {
            errors.push(error("a task has one name"));
            None
        }
    }
}

pub(super) fn is_name(name: &str) -> bool {
    let first = |c: char| c.is_alphanumeric() || c == '_';
    let other = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '_' | '-' | '.');
    name.starts_with(first) && name.chars().all(other) && name.len() <= 200
}

/// Reads a task, and all that is wrong with it: then what is wrong is missing in the task.
pub(super) fn load(
    name: &str,
    block: &Block,
    evaluator: &Evaluator<'_>,
    loaded: &mut Loaded,
) -> (Task, Vec<Diagnostic>) {
    let mut reader = Reader::new(evaluator, Context::Task(name));
    let fields = Fields::read(&block.body, &TASK, &mut reader.errors);
    check_type(&fields, &mut reader);
    let inputs = role(Role::Input, name, &fields, &mut reader, loaded);
    let transforms = role(Role::Transform, name, &fields, &mut reader, loaded);
    let outputs = role(Role::Output, name, &fields, &mut reader, loaded);
    for (kind, none) in [("input", inputs.is_none()), ("output", outputs.is_none())] {
        if none && !fields.misspelt(&[kind]) {
            reader.errors.push(
                Diagnostic::error(format!("the task `{name}` has no {kind}"))
                    .at(header(block))
                    .help(format!("add `{kind} {{ provider = \"…\" }}`")),
            );
        }
    }
    let task = Task {
        name: name.to_owned(),
        inputs: inputs.unwrap_or_default(),
        transforms: transforms.unwrap_or_default(),
        outputs: outputs.unwrap_or_default(),
        retry: retry(&fields, &mut reader),
        dead_letter: dead_letter(&fields, &mut reader),
        require: reader.word(fields.setting_of("require"), &GUARANTEES),
        limits: limits(&fields, &mut reader),
        lock: lock(&fields, &mut reader),
        schedule: task_schedule(&fields, &mut reader),
    };
    (task, reader.errors)
}

/// The original knew other types, long gone.
fn check_type(fields: &Fields<'_>, reader: &mut Reader<'_, '_>) {
    reader.word(fields.setting_of("type"), &[("providers", ())]);
}

/// The blocks of one role. None where there are none.
fn role(
    role: Role,
    task: &str,
    fields: &Fields<'_>,
    reader: &mut Reader<'_, '_>,
    loaded: &mut Loaded,
) -> Option<Vec<TaskBlock>> {
    let blocks = fields.blocks(role.as_str());
    let names = block::names(role, blocks, &mut reader.errors);
    let each = blocks.iter().zip(names);
    let read: Vec<Option<TaskBlock>> =
        each.map(|(b, name)| block::load(role, task, name, b, reader, loaded)).collect();
    (!read.is_empty()).then(|| read.into_iter().flatten().collect())
}

fn retry(fields: &Fields<'_>, reader: &mut Reader<'_, '_>) -> Option<Retry> {
    let block = single(fields.blocks("retry"), &mut reader.errors)?;
    let f = Fields::read(&block.body, &RETRY, &mut reader.errors);
    let normal = Retry::default();
    let initial = reader.duration(f.setting_of("initial_backoff"));
    let longest = reader.duration(f.setting_of("max_backoff"));
    let retry = Retry {
        max_attempts: reader.int(f.setting_of("max_attempts"), 1).unwrap_or(normal.max_attempts),
        initial_backoff: initial.unwrap_or(normal.initial_backoff),
        max_backoff: longest.unwrap_or_else(|| normal.max_backoff.max(initial.unwrap_or_default())),
    };
    if retry.max_backoff < retry.initial_backoff
        && let Some(attribute) = f.setting_of("max_backoff")
    {
        let why = "this is shorter than the first wait";
        reader.refuse(attribute, "at least `initial_backoff`".into(), why);
    }
    Some(retry)
}

fn dead_letter(fields: &Fields<'_>, reader: &mut Reader<'_, '_>) -> Option<DeadLetter> {
    let block = single(fields.blocks("dead_letter"), &mut reader.errors)?;
    let f = Fields::read(&block.body, &DEAD_LETTER, &mut reader.errors);
    let most = reader.int(f.setting_of("max_rejected"), 1);
    Some(most.map_or_else(DeadLetter::default, |max_rejected| DeadLetter { max_rejected }))
}

fn lock(fields: &Fields<'_>, reader: &mut Reader<'_, '_>) -> Option<Lock> {
    let block = single(fields.blocks("lock"), &mut reader.errors)?;
    let f = Fields::read(&block.body, &LOCK, &mut reader.errors);
    Some(Lock { timeout: reader.duration(f.setting_of("timeout")).unwrap_or_default() })
}

fn task_schedule(fields: &Fields<'_>, reader: &mut Reader<'_, '_>) -> Option<Schedule> {
    let block = single(fields.blocks("schedule"), &mut reader.errors)?;
    schedule::load(block, reader)
}

fn limits(fields: &Fields<'_>, reader: &mut Reader<'_, '_>) -> Limits {
    let normal = Limits::default();
    if let Some(attribute) = fields.setting_of("start_timeout")
        && reader.duration(Some(attribute)).is_some_and(|d| d.is_zero())
    {
        reader.refuse(attribute, "longer than nothing".into(), "no provider could start");
    }
    let mut time = |name| reader.duration(fields.setting_of(name));
    let start = time("start_timeout").unwrap_or(normal.start_timeout);
    let stop = time("stop_timeout").unwrap_or(normal.stop_timeout);
    let commit = time("commit_within").unwrap_or(normal.commit_within);
    let line = fields.setting_of("max_line_bytes");
    let size = reader.size(line).unwrap_or(normal.max_line_bytes);
    if size < 1024
        && let Some(attribute) = line
    {
        reader.refuse(attribute, "at least 1024 bytes".into(), "no line would fit");
    }
    Limits { start_timeout: start, stop_timeout: stop, max_line_bytes: size, commit_within: commit }
}
