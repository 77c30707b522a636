//! CREATE, ALTER, DROP of databases, schemas, tables and indexes.

use sqlparser::ast::Expr;
use sqlparser::tokenizer::Token;

use super::{Alter, Kind, NewColumn, NewIndex, Reader};
use crate::error::{Result, SqlError};

impl Reader<'_> {
    pub(super) fn create(&mut self) -> Result<Kind> {
        self.expect("CREATE")?;
        if self.word("TABLE") {
            let name = self.name()?;
            let (columns, indexes) = self.table_body()?;
            // ON [PRIMARY] and the like.
            while self.word("ON") || self.word("TEXTIMAGE_ON") {
                self.ident()?;
            }
            if self.word("WITH") {
                self.skip_parens()?;
            }
            return Ok(Kind::CreateTable { name, columns, indexes });
        }
        if self.word("SCHEMA") {
            let name = self.ident()?;
            if self.word("AUTHORIZATION") {
                self.ident()?;
            }
            return Ok(Kind::CreateSchema(name));
        }
        if self.word("DATABASE") {
            let name = self.ident()?;
            if self.word("COLLATE") {
                self.ident()?;
            }
            return Ok(Kind::CreateDatabase(name));
        }
        let unique = self.word("UNIQUE");
        if !self.word("CLUSTERED") {
            self.word("NONCLUSTERED");
        }
        if !self.word("INDEX") {
            return Err(SqlError::unknown(format!(
                "CREATE {}",
                self.parser.peek_token_ref().token
            )));
        }
        let name = Some(self.ident()?);
        self.expect("ON")?;
        let table = self.name()?;
        let columns = self.column_list()?;
        if self.word("INCLUDE") {
            self.skip_parens()?;
        }
        if self.peek_word(0) == "WHERE" {
            return Err(SqlError::unknown("filtered indexes"));
        }
        if self.word("WITH") {
            self.skip_parens()?;
        }
        Ok(Kind::CreateIndex {
            table,
            index: NewIndex { name, primary: false, unique, constraint: false, columns },
        })
    }

    /// `( column, …, constraint, … )`
    pub(super) fn table_body(&mut self) -> Result<(Vec<NewColumn>, Vec<NewIndex>)> {
        self.need(&Token::LParen)?;
        let (mut columns, mut indexes) = (Vec::new(), Vec::new());
        loop {
            if self.parser.peek_token_ref().token == Token::RParen {
                break;
            }
            match self.table_constraint()? {
                Some(Constraint::Index(index)) => indexes.push(index),
                Some(_) => {}
                None => columns.push(self.column()?),
            }
            if !self.take(&Token::Comma) {
                break;
            }
        }
        self.need(&Token::RParen)?;
        Ok((columns, indexes))
    }

    fn table_constraint(&mut self) -> Result<Option<Constraint>> {
        let name = if self.word("CONSTRAINT") { Some(self.ident()?) } else { None };
        let found = match self.peek_word(0).as_str() {
            "PRIMARY" | "UNIQUE" => {
                Some(Constraint::Index(self.key_constraint(name.clone(), None)?))
            }
            "FOREIGN" => {
                self.words(&["FOREIGN", "KEY"]);
                self.skip_parens()?;
                self.references()?;
                Some(Constraint::Ignored)
            }
            "CHECK" => {
                self.word("CHECK");
                self.skip_parens()?;
                Some(Constraint::Ignored)
            }
            "DEFAULT" => {
                self.word("DEFAULT");
                let value = self.expr()?;
                self.expect("FOR")?;
                Some(Constraint::Default(name.clone(), Box::new(value), self.ident()?))
            }
            _ => None,
        };
        if found.is_none() && name.is_some() {
            return Err(self.wrong("a constraint"));
        }
        Ok(found)
    }

    fn key_constraint(&mut self, name: Option<String>, column: Option<&str>) -> Result<NewIndex> {
        let primary = self.words(&["PRIMARY", "KEY"]);
        if !primary {
            self.expect("UNIQUE")?;
        }
        if !self.word("CLUSTERED") {
            self.word("NONCLUSTERED");
        }
        let columns = match column {
            Some(column) => vec![column.to_owned()],
            None => self.column_list()?,
        };
        if self.peek_word(0) == "WITH" {
            self.word("WITH");
            self.skip_parens()?;
        }
        if self.peek_word(0) == "ON" && column.is_none() {
            self.word("ON");
            self.ident()?;
        }
        Ok(NewIndex { name, primary, unique: true, constraint: true, columns })
    }

    fn references(&mut self) -> Result<()> {
        self.expect("REFERENCES")?;
        self.name()?;
        if self.parser.peek_token_ref().token == Token::LParen {
            self.skip_parens()?;
        }
        while self.word("ON") {
            self.parser.next_token();
            if !(self.words(&["NO", "ACTION"])
                || self.words(&["SET", "NULL"])
                || self.words(&["SET", "DEFAULT"]))
            {
                self.expect("CASCADE")?;
            }
        }
        Ok(())
    }

    /// A column's declaration.
    pub(super) fn column(&mut self) -> Result<NewColumn> {
        let name = self.ident()?;
        let mut column = NewColumn {
            name,
            ty: None,
            nullable: None,
            identity: None,
            default: None,
            computed: None,
            constraints: Vec::new(),
        };
        if self.word("AS") {
            column.computed = Some(self.expr()?);
            self.word("PERSISTED");
            return Ok(column);
        }
        column.ty = Some(self.sql_type()?);
        loop {
            let constraint = if self.word("CONSTRAINT") { Some(self.ident()?) } else { None };
            match self.peek_word(0).as_str() {
                "NOT" => {
                    self.words(&["NOT", "NULL"]);
                    column.nullable = Some(false);
                }
                "NULL" => {
                    self.word("NULL");
                    column.nullable = Some(true);
                }
                "IDENTITY" => column.identity = Some(self.identity()?),
                "DEFAULT" => {
                    self.word("DEFAULT");
                    column.default = Some((constraint, self.default_value()?));
                }
                "PRIMARY" | "UNIQUE" => {
                    let name = column.name.clone();
                    column.constraints.push(self.key_constraint(constraint, Some(&name))?);
                }
                "COLLATE" => {
                    self.word("COLLATE");
                    self.ident()?;
                }
                "ROWGUIDCOL" | "SPARSE" => drop(self.parser.next_token()),
                "CHECK" => {
                    self.word("CHECK");
                    self.skip_parens()?;
                }
                "REFERENCES" => self.references()?,
                "FOREIGN" => {
                    self.words(&["FOREIGN", "KEY"]);
                    self.references()?;
                }
                _ => return Ok(column),
            }
        }
    }

    /// A default is a constant, a call, or anything in parentheses; NOT NULL may follow it.
    fn default_value(&mut self) -> Result<Expr> {
        self.parser.parse_subexpr(30).map_err(super::from_parser)
    }

    fn identity(&mut self) -> Result<(i64, i64)> {
        self.expect("IDENTITY")?;
        if !self.take(&Token::LParen) {
            return Ok((1, 1));
        }
        let seed = self.integer()?;
        self.need(&Token::Comma)?;
        let step = self.integer()?;
        self.need(&Token::RParen)?;
        Ok((seed, step))
    }

    fn integer(&mut self) -> Result<i64> {
        let negative = self.take(&Token::Minus);
        let n = self.parser.parse_literal_uint().map_err(super::from_parser)? as i64;
        Ok(if negative { -n } else { n })
    }

    pub(super) fn alter(&mut self) -> Result<Kind> {
        self.expect("ALTER")?;
        if self.word("DATABASE") {
            let name = if self.word("CURRENT") { None } else { Some(self.ident()?) };
            self.expect("SET")?;
            let option = self.ident()?.to_ascii_uppercase();
            let on = self.word("ON");
            if !on && !self.word("OFF") {
                while !matches!(self.parser.peek_token_ref().token, Token::SemiColon | Token::EOF) {
                    self.parser.next_token();
                }
            }
            if !self.words(&["WITH", "ROLLBACK", "IMMEDIATE"]) {
                self.words(&["WITH", "NO_WAIT"]);
            }
            return Ok(Kind::AlterDatabase { name, option, on });
        }
        if !self.word("TABLE") {
            return Err(SqlError::unknown(format!("ALTER {}", self.parser.peek_token_ref().token)));
        }
        let name = self.name()?;
        let what = self.alteration()?;
        Ok(Kind::AlterTable { name, what: Box::new(what) })
    }

    fn alteration(&mut self) -> Result<Alter> {
        if self.word("WITH") && !self.word("CHECK") {
            self.expect("NOCHECK")?;
        }
        if self.word("ADD") {
            let (mut columns, mut indexes, mut defaults) = (Vec::new(), Vec::new(), Vec::new());
            loop {
                match self.table_constraint()? {
                    Some(Constraint::Index(index)) => indexes.push(index),
                    Some(Constraint::Default(name, value, column)) => {
                        defaults.push((name, *value, column))
                    }
                    Some(Constraint::Ignored) => {}
                    None => columns.push(self.column()?),
                }
                self.words(&["WITH", "VALUES"]);
                if !self.take(&Token::Comma) {
                    return Ok(Alter::Add(columns, indexes, defaults));
                }
            }
        }
        if self.words(&["ALTER", "COLUMN"]) {
            return Ok(Alter::Column(Box::new(self.column()?)));
        }
        if self.words(&["DROP", "COLUMN"]) {
            let if_exists = self.words(&["IF", "EXISTS"]);
            let mut names = vec![self.ident()?];
            while self.take(&Token::Comma) {
                self.word("COLUMN");
                names.push(self.ident()?);
            }
            return Ok(Alter::DropColumns { if_exists, names });
        }
        if self.word("DROP") {
            self.word("CONSTRAINT");
            let if_exists = self.words(&["IF", "EXISTS"]);
            return Ok(Alter::DropConstraint { if_exists, name: self.ident()? });
        }
        if self.word("SET") {
            self.skip_parens()?;
            return Ok(Alter::Ignored);
        }
        Err(SqlError::unknown(format!("ALTER TABLE … {}", self.parser.peek_token_ref().token)))
    }

    pub(super) fn drop(&mut self) -> Result<Kind> {
        self.expect("DROP")?;
        if self.word("TABLE") {
            let if_exists = self.words(&["IF", "EXISTS"]);
            let mut names = vec![self.name()?];
            while self.take(&Token::Comma) {
                names.push(self.name()?);
            }
            return Ok(Kind::DropTable { names, if_exists });
        }
        if self.word("SCHEMA") {
            let if_exists = self.words(&["IF", "EXISTS"]);
            return Ok(Kind::DropSchema { name: self.ident()?, if_exists });
        }
        if self.word("DATABASE") {
            let if_exists = self.words(&["IF", "EXISTS"]);
            return Ok(Kind::DropDatabase { name: self.ident()?, if_exists });
        }
        if self.word("INDEX") {
            let if_exists = self.words(&["IF", "EXISTS"]);
            let name = self.ident()?;
            self.expect("ON")?;
            return Ok(Kind::DropIndex { table: self.name()?, name, if_exists });
        }
        Err(SqlError::unknown(format!("DROP {}", self.parser.peek_token_ref().token)))
    }
}

enum Constraint {
    Index(NewIndex),
    Default(Option<String>, Box<Expr>, String),
    /// Checks and foreign keys: read, not enforced.
    Ignored,
}
