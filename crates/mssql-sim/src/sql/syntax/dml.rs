//! INSERT, UPDATE, DELETE.

use sqlparser::ast::{BinaryOperator, Expr, Ident, SelectItem, TableWithJoins};
use sqlparser::tokenizer::Token;

use super::{Delete, Insert, InsertSource, Kind, Reader, Target, Update, from_parser};
use crate::error::{Result, SqlError};

impl Reader<'_> {
    /// `WITH (UPDLOCK, HOLDLOCK)` of the table that is written to: it is locked in any case.
    pub(super) fn hints(&mut self) -> Result<()> {
        if !self.word("WITH") {
            return Ok(());
        }
        self.need(&Token::LParen)?;
        loop {
            self.ident()?;
            if self.parser.peek_token_ref().token == Token::LParen {
                self.skip_parens()?;
            }
            if !self.take(&Token::Comma) {
                break;
            }
        }
        self.need(&Token::RParen)
    }

    fn top(&mut self) -> Result<Option<Expr>> {
        if !self.word("TOP") {
            return Ok(None);
        }
        self.need(&Token::LParen)?;
        let n = self.expr()?;
        self.need(&Token::RParen)?;
        Ok(Some(n))
    }

    fn output(&mut self) -> Result<Vec<SelectItem>> {
        if !self.word("OUTPUT") {
            return Ok(Vec::new());
        }
        let items =
            self.parser.parse_comma_separated(|p| p.parse_select_item()).map_err(from_parser)?;
        if self.peek_word(0) == "INTO" {
            return Err(SqlError::unknown("OUTPUT … INTO"));
        }
        Ok(items)
    }

    fn tables(&mut self) -> Result<Vec<TableWithJoins>> {
        if !self.word("FROM") {
            return Ok(Vec::new());
        }
        self.parser.parse_comma_separated(|p| p.parse_table_and_joins()).map_err(from_parser)
    }

    fn filter(&mut self) -> Result<Option<Expr>> {
        let filter = if self.word("WHERE") { Some(self.expr()?) } else { None };
        if self.word("OPTION") {
            self.skip_parens()?;
        }
        Ok(filter)
    }

    pub(super) fn insert(&mut self) -> Result<Kind> {
        self.expect("INSERT")?;
        if self.peek_word(0) == "TOP" {
            return Err(SqlError::unknown("INSERT TOP"));
        }
        self.word("INTO");
        let table = self.name()?;
        self.hints()?;
        let next = &self.parser.peek_nth_token_ref(1).token;
        let is_query = matches!(next, Token::Word(w) if w.value.eq_ignore_ascii_case("select"));
        let columns = match self.parser.peek_token_ref().token {
            Token::LParen if !is_query => self.column_list()?,
            _ => Vec::new(),
        };
        let output = self.output()?;
        let source = if self.words(&["DEFAULT", "VALUES"]) {
            InsertSource::Defaults
        } else if matches!(self.peek_word(0).as_str(), "EXEC" | "EXECUTE") {
            InsertSource::Exec(Box::new(self.statement()?))
        } else {
            InsertSource::Query(self.query()?)
        };
        Ok(Kind::Insert(Box::new(Insert { table, columns, output, source })))
    }

    pub(super) fn update(&mut self) -> Result<Kind> {
        self.expect("UPDATE")?;
        let top = self.top()?;
        let table = self.name()?;
        self.hints()?;
        self.expect("SET")?;
        let mut set = vec![self.assignment()?];
        while self.take(&Token::Comma) {
            set.push(self.assignment()?);
        }
        let output = self.output()?;
        let from = self.tables()?;
        let filter = self.filter()?;
        Ok(Kind::Update(Box::new(Update { table, top, set, output, from, filter })))
    }

    fn assignment(&mut self) -> Result<(Target, Expr)> {
        let mut parts = vec![self.ident()?];
        while self.take(&Token::Period) {
            parts.push(self.ident()?);
        }
        let name = parts.pop().unwrap_or_default();
        let plain = Expr::Identifier(Ident::new(&name));
        let op = match self.parser.next_token().token {
            Token::Eq => None,
            Token::Plus => Some(BinaryOperator::Plus),
            Token::Minus => Some(BinaryOperator::Minus),
            Token::Mul => Some(BinaryOperator::Multiply),
            Token::Div => Some(BinaryOperator::Divide),
            _ => return Err(self.wrong("=")),
        };
        if op.is_some() {
            self.need(&Token::Eq)?;
        }
        let value = self.expr()?;
        let value = match op {
            Some(op) => Expr::BinaryOp {
                left: Box::new(plain),
                op,
                right: Box::new(Expr::Nested(Box::new(value))),
            },
            None => value,
        };
        let target =
            if name.starts_with('@') { Target::Variable(name) } else { Target::Column(name) };
        Ok((target, value))
    }

    pub(super) fn delete(&mut self) -> Result<Kind> {
        self.expect("DELETE")?;
        let top = self.top()?;
        self.word("FROM");
        let table = self.name()?;
        self.hints()?;
        let output = self.output()?;
        let from = self.tables()?;
        let filter = self.filter()?;
        Ok(Kind::Delete(Box::new(Delete { table, top, output, from, filter })))
    }

    /// `INSERT BULK t ([a] int, …) WITH (…)`, as drivers send it before the rows.
    pub(super) fn insert_bulk(&mut self) -> Result<Kind> {
        self.words(&["INSERT", "BULK"]);
        let table = self.name()?;
        self.need(&Token::LParen)?;
        let mut columns = Vec::new();
        loop {
            columns.push(self.ident()?);
            self.parser.parse_data_type().map_err(from_parser)?;
            while !matches!(
                self.parser.peek_token_ref().token,
                Token::Comma | Token::RParen | Token::EOF
            ) {
                self.parser.next_token();
            }
            if !self.take(&Token::Comma) {
                break;
            }
        }
        self.need(&Token::RParen)?;
        let hints = if self.peek_word(0) == "WITH" { self.hints_loose()? } else { String::new() };
        Ok(Kind::InsertBulk { table, columns, keep_identity: hints.contains("KEEP_IDENTITY") })
    }

    fn hints_loose(&mut self) -> Result<String> {
        self.expect("WITH")?;
        let from = self.parser.index();
        self.skip_parens()?;
        Ok(self.tokens[from..self.parser.index()]
            .iter()
            .map(|t| t.token.to_string().to_ascii_uppercase())
            .collect())
    }
}
