//! A file as a stream of UTF-8: decompressed, decoded, from an offset on.
//!
//! Offsets count bytes of UTF-8 behind the byte-order mark. A plain UTF-8 file is entered there at
//! once; any other is read again from its beginning up to there.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use encoding_rs::{Encoding, UTF_8};

use crate::decode::Decoding;
use crate::format::Compression;

/// How the bytes of a file become text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layers {
    pub(crate) compression: Compression,
    pub(crate) encoding: &'static Encoding,
    /// The file may grow: its end is no end.
    pub(crate) follow: bool,
}

/// An open file.
pub(crate) struct Source {
    reader: Box<dyn Read + Send>,
    file: File,
    raw: Arc<AtomicU64>,
    /// Bytes in front of offset 0, where offsets are positions in the file.
    plain: Option<u64>,
    encoding: &'static Encoding,
}

impl Source {
    /// Opens `path` and goes to `offset`.
    pub(crate) fn open(path: &Path, layers: Layers, offset: u64) -> io::Result<Self> {
        let file = File::open(path)?;
        let raw = Arc::new(AtomicU64::new(0));
        let counted = Counted { file: file.try_clone()?, raw: Arc::clone(&raw) };
        let mut reader: Box<dyn Read + Send> = match layers.compression {
            Compression::None => Box::new(counted),
            Compression::Gzip => {
                let buffered = BufReader::with_capacity(64 << 10, counted);
                Box::new(flate2::bufread::MultiGzDecoder::new(buffered))
            }
            Compression::Zstd => Box::new(zstd::stream::read::Decoder::new(counted)?),
        };
        let head = read_up_to(&mut reader, 3)?;
        let (encoding, mark) = Encoding::for_bom(&head).unwrap_or((layers.encoding, 0));
        let plain =
            (layers.compression == Compression::None && encoding == UTF_8).then_some(mark as u64);
        let rest = Cursor::new(head[mark..].to_vec()).chain(reader);
        let reader: Box<dyn Read + Send> = if encoding == UTF_8 {
            Box::new(rest)
        } else {
            Box::new(Decoding::new(encoding, rest, layers.follow))
        };
        let mut source = Self { reader, file, raw, plain, encoding };
        source.go_to(offset)?;
        Ok(source)
    }

    fn go_to(&mut self, offset: u64) -> io::Result<()> {
        if offset == 0 {
            return Ok(());
        }
        if let Some(before) = self.plain {
            let mut file = self.file.try_clone()?;
            file.seek(SeekFrom::Start(before + offset))?;
            self.raw.store(before + offset, Ordering::Relaxed);
            self.reader = Box::new(Counted { file, raw: Arc::clone(&self.raw) });
            return Ok(());
        }
        self.skip(offset)
    }

    /// Reads up to the offset. Reads are long ones: a decoder needs room for a whole character.
    fn skip(&mut self, offset: u64) -> io::Result<()> {
        let mut buf = vec![0; 64 << 10];
        let mut left = offset;
        while left > 0 {
            let read = self.reader.read(&mut buf)?;
            if read == 0 {
                let message = format!(
                    "it holds {} bytes of text, and {offset} were read before",
                    offset - left
                );
                return Err(io::Error::new(io::ErrorKind::InvalidData, message));
            }
            let used = usize::try_from(left).unwrap_or(usize::MAX).min(read);
            left -= used as u64;
            if used < read {
                let rest = Cursor::new(buf[used..read].to_vec());
                let reader = std::mem::replace(&mut self.reader, Box::new(io::empty()));
                self.reader = Box::new(rest.chain(reader));
            }
        }
        Ok(())
    }

    /// Bytes of the file itself that are read.
    pub(crate) fn raw_position(&self) -> u64 {
        self.raw.load(Ordering::Relaxed)
    }

    /// The position in the file that a text offset stands for; `None` where there is no such thing.
    pub(crate) fn position_of(&self, offset: u64) -> Option<u64> {
        self.plain.map(|before| before + offset)
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// The encoding's name.
    pub(crate) fn encoding(&self) -> &'static str {
        self.encoding.name()
    }
}

impl Read for Source {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buf)
    }
}

struct Counted {
    file: File,
    raw: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(buf)?;
        self.raw.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

fn read_up_to(reader: &mut impl Read, len: u64) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    reader.take(len).read_to_end(&mut head)?;
    Ok(head)
}
