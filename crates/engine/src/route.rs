//! What is connected with what: the blocks of a task, each with the program that it starts.

use std::path::PathBuf;

use dstream_protocol::{Delivery, Role};
use dstream_task::{Block, Task};

/// Which version of the protocol a program speaks, as far as is known before it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// The original's: a config line, envelopes, nothing else.
    V1,
    /// With control lines.
    V2,
}

impl Protocol {
    /// 1 or 2.
    pub fn number(self) -> u32 {
        match self {
            Self::V1 => 1,
            Self::V2 => 2,
        }
    }
}

/// A verified program on this machine.
#[derive(Debug, Clone)]
pub struct Program {
    /// The file to execute.
    pub path: PathBuf,
    /// Arguments; providers take none.
    pub args: Vec<String>,
    /// What it speaks.
    pub protocol: Protocol,
    /// Whether it comes from a registry: it then gets no new privileges, and limits.
    pub from_registry: bool,
    /// What it declares of delivery, where it has been described.
    pub delivery: Option<Delivery>,
}

impl Program {
    /// A program without arguments.
    pub fn new(path: impl Into<PathBuf>, protocol: Protocol) -> Self {
        Self { path: path.into(), args: Vec::new(), protocol, from_registry: false, delivery: None }
    }
}

/// One provider of a route.
#[derive(Debug, Clone)]
pub struct Member {
    /// Where it stands.
    pub role: Role,
    /// Its block in the task.
    pub block: Block,
    /// What it starts.
    pub program: Program,
}

impl Member {
    /// `input "orders"`, or `input` where the block has no label of its own.
    pub fn title(&self) -> String {
        title(self.role, &self.block.name)
    }

    pub(crate) fn is_v2(&self) -> bool {
        self.program.protocol == Protocol::V2
    }
}

/// How a block is called in messages.
pub fn title(role: Role, name: &str) -> String {
    if name == role.as_str() { name.to_owned() } else { format!("{role} \"{name}\"") }
}

/// All providers of a task: every input feeds the first transform, the last feeds every output.
#[derive(Debug, Clone)]
pub struct Route {
    /// At least one.
    pub inputs: Vec<Member>,
    /// In order; may be empty.
    pub transforms: Vec<Member>,
    /// At least one.
    pub outputs: Vec<Member>,
}

impl Route {
    /// Finds a program for every block of a task.
    ///
    /// # Errors
    /// The first that `find` gives.
    pub fn resolve<E>(
        task: &Task,
        mut find: impl FnMut(Role, &Block) -> Result<Program, E>,
    ) -> Result<Self, E> {
        let mut members = |role, blocks: &[Block]| {
            blocks
                .iter()
                .map(|block| Ok(Member { role, block: block.clone(), program: find(role, block)? }))
                .collect::<Result<Vec<_>, E>>()
        };
        Ok(Self {
            inputs: members(Role::Input, &task.inputs)?,
            transforms: members(Role::Transform, &task.transforms)?,
            outputs: members(Role::Output, &task.outputs)?,
        })
    }

    /// All members, in the order in which lines pass them.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.inputs.iter().chain(&self.transforms).chain(&self.outputs)
    }
}
