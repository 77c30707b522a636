//! A batch as statements. Queries and expressions are `sqlparser`'s; the statements around them are
//! read here, because T-SQL's own are what a parser of many dialects lacks.

mod ddl;
mod dml;
mod flow;
mod security;

use std::sync::Arc;

use sqlparser::ast::{Expr, ObjectName, Query, SelectItem, TableWithJoins};
use sqlparser::dialect::MsSqlDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use crate::error::{Result, SqlError};
use crate::value::SqlType;

/// A statement, where it begins, and its tokens.
#[derive(Debug, Clone)]
pub(crate) struct Statement {
    pub kind: Kind,
    pub line: u32,
    tokens: Arc<Vec<TokenWithSpan>>,
    from: usize,
    to: usize,
}

impl Statement {
    /// As it was written.
    pub(crate) fn text(&self) -> String {
        let tokens = &self.tokens[self.from..self.to.min(self.tokens.len())];
        tokens.iter().map(|t| t.token.to_string()).collect::<String>().trim().to_owned()
    }
}

/// `[database.][schema.]name`, brackets removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    pub database: Option<String>,
    pub schema: Option<String>,
    pub name: String,
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for part in [&self.database, &self.schema].into_iter().flatten() {
            write!(f, "{part}.")?;
        }
        f.write_str(&self.name)
    }
}

impl Name {
    pub(crate) fn of(name: &ObjectName) -> Result<Self> {
        let parts: Option<Vec<String>> =
            name.0.iter().map(|part| part.as_ident().map(|i| i.value.clone())).collect();
        Self::from_parts(parts.ok_or_else(|| SqlError::syntax(name))?)
    }

    pub(crate) fn from_parts(mut parts: Vec<String>) -> Result<Self> {
        let name = parts.pop().unwrap_or_default();
        let schema = parts.pop().filter(|s| !s.is_empty());
        let database = parts.pop().filter(|s| !s.is_empty());
        if !parts.is_empty() {
            return Err(SqlError::unknown("names with a server"));
        }
        Ok(Self { database, schema, name })
    }

    /// From text, as procedures are given it: `dbo.[Order Items]`.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut reader = Reader::new(text)?;
        Self::of(&reader.parser.parse_object_name(false).map_err(from_parser)?)
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Target {
    Column(String),
    Variable(String),
}

#[derive(Debug, Clone)]
pub(crate) struct Insert {
    pub table: Name,
    pub columns: Vec<String>,
    pub output: Vec<SelectItem>,
    pub source: InsertSource,
}

#[derive(Debug, Clone)]
pub(crate) enum InsertSource {
    Query(Box<Query>),
    Defaults,
    Exec(Box<Statement>),
}

#[derive(Debug, Clone)]
pub(crate) struct Update {
    pub table: Name,
    pub top: Option<Expr>,
    pub set: Vec<(Target, Expr)>,
    pub output: Vec<SelectItem>,
    pub from: Vec<TableWithJoins>,
    pub filter: Option<Expr>,
}

#[derive(Debug, Clone)]
pub(crate) struct Delete {
    pub table: Name,
    pub top: Option<Expr>,
    pub output: Vec<SelectItem>,
    pub from: Vec<TableWithJoins>,
    pub filter: Option<Expr>,
}

/// A column as CREATE TABLE and ALTER TABLE declare it.
#[derive(Debug, Clone)]
pub(crate) struct NewColumn {
    pub name: String,
    pub ty: Option<SqlType>,
    pub nullable: Option<bool>,
    pub identity: Option<(i64, i64)>,
    pub default: Option<(Option<String>, Expr)>,
    pub computed: Option<Expr>,
    pub collation: Option<String>,
    pub rules: Vec<NewRule>,
    pub constraints: Vec<NewIndex>,
}

#[derive(Debug, Clone)]
pub(crate) struct NewIndex {
    pub name: Option<String>,
    pub primary: bool,
    pub unique: bool,
    pub constraint: bool,
    pub columns: Vec<String>,
}

/// CHECK or FOREIGN KEY.
#[derive(Debug, Clone)]
pub(crate) struct NewRule {
    pub name: Option<String>,
    pub what: NewRuleKind,
}

#[derive(Debug, Clone)]
pub(crate) enum NewRuleKind {
    Check(Box<Expr>),
    References { columns: Vec<String>, table: Name, keys: Vec<String> },
}

/// What stands between the parentheses of CREATE TABLE, or behind ADD.
#[derive(Debug, Clone, Default)]
pub(crate) struct TableBody {
    pub columns: Vec<NewColumn>,
    pub indexes: Vec<NewIndex>,
    pub rules: Vec<NewRule>,
    pub defaults: Vec<(Option<String>, Expr, String)>,
}

#[derive(Debug, Clone)]
pub(crate) enum Alter {
    Add(TableBody),
    DropColumns { if_exists: bool, names: Vec<String> },
    DropConstraint { if_exists: bool, name: String },
    Column(Box<NewColumn>),
    Ignored,
}

#[derive(Debug, Clone)]
pub(crate) struct Argument {
    pub name: Option<String>,
    pub value: Expr,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Select(Box<Query>),
    Insert(Box<Insert>),
    Update(Box<Update>),
    Delete(Box<Delete>),
    Truncate(Name),
    CreateTable { name: Name, body: TableBody },
    AlterTable { name: Name, what: Box<Alter> },
    DropTable { names: Vec<Name>, if_exists: bool },
    CreateIndex { table: Name, index: NewIndex },
    DropIndex { table: Name, name: String, if_exists: bool },
    CreateSchema(String),
    DropSchema { name: String, if_exists: bool },
    CreateDatabase(String),
    AlterDatabase { name: Option<String>, option: String, on: bool },
    DropDatabase { name: String, if_exists: bool },
    Declare(Vec<(String, SqlType, Option<Expr>)>),
    DeclareTable { name: String, body: TableBody },
    Set(String, Expr),
    SetOption(String, String),
    If(Expr, Box<Statement>, Option<Box<Statement>>),
    While(Expr, Box<Statement>),
    Block(Vec<Statement>),
    Try(Vec<Statement>, Vec<Statement>),
    Break,
    Continue,
    Return,
    Print(Expr),
    Raise(Vec<Expr>),
    Throw(Vec<Expr>),
    Begin,
    Commit,
    Rollback(Option<String>),
    Save(String),
    Exec { result: Option<String>, name: Name, arguments: Vec<Argument> },
    ExecText(Expr),
    Use(String),
    Kill(Expr),
    WaitFor(Expr),
    InsertBulk { table: Name, columns: Vec<String>, keep_identity: bool },
    Security(security::Security),
    Nothing,
}

pub(crate) use security::{Security, Verb};

/// Reads statements off a batch's tokens.
pub(crate) struct Reader<'a> {
    parser: Parser<'a>,
    tokens: Arc<Vec<TokenWithSpan>>,
}

const DIALECT: MsSqlDialect = MsSqlDialect {};

pub(crate) fn from_parser(error: ParserError) -> SqlError {
    match error {
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => {
            SqlError::syntax(text)
        }
        ParserError::RecursionLimitExceeded => {
            SqlError::new(191, "Some part of your SQL statement is nested too deeply.")
        }
    }
}

/// All statements of a batch.
pub(crate) fn read_batch(text: &str) -> Result<Vec<Statement>> {
    let mut reader = Reader::new(text)?;
    reader.list(|_| false)
}

impl Reader<'_> {
    pub(crate) fn new(text: &str) -> Result<Self> {
        let tokens = Tokenizer::new(&DIALECT, text)
            .tokenize_with_location()
            .map_err(|e| SqlError::syntax(e.message))?;
        let tokens = Arc::new(tokens);
        Ok(Self {
            parser: Parser::new(&DIALECT).with_tokens_with_locations(tokens.to_vec()),
            tokens,
        })
    }

    /// Statements up to the end, or to where `stop` says so.
    fn list(&mut self, stop: impl Fn(&Self) -> bool) -> Result<Vec<Statement>> {
        let mut statements = Vec::new();
        loop {
            while self.parser.consume_token(&Token::SemiColon) {}
            if self.parser.peek_token_ref().token == Token::EOF || stop(self) {
                return Ok(statements);
            }
            statements.push(self.statement()?);
        }
    }

    fn statement(&mut self) -> Result<Statement> {
        let from = self.parser.index();
        let line = self.parser.peek_token_ref().span.start.line as u32;
        let kind = self.kind()?;
        Ok(Statement { kind, line, tokens: self.tokens.clone(), from, to: self.parser.index() })
    }

    /// The word that comes next, in capitals.
    fn peek_word(&self, ahead: usize) -> String {
        match &self.parser.peek_nth_token_ref(ahead).token {
            Token::Word(word) if word.quote_style.is_none() => word.value.to_ascii_uppercase(),
            _ => String::new(),
        }
    }

    /// Takes a word if it comes next.
    fn word(&mut self, wanted: &str) -> bool {
        let found = self.peek_word(0) == wanted;
        if found {
            self.parser.next_token();
        }
        found
    }

    fn words(&mut self, wanted: &[&str]) -> bool {
        let found = wanted.iter().enumerate().all(|(i, word)| self.peek_word(i) == *word);
        if found {
            wanted.iter().for_each(|_| drop(self.parser.next_token()));
        }
        found
    }

    fn expect(&mut self, wanted: &str) -> Result<()> {
        if self.word(wanted) { Ok(()) } else { Err(self.wrong(wanted)) }
    }

    fn wrong(&self, wanted: &str) -> SqlError {
        SqlError::syntax(format!(
            "expected {wanted}, found '{}'",
            self.parser.peek_token_ref().token
        ))
    }

    fn take(&mut self, token: &Token) -> bool {
        self.parser.consume_token(token)
    }

    fn need(&mut self, token: &Token) -> Result<()> {
        self.parser.expect_token(token).map(drop).map_err(from_parser)
    }

    fn expr(&mut self) -> Result<Expr> {
        self.parser.parse_expr().map_err(from_parser)
    }

    fn query(&mut self) -> Result<Box<Query>> {
        self.parser.parse_query().map_err(from_parser)
    }

    fn ident(&mut self) -> Result<String> {
        self.parser.parse_identifier().map(|ident| ident.value).map_err(from_parser)
    }

    fn name(&mut self) -> Result<Name> {
        Name::of(&self.parser.parse_object_name(false).map_err(from_parser)?)
    }

    fn sql_type(&mut self) -> Result<SqlType> {
        let ty = self.parser.parse_data_type().map_err(from_parser)?;
        SqlType::parse(&ty.to_string())
    }

    /// `(a, b, …)`; ASC and DESC are taken and forgotten.
    fn column_list(&mut self) -> Result<Vec<String>> {
        self.need(&Token::LParen)?;
        let mut columns = Vec::new();
        loop {
            columns.push(self.ident()?);
            if !self.word("ASC") {
                self.word("DESC");
            }
            if !self.take(&Token::Comma) {
                break;
            }
        }
        self.need(&Token::RParen)?;
        Ok(columns)
    }

    /// Skips a balanced `( … )`.
    fn skip_parens(&mut self) -> Result<()> {
        self.need(&Token::LParen)?;
        let mut depth = 1;
        while depth > 0 {
            match self.parser.next_token().token {
                Token::LParen => depth += 1,
                Token::RParen => depth -= 1,
                Token::EOF => return Err(self.wrong(")")),
                _ => {}
            }
        }
        Ok(())
    }

    fn kind(&mut self) -> Result<Kind> {
        let second = self.peek_word(1);
        match (self.peek_word(0).as_str(), second.as_str()) {
            ("SELECT" | "WITH", _) => Ok(Kind::Select(self.query()?)),
            ("INSERT", "BULK") => self.insert_bulk(),
            ("INSERT", _) => self.insert(),
            ("UPDATE", _) => self.update(),
            ("DELETE", _) => self.delete(),
            ("TRUNCATE", _) => {
                self.words(&["TRUNCATE", "TABLE"]);
                Ok(Kind::Truncate(self.name()?))
            }
            ("CREATE" | "ALTER", "LOGIN" | "USER" | "ROLE" | "SERVER")
            | ("GRANT" | "DENY" | "REVOKE", _)
            | ("DROP", "LOGIN" | "USER" | "ROLE") => self.security(),
            ("CREATE", _) => self.create(),
            ("ALTER", _) => self.alter(),
            ("DROP", _) => self.drop(),
            _ if self.parser.peek_token_ref().token == Token::LParen => {
                Ok(Kind::Select(self.query()?))
            }
            _ => self.flow(),
        }
    }
}
