//! TLS: inside of TDS packets while it is negotiated, around them afterwards.
//! [MS-TDS] 3.3.5.2; TLS 1.2, as every version before TDS 8.0 has it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{ServerConfig, version};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::packet::{kind, message};

/// What the server offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tls {
    None,
    Offered,
    Required,
}

/// A self-signed certificate for `localhost` and `127.0.0.1`, made at the start.
pub(crate) struct Certificate {
    pub pem: String,
    wrapped: Arc<ServerConfig>,
    strict: Arc<ServerConfig>,
}

impl Certificate {
    pub(crate) fn generate() -> io::Result<Self> {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).map_err(io::Error::other)?;
        let der = made.cert.der().clone();
        let key = made.signing_key.serialize_der();
        let config = |alpn: Vec<Vec<u8>>, versions| -> io::Result<Arc<ServerConfig>> {
            let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.clone()));
            let mut config =
                ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                    .with_protocol_versions(versions)
                    .map_err(io::Error::other)?
                    .with_no_client_auth()
                    .with_single_cert(vec![der.clone()], key)
                    .map_err(io::Error::other)?;
            config.alpn_protocols = alpn;
            Ok(Arc::new(config))
        };
        Ok(Self {
            pem: pem(&der),
            wrapped: config(vec![], &[&version::TLS12])?,
            strict: config(vec![b"tds/8.0".to_vec()], &[&version::TLS13, &version::TLS12])?,
        })
    }
}

fn pem(der: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in der.chunks(48) {
        for three in line.chunks(3) {
            let bits = (0..3)
                .fold(0_u32, |bits, i| bits << 8 | u32::from(three.get(i).copied().unwrap_or(0)));
            for i in 0..4 {
                let six = (bits >> (18 - 6 * i) & 63) as usize;
                text.push(if i > three.len() { '=' } else { char::from(ALPHABET[six]) });
            }
        }
        text.push('\n');
    }
    text + "-----END CERTIFICATE-----\n"
}

/// The handshake that follows PRELOGIN.
pub(super) async fn accept_wrapped(
    tcp: TcpStream,
    with: &Certificate,
) -> io::Result<TlsStream<Wrapped>> {
    let wrapped = Wrapped {
        tcp,
        framing: true,
        left: 0,
        header: Vec::new(),
        flight: Vec::new(),
        pending: Vec::new(),
    };
    let mut stream = TlsAcceptor::from(with.wrapped.clone()).accept(wrapped).await?;
    stream.get_mut().0.framing = false;
    Ok(stream)
}

/// TDS 8.0: the handshake comes first.
pub(super) async fn accept_strict(
    tcp: TcpStream,
    with: &Certificate,
) -> io::Result<TlsStream<TcpStream>> {
    TlsAcceptor::from(with.strict.clone()).accept(tcp).await
}

/// A socket whose bytes are wrapped in PRELOGIN packets while `framing`.
pub(super) struct Wrapped {
    tcp: TcpStream,
    framing: bool,
    /// Bytes left of the packet that is being read.
    left: usize,
    header: Vec<u8>,
    /// What the handshake has written since the last flush.
    flight: Vec<u8>,
    pending: Vec<u8>,
}

impl Wrapped {
    pub(super) fn into_tcp(self) -> TcpStream {
        self.tcp
    }

    fn drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.pending.is_empty() {
            let n = ready!(Pin::new(&mut self.tcp).poll_write(cx, &self.pending))?;
            self.pending.drain(..n);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Wrapped {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !this.framing && this.left == 0 {
            return Pin::new(&mut this.tcp).poll_read(cx, buf);
        }
        while this.left == 0 {
            let mut space = [0; 8];
            let mut part = ReadBuf::new(&mut space[..8 - this.header.len()]);
            ready!(Pin::new(&mut this.tcp).poll_read(cx, &mut part))?;
            if part.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            this.header.extend(part.filled());
            if this.header.len() == 8 {
                this.left = usize::from(u16::from_be_bytes([this.header[2], this.header[3]]))
                    .saturating_sub(8);
                this.header.clear();
            }
        }
        let mut part = buf.take(this.left);
        let before = part.filled().len();
        ready!(Pin::new(&mut this.tcp).poll_read(cx, &mut part))?;
        let n = part.filled().len() - before;
        buf.advance(n);
        this.left -= n;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wrapped {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if !this.framing {
            ready!(this.drain(cx))?;
            return Pin::new(&mut this.tcp).poll_write(cx, data);
        }
        // A flight is one message: a client that gets half of it may answer nothing and wait.
        this.flight.extend_from_slice(data);
        Poll::Ready(Ok(data.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flight = std::mem::take(&mut self.flight);
        if !flight.is_empty() {
            self.pending.extend(message(kind::PRELOGIN, &flight));
        }
        ready!(self.drain(cx))?;
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}
