//! How one database writes what all of them have.

use std::borrow::Cow;

use dstream_protocol::FieldType;

/// A database's own way of writing SQL.
pub(crate) trait Dialect {
    /// A name, quoted.
    fn quote(&self, name: &str) -> String;

    /// The type of a column; `None`: any value may come.
    fn column_type(&self, kind: Option<FieldType>) -> Cow<'static, str>;

    /// The parameter with this index, counted from 1.
    fn placeholder(&self, index: usize) -> String;

    /// What stands behind a new table's columns.
    fn table_options(&self) -> &'static str {
        ""
    }

    /// Several names, quoted, with commas.
    fn quote_all<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> String {
        let quoted: Vec<_> = names.into_iter().map(|name| self.quote(name)).collect();
        quoted.join(", ")
    }
}
