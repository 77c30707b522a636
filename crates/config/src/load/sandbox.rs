//! `sandbox { … }`: what a provider may reach.

use dstream_task::{Connect, Network, Sandbox, Target};
use hcl_edit::structure::{Attribute, Block};

use super::fields::{Fields, Shape};
use super::reader::Reader;
use super::single;
use crate::value::{Kind, Number, Value};

const SANDBOX: Shape = Shape {
    what: "`sandbox`",
    settings: &["read", "write", "connect", "max_memory_bytes", "max_open_files", "max_processes"],
    blocks: &[],
};

const CONNECT: &str = "true, false, or a list of TCP ports and of \"tcp\", \"udp\", \"unix\"";

pub(super) fn load(blocks: &[&Block], reader: &mut Reader<'_, '_>) -> Option<Sandbox> {
    let block = single(blocks, &mut reader.errors)?;
    let fields = Fields::read(&block.body, &SANDBOX, &mut reader.errors);
    let memory = fields.setting_of("max_memory_bytes");
    Some(Sandbox {
        read: paths(fields.setting_of("read"), reader),
        write: paths(fields.setting_of("write"), reader),
        connect: connect(fields.setting_of("connect"), reader).unwrap_or_default(),
        max_memory_bytes: reader.size(memory).and_then(|bytes| u64::try_from(bytes).ok()),
        max_open_files: reader.int(fields.setting_of("max_open_files"), 1),
        max_processes: reader.int(fields.setting_of("max_processes"), 1),
    })
}

/// An empty path would be the task file's folder.
fn paths(attribute: Option<&Attribute>, reader: &mut Reader<'_, '_>) -> Vec<String> {
    let paths = reader.texts(attribute).unwrap_or_default();
    if let Some(attribute) = attribute
        && paths.iter().any(|path| path.trim().is_empty())
    {
        reader.refuse(attribute, "a list of paths".into(), "one of them is empty");
    }
    paths
}

fn connect(attribute: Option<&Attribute>, reader: &mut Reader<'_, '_>) -> Option<Connect> {
    let attribute = attribute?;
    let value = reader.value(attribute).filter(|v| !v.is_null())?;
    if let Kind::Bool(all) = value.kind {
        return Some(Connect::All(all));
    }
    let targets: Option<Result<Vec<Target>, String>> =
        value.elements().map(|all| all.iter().map(target).collect());
    match targets {
        Some(Ok(targets)) => return Some(Connect::Only(targets)),
        Some(Err(why)) => reader.refuse(attribute, CONNECT.into(), &why),
        None => {
            reader.refuse(attribute, CONNECT.into(), &format!("this is {}", value.describe()));
        }
    }
    reader.help(
        "the kernel bounds ports, not hosts: `5432` is that port of any machine; docs/security.md",
    );
    None
}

fn target(value: &Value) -> Result<Target, String> {
    let port = value.to_number().and_then(Number::as_int);
    if let Some(port) = port {
        let port = u16::try_from(port).ok().filter(|port| *port > 0);
        return port.map(Target::Port).ok_or_else(|| "a port is a number from 1 to 65535".into());
    }
    let networks = [("tcp", Network::Tcp), ("udp", Network::Udp), ("unix", Network::Unix)];
    let text = value.to_text().unwrap_or_default();
    match networks.iter().find(|(word, _)| *word == text) {
        Some((_, network)) => Ok(Target::Network(*network)),
        None if value.sensitive => Err("one of them is something else".into()),
        None => Err(format!("{} is something else", value.to_json())),
    }
}
