//! Every function of the table has a row here, checked by a test.

use std::collections::BTreeSet;

use crate::eval::{Context, Evaluator, Scope};
use crate::{Inputs, functions};

/// An expression and its value as JSON.
const EXAMPLES: &[(&str, &str)] = &[
    ("nonsensitive(env(\"SET\"))", r#""from env""#),
    ("env(\"NOT_SET\", \"x\")", r#""x""#),
    ("nonsensitive(sensitive(1))", "1"),
    ("sensitive(1)", "1"),
    ("try(env(\"NOT_SET\"), local.x, 1 / 0, \"last\")", r#""last""#),
    ("can(1 / 0)", "false"),
    ("can(1)", "true"),
    (
        "format(\"%s is %d, %05.2f %q %v %t %x %%\", \"a\", 5, 3.14159, \"q\", [1], true, 255)",
        r#""a is 5, 03.14 \"q\" [1] true ff %""#,
    ),
    ("format(\"%[2]s%[1]s\", \"a\", \"b\")", r#""ba""#),
    (
        "format(\"|%-4s|%4s|%+d|%04d|%.2s|%e|%b|%o|%X|\", \"a\", \"b\", 5, -7, \"xyz\", 1500, 5, 8, 255)",
        r#""|a   |   b|+5|-007|xy|1.500000e+03|101|10|FF|""#,
    ),
    ("formatlist(\"%s-%s\", [\"a\", \"b\"], \"x\")", r#"["a-x","b-x"]"#),
    ("join(\", \", [\"a\", \"b\"], [\"c\"])", r#""a, b, c""#),
    ("split(\",\", \"a,b,\")", r#"["a","b",""]"#),
    ("lower(\"ÄB\")", r#""äb""#),
    ("upper(\"äb\")", r#""ÄB""#),
    ("title(\"hello big world\")", r#""Hello Big World""#),
    ("replace(\"a.b.c\", \".\", \"-\")", r#""a-b-c""#),
    ("replace(\"a1b22\", \"/[0-9]+/\", \"#\")", r##""a#b#""##),
    ("replace(\"ab\", \"/(a)(b)/\", \"$2$1\")", r#""ba""#),
    ("regex(\"[a-z]+\", \"12ab3\")", r#""ab""#),
    ("regex(\"([a-z])([0-9])\", \"a1\")", r#"["a","1"]"#),
    ("regex(\"(?P<k>[a-z])=(?P<v>.)\", \"a=1\")", r#"{"k":"a","v":"1"}"#),
    ("regexall(\"[0-9]\", \"a1b2\")", r#"["1","2"]"#),
    ("substr(\"hellö\", 1, 3)", r#""ell""#),
    ("substr(\"hello\", -2, -1)", r#""lo""#),
    ("trim(\"?!a!?\", \"!?\")", r#""a""#),
    ("trimspace(\" a \\n\")", r#""a""#),
    ("trimprefix(\"hello\", \"he\")", r#""llo""#),
    ("trimsuffix(\"hello\", \"lo\")", r#""hel""#),
    ("startswith(\"abc\", \"ab\")", "true"),
    ("endswith(\"abc\", \"ab\")", "false"),
    ("chomp(\"a\\r\\n\\n\")", r#""a""#),
    ("indent(2, \"a\\nb\")", r#""a\n  b""#),
    ("coalesce(null, \"\", \"a\")", r#""a""#),
    ("coalescelist([], [1])", "[1]"),
    ("compact([\"a\", \"\", null, \"b\"])", r#"["a","b"]"#),
    ("concat([1], [2, 3])", "[1,2,3]"),
    ("contains([1, 2], 2)", "true"),
    ("distinct([1, 2, 1])", "[1,2]"),
    ("element([1, 2, 3], 4)", "2"),
    ("element([1, 2, 3], -1)", "3"),
    ("flatten([1, [2, [3]]])", "[1,2,3]"),
    ("index([\"a\", \"b\"], \"b\")", "1"),
    ("keys({ b = 1, a = 2 })", r#"["a","b"]"#),
    ("length(\"hellö\") + length([1]) + length({ a = 1 })", "7"),
    ("lookup({ a = 1 }, \"b\", 2)", "2"),
    ("merge({ a = 1, b = 1 }, null, { b = 2 })", r#"{"a":1,"b":2}"#),
    ("one([5])", "5"),
    ("one([])", "null"),
    ("range(3)", "[0,1,2]"),
    ("range(1, 4)", "[1,2,3]"),
    ("range(4, 0, -2)", "[4,2]"),
    ("reverse([1, 2])", "[2,1]"),
    ("slice([1, 2, 3], 1, 3)", "[2,3]"),
    ("sort([\"b\", \"a\"])", r#"["a","b"]"#),
    ("values({ b = 1, a = 2 })", "[2,1]"),
    ("zipmap([\"a\", \"b\"], [1, 2])", r#"{"a":1,"b":2}"#),
    ("setunion([3, 1], [2, 1])", "[1,2,3]"),
    ("setintersection([1, 2], [2, 3])", "[2]"),
    ("setsubtract([1, 2], [2])", "[1]"),
    ("abs(-2.5)", "2.5"),
    ("ceil(1.1)", "2"),
    ("floor(-1.1)", "-2"),
    ("max(1, 3, 2)", "3"),
    ("min([3, 1, 2]...)", "1"),
    ("sum([1, 2.5])", "3.5"),
    ("parseint(\"ff\", 16)", "255"),
    ("tostring(5)", r#""5""#),
    ("tonumber(\"5.5\")", "5.5"),
    ("tobool(\"true\")", "true"),
    ("tolist(toset([2, 1, 2]))", "[1,2]"),
    ("toset([\"b\", \"a\", \"b\"])", r#"["a","b"]"#),
    ("tomap({ a = 1 })", r#"{"a":1}"#),
    ("jsonencode({ a = [1, null] })", r#""{\"a\":[1,null]}""#),
    ("jsondecode(\"[1, 18446744073709551615]\")", "[1,18446744073709551615]"),
    ("base64encode(\"hi\")", r#""aGk=""#),
    ("base64decode(\"aGk=\")", r#""hi""#),
    ("urlencode(\"a b/ü\")", r#""a+b%2F%C3%BC""#),
    ("sha256(\"\")", r#""e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855""#),
    ("length(uuid())", "36"),
    ("timestamp()", r#""2026-01-31T12:30:05Z""#),
    (
        "formatdate(\"YYYY-MM-DD'T'hh:mm:ss ZZZZ EEE, D MMM YY h H AA\", \"2026-01-05T15:04:05+02:00\")",
        r#""2026-01-05T15:04:05 +0200 Mon, 5 Jan 26 15 3 PM""#,
    ),
    ("timeadd(\"2026-01-31T23:59:30Z\", \"1m\")", r#""2026-02-01T00:00:30Z""#),
    ("timeadd(\"2026-01-31T12:00:00+02:00\", \"-1h\")", r#""2026-01-31T11:00:00+02:00""#),
    ("file(\"a.txt\")", r#""hello""#),
    ("fileexists(\"a.txt\") && !fileexists(\"b.txt\")", "true"),
    ("templatefile(\"t.tmpl\", { names = [\"x\", \"y\"] })", r#""x;y;""#),
    ("basename(\"a/b.txt\")", r#""b.txt""#),
    ("dirname(\"a/b.txt\")", r#""a""#),
    ("endswith(abspath(\"x\"), \"x\") && abspath(\"x\") != \"x\"", "true"),
    ("pathexpand(\"~/x\")", r#""/home/me/x""#),
];

/// An expression, and a word of its error.
const ERRORS: &[(&str, &str)] = &[
    ("env(\"NOT_SET\")", "the environment variable `NOT_SET` is not set"),
    ("try(1 / 0)", "division by zero"),
    ("format(\"%d\", \"x\")", "needs a number"),
    ("format(\"%s\")", "more verbs than values"),
    ("format(\"x\", 1)", "1 values, but only 0 verbs"),
    ("format(\"%y\", 1)", "without a known verb"),
    ("regex(\"(\", \"a\")", "not a regular expression"),
    ("regex(\"b\", \"a\")", "the pattern does not match"),
    ("indent(-1, \"a\")", "from 0 to 1000 spaces"),
    ("coalesce(null)", "every value is null or empty"),
    ("element([], 0)", "the list is empty"),
    ("index([1], 2)", "it is not in the list"),
    ("length(5)", "must be a list, a map or a string"),
    ("lookup({}, \"a\")", "`a` is not in the map"),
    ("one([1, 2])", "the list has 2 elements"),
    ("range(0, 10, -1)", "it never reaches the limit"),
    ("range(1000000)", "more than 100000 numbers"),
    ("slice([1], 0, 2)", "the list has 1 elements"),
    ("zipmap([\"a\"], [])", "1 keys, but 0 values"),
    ("max()", "at least one number"),
    ("parseint(\"z\", 10)", "not a whole number in base 10"),
    ("tonumber(\"x\")", "must be a number"),
    ("tobool(\"x\")", "must be true or false"),
    ("jsondecode(\"{\")", "not JSON: wrong in line 1"),
    ("base64decode(\"?\")", "not base64"),
    ("formatdate(\"QQ\", timestamp())", "`QQ` is not a known field"),
    ("formatdate(\"YYYY\", \"today\")", "not a time in RFC 3339"),
    ("timeadd(timestamp(), \"x\")", "not a duration"),
    ("file(\"none.txt\")", "cannot read"),
    ("templatefile(\"bad.tmpl\", {})", "unknown name `nothing`"),
    ("upper()", "`upper` takes 1 argument"),
    ("upper([1])", "argument 1 of `upper` must be a string"),
    ("uper(\"a\")", "there is no function `uper`"),
    ("sum([\"a\"])", "a list of numbers"),
];

fn eval(text: &str) -> Result<serde_json::Value, String> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.txt"), "hello").unwrap();
    let template = "%{ for n in names }${n};%{ endfor }";
    std::fs::write(dir.path().join("t.tmpl"), template).unwrap();
    std::fs::write(dir.path().join("bad.tmpl"), "${nothing}").unwrap();
    let env = |name: &str| match name {
        "SET" => Some("from env".to_owned()),
        "HOME" => Some("/home/me".to_owned()),
        _ => None,
    };
    let mut inputs = Inputs::new(env);
    inputs.now = "2026-01-31T12:30:05Z".parse().unwrap();
    let evaluator = Evaluator::new(&inputs, dir.path().to_owned());
    let expr = text.parse().unwrap();
    let value = evaluator.eval(&expr, &Scope::new(Context::File));
    value.map(|v| v.to_json()).map_err(|e| format!("{}: {}", e.summary, e.detail))
}

#[test]
fn every_example_has_its_value() {
    for (text, expected) in EXAMPLES.iter().filter(|(_, e)| !e.is_empty()) {
        let value = eval(text).map(|v| v.to_string());
        assert_eq!(value.as_deref(), Ok(*expected), "{text}");
    }
}

#[test]
fn every_mistake_is_told() {
    for (text, expected) in ERRORS {
        let error = eval(text).unwrap_err();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn every_function_has_an_example_a_line_of_help_and_a_name_of_its_own() {
    let mut names = BTreeSet::new();
    for f in functions() {
        assert!(names.insert(f.name), "{} is there twice", f.name);
        let call = format!("{}(", f.name);
        let tested = EXAMPLES.iter().any(|(text, e)| text.contains(&call) && !e.is_empty());
        assert!(tested, "{} has no example", f.name);
        assert!(f.help.len() > 5 && !f.help.contains('\n'), "{}", f.name);
        assert!(f.signature.starts_with(&call), "{}", f.signature);
    }
}

#[test]
fn a_signature_shows_what_may_be_left_out() {
    let signature = |name| super::find(name).map(super::Function::signature);
    assert_eq!(signature("env").as_deref(), Some("env(name[, default])"));
    assert_eq!(signature("max").as_deref(), Some("max(numbers...)"));
    assert_eq!(signature("replace").as_deref(), Some("replace(text, search, replacement)"));
}
