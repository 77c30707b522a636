//! Writes that are given up when they may not be made any more, though the reader is slow and the
//! process may be stopped at any instruction.

use std::fs::File;
use std::io;
#[cfg(not(unix))]
use std::io::Write as _;

/// What a pipe that can be written to takes without waiting (PIPE_BUF on Linux; 512 at least).
#[cfg(target_os = "linux")]
const PIECE: usize = 4096;
#[cfg(all(unix, not(target_os = "linux")))]
const PIECE: usize = 512;

/// How long one wait for the reader is, at most.
#[cfg(unix)]
const WAIT_MILLIS: i64 = 50;

/// Writes all of it, or as much as was written before `valid` said no; how much that is.
///
/// Between its last word and the write there is no wait in which the process could sleep on: it
/// waits until the pipe takes a piece, asks, and writes no more than that piece. A process that is
/// stopped right between the two writes that one piece when it wakes.
#[cfg(unix)]
pub(super) fn write(file: &mut File, bytes: &[u8], valid: &dyn Fn() -> bool) -> io::Result<usize> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    let wait = Timespec { tv_sec: 0, tv_nsec: WAIT_MILLIS * 1_000_000 };
    let mut rest = bytes;
    while !rest.is_empty() {
        let mut ready = [PollFd::new(&*file, PollFlags::OUT)];
        let writable = match poll(&mut ready, Some(&wait)) {
            Ok(count) => count > 0,
            Err(rustix::io::Errno::INTR) => false,
            Err(error) => return Err(error.into()),
        };
        if !valid() {
            break;
        }
        if writable {
            let piece = piece(rest);
            match rustix::io::write(&*file, piece) {
                Ok(written) => rest = &rest[written..],
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(bytes.len() - rest.len())
}

/// What is written at once: whole lines, if one ends in it.
#[cfg(unix)]
fn piece(rest: &[u8]) -> &[u8] {
    let piece = &rest[..rest.len().min(PIECE)];
    memchr::memrchr(b'\n', piece).map_or(piece, |end| &piece[..=end])
}

/// Here a write may wait for the reader behind the question.
#[cfg(not(unix))]
pub(super) fn write(file: &mut File, bytes: &[u8], valid: &dyn Fn() -> bool) -> io::Result<usize> {
    if !valid() {
        return Ok(0);
    }
    file.write_all(bytes)?;
    Ok(bytes.len())
}

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Read as _;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use super::*;

    fn pipe() -> (File, File) {
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        (File::from(reader), File::from(writer))
    }

    #[test]
    fn everything_is_written_while_it_may_be() {
        let (mut reader, mut writer) = pipe();
        let bytes: Vec<u8> = (0..300_000_u32).map(|n| n as u8).collect();
        let expected = bytes.clone();
        let writing = std::thread::spawn(move || write(&mut writer, &bytes, &|| true).unwrap());
        let mut read = Vec::new();
        reader.read_to_end(&mut read).unwrap();
        assert_eq!(writing.join().unwrap(), expected.len());
        assert!(read == expected);
    }

    #[test]
    fn nothing_is_written_behind_the_end_of_what_is_valid_however_long_the_reader_sleeps() {
        static VALID: AtomicBool = AtomicBool::new(true);
        let (mut reader, mut writer) = pipe();
        let bytes = vec![7; 1 << 20];
        let writing = std::thread::spawn(move || {
            write(&mut writer, &bytes, &|| VALID.load(Ordering::SeqCst)).unwrap()
        });
        // The pipe is full, and the writer waits.
        std::thread::sleep(Duration::from_millis(300));
        VALID.store(false, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(100));
        let mut read = Vec::new();
        reader.read_to_end(&mut read).unwrap();
        assert_eq!(writing.join().unwrap(), read.len());
        assert!(read.len() <= 64 << 10, "{}", read.len());
    }

    #[test]
    fn a_piece_ends_with_a_line_where_one_ends_in_it() {
        assert_eq!(piece(b"a\nb\nc"), b"a\nb\n");
        let long = [b'x'; PIECE + 9];
        assert_eq!(piece(&long).len(), PIECE);
        assert_eq!(piece(b"half"), b"half");
    }
}
