//! LOGIN7: who comes, and what for. [MS-TDS] 2.2.6.4.

use crate::value::Value;

/// What the client said of itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Login {
    pub user: String,
    pub password: String,
    pub database: String,
    pub application: String,
    pub host: String,
    pub packet_size: u32,
    /// An Entra token instead of a password.
    pub token: Option<String>,
}

impl Login {
    /// `None`: this is no LOGIN7.
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        let text = |at: usize| -> Option<String> { Some(utf16(field(body, at)?)) };
        let password: Vec<u8> =
            field(body, 44)?.iter().map(|byte| (byte ^ 0xA5).rotate_left(4)).collect();
        Some(Self {
            packet_size: u32::from_le_bytes(body.get(8..12)?.try_into().ok()?),
            host: text(36)?,
            user: text(40)?,
            password: utf16(&password),
            application: text(48)?,
            database: text(68)?,
            token: token(body),
        })
    }
}

/// Offset and length, in characters, stand at `at`.
fn field(body: &[u8], at: usize) -> Option<&[u8]> {
    let entry = body.get(at..at + 4)?;
    let from = usize::from(u16::from_le_bytes([entry[0], entry[1]]));
    let len = usize::from(u16::from_le_bytes([entry[2], entry[3]]));
    body.get(from..from + len * 2)
}

fn utf16(bytes: &[u8]) -> String {
    let column = crate::value::Column { ty: crate::value::SqlType::NChar(1), nullable: true };
    let mut framed = ((bytes.len()) as u16).to_le_bytes().to_vec();
    framed.extend(bytes);
    match crate::value::read_value(column, &framed) {
        Value::Text(text) => text,
        _ => String::new(),
    }
}

/// The FEDAUTH feature with a security token: [MS-TDS] 2.2.6.4, FeatureId 0x02, library 0x01.
fn token(body: &[u8]) -> Option<String> {
    if body.get(27)? & 0x10 == 0 {
        return None;
    }
    let pointer = usize::from(u16::from_le_bytes([*body.get(56)?, *body.get(57)?]));
    let mut at = u32::from_le_bytes(body.get(pointer..pointer + 4)?.try_into().ok()?) as usize;
    while *body.get(at)? != 0xFF {
        let len = u32::from_le_bytes(body.get(at + 1..at + 5)?.try_into().ok()?) as usize;
        let data = body.get(at + 5..at + 5 + len)?;
        if body[at] == 0x02 && data.first()? >> 1 == 0x01 {
            let len = u32::from_le_bytes(data.get(1..5)?.try_into().ok()?) as usize;
            return Some(utf16(data.get(5..5 + len)?));
        }
        at += 5 + len;
    }
    None
}
