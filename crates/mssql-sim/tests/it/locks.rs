//! Transactions, savepoints, isolation, locks.

use std::time::{Duration, Instant};

use tiberius::IsolationLevel;

use super::{code, connect, run, sim, texts};

fn one(rows: &[Vec<tiberius::Row>]) -> i32 {
    rows[0][0].get(0).unwrap()
}

#[tokio::test]
async fn a_rollback_forgets_and_a_savepoint_forgets_a_part() {
    let sim = sim();
    sim.execute("CREATE TABLE dbo.t (id int PRIMARY KEY)").unwrap();
    let mut client = connect(&sim).await;
    run(&mut client, "BEGIN TRAN; INSERT dbo.t VALUES (1); SAVE TRAN s; INSERT dbo.t VALUES (2); ROLLBACK TRAN s; INSERT dbo.t VALUES (3)").await.unwrap();
    assert_eq!(one(&run(&mut client, "SELECT @@TRANCOUNT").await.unwrap()), 1);
    assert_eq!(texts(&sim, "SELECT COUNT(*) FROM dbo.t"), [["0"]]);
    run(&mut client, "COMMIT").await.unwrap();
    assert_eq!(texts(&sim, "SELECT id FROM dbo.t"), [["1"], ["3"]]);
    client.begin_transaction().await.unwrap();
    client.execute("DELETE dbo.t", &[]).await.unwrap();
    client.rollback_transaction().await.unwrap();
    assert_eq!(texts(&sim, "SELECT COUNT(*) FROM dbo.t"), [["2"]]);
    client.begin_transaction().await.unwrap();
    client.execute("DELETE dbo.t WHERE id = @P1", &[&1_i32]).await.unwrap();
    client.commit_transaction().await.unwrap();
    assert_eq!(texts(&sim, "SELECT id FROM dbo.t"), [["3"]]);
}

#[tokio::test]
async fn xact_abort_ends_the_transaction_and_without_it_the_transaction_goes_on() {
    let sim = sim();
    sim.execute("CREATE TABLE dbo.t (id int PRIMARY KEY)").unwrap();
    let mut client = connect(&sim).await;
    assert_eq!(code(run(&mut client, "BEGIN TRAN; INSERT dbo.t VALUES (1); INSERT dbo.t VALUES (1); INSERT dbo.t VALUES (2)").await), Some(2627));
    assert_eq!(one(&run(&mut client, "COMMIT; SELECT COUNT(*) FROM dbo.t").await.unwrap()), 2);
    assert_eq!(
        code(
            run(
                &mut client,
                "SET XACT_ABORT ON; BEGIN TRAN; INSERT dbo.t VALUES (3); INSERT dbo.t VALUES (3)"
            )
            .await
        ),
        Some(2627)
    );
    assert_eq!(one(&run(&mut client, "SELECT @@TRANCOUNT").await.unwrap()), 0);
    assert_eq!(texts(&sim, "SELECT COUNT(*) FROM dbo.t"), [["2"]]);
}

#[tokio::test]
async fn a_snapshot_sees_what_was_and_refuses_to_overwrite_what_came_since() {
    let sim = sim();
    sim.execute("CREATE TABLE dbo.t (id int PRIMARY KEY, n int); INSERT dbo.t VALUES (1, 1)")
        .unwrap();
    let mut client = connect(&sim).await;
    assert_eq!(
        code(
            run(
                &mut client,
                "SET TRANSACTION ISOLATION LEVEL SNAPSHOT; BEGIN TRAN; SELECT n FROM dbo.t"
            )
            .await
        ),
        Some(3952)
    );
    run(&mut client, "IF @@TRANCOUNT > 0 ROLLBACK").await.unwrap();
    sim.execute("ALTER DATABASE CURRENT SET ALLOW_SNAPSHOT_ISOLATION ON").unwrap();
    client.begin_transaction_with_isolation(IsolationLevel::Snapshot).await.unwrap();
    assert_eq!(one(&run(&mut client, "SELECT n FROM dbo.t").await.unwrap()), 1);
    sim.execute("UPDATE dbo.t SET n = 2").unwrap();
    assert_eq!(one(&run(&mut client, "SELECT n FROM dbo.t").await.unwrap()), 1);
    assert_eq!(code(run(&mut client, "UPDATE dbo.t SET n = n + 10").await), Some(3960));
    assert_eq!(texts(&sim, "SELECT n FROM dbo.t"), [["2"]]);
}

#[tokio::test]
async fn an_epoch_row_is_read_by_one_writer_at_a_time() {
    let sim = sim();
    sim.execute(
        "CREATE TABLE dbo.epoch (id int PRIMARY KEY, n int); INSERT dbo.epoch VALUES (1, 0)",
    )
    .unwrap();
    let mut first = connect(&sim).await;
    let mut second = connect(&sim).await;
    let read = "BEGIN TRAN; SELECT n FROM dbo.epoch WITH (UPDLOCK, HOLDLOCK) WHERE id = 1";
    assert_eq!(one(&run(&mut first, read).await.unwrap()), 0);
    let begun = Instant::now();
    let waiting = tokio::spawn(async move {
        let n = one(&run(&mut second, read).await.unwrap());
        run(&mut second, "UPDATE dbo.epoch SET n = n + 1; COMMIT").await.unwrap();
        n
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    run(&mut first, "UPDATE dbo.epoch SET n = n + 1 WHERE id = 1; COMMIT").await.unwrap();
    assert_eq!(waiting.await.unwrap(), 1);
    assert!(begun.elapsed() >= Duration::from_millis(200));
    assert_eq!(texts(&sim, "SELECT n FROM dbo.epoch"), [["2"]]);
    let mut third = connect(&sim).await;
    run(&mut first, "BEGIN TRAN; UPDATE dbo.epoch SET n = 0").await.unwrap();
    assert_eq!(
        code(run(&mut third, "SET LOCK_TIMEOUT 50; UPDATE dbo.epoch SET n = 9").await),
        Some(1222)
    );
}

#[tokio::test]
async fn of_two_that_wait_for_each_other_one_is_the_victim() {
    let sim = sim();
    sim.execute("CREATE TABLE dbo.a (n int); CREATE TABLE dbo.b (n int)").unwrap();
    let mut first = connect(&sim).await;
    let mut second = connect(&sim).await;
    run(&mut first, "BEGIN TRAN; INSERT dbo.a VALUES (1)").await.unwrap();
    run(&mut second, "BEGIN TRAN; INSERT dbo.b VALUES (2)").await.unwrap();
    let waiting =
        tokio::spawn(async move { code(run(&mut first, "INSERT dbo.b VALUES (1); COMMIT").await) });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(code(run(&mut second, "INSERT dbo.a VALUES (2); COMMIT").await), Some(1205));
    assert_eq!(waiting.await.unwrap(), None);
    assert_eq!(
        texts(&sim, "SELECT (SELECT COUNT(*) FROM dbo.a), (SELECT COUNT(*) FROM dbo.b)"),
        [["1", "1"]]
    );
}

#[tokio::test]
async fn a_client_that_leaves_takes_its_transaction_with_it() {
    let sim = sim();
    sim.execute("CREATE TABLE dbo.t (id int)").unwrap();
    let mut client = connect(&sim).await;
    run(&mut client, "BEGIN TRAN; INSERT dbo.t VALUES (1)").await.unwrap();
    drop(client);
    sim.execute("INSERT dbo.t VALUES (2)").unwrap();
    assert_eq!(texts(&sim, "SELECT id FROM dbo.t"), [["2"]]);
}
