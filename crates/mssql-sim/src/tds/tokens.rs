//! Tokens out: [MS-TDS] 2.2.7. They leave in pieces that end at a token's end, and wait while the
//! client does not read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc::Sender;

use crate::error::{Result, SqlError};
use crate::value::{Column, Encoded, Value, skip_value, write_type_info, write_value};

/// A piece of a response, or its end.
#[derive(Debug)]
pub(crate) enum Out {
    Data(Vec<u8>),
    /// The message is complete; `cancelled`: it ends with the acknowledgement of an attention.
    End {
        cancelled: bool,
    },
    /// The server ends the connection, as errors of severity 20 and up do.
    Close,
}

/// A column of a result set: its name, type and COLMETADATA flags.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Named {
    pub name: String,
    pub column: Column,
    pub flags: u16,
}

/// COLMETADATA's flags.
pub(crate) struct Flags;

impl Flags {
    pub(crate) const NULLABLE: u16 = 0x01;
}

const PIECE: usize = 32 * 1024;
const DONE_MORE: u16 = 0x01;
const DONE_ERROR: u16 = 0x02;
const DONE_COUNT: u16 = 0x10;
const DONE_ATTENTION: u16 = 0x20;

/// Where a session writes.
pub(crate) struct Tokens {
    pub buffer: Vec<u8>,
    to: Option<Sender<Out>>,
    cancel: Arc<AtomicBool>,
    /// Inside of a procedure call the statements end with DONEINPROC.
    pub in_procedure: bool,
    /// The last DONE that was written: it says MORE, which the end of the message takes back.
    open_done: Option<usize>,
    /// The response has its last DONE.
    finished: bool,
}

impl Tokens {
    pub(crate) fn new(to: Sender<Out>, cancel: Arc<AtomicBool>) -> Self {
        Self {
            buffer: Vec::with_capacity(PIECE * 2),
            to: Some(to),
            cancel,
            in_procedure: false,
            open_done: None,
            finished: false,
        }
    }

    /// Tokens that nobody reads, for statements of the control surface.
    pub(crate) fn nowhere() -> Self {
        Self {
            buffer: Vec::new(),
            to: None,
            cancel: Arc::default(),
            in_procedure: false,
            open_done: None,
            finished: false,
        }
    }

    pub(crate) fn cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }

    /// Call it between tokens.
    ///
    /// # Errors
    /// The client has sent an attention, or is gone.
    pub(crate) fn breathe(&mut self) -> Result<()> {
        if self.cancelled() {
            return Err(SqlError::cancelled());
        }
        if self.buffer.len() < PIECE {
            return Ok(());
        }
        self.send()
    }

    fn send(&mut self) -> Result<()> {
        let Some(to) = &self.to else {
            return Ok(());
        };
        // A DONE at the end may still have to lose its MORE.
        let keep = self.open_done.filter(|at| at + 13 == self.buffer.len());
        let rest = keep.map_or(Vec::new(), |at| self.buffer.split_off(at));
        let piece = std::mem::replace(&mut self.buffer, Vec::with_capacity(PIECE * 2));
        self.buffer.extend(rest);
        self.open_done = keep.map(|_| 0);
        to.blocking_send(Out::Data(piece)).map_err(|_| SqlError::cancelled())
    }

    /// The end of the response.
    pub(crate) fn end(&mut self, cancelled: bool) {
        if cancelled {
            self.done(0xFD, DONE_ATTENTION, 0);
        }
        let last = self.open_done.take().filter(|at| at + 13 == self.buffer.len());
        if let Some(at) = last {
            let status =
                u16::from_le_bytes([self.buffer[at + 1], self.buffer[at + 2]]) & !DONE_MORE;
            self.buffer[at + 1..at + 3].copy_from_slice(&status.to_le_bytes());
        } else if !self.finished {
            self.done(0xFD, 0, 0);
        }
        self.finished = false;
        let piece = std::mem::take(&mut self.buffer);
        if let Some(to) = &self.to {
            // A client that is gone needs no end.
            let sent = to.blocking_send(Out::Data(piece)).is_ok();
            if sent && to.blocking_send(Out::End { cancelled }).is_err() {
                self.to = None;
            }
        }
    }

    /// Ends the connection after what was written.
    pub(crate) fn close(&mut self) {
        self.end(false);
        if let Some(to) = self.to.take() {
            drop(to.blocking_send(Out::Close));
        }
    }

    /// Ends the connection without a word.
    pub(crate) fn cut(&mut self) {
        self.to = None;
    }

    pub(crate) fn columns(&mut self, columns: &[Named]) {
        self.buffer.push(0x81);
        self.buffer.extend((columns.len() as u16).to_le_bytes());
        for named in columns {
            let row_version = named.column.ty == crate::value::SqlType::RowVersion;
            self.buffer.extend(if row_version { 0x50_u32 } else { 0 }.to_le_bytes());
            self.buffer.extend(named.flags.to_le_bytes());
            write_type_info(&mut self.buffer, named.column);
            let units: Vec<u16> = named.name.encode_utf16().take(128).collect();
            self.buffer.push(units.len() as u8);
            self.buffer.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
        }
    }

    /// ROW, or NBCROW where that is shorter.
    pub(crate) fn row(&mut self, columns: &[Named], values: &[Value]) {
        let nulls = values.iter().filter(|value| value.is_null()).count();
        if nulls > values.len().div_ceil(8) {
            self.buffer.push(0xD2);
            let at = self.buffer.len();
            self.buffer.resize(at + values.len().div_ceil(8), 0);
            for (i, value) in values.iter().enumerate() {
                if value.is_null() {
                    self.buffer[at + i / 8] |= 1 << (i % 8);
                } else {
                    write_value(&mut self.buffer, columns[i].column, value);
                }
            }
            return;
        }
        self.buffer.push(0xD1);
        for (named, value) in columns.iter().zip(values) {
            write_value(&mut self.buffer, named.column, value);
        }
    }

    /// ROW from bytes that are its columns already.
    pub(crate) fn raw_row(
        &mut self,
        encoded: Encoded<'_>,
        columns: &[usize],
        ends: &mut Vec<usize>,
    ) {
        self.buffer.push(0xD1);
        if columns.len() == encoded.columns.len()
            && columns.windows(2).all(|pair| pair[1] == pair[0] + 1)
        {
            self.buffer.extend_from_slice(encoded.bytes);
            return;
        }
        ends.clear();
        let mut at = 0;
        for column in encoded.columns {
            at += skip_value(*column, &encoded.bytes[at..]);
            ends.push(at);
        }
        // Neighbours are copied together.
        let mut i = 0;
        while i < columns.len() {
            let mut j = i;
            while j + 1 < columns.len() && columns[j + 1] == columns[j] + 1 {
                j += 1;
            }
            let from = if columns[i] == 0 { 0 } else { ends[columns[i] - 1] };
            self.buffer.extend_from_slice(&encoded.bytes[from..ends[columns[j]]]);
            i = j + 1;
        }
    }

    /// The positions, from one, of the columns in ORDER BY.
    pub(crate) fn order(&mut self, columns: &[u16]) {
        self.buffer.push(0xA9);
        self.buffer.extend((columns.len() as u16 * 2).to_le_bytes());
        self.buffer.extend(columns.iter().flat_map(|column| column.to_le_bytes()));
    }

    pub(crate) fn error(&mut self, error: &SqlError, server: &str, line: u32) {
        self.message(0xAA, error, server, line);
    }

    pub(crate) fn info(&mut self, info: &SqlError, server: &str, line: u32) {
        self.message(0xAB, info, server, line);
    }

    fn message(&mut self, token: u8, error: &SqlError, server: &str, line: u32) {
        let mut body = error.number.to_le_bytes().to_vec();
        body.extend([error.state, error.class]);
        let text: Vec<u16> = error.message.encode_utf16().take(4000).collect();
        body.extend((text.len() as u16).to_le_bytes());
        body.extend(text.iter().flat_map(|unit| unit.to_le_bytes()));
        body.extend(short_text(server));
        body.push(0);
        body.extend(line.to_le_bytes());
        self.sized(token, &body);
    }

    fn sized(&mut self, token: u8, body: &[u8]) {
        self.buffer.push(token);
        self.buffer.extend((body.len() as u16).to_le_bytes());
        self.buffer.extend(body);
    }

    /// The end of a statement, with the number of rows where it has one.
    pub(crate) fn statement_done(&mut self, rows: Option<u64>, failed: bool, select: bool) {
        let token = if self.in_procedure { 0xFF } else { 0xFD };
        let status =
            rows.map_or(0, |_| DONE_COUNT) | if failed { DONE_ERROR } else { 0 } | DONE_MORE;
        self.open_done = Some(self.buffer.len());
        self.buffer.push(token);
        self.buffer.extend(status.to_le_bytes());
        self.buffer.extend(if select { 0xC1_u16 } else { 0 }.to_le_bytes());
        self.buffer.extend(rows.unwrap_or(0).to_le_bytes());
    }

    /// The end of a procedure call: its status, and DONEPROC.
    pub(crate) fn procedure_done(&mut self, status: i32, failed: bool) {
        self.buffer.push(0x79);
        self.buffer.extend(status.to_le_bytes());
        self.done(0xFE, if failed { DONE_ERROR } else { 0 }, 0);
    }

    /// RETURNVALUE of an OUTPUT parameter.
    pub(crate) fn return_value(&mut self, ordinal: u16, name: &str, column: Column, value: &Value) {
        self.buffer.push(0xAC);
        self.buffer.extend(ordinal.to_le_bytes());
        self.buffer.extend(short_text(name));
        self.buffer.extend([1, 0, 0, 0, 0, Flags::NULLABLE as u8, 0]);
        write_type_info(&mut self.buffer, column);
        write_value(&mut self.buffer, column, value);
    }

    fn done(&mut self, token: u8, status: u16, rows: u64) {
        self.open_done = None;
        self.finished = true;
        self.buffer.push(token);
        self.buffer.extend(status.to_le_bytes());
        self.buffer.extend([0, 0]);
        self.buffer.extend(rows.to_le_bytes());
    }

    pub(crate) fn final_done(&mut self, failed: bool) {
        self.done(0xFD, if failed { DONE_ERROR } else { 0 }, 0);
    }

    /// ENVCHANGE with texts: the database (1), the language (2), the packet size (4).
    pub(crate) fn env_text(&mut self, kind: u8, new: &str, old: &str) {
        let mut body = vec![kind];
        body.extend(short_text(new));
        body.extend(short_text(old));
        self.sized(0xE3, &body);
    }

    /// ENVCHANGE of a transaction: begun (8), committed (9), rolled back (10).
    pub(crate) fn env_transaction(&mut self, kind: u8, descriptor: u64) {
        let id = descriptor.to_le_bytes();
        let mut body = vec![kind];
        if kind == 8 {
            body.push(8);
            body.extend(id);
            body.push(0);
        } else {
            body.extend([0, 8]);
            body.extend(id);
        }
        self.sized(0xE3, &body);
    }

    pub(crate) fn env_collation(&mut self) {
        self.sized(0xE3, &[7, 5, 0x09, 0x04, 0xD0, 0x00, 0x34, 0]);
    }

    /// LOGINACK: TDS 7.4, SQL Server 2022.
    pub(crate) fn login_ack(&mut self) {
        let mut body = vec![1, 0x74, 0, 0, 4];
        body.extend(short_text("Microsoft SQL Server"));
        body.extend([16, 0, 0x10, 0x4A]);
        self.sized(0xAD, &body);
    }

    /// FEATUREEXTACK of a login by token.
    pub(crate) fn fed_auth_ack(&mut self) {
        self.buffer.extend([0xAE, 0x02, 0, 0, 0, 0, 0xFF]);
    }
}

/// B_VARCHAR.
fn short_text(text: &str) -> Vec<u8> {
    let units: Vec<u16> = text.encode_utf16().take(255).collect();
    let mut bytes = vec![units.len() as u8];
    bytes.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
    bytes
}
