//! Variables, control of flow, transactions, procedure calls.

use sqlparser::ast::{BinaryOperator, Expr, Ident};
use sqlparser::tokenizer::Token;

use super::{Argument, Kind, Name, Reader};
use crate::error::{Result, SqlError};

impl Reader<'_> {
    pub(super) fn flow(&mut self) -> Result<Kind> {
        let word = self.peek_word(0);
        let second = self.peek_word(1);
        match (word.as_str(), second.as_str()) {
            ("DECLARE", _) => self.declare(),
            ("SET", _) => self.set(),
            ("IF", _) => {
                self.word("IF");
                let condition = self.expr()?;
                let then = Box::new(self.statement()?);
                // A semicolon may stand before ELSE.
                let at_else = (0..2).find(|i| self.peek_word(*i) == "ELSE");
                let other = match at_else {
                    Some(0) => true,
                    Some(_) if self.parser.peek_token_ref().token == Token::SemiColon => {
                        self.take(&Token::SemiColon)
                    }
                    _ => false,
                };
                let other = if other && self.word("ELSE") {
                    Some(Box::new(self.statement()?))
                } else {
                    None
                };
                Ok(Kind::If(condition, then, other))
            }
            ("WHILE", _) => {
                self.word("WHILE");
                let condition = self.expr()?;
                Ok(Kind::While(condition, Box::new(self.statement()?)))
            }
            ("BEGIN", "TRY") => self.try_catch(),
            ("BEGIN", "TRAN" | "TRANSACTION") => {
                self.parser.next_token();
                self.parser.next_token();
                self.transaction_name()?;
                Ok(Kind::Begin)
            }
            ("BEGIN", _) => {
                self.word("BEGIN");
                let block = self.list(|r| r.peek_word(0) == "END")?;
                self.expect("END")?;
                Ok(Kind::Block(block))
            }
            ("COMMIT", _) => {
                self.word("COMMIT");
                self.tran_word();
                self.transaction_name()?;
                Ok(Kind::Commit)
            }
            ("ROLLBACK", _) => {
                self.word("ROLLBACK");
                self.tran_word();
                Ok(Kind::Rollback(self.transaction_name()?))
            }
            ("SAVE", _) => {
                self.word("SAVE");
                self.tran_word();
                Ok(Kind::Save(self.ident()?))
            }
            ("EXEC" | "EXECUTE", _) => self.exec(),
            ("USE", _) => {
                self.word("USE");
                Ok(Kind::Use(self.ident()?))
            }
            ("KILL", _) => {
                self.word("KILL");
                Ok(Kind::Kill(self.expr()?))
            }
            ("PRINT", _) => {
                self.word("PRINT");
                Ok(Kind::Print(self.expr()?))
            }
            ("RAISERROR", _) => {
                self.word("RAISERROR");
                self.need(&Token::LParen)?;
                let arguments = self.expr_list()?;
                self.need(&Token::RParen)?;
                if self.word("WITH") {
                    self.ident()?;
                }
                Ok(Kind::Raise(arguments))
            }
            ("THROW", _) => {
                self.word("THROW");
                let ended =
                    matches!(self.parser.peek_token_ref().token, Token::SemiColon | Token::EOF)
                        || self.peek_word(0) == "END";
                Ok(Kind::Throw(if ended { Vec::new() } else { self.expr_list()? }))
            }
            ("RETURN", _) => {
                self.word("RETURN");
                let ended =
                    matches!(self.parser.peek_token_ref().token, Token::SemiColon | Token::EOF)
                        || self.peek_word(0) == "END";
                if !ended {
                    self.expr()?;
                }
                Ok(Kind::Return)
            }
            ("BREAK", _) => {
                self.word("BREAK");
                Ok(Kind::Break)
            }
            ("CONTINUE", _) => {
                self.word("CONTINUE");
                Ok(Kind::Continue)
            }
            ("WAITFOR", "DELAY") => {
                self.words(&["WAITFOR", "DELAY"]);
                Ok(Kind::WaitFor(self.expr()?))
            }
            ("CHECKPOINT" | "RECONFIGURE", _) => {
                self.parser.next_token();
                Ok(Kind::Nothing)
            }
            _ => self.call_without_exec(),
        }
    }

    /// The first statement of a batch may be a procedure's name alone.
    fn call_without_exec(&mut self) -> Result<Kind> {
        let word = self.peek_word(0).to_ascii_lowercase();
        if word.starts_with("sp_") || word == "sys" || word == "cdc" || word == "sim" {
            let name = self.name()?;
            let arguments = self.arguments()?;
            return Ok(Kind::Exec { result: None, name, arguments });
        }
        Err(SqlError::unknown(format!(
            "the statement that begins with '{}'",
            self.parser.peek_token_ref().token
        )))
    }

    fn expr_list(&mut self) -> Result<Vec<Expr>> {
        let mut list = vec![self.expr()?];
        while self.take(&Token::Comma) {
            list.push(self.expr()?);
        }
        Ok(list)
    }

    fn tran_word(&mut self) {
        if !self.word("TRAN") && !self.word("TRANSACTION") {
            self.word("WORK");
        }
    }

    fn transaction_name(&mut self) -> Result<Option<String>> {
        let named = match &self.parser.peek_token_ref().token {
            Token::Word(word) => {
                word.quote_style.is_some()
                    || !STARTERS.contains(&word.value.to_ascii_uppercase().as_str())
            }
            _ => false,
        };
        if named { self.ident().map(Some) } else { Ok(None) }
    }

    fn declare(&mut self) -> Result<Kind> {
        self.expect("DECLARE")?;
        let mut variables = Vec::new();
        loop {
            let name = self.ident()?;
            self.word("AS");
            if self.word("TABLE") {
                let body = self.table_body()?;
                return Ok(Kind::DeclareTable { name, body });
            }
            let ty = self.sql_type()?;
            let value = if self.take(&Token::Eq) { Some(self.expr()?) } else { None };
            variables.push((name, ty, value));
            if !self.take(&Token::Comma) {
                return Ok(Kind::Declare(variables));
            }
        }
    }

    fn set(&mut self) -> Result<Kind> {
        self.expect("SET")?;
        let name = self.ident()?;
        if name.starts_with('@') {
            let op = match self.parser.next_token().token {
                Token::Eq => None,
                Token::Plus => Some(BinaryOperator::Plus),
                Token::Minus => Some(BinaryOperator::Minus),
                _ => return Err(self.wrong("=")),
            };
            if op.is_some() {
                self.need(&Token::Eq)?;
            }
            let value = self.expr()?;
            let plain = Expr::Identifier(Ident::new(&name));
            let value = match op {
                Some(op) => Expr::BinaryOp {
                    left: Box::new(plain),
                    op,
                    right: Box::new(Expr::Nested(Box::new(value))),
                },
                None => value,
            };
            return Ok(Kind::Set(name, value));
        }
        let name = name.to_ascii_uppercase();
        if name == "TRANSACTION" {
            self.words(&["ISOLATION", "LEVEL"]);
            let mut level = self.ident()?.to_ascii_uppercase();
            if matches!(level.as_str(), "READ" | "REPEATABLE") {
                level = format!("{level} {}", self.ident()?.to_ascii_uppercase());
            }
            return Ok(Kind::SetOption("ISOLATION".into(), level));
        }
        let mut value = Vec::new();
        while !matches!(self.parser.peek_token_ref().token, Token::SemiColon | Token::EOF) {
            value.push(self.parser.next_token().token.to_string());
            let last = value.last().map(|v| v.to_ascii_uppercase());
            // ON and OFF end the statement, also where no semicolon follows.
            if matches!(last.as_deref(), Some("ON" | "OFF"))
                || (name == "LOCK_TIMEOUT" && value.last().is_some_and(|v| v != "-"))
            {
                break;
            }
        }
        Ok(Kind::SetOption(name, value.join(" ")))
    }

    fn try_catch(&mut self) -> Result<Kind> {
        self.words(&["BEGIN", "TRY"]);
        let at_end = |r: &Self| r.peek_word(0) == "END";
        let body = self.list(at_end)?;
        self.words(&["END", "TRY"]);
        self.take(&Token::SemiColon);
        if !self.words(&["BEGIN", "CATCH"]) {
            return Err(self.wrong("BEGIN CATCH"));
        }
        let handler = self.list(at_end)?;
        self.words(&["END", "CATCH"]);
        Ok(Kind::Try(body, handler))
    }

    fn exec(&mut self) -> Result<Kind> {
        self.parser.next_token();
        if self.take(&Token::LParen) {
            let text = self.expr()?;
            self.need(&Token::RParen)?;
            return Ok(Kind::ExecText(text));
        }
        let mut result = None;
        if self.peek_word(0).starts_with('@')
            && self.parser.peek_nth_token_ref(1).token == Token::Eq
        {
            result = Some(self.ident()?);
            self.parser.next_token();
        }
        let name = self.name()?;
        let arguments = self.arguments()?;
        Ok(Kind::Exec { result, name, arguments })
    }

    fn arguments(&mut self) -> Result<Vec<Argument>> {
        let mut arguments = Vec::new();
        while !matches!(self.parser.peek_token_ref().token, Token::SemiColon | Token::EOF)
            && !STARTERS.contains(&self.peek_word(0).as_str())
        {
            let named = self.peek_word(0).starts_with('@')
                && self.parser.peek_nth_token_ref(1).token == Token::Eq;
            let name = if named {
                let name = self.ident()?;
                self.parser.next_token();
                Some(name)
            } else {
                None
            };
            let value = self.argument_value()?;
            if self.word("OUTPUT") || self.word("OUT") {
                return Err(SqlError::unknown("OUTPUT arguments of EXEC"));
            }
            arguments.push(Argument { name, value });
            if !self.take(&Token::Comma) {
                break;
            }
        }
        Ok(arguments)
    }

    /// A bare word is text: `EXEC sp_x dbo`.
    fn argument_value(&mut self) -> Result<Expr> {
        let word = self.peek_word(0);
        if !word.is_empty()
            && !word.starts_with('@')
            && !matches!(word.as_str(), "NULL" | "DEFAULT" | "N")
        {
            let text = self.ident()?;
            return Ok(Expr::Value(sqlparser::ast::Value::SingleQuotedString(text).into()));
        }
        if self.word("DEFAULT") {
            return Ok(Expr::Value(sqlparser::ast::Value::Null.into()));
        }
        self.expr()
    }
}

/// Words that begin a statement, and so end the one before.
const STARTERS: [&str; 36] = [
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "DECLARE",
    "SET",
    "IF",
    "ELSE",
    "WHILE",
    "BEGIN",
    "END",
    "COMMIT",
    "ROLLBACK",
    "SAVE",
    "EXEC",
    "EXECUTE",
    "USE",
    "PRINT",
    "RAISERROR",
    "THROW",
    "RETURN",
    "CREATE",
    "ALTER",
    "DROP",
    "TRUNCATE",
    "WITH",
    "WAITFOR",
    "BREAK",
    "CONTINUE",
    "GRANT",
    "DENY",
    "REVOKE",
    "MERGE",
    "OPEN",
    "FETCH",
    "GO",
];

impl Name {
    /// `sys.sp_cdc_enable_db` and `sp_cdc_enable_db` are the same procedure.
    pub(crate) fn procedure(&self) -> String {
        let schema = self.schema.as_deref().map(str::to_ascii_lowercase);
        let name = self.name.to_ascii_lowercase();
        match schema.as_deref() {
            Some("sim") => format!("sim.{name}"),
            _ => name,
        }
    }
}
