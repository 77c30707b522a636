//! Reads stdin without blocking the thread, in chunks.

use std::fs::File;
use std::io::{self, Read};

use tokio::sync::mpsc;

use super::Stdin;

/// How much is asked for in one read.
const CHUNK_BYTES: usize = 256 << 10;

/// How large a pipe we ask the system for; more lines a system call.
#[cfg(target_os = "linux")]
const PIPE_BYTES: usize = 1 << 20;

/// stdin as chunks of bytes.
#[derive(Debug)]
pub(crate) enum Source {
    /// A pipe, which is what a host gives: read when it is readable, no thread.
    #[cfg(unix)]
    Pipe(tokio::net::unix::pipe::Receiver),
    /// A file or a terminal, or another system: a thread reads ahead.
    Thread(mpsc::Receiver<io::Result<Vec<u8>>>),
}

impl Source {
    /// What was read behind the command line is for the caller.
    pub(crate) fn new(stdin: Stdin) -> (Self, Vec<u8>) {
        (Self::of(stdin.file), stdin.rest)
    }

    #[cfg(unix)]
    fn of(file: File) -> Self {
        #[cfg(target_os = "linux")]
        if let Err(error) = rustix::pipe::fcntl_setpipe_size(&file, PIPE_BYTES) {
            tracing::debug!(%error, "the pipe keeps its size");
        }
        let Ok(copy) = file.try_clone() else { return Self::threaded(file) };
        match tokio::net::unix::pipe::Receiver::from_file(copy) {
            Ok(pipe) => Self::Pipe(pipe),
            Err(_) => Self::threaded(file),
        }
    }

    #[cfg(not(unix))]
    fn of(file: File) -> Self {
        Self::threaded(file)
    }

    fn threaded(mut file: File) -> Self {
        let (sender, receiver) = mpsc::channel(4);
        std::thread::spawn(move || {
            loop {
                let mut chunk = vec![0; CHUNK_BYTES];
                let read = file.read(&mut chunk).map(|n| chunk.truncate(n));
                let last = read.is_err() || chunk.is_empty();
                if sender.blocking_send(read.map(|()| chunk)).is_err() || last {
                    return;
                }
            }
        });
        Self::Thread(receiver)
    }

    /// Waits for bytes and appends them; 0: the end. Nothing is lost when it is cancelled.
    pub(crate) async fn read(&mut self, into: &mut Vec<u8>) -> io::Result<usize> {
        into.reserve(CHUNK_BYTES);
        match self {
            #[cfg(unix)]
            Self::Pipe(pipe) => tokio::io::AsyncReadExt::read_buf(pipe, into).await,
            Self::Thread(chunks) => append(chunks.recv().await, into),
        }
    }

    /// Appends what is there right now; `None`: nothing is.
    pub(crate) fn try_read(&mut self, into: &mut Vec<u8>) -> io::Result<Option<usize>> {
        into.reserve(CHUNK_BYTES);
        match self {
            #[cfg(unix)]
            Self::Pipe(pipe) => match pipe.try_read_buf(into) {
                Ok(read) => Ok(Some(read)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
                Err(error) => Err(error),
            },
            Self::Thread(chunks) => match chunks.try_recv() {
                Ok(chunk) => append(Some(chunk), into).map(Some),
                Err(mpsc::error::TryRecvError::Empty) => Ok(None),
                Err(mpsc::error::TryRecvError::Disconnected) => Ok(Some(0)),
            },
        }
    }
}

fn append(chunk: Option<io::Result<Vec<u8>>>, into: &mut Vec<u8>) -> io::Result<usize> {
    let chunk = chunk.transpose()?.unwrap_or_default();
    into.extend_from_slice(&chunk);
    Ok(chunk.len())
}
