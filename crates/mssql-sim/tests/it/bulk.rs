//! Bulk load, as tiberius does it.

use tiberius::{IntoRow as _, IntoSql as _, TokenRow, numeric::Numeric};

use super::{code, connect, run, sim, texts};

#[tokio::test]
async fn rows_of_a_bulk_load_arrive() {
    let sim = sim();
    sim.execute("CREATE TABLE dbo.t (n int IDENTITY, id int NOT NULL PRIMARY KEY, s nvarchar(100), d decimal(12,3), b varbinary(max), big bigint NOT NULL, t datetime2(7))").unwrap();
    let mut client = connect(&sim).await;
    let mut load = client.bulk_insert("dbo.t").await.unwrap();
    for id in 0..1000_i32 {
        let mut row = TokenRow::new();
        row.push(id.into_sql());
        row.push((id % 3 > 0).then(|| format!("row ä {id}")).into_sql());
        row.push(Some(Numeric::new_with_scale(i128::from(id) * 1500, 3)).into_sql());
        row.push(Some(vec![7_u8; (id % 50) as usize]).into_sql());
        row.push((i64::from(id) << 33).into_sql());
        row.push(tiberius::ColumnData::DateTime2(None));
        load.send(row).await.unwrap();
    }
    assert_eq!(load.finalize().await.unwrap().total(), 1000);
    assert_eq!(
        texts(&sim, "SELECT COUNT(*), COUNT(s), SUM(d), MAX(n), MAX(big) FROM dbo.t"),
        [["1000", "666", "749250.000", "1000", "8581344657408"]]
    );
    assert_eq!(
        texts(&sim, "SELECT s, DATALENGTH(b) FROM dbo.t WHERE id = 52"),
        [["row ä 52", "2"]]
    );
}

#[tokio::test]
async fn a_bulk_load_into_some_columns_fails_whole_and_leaves_the_connection_usable() {
    let sim = sim();
    sim.execute("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, a int, b int DEFAULT 5); INSERT dbo.t VALUES (3, 0, 0)").unwrap();
    let mut client = connect(&sim).await;
    let mut load = client.bulk_insert_columns("dbo.t", &["id", "a"]).await.unwrap();
    for id in 1..=3_i32 {
        load.send((id, id).into_row()).await.unwrap();
    }
    assert_eq!(code(load.finalize().await), Some(2627));
    assert_eq!(texts(&sim, "SELECT COUNT(*) FROM dbo.t"), [["1"]]);
    let mut load = client.bulk_insert_columns("dbo.t", &["id", "a"]).await.unwrap();
    load.send((8_i32, 1_i32).into_row()).await.unwrap();
    load.finalize().await.unwrap();
    assert_eq!(
        run(&mut client, "SELECT b FROM dbo.t WHERE id = 8").await.unwrap()[0][0].get::<i32, _>(0),
        Some(5)
    );
}
