//! The lock file's text.

use std::fmt;

use dstream_signature::Signer;

use super::{LockFile, Locked};
use crate::oci::Binary;
use crate::platform::Platform;

const HEAD: &str = "\
# Written by `dstream init`: the programs that this project runs, for every platform.
# Keep it in version control. `dstream provider lock` and `dstream init --upgrade` change it.
";

impl fmt::Display for LockFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HEAD)?;
        for (key, locked) in &self.providers {
            provider(f, key, locked)?;
        }
        Ok(())
    }
}

fn provider(f: &mut fmt::Formatter<'_>, key: &str, locked: &Locked) -> fmt::Result {
    writeln!(f, "\nprovider {} {{", quoted(key))?;
    let digest = locked.digest.to_string();
    let settings = [
        ("constraint", locked.constraint.as_deref()),
        ("tag", locked.tag.as_deref()),
        ("digest", Some(&*digest)),
    ];
    let width = if locked.constraint.is_some() { "constraint".len() } else { "digest".len() };
    for (name, value) in settings {
        if let Some(value) = value {
            writeln!(f, "  {name:<width$} = {}", quoted(value))?;
        }
    }
    if let Some(by) = &locked.signer {
        signer(f, by)?;
    }
    for (name, binary) in &locked.platforms {
        platform(f, name, binary)?;
    }
    writeln!(f, "}}")
}

fn signer(f: &mut fmt::Formatter<'_>, signer: &Signer) -> fmt::Result {
    writeln!(f, "\n  signer {{")?;
    match signer {
        Signer::Key { fingerprint } => writeln!(f, "    key = {}", quoted(fingerprint))?,
        Signer::Identity { identity, issuer } => {
            writeln!(f, "    identity = {}", quoted(identity))?;
            writeln!(f, "    issuer   = {}", quoted(issuer))?;
        }
    }
    writeln!(f, "  }}")
}

fn platform(f: &mut fmt::Formatter<'_>, name: &Platform, binary: &Binary) -> fmt::Result {
    writeln!(f, "\n  platform {} {{", quoted(&name.to_string()))?;
    let width = if binary.description.is_some() { "description".len() } else { "program".len() };
    writeln!(f, "    {:<width$} = \"{}\"", "program", binary.program.digest)?;
    writeln!(f, "    {:<width$} = {}", "size", binary.program.size)?;
    if let Some(description) = &binary.description {
        writeln!(f, "    description = \"{description}\"")?;
    }
    writeln!(f, "  }}")
}

/// As HCL reads it back: quotes, backslashes and the beginnings of templates.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted.replace("${", "$${").replace("%{", "%%{")
}
