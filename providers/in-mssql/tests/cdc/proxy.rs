//! Between an instance and the store of its leases: can be cut, so that requests are neither answered
//! nor refused.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub(crate) struct Proxy {
    pub(crate) port: u16,
    pub(crate) cut: Arc<AtomicBool>,
}

impl Proxy {
    pub(crate) fn start(to: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let cut = Arc::new(AtomicBool::new(false));
        let is_cut = cut.clone();
        std::thread::spawn(move || {
            for from in listener.incoming() {
                let from = from.unwrap();
                let to = TcpStream::connect(("127.0.0.1", to)).unwrap();
                pass(from.try_clone().unwrap(), to.try_clone().unwrap(), is_cut.clone());
                pass(to, from, is_cut.clone());
            }
        });
        Self { port, cut }
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, cut: Arc<AtomicBool>) {
    std::thread::spawn(move || {
        let mut chunk = vec![0; 64 << 10];
        while let Ok(read @ 1..) = from.read(&mut chunk) {
            // What was under way is lost, and the connection is of no use any more.
            if cut.load(Ordering::SeqCst) {
                std::thread::park();
            }
            if to.write_all(&chunk[..read]).is_err() {
                return;
            }
        }
    });
}
