//! Every type, out and in again.

use futures_util::TryStreamExt as _;
use proptest::prelude::*;
use tiberius::numeric::Numeric;
use tiberius::{ColumnData, IntoSql, Query, Uuid};

use super::{connect, run, sim};

const TABLE: &str = "CREATE TABLE dbo.types (
    id int NOT NULL PRIMARY KEY, c_bit bit, c_tiny tinyint, c_small smallint, c_int int, c_big bigint, c_real real, c_float float,
    c_dec9 decimal(9, 2), c_dec38 decimal(38, 10), c_bin10 binary(10), c_varbin varbinary(50), c_binmax varbinary(max),
    c_char char(5), c_varchar varchar(50), c_varmax varchar(max), c_nchar nchar(5), c_nvarchar nvarchar(50), c_nvarmax nvarchar(max),
    c_guid uniqueidentifier, n_int int NOT NULL, n_big bigint NOT NULL, n_bit bit NOT NULL, n_float float NOT NULL)";

#[derive(Debug, Clone)]
struct Values {
    bit: Option<bool>,
    tiny: Option<u8>,
    small: Option<i16>,
    int: Option<i32>,
    big: Option<i64>,
    real: Option<f32>,
    float: Option<f64>,
    cents: Option<i32>,
    digits: Option<i64>,
    bytes: Option<Vec<u8>>,
    long: Option<Vec<u8>>,
    ascii: Option<String>,
    text: Option<String>,
    long_text: Option<String>,
    guid: Option<u128>,
}

prop_compose! {
    fn values()(
        bit in any::<Option<bool>>(), tiny in any::<Option<u8>>(), small in any::<Option<i16>>(), int in any::<Option<i32>>(), big in any::<Option<i64>>(),
        real in proptest::option::of(-1e20f32..1e20), float in proptest::option::of(-1e200f64..1e200),
        cents in proptest::option::of(-999_999_999..=999_999_999), digits in any::<Option<i64>>(), bytes in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..50)),
    )(
        bit in Just(bit), tiny in Just(tiny), small in Just(small), int in Just(int), big in Just(big), real in Just(real), float in Just(float),
        cents in Just(cents), digits in Just(digits), bytes in Just(bytes),
        rest in (
            proptest::option::of(proptest::collection::vec(any::<u8>(), 0..20_000)), proptest::option::of("[ -~]{0,50}"),
            proptest::option::of("\\PC{0,20}"), proptest::option::of("\\PC{0,9000}"), any::<Option<u128>>(),
        ),
    ) -> Values {
        Values { bit, tiny, small, int, big, real, float, cents, digits, bytes, long: rest.0, ascii: rest.1, text: rest.2, long_text: rest.3, guid: rest.4 }
    }
}

async fn there_and_back(client: &mut super::Sql, id: i32, v: &Values) {
    let mut insert = Query::new(
        "INSERT dbo.types VALUES (@P1,@P2,@P3,@P4,@P5,@P6,@P7,@P8,@P9,@P10,@P11,@P12,@P13,@P14,@P15,@P16,@P17,@P18,@P19,@P20,@P21,@P22,@P23,@P24)",
    );
    let cents = v.cents.map(|n| Numeric::new_with_scale(i128::from(n), 2));
    let digits = v.digits.map(|n| Numeric::new_with_scale(i128::from(n), 10));
    insert.bind(id);
    insert.bind(v.bit);
    insert.bind(v.tiny);
    insert.bind(v.small);
    insert.bind(v.int);
    insert.bind(v.big);
    insert.bind(v.real);
    insert.bind(v.float);
    insert.bind(cents);
    insert.bind(digits);
    let ten = v.bytes.clone().map(|mut b| {
        b.resize(10, 0);
        b
    });
    insert.bind(ten.clone());
    insert.bind(v.bytes.clone());
    insert.bind(v.long.clone());
    insert.bind("ab");
    insert.bind(v.ascii.clone());
    insert.bind(v.ascii.clone());
    insert.bind("äö");
    insert.bind(v.text.clone());
    insert.bind(v.long_text.clone());
    insert.bind(v.guid.map(Uuid::from_u128));
    insert.bind(v.int.unwrap_or(1));
    insert.bind(v.big.unwrap_or(1));
    insert.bind(v.bit.unwrap_or(true));
    insert.bind(v.float.unwrap_or(0.5));
    insert.execute(client).await.unwrap();
    let mut select = Query::new("SELECT * FROM dbo.types WHERE id = @P1");
    select.bind(id);
    let row = select.query(client).await.unwrap().into_row().await.unwrap().unwrap();
    assert_eq!(row.get::<bool, _>("c_bit"), v.bit);
    assert_eq!(row.get::<u8, _>("c_tiny"), v.tiny);
    assert_eq!(row.get::<i16, _>("c_small"), v.small);
    assert_eq!(row.get::<i32, _>("c_int"), v.int);
    assert_eq!(row.get::<i64, _>("c_big"), v.big);
    assert_eq!(row.get::<f32, _>("c_real"), v.real);
    assert_eq!(row.get::<f64, _>("c_float"), v.float);
    assert_eq!(row.get::<Numeric, _>("c_dec9"), cents);
    assert_eq!(row.get::<Numeric, _>("c_dec38"), digits);
    assert_eq!(row.get::<&[u8], _>("c_bin10"), ten.as_deref());
    assert_eq!(row.get::<&[u8], _>("c_varbin"), v.bytes.as_deref());
    assert_eq!(row.get::<&[u8], _>("c_binmax"), v.long.as_deref());
    assert_eq!(row.get::<&str, _>("c_char"), Some("ab   "));
    assert_eq!(row.get::<&str, _>("c_varchar"), v.ascii.as_deref());
    assert_eq!(row.get::<&str, _>("c_varmax"), v.ascii.as_deref());
    assert_eq!(row.get::<&str, _>("c_nchar"), Some("äö   "));
    assert_eq!(row.get::<&str, _>("c_nvarchar"), v.text.as_deref());
    assert_eq!(row.get::<&str, _>("c_nvarmax"), v.long_text.as_deref());
    assert_eq!(row.get::<Uuid, _>("c_guid"), v.guid.map(Uuid::from_u128));
    assert_eq!(row.get::<i32, _>("n_int"), Some(v.int.unwrap_or(1)));
    assert_eq!(row.get::<i64, _>("n_big"), Some(v.big.unwrap_or(1)));
    assert_eq!(row.get::<bool, _>("n_bit"), Some(v.bit.unwrap_or(true)));
    assert_eq!(row.get::<f64, _>("n_float"), Some(v.float.unwrap_or(0.5)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_a_parameter_brings_in_a_query_brings_out(all in proptest::collection::vec(values(), 16)) {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let sim = sim();
            sim.execute(TABLE).unwrap();
            let mut client = connect(&sim).await;
            for (id, values) in all.iter().enumerate() {
                there_and_back(&mut client, id as i32, values).await;
            }
        });
    }
}

#[tokio::test]
async fn times_keep_their_digits_and_offsets() {
    let sim = sim();
    let mut client = connect(&sim).await;
    let text = "SELECT CAST('2024-02-29' AS date) d, CAST('23:59:59.1234567' AS time(7)) t, CAST('2024-02-29T23:59:59.1234567' AS datetime2(7)) d2,
        CAST('2024-02-29T23:59:59.1234567+05:30' AS datetimeoffset(7)) o, CAST('2024-02-29T12:00:00.003' AS datetime) dt,
        CAST('2024-02-29 12:34:00' AS smalldatetime) s, CAST('1753-01-01' AS datetime) first, CAST('12:00:01' AS time(0)) t0, CAST('0001-01-01' AS datetime2(0)) zero";
    let row = client.simple_query(text).await.unwrap().into_row().await.unwrap().unwrap();
    let cells: Vec<ColumnData<'static>> = row.into_iter().collect();
    let ColumnData::Date(Some(date)) = cells[0] else { panic!("{:?}", cells[0]) };
    assert_eq!(date.days(), 738_944);
    let ColumnData::Time(Some(time)) = cells[1] else { panic!("{:?}", cells[1]) };
    assert_eq!((time.increments(), time.scale()), (863_991_234_567, 7));
    let ColumnData::DateTime2(Some(d2)) = cells[2] else { panic!("{:?}", cells[2]) };
    assert_eq!((d2.date().days(), d2.time().increments()), (738_944, 863_991_234_567));
    let ColumnData::DateTimeOffset(Some(o)) = cells[3] else { panic!("{:?}", cells[3]) };
    assert_eq!(
        (o.offset(), o.datetime2().time().increments()),
        (330, 863_991_234_567 - 198_000_000_000)
    );
    let ColumnData::DateTime(Some(dt)) = cells[4] else { panic!("{:?}", cells[4]) };
    assert_eq!((dt.days(), dt.seconds_fragments()), (45_349, 12 * 3600 * 300 + 1));
    let ColumnData::SmallDateTime(Some(s)) = cells[5] else { panic!("{:?}", cells[5]) };
    assert_eq!((s.days(), s.seconds_fragments()), (45_349, 12 * 60 + 34));
    assert_eq!(
        super::texts(
            &sim,
            "SELECT CONVERT(varchar(30), CAST('2024-02-29T12:00:00.003' AS datetime), 126), CONVERT(varchar(40), CAST('2024-02-29T23:59:59.1234567+05:30' AS datetimeoffset), 127)"
        ),
        [["2024-02-29T12:00:00.003", "2024-02-29T23:59:59.1234567Z"]]
    );
}

#[tokio::test]
async fn money_xml_and_rowversion_arrive_as_their_types() {
    let sim = sim();
    sim.execute("CREATE TABLE dbo.m (id int PRIMARY KEY, a money NOT NULL, b smallmoney, x xml, v rowversion)").unwrap();
    sim.execute(
        "INSERT dbo.m (id, a, b, x) VALUES (1, 922337203685477.5807, -0.0001, N'<a>ä</a>')",
    )
    .unwrap();
    let mut client = connect(&sim).await;
    let rows =
        run(&mut client, "SELECT a, b, x, v, CAST(a AS decimal(19,4)) FROM dbo.m").await.unwrap();
    let row = &rows[0][0];
    assert_eq!(
        row.get::<Numeric, _>(4),
        Some(Numeric::new_with_scale(9_223_372_036_854_775_807, 4))
    );
    assert_eq!(row.get::<&tiberius::xml::XmlData, _>(2).unwrap().to_string(), "<a>ä</a>");
    let first: Vec<u8> = row.get::<&[u8], _>(3).unwrap().to_vec();
    assert_eq!(first.len(), 8);
    run(&mut client, "UPDATE dbo.m SET b = 1").await.unwrap();
    let rows = run(&mut client, "SELECT v, b FROM dbo.m").await.unwrap();
    assert!(rows[0][0].get::<&[u8], _>(0).unwrap() > first.as_slice());
}

#[tokio::test]
async fn columns_that_are_not_null_have_the_fixed_types() {
    let sim = sim();
    sim.execute("CREATE TABLE dbo.c (id int NOT NULL PRIMARY KEY, n int NULL, d datetime NOT NULL, s nvarchar(20))").unwrap();
    let mut client = connect(&sim).await;
    let columns = client.column_metadata("dbo.c", &["*"]).await.unwrap();
    let fixed: Vec<bool> =
        columns.iter().map(|c| matches!(c.base().ty(), tiberius::TypeInfo::FixedLen(_))).collect();
    assert_eq!(fixed, [true, false, true, false]);
    let nullable: Vec<bool> = columns.iter().map(|c| c.base().is_nullable()).collect();
    assert_eq!(nullable, [false, true, false, true]);
}

#[tokio::test]
async fn a_null_in_a_text_column_does_not_stop_the_stream() {
    let sim = sim();
    let mut client = connect(&sim).await;
    let text = "SELECT CAST(NULL AS nvarchar(10)), CAST(NULL AS nvarchar(max)), CAST(NULL AS varbinary(max)), CAST(NULL AS xml), 1 UNION ALL SELECT N'x', N'y', 0x01, N'<z/>', 2";
    let rows: Vec<_> =
        client.simple_query(text).await.unwrap().into_row_stream().try_collect().await.unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0].get::<&str, _>(0), None);
    assert_eq!(rows[1].get::<&str, _>(1), Some("y"));
    let null = Option::<String>::None.into_sql();
    assert_eq!(null, ColumnData::String(None));
}
