//! A file that is being written: under a temporary name until it is complete.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use dstream_sdk::fail;
use dstream_sdk::row::Columns;
use sha2::{Digest, Sha256};

use crate::config::Compression;
use crate::encoder::Encoder;
use crate::state::{FileState, Inode, part_name, sync_folder, with_suffix};

/// Rows are gathered up to here before they go to the file.
const BUFFER_BYTES: usize = 512 << 10;

/// An open file. Dropped without [`Part::complete`], it stays under its temporary name.
pub(crate) struct Part {
    pub(crate) state: FileState,
    pub(crate) columns: Columns,
    /// Rows go in here; [`Part::flush`] where it [is full](Part::is_full).
    pub(crate) buffer: Vec<u8>,
    packed: Vec<u8>,
    encoder: Encoder,
    file: File,
    /// Bytes in the file, committed or not.
    length: u64,
    sha256: Option<Sha256>,
}

impl Part {
    /// Begins a new file; its temporary name must be free.
    pub(crate) fn create(
        mut state: FileState,
        compression: Compression,
        sha256: bool,
    ) -> io::Result<Self> {
        let path = part_name(&state.file);
        let file = OpenOptions::new().write(true).read(true).create_new(true).open(&path)?;
        sync_folder(&path)?;
        state.inode = Inode::of(&file.metadata()?);
        Ok(Self::over(file, state, compression, sha256.then(Sha256::new)))
    }

    /// Goes on with a file, from its committed length; what follows is cut off.
    pub(crate) fn reopen(
        state: FileState,
        compression: Compression,
        sha256: bool,
    ) -> io::Result<Self> {
        let path = part_name(&state.file);
        let mut file = OpenOptions::new().write(true).read(true).open(&path)?;
        let found = file.metadata()?;
        if found.len() < state.length {
            let message =
                format!("it has {} bytes, and {} were committed", found.len(), state.length);
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        if found.len() > state.length {
            file.set_len(state.length)?;
            file.sync_all()?;
        }
        let hasher = if sha256 { Some(hash(&mut file)?) } else { None };
        file.seek(SeekFrom::End(0))?;
        let state = FileState { inode: Inode::of(&found), ..state };
        Ok(Self::over(file, state, compression, hasher))
    }

    fn over(
        file: File,
        state: FileState,
        compression: Compression,
        sha256: Option<Sha256>,
    ) -> Self {
        Self {
            columns: Columns::new(state.columns.clone().unwrap_or_default()),
            length: state.length,
            buffer: Vec::new(),
            packed: Vec::new(),
            encoder: Encoder::new(compression),
            state,
            file,
            sha256,
        }
    }

    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.buffer.len() >= BUFFER_BYTES
    }

    /// Bytes of the file so far; of a compressed one, without what is still being compressed.
    #[inline]
    pub(crate) fn size(&self) -> u64 {
        let waiting = if self.encoder.packs() { 0 } else { self.buffer.len() };
        self.length + waiting as u64
    }

    /// Hands the buffer to the operating system.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        if self.encoder.packs() {
            self.encoder.write(&buffer, &mut self.packed)?;
            self.put_packed()?;
        } else {
            self.put(&buffer)?;
        }
        buffer.clear();
        self.buffer = buffer;
        Ok(())
    }

    fn put_packed(&mut self) -> io::Result<()> {
        let mut packed = std::mem::take(&mut self.packed);
        self.put(&packed)?;
        packed.clear();
        self.packed = packed;
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(bytes);
        }
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Makes everything durable, where there is something new; the state then counts it.
    pub(crate) fn commit(&mut self) -> io::Result<()> {
        self.flush()?;
        self.encoder.finish(&mut self.packed)?;
        self.put_packed()?;
        if self.length != self.state.length {
            self.file.sync_data()?;
            self.state.length = self.length;
        }
        Ok(())
    }

    /// Gives a committed file its final name.
    pub(crate) fn complete(self) -> io::Result<()> {
        let checksum = self.sha256.map(|hasher| hex(&hasher.finalize()));
        complete(&self.state.file, checksum)
    }
}

/// The rename, durable, and the checksum behind it: whoever sees that finds the file complete.
fn complete(file: &Path, checksum: Option<String>) -> io::Result<()> {
    fail::point("before_rename");
    fs::rename(part_name(file), file)?;
    sync_folder(file)?;
    fail::point("after_rename");
    match checksum {
        Some(checksum) => write_checksum(file, &checksum),
        None => Ok(()),
    }
}

/// `<file>.sha256`, as `sha256sum --check` reads it.
fn write_checksum(file: &Path, checksum: &str) -> io::Result<()> {
    let path = checksum_name(file);
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let unfinished = part_name(&path);
    let mut out = File::create(&unfinished)?;
    out.write_all(format!("{checksum}  {name}\n").as_bytes())?;
    out.sync_all()?;
    fs::rename(&unfinished, &path)?;
    sync_folder(&path)
}

/// Where a file's checksum stands.
pub(crate) fn checksum_name(file: &Path) -> PathBuf {
    with_suffix(file, ".sha256")
}

/// Writes the checksum of a complete file that lacks it.
pub(crate) fn add_checksum(file: &Path) -> io::Result<()> {
    if checksum_name(file).exists() {
        return Ok(());
    }
    let hasher = hash(&mut File::open(file)?)?;
    write_checksum(file, &hex(&hasher.finalize()))
}

fn hash(file: &mut File) -> io::Result<Sha256> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    file.seek(SeekFrom::Start(0))?;
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher),
            n => hasher.update(&buffer[..n]),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
