//! The help texts.

use super::support::Project;

#[test]
fn the_help_lists_every_command_and_the_exit_codes() {
    insta::assert_snapshot!(Project::new("").show(&["help"]));
}

#[test]
fn the_help_of_a_command_has_an_example() {
    let project = Project::new("");
    insta::assert_snapshot!("help_run", project.show(&["help", "run"]));
    insta::assert_snapshot!("help_state_set", project.show(&["state", "set", "--help"]));
}

#[test]
fn a_misspelt_command_is_refused_with_the_one_that_was_meant() {
    insta::assert_snapshot!(Project::new("").show(&["validat"]));
}

#[test]
fn completions_are_a_script() {
    let (code, document) = Project::new("").json(&["completions", "bash"]);
    assert_eq!(code, 0);
    assert_eq!(document["shell"], "bash");
    assert!(document["script"].as_str().unwrap().contains("complete -F"));
}
