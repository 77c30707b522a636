//! Literal stdin, exact stdout.

use dstream_testkit::{Result, Transcript};

#[test]
fn rows_reach_the_user_before_their_commit() -> Result {
    let conversation = r#"
host> {"protocol":2,"command":"run","role":"output","task":"t","name":"output","inputs":["input"],"config":{"output_format":"json"}}
provider> {"status":"ready","protocol":2}
host> {"data":{"value":1},"metadata":{"stream":"counter"}}
host> {"@checkpoint":{"id":1,"state":{}}}
provider| {"data":{"value":1},"metadata":{"stream":"counter"}}
provider> {"@committed":{"id":1,"written":1}}
host> {"@end":{}}
exit: 0
"#;
    Transcript::parse(conversation)?.replay(env!("CARGO_BIN_EXE_dstream-out-console"))
}

#[test]
fn a_version_1_host_gets_what_the_original_printed() -> Result {
    let conversation = r#"
host> {"command":"run","config":{"outputFormat":"simple"}}
provider> {"status":"ready"}
host> {"data":{"value":1,"timestamp":"2025-09-25T17:30:22.825803+00:00"},"metadata":{}}
provider| Message #1: {"value":1,"timestamp":"2025-09-25T17:30:22.825803+00:00"}
host: close
exit: 0
"#;
    Transcript::parse(conversation)?.replay(env!("CARGO_BIN_EXE_dstream-out-console"))
}

#[test]
fn a_wrong_format_is_refused_with_the_valid_ones() -> Result {
    let conversation = r#"
host> {"command":"run","config":{"outputFormat":"xml"}}
provider> {"status":"error","kind":"config","path":"outputFormat","message":"unknown variant `xml`, expected one of `simple`, `structured`, `json`, `table`"}
exit: 1
"#;
    Transcript::parse(conversation)?.replay(env!("CARGO_BIN_EXE_dstream-out-console"))
}
