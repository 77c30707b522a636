//! One connection: the handshake, then requests to its session and tokens back, with an ear open
//! for an attention all the while.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};

use super::login::Login;
use super::packet::{Message, Packer, kind, read_message, single};
use super::prelogin::{self, Encryption};
use super::request::Request;
use super::tls::{self, Tls};
use super::tokens::{Out, Tokens};
use crate::error::SqlError;
use crate::server::Server;
use crate::session::Session;

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}
type Boxed = Box<dyn Stream>;

/// Serves a client until it leaves.
pub(crate) async fn serve(tcp: TcpStream, server: Arc<Server>) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    let mut first = [0];
    tcp.peek(&mut first).await?;
    let (login, stream, fed_auth) = if first[0] == 0x16 {
        let stream = tls::accept_strict(tcp, &server.certificate).await?;
        let mut stream: Boxed = Box::new(stream);
        let Some(hello) = read_message(&mut stream).await? else { return Ok(()) };
        let fed_auth = prelogin::wants_fed_auth(&hello.body);
        let answer = prelogin::response(Encryption::On, fed_auth);
        stream.write_all(&single(kind::RESPONSE, &answer)).await?;
        stream.flush().await?;
        (read_login(&mut stream).await?, stream, fed_auth)
    } else {
        match negotiate(tcp, &server).await? {
            Some(negotiated) => negotiated,
            None => return Ok(()),
        }
    };
    match login {
        Some(login) => session(stream, server, login, fed_auth).await,
        None => Ok(()),
    }
}

/// PRELOGIN, TLS as agreed, LOGIN7.
async fn negotiate(
    mut tcp: TcpStream,
    server: &Arc<Server>,
) -> io::Result<Option<(Option<Login>, Boxed, bool)>> {
    let Some(hello) = read_message(&mut tcp).await? else { return Ok(None) };
    if hello.kind != kind::PRELOGIN {
        return Ok(None);
    }
    let fed_auth = prelogin::wants_fed_auth(&hello.body);
    let Some(encryption) = Encryption::answer(Encryption::asked(&hello.body), server.options.tls())
    else {
        return Ok(None);
    };
    let answer = prelogin::response(encryption, fed_auth);
    tcp.write_all(&single(kind::RESPONSE, &answer)).await?;
    if encryption == Encryption::NotSupported || server.options.tls() == Tls::None {
        let login = read_login(&mut tcp).await?;
        return Ok(Some((login, Box::new(tcp), fed_auth)));
    }
    let mut stream = tls::accept_wrapped(tcp, &server.certificate).await?;
    let login = read_login(&mut stream).await?;
    Ok(Some(if encryption == Encryption::Off {
        (login, Box::new(stream.into_inner().0.into_tcp()), fed_auth)
    } else {
        (login, Box::new(stream), fed_auth)
    }))
}

async fn read_login(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Login>> {
    let message = read_message(from).await?;
    Ok(message.filter(|m| m.kind == kind::LOGIN).and_then(|m| Login::read(&m.body)))
}

/// What the session's thread is given to do.
enum Work {
    Request(Request),
    Broken(SqlError),
}

async fn session(
    stream: Boxed,
    server: Arc<Server>,
    login: Login,
    fed_auth: bool,
) -> io::Result<()> {
    let (reader, mut writer) = tokio::io::split(stream);
    let cancel = Arc::new(AtomicBool::new(false));
    let (out, mut from_session) = mpsc::channel(4);
    let (to_session, work) = std::sync::mpsc::channel();
    let (packet_size, mut packer) = {
        let size = match login.packet_size {
            0 => 4096,
            n => n.clamp(512, 32_767),
        };
        (size, Packer::new(4096))
    };
    let tokens = Tokens::new(out, cancel.clone());
    let kill = Arc::new(Notify::new());
    let seen = (kill.clone(), cancel.clone());
    let thread_server = server.clone();
    std::thread::Builder::new()
        .name("session".into())
        .spawn(move || run(thread_server, login, fed_auth, packet_size, tokens, seen, &work))?;
    // The answer to the login.
    if !respond(&mut writer, &mut from_session, &mut packer).await?.0 {
        return Ok(());
    }
    packer.size = packet_size as usize;
    let (messages_in, mut messages) = mpsc::channel(4);
    let listening = tokio::spawn(listen(reader, messages_in, cancel.clone()));
    let _guard = AbortOnDrop(listening);
    loop {
        let message = tokio::select! {
            message = messages.recv() => message,
            // KILL: the client finds its connection gone.
            () = kill.notified() => None,
        };
        let Some(message) = message else { break };
        if message.kind == kind::ATTENTION {
            // The answer was complete before the attention came.
            cancel.store(false, Ordering::Relaxed);
            acknowledge(&mut writer).await?;
            continue;
        }
        let work = Request::read(&message).map_or_else(Work::Broken, Work::Request);
        drop(message);
        if to_session.send(work).is_err() {
            break;
        }
        let (alive, cancelled) = tokio::select! {
            biased;
            // In the middle of the answer: it has no end.
            () = kill.notified() => break,
            answered = respond(&mut writer, &mut from_session, &mut packer) => answered?,
        };
        if !alive {
            break;
        }
        if cancelled {
            // Its attention was acknowledged with the answer.
            let attention = tokio::select! {
                message = messages.recv() => message,
                () = kill.notified() => break,
            };
            debug_assert!(attention.is_none_or(|m| m.kind == kind::ATTENTION));
            cancel.store(false, Ordering::Relaxed);
        }
    }
    writer.shutdown().await
}

struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Reads on while the session works; an attention reaches it at once.
async fn listen(mut from: ReadHalf<Boxed>, to: mpsc::Sender<Message>, cancel: Arc<AtomicBool>) {
    while let Ok(Some(message)) = read_message(&mut from).await {
        if message.kind == kind::ATTENTION {
            cancel.store(true, Ordering::Relaxed);
        }
        if to.send(message).await.is_err() {
            break;
        }
    }
    // The client is gone: what it asked for is not needed any more.
    cancel.store(true, Ordering::Relaxed);
}

/// Sends one response; is the session alive, and was the response cancelled?
async fn respond(
    writer: &mut WriteHalf<Boxed>,
    from: &mut mpsc::Receiver<Out>,
    packer: &mut Packer,
) -> io::Result<(bool, bool)> {
    let mut packets = Vec::with_capacity(64 * 1024);
    loop {
        match from.recv().await {
            Some(Out::Data(piece)) => packer.push(&piece, &mut packets),
            Some(Out::End { cancelled }) => {
                packer.finish(&mut packets);
                writer.write_all(&packets).await?;
                writer.flush().await?;
                return Ok((true, cancelled));
            }
            Some(Out::Close) | None => {
                writer.shutdown().await?;
                return Ok((false, false));
            }
        }
        writer.write_all(&packets).await?;
        packets.clear();
    }
}

async fn acknowledge(writer: &mut WriteHalf<Boxed>) -> io::Result<()> {
    let mut done = vec![0xFD, 0x20, 0, 0, 0];
    done.extend([0; 8]);
    writer.write_all(&single(kind::RESPONSE, &done)).await?;
    writer.flush().await
}

/// The session's thread: T-SQL runs here, and waits here for locks and for a slow reader.
fn run(
    server: Arc<Server>,
    login: Login,
    fed_auth: bool,
    packet_size: u32,
    tokens: Tokens,
    (kill, cancel): (Arc<Notify>, Arc<AtomicBool>),
    work: &std::sync::mpsc::Receiver<Work>,
) {
    let Some(mut session) = Session::log_in(server, login, fed_auth, packet_size, tokens) else {
        return;
    };
    session.appear(kill, cancel);
    while let Ok(work) = work.recv() {
        match work {
            Work::Request(request) => session.serve(request),
            Work::Broken(error) => session.refuse(&error),
        }
        if session.ended() {
            // The client reads the end of its response before the connection goes.
            std::thread::sleep(Duration::from_millis(1));
            return;
        }
    }
}
