//! A content that is on its way: hashed as it comes, gone on with after a break.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::{Cache, CacheError, Claim, Held, make_folder};
use crate::digest::{Digest, Hasher};

/// The beginning of a content. Whoever has it holds the claim.
pub(crate) struct Partial<'a> {
    cache: &'a Cache,
    digest: &'a Digest,
    path: PathBuf,
    file: File,
    hasher: Hasher,
    length: u64,
}

impl<'a> Partial<'a> {
    /// What there is of a content of `size` bytes already; its bytes are read, not believed.
    pub(crate) fn open(
        cache: &'a Cache,
        digest: &'a Digest,
        size: u64,
        _: &Claim,
    ) -> Result<Self, CacheError> {
        let path = cache.partial_path(digest);
        make_folder(&path)?;
        let options =
            OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path);
        let file = options.map_err(CacheError::of("open", &path))?;
        let mut partial = Self { cache, digest, path, file, hasher: Hasher::default(), length: 0 };
        partial.catch_up(size)?;
        Ok(partial)
    }

    /// How many bytes there are.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Adds bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), CacheError> {
        self.file.write_all(bytes).map_err(CacheError::of("write", &self.path))?;
        self.hasher.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Forgets what there is.
    pub(crate) fn restart(&mut self) -> Result<(), CacheError> {
        let fail = CacheError::of("empty", &self.path);
        self.file.set_len(0).map_err(&fail)?;
        self.file.seek(SeekFrom::Start(0)).map_err(&fail)?;
        self.hasher = Hasher::default();
        self.length = 0;
        Ok(())
    }

    /// Gives it its name, where it is what it should be; else says what it is instead, and keeps nothing.
    ///
    /// It need not be durable yet: it is hashed before its first start, and noted only when it is.
    pub(crate) fn finish(mut self) -> Result<Result<PathBuf, Digest>, CacheError> {
        let actual = std::mem::take(&mut self.hasher).finish();
        if actual != *self.digest {
            std::fs::remove_file(&self.path).map_err(CacheError::of("remove", &self.path))?;
            return Ok(Err(actual));
        }
        let path = self.cache.path(self.digest);
        make_folder(&path)?;
        // Whatever else stands there is not the content: the cache was looked at under the claim.
        self.cache.discard(self.digest)?;
        executable(&self.file).map_err(CacheError::of("make executable", &self.path))?;
        drop(self.file);
        std::fs::rename(&self.path, &path).map_err(CacheError::of("name", &path))?;
        Ok(Ok(path))
    }

    /// Reads what is there. More than there should be is none of it.
    fn catch_up(&mut self, size: u64) -> Result<(), CacheError> {
        let fail = CacheError::of("read", &self.path);
        let mut buffer = vec![0; 256 * 1024];
        loop {
            match self.file.read(&mut buffer).map_err(&fail)? {
                0 => return Ok(()),
                n => {
                    self.hasher.update(&buffer[..n]);
                    self.length += n as u64;
                }
            }
            if self.length > size {
                return self.restart();
            }
        }
    }
}

/// Read and execute for all, write for nobody: what has its name does not change.
#[cfg(unix)]
fn executable(file: &File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(std::fs::Permissions::from_mode(0o555))
}

#[cfg(not(unix))]
fn executable(_: &File) -> std::io::Result<()> {
    Ok(())
}

impl Cache {
    /// Keeps bytes that are at hand. Their digest is what they are found by.
    ///
    /// # Errors
    /// The cache cannot be written.
    pub fn keep(&self, bytes: &[u8]) -> Result<Digest, CacheError> {
        let digest = Digest::of(bytes);
        let path = self.path(&digest);
        if self.bytes(&digest)?.is_some() {
            return Ok(digest);
        }
        make_folder(&path)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let written = tempfile::NamedTempFile::new_in(folder).and_then(|mut file| {
            file.write_all(bytes)?;
            file.persist(&path).map_err(|e| e.error)?;
            Ok(())
        });
        written.map_err(CacheError::of("write", &path))?;
        Ok(digest)
    }

    /// Keeps a copy of a file whose digest is known. One that is not what it is said to be is an error.
    pub(crate) fn keep_file(&self, from: &Path, digest: &Digest) -> Result<(), CacheError> {
        let path = self.path(digest);
        if path == from || self.look(digest)? == Held::Good(path.clone()) {
            return Ok(());
        }
        make_folder(&path)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let copied = tempfile::NamedTempFile::new_in(folder).and_then(|file| {
            std::fs::copy(from, file.path())?;
            if Digest::of_reader(File::open(file.path())?)? != *digest {
                return Err(std::io::Error::other("it was changed meanwhile"));
            }
            file.persist(&path).map_err(|e| e.error)?;
            Ok(())
        });
        copied.map_err(CacheError::of("copy", from))
    }
}
