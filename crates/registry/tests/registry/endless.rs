//! A registry whose answers have no length and no end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dstream_registry::oci::{Binary, Blob};
use dstream_registry::{Digest, Locked, OciError, PinError, Platform, PullError, Wanted};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::support::{Desk, reference};

/// More than this nobody sends here: a test must end.
const ENOUGH: u64 = 200_000_000;

/// Where it listens, and how much it has sent.
async fn endless() -> (String, Arc<AtomicU64>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let sent = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&sent);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let count = Arc::clone(&count);
            tokio::spawn(async move {
                let mut request = vec![0; 16 * 1024];
                let n = stream.read(&mut request).await.unwrap_or(0);
                if request[..n].starts_with(b"GET /v2/ ") {
                    let ok = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                    return stream.write_all(ok).await.unwrap_or_default();
                }
                let head = b"HTTP/1.1 206 Partial Content\r\nTransfer-Encoding: chunked\r\n\r\n";
                stream.write_all(head).await.unwrap_or_default();
                let chunk = [b"10000\r\n".as_slice(), &[b'x'; 0x10000], b"\r\n"].concat();
                while count.fetch_add(0x10000, Ordering::Relaxed) < ENOUGH {
                    if stream.write_all(&chunk).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (host, sent)
}

#[tokio::test]
async fn a_program_that_does_not_end_is_stopped_where_it_should_have_ended() {
    let (host, sent) = endless().await;
    let program = Blob { digest: Digest::of(b"program"), size: 1_000_000 };
    let platforms = BTreeMap::from([(Platform::current(), Binary { program, description: None })]);
    let digest = Digest::of(b"manifest");
    let locked = Locked { constraint: None, tag: None, digest, signer: None, platforms };
    let wanted = Wanted::Exactly(reference(&host, "v1"));
    let desk = Desk::new();
    let error = desk.store.install(&wanted, &locked, &|_| {}).await.unwrap_err();
    let PinError::Pull(PullError::Oci(OciError::TooLarge { limit, .. })) = &error else {
        panic!("{error}")
    };
    assert_eq!(*limit, 1_000_000);
    // What buffers of connections hold is on top.
    assert!(sent.load(Ordering::Relaxed) < 50_000_000);
    let left = std::fs::read_dir(desk.store.cache.folder().join("partial")).unwrap();
    let bytes: u64 = left.map(|file| file.unwrap().metadata().unwrap().len()).sum();
    assert!(bytes <= 1_000_000, "{bytes} bytes are kept");
}

#[tokio::test]
async fn a_manifest_that_does_not_end_is_stopped() {
    let (host, sent) = endless().await;
    let error = Desk::new().store.pin(&Wanted::Exactly(reference(&host, "v1"))).await.unwrap_err();
    let PinError::Pull(PullError::Oci(OciError::TooLarge { limit, .. })) = &error else {
        panic!("{error}")
    };
    assert_eq!(*limit, 4 << 20);
    assert!(sent.load(Ordering::Relaxed) < 50_000_000);
}
