use super::*;
use crate::render::render;
use action::Action;

fn said(text: &str) -> String {
    let file = SourceFile::new("t.hcl", text);
    let errors = match parse(&file) {
        Ok(parsed) => parsed.errors,
        Err(errors) => errors,
    };
    errors.iter().map(|e| render(e, &file, false)).collect::<Vec<_>>().join("\n")
}

fn summary(text: &str) -> String {
    let file = SourceFile::new("t.hcl", text);
    parse(&file).err().map(|e| e[0].summary.clone()).unwrap_or_default()
}

#[test]
fn tokens_cover_the_whole_text_and_strings_are_one_token() {
    let text = "a = \"x ${f(\"}\")} {{ env \"Q\" }}\" # c\nb = <<EOT\n \"{\n EOT\n";
    let lexed = lexer::lex(text);
    let mut at = 0;
    for token in &lexed.tokens {
        assert_eq!(token.span.start, at);
        at = token.span.end;
    }
    assert_eq!(at, text.len());
    assert_eq!(lexed.problems, vec![]);
    let kinds: Vec<_> = lexed.tokens.iter().map(|t| t.kind).collect();
    assert!(kinds.contains(&token::TokenKind::Heredoc), "{kinds:?}");
    assert_eq!(lexed.actions.len(), 1);
}

#[test]
fn a_masked_text_has_the_same_length_and_parses() {
    let text = "a = \"{{ env \"X\" }}\"\nb = {{ env `Y` }}\nc = <<E\n{{env \"é\"}}\nE\n";
    let lexed = lexer::lex(text);
    let masked = mask(text, &lexed);
    assert_eq!(masked.len(), text.len());
    assert_eq!(lexed.actions.len(), 3);
    assert!(hcl_edit::parser::parse_body(&masked).is_ok(), "{masked}");
}

#[test]
fn braces_that_are_no_template_stay_as_they_are() {
    for text in [
        "a = [\"{{\", \"}}\"]\n",
        "a = \"${\"{{\"} x ${\"}}\"}\"\n",
        "a = \"open {{ only\"\n",
        "# {{ if .X }}\na = 1\n",
    ] {
        let file = SourceFile::new("t.hcl", text);
        let parsed = parse(&file).map_err(|_| text).unwrap();
        assert!(parsed.errors.is_empty() && parsed.actions.is_empty(), "{text}");
    }
}

#[test]
fn an_unclosed_brace_is_found_by_its_indentation() {
    let text = "task \"a\" {\n  input {\n    x = 1\n\n  output {\n    y = 2\n  }\n}\n";
    assert!(said(text).contains("t.hcl:2:9"), "{}", said(text));
}

#[test]
fn each_syntax_error_is_told_in_plain_words() {
    for (text, wanted) in [
        ("a = \"x\nb = 1\n", "this string is not closed"),
        ("a = \"${b\"\n", "this template is not closed"),
        ("a = <<EOT\nx\n", "this heredoc is not closed"),
        ("/* x\n", "this comment is not closed"),
        ("a = [1, 2\nb = 1\n", "this `[` is not closed"),
        ("a = 1\n}\n", "this `}` closes nothing"),
        ("a = [1, 2}\n", "expected `]`, found `}`"),
        ("a = 1\na = 2\n", "`a` is set twice"),
        ("a = 1,\n", "expected the end of the line, found `,`"),
        ("a: 1\n", "expected `=` or `{` after a name, found `:`"),
        ("a = \n", "a value is missing"),
        ("a = 'x'\n", "a string stands in double quotes"),
        ("a = \"\\q\"\n", "unknown escape in a string"),
        ("a = \"%{ if true }x\"\n", "`%{ if }` has no `%{ endif }`"),
        ("a = \"%{ for x in y }%{ endif }\"\n", "`%{ endif }` does not fit here"),
        ("a = \"%{ while true }x%{ endwhile }\"\n", "there is no template directive `while`"),
        ("a = \"%{ }\"\n", "a template directive is empty"),
        ("b { x = 1, y = 2 }\n", "expected the end of the block, found `,`"),
        ("task \"a\" { input { x = 1 } }\n", "a block within a block stands on lines of its own"),
        (
            "task \"a\" { input \"b\" { x = 1 } }\n",
            "a block within a block stands on lines of its own",
        ),
        ("task \"a\" { x }\n", "expected `=`, found `}`"),
    ] {
        assert_eq!(summary(text), wanted, "{text}");
    }
}

#[test]
fn deep_nesting_is_an_error_and_no_crash() {
    let text = format!("a = {}1{}\n", "[".repeat(5000), "]".repeat(5000));
    assert_eq!(summary(&text), "this is nested too deeply");
    let text = format!("a = {}1\n", "-(".repeat(5000));
    assert!(!summary(&text).is_empty());
    let text = format!("a = 1{}\n", " + 1".repeat(5000));
    assert_eq!(summary(&text), "this is nested too deeply");
    let text = format!("a = {}1", "\"${".repeat(5000));
    assert!(!summary(&text).is_empty());
}

#[test]
fn a_template_that_is_not_supported_says_what_to_write() {
    let text = said("a = \"{{ upper (env \"X\") }}\"\n");
    assert!(text.contains("this template is not supported"), "{text}");
    assert!(text.contains("upper(env("), "{text}");
    assert!(text.contains("for a literal `{{`"), "{text}");
    assert!(said("{{ if true }}\na = 1\n{{ end }}\n").contains("condition ? a : b"));
}

#[test]
fn quotes_of_a_template_may_be_escaped_as_hcl_has_it() {
    let env = |default: Option<&str>| Action::Env {
        name: "X".into(),
        default: default.map(str::to_owned),
        quoted: false,
    };
    for (text, wanted) in [
        (r#"a = "{{ env \"X\" }}""#, env(None)),
        (r#"a = "é {{env \"X\"}} \"y\" {{ 1 }}""#, env(None)),
        (r#"a = "{{ env \"X\" | default \"é }} \" }}.""#, env(Some("é }} "))),
        (r#"a = "{{ \"{{\" }}""#, Action::Text("{{".into())),
        (r#"a = "{{ upper (env \"X\") }}""#, Action::Unsupported),
        (r#"a = "{{ env \"X\" | quote }}""#, Action::Unsupported),
    ] {
        let lexed = lexer::lex(text);
        assert_eq!(lexed.problems, vec![], "{text}");
        let first = lexed.actions.first().map(|site| &site.action);
        assert_eq!(first, Some(&wanted), "{text}");
        let masked = mask(text, &lexed);
        assert_eq!(masked.len(), text.len());
        assert!(hcl_edit::parser::parse_body(&masked).is_ok(), "{masked}");
    }
    // Text with braces and quotes that is no template.
    let json = r#"a = "{{\"b\": 1}}""#;
    assert_eq!(lexer::lex(json).actions.len(), 0);
}
