//! The statements that a database gets, from one that writes them down.

use dstream_sdk::row::{Cell, Columns};
use dstream_sdk::{FieldType, Result};

use super::*;
use crate::{
    Access, BookTypes, Change, Column, Dialect, Loading, Param, Refused, Reply, TableName, TwoPhase,
};

/// Writes down what it is sent. It upserts as SQL Server does, two rows a statement.
#[derive(Default)]
struct Fake {
    sent: Vec<String>,
    /// How many rows an UPDATE finds.
    finds: u64,
    longest: Option<usize>,
}

#[derive(Clone)]
struct Merges;

impl Dialect for Merges {
    fn quote(&self, name: &str) -> String {
        name.into()
    }

    fn type_of(&self, _: Option<FieldType>) -> std::borrow::Cow<'static, str> {
        "any".into()
    }

    fn now(&self) -> &'static str {
        "now"
    }

    fn book_types(&self) -> BookTypes {
        BookTypes::of("text", "bigint", "moment")
    }

    fn upsert(
        &self,
        table: &str,
        columns: &[&str],
        key: &[&str],
        set: &[&str],
        alone: bool,
    ) -> [String; 2] {
        let (columns, key, set) = (columns.join(","), key.join(","), set.join(","));
        let head = format!("MERGE {table} USING (VALUES ");
        [head, format!(") s ({columns}) ON {key} SET {set} alone {alone};")]
    }
}

impl TwoPhase for Fake {}

impl Database for Fake {
    type Settings = ();
    type Dialect = Merges;
    type Target = Prepared;

    const SYSTEM: &'static str = "fake";
    const TITLE: &'static str = "Fake";
    const LOADING: Loading = Loading::Grouped;

    fn check((): &()) -> Result<()> {
        Ok(())
    }

    fn place((): &()) -> String {
        "here".into()
    }

    async fn connect((): &(), _: Access) -> Result<Option<Self>> {
        Ok(None)
    }

    fn dialect(&self) -> &Merges {
        &Merges
    }

    fn fingerprint(&self) -> String {
        String::new()
    }

    async fn about(&mut self) -> Result<String> {
        Ok(String::new())
    }

    async fn run(&mut self, _: &str) -> Result<()> {
        Ok(())
    }

    async fn execute(&mut self, _: &str, _: &[Param<'_>]) -> Result<u64> {
        Ok(0)
    }

    async fn query(&mut self, _: &str, _: &[Param<'_>]) -> Result<Vec<Reply>> {
        Ok(Vec::new())
    }

    async fn target(
        &mut self,
        table: &Table,
        existing: &Existing<Merges>,
        settings: &TableSettings,
    ) -> Result<Prepared> {
        prepare(self, table, existing, settings, "").await
    }

    async fn load(
        &mut self,
        target: &Target<Prepared>,
        batch: &mut Batch<'_>,
        mode: Mode,
        _: &mut Refused,
    ) -> DbResult<()> {
        load(self, target, batch, mode).await
    }
}

impl Rows for Fake {
    const ROWS: usize = 2;

    fn longest(&self) -> (usize, &'static str) {
        (self.longest.unwrap_or(usize::MAX), "do something")
    }

    async fn send(&mut self, sql: &[u8]) -> DbResult<u64> {
        self.sent.push(String::from_utf8(sql.to_vec()).unwrap());
        Ok(self.finds)
    }
}

fn target() -> Target<Prepared> {
    let columns =
        vec![Column::new("id", Some(FieldType::Int64)), Column::new("a", Some(FieldType::String))];
    let name = TableName { schema: None, name: "t".into() };
    let own = Prepared { literals: vec![Literal::Integer, Literal::Text], alone: true };
    Target {
        table: Table { name, columns, key: vec!["id".into()] },
        key_at: vec![0],
        deleted_at: None,
        own,
        columns: Columns::default(),
        key_columns: Columns::default(),
        ignored: Vec::new(),
    }
}

fn rows(batch: &mut Batch<'static>, ids: &[&'static str]) {
    for id in ids {
        let row = batch.push_row([Some(Cell::new(id)), Some(Cell::new("\"x'\""))]);
        batch.push(Change::Put { row }, 0);
    }
}

/// Runs what never waits for anything.
fn now<T>(future: impl Future<Output = T>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("it waits"),
    }
}

#[test]
fn a_statement_has_no_more_rows_than_the_server_takes() {
    let (mut db, mut batch) = (Fake::default(), Batch::new(2, 1));
    rows(&mut batch, &["1", "2", "3"]);
    now(load(&mut db, &target(), &mut batch, Mode::Append)).unwrap();
    let head = "INSERT INTO t (id, a) VALUES ";
    assert_eq!(db.sent, [format!("{head}(1,'x'''),(2,'x''')"), format!("{head}(3,'x''')")]);
}

#[test]
fn an_upsert_has_the_dialects_form_around_its_rows() {
    let (mut db, mut batch) = (Fake::default(), Batch::new(2, 1));
    rows(&mut batch, &["1", "2", "1", "3"]);
    let key = batch.push_key([Cell::new("9")]);
    batch.push(Change::Delete { key, at: None }, 0);
    now(load(&mut db, &target(), &mut batch, Mode::Upsert)).unwrap();
    let tail = ") s (id,a) ON id SET a alone true;";
    assert_eq!(
        db.sent,
        [
            "DELETE FROM t WHERE (id = 9)".to_owned(),
            format!("MERGE t USING (VALUES (1,'x'''),(2,'x'''){tail}"),
            format!("MERGE t USING (VALUES (3,'x'''){tail}"),
        ]
    );
}

#[test]
fn a_row_that_is_not_found_is_made() {
    for finds in [0, 1] {
        let (mut db, mut batch) = (Fake { finds, ..Fake::default() }, Batch::new(2, 1));
        let key = batch.push_key([Cell::new("1")]);
        let row = batch.push_row([Some(Cell::new("1")), None]);
        let unchanged = batch.set_of(vec![1]);
        batch.push(Change::Patch { key, row, unchanged }, 0);
        now(load(&mut db, &target(), &mut batch, Mode::Upsert)).unwrap();
        assert_eq!(db.sent[0], "UPDATE t SET id = 1 WHERE (id = 1)");
        let made = "MERGE t USING (VALUES (1)) s (id) ON id SET  alone true;".to_owned();
        assert_eq!(db.sent[1..], if finds == 0 { vec![made] } else { vec![] });
    }
}

#[test]
fn a_row_that_is_too_long_for_a_statement_is_a_rows_failure() {
    let (mut db, mut batch) = (Fake { longest: Some(30), ..Fake::default() }, Batch::new(2, 1));
    rows(&mut batch, &["1"]);
    let failure = now(load(&mut db, &target(), &mut batch, Mode::Append)).unwrap_err();
    let Failure::Row(error) = failure else { panic!("{failure:?}") };
    assert!(error.to_string().contains("the server takes 30: do something"), "{error}");
    assert!(db.sent.is_empty());
}
