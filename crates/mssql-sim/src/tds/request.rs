//! Requests in: a batch, a procedure call, a transaction manager's request, rows of a bulk load.

use super::packet::{Message, kind};
use crate::error::{Result, SqlError};
use crate::value::{Column, SqlType, Value, read_type_info, read_typed, utf16_text};

/// What a client asks for.
#[derive(Debug)]
pub(crate) enum Request {
    Batch(String),
    Call { name: String, parameters: Vec<Parameter> },
    Transaction(TransactionRequest),
    Bulk(Vec<u8>),
}

/// An argument of a procedure call.
#[derive(Debug, Clone)]
pub(crate) struct Parameter {
    /// With its `@`; empty where it goes by position.
    pub name: String,
    pub output: bool,
    pub column: Column,
    pub value: Value,
}

/// [MS-TDS] 2.2.6.9.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TransactionRequest {
    Begin { isolation: u8 },
    Commit,
    Rollback(String),
    Save(String),
}

/// A NULL without a type: [MS-TDS] 2.2.5.4.1.
const NULL_TYPE: u8 = 0x1F;

fn broken() -> SqlError {
    SqlError::new(8009, "The incoming tabular data stream (TDS) protocol stream is incorrect.")
}

impl Request {
    pub(super) fn read(message: &Message) -> Result<Self> {
        let body = &message.body;
        match message.kind {
            kind::BULK => Ok(Self::Bulk(body.clone())),
            kind::BATCH => Ok(Self::Batch(utf16_text(after_headers(body)?))),
            kind::RPC => call(after_headers(body)?),
            kind::TRANSACTION => transaction(after_headers(body)?),
            other => Err(SqlError::unknown(format!("TDS messages of type 0x{other:02X}"))),
        }
    }
}

/// ALL_HEADERS begins with its own length.
fn after_headers(body: &[u8]) -> Result<&[u8]> {
    let len =
        body.get(..4).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes).ok_or_else(broken)?;
    body.get(len as usize..).ok_or_else(broken)
}

/// A cursor over the bytes of a call.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8]> {
        if self.0.len() < n {
            return Err(broken());
        }
        let (head, rest) = self.0.split_at(n);
        self.0 = rest;
        Ok(head)
    }

    fn u16(&mut self) -> Result<u16> {
        let b = self.take(2)?;
        Ok(u16::from_le_bytes([b[0], b[1]]))
    }

    fn short_text(&mut self) -> Result<String> {
        let len = usize::from(self.take(1)?[0]);
        Ok(utf16_text(self.take(len * 2)?))
    }
}

fn call(body: &[u8]) -> Result<Request> {
    let mut bytes = Bytes(body);
    let name = match bytes.u16()? {
        0xFFFF => match bytes.u16()? {
            10 => "sp_executesql".into(),
            11 => "sp_prepare".into(),
            12 => "sp_execute".into(),
            13 => "sp_prepexec".into(),
            15 => "sp_unprepare".into(),
            other => return Err(SqlError::unknown(format!("the procedure with number {other}"))),
        },
        len => utf16_text(bytes.take(usize::from(len) * 2)?),
    };
    bytes.u16()?;
    let mut parameters = Vec::new();
    // 0xFF and 0x80 part the calls of one message; no driver of ours sends a second one.
    while bytes.0.first().is_some_and(|b| *b != 0xFF && *b != 0x80) {
        let name = bytes.short_text()?;
        let output = bytes.take(1)?[0] & 1 != 0;
        if bytes.0.first() == Some(&NULL_TYPE) {
            bytes.take(1)?;
            let column = Column { ty: SqlType::Int, nullable: true };
            parameters.push(Parameter { name, output, column, value: Value::Null });
            continue;
        }
        let (column, len) = read_type_info(bytes.0)?;
        bytes.take(len)?;
        let (value, len) = read_typed(column, bytes.0)?;
        bytes.take(len)?;
        parameters.push(Parameter {
            name,
            output,
            column: Column { nullable: true, ..column },
            value,
        });
    }
    Ok(Request::Call { name, parameters })
}

fn transaction(body: &[u8]) -> Result<Request> {
    let mut bytes = Bytes(body);
    Ok(Request::Transaction(match bytes.u16()? {
        5 => TransactionRequest::Begin { isolation: bytes.take(1)?[0] },
        7 => TransactionRequest::Commit,
        8 => TransactionRequest::Rollback(bytes.short_text()?),
        9 => TransactionRequest::Save(bytes.short_text()?),
        other => {
            return Err(SqlError::unknown(format!("the transaction manager's request {other}")));
        }
    }))
}
