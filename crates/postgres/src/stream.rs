//! Opens the stream to a server: TCP or a Unix socket, encrypted as asked.

use std::time::Duration;

use dstream_sdk::Error as Failure;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::error::{Error, Result};
use crate::settings::SslMode;
use crate::target::{Host, Target};
use crate::tls;

/// A peer that is silent is asked whether it lives after this time.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// The request for encryption: its length, then a code that no version has.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// Bytes to and from a server, encrypted or not.
pub(crate) trait Bytes: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Bytes for T {}

pub(crate) type Stream = Box<dyn Bytes>;

/// Tries the hosts in order; the last error counts. `login` is what makes a connection of the
/// stream; the time limit holds for both.
pub(crate) async fn connect<T>(
    target: &Target,
    login: impl AsyncFn(Stream) -> Result<T>,
) -> Result<T> {
    let mut last = None;
    for host in &target.hosts {
        let limit = target.connect_timeout;
        let attempt = async { login(open(target, host).await?).await };
        let failed = match tokio::time::timeout(limit, attempt).await {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(error)) => error,
            Err(_) => Error::Lost(format!("it did not answer within {} s", limit.as_secs_f32())),
        };
        tracing::debug!(%host, error = %failed, "this host cannot be used");
        last = Some((host, failed));
    }
    let Some((host, error)) = last else {
        return Err(Failure::config("host", "`host` is empty: name the server").into());
    };
    let what = format!(
        "cannot connect to PostgreSQL at {host} as {}, database {}",
        target.user, target.database
    );
    Err(match error {
        Error::Lost(text) => Error::Lost(format!("{what}: {text}")),
        error => Error::Other(Failure::from(error).context(what)),
    })
}

async fn open(target: &Target, host: &Host) -> Result<Stream> {
    match host {
        #[cfg(unix)]
        Host::Unix(path) => {
            let socket = tokio::net::UnixStream::connect(path).await;
            Ok(Box::new(socket.map_err(|e| Error::Lost(e.to_string()))?))
        }
        #[cfg(not(unix))]
        Host::Unix(path) => {
            let text = format!("{} is a Unix socket, and this system has none", path.display());
            Err(Failure::config("host", text).into())
        }
        Host::Tcp(name, port) => {
            let socket = TcpStream::connect((name.as_str(), *port)).await;
            let socket = socket.map_err(|e| Error::Lost(e.to_string()))?;
            socket.set_nodelay(true)?;
            keep_alive(&socket);
            encrypt(target, name, socket).await
        }
    }
}

/// So that a peer which vanished without a word is noticed. Where the system does not know it, the
/// connection works without.
fn keep_alive(socket: &TcpStream) {
    let set = rustix::net::sockopt::set_socket_keepalive(socket, true)
        .and_then(|()| rustix::net::sockopt::set_tcp_keepidle(socket, KEEPALIVE));
    if let Err(error) = set {
        tracing::debug!(%error, "TCP keep-alive cannot be set");
    }
}

async fn encrypt(target: &Target, name: &str, mut socket: TcpStream) -> Result<Stream> {
    if target.ssl == SslMode::Disable {
        return Ok(Box::new(socket));
    }
    socket.write_all(&SSL_REQUEST).await?;
    match (socket.read_u8().await?, target.ssl) {
        (b'S', _) => {}
        (_, SslMode::Prefer) => return Ok(Box::new(socket)),
        _ => {
            let text = "the server does not encrypt; switch `ssl` on there, or set sslmode = \"disable\" \
                        where the network is trusted";
            return Err(Failure::config("sslmode", text).into());
        }
    }
    let host = ServerName::try_from(name.to_owned()).map_err(|_| {
        Failure::config("host", format!("`{name}` cannot be the name in a certificate"))
    })?;
    let connector = TlsConnector::from(tls::client_config(target)?);
    match connector.connect(host, socket).await {
        Ok(stream) => Ok(Box::new(stream)),
        Err(error) if error.get_ref().is_some() => {
            let text = format!(
                "the encrypted connection was refused: {error}; see sslmode and sslrootcert"
            );
            Err(Failure::new(dstream_sdk::ErrorKind::Auth, text).into())
        }
        Err(error) => Err(error.into()),
    }
}
