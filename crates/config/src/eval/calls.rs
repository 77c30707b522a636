//! Function calls: the table is looked up, the arguments counted and evaluated.

use hcl_edit::Span as _;
use hcl_edit::expr::FuncCall;

use super::{Evaluator, Scope, span};
use crate::diagnostic::{Diagnostic, Result};
use crate::functions::{self, Arg, Call, Function, Run, Taint};
use crate::source::Span;
use crate::suggest;
use crate::value::Value;

impl Evaluator<'_> {
    pub(super) fn call(&self, call: &FuncCall, scope: &Scope<'_>) -> Result<Value> {
        let at = call.name.name.span().unwrap_or_default();
        let name = call.name.name.as_str();
        if call.name.is_namespaced() {
            let what = "functions of providers are not supported";
            return Err(Diagnostic::error(what).at(at).into());
        }
        let function = functions::find(name).ok_or_else(|| unknown(name, at.clone()))?;
        let whole = call.span().unwrap_or_else(|| at.clone());
        match function.run {
            Run::Lazy(run) => {
                check_count(function, call.args.len(), &whole)?;
                let args: Vec<_> = call.args.iter().collect();
                run(self, &args, scope, &whole)
            }
            Run::Plain(run) => {
                let args = self.arguments(call, scope)?;
                check_count(function, args.len(), &whole)?;
                let sensitive = function.taint != Taint::Never
                    && args.iter().any(|a| match function.taint {
                        Taint::Any => a.value.holds_secret(),
                        _ => a.value.sensitive,
                    });
                let call = Call { name: function.name, args, at: whole.clone(), evaluator: self };
                let value = run(&call).map_err(|e| Box::new(e.or_at(&whole)))?;
                self.charge(&value).map_err(|e| Box::new(e.or_at(&whole)))?;
                Ok(value.tainted(sensitive))
            }
        }
    }

    fn arguments(&self, call: &FuncCall, scope: &Scope<'_>) -> Result<Vec<Arg>> {
        let mut args = Vec::new();
        for expr in call.args.iter() {
            args.push(Arg { value: self.eval(expr, scope)?, at: span(expr) });
        }
        if call.args.expand_final()
            && let Some(last) = args.pop()
        {
            let elements = last.value.elements().ok_or_else(|| {
                Diagnostic::error("what `...` spreads must be a list")
                    .at(last.at.clone())
                    .detail(format!("this is {}", last.value.describe()))
            })?;
            let spread = elements.into_iter().map(|value| Arg { value, at: last.at.clone() });
            args.extend(spread);
        }
        Ok(args)
    }
}

fn check_count(function: &Function, given: usize, at: &Span) -> Result<()> {
    let (least, most) = function.arity();
    if given >= least && most.is_none_or(|m| given <= m) {
        return Ok(());
    }
    let wanted = match most {
        Some(most) if most == least => least.to_string(),
        Some(most) => format!("{least} to {most}"),
        None => format!("at least {least}"),
    };
    let s = if wanted == "1" || wanted == "at least 1" { "" } else { "s" };
    Err(Diagnostic::error(format!("`{}` takes {wanted} argument{s}", function.name))
        .at(at.clone())
        .detail(format!("here it gets {given}"))
        .help(format!("`{}`: {}", function.signature(), function.help))
        .into())
}

fn unknown(name: &str, at: Span) -> Diagnostic {
    let known = functions::all().map(|f| f.name);
    Diagnostic::error(format!("there is no function `{name}`"))
        .at(at)
        .maybe_help(suggest::did_you_mean(name, known))
        .maybe_help(functions::elsewhere(name).map(str::to_owned))
}
