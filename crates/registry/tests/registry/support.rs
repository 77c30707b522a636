//! A registry with a provider in it, a cache of one's own, a line that breaks.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dstream_registry::oci::{Form, Publication};
use dstream_registry::signature::Trust;
use dstream_registry::{
    Cache, Credentials, Digest, Hosts, Platform, PullError, PullEvent, Reference, Registries, Store,
};
use dstream_servers::OciRegistry;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What a provider prints for `describe`.
pub(crate) const DESCRIPTION: &str =
    r#"{"name":"in-foo","version":"1.2.0","protocol":[2],"roles":["input"]}"#;

/// Files and a cache that belong to one test.
pub(crate) struct Desk {
    pub(crate) folder: TempDir,
    pub(crate) store: Store,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self::with(Hosts::new(), &[])
    }

    pub(crate) fn with(hosts: Hosts, environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let environment: Vec<_> =
            environment.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let registries = Registries::new(hosts, Credentials::from_environment(&environment));
        let cache = Cache::new(folder.path().join("cache"));
        Self { folder, store: Store { registries, cache, trust: Trust::default() } }
    }

    /// A publication with a program of this content for this platform, and another for another.
    pub(crate) fn publication(&self, program: &[u8]) -> Publication {
        let file = |name: &str, content: &[u8]| -> PathBuf {
            let path = self.folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            path
        };
        let programs = BTreeMap::from([
            (Platform::current(), file("here", program)),
            ("plan9_mips".parse().unwrap(), file("there", b"elsewhere")),
        ]);
        let name = "dstream-in-foo".to_owned();
        Publication {
            name,
            programs,
            description: DESCRIPTION.into(),
            annotations: BTreeMap::new(),
        }
    }

    /// Publishes it under a name and tag.
    pub(crate) async fn publish(&self, host: &str, tag: &str, program: &[u8]) -> Reference {
        let reference = reference(host, tag);
        self.send(&reference, &self.publication(program), Form::Index).await.unwrap();
        reference
    }

    pub(crate) async fn send(
        &self,
        reference: &Reference,
        publication: &Publication,
        form: Form,
    ) -> Result<Digest, PullError> {
        let parts = publication.assemble(form).unwrap();
        self.store.registries.send(reference, &parts, &|_, _| {}).await
    }
}

pub(crate) fn reference(host: &str, tag: &str) -> Reference {
    format!("{host}/acme/dstream-in-foo:{tag}").parse().unwrap()
}

/// Many bytes that compress badly and are the same each time.
pub(crate) fn large(bytes: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(&mut next).flatten().take(bytes).collect()
}

/// What happened while something was pulled.
#[derive(Default)]
pub(crate) struct Events(RefCell<Vec<PullEvent>>);

impl Events {
    pub(crate) fn note(&self) -> impl Fn(PullEvent) + '_ {
        |event| self.0.borrow_mut().push(event)
    }

    pub(crate) fn count(&self, which: impl Fn(&PullEvent) -> bool) -> usize {
        self.0.borrow().iter().filter(|event| which(event)).count()
    }

    /// Where each request began.
    pub(crate) fn begins(&self) -> Vec<u64> {
        let mut begins = Vec::new();
        let mut last = None;
        for event in self.0.borrow().iter() {
            match event {
                PullEvent::Progress { done, .. } => {
                    if last.is_none() {
                        begins.push(*done);
                    }
                    last = Some(*done);
                }
                PullEvent::Retrying { .. } => last = None,
                PullEvent::Waiting => {}
            }
        }
        begins
    }
}

/// A line to a registry that breaks off answers, or is slow.
pub(crate) struct Line {
    pub(crate) host: String,
    /// Answers end after so many bytes, as long as there are some left here.
    pub(crate) breaks: Arc<AtomicU64>,
    pub(crate) carried: Arc<AtomicU64>,
}

impl Line {
    /// `after`: how many bytes of an answer come through; `pause`: between two pieces of it.
    pub(crate) async fn to(
        registry: &OciRegistry,
        breaks: u64,
        after: usize,
        pause: Duration,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let upstream = registry.host();
        let breaks = Arc::new(AtomicU64::new(breaks));
        let carried = Arc::new(AtomicU64::new(0));
        let (left, count) = (Arc::clone(&breaks), Arc::clone(&carried));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (left, count, upstream) =
                    (Arc::clone(&left), Arc::clone(&count), upstream.clone());
                tokio::spawn(async move {
                    let Ok(server) = TcpStream::connect(upstream).await else { return };
                    let (mut from_client, mut to_client) = client.into_split();
                    let (mut from_server, mut to_server) = server.into_split();
                    let up = tokio::io::copy(&mut from_client, &mut to_server);
                    let down = async {
                        let mut buffer = vec![0; 16 * 1024];
                        let mut sent = 0;
                        while let Ok(n @ 1..) = from_server.read(&mut buffer).await {
                            sent += n;
                            count.fetch_add(n as u64, Ordering::Relaxed);
                            if to_client.write_all(&buffer[..n]).await.is_err() {
                                return;
                            }
                            let takes = |n: u64| n.checked_sub(1);
                            if sent > after
                                && left
                                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, takes)
                                    .is_ok()
                            {
                                return;
                            }
                            if !pause.is_zero() {
                                tokio::time::sleep(pause).await;
                            }
                        }
                    };
                    tokio::select! { _ = up => {}, () = down => {} }
                });
            }
        });
        Self { host, breaks, carried }
    }
}
