//! Logins, users, roles, GRANT, DENY and REVOKE.

use sqlparser::tokenizer::Token;

use super::{Kind, Reader};
use crate::error::{Result, SqlError};

#[derive(Debug, Clone)]
pub(crate) enum Security {
    CreateLogin { name: String, password: String },
    AlterLogin { name: String, password: String },
    CreateUser { name: String, login: String },
    CreateRole(String),
    AddMember { role: String, member: String, add: bool },
    DropLogin(String),
    DropUser(String),
    Permission { verb: Verb, permissions: Vec<String>, on: String, to: String },
    Nothing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Grant,
    Deny,
    Revoke,
}

impl Reader<'_> {
    pub(super) fn security(&mut self) -> Result<Kind> {
        let verb = self.peek_word(0);
        let what = match verb.as_str() {
            "GRANT" => self.permission(Verb::Grant)?,
            "DENY" => self.permission(Verb::Deny)?,
            "REVOKE" => self.permission(Verb::Revoke)?,
            _ => {
                self.parser.next_token();
                self.principal(&verb)?
            }
        };
        Ok(Kind::Security(what))
    }

    fn principal(&mut self, verb: &str) -> Result<Security> {
        if self.words(&["SERVER", "ROLE"]) {
            self.rest();
            return Ok(Security::Nothing);
        }
        let kind = self.peek_word(0);
        self.parser.next_token();
        self.words(&["IF", "EXISTS"]);
        let name = self.ident()?;
        Ok(match (verb, kind.as_str()) {
            ("CREATE" | "ALTER", "LOGIN") => {
                self.words(&["WITH", "PASSWORD"]);
                self.need(&Token::Eq)?;
                let password = self.parser.parse_literal_string().map_err(super::from_parser)?;
                self.rest();
                match verb {
                    "CREATE" => Security::CreateLogin { name, password },
                    _ => Security::AlterLogin { name, password },
                }
            }
            ("CREATE", "USER") => {
                let login = if self.words(&["FOR", "LOGIN"]) || self.words(&["FROM", "LOGIN"]) {
                    self.ident()?
                } else {
                    name.clone()
                };
                self.rest();
                Security::CreateUser { name, login }
            }
            ("CREATE", "ROLE") => Security::CreateRole(name),
            ("ALTER", "ROLE") => {
                let add = self.word("ADD");
                if !add {
                    self.expect("DROP")?;
                }
                self.expect("MEMBER")?;
                Security::AddMember { role: name, member: self.ident()?, add }
            }
            ("DROP", "LOGIN") => Security::DropLogin(name),
            ("DROP", "USER") => Security::DropUser(name),
            _ => return Err(SqlError::unknown(format!("{verb} {kind}"))),
        })
    }

    fn rest(&mut self) {
        while !matches!(self.parser.peek_token_ref().token, Token::SemiColon | Token::EOF) {
            self.parser.next_token();
        }
    }

    fn permission(&mut self, verb: Verb) -> Result<Security> {
        self.parser.next_token();
        let mut permissions = Vec::new();
        loop {
            let mut words = Vec::new();
            while !matches!(self.peek_word(0).as_str(), "ON" | "TO" | "FROM" | "") {
                words.push(self.peek_word(0));
                self.parser.next_token();
                if self.parser.peek_token_ref().token == Token::LParen {
                    return Err(SqlError::unknown("permissions on columns"));
                }
            }
            permissions.push(words.join(" "));
            if !self.take(&Token::Comma) {
                break;
            }
        }
        let mut on = String::new();
        if self.word("ON") {
            let first = self.ident()?;
            if self.take(&Token::DoubleColon) {
                let name = self.name()?.to_string();
                on = match first.to_ascii_lowercase().as_str() {
                    "object" => name,
                    kind => format!("{kind}::{name}"),
                };
            } else {
                on = first;
                while self.take(&Token::Period) {
                    on = format!("{on}.{}", self.ident()?);
                }
            }
            if !on.contains('.') && !on.contains("::") {
                on = format!("dbo.{on}");
            }
        }
        if !self.word("TO") {
            self.expect("FROM")?;
        }
        let to = self.ident()?;
        Ok(Security::Permission { verb, permissions, on: on.to_lowercase(), to })
    }
}
