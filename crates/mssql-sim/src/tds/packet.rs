//! Packets and messages: [MS-TDS] 2.2.3.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// The types of what a client sends.
pub(super) mod kind {
    pub(crate) const BATCH: u8 = 0x01;
    pub(crate) const RPC: u8 = 0x03;
    pub(crate) const RESPONSE: u8 = 0x04;
    pub(crate) const ATTENTION: u8 = 0x06;
    pub(crate) const BULK: u8 = 0x07;
    pub(crate) const TRANSACTION: u8 = 0x0E;
    pub(crate) const LOGIN: u8 = 0x10;
    pub(crate) const PRELOGIN: u8 = 0x12;
}

const LAST: u8 = 0x01;
const HEADER: usize = 8;
/// No message of a test is longer.
const MOST: usize = 1 << 30;

/// A whole message: its packets' contents, joined.
pub(super) struct Message {
    pub kind: u8,
    pub body: Vec<u8>,
}

/// The next message; `None` at the end of the stream.
pub(super) async fn read_message(
    from: &mut (impl AsyncRead + Unpin),
) -> io::Result<Option<Message>> {
    let mut body = Vec::new();
    loop {
        let mut header = [0; HEADER];
        match from.read_exact(&mut header).await {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        let len = usize::from(u16::from_be_bytes([header[2], header[3]]));
        if len < HEADER || body.len() + len > MOST {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "not a TDS packet"));
        }
        let at = body.len();
        body.resize(at + len - HEADER, 0);
        from.read_exact(&mut body[at..]).await?;
        if header[1] & LAST != 0 {
            return Ok(Some(Message { kind: header[0], body }));
        }
    }
}

/// A single packet that is a whole message.
pub(super) fn single(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = header(kind, LAST, body.len(), 1).to_vec();
    packet.extend(body);
    packet
}

/// A message of as many packets as it takes.
pub(super) fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let parts: Vec<&[u8]> = body.chunks(4096 - HEADER).collect();
    let mut out = Vec::with_capacity(body.len() + parts.len() * HEADER);
    for (i, part) in parts.iter().enumerate() {
        let status = if i + 1 == parts.len() { LAST } else { 0 };
        out.extend(header(kind, status, part.len(), i as u8 + 1));
        out.extend_from_slice(part);
    }
    out
}

fn header(kind: u8, status: u8, len: usize, id: u8) -> [u8; HEADER] {
    let [high, low] = ((len + HEADER) as u16).to_be_bytes();
    [kind, status, high, low, 0, 51, id, 0]
}

/// Cuts a stream of tokens into packets of the negotiated size.
pub(super) struct Packer {
    pub size: usize,
    held: Vec<u8>,
    id: u8,
}

impl Packer {
    pub(super) fn new(size: usize) -> Self {
        Self { size, held: Vec::new(), id: 0 }
    }

    /// Full packets of what has come so far; something is always kept for the last one.
    pub(super) fn push(&mut self, tokens: &[u8], out: &mut Vec<u8>) {
        let room = self.size - HEADER;
        self.held.extend(tokens);
        let mut at = 0;
        while self.held.len() - at > room {
            self.packet(at, at + room, 0, out);
            at += room;
        }
        self.held.drain(..at);
    }

    /// The last packet of the message.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        self.packet(0, self.held.len(), LAST, out);
        self.held.clear();
        self.id = 0;
    }

    fn packet(&mut self, from: usize, to: usize, status: u8, out: &mut Vec<u8>) {
        self.id = self.id.wrapping_add(1);
        out.extend(header(kind::RESPONSE, status, to - from, self.id));
        out.extend(&self.held[from..to]);
    }
}
