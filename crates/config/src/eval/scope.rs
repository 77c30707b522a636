//! The names that an expression may use beside those of the file.

use crate::value::Value;

/// What an expression belongs to, which decides what it may refer to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Context<'s> {
    /// Anything of the file.
    File,
    /// The same, and `task.name`.
    Task(&'s str),
    /// A variable's `validation`: this variable alone.
    Validation(&'s str, &'s Value),
    /// Nothing: a default, a variable file. What it is called in messages.
    Constant(&'static str),
    /// A template file: only the names that it is given.
    TemplateFile,
}

/// The names of for-expressions and templates around an expression, innermost first.
pub(crate) struct Scope<'s> {
    pub(crate) context: Context<'s>,
    names: Vec<(String, Value)>,
    outer: Option<&'s Scope<'s>>,
}

impl<'s> Scope<'s> {
    pub(crate) fn new(context: Context<'s>) -> Self {
        Self { context, names: Vec::new(), outer: None }
    }

    pub(crate) fn with_names(context: Context<'s>, names: Vec<(String, Value)>) -> Self {
        Self { context, names, outer: None }
    }

    /// A scope within this one that knows these names too.
    pub(crate) fn inner<'i>(&'i self, names: Vec<(String, Value)>) -> Scope<'i> {
        Scope { context: self.context, names, outer: Some(self) }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        let here = self.names.iter().find(|(n, _)| n == name).map(|(_, v)| v);
        here.or_else(|| self.outer?.get(name))
    }

    pub(crate) fn all_names(&self) -> Vec<&str> {
        let mut names = self.outer.map_or_else(Vec::new, Scope::all_names);
        names.extend(self.names.iter().map(|(n, _)| n.as_str()));
        names
    }
}
