//! CREATE, ALTER, DROP of databases, schemas, tables and indexes.

use sqlparser::ast::Expr;
use sqlparser::tokenizer::Token;

use super::{Alter, Kind, Name, NewColumn, NewIndex, NewRule, NewRuleKind, Reader, TableBody};
use crate::error::{Result, SqlError};

impl Reader<'_> {
    pub(super) fn create(&mut self) -> Result<Kind> {
        self.expect("CREATE")?;
        if self.word("TABLE") {
            let name = self.name()?;
            let body = self.table_body()?;
            // ON [PRIMARY] and the like.
            while self.word("ON") || self.word("TEXTIMAGE_ON") {
                self.ident()?;
            }
            if self.word("WITH") {
                self.skip_parens()?;
            }
            return Ok(Kind::CreateTable { name, body });
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
    pub(super) fn table_body(&mut self) -> Result<TableBody> {
        self.need(&Token::LParen)?;
        let mut body = TableBody::default();
        loop {
            if self.parser.peek_token_ref().token == Token::RParen {
                break;
            }
            self.part(&mut body)?;
            if !self.take(&Token::Comma) {
                break;
            }
        }
        self.need(&Token::RParen)?;
        Ok(body)
    }

    /// A column or a constraint.
    fn part(&mut self, body: &mut TableBody) -> Result<()> {
        match self.table_constraint()? {
            Some(Constraint::Index(index)) => body.indexes.push(index),
            Some(Constraint::Rule(rule)) => body.rules.push(rule),
            Some(Constraint::Default(name, value, column)) => {
                body.defaults.push((name, *value, column))
            }
            None => body.columns.push(self.column()?),
        }
        Ok(())
    }

    fn table_constraint(&mut self) -> Result<Option<Constraint>> {
        let name = if self.word("CONSTRAINT") { Some(self.ident()?) } else { None };
        let found = match self.peek_word(0).as_str() {
            "PRIMARY" | "UNIQUE" => {
                Some(Constraint::Index(self.key_constraint(name.clone(), None)?))
            }
            "FOREIGN" => {
                self.words(&["FOREIGN", "KEY"]);
                let columns = self.column_list()?;
                let what = self.references(columns)?;
                Some(Constraint::Rule(NewRule { name: name.clone(), what }))
            }
            "CHECK" => {
                let what = self.check()?;
                Some(Constraint::Rule(NewRule { name: name.clone(), what }))
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

    fn references(&mut self, columns: Vec<String>) -> Result<NewRuleKind> {
        self.expect("REFERENCES")?;
        let table: Name = self.name()?;
        let keys = match self.parser.peek_token_ref().token {
            Token::LParen => self.column_list()?,
            _ => Vec::new(),
        };
        while self.word("ON") {
            self.parser.next_token();
            if !self.words(&["NO", "ACTION"]) {
                return Err(SqlError::unknown("foreign keys that change other rows"));
            }
        }
        Ok(NewRuleKind::References { columns, table, keys })
    }

    fn check(&mut self) -> Result<NewRuleKind> {
        self.expect("CHECK")?;
        self.need(&Token::LParen)?;
        let condition = self.expr()?;
        self.need(&Token::RParen)?;
        Ok(NewRuleKind::Check(Box::new(condition)))
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
            collation: None,
            rules: Vec::new(),
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
                    column.collation = Some(self.ident()?);
                }
                "ROWGUIDCOL" | "SPARSE" => drop(self.parser.next_token()),
                "CHECK" => {
                    let what = self.check()?;
                    column.rules.push(NewRule { name: constraint, what });
                }
                "REFERENCES" | "FOREIGN" => {
                    self.words(&["FOREIGN", "KEY"]);
                    let what = self.references(vec![column.name.clone()])?;
                    column.rules.push(NewRule { name: constraint, what });
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
            let mut body = TableBody::default();
            loop {
                self.part(&mut body)?;
                self.words(&["WITH", "VALUES"]);
                if !self.take(&Token::Comma) {
                    return Ok(Alter::Add(body));
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
    Rule(NewRule),
}
