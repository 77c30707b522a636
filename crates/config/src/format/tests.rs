use super::*;

fn formatted(text: &str) -> String {
    let once = format(&SourceFile::new("t.hcl", text)).map_err(|e| e.to_string()).unwrap();
    let twice = format(&SourceFile::new("t.hcl", once.as_str())).unwrap();
    assert_eq!(once, twice, "formatting twice must change nothing");
    once
}

#[test]
fn equal_signs_of_neighbours_stand_in_one_column() {
    let text = "a=1\nlong_name   = 2\n\nb = 3\n";
    assert_eq!(formatted(text), "a         = 1\nlong_name = 2\n\nb = 3\n");
}

#[test]
fn a_value_of_several_lines_stands_apart() {
    let text = "a = 1\nlonger = [\n1,\n]\nbb = 2\n";
    assert_eq!(formatted(text), "a = 1\nlonger = [\n  1,\n]\nbb = 2\n");
}

#[test]
fn blocks_are_indented_by_two_and_blank_lines_are_kept_to_one() {
    let text =
        "\n\ntask   \"a\"{\n\n\n\ninput {\nprovider=\"x\"\n      config{\n a=1\n}\n}\n}\n\n\n";
    let expected = "task \"a\" {\n\n  input {\n    provider = \"x\"\n    config {\n      a = 1\n    }\n  }\n}\n";
    assert_eq!(formatted(text), expected);
}

#[test]
fn comments_are_kept_and_trailing_ones_stand_in_one_column() {
    let text = "# top\na = 1 # one\nbcd = 22 // two\n/* block\n   comment */\n";
    let expected = "# top\na   = 1  # one\nbcd = 22 // two\n/* block\n   comment */\n";
    assert_eq!(formatted(text), expected);
}

#[test]
fn operators_have_spaces_and_calls_and_indexes_have_none() {
    for (text, expected) in [
        ("a=1+2*-3\n", "a = 1 + 2 * -3\n"),
        ("a = f ( 1,2 )\n", "a = f(1, 2)\n"),
        ("a = x [ 0 ] . y\n", "a = x[0].y\n"),
        ("a = ! b&&c\n", "a = !b && c\n"),
        ("a = [for k,v in m:k=>v if v!=1]\n", ""),
        ("a = {for k,v in m:k=>v... if v!=1}\n", "a = { for k, v in m : k => v... if v != 1 }\n"),
        ("a = [for x in [1,2]:x if (x>1)]\n", "a = [for x in [1, 2] : x if (x > 1)]\n"),
        ("a = {}\nb = { x=1 }\n", "a = {}\nb = { x = 1 }\n"),
        ("a = x.*.y\nb = x[*].y\n", "a = x.*.y\nb = x[*].y\n"),
        ("a = b?c:d\n", "a = b ? c : d\n"),
        ("a = (b -\n-c)\n", "a = (b -\n  -c)\n"),
        ("a = x-1\n", "a = x-1\n"),
        ("a = 1-x\n", "a = 1 - x\n"),
        ("a = {{ env `X` }}\n", "a = {{ env `X` }}\n"),
    ] {
        if !expected.is_empty() {
            assert_eq!(formatted(text), expected, "{text}");
        }
    }
}

#[test]
fn strings_and_heredocs_are_left_alone() {
    let text = "a = \"x   ${ b }  {{ env `Q` }}\"\nbb = <<EOT\n   keep\n  this\nEOT\nc = 1\n";
    let expected = "a  = \"x   ${ b }  {{ env `Q` }}\"\nbb = <<EOT\n   keep\n  this\nEOT\nc = 1\n";
    assert_eq!(formatted(text), expected);
}

#[test]
fn objects_in_a_list_close_and_open_on_one_line() {
    let text = "a = [{\nb = 1\n}, {\nb = 2\n}]\n";
    assert_eq!(formatted(text), "a = [{\n  b = 1\n}, {\n  b = 2\n}]\n");
}

#[test]
fn a_file_with_a_syntax_error_is_not_formatted() {
    let error = format(&SourceFile::new("t.hcl", "a = [1\n")).unwrap_err();
    assert!(error.to_string().contains("this `[` is not closed"));
}
