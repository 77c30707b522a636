//! Compression that can be cut off at every commit: each commit ends a gzip member or a zstd frame.

use std::io::{self, Write};

use flate2::write::GzEncoder;

use crate::config::Compression;

const ZSTD_LEVEL: i32 = 3;

/// Turns what is written into what stands in the file.
pub(crate) enum Encoder {
    None,
    Gzip(Option<GzEncoder<Vec<u8>>>),
    Zstd(Option<zstd::stream::write::Encoder<'static, Vec<u8>>>),
}

impl Encoder {
    pub(crate) fn new(compression: Compression) -> Self {
        match compression {
            Compression::None => Self::None,
            Compression::Gzip => Self::Gzip(None),
            Compression::Zstd => Self::Zstd(None),
        }
    }

    /// Whether it does anything.
    #[inline]
    pub(crate) fn packs(&self) -> bool {
        !matches!(self, Self::None)
    }

    /// Takes `plain`; `packed` gets what is ready for the file.
    pub(crate) fn write(&mut self, plain: &[u8], packed: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Self::None => packed.extend_from_slice(plain),
            Self::Gzip(slot) => {
                let encoder = slot.get_or_insert_with(|| {
                    GzEncoder::new(Vec::new(), flate2::Compression::default())
                });
                encoder.write_all(plain)?;
                packed.append(encoder.get_mut());
            }
            Self::Zstd(slot) => {
                let encoder = match slot {
                    Some(encoder) => encoder,
                    None => slot.insert(zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL)?),
                };
                encoder.write_all(plain)?;
                packed.append(encoder.get_mut());
            }
        }
        Ok(())
    }

    /// Ends the member or frame, if one is begun: the file may be cut here.
    pub(crate) fn finish(&mut self, packed: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Self::None => {}
            Self::Gzip(slot) => {
                if let Some(encoder) = slot.take() {
                    packed.append(&mut encoder.finish()?);
                }
            }
            Self::Zstd(slot) => {
                if let Some(encoder) = slot.take() {
                    packed.append(&mut encoder.finish()?);
                }
            }
        }
        Ok(())
    }
}
