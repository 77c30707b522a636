use super::*;
use crate::SourceFile;

/// The value of `text`, where `locals` are defined too.
fn eval_with(locals: &str, text: &str) -> std::result::Result<Value, String> {
    let inputs = Inputs::new(|name| (name == "SECRET").then(|| "pw-7".to_owned()));
    let file = SourceFile::new("t.hcl", format!("{locals}\nresult = {text}\n"));
    let parsed = crate::syntax::parse(&file).map_err(|e| e[0].summary.clone())?;
    let mut evaluator = Evaluator::new(&inputs, ".".into());
    evaluator.actions = parsed.actions;
    for a in parsed.body.attributes() {
        evaluator.declare_local(a.key.as_str(), 0..0, &a.value);
    }
    let expr = &parsed.body.get_attribute("result").unwrap().value;
    let value = evaluator.eval(expr, &Scope::new(Context::Task("t")));
    let error = |e: Box<Diagnostic>| format!("{} {}", e.summary, e.detail);
    value.map_err(|e| {
        let told = evaluator.check_locals();
        told.first().map_or_else(|| error(e), |d| error(Box::new(d.clone())))
    })
}

fn json(text: &str) -> String {
    eval_with("", text).map_or_else(|e| format!("error: {e}"), |v| v.to_json().to_string())
}

#[test]
fn operators_follow_the_rules_of_arithmetic() {
    assert_eq!(json("1 + 2 * 3 - 4 / 2"), "5");
    assert_eq!(json("7 % 3 + -1"), "0");
    assert_eq!(json("1 / 3 > 0.33 && !(2 <= 1) || false"), "true");
    assert_eq!(json("\"5\" + 1"), "6");
    assert_eq!(json("1 == 1.0 && \"1\" != 1"), "true");
    assert_eq!(json("[1, { a = 2 }] == [1, { a = 2 }]"), "true");
    assert_eq!(json("18446744073709551615"), "18446744073709551615");
    assert_eq!(json("false && nothing"), "false");
    assert_eq!(json("true ? 1 : nothing"), "1");
}

#[test]
fn for_expressions_make_lists_and_objects() {
    assert_eq!(json("[for x in [1, 2, 3] : x * 2 if x != 2]"), "[2,6]");
    assert_eq!(json("[for i, x in [\"a\"] : \"${i}${x}\"]"), r#"["0a"]"#);
    assert_eq!(json("{ for k, v in { a = 1 } : upper(k) => v }"), r#"{"A":1}"#);
    assert_eq!(
        json("{ for x in [\"a1\", \"a2\"] : substr(x, 0, 1) => x... }"),
        r#"{"a":["a1","a2"]}"#
    );
    assert!(json("{ for x in [1, 2] : \"k\" => x }").contains("two elements give the same key"));
    assert!(json("[for x in 5 : x]").contains("goes over a list"));
}

#[test]
fn traversals_and_splats_reach_into_values() {
    assert_eq!(json("{ a = [{ b = 1 }, { b = 2 }] }.a[*].b"), "[1,2]");
    assert_eq!(json("{ a = [{ b = 1 }] }.a.*.b[0]"), "1");
    assert_eq!(json("[[1, 2]].0[1]"), "2");
    assert_eq!(json("{ \"x y\" = 1 }[\"x y\"]"), "1");
    assert_eq!(json("null[*]"), "[]");
    assert_eq!(json("5[*]"), "[5]");
}

#[test]
fn templates_have_directives_and_strip_markers() {
    assert_eq!(json("\"a${1 + 1}b$${x}%%{y}\""), r#""a2b${x}%{y}""#);
    assert_eq!(json("\"%{ for x in [1, 2] }${x},%{ endfor }\""), r#""1,2,""#);
    assert_eq!(json("\"%{ if false }a%{ else }b%{ endif }\""), r#""b""#);
    assert_eq!(json("\"a  ${~ \"b\" ~}  c\""), r#""abc""#);
    assert_eq!(json("\"${[1]}\""), "[1]");
    assert_eq!(json("<<EOT\n  a\n   ${1}\nEOT"), r#""  a\n   1\n""#);
    let flushed =
        "<<-EOT\n    a\n    %{ for x in [1, 2] ~}\n      - ${x}\n    %{ endfor ~}\n    z\n    EOT";
    assert_eq!(json(flushed), r#""a\n- 1\n- 2\nz\n""#);
}

#[test]
fn what_is_computed_from_a_secret_is_a_secret() {
    let secret = |text: &str| eval_with("", text).unwrap().holds_secret();
    for text in [
        "env(\"SECRET\")",
        "\"x-${env(\"SECRET\")}\"",
        "\"{{ env \"SECRET\" }}\"",
        "upper(env(\"SECRET\"))",
        "[env(\"SECRET\")]",
        "{ a = env(\"SECRET\") }.a",
        "env(\"SECRET\") == \"x\"",
        "env(\"SECRET\") == \"x\" ? 1 : 2",
        "length(env(\"SECRET\"))",
        "jsonencode({ a = env(\"SECRET\") })",
        "merge({}, { a = env(\"SECRET\") })",
        "[for x in sensitive([1]) : x]",
        "{ (env(\"SECRET\")) = 1 }",
        "concat([1], sensitive([2]))[0]",
        "try(nothing, env(\"SECRET\"))",
        "\"%{ if env(\"SECRET\") == \"x\" }a%{ endif }\"",
    ] {
        assert!(secret(text), "{text}");
    }
    for text in
        ["nonsensitive(env(\"SECRET\"))", "env(\"OTHER\", \"x\")", "keys({ a = env(\"SECRET\") })"]
    {
        assert!(!secret(text), "{text}");
    }
}

#[test]
fn no_message_shows_a_secret() {
    for text in [
        "tonumber(env(\"SECRET\"))",
        "{}[env(\"SECRET\")]",
        "lookup({}, env(\"SECRET\"))",
        "env(env(\"SECRET\"))",
        "regex(env(\"SECRET\"), 1)",
        "regex(\"${env(\"SECRET\")}(\", \"\")",
        "file(env(\"SECRET\"))",
        "jsondecode(env(\"SECRET\"))",
        "env(\"SECRET\") + 1",
        "env(\"SECRET\").x",
        "parseint(env(\"SECRET\"), 10)",
        "formatdate(env(\"SECRET\"), timestamp())",
        "format(env(\"SECRET\"), 1)",
        "timeadd(timestamp(), env(\"SECRET\"))",
        "templatefile(env(\"SECRET\"), {})",
    ] {
        let error = eval_with("", text).unwrap_err();
        assert!(!error.contains("pw-7") && !error.contains("pw"), "{text}: {error}");
    }
}

#[test]
fn locals_may_refer_to_each_other_in_any_order_but_not_in_a_circle() {
    let value = eval_with("a = local.b + 1\nb = 1", "local.a").unwrap();
    assert_eq!(value.to_json().to_string(), "2");
    let error = eval_with("a = local.b\nb = local.c\nc = local.b", "local.a").unwrap_err();
    assert!(error.contains("local.b → local.c → local.b"), "{error}");
}

#[test]
fn try_hides_an_error_in_a_local_only_from_itself() {
    let inputs = Inputs::empty();
    let file = SourceFile::new("t.hcl", "locals {\n  a = nothing\n  b = try(local.a, 1)\n}\n");
    let error = crate::parse(file, &inputs).unwrap_err();
    assert_eq!(error.list.len(), 1, "{error}");
}

#[test]
fn a_long_chain_of_locals_is_an_error_and_no_crash() {
    let mut locals = String::from("l0 = 1\n");
    for i in 1..3000 {
        locals += &format!("l{i} = [(local.l{})][0]\n", i - 1);
    }
    let run = move || eval_with(&locals, "local.l2999").unwrap_err();
    // The stack of a test's thread, which is smaller than that of a program.
    let error = std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap().join();
    assert!(error.unwrap().contains("nested too deeply"));
}

#[test]
fn the_deepest_expression_that_parses_can_be_evaluated() {
    let text = format!("{}1{}", "[".repeat(60), "]".repeat(60));
    let sum = vec!["1"; 120].join(" + ");
    let run = move || (json(&text), json(&sum));
    let (nested, sum) =
        std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap().join().unwrap();
    assert!(nested.starts_with("[[["));
    assert_eq!(sum, "120");
}

#[test]
fn locals_that_multiply_each_other_do_not_fill_the_memory() {
    let mut locals = String::from("l0 = \"0123456789\"\n");
    for i in 1..60 {
        locals += &format!("l{i} = \"${{local.l{0}}}${{local.l{0}}}\"\n", i - 1);
    }
    let error = eval_with(&locals, "local.l59").unwrap_err();
    assert!(error.contains("too large"), "{error}");
}
