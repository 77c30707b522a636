//! Rules over all commands.

use super::*;

fn leaves(command: &clap::Command, name: &str) -> Vec<(String, clap::Command)> {
    let inner = command.get_subcommands().filter(|c| c.get_name() != "help" && !c.is_hide_set());
    let inner: Vec<_> =
        inner.flat_map(|c| leaves(c, &format!("{name} {}", c.get_name()))).collect();
    if inner.is_empty() { vec![(name.to_owned(), command.clone())] } else { inner }
}

fn all() -> Vec<(String, clap::Command)> {
    let mut definition = definition();
    definition.build();
    leaves(&definition, "dstream")
}

#[test]
fn the_definition_is_sound() {
    definition().debug_assert();
}

#[test]
fn every_command_has_a_help_text_and_an_example_that_parses() {
    for (name, command) in all() {
        assert!(command.get_about().is_some(), "{name} has no help text");
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(help.starts_with("Example:\n"), "{name} has no example");
        let examples: Vec<&str> =
            help.lines().skip(1).map(|l| l.trim().trim_start_matches("cat tasks.hcl | ")).collect();
        assert!(examples.iter().all(|e| e.starts_with(&name)), "{name}: {examples:?}");
        for example in examples {
            let words = example.split(['|', '>', '<']).next().unwrap();
            let words = words.split_whitespace().map(|w| w.trim_matches('\''));
            if let Err(error) = definition().try_get_matches_from(words) {
                panic!("{example}: {error}");
            }
        }
    }
}

#[test]
fn every_argument_has_a_help_text_and_every_command_takes_json() {
    for (name, command) in all() {
        for argument in command.get_arguments().filter(|a| a.get_id() != "help") {
            assert!(argument.get_help().is_some(), "{name}: {} has no help", argument.get_id());
        }
        assert!(command.get_arguments().any(|a| a.get_id() == "json"), "{name} takes no --json");
    }
}

#[test]
fn every_command_and_flag_and_exit_code_is_in_the_reference() {
    let page = include_str!("../../../docs/cli.md");
    for (name, command) in all() {
        let heading = format!("### `{name}`");
        let section = page.split(&heading).nth(1).unwrap_or_else(|| panic!("no {heading}"));
        let section = section.split("\n### ").next().unwrap();
        assert!(section.contains("JSON"), "{name}: its JSON document is not described");
        for argument in command.get_arguments().filter(|a| a.get_id() != "help") {
            let Some(long) = argument.get_long() else { continue };
            let flag = format!("`--{long}");
            let place = if argument.is_global_set() { page } else { section };
            let there = place.contains(&flag) || matches!(long, "var" | "var-file");
            assert!(there, "{name}: {flag} is not described");
        }
    }
    for exit in crate::exit::Exit::ALL {
        assert!(page.contains(&format!("| {} | `{}` |", exit.code(), exit.name())), "{exit:?}");
    }
}
