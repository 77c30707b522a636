//! What can be wrong, each with its remedy.

use dstream_testkit::serde_json::json;

use crate::server::{Db, States};

#[test]
fn each_way_in_which_capture_can_be_off_says_what_to_run() {
    let db = Db::bare();
    db.sql("CREATE TABLE dbo.t (id int PRIMARY KEY)");
    let config = db.config(json!({"tables": ["t"]}));
    let fails = || db.start(&config, &States::new()).fails();
    let off = fails();
    assert!(off.contains("EXEC sys.sp_cdc_enable_db"), "{off}");
    db.enable_capture();
    let off = fails();
    assert!(
        off.starts_with("config")
            && off.contains(
                "EXEC sys.sp_cdc_enable_table @source_schema = N'dbo', @source_name = N't'"
            ),
        "{off}"
    );
    let mut other = config.clone();
    other["tables"] = json!(["nothing"]);
    let none = db.start(&other, &States::new()).fails();
    assert!(none.contains("no table `nothing`") && none.contains("dbo.t"), "{none}");
}

#[test]
fn a_wrong_password_and_no_server_are_told_apart() {
    let db = Db::new();
    db.tables("CREATE TABLE dbo.t (id int PRIMARY KEY)", &["t"]);
    let wrong = db.config(json!({"user": "dstream_nobody", "password": "wrong"}));
    let refused = db.start(&wrong, &States::new()).fails();
    assert!(refused.starts_with("auth") && refused.contains("18456"), "{refused}");
    let nobody = json!({"host": "127.0.0.1", "port": 1, "user": "sa", "password": "x"});
    let nobody = db.start(&nobody, &States::new()).fails();
    assert!(nobody.starts_with("transient") && nobody.contains("127.0.0.1:1"), "{nobody}");
}
