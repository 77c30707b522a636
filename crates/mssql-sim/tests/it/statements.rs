//! Statements, errors, attention.

use futures_util::TryStreamExt as _;

use super::{code, connect, run, sim, texts};

#[tokio::test]
async fn errors_carry_the_numbers_of_the_real_ones() {
    let sim = sim();
    sim.execute("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, u int CONSTRAINT uq UNIQUE, name varchar(3) NOT NULL); CREATE TABLE dbo.v (a int)").unwrap();
    sim.execute("CREATE UNIQUE INDEX ix ON dbo.v (a); INSERT dbo.v VALUES (1); INSERT dbo.t VALUES (1, 1, 'a')").unwrap();
    let mut client = connect(&sim).await;
    for (number, text) in [
        (208, "SELECT * FROM dbo.nowhere"),
        (207, "SELECT nothing FROM dbo.t"),
        (2627, "INSERT dbo.t VALUES (1, 2, 'b')"),
        (2627, "INSERT dbo.t VALUES (2, 1, 'b')"),
        (2601, "INSERT dbo.v VALUES (1)"),
        (515, "INSERT dbo.t VALUES (3, 3, NULL)"),
        (2628, "INSERT dbo.t VALUES (3, 3, 'long')"),
        (245, "SELECT CAST('x' AS int)"),
        (8134, "SELECT 1 / 0"),
        (8115, "SELECT CAST(300 AS tinyint)"),
        (102, "SELECT FROM WHERE"),
        (137, "SELECT @nobody"),
        (512, "SELECT (SELECT id FROM dbo.t UNION ALL SELECT 2)"),
        (2812, "EXEC dbo.nothing"),
        (911, "USE atlantis"),
        (3902, "COMMIT"),
        (50_999, "MERGE dbo.t USING dbo.v ON 1 = 1 WHEN MATCHED THEN DELETE;"),
        (50_001, "THROW 50001, 'mine', 1"),
    ] {
        assert_eq!(code(run(&mut client, text).await), Some(number), "{text}");
    }
    assert_eq!(texts(&sim, "SELECT COUNT(*) FROM dbo.t"), [["1"]]);
    let error = run(&mut client, "INSERT dbo.t VALUES (1, 2, 'b')").await.unwrap_err().to_string();
    assert!(
        error.contains(
            "Cannot insert duplicate key in object 'dbo.t'. The duplicate key value is (1)."
        ),
        "{error}"
    );
}

#[tokio::test]
async fn parameters_of_all_kinds_reach_the_statement() {
    let sim = sim();
    let mut client = connect(&sim).await;
    let rows = client
        .query(
            "SELECT @P1 + 1, @P2 + N'!', @P3, ISNULL(@P4, -1)",
            &[&41_i32, &"hej", &[1_u8, 2].as_slice(), &Option::<i32>::None],
        )
        .await
        .unwrap()
        .into_row()
        .await
        .unwrap()
        .unwrap();
    assert_eq!(rows.get::<i32, _>(0), Some(42));
    assert_eq!(rows.get::<&str, _>(1), Some("hej!"));
    assert_eq!(rows.get::<&[u8], _>(2), Some([1, 2].as_slice()));
    assert_eq!(rows.get::<i32, _>(3), Some(-1));
}

#[tokio::test]
async fn counts_tell_how_many_rows_were_touched() {
    let sim = sim();
    sim.execute("CREATE TABLE dbo.t (id int PRIMARY KEY, n int)").unwrap();
    let mut client = connect(&sim).await;
    let done = client.execute("INSERT dbo.t SELECT value, 0 FROM GENERATE_SERIES(1, 10); UPDATE dbo.t SET n = id WHERE id > 7; DELETE dbo.t WHERE id = 1", &[]).await.unwrap();
    assert_eq!(done.rows_affected(), [10, 3, 1]);
    let upsert = "UPDATE dbo.t SET n = @P2 WHERE id = @P1; IF @@ROWCOUNT = 0 INSERT dbo.t (id, n) VALUES (@P1, @P2)";
    client.execute(upsert, &[&5_i32, &50_i32]).await.unwrap();
    client.execute(upsert, &[&99_i32, &990_i32]).await.unwrap();
    assert_eq!(
        texts(&sim, "SELECT n FROM dbo.t WHERE id IN (5, 99) ORDER BY id"),
        [["50"], ["990"]]
    );
}

#[test]
fn queries_join_group_order_and_page() {
    let sim = sim();
    sim.execute("CREATE TABLE dbo.a (id int PRIMARY KEY, k varchar(10)); CREATE TABLE dbo.b (id int PRIMARY KEY, a_id int, n decimal(10,2))").unwrap();
    sim.execute("INSERT dbo.a VALUES (1, 'x'), (2, 'Y'), (3, 'z'); INSERT dbo.b VALUES (1, 1, 1.50), (2, 1, 2.25), (3, 2, 4)").unwrap();
    assert_eq!(
        texts(
            &sim,
            "SELECT a.k, COUNT(b.id), SUM(b.n) FROM dbo.a a LEFT JOIN dbo.b b ON b.a_id = a.id GROUP BY a.k ORDER BY a.k DESC"
        ),
        [["z", "0", "NULL"], ["Y", "1", "4.00"], ["x", "2", "3.75"]]
    );
    assert_eq!(texts(&sim, "SELECT TOP (1) id FROM dbo.b WHERE n > 2 ORDER BY n DESC"), [["3"]]);
    assert_eq!(
        texts(&sim, "SELECT id FROM dbo.b ORDER BY id OFFSET 1 ROWS FETCH NEXT 1 ROWS ONLY"),
        [["2"]]
    );
    assert_eq!(
        texts(
            &sim,
            "SELECT k FROM dbo.a WHERE EXISTS (SELECT 1 FROM dbo.b WHERE b.a_id = a.id) AND k LIKE '[x-y]'"
        ),
        [["x"], ["Y"]]
    );
    assert_eq!(
        texts(
            &sim,
            "WITH c AS (SELECT a_id, MAX(n) AS m FROM dbo.b GROUP BY a_id) SELECT k, CASE WHEN m > 3 THEN 'big' ELSE 'small' END FROM dbo.a JOIN c ON c.a_id = a.id ORDER BY 1"
        ),
        [["x", "small"], ["Y", "big"]]
    );
    assert_eq!(
        texts(&sim, "SELECT k FROM dbo.a WHERE id NOT IN (SELECT a_id FROM dbo.b)"),
        [["z"]]
    );
    assert_eq!(
        texts(&sim, "SELECT x.v FROM dbo.a CROSS APPLY (SELECT a.id * 10 AS v) x WHERE a.id > 1"),
        [["20"], ["30"]]
    );
    assert_eq!(
        texts(&sim, "SELECT id FROM dbo.b WHERE a_id > 1 OR (a_id = 1 AND id > 1) ORDER BY id"),
        [["2"], ["3"]]
    );
    assert_eq!(
        texts(&sim, "SELECT v.a, v.b FROM (VALUES (1, N'p'), (2, NULL)) AS v(a, b)"),
        [["1", "p"], ["2", "NULL"]]
    );
    sim.execute("UPDATE b SET n = b.n + 1 FROM dbo.b b JOIN dbo.a a ON a.id = b.a_id WHERE a.k = 'x'; DELETE b FROM dbo.b b JOIN dbo.a a ON a.id = b.a_id WHERE a.k = 'y'").unwrap();
    assert_eq!(texts(&sim, "SELECT n FROM dbo.b"), [["2.50"], ["3.25"]]);
    assert_eq!(texts(&sim, "DECLARE @n int = 0; WHILE @n < 3 SET @n = @n + 1; SELECT @n"), [["3"]]);
    assert_eq!(texts(&sim, "DELETE dbo.a OUTPUT deleted.id WHERE id = 3"), [["3"]]);
}

#[test]
fn a_try_catches_and_an_error_within_a_statement_undoes_it_whole() {
    let sim = sim();
    sim.execute("CREATE TABLE dbo.t (id int PRIMARY KEY)").unwrap();
    let caught = "BEGIN TRY INSERT dbo.t SELECT value FROM (VALUES (1), (2), (1)) v(value); END TRY BEGIN CATCH SELECT ERROR_NUMBER(), XACT_STATE() END CATCH";
    assert_eq!(texts(&sim, caught), [["2627", "0"]]);
    assert_eq!(texts(&sim, "SELECT COUNT(*) FROM dbo.t"), [["0"]]);
}

#[test]
fn the_catalogue_describes_what_was_made() {
    let sim = sim();
    sim.execute("CREATE SCHEMA s; CREATE TABLE s.t (a int NOT NULL, b nvarchar(30) DEFAULT N'x', c AS a + 1, d int IDENTITY(5,2), CONSTRAINT pk PRIMARY KEY (a, d))").unwrap();
    sim.execute("ALTER TABLE s.t ADD e decimal(9,2) NULL; INSERT s.t (a) VALUES (1); INSERT s.t (a) VALUES (1)").unwrap();
    assert_eq!(
        texts(&sim, "SELECT * FROM s.t"),
        [["1", "x", "2", "5", "NULL"], ["1", "x", "2", "7", "NULL"]]
    );
    let columns = "SELECT c.name, ty.name, c.max_length, c.is_nullable FROM sys.tables t JOIN sys.schemas sc ON sc.schema_id = t.schema_id JOIN sys.columns c ON c.object_id = t.object_id JOIN sys.types ty ON ty.user_type_id = c.user_type_id WHERE sc.name = N's' AND c.is_computed = 0 ORDER BY c.column_id";
    assert_eq!(
        texts(&sim, columns),
        [
            ["a", "int", "4", "0"],
            ["b", "nvarchar", "60", "1"],
            ["d", "int", "4", "0"],
            ["e", "decimal", "5", "1"]
        ]
    );
    let key = "SELECT COL_NAME(ic.object_id, ic.column_id) FROM sys.indexes i JOIN sys.index_columns ic ON ic.object_id = i.object_id AND ic.index_id = i.index_id WHERE i.is_primary_key = 1 AND i.object_id = OBJECT_ID('s.t') ORDER BY ic.key_ordinal";
    assert_eq!(texts(&sim, key), [["a"], ["d"]]);
    assert_eq!(
        texts(
            &sim,
            "SELECT COLUMN_NAME, DATA_TYPE, CHARACTER_MAXIMUM_LENGTH FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA = 's' AND TABLE_NAME = 't' AND ORDINAL_POSITION = 2"
        ),
        [["b", "nvarchar", "30"]]
    );
    sim.execute("ALTER TABLE s.t DROP COLUMN c; ALTER TABLE s.t ALTER COLUMN b nvarchar(100) NOT NULL; CREATE TABLE #tmp (a int); INSERT #tmp VALUES (1); DROP TABLE #tmp").unwrap();
    assert_eq!(sim.rows("SELECT a, b FROM s.t").unwrap().len(), 2);
}

#[tokio::test]
async fn a_stream_that_is_dropped_half_read_is_cancelled_by_an_attention() {
    let sim = sim();
    sim.execute("CREATE TABLE dbo.big (id int PRIMARY KEY, t varchar(200)); INSERT dbo.big SELECT value, REPLICATE('x', 200) FROM GENERATE_SERIES(1, 50000)").unwrap();
    let mut client = connect(&sim).await;
    {
        let mut rows = client.simple_query("SELECT * FROM dbo.big").await.unwrap();
        for _ in 0..10 {
            rows.try_next().await.unwrap();
        }
    }
    client.cancel_query().await.unwrap();
    assert_eq!(sim.counts().attentions, 1);
    assert!(sim.counts().rows < 50_000, "{:?}", sim.counts());
    assert_eq!(run(&mut client, "SELECT 7").await.unwrap()[0][0].get::<i32, _>(0), Some(7));
    // An attention that comes when all is over is acknowledged as well.
    client.cancel_query().await.unwrap();
    assert_eq!(run(&mut client, "SELECT 8").await.unwrap()[0][0].get::<i32, _>(0), Some(8));
}

#[tokio::test]
async fn many_rows_arrive_in_order_and_whole() {
    let sim = sim();
    let mut client = connect(&sim).await;
    let mut rows = client
        .simple_query("SELECT value, REPLICATE(N'ä', value % 300) FROM GENERATE_SERIES(1, 20000)")
        .await
        .unwrap();
    let mut next = 1;
    while let Some(item) = rows.try_next().await.unwrap() {
        if super::is_row(&item) {
            let row = item.into_row().unwrap();
            assert_eq!(row.get::<i32, _>(0), Some(next));
            assert_eq!(row.get::<&str, _>(1).unwrap().chars().count() as i32, next % 300);
            next += 1;
        }
    }
    assert_eq!(next, 20_001);
}

#[tokio::test]
async fn rights_are_asked_for() {
    let sim = sim();
    sim.execute("CREATE TABLE dbo.t (id int PRIMARY KEY); CREATE TABLE dbo.u (id int); CREATE LOGIN reader WITH PASSWORD = 'Reader1!'; CREATE USER reader FOR LOGIN reader; GRANT SELECT ON dbo.t TO reader").unwrap();
    let mut config = tiberius::Config::from_ado_string(&sim.connection_string()).unwrap();
    config.authentication(tiberius::AuthMethod::sql_server("reader", "Reader1!"));
    let mut client = super::connect_with(config).await.unwrap();
    assert_eq!(code(run(&mut client, "SELECT * FROM dbo.t").await), None);
    assert_eq!(code(run(&mut client, "SELECT * FROM dbo.u").await), Some(229));
    assert_eq!(code(run(&mut client, "INSERT dbo.t VALUES (1)").await), Some(229));
    let row = client.simple_query("SELECT HAS_PERMS_BY_NAME('dbo.t', 'OBJECT', 'SELECT'), HAS_PERMS_BY_NAME('dbo.t', 'OBJECT', 'INSERT'), IS_MEMBER('db_owner')").await.unwrap().into_row().await.unwrap().unwrap();
    assert_eq!([0, 1, 2].map(|i| row.get::<i32, _>(i)), [Some(1), Some(0), Some(0)]);
}
