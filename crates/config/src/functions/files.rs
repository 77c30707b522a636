//! Files and paths. Relative paths begin at the folder of the task file.

use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use hcl_edit::template::Template;

use super::{Call, Function};
use crate::diagnostic::{Diagnostic, Result};
use crate::eval::{Context, Scope};
use crate::source::SourceFile;
use crate::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("file", &["path"], "the text of the file", |c| read(c).map(Value::string)),
    Function::new("fileexists", &["path"], "whether there is such a file", |c| {
        Ok(path(c)?.is_file().into())
    }),
    Function::new(
        "templatefile",
        &["path", "values"],
        "the file as a template, with the values of the map as its names",
        templatefile,
    ),
    Function::new("basename", &["path"], "the last part of the path", |c| {
        let path = c.text(0)?;
        Ok(Value::string(path.trim_end_matches('/').rsplit('/').next().unwrap_or_default()))
    }),
    Function::new("dirname", &["path"], "the path without its last part", |c| {
        let path = c.text(0)?;
        let parent = Path::new(&path).parent().map(|p| p.display().to_string());
        Ok(Value::string(match parent {
            Some(parent) if parent.is_empty() => ".".into(),
            Some(parent) => parent,
            None => path,
        }))
    }),
    Function::new("abspath", &["path"], "the path from the root on", |c| {
        let absolute = std::path::absolute(path(c)?);
        let absolute = absolute.map_err(|e| c.refuse(0, e.to_string()))?;
        Ok(Value::string(absolute.display().to_string()))
    }),
    Function::new("pathexpand", &["path"], "`~` at the beginning becomes the home folder", |c| {
        let path = c.text(0)?;
        let Some(rest) = path.strip_prefix('~').filter(|r| r.is_empty() || r.starts_with('/'))
        else {
            return Ok(Value::string(path));
        };
        let home = (c.evaluator.inputs.env)("HOME");
        let home =
            home.ok_or_else(|| c.refuse(0, "the home folder is not known: `HOME` is not set"))?;
        Ok(Value::string(format!("{home}{rest}")))
    }),
];

fn path(c: &Call<'_, '_>) -> Result<PathBuf> {
    Ok(c.evaluator.folder.join(c.text(0)?))
}

/// More would be a mistake: the text becomes part of a config.
const MAX_FILE: u64 = 16 << 20;

fn read(c: &Call<'_, '_>) -> Result<String> {
    let path = path(c)?;
    let failed = |why: String| {
        let shown =
            if c.value(0).sensitive { "the file".into() } else { format!("`{}`", path.display()) };
        Diagnostic::error(format!("cannot read {shown}"))
            .at(c.args[0].at.clone())
            .detail(why)
            .help("a relative path begins at the folder of the task file")
    };
    let meta = std::fs::metadata(&path).map_err(|e| failed(e.to_string()))?;
    if !meta.is_file() {
        return Err(failed("this is not a file".into()).into());
    }
    if meta.len() > MAX_FILE {
        return Err(failed(format!("it is larger than {MAX_FILE} bytes")).into());
    }
    let bytes = std::fs::read(&path).map_err(|e| failed(e.to_string()))?;
    c.evaluator.charge_bytes(bytes.len() as u64)?;
    String::from_utf8(bytes).map_err(|_| failed("it is not UTF-8 text".into()).into())
}

fn templatefile(c: &Call<'_, '_>) -> Result<Value> {
    if c.evaluator.in_template_file.get() {
        return Err(c.refuse(0, "a template file cannot call `templatefile`"));
    }
    let text = read(c)?;
    let names = c.map(1)?.into_iter().collect();
    let file = SourceFile::new(path(c)?.display().to_string(), text.as_str());
    let template = Template::from_str(&text).map_err(|e| {
        let at = e.location().offset();
        Diagnostic::error("this template has a syntax error")
            .at(at..at + 1)
            .detail(e.message().to_owned())
            .in_file(file.clone())
    })?;
    c.evaluator.in_template_file.set(true);
    let scope = Scope::with_names(Context::TemplateFile, names);
    let result = c.evaluator.text(&template, &scope);
    c.evaluator.in_template_file.set(false);
    result.map_err(|e| Box::new(if e.file.is_none() { e.in_file(file) } else { *e }))
}
