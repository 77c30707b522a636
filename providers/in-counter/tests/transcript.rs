//! Literal stdin, exact stdout.

use dstream_testkit::{Result, Transcript};

const CONVERSATION: &str = r#"
host> {"protocol":2,"command":"run","role":"input","task":"t","name":"input","config":{"interval":0,"max_count":2,"start":7}}
provider> {"status":"ready","protocol":2}
provider> {"@schema":{"stream":"counter","key":["value"],"fields":[{"name":"value","type":"uint64","nullable":false},{"name":"timestamp","type":"timestamptz","nullable":false}]}}
provider> {"data":{"value":7,"timestamp":"<any>"},"metadata":{"stream":"counter","op":"insert"}}
provider> {"data":{"value":8,"timestamp":"<any>"},"metadata":{"stream":"counter","op":"insert"}}
provider> {"@checkpoint":{"id":1,"state":{"":{"next":9}}}}
provider> {"@end":{}}
host> {"@committed":{"id":1}}
exit: 0
"#;

#[test]
fn it_counts_to_its_end_and_says_where_it_stands() -> Result {
    Transcript::parse(CONVERSATION)?.replay(env!("CARGO_BIN_EXE_dstream-in-counter"))
}

#[test]
fn a_restart_counts_on_and_keeps_the_total() -> Result {
    let conversation = r#"
host> {"protocol":2,"command":"run","role":"input","task":"t","name":"input","config":{"interval":"1ms","maxCount":3},"checkpoint":{"":{"next":3}}}
provider> {"status":"ready","protocol":2}
provider~ {"@schema":{"stream":"counter"}}
provider> {"data":{"value":3,"timestamp":"<any>"},"metadata":{"stream":"counter","op":"insert"}}
provider> {"@checkpoint":{"id":1,"state":{"":{"next":4}}}}
provider> {"@end":{}}
host: close
exit: 0
"#;
    Transcript::parse(conversation)?.replay(env!("CARGO_BIN_EXE_dstream-in-counter"))
}
