//! JSON, base64, URLs, hashes, identifiers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::{Call, Function};
use crate::diagnostic::Result;
use crate::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("jsonencode", &["value"], "the value as JSON", |c| {
        Ok(Value::string(c.value(0).to_json().to_string()))
    }),
    Function::new("jsondecode", &["text"], "the value that the JSON writes", jsondecode),
    Function::new("base64encode", &["text"], "in base64", |c| {
        Ok(Value::string(STANDARD.encode(c.text(0)?)))
    }),
    Function::new("base64decode", &["text"], "the text that the base64 stands for", |c| {
        let bytes = STANDARD.decode(c.text(0)?).map_err(|_| c.refuse(0, "not base64"))?;
        let text = String::from_utf8(bytes);
        text.map(Value::string).map_err(|_| c.refuse(0, "what it stands for is not UTF-8 text"))
    }),
    Function::new("urlencode", &["text"], "for a query string", |c| {
        Ok(Value::string(urlencode(&c.text(0)?)))
    }),
    Function::new("sha256", &["text"], "the SHA-256, in hexadecimal", |c| {
        let digest = Sha256::digest(c.text(0)?.as_bytes());
        Ok(Value::string(digest.iter().map(|b| format!("{b:02x}")).collect::<String>()))
    }),
    Function::new("uuid", &[], "a random UUID, a new one at each call", |_| {
        Ok(Value::string(uuid::Uuid::new_v4().to_string()))
    }),
];

fn jsondecode(c: &Call<'_, '_>) -> Result<Value> {
    let json: serde_json::Value = serde_json::from_str(&c.text(0)?).map_err(|e| {
        c.refuse(0, format!("not JSON: wrong in line {}, column {}", e.line(), e.column()))
    })?;
    Ok(Value::from_json(&json))
}

/// As a form does: a space is `+`.
fn urlencode(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            b' ' => out.push('+'),
            other => out += &format!("%{other:02X}"),
        }
    }
    out
}
