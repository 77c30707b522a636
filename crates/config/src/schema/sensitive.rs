//! Sensitive values are checked like any other, and never shown.

use dstream_task::secret::referenced;
use serde_json::Value;

use super::{Checker, SchemaProblem, name, problem};

impl<'s> Checker<'s> {
    /// The first thing that is wrong with a sensitive value. Nothing where it is not known.
    pub(super) fn sensitive(
        &self,
        schema: &'s Value,
        reference: &Value,
        path: &str,
        out: &mut Vec<SchemaProblem>,
    ) {
        let Ok(value) = self.secrets.resolve(reference) else { return };
        // What a secret holds is no reference, whatever it looks like.
        if referenced(&value).is_some() {
            return;
        }
        let mut problems = Vec::new();
        self.check(schema, &value, path, &mut problems);
        out.extend(problems.first().map(|found| hidden(found, &value, path)));
    }
}

/// The same problem without the value, and without anything that is nearly it.
fn hidden(found: &SchemaProblem, value: &Value, path: &str) -> SchemaProblem {
    let of_itself = found.path == path && !found.at_key;
    let message = match (of_itself, found.valid.is_empty()) {
        (true, true) => format!("{} (its value is sensitive)", found.message),
        (true, false) => format!("{} cannot have the sensitive value that it has", name(path)),
        // The keys within it are as sensitive as the rest.
        (false, _) => format!("{} has a sensitive value that does not fit", name(path)),
    };
    let text = of_itself && found.valid.is_empty() && value.is_string();
    let help =
        "what `env()` reads is text: `tonumber(…)`, `tobool(…)` and `jsondecode(…)` convert it";
    SchemaProblem {
        valid: if of_itself { found.valid.clone() } else { Vec::new() },
        help: text.then(|| help.to_owned()),
        ..problem(path, message)
    }
}
