//! The controls of tests.

use std::time::{Duration, Instant};

use super::{code, connect, connect_with, run, sim, texts, with_cdc};

#[tokio::test]
async fn an_injected_error_hits_the_statement_that_was_named_and_no_other() {
    let sim = sim();
    sim.execute("CREATE TABLE dbo.t (id int)").unwrap();
    let mut client = connect(&sim).await;
    sim.fail(1205, "insert dbo.t", 2);
    assert_eq!(code(run(&mut client, "INSERT dbo.t VALUES (1)").await), None);
    assert_eq!(code(run(&mut client, "SELECT 1").await), None);
    assert_eq!(code(run(&mut client, "INSERT dbo.t VALUES (2)").await), Some(1205));
    assert_eq!(code(run(&mut client, "INSERT dbo.t VALUES (3)").await), None);
    assert_eq!(texts(&sim, "SELECT id FROM dbo.t"), [["1"], ["3"]]);
}

#[tokio::test]
async fn connections_are_cut_off_at_once_or_at_a_statement() {
    let sim = sim();
    let mut client = connect(&sim).await;
    assert_eq!(sim.drop_connections(), 1);
    assert!(run(&mut client, "SELECT 1").await.is_err());
    let mut client = connect(&sim).await;
    sim.disconnect_at("select 2", 1);
    run(&mut client, "SELECT 1").await.unwrap();
    assert!(run(&mut client, "SELECT 2").await.is_err());
    run(&mut connect(&sim).await, "SELECT 2").await.unwrap();
}

#[tokio::test]
async fn slow_answers_run_into_the_clients_time_limit() {
    let sim = sim();
    let mut config = tiberius::Config::from_ado_string(&sim.connection_string()).unwrap();
    config.command_timeout(Some(Duration::from_millis(100)));
    let mut client = connect_with(config).await.unwrap();
    run(&mut client, "EXEC sim.delay @ms = 1000").await.unwrap();
    let begun = Instant::now();
    assert!(run(&mut client, "SELECT 1").await.is_err());
    assert!(begun.elapsed() < Duration::from_millis(900));
    sim.clear_faults();
}

#[test]
fn the_clock_is_moved_and_idle_rows_come_with_it() {
    let sim = with_cdc("CREATE TABLE dbo.t (id int PRIMARY KEY)", &["t"]);
    let before = texts(&sim, "SELECT COUNT(*) FROM cdc.lsn_time_mapping");
    sim.advance(Duration::from_secs(16 * 60));
    let after = texts(
        &sim,
        "SELECT COUNT(*), DATEDIFF(minute, MIN(tran_end_time), MAX(tran_end_time)) FROM cdc.lsn_time_mapping WHERE tran_id = 0x00",
    );
    assert_eq!(
        (before, after),
        (vec![vec!["0".to_owned()]], vec![vec!["3".to_owned(), "10".to_owned()]])
    );
}
