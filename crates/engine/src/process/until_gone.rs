//! A pipe of a provider, read to its end or until the provider is gone for good.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::process::ExitStatus;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, ReadBuf};
use tokio::process::ChildStdout;
use tokio::sync::watch;

/// How long the pipe of a process that has ended is waited for: what it wrote itself is there by
/// then, and children that left its group may hold the pipe open for ever.
const LINGER: Duration = Duration::from_millis(500);

/// The stdout of a provider.
pub(crate) type Stdout = UntilGone<ChildStdout>;

/// Ends where the pipe ends, or where it has nothing to give and its process is gone.
pub(crate) struct UntilGone<R> {
    pipe: R,
    gone: Pin<Box<dyn Future<Output = ()> + Send + Sync>>,
    over: bool,
}

impl<R> UntilGone<R> {
    /// Reads `pipe`, which the process wrote that sets `exit` when it ends.
    pub(crate) fn new(pipe: R, mut exit: watch::Receiver<Option<ExitStatus>>) -> Self {
        let gone = async move {
            // An error means that nobody watches the process any more: it is gone too.
            drop(exit.wait_for(Option::is_some).await);
            tokio::time::sleep(LINGER).await;
        };
        Self { pipe, gone: Box::pin(gone), over: false }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for UntilGone<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // What is there is read first, however late somebody asks for it.
        if let Poll::Ready(read) = Pin::new(&mut self.pipe).poll_read(context, buffer) {
            return Poll::Ready(read);
        }
        if !self.over {
            self.over = self.gone.as_mut().poll(context).is_ready();
        }
        if self.over { Poll::Ready(Ok(())) } else { Poll::Pending }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    #[tokio::test]
    async fn what_was_written_is_read_also_after_the_process_is_gone_and_then_the_pipe_is_over() {
        let (mut stray, pipe) = duplex(64);
        let (ended, exit) = watch::channel(None);
        let mut pipe = UntilGone::new(pipe, exit);
        stray.write_all(b"last words").await.unwrap();
        ended.send_replace(Some(ExitStatus::default()));
        tokio::time::sleep(LINGER * 2).await;
        let mut text = String::new();
        pipe.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "last words");
        drop(stray);
    }

    #[tokio::test]
    async fn as_long_as_the_process_lives_its_pipe_is_not_over() {
        let (_writer, pipe) = duplex(64);
        let (_ended, exit) = watch::channel(None);
        let mut pipe = UntilGone::new(pipe, exit);
        let mut byte = [0];
        let read = tokio::time::timeout(LINGER * 2, pipe.read(&mut byte)).await;
        assert!(read.is_err(), "{read:?}");
    }
}
