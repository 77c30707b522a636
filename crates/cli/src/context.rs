//! What every command gets: the flags, the screen, the environment.

use std::path::PathBuf;

use dstream_config::Inputs;
use serde_json::{Value, json};

use crate::answer::{self, Answer};
use crate::cli::{Global, LogFormat, Vars};
use crate::exit::Exit;
use crate::problem::{Problem, Result};
use crate::screen::Screen;

/// The process as a command sees it.
pub(crate) struct Context {
    pub(crate) global: Global,
    pub(crate) screen: Screen,
    /// The environment, with what the flags say of logging; providers are given a part of it.
    pub(crate) environment: Vec<(String, String)>,
}

impl Context {
    pub(crate) fn new(global: Global) -> Result<Self> {
        let no_color =
            global.no_color || std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        let live = !no_color && !global.json && global.log_format == LogFormat::Text;
        let screen = Screen::new(live, no_color);
        let environment = environment(&global);
        Ok(Self { global, screen, environment })
    }

    /// A variable of the environment.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        self.environment.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone())
    }

    /// What the task file's evaluation gets.
    pub(crate) fn inputs(&self, vars: &Vars) -> Inputs<'_> {
        let mut inputs = Inputs::new(|name: &str| self.variable(name));
        inputs.vars.clone_from(&vars.vars);
        inputs.var_files.clone_from(&vars.files);
        inputs
    }

    /// The folders of PATH.
    pub(crate) fn path(&self) -> Vec<PathBuf> {
        let path = self.environment.iter().find(|(n, _)| n == "PATH");
        path.map(|(_, value)| std::env::split_paths(value).collect()).unwrap_or_default()
    }

    /// Prints what a command answered.
    pub(crate) fn finish(&self, command: &str, result: Result<Answer>) -> Exit {
        let exit = match result {
            Ok(answer) => {
                match answer.json {
                    Some(object) if self.global.json => {
                        self.screen.line(&answer::document(command, &object));
                    }
                    _ if !self.global.json && !answer.text.is_empty() => {
                        self.screen.line(&answer.text);
                    }
                    _ => {}
                }
                answer.exit
            }
            Err(problem) => {
                self.refuse(command, &problem);
                problem.exit
            }
        };
        self.screen.flush();
        exit
    }

    /// Says why a command cannot do what it was asked: text on stderr, or a document on stdout.
    pub(crate) fn refuse(&self, command: &str, problem: &Problem) {
        if self.global.json {
            let object = json!({ "error": problem.to_json() }).to_string();
            self.screen.line(&answer::document(command, &object));
        } else {
            self.screen.error(&problem.render(self.screen.color_err));
        }
    }
}

/// Wrong usage, for a program that asked for documents. Ends the process.
pub(crate) fn refuse_usage(text: &str) -> ! {
    let (summary, rest) = text.split_once('\n').unwrap_or((text, ""));
    let mut problem = Problem::usage(summary);
    for line in rest.lines().map(str::trim).filter(|l| !l.is_empty()) {
        problem = problem.help(line);
    }
    let object = json!({ "error": problem.to_json() }).to_string();
    let screen = Screen::new(false, true);
    screen.line(&answer::document("", &object));
    screen.flush();
    std::process::exit(i32::from(problem.exit.code()))
}

/// Variables that are no text cannot travel; their names are not ours to use.
fn environment(global: &Global) -> Vec<(String, String)> {
    use clap::ValueEnum;
    let word = |value: Option<clap::builder::PossibleValue>| {
        value.map(|v| v.get_name().to_owned()).unwrap_or_default()
    };
    let ours = [
        ("DSTREAM_LOG_LEVEL".to_owned(), word(global.log_level.to_possible_value())),
        ("DSTREAM_LOG_FORMAT".to_owned(), word(global.log_format.to_possible_value())),
    ];
    let theirs = std::env::vars_os()
        .filter_map(|(n, v)| Some((n.into_string().ok()?, v.into_string().ok()?)))
        .filter(|(name, _)| !ours.iter().any(|(n, _)| n == name));
    theirs.chain(ours.clone()).collect()
}

/// `Value` of anything that serialises.
pub(crate) fn value(of: impl serde::Serialize) -> Value {
    serde_json::to_value(of).unwrap_or_default()
}
