//! Start-up and login: cleartext, MD5, SCRAM-SHA-256.

use bytes::BytesMut;
use dstream_sdk::Error as Failure;
use postgres_protocol::authentication::{md5_hash, sasl};
use postgres_protocol::message::frontend;

use super::inbox::Inbox;
use super::message::{Message, short};
use super::{BTreeMap, Wire};
use crate::error::{Error, Result};
use crate::stream::Stream;
use crate::target::Target;

/// The codes of the server's `Authentication` messages.
const OK: u32 = 0;
const CLEARTEXT: u32 = 3;
const MD5: u32 = 5;
const SASL: u32 = 10;
const SASL_CONTINUE: u32 = 11;
const SASL_FINAL: u32 = 12;

/// Makes a session of a stream.
pub(super) async fn login(target: &Target, stream: Stream, replication: bool) -> Result<Wire> {
    let (inbox, outbox) = (Inbox::new(), Vec::new());
    let mut wire = Wire { stream, inbox, outbox, parameters: BTreeMap::new() };
    let options = target.session_options();
    let mut parameters = vec![
        ("user", target.user.as_str()),
        ("database", &target.database),
        ("application_name", &target.application_name),
        ("client_encoding", "UTF8"),
        ("options", &options),
    ];
    if replication {
        parameters.push(("replication", "database"));
    }
    wire.send(|out| frontend::startup_message(parameters.iter().copied(), out)).await?;
    let mut dialogue = Dialogue { target, scram: None };
    loop {
        match wire.inbox.next_for_caller(&mut wire.parameters)? {
            None => wire.inbox.fill(&mut wire.stream).await?,
            Some(Message::Authentication(OK, _)) => {}
            Some(Message::Authentication(code, rest)) => {
                if let Some(answer) = dialogue.answer(code, rest)? {
                    wire.outbox.extend_from_slice(&answer);
                    wire.flush().await?;
                }
            }
            Some(Message::Error(error)) => return Err(Error::Server(error)),
            Some(Message::ReadyForQuery) => return Ok(wire),
            Some(_) => {}
        }
    }
}

struct Dialogue<'t> {
    target: &'t Target,
    scram: Option<sasl::ScramSha256>,
}

impl Dialogue<'_> {
    /// What to answer, if anything.
    fn answer(&mut self, code: u32, rest: &[u8]) -> Result<Option<BytesMut>> {
        let mut out = BytesMut::new();
        match code {
            CLEARTEXT => frontend::password_message(self.password()?, &mut out)?,
            MD5 => {
                let salt = *rest.first_chunk().ok_or_else(short)?;
                let hash = md5_hash(self.target.user.as_bytes(), self.password()?, salt);
                frontend::password_message(hash.as_bytes(), &mut out)?;
            }
            SASL => {
                let known = rest.split(|&b| b == 0).any(|m| m == sasl::SCRAM_SHA_256.as_bytes());
                if !known {
                    return Err(unknown("a SASL mechanism other than SCRAM-SHA-256"));
                }
                let binding = sasl::ChannelBinding::unsupported();
                let scram = sasl::ScramSha256::new(self.password()?, binding);
                frontend::sasl_initial_response(sasl::SCRAM_SHA_256, scram.message(), &mut out)?;
                self.scram = Some(scram);
            }
            SASL_CONTINUE => {
                let scram = self.scram.as_mut().ok_or_else(|| unknown("SASL out of order"))?;
                scram.update(rest).map_err(refused)?;
                frontend::sasl_response(scram.message(), &mut out)?;
            }
            SASL_FINAL => {
                let scram = self.scram.as_mut().ok_or_else(|| unknown("SASL out of order"))?;
                scram.finish(rest).map_err(refused)?;
                return Ok(None);
            }
            code => return Err(unknown(&format!("method {code} (GSSAPI, SSPI and others)"))),
        }
        Ok(Some(out))
    }

    fn password(&self) -> Result<&[u8]> {
        let password = self.target.password.as_ref().map(|p| p.expose().as_bytes());
        Ok(password.ok_or_else(|| {
            Failure::config("password", "the server asks for a password, and none is set")
        })?)
    }
}

fn unknown(what: &str) -> Error {
    let text = format!(
        "the server asks for a login that dstream does not know: {what}; known are scram-sha-256, md5, \
         password, certificates and trust (pg_hba.conf)"
    );
    Failure::auth(text).into()
}

fn refused(error: std::io::Error) -> Error {
    Failure::auth(format!("the login failed: {error}")).into()
}

impl Wire {
    /// Sends one message.
    pub(super) async fn send(
        &mut self,
        write: impl FnOnce(&mut BytesMut) -> std::io::Result<()>,
    ) -> Result<()> {
        let mut message = BytesMut::new();
        write(&mut message)?;
        self.outbox.extend_from_slice(&message);
        self.flush().await
    }
}
