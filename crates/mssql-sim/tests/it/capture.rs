//! Change data capture, fact by fact.

use super::{code, connect, run, sim, texts, with_cdc};

const TABLE: &str = "CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, name nvarchar(20), big nvarchar(max), u int NULL CONSTRAINT uq UNIQUE)";
const CHANGES: &str = "SELECT __$operation, id, name FROM cdc.dbo_t_CT ORDER BY __$start_lsn, __$command_id, __$seqval, __$operation";

#[test]
fn insert_update_and_delete_become_their_operations() {
    let sim = with_cdc(TABLE, &["t"]);
    sim.execute("INSERT dbo.t (id, name) VALUES (1, N'a'); UPDATE dbo.t SET name = N'b' WHERE id = 1; DELETE dbo.t").unwrap();
    assert_eq!(
        texts(&sim, CHANGES),
        [["2", "1", "a"], ["3", "1", "a"], ["4", "1", "b"], ["1", "1", "b"]]
    );
    assert_eq!(
        texts(
            &sim,
            "SELECT COUNT(DISTINCT __$start_lsn), COUNT(DISTINCT __$seqval), MAX(DATALENGTH(__$start_lsn)), MAX(__$end_lsn) FROM cdc.dbo_t_CT"
        ),
        [["3", "3", "10", "NULL"]]
    );
    assert_eq!(
        texts(&sim, "SELECT COUNT(*) FROM cdc.lsn_time_mapping WHERE tran_id <> 0x00"),
        [["3"]]
    );
    // An update that changes nothing is not captured; one of a row that is not there neither.
    sim.execute("INSERT dbo.t (id) VALUES (5); UPDATE dbo.t SET name = NULL; UPDATE dbo.t SET name = N'x' WHERE id = 99").unwrap();
    assert_eq!(texts(&sim, CHANGES).len(), 5);
}

#[test]
fn a_transaction_has_one_lsn_and_a_rollback_none() {
    let sim = with_cdc(TABLE, &["t"]);
    sim.execute("BEGIN TRAN; INSERT dbo.t (id, u) VALUES (1, 1), (2, 2); UPDATE dbo.t SET name = N'x'; COMMIT; BEGIN TRAN; DELETE dbo.t; ROLLBACK").unwrap();
    assert_eq!(
        texts(
            &sim,
            "SELECT COUNT(*), COUNT(DISTINCT __$start_lsn), COUNT(DISTINCT __$seqval) FROM cdc.dbo_t_CT"
        ),
        [["6", "1", "4"]]
    );
    assert_eq!(
        texts(&sim, "SELECT COUNT(*) FROM cdc.dbo_t_CT WHERE __$seqval < __$start_lsn"),
        [["6"]]
    );
}

#[test]
fn a_deferred_update_is_a_delete_and_an_insert_with_one_seqval() {
    let sim = with_cdc(TABLE, &["t"]);
    sim.execute(
        "INSERT dbo.t (id, u) VALUES (1, 10); UPDATE dbo.t SET id = 7; UPDATE dbo.t SET u = 11",
    )
    .unwrap();
    assert_eq!(
        texts(
            &sim,
            "SELECT __$operation, id, u FROM cdc.dbo_t_CT ORDER BY __$start_lsn, __$command_id, __$seqval, __$operation"
        ),
        [["2", "1", "10"], ["1", "1", "10"], ["2", "7", "10"], ["1", "7", "10"], ["2", "7", "11"]]
    );
    assert_eq!(
        texts(&sim, "SELECT COUNT(*) FROM cdc.dbo_t_CT GROUP BY __$start_lsn, __$seqval"),
        [["1"], ["2"], ["2"]]
    );
}

#[test]
fn the_update_mask_tells_unchanged_max_columns_from_null() {
    let sim = with_cdc(TABLE, &["t"]);
    sim.execute("INSERT dbo.t (id, name, big) VALUES (1, N'a', REPLICATE(CAST(N'x' AS nvarchar(max)), 9000)); UPDATE dbo.t SET name = N'b'; UPDATE dbo.t SET big = NULL").unwrap();
    let rows = texts(
        &sim,
        "SELECT __$operation, __$update_mask, LEN(big), sys.fn_cdc_is_bit_set(sys.fn_cdc_get_column_ordinal('dbo_t', 'big'), __$update_mask) FROM cdc.dbo_t_CT ORDER BY __$start_lsn, __$operation",
    );
    assert_eq!(
        rows,
        [
            ["2", "0x0F", "9000", "1"],
            ["3", "0x02", "NULL", "0"],
            ["4", "0x02", "NULL", "0"],
            ["3", "0x04", "9000", "1"],
            ["4", "0x04", "NULL", "1"]
        ]
    );
}

#[test]
fn the_mask_of_many_columns_has_the_first_one_in_its_last_byte() {
    let columns: Vec<String> = (1..10).map(|n| format!("c{n} int NULL")).collect();
    let ddl = format!("CREATE TABLE dbo.t (id int PRIMARY KEY, {})", columns.join(", "));
    let sim = with_cdc(&ddl, &["t"]);
    sim.execute("INSERT dbo.t (id) VALUES (1); UPDATE dbo.t SET c1 = 1; UPDATE dbo.t SET c9 = 1")
        .unwrap();
    let masks = "SELECT DISTINCT __$start_lsn, __$update_mask FROM cdc.dbo_t_CT ORDER BY 1";
    let masks: Vec<String> = texts(&sim, masks).into_iter().map(|row| row[1].clone()).collect();
    assert_eq!(masks, ["0x03FF", "0x0002", "0x0200"]);
}

#[tokio::test]
async fn the_function_checks_its_range_with_error_313() {
    let sim = with_cdc(TABLE, &["t"]);
    let mut client = connect(&sim).await;
    let call = |from: &str, to: &str, option: &str| {
        format!(
            "DECLARE @lo binary(10) = sys.fn_cdc_get_min_lsn('dbo_t'), @hi binary(10) = sys.fn_cdc_get_max_lsn(); SELECT * FROM cdc.fn_cdc_get_all_changes_dbo_t({from}, {to}, N'{option}')"
        )
    };
    // Nothing is there yet: the maximum is NULL.
    assert_eq!(code(run(&mut client, &call("@lo", "@hi", "all")).await), Some(313));
    sim.execute("INSERT dbo.t (id) VALUES (1); UPDATE dbo.t SET name = N'x'").unwrap();
    assert_eq!(run(&mut client, &call("@lo", "@hi", "all update old")).await.unwrap()[0].len(), 3);
    assert_eq!(run(&mut client, &call("@lo", "@hi", "all")).await.unwrap()[0].len(), 2);
    let columns: Vec<String> = run(&mut client, &call("@lo", "@hi", "all")).await.unwrap()[0][0]
        .columns()
        .iter()
        .map(|c| c.name().to_owned())
        .collect();
    assert_eq!(
        columns,
        ["__$start_lsn", "__$seqval", "__$operation", "__$update_mask", "id", "name", "big", "u"]
    );
    for (from, to, option) in [
        ("NULL", "@hi", "all"),
        ("sys.fn_cdc_decrement_lsn(@lo)", "@hi", "all"),
        ("@lo", "sys.fn_cdc_increment_lsn(@hi)", "all"),
        ("sys.fn_cdc_increment_lsn(@hi)", "@hi", "all"),
        ("@lo", "@hi", "everything"),
    ] {
        assert_eq!(
            code(run(&mut client, &call(from, to, option)).await),
            Some(313),
            "{from} {to} {option}"
        );
    }
    assert_eq!(
        code(
            run(
                &mut client,
                "SELECT * FROM cdc.fn_cdc_get_all_changes_dbo_nothing(0x00, 0x00, N'all')"
            )
            .await
        ),
        Some(208)
    );
}

#[test]
fn two_instances_are_the_most_and_the_second_has_the_new_columns() {
    let sim = with_cdc(TABLE, &["t"]);
    sim.execute("INSERT dbo.t (id, u) VALUES (1, 1); ALTER TABLE dbo.t ADD extra int NULL; INSERT dbo.t (id, u, extra) VALUES (2, 2, 22)").unwrap();
    sim.execute("EXEC sys.sp_cdc_enable_table 'dbo', 't', @capture_instance = 'second', @role_name = NULL; INSERT dbo.t (id, u, extra) VALUES (3, 3, 33)").unwrap();
    assert_eq!(sim.execute("EXEC sys.sp_cdc_enable_table 'dbo', 't', @capture_instance = 'third', @role_name = NULL").unwrap_err().number, 22_962);
    assert_eq!(texts(&sim, "SELECT id FROM cdc.dbo_t_CT"), [["1"], ["2"], ["3"]]);
    assert_eq!(texts(&sim, "SELECT id, extra FROM cdc.second_CT"), [["3", "33"]]);
    assert_eq!(
        texts(
            &sim,
            "SELECT COUNT(*) FROM cdc.change_tables a JOIN cdc.change_tables b ON a.source_object_id = b.source_object_id AND a.start_lsn < b.start_lsn"
        ),
        [["1"]]
    );
    assert_eq!(
        texts(
            &sim,
            "SELECT cc.column_name, cc.column_type, cc.column_ordinal FROM cdc.captured_columns cc JOIN cdc.change_tables ct ON ct.object_id = cc.object_id WHERE ct.capture_instance = 'second' AND cc.column_ordinal > 3 ORDER BY 3"
        ),
        [["u", "int", "4"], ["extra", "int", "5"]]
    );
    assert_eq!(
        texts(&sim, "SELECT ddl_command, required_column_update FROM cdc.ddl_history"),
        [["ALTER TABLE dbo.t ADD extra int NULL", "0"]]
    );
    sim.execute("EXEC sys.sp_cdc_disable_table 'dbo', 't', 'dbo_t'").unwrap();
    assert_eq!(sim.execute("SELECT * FROM cdc.dbo_t_CT").unwrap_err().number, 208);
    let help = texts(&sim, "EXEC sys.sp_cdc_help_change_data_capture");
    assert_eq!(
        (help.len(), help[0][2].as_str(), help[0][14].as_str()),
        (1, "second", "[id], [name], [big], [u], [extra]")
    );
}

#[test]
fn a_dropped_column_is_null_in_the_older_instance() {
    let sim = with_cdc("CREATE TABLE dbo.t (id int PRIMARY KEY, a int, b int)", &["t"]);
    sim.execute("INSERT dbo.t VALUES (1, 2, 3); ALTER TABLE dbo.t DROP COLUMN a; INSERT dbo.t VALUES (4, 5); ALTER TABLE dbo.t ALTER COLUMN b bigint; INSERT dbo.t VALUES (6, 7)").unwrap();
    assert_eq!(
        texts(&sim, "SELECT id, a, b FROM cdc.dbo_t_CT"),
        [["1", "2", "3"], ["4", "NULL", "5"], ["6", "NULL", "7"]]
    );
}

#[test]
fn while_the_agent_is_off_nothing_is_captured_and_a_step_captures_so_much() {
    let sim = with_cdc(TABLE, &["t"]);
    sim.agent(false).unwrap();
    assert_eq!(
        texts(
            &sim,
            "SELECT status_desc FROM sys.dm_server_services WHERE servicename LIKE N'SQL Server Agent%'"
        ),
        [["Stopped"]]
    );
    for id in 0..5 {
        sim.execute(&format!("INSERT dbo.t (id, u) VALUES ({id}, {id})")).unwrap();
    }
    assert_eq!(texts(&sim, "SELECT COUNT(*) FROM cdc.dbo_t_CT"), [["0"]]);
    assert_eq!(sim.step(2).unwrap(), 2);
    assert_eq!(texts(&sim, "SELECT COUNT(*) FROM cdc.dbo_t_CT"), [["2"]]);
    sim.agent(true).unwrap();
    assert_eq!(
        texts(&sim, "SELECT COUNT(*), COUNT(DISTINCT __$start_lsn) FROM cdc.dbo_t_CT"),
        [["5", "5"]]
    );
}

#[test]
fn an_instance_made_while_the_agent_is_off_has_no_start_yet() {
    let sim = with_cdc(TABLE, &[]);
    sim.agent(false).unwrap();
    sim.execute("EXEC sys.sp_cdc_enable_table 'dbo', 't', @role_name = NULL").unwrap();
    assert_eq!(
        texts(&sim, "SELECT start_lsn, sys.fn_cdc_get_min_lsn('dbo_t') FROM cdc.change_tables"),
        [["NULL", "0x00000000000000000000"]]
    );
    sim.agent(true).unwrap();
    assert_eq!(
        texts(
            &sim,
            "SELECT CASE WHEN start_lsn = sys.fn_cdc_get_min_lsn('dbo_t') THEN 1 ELSE 0 END FROM cdc.change_tables"
        ),
        [["1"]]
    );
    assert_eq!(
        texts(&sim, "SELECT sys.fn_cdc_get_min_lsn('nobody')"),
        [["0x00000000000000000000"]]
    );
}

#[test]
fn clean_up_raises_the_low_end_of_quiet_instances_too() {
    let sim = with_cdc(
        "CREATE TABLE dbo.t (id int PRIMARY KEY); CREATE TABLE dbo.quiet (id int PRIMARY KEY)",
        &["t", "quiet"],
    );
    for id in 0..4 {
        // Commits of one time, a datetime's, stay together.
        sim.advance(std::time::Duration::from_millis(10));
        sim.execute(&format!("INSERT dbo.t VALUES ({id})")).unwrap();
    }
    sim.execute("EXEC sim.clean_up").unwrap();
    assert_eq!(texts(&sim, "SELECT id FROM cdc.dbo_t_CT"), [["3"]]);
    assert_eq!(
        texts(
            &sim,
            "SELECT COUNT(*) FROM cdc.change_tables WHERE start_lsn = sys.fn_cdc_get_max_lsn()"
        ),
        [["2"]]
    );
    assert_eq!(texts(&sim, "SELECT COUNT(*) FROM cdc.lsn_time_mapping"), [["1"]]);
}

#[test]
fn times_are_mapped_to_lsns_and_back() {
    let sim = with_cdc("CREATE TABLE dbo.t (id int PRIMARY KEY)", &["t"]);
    sim.execute("INSERT dbo.t VALUES (1)").unwrap();
    sim.advance(std::time::Duration::from_secs(60));
    sim.execute("INSERT dbo.t VALUES (2)").unwrap();
    let found = "DECLARE @last datetime = sys.fn_cdc_map_lsn_to_time(sys.fn_cdc_get_max_lsn()); SELECT
        CASE WHEN sys.fn_cdc_map_time_to_lsn('largest less than or equal', @last) = sys.fn_cdc_get_max_lsn() THEN 1 END,
        CASE WHEN sys.fn_cdc_map_time_to_lsn('largest less than', @last) = (SELECT MIN(start_lsn) FROM cdc.lsn_time_mapping) THEN 1 END,
        sys.fn_cdc_map_time_to_lsn('smallest greater than', @last)";
    assert_eq!(texts(&sim, found), [["1", "1", "NULL"]]);
}

#[tokio::test]
async fn each_way_that_cdc_can_be_off_has_its_error() {
    let sim = sim();
    sim.execute("CREATE TABLE dbo.t (id int)").unwrap();
    assert_eq!(
        sim.execute("EXEC sys.sp_cdc_enable_table 'dbo', 't', @role_name = NULL")
            .unwrap_err()
            .number,
        22_901
    );
    assert_eq!(sim.execute("SELECT * FROM cdc.change_tables").unwrap_err().number, 208);
    assert_eq!(
        texts(&sim, "SELECT is_cdc_enabled FROM sys.databases WHERE name = DB_NAME()"),
        [["0"]]
    );
    sim.execute("EXEC sys.sp_cdc_enable_db").unwrap();
    assert_eq!(
        sim.execute("EXEC sys.sp_cdc_enable_table 'dbo', 'gone', @role_name = NULL")
            .unwrap_err()
            .number,
        22_931
    );
    sim.execute("EXEC sys.sp_cdc_enable_table 'dbo', 't', @role_name = N'gate'").unwrap();
    assert_eq!(
        texts(&sim, "SELECT name, is_tracked_by_cdc FROM sys.tables WHERE is_ms_shipped = 0"),
        [["t", "1"]]
    );
    sim.execute("INSERT dbo.t VALUES (1); CREATE LOGIN r WITH PASSWORD = 'Reader1!'; CREATE USER r FOR LOGIN r; GRANT SELECT ON dbo.t TO r").unwrap();
    let mut config = tiberius::Config::from_ado_string(&sim.connection_string()).unwrap();
    config.authentication(tiberius::AuthMethod::sql_server("r", "Reader1!"));
    let mut client = super::connect_with(config).await.unwrap();
    let call = "DECLARE @h binary(10) = sys.fn_cdc_get_max_lsn(); SELECT * FROM cdc.fn_cdc_get_all_changes_dbo_t(@h, @h, N'all')";
    assert_eq!(code(run(&mut client, call).await), Some(229));
    assert_eq!(
        run(&mut client, "SELECT sys.fn_cdc_get_min_lsn('dbo_t')").await.unwrap()[0][0]
            .get::<&[u8], _>(0),
        Some([0; 10].as_slice())
    );
    sim.execute("ALTER ROLE gate ADD MEMBER r").unwrap();
    assert_eq!(run(&mut client, call).await.unwrap()[0].len(), 1);
    sim.execute("EXEC sys.sp_cdc_disable_db").unwrap();
    assert_eq!(sim.execute("SELECT * FROM cdc.dbo_t_CT").unwrap_err().number, 208);
}

#[tokio::test]
async fn a_reader_pages_through_the_change_table_in_its_order() {
    let sim = with_cdc("CREATE TABLE dbo.t (id int PRIMARY KEY, n int)", &["t"]);
    for i in 0..20 {
        sim.execute(&format!(
            "INSERT dbo.t SELECT value, 0 FROM GENERATE_SERIES({}, {})",
            i * 50,
            i * 50 + 49
        ))
        .unwrap();
    }
    let mut client = connect(&sim).await;
    let bound = "SELECT MAX(start_lsn) FROM (SELECT TOP (@P2) start_lsn FROM cdc.lsn_time_mapping WHERE start_lsn > @P1 AND tran_id <> 0x00 ORDER BY start_lsn) x";
    let (mut from, mut next) = (vec![0_u8; 10], 0);
    loop {
        let row = client
            .query(bound, &[&from.as_slice(), &3_i32])
            .await
            .unwrap()
            .into_row()
            .await
            .unwrap()
            .unwrap();
        let Some(to) = row.get::<&[u8], _>(0).map(<[u8]>::to_vec) else { break };
        let page = "SELECT id FROM cdc.[dbo_t_CT] WHERE [__$start_lsn] > @P1 AND [__$start_lsn] <= @P2 ORDER BY [__$start_lsn], [__$command_id], [__$seqval], [__$operation]";
        for row in client
            .query(page, &[&from.as_slice(), &to.as_slice()])
            .await
            .unwrap()
            .into_first_result()
            .await
            .unwrap()
        {
            assert_eq!(row.get::<i32, _>(0), Some(next));
            next += 1;
        }
        from = to;
    }
    assert_eq!(next, 1000);
}

#[test]
fn the_log_is_scanned_by_hand_where_no_job_does_and_as_much_as_is_asked_for() {
    let sim = with_cdc("CREATE TABLE dbo.t (id int PRIMARY KEY)", &["t"]);
    let count = || texts(&sim, "SELECT COUNT(*) FROM cdc.dbo_t_CT").concat().concat();
    let jobs = || {
        texts(&sim, "SELECT job_type FROM msdb.dbo.cdc_jobs WHERE database_id = DB_ID()").concat()
    };
    assert_eq!(jobs(), ["capture", "cleanup"], "made with the first table");
    assert_eq!(sim.execute("EXEC sys.sp_cdc_scan").unwrap_err().number, 22_903);
    sim.execute("EXEC sys.sp_cdc_stop_job @job_type = N'capture'").unwrap();
    assert_eq!(sim.execute("EXEC sys.sp_cdc_stop_job").unwrap_err().number, 22_022);
    sim.execute("EXEC sys.sp_cdc_drop_job @job_type = N'capture'").unwrap();
    assert_eq!(jobs(), ["cleanup"]);
    for id in 0..5 {
        sim.execute(&format!("INSERT dbo.t VALUES ({id})")).unwrap();
    }
    assert_eq!(count(), "0");
    sim.execute("EXEC sys.sp_cdc_scan @maxtrans = 2, @maxscans = 1").unwrap();
    assert_eq!(count(), "2");
    sim.execute("EXEC sys.sp_cdc_scan").unwrap();
    assert_eq!(count(), "5");
    sim.execute("EXEC sys.sp_cdc_add_job @job_type = N'capture'").unwrap();
    sim.execute("INSERT dbo.t VALUES (6)").unwrap();
    assert_eq!(count(), "6");
    sim.execute("EXEC sys.sp_cdc_disable_table N'dbo', N't', @capture_instance = N'all'").unwrap();
    assert!(jobs().is_empty(), "gone with the last table");
}

#[test]
fn a_clean_up_keeps_all_commits_of_the_time_that_it_names() {
    let sim = with_cdc("CREATE TABLE dbo.t (id int PRIMARY KEY)", &["t"]);
    sim.execute("INSERT dbo.t VALUES (1)").unwrap();
    sim.advance(std::time::Duration::from_millis(10));
    sim.execute("INSERT dbo.t VALUES (2); INSERT dbo.t VALUES (3)").unwrap();
    // Where they fell on two sides of a third of a hundredth, there is nothing to be seen.
    let times = texts(&sim, "SELECT COUNT(DISTINCT tran_end_time) FROM cdc.lsn_time_mapping");
    let clean = "DECLARE @low binary(10) = sys.fn_cdc_get_max_lsn(); \
        EXEC sys.sp_cdc_cleanup_change_table @capture_instance = N'dbo_t', @low_water_mark = @low";
    sim.execute(clean).unwrap();
    let left = texts(&sim, "SELECT id FROM cdc.dbo_t_CT ORDER BY id").concat();
    match times.concat().concat().as_str() {
        "2" => assert_eq!(left, ["2", "3"]),
        _ => assert_eq!(left, ["3"]),
    }
    // NULL: the low end stays.
    sim.execute(
        "EXEC sys.sp_cdc_cleanup_change_table @capture_instance = N'dbo_t', @low_water_mark = NULL",
    )
    .unwrap();
    assert_eq!(texts(&sim, "SELECT id FROM cdc.dbo_t_CT ORDER BY id").concat(), left);
}
