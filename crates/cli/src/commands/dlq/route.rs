//! The sub-task of a replay: from the letters to whoever rejected them, and on from there.

use std::path::{Path, PathBuf};

use dstream_engine::dead_letter::DeadLetter;
use dstream_engine::{Member, Program, Protocol, Route};
use dstream_protocol::{Delivery, Role};
use dstream_task::{Block, Source, Task};
use serde_json::json;

use crate::commands::internal::INPUT;

/// The letters of one block, which are replayed together.
pub(crate) struct Group {
    pub(crate) role: Role,
    pub(crate) provider: String,
    pub(crate) letters: Vec<DeadLetter>,
}

/// Letters by who rejected them, in the order of the first of each.
pub(crate) fn groups(letters: Vec<DeadLetter>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for letter in letters {
        let same = |g: &&mut Group| g.role == letter.role && g.provider == letter.provider;
        match groups.iter_mut().find(same) {
            Some(group) => group.letters.push(letter),
            None => groups.push(Group {
                role: letter.role,
                provider: letter.provider.clone(),
                letters: vec![letter],
            }),
        }
    }
    groups
}

/// Why letters cannot be sent again.
pub(crate) fn refusal(group: &Group, route: &Route) -> Option<String> {
    let Group { role, provider, .. } = group;
    match role {
        Role::Input => Some(format!(
            "input `{provider}` could not read them; correct them at the source, or drop them"
        )),
        Role::Transform if !has(&route.transforms, provider) => {
            Some(format!("the task has no transform `{provider}` any more"))
        }
        Role::Output if !has(&route.outputs, provider) => {
            Some(format!("the task has no output `{provider}` any more"))
        }
        _ => None,
    }
}

fn has(members: &[Member], name: &str) -> bool {
    members.iter().any(|m| m.block.name == name)
}

/// The task and route for one group: letters of an output go to that output as it received them;
/// letters of a transform go through it, everything after it, and to every output.
pub(crate) fn build(task: &Task, route: &Route, group: &Group, replay: &Replayed) -> (Task, Route) {
    let (transforms, outputs) = match group.role {
        Role::Output => {
            let only = route.outputs.iter().filter(|o| o.block.name == group.provider);
            (Vec::new(), only.cloned().collect())
        }
        _ => {
            let before = |m: &&Member| m.block.name != group.provider;
            let rest = route.transforms.iter().skip_while(before);
            (rest.cloned().collect(), route.outputs.clone())
        }
    };
    let route = Route { inputs: vec![input(group, replay)], transforms, outputs };
    let blocks = |members: &[Member]| members.iter().map(|m| m.block.clone()).collect::<Vec<_>>();
    let task = Task {
        inputs: blocks(&route.inputs),
        transforms: blocks(&route.transforms),
        outputs: blocks(&route.outputs),
        // What is rejected again stays a dead letter; it is not a failure of the replay.
        dead_letter: Some(task.dead_letter.clone().unwrap_or_default()),
        require: None,
        ..task.clone()
    };
    (task, route)
}

/// One replay: where the letters are, and what tells it from every other.
pub(crate) struct Replayed {
    pub(crate) dstream: PathBuf,
    pub(crate) file: PathBuf,
    pub(crate) id: String,
}

/// dstream itself as an input: `dstream internal dead-letters FILE`.
fn input(group: &Group, replay: &Replayed) -> Member {
    let ids: Vec<&str> = group.letters.iter().map(|l| l.id.as_str()).collect();
    let block = Block {
        name: INPUT.to_owned(),
        source: Source::Path(path(&replay.dstream)),
        config: json!({ "ids": ids, "replay": replay.id }),
        protocol: Some(2),
        critical: true,
        pass_env: Vec::new(),
        env: std::collections::BTreeMap::new(),
        sandbox: None,
    };
    let mut program = Program::new(&replay.dstream, Protocol::V2);
    program.args = vec!["internal".into(), "dead-letters".into(), path(&replay.file)];
    program.delivery = Some(Delivery { replayable: true, ..Delivery::default() });
    Member { role: Role::Input, block, program }
}

fn path(path: &Path) -> String {
    path.display().to_string()
}
